"""Words of design under load -> words of numbers: lengths, limits and arrivals as serve reads them, targets of its
metrics.

`target.ttft=` and `target.tpot=` mean times under load there: limits of `target.max_rate=`, where that is a target, or
else targets themselves, at `target.percentile=`.
"""

from collections.abc import Iterable, Mapping

from life_jax.config import request_classes, word_values, words
from life_jax.config.load_words import ARRIVALS, LENGTHS, load_words, with_trace
from life_jax.config.schema.errors import ConfigError
from life_jax.forecasting.metrics import METRICS

LIMITS = ("ttft", "tpot", "percentile")
PERCENTILES = (50, 90, 99)  # of which there are metrics
LARGEST = "max_rate"


def design_words(typed: Iterable[str]) -> tuple[str, ...]:
    """The words of design in words of numbers; as typed where nothing is of requests under load.

    Raises ConfigError where times under load are wanted and nothing says how requests arrive, and as `load_words` does.
    """
    words_typed = tuple(typed)
    texts = {pair[0]: pair[1] for word in words_typed if (pair := words.key_and_text(word)) is not None}
    targets = {key.removeprefix("target."): text for key, text in texts.items() if key.startswith("target.")}
    arrives = [key for key in texts if key.removeprefix("load.") in (*ARRIVALS, "trace")]
    of_load = [name for name in (*targets, texts.get("minimize", "")) if _is_of_load(name)]
    if not arrives and not of_load:
        return words_typed
    others = [word for word in words_typed if not _key(word).startswith("target.")]
    limits = {name: text for name, text in targets.items() if name in LIMITS}
    wanted = {name: text for name, text in targets.items() if name not in LIMITS}
    if LARGEST not in wanted:
        wanted.update(_percentiles(limits))
        limits = {}
    if not arrives:
        if LARGEST not in wanted:
            name = of_load[0]
            raise ConfigError(f"{name} is of requests under load: how do they arrive? rate=4 is four a second")
        others.append(f"rate={wanted[LARGEST]}")
    mine = [word for word in others if _is_of_requests(_key(word))]
    asked = load_words([*mine, *(f"target.{name}={text}" for name, text in limits.items())])
    if asked.method != "formula":
        raise ConfigError(f"method={asked.method}: design follows slopes, which formulas have; give method=formula")
    numbers = [word for word in with_trace(asked) if not word.startswith("metrics=")]
    rest = [word for word in others if not _is_of_requests(_key(word))]
    return (*rest, *numbers, *(f"target.{name}={text}" for name, text in wanted.items()))


def _key(word: str) -> str:
    pair = words.key_and_text(word)
    return "" if pair is None else pair[0]


def _is_of_load(name: str) -> bool:
    return name in METRICS and METRICS[name].needs == "load"


def _is_of_requests(key: str) -> bool:
    """Whether a word is of those that serve alone reads."""
    return key in (*ARRIVALS, *LENGTHS, "method") or key.startswith("load.") or request_classes.is_word(key)


def _percentiles(limits: Mapping[str, str]) -> dict[str, str]:
    """Targets of times at a percentile, for which there is a metric."""
    text = limits.get("percentile", "50")
    percent = word_values.value("target.percentile", text)
    if percent not in PERCENTILES:
        raise ConfigError(f"target.percentile={text}: 50, 90 or 99 is needed; any with target.{LARGEST}=RATE")
    return {f"{name}_p{percent}": limit for name, limit in limits.items() if name != "percentile"}
