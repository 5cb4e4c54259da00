"""Which numbers of a device serve requests within targets, against brute force and differences."""

from dataclasses import replace

import numpy as np
import pytest

import life_jax
from life_jax.analysis import inverse_design
from life_jax.analysis.design_question import problem
from life_jax.config.schema.errors import ConfigError
from life_jax.forecasting.metrics import forecast

HOME = ["hw=h100_sxm", "model=llama3_8b", "engine=vllm", "prompt=1024", "output=256"]
BANDWIDTH, RATE = "bandwidth_gb_per_s", "peak_tflops.fp16"


def asked(*words: str) -> inverse_design.Problem:
    return problem(life_jax.load([*HOME, *words], primary="design"))


def values(question: inverse_design.Problem, number: float, names: tuple[str, ...]) -> dict[str, float]:
    with np.errstate(all="ignore"):
        found = forecast(question.at([np.log(number)]), names)
    return {name: float(value) for name, value in found.items()}


def test_no_bandwidth_of_a_grid_serves_the_rate_for_less():
    words = ["target.max_rate=10", "target.ttft=0.5", "target.percentile=99", f"free=[{BANDWIDTH}]"]
    question = asked(*words)
    found = inverse_design.cheapest(question)
    assert found.met and found.values["max_rate"] == pytest.approx(10, rel=1e-4)
    best = found.numbers[BANDWIDTH]
    grid = np.geomspace(best / 1.5, best * 1.5, 41)
    of_grid = [values(question, x, ("max_rate", "price")) for x in grid]
    least = min(of["price"] for of in of_grid if of["max_rate"] >= 10)
    assert found.cost <= least * (1 + 1e-6)
    assert least <= found.cost * (grid[1] / grid[0])
    # at that rate 99 of 100 see their first token in time, and with less of it they do not
    times = [values(question, part * best, ("ttft_p99",))["ttft_p99"] for part in (1.001, 0.995)]
    assert times[0] <= 0.5 < times[1]
    dearer, cheaper = (values(question, best * (1 + sign * 1e-3), ("max_rate", "price")) for sign in (1, -1))
    by_rate = np.log(dearer["max_rate"] / cheaper["max_rate"])
    assert found.shadow["max_rate"] == pytest.approx(np.log(dearer["price"] / cheaper["price"]) / by_rate, rel=0.05)


@pytest.mark.parametrize(
    "words",
    [
        ["rate=6", "target.ttft=0.3", "target.tpot=0.02", "target.percentile=90", "minimize=cost_per_request"],
        ["concurrency=24", "target.tpot_mean=0.01", "target.output_rate=2000"],
        ["rate=3", "prompt=lognormal(1024,1)", "opt=disaggregated", "target.ttft_p99=1", "minimize=energy_per_request"],
    ],
)
def test_slopes_of_a_design_under_load_are_differences(words):
    home = [word for word in HOME if word.split("=")[0] not in {w.split("=")[0] for w in words}]
    question = problem(life_jax.load([*home, *words, f"free=[{BANDWIDTH},{RATE}]"], primary="design"))
    point, step = question.start - 0.05, 1e-5
    _, slopes = question.oracle.values_and_slopes(point)
    for index in range(2):
        ends = [question.oracle.batch((point + sign * step * np.eye(2)[index])[None])[0] for sign in (1, -1)]
        assert slopes[:, index] == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-4, abs=1e-6)


def test_a_rate_that_is_above_the_capacity_of_the_file_is_a_question_too():
    question = asked("rate=60", "target.ttft_p90=1", f"free=[{BANDWIDTH},{RATE}]")
    assert question.is_answerable
    assert not np.isfinite(question.oracle.values(question.start)).all()
    high = question.oracle.values(np.array(question.bounds)[:, 1])
    assert np.isfinite(high).all()


def test_times_are_limits_of_the_largest_rate_and_else_targets_at_their_percentile():
    largest = asked("target.max_rate=4", "target.tpot=0.02", "target.percentile=95", f"free=[{BANDWIDTH}]")
    load = largest.scenario.load
    assert (load.rate, load.tpot_limit, load.percentile) == (4, 0.02, 95)
    assert [t.metric for t in largest.targets] == ["max_rate"]
    alone = asked("rate=4", "target.tpot=0.02", "target.percentile=99", f"free=[{BANDWIDTH}]")
    assert [(t.metric, t.value) for t in alone.targets] == [("tpot_p99", 0.02)]
    still = replace(alone.scenario.load, rate=0.0)
    assert still == asked("target.tpot=0.02", f"free=[{BANDWIDTH}]").scenario.load  # of a static batch without a rate


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["target.ttft_p99=0.2"], "ttft_p99 is of requests under load: how do they arrive"),
        (["target.tpot=0.2", "minimize=cost_per_request"], "cost_per_request is of requests under load"),
        (["rate=4", "target.ttft=0.2", "target.percentile=95"], "50, 90 or 99 is needed"),
        (["rate=4", "target.goodput=3"], "a metric with a slope"),
        (["rate=4", "target.ttft=0.2", "method=simulate"], "design follows slopes"),
        (["rate=4", "concurrency=4", "target.ttft=0.2"], "are given together"),
    ],
)
def test_questions_that_make_no_sense_under_load_are_refused(words, reason):
    with pytest.raises(ConfigError, match=reason):
        asked(*words)
