"""Shapes of models in JSON that is no config.json of Hugging Face: params.json of Mistral and of Meta, the config.json
of TensorRT-LLM's checkpoints and engines, mlc-chat-config.json.

Other files of a model's folder are named for what they are.

Sources: mistral-common and vLLM's documentation of `--config-format mistral`; params.json beside Meta's weights, and
the width of its network as ModelArgs of meta-llama/llama makes it; TensorRT-LLM's documentation of checkpoints;
MLC LLM's documentation of mlc-chat-config.json.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from life_jax.config.schema.errors import ConfigError

Config = dict[str, Any]
# what stands in a file of a model's folder that says no shape -> what it is
NO_SHAPE: tuple[tuple[tuple[str, ...], str], ...] = (
    (("peft_type",), "is an adapter, such as LoRA, of another model (give model={base} opt=lora)"),
    (("weight_map",), "lists the shards of the weights"),
    (("_diffusers_version", "_class_name"), "is of a model that makes images or video"),
    (("image_processor_type", "feature_extractor_type", "processor_class"), "says how images or sound are prepared"),
    (("tokenizer_class", "added_tokens", "added_tokens_decoder"), "describes a tokenizer"),
    (("quant_algo", "producer", "w_bit", "bits"), "says how weights are stored"),
    (("search",), "is of ONNX Runtime, whose graph holds the shape"),
    (("eos_token_id", "temperature", "max_new_tokens"), "says how text is generated"),
)


def config_of(content: Mapping[str, Any], path: Path) -> tuple[Config, Config | None]:
    """The config.json that says the same, and how weights are stored as hf_quant_config.json says it (None: as within).

    Raises ConfigError for a file that says no shape.
    """
    if "pretrained_config" in content and isinstance(content["pretrained_config"], Mapping):
        content = content["pretrained_config"]
    if isinstance(content.get("model_config"), Mapping) and isinstance(content.get("quantization"), str):
        return _mlc(content), None
    if "model_type" in content or any(isinstance(part, Mapping) and "model_type" in part for part in content.values()):
        return dict(content), None
    if {"dim", "n_layers", "n_heads"} <= set(content):
        return (_mistral(content) if "hidden_dim" in content else _meta(content)), None
    if isinstance(content.get("architecture"), str) and "hidden_size" in content:
        return _tensorrt(content)
    if "architectures" not in content:
        for keys, what in NO_SHAPE:
            if any(key in content for key in keys):
                base = content.get("base_model_name_or_path")
                said = what.replace("{base}", base if isinstance(base, str) else "NAME")
                raise ConfigError(f"it {said}, and says no shape{_beside(path)}")
    return dict(content), None


def _beside(path: Path) -> str:
    there = path.name != "config.json" and (path.parent / "config.json").is_file()
    return f"; give {path.parent / 'config.json'} beside it" if there else " (accepted: the config.json of a model)"


def _renamed(content: Mapping[str, Any], names: Mapping[str, str]) -> Config:
    return {ours: content[theirs] for theirs, ours in names.items() if content.get(theirs) is not None}


MISTRAL = {
    "dim": "hidden_size", "n_layers": "num_hidden_layers", "hidden_dim": "intermediate_size", "head_dim": "head_dim",
    "n_heads": "num_attention_heads", "n_kv_heads": "num_key_value_heads", "vocab_size": "vocab_size",
    "sliding_window": "sliding_window", "tied_embeddings": "tie_word_embeddings", "q_lora_rank": "q_lora_rank",
    "kv_lora_rank": "kv_lora_rank", "qk_nope_head_dim": "qk_nope_head_dim", "qk_rope_head_dim": "qk_rope_head_dim",
    "v_head_dim": "v_head_dim",
}  # fmt: skip
MISTRAL_EXPERTS = {
    "num_experts": "num_local_experts", "num_experts_per_tok": "num_experts_per_tok",
    "num_shared_experts": "n_shared_experts", "expert_hidden_dim": "moe_intermediate_size",
    "first_k_dense_replace": "first_k_dense_replace", "num_expert_groups": "n_group",
    "num_expert_groups_per_tok": "topk_group",
}  # fmt: skip


def _mistral(content: Mapping[str, Any]) -> Config:
    """Mistral's params.json: dense, with experts, or with latent attention and experts (Mistral Large 3)."""
    config: Config = {"model_type": "mistral", "sliding_window": None, "tie_word_embeddings": False}
    config |= _renamed(content, MISTRAL)
    config["max_position_embeddings"] = content.get("max_position_embeddings") or content.get("max_seq_len") or 32768
    moe = content.get("moe")
    if isinstance(moe, Mapping):
        config |= {"model_type": "mixtral", **_renamed(moe, MISTRAL_EXPERTS)}
    if "kv_lora_rank" in config:
        config["model_type"] = "deepseek_v3"
        config["n_routed_experts"] = config.pop("num_local_experts", None)
        config.pop("sliding_window")
        config.pop("head_dim", None)
    stored = content.get("quantization")
    if isinstance(stored, Mapping):
        fp8 = str(stored.get("qformat_weight", "")).startswith("fp8")
        config["quantization_config"] = {"quant_method": "fp8", "activation_scheme": "static"} if fp8 else stored
    return config


