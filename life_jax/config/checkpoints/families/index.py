"""Families of models: what their code always does, what it assumes where config.json is silent.

A family is one record: facts, switches and the steps that a table cannot say.
"""

from life_jax.config.checkpoints.families.base import (
    LOCAL,
    NO_WIDTH,
    Family,
    every,
    mixers,
    no_rope_layers,
    unrotated,
    window,
    window_above,
)
from life_jax.config.checkpoints.families.dense import (
    alternating,
    blocks,
    exaone_pattern,
    falcon,
    four_times,
    gptj,
    learned,
    local_only,
    mpt,
    normed_heads,
    one_key_value_head,
    opt,
    qwen,
    stablelm,
)
from life_jax.config.checkpoints.families.dense_beside import DENSE_BESIDE
from life_jax.config.checkpoints.families.diffusion import DIFFUSIONS
from life_jax.config.checkpoints.families.encoder_decoders import ENCODER_DECODERS
from life_jax.config.checkpoints.families.encoders import ENCODERS
from life_jax.config.checkpoints.families.hybrid import HYBRIDS
from life_jax.config.checkpoints.families.image_readers import IMAGE_READERS
from life_jax.config.checkpoints.families.latent_variants import LATENT_VARIANTS
from life_jax.config.checkpoints.families.layers import FAMILIES_BY_LAYER
from life_jax.config.checkpoints.families.moe import MIXTURES
from life_jax.config.checkpoints.families.rare_mixers import RARE_MIXERS
from life_jax.config.checkpoints.families.recombined import RECOMBINED
from life_jax.config.checkpoints.families.recurrent import RECURRENT
from life_jax.config.checkpoints.families.relative_mixtures import RELATIVE_MIXTURES
from life_jax.config.checkpoints.families.remote_code import REMOTE
from life_jax.config.checkpoints.families.rwkv import RWKV
from life_jax.config.checkpoints.families.sparse import SPARSE
from life_jax.config.checkpoints.families.variants import VARIANTS
from life_jax.config.checkpoints.families.vision_language import VISION_LANGUAGE

PLAIN = {"ffn": "plain", "norm": "layernorm"}
ALL_BIASES = {"qkv_bias": True, "o_bias": True, "ffn_bias": True}
BIAS_FLAGS = {"attention_bias": "qkv_bias o_bias", "mlp_bias": "ffn_bias"}
ATTENTION_BIAS = {"attention_bias": "qkv_bias o_bias"}
BIAS = {"attention_bias": True}
PER_LAYER_WINDOW = {"use_sliding_window": False}
TIED = {"tie_word_embeddings": True}

