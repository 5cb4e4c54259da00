"""Families of encoders: BERT and what came of it. They read in both directions, cache nothing and generate nothing.

As a masked language model an encoder has a layer and a norm in front of its tied head; without a language head, as an
embedding model, a reranker or a classifier, it has a layer on one pooled row.
"""

from collections.abc import Mapping
from typing import Any

from life_jax.config.checkpoints.config_fields import Fields
from life_jax.config.checkpoints.families.base import NO_WIDTH, Family, Step, Words, mixers, warn
from life_jax.config.checkpoints.families.dense import learned

ENCODER = {"generation": "none", "stack": "encoder", "attention": "bidirectional"}
BIASES = {"qkv_bias": True, "o_bias": True, "ffn_bias": True, "head_bias": True}
POST_NORM = {"norm": "layernorm", "embedding_norm": True, "final_norm": False}
PRE_NORM = {"norm": "layernorm", "embedding_norm": False, "final_norm": True}
BERT = {**ENCODER, **BIASES, **POST_NORM, "ffn": "plain", "position": "learned"}
TIED = {"tie_word_embeddings": True}
ALONE = {"is_decoder": False, "add_cross_attention": False}
LOCAL = {"full_attention": {}, "sliding_attention": {"attention": "bidirectional_window"}}
CAUSAL = {"full_attention": {}, "sliding_attention": {"attention": "sliding_window"}}


def types(read: Fields, facts: dict[str, Any]) -> None:
    """A table of token types beside that of tokens."""
    rows = read.whole("type_vocab_size") or read.of_class("type_vocab_size") or 0
    facts["vectors"] = facts.get("vectors", 0) + rows * (facts.get("embedding_size") or facts["hidden_size"])


def narrow_table(*names: str) -> Step:
    """A table of tokens and positions that is narrower than the model, under any of these names."""

    def step(read: Fields, facts: dict[str, Any]) -> None:
        width = next((size for name in names if (size := read.count_or_none(name) or read.of_class(name))), None)
        if width not in (None, facts["hidden_size"]):
            facts["embedding_size"], facts["embedding_bias"] = width, True

    return step


def masked(read: Fields, facts: dict[str, Any]) -> None:
    """A layer and a norm in front of the head; of a model without a head, a layer on the pooled row."""
    facts["head_size"], facts["head_norm"] = facts.get("embedding_size") or facts["hidden_size"], True
    facts["headless"] = {"head_size": facts["hidden_size"], "head_norm": False}


def electra(read: Fields, facts: dict[str, Any]) -> None:
    """ELECTRA: a discriminator is used by itself, without a layer on a pooled row."""
    facts["headless"] = {"head_size": 0, "head_norm": False}


def roformer(read: Fields, facts: dict[str, Any]) -> None:
    """RoFormer: the sinuses of its rotation are stored as a table of one head's width."""
    facts["vectors"] = facts.get("vectors", 0) + facts["max_position_embeddings"] * facts["head_dim"]
    read.seen.add("rotary_value")


def gte(read: Fields, facts: dict[str, Any]) -> None:
    """GTE: of the network only the last product has a bias."""
    facts["layer_vectors"] = facts["hidden_size"]
    read.seen.update(("pack_qkv", "use_memory_efficient_attention", "unpad_inputs", "logn_attention_scale",
                      "logn_attention_clip1"))  # fmt: skip


def rembert(read: Fields, facts: dict[str, Any]) -> None:
    """RemBERT: the head has a table of its own, and of its own width."""
    facts["head_size"] = read.count_or_none("output_embedding_size") or 1664


def albert(read: Fields, facts: dict[str, Any]) -> None:
    """ALBERT: layers of a group share their weights."""
    groups, layers = read.count_or_none("num_hidden_groups") or 1, facts["num_hidden_layers"]
    if layers % groups or (read.count_or_none("inner_group_num") or 1) != 1:
        raise read.refuse("num_hidden_groups", f"a divisor of the {layers} layers, with inner_group_num 1")
    facts["layers"], facts["num_hidden_layers"] = [{} for _ in range(groups)], groups
    facts["loops"] = layers // groups


