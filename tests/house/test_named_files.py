"""Files and modules that documents, notebooks and configs name are there; what is committed is text."""

import importlib
import json
import re
import subprocess
from pathlib import Path

import pytest
from places import ROOT

import life_jax

# not the CHANGELOG, which tells of files that were there
DOCUMENTS = [
    *(ROOT / f"{name}.md" for name in ("README", "GLOSSARY", "CONTRIBUTING")),
    *(page for page in (ROOT / "docs").rglob("*.md") if not page.is_relative_to(ROOT / "docs" / "reference")),  # made
]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
FACTS = sorted(path for folder in ("conf", "sweeps") for path in (ROOT / folder).rglob("*.yaml"))
CODE = sorted(path for folder in ("life_jax", "scripts") for path in (ROOT / folder).rglob("*.py"))
FOLDERS = "life_jax|conf|scripts|docs|tests|sweeps|notebooks|examples"
PATH = re.compile(rf"(?<![\w/.@-])(?:{FOLDERS})/[\w./*-]*[\w*/]")
MODULE = re.compile(r"(?<![\w/.-])life_jax(?:\.\w+)+")
MADE_BY_COMMANDS = ("sweeps/out", "life_jax/conf", "life_jax/sweeps")  # by sweeps, and in the wheel
PICTURES, INPUTS, SMALL = {".png", ".svg"}, {".gguf", ".npz", ".nc"}, 100_000


def text_of(path: Path) -> str:
    """A file's text; of a notebook what was typed."""
    text = path.read_text(encoding="utf-8")
    return "\n".join("".join(cell["source"]) for cell in json.loads(text)["cells"]) if path.suffix == ".ipynb" else text


def is_placeholder(name: str) -> bool:
    """conf/hw/NAME.yaml, life_jax.VERB"""
    return any(part.isupper() and len(part) > 1 for part in re.split(r"[/.]", name))


def missing_paths(text: str) -> list[str]:
    named = {name for name in PATH.findall(text) if not is_placeholder(name) and not name.startswith(MADE_BY_COMMANDS)}
    return sorted(name for name in named if not any(ROOT.glob(name.rstrip("/"))))


def missing_modules(text: str) -> list[str]:
    """Names below life_jax that are no module, nor an attribute of the module before them."""
    missing = []
    for name in sorted({name for name in MODULE.findall(text) if not is_placeholder(name)}):
        found = life_jax
        for depth, part in enumerate(name.split(".")[1:], start=1):
            module = ".".join(name.split(".")[: depth + 1])
            if (ROOT / module.replace(".", "/")).is_dir() or (ROOT / f"{module.replace('.', '/')}.py").is_file():
                found = importlib.import_module(module)
            elif hasattr(found, part):
                found = getattr(found, part)
            elif f"{name}/" not in text and name not in ("life_jax.py",):
                missing.append(name)
                break
    return missing


@pytest.mark.parametrize("path", [*DOCUMENTS, *NOTEBOOKS], ids=lambda path: path.relative_to(ROOT).as_posix())
def test_files_and_modules_that_a_document_names_exist(path):
    text = text_of(path)
    assert missing_paths(text) == []
    assert missing_modules(text) == []


def test_files_and_modules_that_configs_name_exist():
    found = {}
    for path in FACTS:
        text = text_of(path)
        if missing := missing_paths(text) + missing_modules(text):
            found[path.relative_to(ROOT).as_posix()] = missing
    assert found == {}


def test_files_that_code_names_in_comments_exist():
    named = {path.relative_to(ROOT).as_posix(): missing_paths(text_of(path)) for path in CODE}
    assert {path: missing for path, missing in named.items() if missing} == {}


def test_a_name_that_is_not_there_is_seen():
    text = "life_jax/nowhere.py conf/hw/t4.yaml scripts/no.py life_jax.core.cost life_jax.pipeline conf/hw/NAME.yaml"
    assert missing_paths(text) == ["life_jax/nowhere.py", "scripts/no.py"]
    assert missing_modules(text) == ["life_jax.pipeline"]


def committed() -> list[Path]:
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode or not done.stdout:
        pytest.skip("no clone of the repository")
    return [path for path in (ROOT / name for name in done.stdout.split("\0") if name) if path.is_file()]


def is_text(path: Path) -> bool:
    content = path.read_bytes()
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return b"\0" not in content


def test_what_is_committed_is_text_but_for_pictures_and_small_inputs_of_tests():
    binary = [path.relative_to(ROOT) for path in committed() if not is_text(path)]
    inputs = [path for path in binary if path.suffix in INPUTS and path.parts[0] in ("tests", "examples")]
    assert [path.as_posix() for path in binary if path.suffix not in PICTURES and path not in inputs] == []
    assert [path.as_posix() for path in inputs if (ROOT / path).stat().st_size > SMALL] == []
