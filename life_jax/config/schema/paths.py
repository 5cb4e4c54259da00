"""Where the shipped configs and studies are, in a clone and in an installed wheel; paths that users type."""

import os
from collections.abc import Iterable
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


@cache
def _shipped_folders() -> tuple[Path, ...]:
    return conf_dir(), studies_dir()


def is_shipped(file: Path) -> bool:
    """Whether a file is one of ours, and not from outside."""
    return any(file.is_relative_to(folder) and ".." not in file.parts for folder in _shipped_folders())


def user_path(text: str) -> Path:
    """The path that a user types; ~ is a home, where there is one: `~.nc` is a file of that name."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        return Path(text)


def output(text: str) -> Path:
    """The path of a file that is to be written. Raises ConfigError for what cannot be the name of one."""
    shown = text.encode("ascii", "backslashreplace").decode()[:200]
    if any(ord(character) < 32 or 0xD800 <= ord(character) < 0xE000 or character == "\x7f" for character in text):
        raise ConfigError(f"out={shown}: a file name in UTF-8 without control characters is needed")
    if "://" in text:
        raise ConfigError(f"out={shown} is an address; the name of a file is needed")
    if os.sep == "/" and "\\" in text:
        raise ConfigError(f"out={shown}: netCDF takes no backslash in a name; folders are separated by /")
    path = user_path(text)
    if path.name in ("", ".."):
        raise ConfigError(f"out={shown} is a folder; a file name is needed")
    return path


def refuse_read(path: Path, read: Iterable[str | Path], word: str = "out") -> None:
    """Raise ConfigError where a file that is to be written is one that the command reads, which nothing replaces.

    read: paths, and names that may be none. word: what named the file that is written.
    """
    for other in read:
        try:
            is_same = path.samefile(other)
        except (OSError, ValueError):  # one of them is not there, or no name of a file
            continue
        if is_same:
            raise ConfigError(f"{word}={path} is a file that is read, which is never replaced; give another name")


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
