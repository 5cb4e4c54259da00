"""Options: their files -> optimizations, alone or in a stack; how a checkpoint itself stores its weights."""

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from life_jax.config.schema import paths, yaml_files
from life_jax.config.schema.check import LARGEST
from life_jax.config.schema.errors import ConfigError, unknown
from life_jax.config.schema.model_file import ModelFile
from life_jax.optimizations import INDEX, Optimization, Origin, Refused, chain, named
from life_jax.optimizations.conventions import INDEX as CONVENTIONS

UNITS = {
    "bits": "bit",
    "tokens": "token",
    "budget": "token",
    "window": "token",
    "flops": "FLOP",
    "kb": "kB",
    "us": "us",
}


def stack(options: Mapping[str, Mapping[str, Any]], convention: str) -> Optimization:
    """Options (label -> content of its file), chained from left to right; ConfigError where two exclude each other."""
    try:
        return chain(*(option(name, content, convention) for name, content in options.items()))
    except Refused as reason:
        raise ConfigError(f"opt=[{','.join(options)}]: {reason}") from None


def own_quantization(
    model: ModelFile, folders: tuple[Path, ...] = (), convention: str = "exact"
) -> tuple[Optimization, ...]:
    """How the checkpoint stores its weights, in order of preference: each an option, or several chained.

    model.quantization lists labels of options, contents of option files, or lists of them. Raises ConfigError.
    """
    return tuple(_own(model, entry, folders, convention) for entry in model.quantization)


def own_cache(model: ModelFile, folders: tuple[Path, ...] = (), convention: str = "exact") -> Optimization:
    """The KV cache that the checkpoint declares; changes nothing where it declares none."""
    return chain(*(_own(model, entry, folders, convention) for entry in model.kv_cache[:1]))


def _own(model: ModelFile, entry: Any, folders: tuple[Path, ...], convention: str) -> Optimization:
    """An option by its label, by its content with a `kind`, or several of them chained."""
    known = paths.choices("opt", folders)
    if isinstance(entry, list | tuple):
        return chain(*(_own(model, part, folders, convention) for part in entry))
    if isinstance(entry, str):
        if entry not in known:
            raise unknown(f"model {model.name}: quantization", entry, known)
        return option(entry, yaml_files.read_yaml(known[entry]), convention)
    if not isinstance(entry, Mapping):
        raise ConfigError(f"model {model.name}: quantization is {entry!r}; the name of an option, or its numbers")
    return option(str(entry.get("description") or entry.get("kind")), entry, convention)


def option(name: str, content: Mapping[str, Any], convention: str = "exact") -> Optimization:
    """The optimization of an option's file (`content`): the factory named by its `kind`, called with its numbers.

    A section with the name of the convention replaces numbers: what the same words mean to its authors. Raises
    ConfigError for an unknown kind or key, and for a number below 0 or infinite.
    """
    about = ("kind", "description", "source", *CONVENTIONS)
    arguments = {key: value for key, value in content.items() if key not in about}
    arguments.update(content.get(convention) or {})
    kind = str(content.get("kind"))
    if kind not in INDEX:
        raise unknown(f"opt.{name}.kind", kind, INDEX)
    accepted = inspect.signature(INDEX[kind]).parameters
    for key, value in arguments.items():
        if key not in accepted:
            raise unknown(f"opt.{name} has no key of that name:", key, accepted)
        _refuse_argument(f"opt.{name}.{key}", value, str(accepted[key].annotation))
    for key, parameter in accepted.items():
        if parameter.default is inspect.Parameter.empty and key not in arguments:
            raise ConfigError(f"opt.{name}.{key} is missing")
    try:
        return made(Origin(name, kind, arguments))
    except Refused as reason:
        raise ConfigError(f"opt.{name}: {reason}") from None


def _refuse_argument(where: str, value: Any, kind: str) -> None:
    """Raises ConfigError for a value that is not of the kind that a factory's annotation says."""
    if value is None and "None" in kind:
        return
    if "Mapping" in kind:
        fits, needed = isinstance(value, Mapping) and all(map(_is_number, value.values())), "a mapping to numbers"
    elif "Sequence" in kind or "tuple" in kind:
        items = value if isinstance(value, list | tuple) else [None]
        of_numbers = "float" in kind
        fits = all(_is_number(item) if of_numbers else isinstance(item, str) for item in items)
        needed = f"a list of {'numbers' if of_numbers else 'names'}"
    elif "float" in kind:
        fits, needed = _is_number(value), "a number"
    else:
        fits, needed = isinstance(value, str), "a name"
    if not fits:
        least = " of 0 or more" if "number" in needed else ""
        shown = f"{value!r:.40}{'...' if len(repr(value)) > 40 else ''}" if not _is_long(value) else "too large"
        raise ConfigError(f"{where} is {shown}; {needed}{least} is needed")


def _is_number(value: Any) -> bool:
    """Whether a value is a number of 0 or more that is a finite float."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < LARGEST


def _is_long(value: Any) -> bool:
    return isinstance(value, int) and abs(value) >= LARGEST


def made(origin: Origin) -> Optimization:
    """The option of that origin."""
    return named(origin, INDEX[origin.kind](**origin.arguments))


def without_units(stack: Optimization) -> Optimization:
    """What stands for a stack on a device without the units that it needs."""
    return chain(*(made(origin) for origin in stack.otherwise))


def numbers(kind: str) -> dict[str, dict[str, Any]]:
    """Arguments of a kind of option that are numbers, each with its unit, name and least value.

    A factory says them by its annotations: a number is `float`. The unit follows from the end of the name.
    """
    found = {}
    for key, parameter in inspect.signature(INDEX[kind]).parameters.items():
        if parameter.annotation in (float, "float"):
            unit = next((unit for end, unit in UNITS.items() if key == end or key.endswith(f"_{end}")), "1")
            name = f"{key.replace('_', ' ')} of {kind.replace('_', ' ')}"
            found[key] = {"number": True, "unit": unit, "name": name, "low": 0.0}
            if parameter.default is not inspect.Parameter.empty:
                found[key]["default"] = parameter.default
    return found
