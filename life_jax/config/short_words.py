"""Short words for keys that are typed often: `batch=8` is `workload.batch=8`, `axes.tp` is `axes.tensor_parallel`."""

from collections.abc import Mapping
from typing import Any

from life_jax.config.schema.errors import ConfigError

SHORT_WORDS = {
    "batch": "workload.batch",
    "prompt": "workload.prompt_tokens",
    "output": "workload.output_tokens",
    "context": "workload.past_tokens",
    "tp": "engine.tensor_parallel",
    "pp": "engine.pipeline_parallel",
    "ep": "engine.expert_parallel",
    "dp": "engine.data_parallel",
    "cp": "engine.context_parallel",
    "rate": "load.rate",
    "concurrency": "load.concurrency",
}
NUMBERS = ("axes.", "at.")  # behind these stands the number without its section


def long_key(key: str) -> str:
    """The key that a word means, as files have it; of a word that is not short the word itself."""
    for start in NUMBERS:
        if key.startswith(start) and (long := SHORT_WORDS.get(key.removeprefix(start))) is not None:
            return start + long.split(".", 1)[1]
    return SHORT_WORDS.get(key, key)


def in_long_keys(words: Mapping[str, Any]) -> dict[str, Any]:
    """The values by long keys. Raises ConfigError where a short and a long word are the same key."""
    values: dict[str, Any] = {}
    typed: dict[str, str] = {}
    for key, value in words.items():
        long = long_key(key)
        if long in values:
            raise ConfigError(f"{typed[long]}= and {key}= are the same number, given twice")
        values[long], typed[long] = value, key
    return values
