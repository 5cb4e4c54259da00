"""Where the shipped configs and studies are, in a clone and in an installed wheel."""

from functools import cache
from pathlib import Path

from life_jax.config.schema.errors import ConfigError

PACKAGE = Path(__file__).resolve().parents[2]


def _first(*candidates: Path) -> Path:
    for candidate in candidates:
        if candidate.is_dir():
            return candidate
    raise ConfigError(f"the installation of life_jax is incomplete: no folder {candidates[0].name}")


def conf_dir() -> Path:
    return _first(PACKAGE / "conf", PACKAGE.parent / "conf")


def studies_dir() -> Path:
    return _first(PACKAGE / "sweeps", PACKAGE.parent / "sweeps")


def choices(group: str, extra: tuple[Path, ...] = ()) -> dict[str, Path]:
    """Name -> YAML file of a config group; a user's own folders come first."""
    found: dict[str, Path] = {}
    for folder in extra:
        found = _in(folder / group) | found
    return _shipped(group) | found


def _in(folder: Path) -> dict[str, Path]:
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


@cache
def _shipped(group: str) -> dict[str, Path]:
    """What the package itself has, which does not change while it runs; asked for once a row of measurements."""
    return _in(conf_dir() / group)


def studies(extra: tuple[Path, ...] = ()) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for folder in (*(e / "sweeps" for e in extra), studies_dir()):
        found = _in(folder) | found
    return found
