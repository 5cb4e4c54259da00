"""What is released says one thing in all its files."""

import re
import tomllib

import yaml
from places import ROOT

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
