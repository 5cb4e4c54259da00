"""The pages of the site that are made of the code have everything, and their links lead somewhere."""

import ast

import make_site_pages as pages
import pytest
from places import ROOT

import life_jax
from life_jax import catalog

OPERATORS = [path for path in sorted((ROOT / "life_jax" / "operators").glob("*.py")) if path.stem != "__init__"]
FORMULAS = dict(pages.formula_pages())


@pytest.mark.parametrize("path", OPERATORS, ids=lambda path: path.stem)
def test_every_formula_has_an_entry_with_its_reference_and_its_code(path):
    text = FORMULAS.get(f"reference/formulas/{path.stem}", "")
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        docstring = isinstance(node, ast.FunctionDef) and not node.name.startswith("_") and ast.get_docstring(node)
        if docstring:
            assert f"\n## {node.name}\n" in text and f"def {node.name}(" in text
            assert docstring.count("arXiv") == 0 or "arXiv" in text
            assert '"""' not in text


def test_every_kind_of_the_catalogue_has_a_page_with_all_its_members():
    made = dict(pages.catalogue_pages())
    assert set(made) == {f"reference/catalogue/{kind}" for kind in catalog.LISTINGS}
    listed = (ROOT / "docs" / "catalogue.md").read_text(encoding="utf-8")
    for kind, (_, _, rows_of) in catalog.LISTINGS.items():
        assert made[f"reference/catalogue/{kind}"].count("\n| ") == 1 + len(rows_of(())), (
            kind
        )  # the head, and a row each
        assert f"\nreference/catalogue/{kind}\n" in listed


def test_every_public_name_has_an_entry():
    _, text = pages.api_page()
    for name in life_jax.__all__:
        assert f"}} life_jax.{name}" in text, name
    assert "life_jax.plot.roofline(scenario" in text


def test_markup_of_a_docstring_is_text_and_its_code_stays():
    made = pages.as_markdown("Rates *_tflops of `a*b` below <x>.\n\n        a * b\n    Last.\n")
    assert made == "Rates \\*_tflops of `a*b` below \\<x>.\n\n    a * b\nLast."


def test_links_lead_to_pages_of_the_site():
    moved = pages.as_in_the_site("[a](../GLOSSARY.md) [b](decisions/README.md#x) [c](start.md)", "how_to")
    assert moved == "[a](reference/project/GLOSSARY.md) [b](decisions/README.md#x) [c](start.md)"
    inner = pages.as_in_the_site("[a](../../CONTRIBUTING.md#recipes) [b](../speed.md)", "decisions/0001-x")
    assert inner == "[a](../reference/project/CONTRIBUTING.md#recipes) [b](../speed.md)"
    beside = dict(pages.project_pages())["reference/project/CONTRIBUTING"]
    assert "](../../decisions/README.md)" in beside and "](../../start.md)" in beside and "](GLOSSARY.md)" in beside


def test_pages_are_written_once_and_old_ones_go(tmp_path, monkeypatch):
    monkeypatch.setattr(pages, "catalogue_pages", lambda: iter([("reference/catalogue/hw", "# Devices\n")]))
    (tmp_path / "reference" / "catalogue").mkdir(parents=True)
    (tmp_path / "reference" / "catalogue" / "gone.md").write_text("# Gone\n")
    pages.write(tmp_path)
    before = (tmp_path / "reference" / "api.md").stat().st_mtime_ns
    pages.write(tmp_path)
    assert sorted(path.name for path in (tmp_path / "reference" / "catalogue").iterdir()) == ["hw.md"]
    assert (tmp_path / "reference" / "api.md").stat().st_mtime_ns == before
    assert (tmp_path / "reference" / "stories" / "first_steps.ipynb").is_file()


def test_stories_of_the_site_are_run_once_for_each_state_of_code_and_facts(monkeypatch):
    import runpy

    def configured():
        return runpy.run_path(str(ROOT / "docs" / "conf.py"))

    monkeypatch.delenv("LIFE_JAX_STORIES", raising=False)
    first = configured()
    assert first["nb_execution_mode"] == "cache" and first["nb_execution_raise_on_error"]
    assert first["nb_execution_cache_path"] == configured()["nb_execution_cache_path"]
    monkeypatch.setattr("life_jax.core.own_code.code_hash", lambda: "other code")
    assert configured()["nb_execution_cache_path"] != first["nb_execution_cache_path"]
    monkeypatch.setenv("LIFE_JAX_STORIES", "off")
    assert configured()["nb_execution_mode"] == "off"