def xlm(read: Fields, facts: dict[str, Any]) -> None:
    """XLM: a table of languages; no layer in front of the head."""
    facts["intermediate_size"] = 4 * facts["hidden_size"]
    languages = read.count_or_none("n_langs") or 1
    facts["vectors"] = languages * facts["hidden_size"] if languages > 1 and read.flag("use_lang_emb") else 0
    read.seen.update(("use_lang_emb", "causal", "is_encoder", "asm", "sinusoidal_embeddings", "embed_init_std"))


def distilbert(read: Fields, facts: dict[str, Any]) -> None:
    """DistilBERT as an embedding model has nothing behind its layers."""
    facts["headless"] = {"head_size": 0, "head_norm": False}


def deberta(read: Fields, facts: dict[str, Any]) -> None:
    """DeBERTa: queries and values have biases, keys have not; or all, and relative positions."""
    facts["qkv_bias"] = False
    facts["layer_vectors"] = 2 * facts["hidden_size"]
    _relative(read, facts, "max_relative_positions")


def deberta2(read: Fields, facts: dict[str, Any]) -> None:
    """DeBERTa 2 and 3: buckets of relative positions, whose keys and queries are those of tokens."""
    _relative(read, facts, "position_buckets", "max_relative_positions")
    if read.config.get("share_att_key") is False and read.flag("relative_attention"):
        raise read.refuse("share_att_key", "true: keys of positions with weights of their own are not counted")


def _relative(read: Fields, facts: dict[str, Any], *names: str) -> None:
    """A table of relative positions, of a reach under the first of these names that is above 0 (-1: all positions)."""
    d = facts["hidden_size"]
    reach = next((size for name in names if (size := read.whole(name, -1) or 0) > 0), None)
    biased = read.config.get("position_biased_input", True)
    facts["position"] = "learned" if biased else "relative"
    if biased:
        facts["learned_positions"] = facts["max_position_embeddings"]
    if read.flag("relative_attention"):
        rows = 2 * (reach or facts["max_position_embeddings"])
        norm = 2 * d if "layer_norm" in str(read.config.get("norm_rel_ebd")) else 0
        facts["vectors"] = facts.get("vectors", 0) + rows * d + norm
    read.seen.update(("position_biased_input", "norm_rel_ebd", "position_buckets", "max_relative_positions",
                      "share_att_key", "pos_att_type", "legacy"))  # fmt: skip
    read.seen.update(("conv_kernel_size", "conv_act"))
    if read.config.get("conv_kernel_size"):
        facts["vectors"] = facts.get("vectors", 0) + read.config["conv_kernel_size"] * d * d + 3 * d


def mpnet(read: Fields, facts: dict[str, Any]) -> None:
    """MPNet: buckets of relative positions, one number for each head, beside learned ones."""
    buckets = read.count_or_none("relative_attention_num_buckets") or 32
    facts["vectors"] = facts.get("vectors", 0) + buckets * facts["num_attention_heads"]


def modern_words(read: Fields, layers: int) -> list[str]:
    """ModernBERT: every third layer attends everything, the first one first."""
    period = read.count_or_none("global_attn_every_n_layers") or 3
    return ["sliding_attention" if i % period else "full_attention" for i in range(layers)]


def modernbert(read: Fields, facts: dict[str, Any]) -> None:
    """ModernBERT: the window counts both sides; the norm of the embedding stands for that of the first layer."""
    facts["qkv_bias"] = facts["o_bias"] = read.flag("attention_bias")
    facts["ffn_bias"] = read.flag("mlp_bias")
    facts["head_layer_bias"] = read.flag("classifier_bias")
    facts["layers"][0]["norms_per_layer"] = 1
    read.seen.update(("norm_bias", "local_rope_theta", "global_rope_theta", "deterministic_flash_attn",
                      "reference_compile", "repad_logits_with_grad", "layer_norm_eps"))  # fmt: skip
    if read.flag("norm_bias"):
        facts["norm"] = "layernorm"


def symmetric(words: Words) -> Step:
    """Layers whose window (local_attention) reaches to both sides."""

    def step(read: Fields, facts: dict[str, Any]) -> None:
        mixers(words, LOCAL)(read, facts)
        reach = read.count_or_none("local_attention") or 128
        read.seen.update(("local_attention", "sliding_window"))
        if any(layer.get("attention") == "bidirectional_window" for layer in facts["layers"]):
            facts["sliding_window"] = reach

    return step


