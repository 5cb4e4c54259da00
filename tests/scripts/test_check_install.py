"""What the check of installations pins, finds and runs; installing itself needs a registry and minutes."""

import os
import sys
import tomllib

import check_install
import pytest
from places import ROOT

DEPENDENCIES = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]


def test_every_dependency_is_pinned_to_its_lower_bound():
    assert check_install.lowest(["numpy>=2.1", "hydra-core>=1.3.2,<1.4"]) == ["numpy==2.1", "hydra-core==1.3.2"]
    assert len(check_install.lowest(DEPENDENCIES)) == len(DEPENDENCIES)


def test_named_interpreters_are_taken_and_others_are_found(tmp_path, monkeypatch):
    assert list(check_install.interpreters([sys.executable])) == [sys.executable]
    monkeypatch.setenv("PATH", os.fspath(tmp_path))
    monkeypatch.setenv("HOME", os.fspath(tmp_path))
    kept = tmp_path / ".pyenv" / "versions" / "3.12.7" / "bin" / "python3.12"
    kept.parent.mkdir(parents=True)
    kept.touch()
    assert list(check_install.interpreters([])) == [os.fspath(kept)]


def test_a_command_that_fails_is_an_error_with_what_it_printed(tmp_path):
    with pytest.raises(check_install.InstallError, match="no such thing"):
        check_install.run([sys.executable, "-c", "raise SystemExit('no such thing')"], tmp_path)


def test_commands_that_are_run_exist():
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    assert {line[0] for line in check_install.COMMANDS} <= {*scripts, "python"}
