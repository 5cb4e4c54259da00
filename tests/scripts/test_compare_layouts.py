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


def test_the_page_has_the_tables_of_the_script(cases):
    assert compare_layouts.markdown(cases) in compare_layouts.PAGE.read_text(encoding="utf-8")


def test_speed_ups_in_serving_engines_are_met_within_fifteen_percent(cases):
    errors = [abs(case.error) for case in cases if case.kind.startswith("Drafts in serving engines")]
    assert len(errors) == 8
    assert max(errors) < 0.155
    assert statistics.median(errors) < 0.08


def test_experts_on_the_cpu_are_met_where_the_measurement_is_not_of_one_numa_node(cases):
    errors = {case.what: case.error for case in cases if case.kind == "Experts on the CPU, decode"}
    assert all(abs(error) < 0.2 for what, error in errors.items() if "Qwen3-Next" in what or "dual" in what)
