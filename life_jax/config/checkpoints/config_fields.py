"""One config.json of Hugging Face: reads fields under any of their names, and knows which were asked for."""

import json
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from life_jax.config.schema.errors import ConfigError

LARGEST = 10**9

# Our word, then the words of config.json for it.
ALIASES: dict[str, tuple[str, ...]] = {
    "hidden_size": ("hidden_size", "n_embd", "n_embed", "d_model"),
    "num_hidden_layers": ("num_hidden_layers", "n_layer", "n_layers", "num_layers"),
    "num_attention_heads": ("num_attention_heads", "n_head", "n_heads", "num_heads", "attention_heads"),
    "num_key_value_heads": ("num_key_value_heads", "num_kv_heads", "n_head_kv"),
    "head_dim": ("head_dim", "kv_channels", "attention_head_dim"),
    "intermediate_size": ("intermediate_size", "ffn_dim", "ffn_hidden_size", "n_inner"),
    "vocab_size": ("vocab_size",),
    "max_position_embeddings": ("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len", "seq_length",
                                "model_max_length", "context_length"),
    "partial_rotary_factor": ("partial_rotary_factor", "rotary_pct", "rope_pct"),
    "num_experts": ("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts"),
    "num_experts_per_tok": (
        "num_experts_per_tok", "num_experts_per_token", "experts_per_token", "moe_k", "moe_top_k", "moe_topk",
        "top_k_experts",
    ),
    "shared_experts": ("n_shared_experts", "num_shared_experts", "moe_num_shared_experts", "num_shared_expert"),
    "sliding_window": ("sliding_window", "attention_window_size", "window_size"),
    "shared_width": (
        "shared_expert_intermediate_size", "shared_intermediate_size", "moe_shared_expert_intermediate_size",
        "share_expert_dim", "share_expert_dims",
    ),
    "layer_types": ("layer_types", "layers_block_type"),
    "sliding_window_pattern": ("sliding_window_pattern", "_sliding_window_pattern"),
    "ssm_state_size": ("ssm_state_size", "state_size", "mamba_d_state"),
    "conv_kernel_size": ("conv_kernel", "mamba_d_conv", "linear_conv_kernel_dim"),
    "conv_bias": ("use_conv_bias", "mamba_conv_bias"),
    "expand": ("expand", "mamba_expand"),
    "ssm_heads": ("mamba_n_heads", "mamba_num_heads"),
    "ssm_head_dim": ("mamba_d_head", "mamba_head_dim"),
    "ssm_groups": ("n_groups", "mamba_n_groups"),
    "ssm_rank": ("time_step_rank", "mamba_dt_rank"),
}  # fmt: skip

# Words that only some families write: elsewhere they are no alias, but a field that is not known. A family writes those
# that its class has a number for, and these.
OF_FAMILIES = frozenset(
    ("n_embd", "n_embed", "d_model", "n_layer", "n_layers", "num_layers", "n_head", "n_heads", "num_heads",
     "attention_heads", "n_head_kv", "n_inner", "ffn_dim", "n_positions", "n_ctx")
)  # fmt: skip
WRITTEN_BY = {
    "bloom": ("n_embed", "n_embd", "num_attention_heads", "n_inner"),
    "falcon": ("n_head_kv", "n_layer", "n_head", "ffn_hidden_size"),
    "gpt2": ("n_inner", "n_ctx"),
    "gptj": ("n_inner", "n_ctx"),
    "codegen": ("n_inner",),
    "gpt_bigcode": ("n_inner", "n_ctx"),
    "jetmoe": ("num_layers",),
    "gpt_neo": ("n_inner", "num_layers", "num_heads"),
    "nomic_bert": ("n_embd", "n_head", "n_layer", "n_inner", "n_positions"),
    "t5": ("n_positions",), "mt5": ("n_positions",), "umt5": ("n_positions",),
}  # fmt: skip