def all_full(read: Fields, facts: dict[str, Any]) -> None:
    """BigBird: attention of the whole square, as its code falls back to for short prompts; blocks are not counted."""
    warn(facts, "its block-sparse attention is counted as full attention")
    d = facts["hidden_size"]
    facts["headless"] = {**facts["headless"], "vectors": facts["vectors"]}
    facts["vectors"] += d * d + d  # it keeps the layer of the pooled row beside its head
    read.seen.update(("attention_type", "block_size", "num_random_blocks", "use_bias", "rescale_embeddings"))


def roc_bert(read: Fields, facts: dict[str, Any]) -> None:
    """RoCBert: tables of sounds and of shapes, which a product joins to the table of tokens."""
    d, joined = facts["hidden_size"], facts["hidden_size"]
    for name in ("pronunciation", "shape"):
        width, rows = read.count(f"{name}_embed_dim"), read.count(f"{name}_vocab_size")
        if read.flag(f"enable_{name}"):
            facts["vectors"] += rows * width
            joined += width
    if not read.flag("concat_input"):
        raise read.refuse("concat_input", "true: tables of other widths are added elsewhere")
    facts["vectors"] += joined * d + d


def xmod(read: Fields, facts: dict[str, Any]) -> None:
    """X-MOD: an adapter of each language behind every network, of which a prompt runs one."""
    d, languages = facts["hidden_size"], read.find("languages")[1] or ["en_XX"]
    if not isinstance(languages, list) or not languages:
        raise read.refuse("languages", "a list of languages")
    width = d // (read.count_or_none("adapter_reduction_factor") or 2)
    facts["side_outputs"] = 2 * width  # into the adapter, and as many weights out of it
    facts["layer_vectors"] = len(languages) * (d + width) + (len(languages) - 1) * 2 * width * d
    if read.flag("adapter_layer_norm"):
        facts["layer_vectors"] += 2 * d * len(languages)
    read.seen.update(("languages", "adapter_reuse_layer_norm", "ln_before_adapter", "default_language", "pre_norm"))
    if read.flag("pre_norm"):
        raise read.refuse("pre_norm", "false")


def xlnet(read: Fields, facts: dict[str, Any]) -> None:
    """XLNet: keys of distances, three biases of queries, a table of two segments; nothing in front of the head."""
    wide = facts["num_attention_heads"] * facts["head_dim"]
    facts.update(side_outputs=wide, layer_vectors=5 * wide, vectors=facts["hidden_size"])
    facts["max_position_embeddings"] = 512  # as its checkpoints were trained; distances have no limit


WORDS = (  # of classifiers on top, of training, of code; none changes what an encoder computes
    "classifier_pooling", "classifier_activation", "position_embedding_type", "sparse_pred_ignore_index",
    "sparse_prediction", "pooler_fc_size", "pooler_num_attention_heads", "pooler_num_fc_layers", "pooler_type",
    "pooler_size_per_head", "directionality", "pooler_hidden_size", "use_task_id", "task_type_vocab_size",
    "lora_adaptations", "decoder_bias", "gradient_checkpointing", "layer_norm_type", "vocab_type",
)  # fmt: skip


def _family(facts: Mapping[str, Any], *steps: Step, **more: Any) -> Family:
    more["defaults"] = {**TIED, **more.get("defaults", {})}
    more["only"] = {**ALONE, **more.get("only", {})}
    more["ignored"] = (*WORDS, *more.get("ignored", ()))
    return Family(facts=facts, steps=steps, **more)


PLAIN_BERT = _family(BERT, learned(0), types, masked)
PRENORMED = _family({**BERT, **PRE_NORM}, learned(0), types, masked)
ROTATED = {**ENCODER, **POST_NORM, "head_bias": True}
SHORT = {"num_hidden_layers": ("n_layers",), "num_attention_heads": ("n_heads",)}

