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


def test_speed_ups_under_eager_code_are_met_within_fifteen_percent_in_the_middle(cases):
    errors = [abs(case.error) for case in cases if "Spec-Bench" in case.kind]
    assert len(errors) == 14
    assert statistics.median(errors) < 0.15 and max(errors) < 0.3


def test_exchanges_of_deepep_are_met_within_a_fifth_at_low_latency(cases):
    errors = [abs(case.error) for case in cases if "low latency" in case.kind]
    assert len(errors) == 12
    assert max(errors) < 0.2 and statistics.median(errors) < 0.05


def test_exchanges_of_prompts_are_met_within_an_eighth(cases):
    errors = [abs(case.error) for case in cases if "DeepEP normal" in case.kind]
    assert len(errors) == 8
    assert max(errors) < 0.125 and statistics.median(errors) < 0.04


def test_experts_on_the_cpu_are_met_within_a_fifth_and_their_prompts_within_a_quarter(cases):
    decode, prefill = (
        [abs(case.error) for case in cases if case.kind == f"Experts on the CPU, {phase}"]
        for phase in ("decode", "prefill")
    )
    assert len(decode) == 10 and max(decode) < 0.23 and statistics.median(decode) < 0.12
    assert len(prefill) == 4 and max(prefill) < 0.25
