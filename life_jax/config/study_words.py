"""Words of a study's file, beside those that are typed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from life_jax.config.choices import LISTING
from life_jax.config.schema import paths
from life_jax.config.schema.errors import ConfigError, unknown
from life_jax.config.schema.yaml_files import flatten, names_file, read_yaml
from life_jax.config.short_words import in_long_keys
from life_jax.config.vocabulary import GROUPS, SECTIONS, TYPED_ONLY, WRITTEN


def with_study(typed: Mapping[str, Any], folders: tuple[Path, ...]) -> dict[str, Any]:
    """A study's words, replaced by what is typed: also a scalar by an axis of its name, and the other way round."""
    if "study" not in typed:
        return dict(typed)
    words = _study_words(str(typed["study"]), folders)
    for key in WRITTEN:
        if key in words and key not in typed:
            _refuse_outside(key, words[key], f"study={typed['study']}")
    for key in typed:
        words.pop(key, None)
        if key.removeprefix("axes.") in ("opt", "engine"):
            words.pop(key.removeprefix("axes."), None), words.pop(f"axes.{key.removeprefix('axes.')}", None)
        elif key.startswith("axes."):
            words = {k: v for k, v in words.items() if k.startswith("axes.") or "." not in k or bare_key(k) != key[5:]}
        elif sets_number(key):
            words.pop(f"axes.{bare_key(key)}", None)
    return {**words, **typed}


def sets_number(key: str) -> bool:
    """Whether a word SECTION.KEY sets a number of the scenario; limit.KEY, at.KEY and the like do not."""
    section, dot, _ = key.partition(".")
    return bool(dot) and section in SECTIONS


def bare_key(key: str) -> str:
    """The key of the number: workload.batch -> batch, hw.v100.peak_tflops.fp16 -> peak_tflops.fp16."""
    section, rest = key.split(".", 1)
    return rest.split(".", 1)[-1] if section in GROUPS else rest


def _study_words(name: str, folders: tuple[Path, ...]) -> dict[str, Any]:
    known = paths.studies(folders)
    file = Path(name) if names_file(name) else known.get(name)
    if file is None or not file.is_file():
        raise unknown("study", name, known, f"{LISTING} study")
    content = read_yaml(file)
    flat: dict[str, Any] = {}
    flatten({k: v for k, v in content.items() if k != "description"}, "", flat)
    for key in TYPED_ONLY:
        if key in flat:
            raise ConfigError(f"{file}: {key} is not for a study to say; type {key}=")
    try:
        return in_long_keys(flat)
    except ConfigError as error:
        raise ConfigError(f"{file}: {error}") from None


def _refuse_outside(key: str, name: Any, where: str) -> None:
    """Raise ConfigError if a study, which may be somebody else's, writes outside the working folder; key: of WRITTEN,
    name: what it says."""
    path = Path(str(name))
    inside = not path.is_absolute() and not path.drive and ".." not in path.parts and not str(name).startswith("~")
    folder = path if key == "write" else path.parent
    if not inside or not folder.resolve().is_relative_to(Path.cwd().resolve()):
        raise ConfigError(f"{where}: its {key}: {str(name)[:200]} is outside the working folder; type {key}= yourself")