FAMILIES: dict[str, Family] = {
    "llama": Family(flags=BIAS_FLAGS),
    "mistral": Family(defaults={"num_key_value_heads": 8, "sliding_window": 4096}, steps=(window,)),
    "qwen": Family(
        facts={"qkv_bias": True},
        only={"no_bias": True},
        defaults={"no_bias": True},
        steps=(qwen,),
        ignored=("seq_length", "use_dynamic_ntk", "use_logn_attn", "onnx_safe"),
    ),
    "qwen2": Family(facts={"qkv_bias": True}, defaults=PER_LAYER_WINDOW, steps=(window_above,)),
    "qwen3": Family(
        facts={"qk_norm": "per_head"},
        flags=ATTENTION_BIAS,
        defaults={"head_dim": 128, **PER_LAYER_WINDOW},
        steps=(window_above,),
    ),
    "gemma": Family(flags=ATTENTION_BIAS, defaults={"head_dim": 256, **TIED}),
    "phi": Family(
        facts={**PLAIN, **ALL_BIASES, "head_bias": True, "parallel": True, "norms_per_layer": 1},
        defaults={"partial_rotary_factor": 0.5},
    ),
    "phi3": Family(only={"full_attn_mod": 1}, ignored=("interpolate_factor",), steps=(window,)),
    "gpt2": Family(
        facts={**PLAIN, **ALL_BIASES, "position": "learned"},
        defaults=TIED,
        steps=(four_times, learned(0)),
        sizes=NO_WIDTH,
    ),
    "gptj": Family(
        facts={**PLAIN, "ffn_bias": True, "head_bias": True, "parallel": True, "norms_per_layer": 1},
        defaults={"rotary_dim": 64},
        ignored=("rotary",),
        steps=(four_times, gptj),
        sizes=NO_WIDTH,
    ),
    "gpt_neox": Family(
        facts={**PLAIN, "ffn_bias": True},
        flags={"attention_bias": "qkv_bias o_bias", "use_parallel_residual": "parallel"},
        defaults={"attention_bias": True, "use_parallel_residual": True, "partial_rotary_factor": 0.25},
    ),
    "opt": Family(
        facts={**PLAIN, "position": "learned"},
        flags={"enable_bias": "qkv_bias o_bias ffn_bias"},
        defaults={"enable_bias": True, "do_layer_norm_before": True, "layer_norm_elementwise_affine": True, **TIED},
        ignored=("prefix",),
        steps=(opt, learned(2)),
    ),
    "bloom": Family(
        facts={**PLAIN, **ALL_BIASES, "position": "alibi", "embedding_norm": True},
        defaults={"max_position_embeddings": 2048, **TIED},
        steps=(four_times,),
        sizes=NO_WIDTH,
    ),
    "falcon": Family(
        facts=PLAIN,
        flags={"bias": "qkv_bias o_bias ffn_bias"},
        steps=(four_times, falcon),
        sizes=NO_WIDTH,
        defaults={"multi_query": True, "parallel_attn": True, "max_position_embeddings": 2048, **TIED},
    ),
    "mpt": Family(
        facts={"ffn": "plain", "norm": "layernorm_no_bias", "position": "alibi"},
        steps=(mpt,),
        sizes=NO_WIDTH,
        defaults={"expansion_ratio": 4, "no_bias": True, **TIED},
        only={"no_bias": True},
    ),
    "gpt_bigcode": Family(
        facts={**PLAIN, **ALL_BIASES, "position": "learned"},
        defaults={"multi_query": True, **TIED},
        ignored=("inference_runner", "pad_key_length", "pre_allocate_kv_cache", "validate_runner_input"),
        steps=(four_times, one_key_value_head, learned(0)),
        sizes=NO_WIDTH,
    ),
    "starcoder2": Family(
        facts=PLAIN,
        flags={"use_bias": "qkv_bias o_bias ffn_bias"},
        ignored=("mlp_type",),
        steps=(window,),
        defaults={"use_bias": True, "num_key_value_heads": 2, **TIED},
    ),
    "stablelm": Family(
        facts={"norm": "layernorm"},
        flags={"use_qkv_bias": "qkv_bias", "use_parallel_residual": "parallel"},
        defaults={"partial_rotary_factor": 0.25},
        steps=(stablelm, normed_heads("qk_layernorm")),
    ),
    "olmo": Family(facts={"norm": "layernorm_no_weight"}, flags=ATTENTION_BIAS),
    "olmo2": Family(facts={"qk_norm": "full"}, flags=ATTENTION_BIAS),
    "cohere": Family(
        facts={"norm": "layernorm_no_bias", "parallel": True, "norms_per_layer": 1},
        flags=ATTENTION_BIAS,
        defaults=TIED,
        steps=(normed_heads("use_qk_norm"),),
    ),
    "smollm3": Family(
        flags=BIAS_FLAGS,
        defaults={"num_key_value_heads": 4, **PER_LAYER_WINDOW, **TIED},
        steps=(window_above, no_rope_layers),
    ),
    "granite": Family(flags=BIAS_FLAGS),
    "gemma2": Family(
        facts={"norms_per_layer": 4},
        flags=ATTENTION_BIAS,
        defaults={"head_dim": 256, "sliding_window": 4096, **TIED},
        steps=(mixers(alternating, LOCAL),),
    ),
    "gemma3_text": Family(
        facts={"norms_per_layer": 4, "qk_norm": "per_head"},
        flags=ATTENTION_BIAS,
        defaults={
            "head_dim": 256,
            "num_attention_heads": 8,
            "num_key_value_heads": 4,
            "num_hidden_layers": 26,
            "hidden_size": 2304,
            "intermediate_size": 9216,
            "vocab_size": 262208,
            "max_position_embeddings": 131072,
            "sliding_window": 4096,
            **TIED,
        },
        steps=(mixers(every("sliding_window_pattern", 6, "sliding_attention", "full_attention"), LOCAL),),
    ),
    "olmo3": Family(
        facts={"qk_norm": "full"},
        flags=ATTENTION_BIAS,
        defaults={"sliding_window": 4096},
        steps=(mixers(every("", 4, "sliding_attention", "full_attention"), LOCAL),),
    ),
    "exaone4": Family(
        facts={"qk_norm": "per_head"},
        steps=(mixers(exaone_pattern, LOCAL), unrotated(local_only)),
        ignored=("sliding_window_pattern",),
    ),
    "cohere2": Family(
        facts={"norm": "layernorm_no_bias", "parallel": True, "norms_per_layer": 1},
        flags=ATTENTION_BIAS,
        defaults={"sliding_window": 4096, **TIED},
        ignored=(
            "order_of_interleaved_layers",
            "position_embedding_type",
            "rotary_pct",
            "use_embedding_sharing",
            "use_gated_activation",
            "use_parallel_block",
            "use_parallel_embedding",
            "use_qk_norm",
        ),
        steps=(
            mixers(every("sliding_window_pattern", 4, "sliding_attention", "full_attention"), LOCAL),
            unrotated(local_only),
        ),
    ),
    "glm": Family(flags={"attention_bias": "qkv_bias"}, defaults={"partial_rotary_factor": 0.5, **BIAS}),
    "glm4": Family(
        facts={"norms_per_layer": 4},
        flags={"attention_bias": "qkv_bias"},
        defaults={"partial_rotary_factor": 0.5},
    ),
    "ernie4_5": Family(flags={"use_bias": "qkv_bias o_bias ffn_bias"}, defaults=TIED),
    "hunyuan_v1_dense": Family(
        facts={"qk_norm": "per_head"},
        flags=ATTENTION_BIAS,
        only={"use_qk_norm": True, "use_cla": False},
        ignored=("cla_share_factor",),
    ),
    "seed_oss": Family(
        flags={"attention_bias": "qkv_bias", "attention_out_bias": "o_bias", "mlp_bias": "ffn_bias"},
        defaults={"head_dim": 128, **BIAS},
    ),
    "arcee": Family(facts={"ffn": "plain"}, flags=BIAS_FLAGS),
    "nemotron": Family(facts=PLAIN, flags=BIAS_FLAGS, defaults={"partial_rotary_factor": 0.5}),
    "mimo": Family(
        flags={"attention_bias": "qkv_bias"}, defaults=BIAS, steps=(window_above,), only={"use_mrope": False}
    ),
    "nemotron-nas": Family(flags=BIAS_FLAGS, steps=(blocks,), sizes=NO_WIDTH, ignored=("num_key_value_heads",)),
    **MIXTURES,
    **HYBRIDS,
    **SPARSE,
    **RWKV,
    **VARIANTS,
    **RECURRENT,
    **FAMILIES_BY_LAYER,
    **RECOMBINED,
    **RARE_MIXERS,
    **DENSE_BESIDE,
    **REMOTE,
    **LATENT_VARIANTS,
    **IMAGE_READERS,
    **RELATIVE_MIXTURES,
    **VISION_LANGUAGE,
    **DIFFUSIONS,
    **ENCODERS,
    **ENCODER_DECODERS,
}
# One code under another name.
SAME = {
    "kimi_k2": "deepseek_v3",
    "qwen3_vl_text": "qwen3",
    "qwen3_vl_moe_text": "qwen3_moe",
    "gemma3": "gemma3_text",
    "llama4": "llama4_text",
    "ministral": "mistral",
    "ministral3": "mistral",
    "qwen3_5": "qwen3_5_text",
    "minimax_text_01": "minimax",
    "codegen": "gptj",
    "hy_v4_vl_text": "hy_v4",
    "deepseek_ref": "deepseek_v4",
    "bailing_moe_v2": "bailing_moe",
    "llada2_moe_veomni": "llada2_moe",
    "llada2": "llada2_moe",
    "SDAR": "sdar",
    "Fast_dLLM": "Fast_dLLM_Qwen",
    "grok-1": "grok",
    "grok_1": "grok",
    "grok1": "grok",
    "minimax_m3": "minimax_m3_vl_text",
    "minimax_m3_vl": "minimax_m3_vl_text",
    "gemma4": "gemma4_text",
    "gemma3n": "gemma3n_text",
    "gpt-sw3": "gpt2",
    "qwen2_vl_text": "qwen2_5_vl_text",
    "qwen2_vl": "qwen2_5_vl_text",
    "qwen2_5_vl": "qwen2_5_vl_text",
    "qwen2_5_omni_text": "qwen2",
    "qwen3_omni_moe_text": "qwen3_moe",
    "glm_ocr_text": "glm4",
    "glm4v_moe_text": "glm4_moe",
    "hunyuan_vl_text": "hunyuan_v1_dense",
    "step3p7": "step3p5",
    "qwen3_5_moe": "qwen3_5_moe_text",
    "dream": "Dream",
    "apertus1p5_text": "apertus",
    "emu3_text_model": "llama",
    "deepseek_ocr2_text": "unlimited_ocr_text",
    "granite4_vision_text": "llama",
    "granite_docling_text": "llama",
    "phi4mm": "phi4_multimodal",
    "Keye": "qwen3",
    "KeyeVL1_5": "qwen3",
    "cohere_compass_text": "cohere2",
}
