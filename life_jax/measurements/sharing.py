"""Rows of measurements as others can take them: tidy, whatever tool wrote them, and no more than they say."""

import csv
from collections.abc import Iterable, Iterator, Mapping
from typing import TextIO

from life_jax.measurements.readers.base import COLUMNS, OPTIONAL
from life_jax.measurements.rows import FORMULA, Setting, place

TIDY = (*COLUMNS, *OPTIONAL)


def ready(rows: Iterable[Mapping[str, str]]) -> Iterator[dict[str, str]]:
    """The rows that are understood, by the columns of a tidy table; without those in which a spreadsheet would find a
    formula."""
    for row in rows:
        tidy = {column: str(row.get(column) or "") for column in TIDY}
        if isinstance(place(row), Setting) and not any(FORMULA.match(cell) for cell in tidy.values()):
            yield tidy


def as_text(row: Mapping[str, str], file: TextIO) -> None:
    """Write one row as CSV, with a line of names; of the columns that need not be there, those that say something."""
    used = [column for column in TIDY if column in COLUMNS or row[column]]
    csv.writer(file, lineterminator="\n").writerows([used, [row[column] for column in used]])


def write(rows: Iterable[Mapping[str, str]], file: TextIO) -> int:
    """Write all rows that are ready as CSV, and return how many there are."""
    writer, count = csv.DictWriter(file, TIDY, lineterminator="\n"), 0
    writer.writeheader()
    for count, row in enumerate(ready(rows), 1):  # noqa: B007, which is what is returned
        writer.writerow(row)
    return count
