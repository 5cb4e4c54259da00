"""Console scripts: every command has one, and life-jax runs them all."""

import importlib
import tomllib

import pytest
from places import ROOT

from life_jax import __main__ as umbrella

SCRIPTS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_script_names_a_function_that_is_there(name):
    module, function = SCRIPTS[name].split(":")
    assert callable(getattr(importlib.import_module(module), function))


def test_life_jax_lists_its_commands_in_a_screen_and_runs_them(capsys, monkeypatch):
    assert SCRIPTS["life-jax"] == "life_jax.__main__:main"
    monkeypatch.setattr("sys.argv", ["life-jax"])
    umbrella.main()
    lines = capsys.readouterr().out.splitlines()
    assert 5 < len(lines) <= 25 and any("sweep" in line for line in lines)
    monkeypatch.setattr("sys.argv", ["life-jax", "catalog", "cost"])
    umbrella.main()
    assert "default" in capsys.readouterr().out
