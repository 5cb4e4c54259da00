"""Hydra, which composes what is not usual: its state, where it looks for files, its errors in one line."""

import contextlib
import os
import re
import threading
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from life_jax.config.aliases import TABLES, table
from life_jax.config.schema import paths, yaml_files
from life_jax.config.schema.errors import ConfigError

VERSION_BASE = "1.3"
MOST_FILES = 2000  # of a user's folder
SHORT_NAME = re.compile(r"[a-z0-9_]+")
_ONE_AT_A_TIME = threading.Lock()  # Hydra keeps its state for the whole process
_FOLDERS: list[Path] = []  # of the user, while Hydra composes


def configs(primary: str, overrides: Sequence[list[str]], folders: tuple[Path, ...] = ()) -> list[dict[str, Any]]:
    """conf/PRIMARY.yaml with each list of overrides, as plain data.

    folders: of the user, which come before ours; every YAML file in them must be one that we read ourselves. Hydra's
    global state is left as it was. Raises ConfigError.
    """
    for folder in folders:
        _check(folder)
    from hydra import compose, initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra
    from hydra.errors import HydraException
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    declare_short_names()
    with _ONE_AT_A_TIME:
        before = GlobalHydra.instance().hydra
        GlobalHydra.instance().clear()
        try:
            with (
                folders_first(folders),
                initialize_config_dir(version_base=VERSION_BASE, config_dir=os.fspath(paths.conf_dir())),
            ):
                composed = [compose(primary, overrides=words) for words in overrides]
            # ${...} stays text: a file or a study from outside shall not read the environment into a result
            return [OmegaConf.to_container(config, resolve=False) for config in composed]  # type: ignore[misc]
        except (HydraException, OmegaConfBaseException, YAMLError) as error:
            raise ConfigError(" ".join(str(error).split())) from None
        finally:
            GlobalHydra.instance().hydra = before


def _check(folder: Path) -> None:
    """Raise ConfigError for a folder with a YAML file that could stop Hydra, or whose defaults are interpolated."""
    for number, file in enumerate(sorted(folder.rglob("*.yaml"))):
        if number >= MOST_FILES:
            raise ConfigError(f"{folder}: more than {MOST_FILES} YAML files; --config-dir is for configs")
        if "${" in str(yaml_files.read_yaml(file).get("defaults", "")):
            raise ConfigError(f"{file}: its defaults have ${{...}}, which is not read here; name the files")


def file(group: str, name: str, folders: tuple[Path, ...]) -> dict[str, Any]:
    """The content of a file of a group, by its label. Raises ConfigError as `configs` does."""
    (config,) = configs("base", [[f"+{group}@{group}.{name}={name}"]], folders)
    return dict(config[group][name])


@cache
def declare_short_names() -> None:
    """Let Hydra know the short names of conf/alias (v100, llama3), which are no files.

    A file of the user may start from one (`defaults: [v100]`), and tab completion offers them.
    """
    from hydra.core.config_store import ConfigStore

    for group in ("hw", "model"):
        for name, label in table(TABLES[group]).items():
            if SHORT_NAME.fullmatch(name):
                ConfigStore.instance().store(group=group, name=name, node={"defaults": [label]})


@contextlib.contextmanager
def folders_first(folders: tuple[Path, ...]) -> Iterator[None]:
    """Within it Hydra looks into the user's folders before ours, as paths.choices does (its searchpath comes last)."""
    from hydra.core.plugins import Plugins

    Plugins.instance().register(_search_path())
    _FOLDERS.extend(folders)
    try:
        yield
    finally:
        _FOLDERS.clear()


@cache
def _search_path() -> Any:
    """The plugin that tells Hydra where files are. It adds nothing for other users of Hydra in this process."""
    from hydra.plugins.search_path_plugin import SearchPathPlugin

    class Folders(SearchPathPlugin):
        def manipulate_search_path(self, search_path: Any) -> None:
            for folder in reversed(_FOLDERS):
                search_path.prepend("life_jax", f"file://{folder}")

    return Folders
