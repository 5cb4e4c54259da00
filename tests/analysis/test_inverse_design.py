"""The cheapest design against brute force over a grid, its prices against the curve, and what cannot be."""

import json

import numpy as np
import pytest
from laws import in_numpy

import life_jax as life
from life_jax.analysis import inverse_design
from life_jax.analysis.design_question import problem
from life_jax.forecasting.metrics import METRICS

POINT = ["workload.batch=4", "workload.prompt_tokens=512"]
HOME = ["hw=h100_sxm", "model=llama3_8b", "engine=generic", *POINT]


def asked(*words: str) -> inverse_design.Problem:
    kept = [word for word in HOME if word.split("=")[0] not in {w.split("=")[0] for w in words}]
    return problem(life.load([*kept, *words], primary="design"))


def brute(words: list[str], minimize: str, grid: dict[str, tuple[float, float]], targets: list[str]) -> float:
    """The least over a fine grid of designs that meet the targets."""
    axes = [f"axes.{key}=geomspace({low},{high},241)" for key, (low, high) in grid.items()]
    ds = in_numpy(*words, *axes, f"metrics=[{minimize},ttft,tpot,throughput]")
    meets = np.ones(ds[minimize].shape, bool)
    for metric, limit in (target.split("=") for target in targets):
        meets &= METRICS[metric].sign * (ds[metric].values - float(limit)) <= 0
    return float(ds[minimize].values[meets].min())


