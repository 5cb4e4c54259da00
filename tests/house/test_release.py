"""What is released says one thing in all its files."""

import re
import subprocess
import tomllib
from importlib import metadata

import pytest
import yaml
from packaging.version import Version
from places import ROOT

import life_jax
from life_jax.studies import provenance

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
CONDA_NAMES = {"matplotlib": "matplotlib-base"}  # whose package of the same name brings a window system


def recipe():
    return yaml.safe_load((ROOT / "conda" / "recipe.yaml").read_text(encoding="utf-8"))


def conda_form(requirement: str) -> str:
    """numpy>=2.0 as a recipe has it: numpy >=2.0"""
    name, bounds = re.fullmatch(r"([\w-]+)(.*)", requirement).groups()
    return f"{CONDA_NAMES.get(name, name)} {bounds}"


def test_the_conda_recipe_asks_for_what_the_project_asks_for():
    python = f"python {PROJECT['project']['requires-python']}"
    assert recipe()["requirements"]["run"] == [python, *map(conda_form, PROJECT["project"]["dependencies"])]
    built_with = [conda_form(line) for line in PROJECT["build-system"]["requires"]]
    assert recipe()["requirements"]["host"] == [python, "pip", *built_with]


def test_the_conda_recipe_makes_every_command():
    commands = [f"{name} = {target}" for name, target in PROJECT["project"]["scripts"].items()]
    assert recipe()["build"]["python"]["entry_points"] == commands


def test_every_verb_has_a_command_of_its_own():
    verbs = {path.stem for path in (ROOT / "life_jax").glob("*.py") if not path.stem.startswith("_")}
    targets = {name: f"life_jax.{name.removeprefix('life-jax-')}:main" for name in PROJECT["project"]["scripts"]}
    targets["life-jax"] = "life_jax.__main__:main"
    assert PROJECT["project"]["scripts"] == targets
    assert {f"life-jax-{verb}" for verb in verbs} == set(targets) - {"life-jax"}


def test_the_version_is_that_of_the_last_entry_of_the_changelog():
    """Without a tag or without git; a tag of a newer version needs its entry."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    unreleased, last = re.findall(r"^## (\S+)", text, re.MULTILINE)[:2]
    fallback = PROJECT["tool"]["hatch"]["version"]["fallback-version"]
    assert (unreleased, last) == ("Unreleased", fallback)
    assert recipe()["context"]["version"] == fallback
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))["version"] == fallback


@pytest.mark.parametrize("commit", ["dc642dcb1f00", "dc642dcb1f00-dirty", ""])
def test_what_is_not_installed_has_a_version_below_all_others_with_its_commit(commit, monkeypatch):
    def nothing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(provenance.metadata, "version", nothing)
    monkeypatch.setattr(provenance, "git_revision", lambda: commit)
    shown = Version(provenance.version.__wrapped__())
    assert Version("0") <= shown < Version("0.0.1.dev0")
    assert shown.local == (f"g{commit.replace('-', '.')}" if commit else "unknown")


def test_an_installed_package_has_the_version_that_was_built():
    """That of the last tag; without a tag the one that is being made, as a development version of it."""
    assert Version(life_jax.__version__) == Version(provenance.version())
    scheme = PROJECT["tool"]["hatch"]["version"]
    assert scheme["source"] == "vcs" and scheme["raw-options"] == {"local_scheme": "no-local-version"}


@pytest.mark.process
def test_a_clone_without_tags_has_a_development_version(tmp_path):
    scm = pytest.importorskip("setuptools_scm")
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b"]
    for words in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "first"]):
        subprocess.run([*git, *words], check=True)
    untagged = Version(scm.get_version(tmp_path, local_scheme="no-local-version"))
    subprocess.run([*git, "tag", "v0.1.0"], check=True)
    tagged = Version(scm.get_version(tmp_path, local_scheme="no-local-version"))
    assert untagged.is_devrelease and untagged < tagged == Version("0.1.0")


def test_the_citation_names_the_paper():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    (paper,) = citation["references"]
    assert [author["family-names"] for author in paper["authors"]] == ["Patwari", "Sirasao", "Das"]
    assert "2508.00904" in paper["url"] and "2508.00904" in (ROOT / "docs" / "citing.md").read_text(encoding="utf-8")
    assert citation["license"] == PROJECT["project"]["license"] == recipe()["about"]["license"]


def test_every_python_that_is_allowed_is_a_classifier():
    names = [line.rpartition(" ")[2] for line in PROJECT["project"]["classifiers"] if ":: Python :: 3." in line]
    low, high = re.fullmatch(r">=3\.(\d+),<3\.(\d+)", PROJECT["project"]["requires-python"]).groups()
    assert names == [f"3.{minor}" for minor in range(int(low), int(high))]