# Fields that say how a model was trained, is sampled, is stored, or which cheap function it applies.
HARMLESS = re.compile(
    r"_.*|.*token_ids?|.*token_index|.*dropout.*|.*pdrop|layerdrop|.*_eps|.*epsilon|init.*|.*_init|.*initializer.*"
    r"|summary_.*|rope_.*|rotary_emb_base|original_max_position_embeddings|alibi_bias_max|.*rope_theta|.*rope_freq"
    r"|hidden_act|.*_hidden_act|hidden_activation|.*activation_function|activation|clip_qkv|.*_multiplier"
    r"|logits?_scal.*|scale_attn.*|attn_scale|reorder_and_upcast_attn|.*softmax.*|upcast.*|.*_fusion|skip_bias_add.*"
    r"|slow_but_exact|offset_alibi|.*softcapping|query_pre_attn_scalar|attn_temperature_tuning|floor_scale|swiglu_.*"
    r"|architectures|auto_map|model_type|torch_dtype|dtype|fp16|bf16|fp32|transformers_version|.*use_cache|.*_dtype"
    r"|use_flash_attn|attn_impl|tokenizer.*|id2label|label2id|task_specific_params|pretraining_tp|embedding_fraction"
    r"|return_dict.*|output_.*|do_sample|top_[kp]|typical_p|temperature|.*penalty.*|num_beam.*|num_return_sequences"
    r"|max_length|min_length|model_max_length|max_sequence_length|chunk_size_feed_forward|remove_invalid_values"
    r"|is_decoder|tf_legacy_loss|problem_type|norm_type|is_llama_config|unsloth_.*|transformers\.js_config"
    r"|.*scaling_factor|.*(aux|z)_loss.*|.*jitter.*|seq_aux|ep_size|norm_topk_prob|moe_renormalize|moe_norm_min"
    r"|scoring_func|topk_method|n_group|topk_group|num_expert_group|num_nextn_predict_layers|mtp_.*|use_mtp"
    r"|num_mtp_modules|time_step_(min|max|floor|limit|scale|init_scheme)|chunk_size|mamba_chunk_size"
    r"|residual_in_fp32|rescale_prenorm_residual|num_logits_to_keep|use_(mamba_kernels|mambapy|associative_scan)"
    r"|prefix|pruned_heads|bad_words_ids|no_repeat_ngram_size|.*_no_repeat_ngram_size|suppress_tokens"
    r"|begin_suppress_tokens|exponential_decay_length_penalty|early_stopping|finetuning_task|cache_implementation"
    r"|use_bidirectional_attention|use_bfloat16|torchscript|is_encoder_decoder|use_cpu|loss_type|.*_token|num_labels|neftune_.*|num_image_tokens"
)
# What a field is about that may change a cost: one that is not read ends the reading; others are named in a warning.
STRUCTURAL = re.compile(
    r"layer|hidden|head|expert|size|dim|rank|num_|n_|width|window|att|moe|ffn|mlp|kv|vocab|bias|norm|tie|proj|mixer"
    r"|ssm|conv|mamba|block|chunk|gate|share|sparse|index|position|rope|alibi|residual|parallel|depth|channels|lora"
    r"|qk_|_ln|quant|embd|embed|stream|loop|recur|cache|latent|state|router|activation_param|d_model",
    re.IGNORECASE,
)
# Fields beside a nested text model: other towers, their tokens, how they are joined.
OTHER_TOWERS = re.compile(
    r"(vision|audio|image|img|video|media|mm|vit|vt|projector|multimodal)_.*|.*_(vision|audio|image|video)_.*"
    r"|.*(vision|audio)_config|ignore_index|language_model_only|spatial_merge_size|tie_word_embeddings"
    r"|downsample_(factor|ratio)|scale_factor|projection_(dim|hidden_size)|merged_hidden_size|spatial_target_layers"
    r"|position_id_per_seconds|max_value_projector_.*|(perceiver|vq|adapter|dac|talker|projection)_config|im_\w+_id"
    r"|encoder_patch_size|(max|min)_.*(tokens|patches|tiles|pixels.*)|tile_size|do_image_splitting|pad2square"
    r"|use_(backbone|llm)_lora|use_image_special_tokens|image_grid_pinpoints|multimodal_projector_bias|.*patch.*"
    r"|insert_layer_id|num_image_tokens|alignment_intermediate_size|seconds_per_chunk|downsample_mode|qformer_config|select_layer|ps_version|dynamic_\w+|force_image_size|template|.*_dynamic_patch|use_thumbnail"
    r"|quantization_config|quantization|compression_config|hidden_size|vocab_size|use_mm_proj|eo[ai]_token_index|bo[ai]_token_index"
)


