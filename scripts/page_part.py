"""The part of a page that a script writes, between two lines that mark it."""

from pathlib import Path

from life_jax.core.whole_file import whole_file


def replaced(page: Path, start: str, end: str, text: str) -> None:
    """Put the text between the lines `start` and `end` of a page, in place of what is there."""
    before, _, rest = page.read_text(encoding="utf-8").partition(start)
    with whole_file(page, overwrite=True) as new:
        new.write_text(f"{before}{start}\n{text}\n{end}{rest.partition(end)[2]}", encoding="utf-8")
