"""Command lines as a user runs them: in a process of its own, or, faster, in this one."""

import dataclasses
import importlib
import subprocess
import sys
from pathlib import Path

import pytest


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
def shell(tmp_path):
    """shell("sweep", "hw=v100") runs python -m life_jax.sweep hw=v100 from an empty folder."""

    def run(verb, *words, flags=(), **options):
        command = [sys.executable, *flags, "-m", f"life_jax.{verb}", *words]
        options = {"cwd": tmp_path, "capture_output": True, "text": True, "stdin": subprocess.DEVNULL} | options
        done = subprocess.run(command, check=False, timeout=120, **options)
        return Outcome(done.returncode, done.stdout, done.stderr, tmp_path)

    return run


@pytest.fixture
def life(tmp_path, monkeypatch, capsys):
    """life("sweep", "hw=v100"): the same in this process."""

    def run(verb, *words):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", [f"life-jax-{verb}", *words])
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
