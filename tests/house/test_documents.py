"""What is written for people says what the code says (test_named_files.py: and names files that are there)."""

import dataclasses
import re

import make_glossary
import pytest
import yaml
from places import ROOT

from life_jax.config.schema.axis_table import FILES

TEXT = make_glossary.GLOSSARY.read_text(encoding="utf-8")
ABOUT = {"name", "vendor", "device_class", "source", "notes"}  # who and wherefrom, not what


def test_the_tables_of_the_glossary_are_those_of_the_schema():
    assert make_glossary.rewritten(TEXT) == TEXT


@pytest.mark.parametrize("section", ["workload", "precision", "hw", "engine"])
def test_every_number_of_a_file_is_in_its_table(section):
    (table,) = re.findall(rf"<!-- table of {section}:.*?<!-- end of table -->", TEXT, re.DOTALL)
    numbers = [f.name for f in dataclasses.fields(FILES[section]) if f.metadata.get("number")]
    assert [key for key in numbers if f"| `{key}` |" not in table] == []


def test_the_glossary_names_every_key_of_an_engine_that_is_no_number():
    words = {f.name for f in dataclasses.fields(FILES["engine"]) if not f.metadata.get("number")} - ABOUT
    assert [word for word in sorted(words) if f"`{word}`" not in TEXT] == []


def test_contributing_names_every_package():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    packages = {path.parent.name for path in (ROOT / "life_jax").glob("*/__init__.py")}
    assert {name for name in packages if f"`{name}`" not in text} == set()


def test_every_decision_has_its_number_and_stands_in_the_index():
    folder = ROOT / "docs" / "decisions"
    index = (folder / "README.md").read_text(encoding="utf-8")
    files = sorted(folder.glob("[0-9]*.md"))
    for number, path in enumerate(files, start=1):
        first = path.read_text(encoding="utf-8").split("\n", 1)[0]
        label, title = first.removeprefix("# ").split(": ", 1)
        assert path.name.startswith(f"{label}-") and int(label) == number
        assert f"| [{label}]({path.name}) | {title} |" in index
    assert index.count("\n| [") == len(files)


def test_every_page_of_the_site_is_in_its_contents():
    """Else the site does not build, which only CI tries."""
    contents = (ROOT / "docs" / "index.md").read_text(encoding="utf-8").partition("```{toctree}")[2]
    contents = [word.strip("<>") for word in contents.split()]  # pages, some behind a title
    assert {page.stem for page in (ROOT / "docs").glob("*.md")} - {*contents, "index"} == set()


def test_hooks_run_what_ci_runs_and_download_nothing():
    repos = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    hooks = [hook for repo in repos for hook in repo["hooks"]]
    assert {repo["repo"] for repo in repos} == {"local"} and {hook["language"] for hook in hooks} == {"system"}
    lines = (ROOT / ".ci" / "run").read_text(encoding="utf-8").replace('"', "").splitlines()
    in_ci = [line.removeprefix("$work/env/bin/") for line in lines if line.startswith("$work/env/bin/")]
    style = [command for command in in_ci if not command.startswith(("pip ", "sphinx-build "))]
    assert [hook["entry"] for hook in hooks if "pre-push" not in hook.get("stages", ())] == style
