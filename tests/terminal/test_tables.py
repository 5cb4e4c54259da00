"""Tables and numbers that people read."""

import pytest

from life_jax.terminal.tables import engineering, table


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (13.476e9, "B", "13.48 GB"), (0.0012, "s", "1.2 ms"), (0.0, "s", "0 s"), (float("nan"), "s", "-"),
        (float("inf"), "s", "inf s"), (999.96, "", "1000"), (1e3, "", "1 k"), (-2.5e6, "", "-2.5 M"),
        (3e-9, "s", "3 ns"), (1e15, "FLOP", "1 PFLOP"), (250e-6, "s", "250 us"),
    ],
)  # fmt: skip
def test_numbers_have_four_digits_and_a_prefix(value, unit, shown):
    assert engineering(value, unit) == shown


def test_a_table_has_every_cell_whole_however_long(capsys):
    long = "x" * 100
    table([("name", "left"), ("time", "right")], [("a", "1 ms"), (long, "20 ms")], "what it is")
    out = capsys.readouterr().out
    assert long in out and "what it is" in out
    assert [line.split() for line in out.splitlines() if " ms" in line] == [["a", "1", "ms"], [long, "20", "ms"]]
