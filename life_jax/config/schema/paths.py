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
    """The folder of the shipped configs."""
    return _first(PACKAGE / "conf", PACKAGE.parent / "conf")


def studies_dir() -> Path:
    """The folder of the shipped studies."""
    return _first(PACKAGE / "sweeps", PACKAGE.parent / "sweeps")


def choices(group: str, extra: tuple[Path, ...] = ()) -> dict[str, Path]:
    """Label -> YAML file of a config group; the user's own folders `extra` come before the shipped one."""
    return _shipped(group) | own_choices(group, extra)


def own_choices(group: str, extra: tuple[Path, ...]) -> dict[str, Path]:
    """Label -> YAML file of a config group in the user's own folders; the first folder that has a label wins."""
    files: dict[str, Path] = {}
    for folder in extra:
        files = _in(folder / group) | files
    return files


def _in(folder: Path) -> dict[str, Path]:
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


@cache
def _shipped(group: str) -> dict[str, Path]:
    """What the package itself has, which does not change while it runs; looked up for every row of measurements."""
    return _in(conf_dir() / group)


def studies(extra: tuple[Path, ...] = ()) -> dict[str, Path]:
    """Name -> YAML file of a study; the user's own folders `extra` come before the shipped one."""
    files: dict[str, Path] = {}
    for folder in (*(e / "sweeps" for e in extra), studies_dir()):
        files = _in(folder) | files
    return files