ENCODERS: dict[str, Family] = {
    **dict.fromkeys(("bert", "roberta", "camembert", "xlm-roberta", "ernie", "data2vec-text"), PLAIN_BERT),
    "roberta-prelayernorm": _family({**BERT, "final_norm": True}, learned(0), types, masked),
    "megatron-bert": PRENORMED,
    "xlm-roberta-xl": PRENORMED,
    "big_bird": _family(BERT, learned(0), types, masked, all_full),
    "bert-generation": _family(BERT, learned(0)),
    "electra": _family(BERT, narrow_table("embedding_size"), learned(0), types, masked, electra),
    "rembert": _family(
        BERT, narrow_table("input_embedding_size"), learned(0), types, masked, rembert,
        defaults={"tie_word_embeddings": False},
    ),
    "roformer": _family({**BERT, "position": "rope"}, narrow_table("embedding_size"), types, masked, roformer),
    "albert": _family(BERT, narrow_table("embedding_size"), learned(0), types, masked, albert),
    "mpnet": _family(BERT, learned(0), masked, mpnet),
    "deberta": _family(BERT, types, masked, deberta),
    "deberta-v2": _family(BERT, types, masked, deberta2),
    "distilbert": _family(
        BERT, learned(0), masked, distilbert, ignored=("sinusoidal_pos_embds",),
        names={**SHORT, "hidden_size": ("dim",), "intermediate_size": ("hidden_dim",)},
    ),
    "xlm": _family(
        BERT, learned(0), xlm, sizes=NO_WIDTH,
        ignored=("unk_index", "mask_index", "bos_index", "eos_index", "pad_index", "start_n_top", "end_n_top",
                 "gelu_activation", "lang2id", "id2lang"),
        names={**SHORT, "hidden_size": ("emb_dim",)},
    ),
    "nomic_bert": _family(
        {**ROTATED, "qkv_bias": False}, types, masked,
        only={"qkv_proj_bias": False, "mlp_fc1_bias": False, "mlp_fc2_bias": False, "attention_bias": False,
              "mlp_bias": False, "prenorm": False, "parallel_block": False, "use_rms_norm": False},
        ignored=("fused_bias_fc", "fused_dropout_add_ln", "pad_vocab_size_multiple", "rotary_emb_fraction",
                 "rotary_emb_interleaved", "rotary_emb_scale_base", "rotary_scaling_factor", "max_trained_positions",
                 "dense_seq_output", "last_layer_subset", "use_xentropy", "causal", "parallel_block_tied_norm"),
    ),
    "gte": _family(
        {**ROTATED, "qkv_bias": True, "o_bias": True}, types, masked, gte,
    ),
    "jina_embeddings_v3": _family(
        {**ROTATED, **BIASES, "ffn": "plain"}, types, masked,
    ),
    "eurobert": _family(
        {**ENCODER}, flags={"attention_bias": "qkv_bias o_bias", "mlp_bias": "ffn_bias"},
        defaults={"tie_word_embeddings": False}, ignored=("use_bidirectional_attention",),
    ),
    "modernbert": _family(
        {**ENCODER, "norm": "layernorm_no_bias", "embedding_norm": True, "head_bias": True},
        symmetric(modern_words), masked, modernbert,
        ignored=("global_attn_every_n_layers",),
    ),
    "roc_bert": _family(
        BERT, learned(0), types, masked, roc_bert,
        defaults={"enable_pronunciation": True, "enable_shape": True, "concat_input": True},
    ),
    "xmod": _family(BERT, learned(0), types, masked, xmod, defaults={"adapter_reduction_factor": 2}),
    "xlnet": _family(
        {**ENCODER, "norm": "layernorm", "final_norm": False, "ffn": "plain", "ffn_bias": True, "head_bias": True,
         "position": "relative"},
        xlnet, sizes=("num_hidden_layers", "hidden_size", "num_attention_heads", "vocab_size", "intermediate_size"),
        names={"intermediate_size": ("d_inner",), "head_dim": ("d_head",)},
        ignored=("ff_activation", "attn_type", "untie_r", "mem_len", "reuse_len", "use_mems_eval", "use_mems_train",
                 "bi_data", "clamp_len", "same_length", "start_n_top", "end_n_top"),
    ),
    "modernbert-decoder": Family(
        facts={"norm": "layernorm_no_bias", "embedding_norm": True, "head_bias": True},
        steps=(mixers(modern_words, CAUSAL), masked, modernbert),
        defaults=TIED, ignored=(*WORDS, "global_attn_every_n_layers", "local_attention"),
    ),
}  # fmt: skip
