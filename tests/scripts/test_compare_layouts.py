"""Forecasts of drafts, places and transfers beside what others published."""

import statistics
import sys

import pytest
from places import DATA, ROOT

sys.path.insert(0, str(ROOT / "scripts"))
import compare_layouts

pytestmark = pytest.mark.data


@pytest.fixture(scope="module")
def cases():
    return compare_layouts.all_cases(DATA / "serving")


def test_the_page_has_the_rows_of_the_script_with_forecasts_of_this_code_or_near(cases):
    page = compare_layouts.PAGE.read_text(encoding="utf-8")
    for case in cases:
        row = next(line for line in page.splitlines() if line.startswith(f"| {case.what} | {case.measured:.4g} "))
        assert float(row.split("|")[3].split()[0]) == pytest.approx(case.forecast, rel=0.05), case.what


def test_speed_ups_in_serving_engines_are_met_within_fifteen_percent(cases):
    errors = [abs(case.error) for case in cases if case.kind.startswith("Drafts in serving engines")]
    assert len(errors) == 8
    assert max(errors) < 0.155
    assert statistics.median(errors) < 0.08


def test_experts_on_the_cpu_are_met_within_a_quarter_on_one_socket(cases):
    errors = {case.what: case.error for case in cases if case.kind == "Experts on the CPU, decode"}
    assert all(abs(error) < 0.25 for what, error in errors.items() if "Qwen3-Next" in what or "single" in what)
