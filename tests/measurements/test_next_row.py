"""What to measure next is what the measured rows leave open."""

import dataclasses

import pytest
from test_calibration import COLUMNS, ENGINE, HW, ROWS, invented

from life_jax.measurements import next_row
from life_jax.measurements.next_row import usual_requests


def same(engine):
    return engine


@pytest.mark.parametrize(("measured", "kind"), [([0, 3], "TPOT"), ([1, 2], "TTFT")])
def test_after_rows_of_one_kind_one_of_the_other_tells_most(measured, kind):
    found = next_row.next_row([invented(same)[i] for i in measured])
    assert found is not None and found.setting.kind == kind
    assert found.after < found.before


def test_a_further_row_leaves_less_open_than_there_was():
    long = {**ROWS[0], "id": "long", "prompt_tokens": "4096"}
    settings = invented(same, [ROWS[0], long])
    first, then = (next_row.next_row(settings[:n]) for n in (1, 2))
    assert first is not None and then is not None and then.before < first.before


def test_nothing_is_recommended_that_does_not_fit_the_memory():
    (setting,) = invented(same)[:1]
    large = dataclasses.replace(setting, model="llama3_70b")
    assert usual_requests([setting]) and not usual_requests([large])
    assert next_row.next_row([large]) is None


def test_tables_of_several_machines_have_no_next_row():
    one, two = invented(same)[:2]
    assert next_row.of_one_machine([one, dataclasses.replace(two, hw="rtx_3090")]) is None
    assert next_row.of_one_machine([]) is None


def test_rows_without_a_forecast_do_not_count():
    settings = invented(same)[:2]
    nothing = dataclasses.replace(settings[1], value=float("nan"))
    assert next_row.of_one_machine([nothing]) is None
    assert str(next_row.of_one_machine([settings[0], nothing])) == str(next_row.of_one_machine(settings[:1]))


def test_calibrate_and_validate_say_it(life, tmp_path):
    settings = invented(same)[:2]
    lines = [",".join(COLUMNS)]
    for row, s in zip(ROWS, settings, strict=False):
        of = {**row, "hardware": HW, "engine": ENGINE, "value": f"{s.value}"}
        lines.append(",".join(of[column] for column in COLUMNS))
    (tmp_path / "mine.csv").write_text("\n".join(lines))
    for words in (("calibrate", "mine.csv", f"hw={HW}", f"engine={ENGINE}"), ("validate", "mine.csv")):
        done = life(*words)
        assert done.status == 0, done.err
        (line,) = [line for line in done.out.splitlines() if line.startswith(next_row.HEAD)]
        assert "decode" in line or "prefill" in line