@pytest.mark.parametrize(
    ("words", "targets", "minimize"),
    [
        (HOME, ["ttft=0.03", "tpot=0.006"], "price"),
        (["hw=h100_sxm", "model=llama3_8b", "engine=ideal", *POINT], ["ttft=0.03", "tpot=0.006"], "price"),  # has kinks
        pytest.param([*HOME, "opt=int4"], ["tpot=0.004", "throughput=900"], "price", marks=pytest.mark.slow),
        pytest.param(
            ["hw=rtx_4090", "model=llama3_8b", "engine=generic", *POINT],
            ["ttft=0.1", "tpot=0.01"],
            "cost_per_mtoken",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_the_design_is_as_cheap_as_the_best_of_a_fine_grid(words, targets, minimize):
    targets_ = [f"target.{t}" for t in targets]
    free = ["free=[peak_tflops.fp16,bandwidth_gb_per_s]"]
    q = problem(life.load([*words, *targets_, *free, f"minimize={minimize}"], primary="design"))
    found = inverse_design.cheapest(q)
    assert found.met
    grid = {key: (found.numbers[key] / 1.5, found.numbers[key] * 1.5) for key in found.numbers}
    wide = dict(zip(found.numbers, q.ranges, strict=True))
    step = 1.5 ** (2 / 240)
    for around in (grid, wide):  # close by, and everywhere: there is no better one elsewhere
        least = brute(words, minimize, around, targets)
        assert found.cost <= least * (1 + 1e-6)
    assert brute(words, minimize, grid, targets) <= found.cost * step**1.01


def test_shadow_prices_are_slopes_of_the_curve_of_cost():
    q = asked("target.ttft=0.03", "target.tpot=0.005", "free=[peak_tflops.fp16,bandwidth_gb_per_s]")
    found = inverse_design.cheapest(q)
    assert found.cost == pytest.approx(
        float(life.forecast(q.at(np.log(list(found.numbers.values()))), ("price",))["price"])
    )
    for metric, (ttft, tpot) in (("ttft", (1.002, 1.0)), ("tpot", (1.0, 1.002))):
        laxer, stricter = (
            inverse_design.cheapest(
                asked(
                    f"target.ttft={0.03 * ttft**sign}",
                    f"target.tpot={0.005 * tpot**sign}",
                    "free=[peak_tflops.fp16,bandwidth_gb_per_s]",
                )
            ).cost
            for sign in (1, -1)
        )
        saved = np.log(stricter / laxer) / (2 * np.log(1.002))
        assert found.shadow[metric] == pytest.approx(saved, rel=0.03)


def test_a_target_that_does_not_bind_costs_nothing():
    found = inverse_design.cheapest(
        asked("target.ttft=0.03", "target.tpot=10", "free=[peak_tflops.fp16,bandwidth_gb_per_s]")
    )
    assert found.met
    assert found.shadow["tpot"] == 0
    assert found.values["ttft"] == pytest.approx(0.03, rel=1e-4)


def test_the_curve_falls_as_targets_grow_lax():
    costs = [
        one.cost for _, one in inverse_design.curve(asked("target.ttft=0.05", "target.tpot=0.01"), (0.8, 1.0, 1.5))
    ]
    assert costs[0] > costs[1] > costs[2]


def test_where_nothing_meets_the_targets_the_nearest_is_shown():
    q = asked("target.tpot=0.0001")  # the steps of the host alone take longer
    found = inverse_design.cheapest(q)
    assert not found.met
    best = life.forecast(q.at(np.log([high for _, high in q.ranges])), ("tpot",))["tpot"]
    assert found.values["tpot"] == pytest.approx(float(best), rel=1e-3)


def test_memory_precision_and_batch_can_be_free():
    memory = inverse_design.cheapest(asked("target.fits_memory=true", "free=[memory_gb]"))
    assert memory.values["fits_memory"] == pytest.approx(1, rel=1e-4)
    scenario = memory.problem.scenario
    needed = float(life.forecast(scenario, ("memory",))["memory"]) + scenario.device.memory_reserved
    needed = needed / scenario.device.memory_seen
    assert memory.numbers["memory_gb"] == pytest.approx(needed / 1e9, rel=1e-4)
    bits = inverse_design.cheapest(asked("target.tpot=0.005", "free=[weight_bits]", "range.weight_bits=[2,16]",
                                  "minimize=energy_per_token"))  # fmt: skip
    assert bits.met
    assert bits.at_bound == {"weight_bits": "low"}  # fewer bits cost less energy, too
    batch = inverse_design.cheapest(
        asked("target.tpot=0.02", "free=[batch]", "range.batch=[1,512]", "minimize=cost_per_mtoken")
    )
    assert batch.met
    assert batch.values["tpot"] <= 0.02
    assert batch.numbers["batch"] == round(batch.numbers["batch"])  # sequences come whole: one more is too slow
    (parameter,) = batch.problem.parameters
    more = parameter.set(batch.problem.scenario, batch.numbers["batch"] + 1)
    assert float(life.forecast(more, ("tpot",))["tpot"]) > 0.02


def test_the_command_answers_in_tables_and_json(life):
    words = ["hw=v100", "target.tpot=0.02", "free=[bandwidth_gb_per_s]"]
    said = life("design", *words)
    assert said.status == 0, said.err
    assert "binds" in said.out
    answer = json.loads(life("design", *words, "format=json").out)
    assert answer["met"]
    assert answer["values"]["tpot"] == pytest.approx(0.02, rel=1e-4)
    nothing = life("design", "hw=v100", "target.tpot=1e-9")
    assert "NO DESIGN" in nothing.out
    assert nothing.status == 0


def test_all_rates_are_one_free_number_as_they_are_one_elasticity():
    q = asked("target.ttft=0.03", "free=[peak_tflops]")
    (rates,) = q.parameters
    now = rates.get(q.scenario)
    assert now * 1e12 == pytest.approx(q.scenario.device.rates["datasheet"])
    twice = rates.set(q.scenario, 2 * now).device.rates
    assert [twice[pipe] for _, _, pipe in rates.paths] == pytest.approx(
        [2 * q.scenario.device.rates[pipe] for _, _, pipe in rates.paths]
    )
    assert inverse_design.cheapest(q).met
    with pytest.raises(life.ConfigError, match="peak_tflops"):
        life.load([*HOME, "axes.peak_tflops=[100,200]"])


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ([], "target.METRIC= is missing"),
        (["target.tpt=1"], "tpt"),
        (["target.ttft=-1"], "0 or more"),
        (["target.max_batch=4"], "slope"),
        (["target.ttft=1", "minimize=tps"], "less is better"),
        (["target.ttft=1", "free=[bandwith]"], "bandwith"),
        (["target.ttft=1", "range.memory_gb=[4,2]"], "LOW,HIGH"),
        (["target.ttft=1", "free=[batch]", "range.memory_gb=[2,4]"], "not free"),
        (["target.ttft=1", "axes.output_tokens=[1,2]"], "free=.output_tokens"),
        (["target.ttft=1", "hw=[v100,a100]"], "one model, one device"),
        (["target.ttft=1", "free=[batch]", "range.batch=[1.2,1.8]"], "no whole number"),
        (["target.ttft=1", "minimize=power", "hw=m1"], "not a number"),
    ],
)
def test_questions_without_an_answer_are_refused(words, reason):
    with pytest.raises(life.ConfigError, match=reason):
        asked(*words)
