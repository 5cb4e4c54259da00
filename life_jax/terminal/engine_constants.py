"""The fitted constants of an engine, and how many measured rows tell each of them."""

from collections.abc import Mapping
from typing import Any

from life_jax.terminal import tables
from life_jax.terminal.layout import Column

STEPS = ("TTFT", "TPOT", "total")  # kinds of rows, in the order of conf/engine_fits.yaml


def show(engine: str, numbers: Mapping[str, float], told: Mapping[str, Any]) -> None:
    """Print a table of the constants that rows tell, and a line with the others.

    numbers: fitted constants by key of the engine's file. told: key -> rows of TTFT, of TPOT, of totals, and the part
    of the prior's variance that they leave.
    """
    known = [key for key in numbers if key in told]
    columns = [Column("constant", known, key=True), Column("value", [f"{numbers[key]:.4g}" for key in known], True)]
    columns += [
        Column(f"{step} rows", [str(told[key][i]) for key in known], True, rank=1) for i, step in enumerate(STEPS)
    ]
    columns.append(Column("variance left", [f"{told[key][-1]:.0%}" for key in known], True))
    tables.table(columns, (), f"constants of {engine}, and the rows that tell them", "conf/engine_fits.yaml has them")
    others = [key for key in numbers if key not in told]
    if others:
        tables.say(f"No row tells {', '.join(others)}: values of the engine's family, of all engines, or priors.")
