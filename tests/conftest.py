"""Command lines as a user runs them, in a process of its own or, faster, in this one; and which test is of which kind.

Markers are given by rule. process: the test, a fixture or a helper of its module uses subprocess or a cluster. data:
written at the test, which is skipped where the data is not. slow: written at the test. quick: none of these, and
nothing of COMPILE is reached; a few tests that compile are marked quick by hand.
"""

import dataclasses
import importlib
import os
import subprocess
import sys
import tempfile
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from places import DATA

from life_jax.terminal import command

TESTS = Path(__file__).resolve().parent
# names of functions that compile, or search for seconds
COMPILE = {
    "evaluate", "lazily", "reopen", "compute", "jit", "grad", "jacfwd", "vmap", "cost_analysis", "cheapest", "curve",
    "sobol", "Search", "CachedFunction",
}  # fmt: skip


def pytest_configure(config: pytest.Config) -> None:
    """All workers and the commands that they start keep what they compile in one folder, for this run alone."""
    if not hasattr(config, "workerinput"):
        folder = tempfile.TemporaryDirectory(prefix="life_jax_tests_")
        config.add_cleanup(folder.cleanup)
        os.environ["LIFE_JAX_CACHE"] = folder.name
    os.environ.pop("JAX_COMPILATION_CACHE_DIR", None)
    command._remember_compilations()  # before JAX is imported, as in a command
    os.environ.pop("JAX_COMPILATION_CACHE_DIR", None)  # of the commands' processes, which say it themselves


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Neighbours stay in one worker, which makes fixtures and compilations once; the idle one takes from the end."""
    from xdist.scheduler import WorkStealingScheduling

    return WorkStealingScheduling(config, log) if config.getoption("dist") == "load" else None


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _codes(constant)


def _reached(function: Any, seen: set[Any]) -> Iterator[tuple[str, Any]]:
    """Names that a function uses, and those that it calls of its own module, with what they are there."""
    function = getattr(getattr(function, "hypothesis", None), "inner_test", function)
    function = getattr(function, "__wrapped__", function)
    if not isinstance(function, types.FunctionType) or function in seen:
        return
    seen.add(function)
    for name in {name for code in _codes(function.__code__) for name in code.co_names}:
        value = function.__globals__.get(name)
        yield name, value
        if getattr(value, "__module__", None) == function.__module__:
            yield from _reached(value, seen)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if not isinstance(item, pytest.Function):  # a notebook, which a kernel runs
            item.add_marker("process")
            item.add_marker("slow")
            continue
        fixtures = [one.func for defs in item._fixtureinfo.name2fixturedefs.values() for one in defs]
        reached = [pair for one in (item.function, *fixtures) for pair in _reached(one, set())]
        if "dask" in item.fixturenames or any(value is subprocess for _, value in reached):
            item.add_marker("process")
        if item.get_closest_marker("data") and not DATA.is_dir():
            item.add_marker(pytest.mark.skip(reason="reads ../shared/data, which is not here"))
        compiles = "life" in item.fixturenames or not COMPILE.isdisjoint(name for name, _ in reached)
        if not compiles and not any(map(item.get_closest_marker, ("slow", "process", "data"))):
            item.add_marker("quick")


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a command line did."""

    status: int
    out: str
    err: str
    folder: Path

    @property
    def file(self) -> Path:
        """The path that ends the last line of stdout."""
        return self.folder / self.out.splitlines()[-1].split()[-1]

    @property
    def error(self) -> str:
        return self.err.split("\n", 1)[0]


@pytest.fixture
def hydra(monkeypatch):
    """Hydra itself composes, as if no words were usual."""
    from life_jax.config import composition, conf_files

    def unusual(request, primary):
        raise conf_files.UnusualError

    monkeypatch.setattr(composition, "without_hydra", unusual)


@pytest.fixture
def shell(tmp_path):
    """shell("sweep", "hw=v100") runs python -m life_jax.sweep hw=v100 from an empty folder."""

    def run(verb, *words, flags=(), **options):
        line = [sys.executable, *flags, "-m", f"life_jax.{verb}", *words]
        options = {"cwd": tmp_path, "capture_output": True, "text": True, "stdin": subprocess.DEVNULL} | options
        done = subprocess.run(line, check=False, timeout=120, **options)
        return Outcome(done.returncode, done.stdout, done.stderr, tmp_path)

    return run


@pytest.fixture
def life(tmp_path, monkeypatch, capsys):
    """life("sweep", "hw=v100"): the same in this process."""

    def run(verb, *words):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", [f"life-jax-{verb}", *words])
        monkeypatch.setenv("LIFE_JAX_CACHE", "off")  # this process keeps them already
        capsys.readouterr()
        status = 0
        try:
            importlib.import_module(f"life_jax.{verb}").main()
        except SystemExit as end:
            status = end.code
        captured = capsys.readouterr()
        return Outcome(status, captured.out, captured.err, tmp_path)

    return run


def files(folder: Path) -> list[str]:
    """Every file and folder below, to see what a command left."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
