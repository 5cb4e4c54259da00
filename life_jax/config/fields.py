"""One config.json of Hugging Face: reads fields under any of their names, and knows which were asked for."""

import json
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from life_jax.config.errors import ConfigError

LARGEST = 10**9

# Our word, then the words of config.json for it.
ALIASES: dict[str, tuple[str, ...]] = {
    "hidden_size": ("hidden_size", "n_embd", "n_embed", "d_model"),
    "num_hidden_layers": ("num_hidden_layers", "n_layer", "n_layers"),
    "num_attention_heads": ("num_attention_heads", "n_head", "n_heads", "num_heads"),
    "num_key_value_heads": ("num_key_value_heads", "num_kv_heads", "n_head_kv"),
    "head_dim": ("head_dim", "kv_channels"),
    "intermediate_size": ("intermediate_size", "ffn_dim", "ffn_hidden_size", "n_inner"),
    "vocab_size": ("vocab_size",),
    "max_position_embeddings": ("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len", "seq_length"),
    "partial_rotary_factor": ("partial_rotary_factor", "rotary_pct", "rope_pct"),
}

# Fields that say how a model was trained, is sampled, is stored, or which cheap function it applies.
HARMLESS = re.compile(
    r"_.*|.*token_ids?|.*dropout.*|.*pdrop|layerdrop|.*_eps|.*epsilon|init.*|.*_init|.*initializer.*|summary_.*"
    r"|rope_.*|rotary_emb_base|original_max_position_embeddings|alibi_bias_max"
    r"|hidden_act|hidden_activation|.*activation_function|activation|clip_qkv|.*_multiplier|logits?_scal.*"
    r"|scale_attn.*|reorder_and_upcast_attn|.*softmax.*|upcast.*|.*_fusion|skip_bias_add.*|slow_but_exact|offset_alibi"
    r"|architectures|auto_map|model_type|torch_dtype|dtype|fp16|bf16|fp32|transformers_version|.*use_cache"
    r"|use_flash_attn|attn_impl|tokenizer.*|id2label|label2id|task_specific_params|pretraining_tp|embedding_fraction"
    r"|return_dict.*|output_.*|do_sample|top_[kp]|typical_p|temperature|.*penalty.*|num_beam.*|num_return_sequences"
    r"|max_length|min_length|model_max_length|max_sequence_length|chunk_size_feed_forward|remove_invalid_values"
    r"|is_decoder|tf_legacy_loss|problem_type|norm_type|is_llama_config|unsloth_.*|transformers\.js_config|rotary_scaling_factor"
)


class Fields:
    """One config.json with its family's defaults; remembers which fields were asked for."""

    def __init__(self, config: Mapping[str, Any], family: str, defaults: Mapping[str, Any]):
        self.config, self.family, self.defaults = config, family, defaults
        self.seen: set[str] = set()

    def refuse(self, key: str, accepted: str) -> ConfigError:
        said = f"is {short(self.config[key])}" if key in self.config else "is missing"
        return ConfigError(f"{self.family} config.json: {key} {said} (accepted: {accepted})")

    def find(self, name: str) -> tuple[str, Any]:
        """The field that says `name` and its value: config.json's, else the family's, else None."""
        names = ALIASES.get(name, (name,))
        said = [key for key in names if self.config.get(key) is not None]
        self.seen.update(names)
        for key in said[1:]:
            if self.config[key] != self.config[said[0]]:
                raise self.refuse(key, f"the same as {said[0]}, {short(self.config[said[0]])}")
        if said:
            return said[0], self.config[said[0]]
        silent = not any(key in self.config for key in names)
        return names[0], self.defaults.get(name) if silent else None

    def count(self, name: str) -> int:
        value = self.count_or_none(name)
        if value is None:
            names = ", ".join(ALIASES.get(name, (name,)))
            raise self.refuse(name, f"a whole number from 1 to {LARGEST}, under any of the names {names}")
        return value

    def count_or_none(self, name: str) -> int | None:
        key, value = self.find(name)
        if value is None:
            return None
        if not _is_number(value) or not 1 <= value <= LARGEST or value != int(value):
            raise self.refuse(key, f"a whole number from 1 to {LARGEST}")
        return int(value)

    def fraction(self, name: str) -> float:
        key, value = self.find(name)
        value = 1.0 if value is None else value
        if not _is_number(value) or not 0 < value <= 1:
            raise self.refuse(key, "a number above 0, at most 1")
        return float(value)

    def flag(self, name: str) -> bool:
        key, value = self.find(name)
        if not isinstance(value, bool | None):
            raise self.refuse(key, "true, false")
        return bool(value)


def check_only(read: Fields, only: Mapping[str, Any]) -> None:
    for name, accepted in only.items():
        key, value = read.find(name)
        if value is not None and (value != accepted or type(value) is not type(accepted)):
            raise read.refuse(key, f"{short(accepted)}; nothing else can be expressed yet")


def check_rest(read: Fields) -> None:
    """Raises at the first field that is switched on and that nothing asked for."""
    for key, value in read.config.items():
        quiet = key in read.seen or not value or HARMLESS.fullmatch(key)
        if key == "layer_types" and isinstance(value, Iterable) and set(map(str, value)) == {"full_attention"}:
            continue
        if not quiet:
            raise ConfigError(
                f"{read.family} config.json: {key} {short(value)} is not read yet"
                " (accepted: absent, null, false; remove it if it changes no cost)"
            )


def _is_number(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool)


def short(value: Any) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) < 60 else text[:57] + "..."
