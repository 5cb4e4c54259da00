"""Tables and numbers that people read."""

import pytest

from life_jax.terminal.layout import Column
from life_jax.terminal.tables import digits, engineering, prefix_of, table


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


NUMBERS = Column("time ms", ["1.234", "20", "3456"], True)


def _lines(capsys):
    return capsys.readouterr().out.splitlines()


def _numbers(lines):
    return sorted(word for line in lines for word in line.split() if word[0].isdigit())


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
def test_a_table_cuts_no_number_at_any_width(width, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))
    names = Column("model", ["meta-llama/Llama-3.1-70B-Instruct", "b" * 60, "c"], key=True, wraps=True)
    more = [Column(f"number {i} of many", [f"{i}.2345", "9", "12345"], True) for i in range(7)]
    table([names, NUMBERS, *more], (), ["what it is", "a long title " * 12])
    lines = _lines(capsys)
    assert max(map(len, lines)) <= width
    body = "\n".join(lines)
    for column in (NUMBERS, *more):
        for cell in column.cells:
            assert _numbers(lines).count(cell) >= 1, (cell, body)
    assert "..." not in body and "…" not in body


def test_columns_of_high_rank_give_way_first_and_are_named(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "30")
    texts = [Column(f"remark {rank}", ["aaaaaaaaaa", "bbbbbbbbbb", "c"], rank=rank) for rank in (1, 2, 3)]
    table([Column("name", ["a", "b", "c"], key=True), NUMBERS, *texts])
    out = capsys.readouterr().out
    assert "remark 1" in out.splitlines()[0] and "remark 3" not in out.splitlines()[0]
    assert "no room for remark 2, remark 3" in " ".join(out.split())


def test_what_is_the_same_in_every_row_goes_to_the_title_only_where_there_is_no_room(capsys, monkeypatch):
    rows = ["a", "b", "c"]
    columns = [Column("a long name", rows, key=True), Column("decode binds", ["memory"] * 3, rank=1)]
    for width, title in ((80, ["what it is"]), (24, ["what it is", "decode binds: memory"])):
        monkeypatch.setenv("COLUMNS", str(width))
        table(columns, (), ["what it is"])
        assert _lines(capsys)[: len(title) + 1] == [*title, ""]


def test_one_cell_says_nothing_about_others(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    table([Column("a long heading", ["1"], True), Column("fits", ["yes"], rank=1)], (), ["title"])
    assert "fits: yes" not in capsys.readouterr().out


def test_what_must_be_shown_stands_in_blocks_with_its_keys(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "30")
    table(
        [Column("name", ["a", "b", "c"], key=True), *(Column(f"metric{i} s", ["1.234567"] * 3, True) for i in range(5))]
    )
    lines = _lines(capsys)
    assert sum(line.startswith("name") for line in lines) > 1
    assert sum(line.count("1.234567") for line in lines) == 15


def test_headings_stand_on_several_lines_before_a_column_goes_to_another_block(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "30")
    table([Column("bandwidth_gb_per_s", ["1"], True, key=True), Column("prefill compute time s", ["2"], True)])
    lines = _lines(capsys)
    assert len(lines[-2].split()) == 2 and all(len(line) <= 30 for line in lines)


def test_a_pipe_that_cannot_say_its_width_gets_80_columns(capsys, monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    table([Column("what", ["x" * 200], key=True, wraps=True), Column("n", ["1"], True)])
    assert max(map(len, _lines(capsys))) == 80


@pytest.mark.parametrize(
    ("value", "count", "shown"),
    [
        (14038.2, 4, "14040"), (0.0, 4, "0"), (float("nan"), 4, "-"), (float("inf"), 4, "inf"),
        (0.00012346, 4, "0.0001235"),
        (999.96, 4, "1000"), (116.0, 4, "116"), (-2.55555, 3, "-2.56"), (1.5e-7, 3, "1.50e-7"), (3e12, 4, "3.000e12"),
    ],
)  # fmt: skip
def test_numbers_of_a_column_have_their_digits_and_no_exponent_where_it_is_longer(value, count, shown):
    assert digits(value, count) == shown


@pytest.mark.parametrize(
    ("values", "prefix"),
    [([0.02, 14.0], "m"), ([1.2, 14.0], ""), ([4e9, 4e10], "G"), ([float("nan"), 0.0], ""), ([2e-6], "u"), ([], "")],
)
def test_a_column_has_one_prefix_that_suits_its_middle(values, prefix):
    assert prefix_of(values)[1] == prefix