class Fields:
    """One config.json with its family's defaults; remembers which fields were asked for.

    sizes: what the class of the family fills in where config.json is silent; `filled` are those that were taken.
    unread: fields that nothing asked for and that say nothing about the structure of the model.
    names: fields that say a word of ours in this family. written: those of OF_FAMILIES that the family writes, all of
    them where it is None.
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        family: str,
        defaults: Mapping[str, Any],
        sizes: Mapping[str, int] | None = None,
        names: Mapping[str, tuple[str, ...]] | None = None,
        written: Iterable[str] | None = None,
    ):
        self.config, self.family, self.defaults, self.sizes = config, family, defaults, sizes or {}
        self.names = names or {}
        self.foreign = OF_FAMILIES - set(written) if written is not None else frozenset()
        self.seen: set[str] = set()
        self.filled: dict[str, int] = {}
        self.unread: list[str] = []

    def refuse(self, key: str, accepted: str) -> ConfigError:
        """An error that names the family, the field, its value, and what would be accepted."""
        said = f"is {short(self.config[key])}" if key in self.config else "is missing"
        return ConfigError(f"{self.family} config.json: {key} {said} (accepted: {accepted})")

    def names_of(self, name: str) -> tuple[str, ...]:
        """The fields that may say `name`: those of the family, then those of all."""
        shared = (word for word in ALIASES.get(name, (name,)) if word == name or word not in self.foreign)
        return (*self.names.get(name, ()), *shared)

    def find(self, name: str) -> tuple[str, Any]:
        """The field that says `name` and its value: config.json's, else the family's, else None."""
        names = self.names_of(name)
        said = [key for key in names if self.config.get(key) is not None]
        self.seen.update(names)
        for key in said[1:]:
            if self.config[key] != self.config[said[0]]:
                raise self.refuse(key, f"the same as {said[0]}, {short(self.config[said[0]])}")
        if said:  # a word of other families that says the same changes nothing
            same = (key for key in ALIASES.get(name, ()) if self.config.get(key) == self.config[said[0]])
            self.seen.update(key for key in same if key in self.foreign)
            return said[0], self.config[said[0]]
        silent = not any(key in self.config for key in names)
        assumed = next((self.defaults[key] for key in (name, *names) if key in self.defaults), None)
        return names[0], assumed if silent else None

    def count(self, name: str) -> int:
        """A whole number from 1 on, which must be there or have a default of its class. Raises ConfigError."""
        value = self.count_or_none(name) or self.of_class(name)
        if value is None:
            names = ", ".join(self.names_of(name))
            raise self.refuse(name, f"a whole number from 1 to {LARGEST}, under any of the names {names}")
        return value

    def count_or_none(self, name: str) -> int | None:
        """A whole number from 1 on, None where config.json does not have it. Raises ConfigError."""
        return self.whole(name, 1)

    def of_class(self, name: str) -> int | None:
        """What the family's class fills in for a field that config.json leaves out; null is no such field."""
        names = self.names_of(name)
        if any(key in self.config for key in names):
            return None
        value = next((self.sizes[key] for key in names if self.sizes.get(key)), None)
        if value is not None:
            self.filled[name] = value
        return value

    def whole(self, name: str, low: int = 0) -> int | None:
        """A whole number of at least `low`, or None; a list that says the same for every layer is one number."""
        key, value = self.find(name)
        if isinstance(value, list) and value and all(one == value[0] for one in value):
            value = value[0]
        if value is None:
            return None
        if not _is_number(value) or not low <= value <= LARGEST or value != int(value):
            raise self.refuse(key, f"a whole number from {low} to {LARGEST}")
        return int(value)

    def fraction(self, name: str) -> float:
        """A number above 0 and at most 1, which is 1 where config.json does not have it. Raises ConfigError."""
        key, value = self.find(name)
        value = 1.0 if value is None else value
        if not _is_number(value) or not 0 < value <= 1:
            raise self.refuse(key, "a number above 0, at most 1")
        return float(value)

    def flag(self, name: str) -> bool:
        """Whether a field is true; a missing one and null are false. Raises ConfigError."""
        key, value = self.find(name)
        if not isinstance(value, bool | None):
            raise self.refuse(key, "true, false")
        return bool(value)

    def words(self, name: str, layers: int) -> list[Any] | None:
        """One entry for each layer, or None where config.json is silent."""
        key, value = self.find(name)
        if value is None:
            return None
        if not isinstance(value, list | str) or len(value) != layers:
            raise self.refuse(key, f"an entry for each of the {layers} layers")
        return list(value)

    def indices(self, name: str, layers: int) -> list[int]:
        """Which layers, counted from 0."""
        key, value = self.find(name)
        wrong = not isinstance(value, list | None)
        if wrong or any(isinstance(i, bool) or not isinstance(i, int) or not 0 <= i < layers for i in value or []):
            raise self.refuse(key, f"a list of layers from 0 to {layers - 1}")
        return value or []

    def inner(self, name: str, defaults: Mapping[str, Any]) -> "Fields":
        """The object under `name`."""
        key, value = self.find(name)
        if not isinstance(value, dict):
            raise self.refuse(key, "an object")
        return Fields(value, f"{self.family} {key} of", defaults)


def check_only(read: Fields, only: Mapping[str, Any]) -> None:
    """Raises ConfigError for a field that has another value than the only one that can be expressed."""
    for name, accepted in only.items():
        key, value = read.find(name)
        if value is not None and (value != accepted or type(value) is not type(accepted)):
            raise read.refuse(key, f"{short(accepted)}; nothing else can be expressed yet")


def check_rest(read: Fields, harmless: re.Pattern[str] = HARMLESS) -> None:
    """Raises at the first field that is switched on, that nothing asked for and that may change the structure."""
    for key, value in read.config.items():
        quiet = key in read.seen or not value or harmless.fullmatch(key)
        if key == "layer_types" and isinstance(value, Iterable) and set(map(str, value)) == {"full_attention"}:
            continue
        if quiet:
            continue
        if STRUCTURAL.search(key):
            raise ConfigError(
                f"{read.family} config.json: {key} {short(value)} is not read yet"
                " (accepted: absent, null, false; remove it if it changes no cost)"
            )
        read.unread.append(key)


def _is_number(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool)


def short(value: Any) -> str:
    """A value as JSON, of at most 60 characters."""
    text = json.dumps(value, default=str)
    return text if len(text) < 60 else text[:57] + "..."