def _meta(content: Mapping[str, Any]) -> Config:
    """Meta's params.json of Llama 1 to 3: the width of the network by a factor, and what it is a multiple of."""
    dim, several = content["dim"], content.get("multiple_of", 256)
    factor = content.get("ffn_dim_multiplier") or 1.0
    numbers = (dim, several, factor)
    if any(isinstance(x, bool) or not isinstance(x, int | float) or not 0 < x < 1e7 for x in numbers):
        raise ConfigError("dim, multiple_of or ffn_dim_multiplier is no positive number")
    width = int(factor * int(8 * dim / 3))
    vocabulary = content.get("vocab_size", -1)
    return {
        "model_type": "llama",
        "hidden_size": dim,
        "num_hidden_layers": content["n_layers"],
        "num_attention_heads": content["n_heads"],
        "num_key_value_heads": content.get("n_kv_heads") or content["n_heads"],
        "intermediate_size": int(-(-width // several) * several),
        "vocab_size": 32000 if vocabulary == -1 else vocabulary,  # which its tokenizer says
        "max_position_embeddings": content.get("max_seq_len") or (131072 if content.get("use_scaled_rope") else 4096),
        "tie_word_embeddings": False,
    }


ARCHITECTURES = {
    "LlamaForCausalLM": "llama", "MistralForCausalLM": "mistral", "MixtralForCausalLM": "mixtral",
    "Qwen2ForCausalLM": "qwen2", "Qwen3ForCausalLM": "qwen3", "Qwen3MoeForCausalLM": "qwen3_moe",
    "GemmaForCausalLM": "gemma", "Gemma2ForCausalLM": "gemma2", "Phi3ForCausalLM": "phi3",
}  # fmt: skip
SIZES = ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads",
         "vocab_size", "max_position_embeddings")  # fmt: skip


def _tensorrt(content: Mapping[str, Any]) -> tuple[Config, Config | None]:
    """The config.json of a checkpoint or of an engine of TensorRT-LLM."""
    name = content["architecture"]
    model_type = content.get("qwen_type") or ARCHITECTURES.get(name)
    if not isinstance(model_type, str):
        raise ConfigError(
            f"architecture {str(name)[:60]!r} of TensorRT-LLM is not read (known: {', '.join(ARCHITECTURES)});"
            " give the config.json of the model that it was made of"
        )
    config: Config = {"model_type": model_type, "tie_word_embeddings": bool(content.get("share_embedding_table"))}
    config |= {key: content[key] for key in SIZES if content.get(key) is not None}
    if content.get("head_size"):
        config["head_dim"] = content["head_size"]
    moe = content.get("moe")
    experts = moe if isinstance(moe, Mapping) else content
    count = experts.get("num_experts") or experts.get("moe_num_experts")
    if count:
        chosen = experts.get("top_k") or experts.get("moe_top_k")
        config |= {"num_local_experts": count, "num_experts": count, "num_experts_per_tok": chosen}
        config = {
            k: v for k, v in config.items() if k != ("num_experts" if model_type == "mixtral" else "num_local_experts")
        }
    stored = content.get("quantization")
    if not isinstance(stored, Mapping) or not (stored.get("quant_algo") or stored.get("kv_cache_quant_algo")):
        return config, None
    return config, {"producer": {"name": "modelopt"}, "quantization": dict(stored)}


OF_MLC = ("context_window_size", "prefill_chunk_size", "tensor_parallel_shards", "pipeline_parallel_stages",
          "max_batch_size", "position_embedding_base", "attention_sink_size", "sliding_window_size", "disaggregation",
          "use_qk_norm", "conv_template", "kwargs")  # fmt: skip


def _mlc(content: Mapping[str, Any]) -> Config:
    """mlc-chat-config.json: the model's sizes within, and the name of a format such as q4f16_1."""
    inside = content["model_config"]
    config = {key: value for key, value in inside.items() if key not in OF_MLC}
    config["model_type"] = content.get("model_type", inside.get("model_type"))
    positions = inside.get("context_window_size")
    if positions:
        config.setdefault("max_position_embeddings", positions)
    config["quantization_config"] = {"quant_method": "mlc", "format": content["quantization"]}
    return config
