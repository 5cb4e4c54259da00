"""Numbers out of the cells of a tidy row, or the reason why there is none."""

from collections.abc import Mapping

from life_jax.measurements import cells


class NotUnderstood(Exception):
    """A cell of a row has no meaning here; the message says which and why."""


def number(row: Mapping[str, str], column: str) -> float | None:
    """The number of a cell, None where it is empty; NotUnderstood for what is no number, or a negative one."""
    text = row.get(column) or ""
    if not text:
        return None
    try:
        value = cells.number(text, column, row["metric"])
    except cells.Unreadable as reason:
        raise NotUnderstood(f"{column} {reason}") from None
    if value < 0:
        raise NotUnderstood(f"{column} {text.strip()} is negative")
    return value


def positive(row: Mapping[str, str], column: str) -> float | None:
    """A number above 0, None where the cell is empty; NotUnderstood for 0 too."""
    value = number(row, column)
    if value == 0:
        raise NotUnderstood("no measured value: it is 0" if column == "value" else f"{column} is 0")
    return value


def at_least_1(row: Mapping[str, str], column: str) -> float | None:
    """A number from 1 on, None where the cell is empty; NotUnderstood for less."""
    value = positive(row, column)
    if value is not None and value < 1:
        raise NotUnderstood(f"{column} {value:g} is less than 1")
    return value
