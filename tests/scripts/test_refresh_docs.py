"""Pages say what their commands print, and every command of a page works."""

import re
from pathlib import Path

import picture_explorer
import picture_residuals
import pytest
import refresh_docs
from places import ROOT

PAGES = refresh_docs.pages()
NAMES = [page.relative_to(ROOT).as_posix() for page in PAGES]


@pytest.fixture
def session():
    with refresh_docs.session() as run:
        yield run


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_a_page_says_what_its_commands_print_today(page, session):
    text = page.read_text(encoding="utf-8")
    made = refresh_docs.refreshed(text, session, everything=False)
    assert made.splitlines() == text.splitlines(), "python scripts/refresh_docs.py makes the pages anew"
    missing = {path.split("/")[-1] for path in refresh_docs.missing_pictures(text, session)}
    assert missing - drawn_by_others(page) - set(picture_explorer.FOR_DOCS) - set(picture_residuals.NAMES) == set()


def drawn_by_others(page: Path) -> set[str]:
    """Names of pictures that other pages show and have the command for, which their own test holds them to."""
    names = set()
    for other in PAGES:
        text = other.read_text(encoding="utf-8")
        shown = {path.split("/")[-1] for path in refresh_docs.PICTURE.findall(text)}
        names |= {name for name in shown if other != page and f"out={name.rpartition('_')[0]}.nc" in text}
    return names


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_pictures_and_links_of_a_page_are_there(page):
    text = page.read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)\s#]+)(?:#[\w-]+)?\)", text) if "://" not in link]
    made = "reference/"  # by the build of the site
    assert [link for link in links if not (page.parent / link).exists() and not link.startswith(made)] == []


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_a_page_shows_its_commands_in_blocks_that_are_run(page):
    text = refresh_docs.BLOCK.sub("", page.read_text(encoding="utf-8"))
    text = refresh_docs.PRINTED.sub("", text)  # what Python prints may be a script
    shown = [block for block in re.findall(r"^```.*?^```", text, re.DOTALL | re.MULTILINE) if "life-jax " in block]
    assert shown == []


def test_readme_is_short():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 128


def test_a_number_that_has_changed_is_seen(session):
    page = "```console\n$ life-jax catalog opt int4_zp\nopt  numbers\n```\n"
    made = refresh_docs.refreshed(page, session)
    assert made != page and made == refresh_docs.refreshed(made, session)
    assert "int4_zp" in made.split("\n", 2)[2]


def test_the_hash_in_the_name_of_a_result_is_no_change(session):
    assert refresh_docs.same("sweeps/out/m_v100_int4_68e9c88a.nc\n", "sweeps/out/m_v100_int4_0123abcd.nc\n")
    assert not refresh_docs.same("memory 3.968\n", "memory 3.969\n")


def test_a_command_that_fails_is_an_error_and_so_is_one_that_should(session):
    with pytest.raises(refresh_docs.PageError, match="ended with status 2"):
        refresh_docs.refreshed("```sh\npip install x\nlife-jax catalog nothing\n```\n", session)
    with pytest.raises(refresh_docs.PageError, match="ended with status 0"):
        refresh_docs.refreshed("<!-- refused -->\n```console\n$ life-jax catalog opt int4\n```\n", session)
    with pytest.raises(refresh_docs.PageError, match="for life-jax"):
        refresh_docs.refreshed("```console\n$ rm -r x\n```\n", session)


def test_python_of_a_page_shares_its_names_and_prints_below(session):
    page = "```python\na = 2\n```\n\n```python\nprint(a + 1)\n```\n\n```text\n4\n```\n"
    assert refresh_docs.refreshed(page, session) == page.replace("\n4\n", "\n3\n")
    with pytest.raises(refresh_docs.PageError, match="ZeroDivisionError"):
        refresh_docs.refreshed("```python\n1 / 0\n```\n", session)


def test_parts_of_an_output_are_kept_as_a_comment_says(session):
    printed = "a\nb  \n\nsweeps/out/x.nc\n"
    assert refresh_docs.shortened(printed, "<!-- first 1 lines -->") == "a\n...\n"
    assert refresh_docs.shortened(printed, "<!-- last 1 lines -->") == "...\nsweeps/out/x.nc\n"
    assert refresh_docs.shortened(printed, "<!-- first 9 lines -->") == "a\nb\n\nsweeps/out/x.nc\n"
    assert refresh_docs.shortened(printed, "<!-- without the path -->") == "a\nb\n"


def test_the_errors_of_the_readme_are_those_of_docs_accuracy():
    first = "new rows, sources left out  TTFT  16.1/ 13.2 (187, bias 0.97)  TPOT   9.4/ 11.0 (242, bias 1.02)\n"
    others = "".join(f"{start} TTFT  2.0/ 1.0 (3, bias 1)\n" for start in list(refresh_docs.ROWS.values())[1:])
    row = refresh_docs.errors_table(first + others).splitlines()[2]
    name = next(iter(refresh_docs.ROWS))
    assert row == f"| {name} | 16.1 / 13.2 (187) | 9.4 / 11.0 (242) |  |"
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert refresh_docs.with_errors(readme) == readme


def test_the_sentence_below_the_errors_says_what_they_are():
    """Of the first row and of the datasheet's, rounded, and what intervals hold by docs/accuracy.md."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    accuracy = (ROOT / "docs" / "accuracy.md").read_text(encoding="utf-8")

    def means(row):
        return [f"{float(cell.split('/')[0]):.0f}" for cell in readme.split(row)[1].split("|")[1:3]]

    ttft, tpot = means("| rows of 2024 to 2026 of publishers that the fit had not seen")
    assert f"{ttft} % for TTFT, {tpot} % for TPOT" in readme.replace("\n", " ")
    assert "off by {} and {} %".format(*means("| the datasheet's bound")) in readme.replace("\n", " ")
    held = re.search(r"half-widths from the other sources alone: all TTFT (\d+) %, TPOT (\d+) %", accuracy)
    assert held is not None and f"hold {held[1]} and {held[2]} % of them" in readme.replace("\n", " ")
