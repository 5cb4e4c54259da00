"""Which modules of a checkpoint are stored how, as its configuration says it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from life_jax.config.checkpoints.quantization.storage import Storage


class NotKnown(ValueError):
    """A section that cannot be understood; the reason in one line."""


@dataclass(frozen=True)
class Rule:
    """Modules whose names match one of `patterns` are stored as `storage`, or at 16 bit (None).

    dialect: of the patterns, see patterns.py. skips: they are a list of modules left out, as against single formats.
    """

    patterns: tuple[str, ...]
    storage: Storage | None
    dialect: str = "names"
    skips: bool = False


@dataclass
class Scheme:
    """The first rule that a module matches; else by what it is (linear, experts, head, embedding, router).

    experts: of routed experts where they differ from other linear layers. only: patterns outside of which nothing is
    quantized, or None. cache: the option of the KV cache that the checkpoint declares, or "". unknown: what was not
    understood, in words.
    """

    linear: Storage | None = None
    head: Storage | None = None
    embedding: Storage | None = None
    router: Storage | None = None
    experts_alone: bool = False
    rules: list[Rule] = field(default_factory=list)
    only: tuple[str, ...] | None = None
    cache: Any = ""
    unknown: list[str] = field(default_factory=list)

    def skip(self, patterns: Iterable[str], dialect: str = "names") -> None:
        """Leaves modules at 16 bit, before every rule that follows."""
        listed = tuple(patterns)
        if listed:
            self.rules.append(Rule(listed, None, dialect, skips=True))

    def store(self, patterns: Iterable[str], storage: Storage | None, dialect: str = "names") -> None:
        """Add a rule: modules that match any of the patterns are stored so, None for 16 bit."""
        self.rules.append(Rule(tuple(patterns), storage, dialect))


# lists of modules that stay as they are, under every name that engines read
SKIP_LISTS = (
    "ignore", "ignored_layers", "ignored_modules", "ignored", "modules_to_not_convert", "modules_to_not_quantize",
    "exclude", "exclude_modules", "excluded_modules", "exclude_layers", "skip_modules", "skip_layers",
    "llm_int8_skip_modules", "linear_weights_not_to_quantize", "unquantized_modules", "not_quantized_modules",
)  # fmt: skip


def skipped(section: Mapping[str, Any]) -> list[str]:
    """The modules of every list of SKIP_LISTS in the section."""
    found: list[str] = []
    for key in SKIP_LISTS:
        found += names(section, key)
    return found


def names(section: Mapping[str, Any], key: str) -> list[str]:
    """A list of names (or a single one, or a mapping of them), nothing where it is absent."""
    value = section.get(key)
    if value is None:
        return []
    value = [value] if isinstance(value, str) else list(value) if isinstance(value, Mapping | tuple) else value
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise NotKnown(f"{key} is no list of names of modules")
    return [name for name in value if name]


def blocks(section: Mapping[str, Any], key: str) -> list[str]:
    """Names of a list, of lists in it, or separated by commas."""
    said = section.get(key)
    listed = said.split(",") if isinstance(said, str) else said
    if not isinstance(listed, list | tuple):
        raise NotKnown(f"{key} is no list of names of modules")
    flat = [name for part in listed for name in (part if isinstance(part, list) else [part])]
    return [name.strip() for name in names({key: flat}, key)]


def number(section: Mapping[str, Any], *keys: str, low: float = 0.0, high: float = 32.0) -> float | None:
    """The number under the first of these keys that the section has, None where it has none."""
    for key in keys:
        value = section.get(key)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise NotKnown(f"{key} {str(value)[:40]!r} is no number from {low:g} to {high:g}")
        return float(value)
    return None


def group_size(section: Mapping[str, Any], *keys: str, default: int = 0) -> int:
    """Weights of a group; -1, 0 and null stand for an output channel, as 0."""
    for key in keys:
        value = section.get(key)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int) or not -1 <= value <= 10**6:
            raise NotKnown(f"{key} {str(value)[:40]!r} is no size of a group of weights")
        return max(value, 0)
    return default


def mapping(value: Any, what: str) -> Mapping[str, Any]:
    """The value, which must be an object. Raises NotKnown, which names it by `what`."""
    if not isinstance(value, Mapping):
        raise NotKnown(f"{what} is no object")
    return value
