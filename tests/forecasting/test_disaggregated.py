"""Disaggregated pools of a scenario under load: times, rates, energy, cost, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest
from laws import scenario

import life_jax as life
from life_jax.config.schema.errors import ConfigError
from life_jax.core.places import APART
from life_jax.core.scenario import Scenario
from life_jax.core.units import UNLIMITED
from life_jax.forecasting.metrics import forecast
from life_jax.forecasting.request import Run
from life_jax.studies.simulation import simulated_metrics

WORDS = (
    "hw=h100_sxm",
    "model=llama3_8b",
    "engine=vllm",
    "engine.token_budget=2048",
    "prompt=1024",
    "output=64",
    "opt=disaggregated",
)
COSTS = (
    "energy_per_request", "energy_per_input_token", "energy_per_output_token", "cost_per_request",
    "load_cost_per_input_mtoken", "load_cost_per_output_mtoken", "load_power", "request_rate",
)  # fmt: skip


def numbers(s: Scenario, *names: str, **load: float) -> dict[str, float]:
    with np.errstate(all="ignore"):
        return {k: float(v) for k, v in forecast(replace(s, load=replace(s.load, **load)), names).items()}


@pytest.mark.parametrize("more", [(), ("tp=2",), ("prefill.hw=a100_sxm_80gb",), ("pp=2",)], ids=str)
def test_a_request_alone_sees_what_a_static_batch_of_one_does(more):
    s = scenario(*WORDS, *more)
    seen = numbers(s, "ttft_mean", "tpot_mean", rate=1e-4)
    run = Run(s)
    assert seen["tpot_mean"] == pytest.approx(float(run.tpot), rel=0.02)
    assert seen["ttft_mean"] == pytest.approx(float(run.ttft) - float(s.engine.host.request), rel=0.02)


def test_simulation_and_formula_of_pools_of_a_scenario_agree():
    s = scenario(*WORDS)
    most = numbers(s, "max_rate", rate=1.0, prefill_replicas=2.0)["max_rate"]
    load = {"rate": 0.5 * most, "prefill_replicas": 2.0, "requests": 800.0}
    names = ("ttft_mean", "tpot_mean", "request_rate", "utilization")
    with np.errstate(all="ignore"):
        seen = simulated_metrics(replace(s, load=replace(s.load, **load)), names)
    of = numbers(s, *names, **load)
    assert of["ttft_mean"] == pytest.approx(seen["ttft_mean"], rel=0.2)
    assert of["tpot_mean"] == pytest.approx(seen["tpot_mean"], rel=0.05)
    assert of["request_rate"] == pytest.approx(seen["request_rate"], rel=0.1)  # of 800, some end late


def test_pools_are_matched_where_neither_waits_for_the_other():
    s = scenario(*WORDS)
    rates = [
        numbers(s, "max_rate", rate=1.0, prefill_replicas=n, replicas=1.0)["max_rate"] for n in (1.0, 2.0, 4.0, 8.0)
    ]
    assert rates[1] > rates[0] and rates[2] == pytest.approx(rates[3])
    saturated = numbers(s, "ttft_mean", "request_rate", "goodput", rate=10 * rates[0])
    assert saturated["ttft_mean"] == np.inf and saturated["goodput"] == 0
    assert saturated["request_rate"] == pytest.approx(rates[0], rel=1e-6)


def test_each_pool_pays_for_its_part_of_a_request():
    s = scenario(*WORDS)
    c = numbers(s, *COSTS, rate=10.0, prefill_replicas=2.0, replicas=3.0)
    joules = 1024 * c["energy_per_input_token"] + 64 * c["energy_per_output_token"]
    assert joules == pytest.approx(c["energy_per_request"]) == pytest.approx(c["load_power"] / c["request_rate"])
    dollars = (1024 * c["load_cost_per_input_mtoken"] + 64 * c["load_cost_per_output_mtoken"]) / 1e6
    assert dollars == pytest.approx(c["cost_per_request"])
    rented = scenario(*WORDS, "hw.h100_sxm.rent_usd_per_hour=3.6")
    five = numbers(rented, *COSTS, rate=10.0, prefill_replicas=2.0, replicas=3.0)
    assert five["cost_per_request"] == pytest.approx(5 * 3.6 / 3600 / 10)
    assert 1024 * five["load_cost_per_input_mtoken"] / 1e6 == pytest.approx(2 * 3.6 / 3600 / 10)


def test_max_rate_meets_targets_and_a_benchmark_begins_with_a_wave():
    s = scenario(*WORDS)
    limits = {"ttft_limit": 0.055, "tpot_limit": 0.009, "rate": 1.0}
    most = numbers(s, "max_rate", **limits)["max_rate"]
    at = numbers(s, "ttft_p50", "tpot_p50", "utilization", **{**limits, "rate": most})
    assert max(at["ttft_p50"] / 0.055, at["tpot_p50"] / 0.009) == pytest.approx(1, rel=2e-3) and at["utilization"] < 1
    load = {"concurrency": 64.0, "requests": 64.0}
    with np.errstate(all="ignore"):
        seen = simulated_metrics(replace(s, load=replace(s.load, **load)), ("ttft_mean", "ttft_p90"))
    of = numbers(s, "ttft_mean", "ttft_p90", **load)
    assert of["ttft_mean"] == pytest.approx(seen["ttft_mean"], rel=0.15)
    assert of["ttft_p90"] == pytest.approx(seen["ttft_p90"], rel=0.15)


def test_a_closed_loop_has_a_slope():
    """By the implicit function, which Newton's last step carries."""
    import jax
    from serving.test_pools import REQUESTED, pools

    from life_jax.core.pytree import register_with_jax
    from life_jax.serving.pooled_steady import closed_pools

    register_with_jax()
    with jax.enable_x64(True):

        def rate(token: float) -> float:
            return closed_pools(pools(2.0, 2.0, token), REQUESTED, concurrency=16.0, capacity=60.0).rate

        slope = jax.grad(rate)(1e-6)
        assert slope == pytest.approx((rate(1.1e-6) - rate(0.9e-6)) / 2e-7, rel=1e-3)


def test_what_pools_do_not_mean_is_refused_in_a_line():
    serve = ["hw=h100_sxm", "model=llama3_8b", "engine=vllm", "rate=1"]
    with pytest.raises(ConfigError, match=r"load\.prefill_replicas is of prompts"):
        life.load([*serve, "load.prefill_replicas=2"], primary="serve")
    with pytest.raises(ConfigError, match="changes nothing"):
        life.load([*serve, "axes.prefill_replicas=[1,2]"], primary="serve")


PACKAGE = ("hw=ryzen_hx370_igpu_890m", "engine=llama_cpp_vulkan", "model=llama3_1_8b", "opt=[q4_0,hybrid]",
           "prefill.hw=ryzen_hx370_npu")  # fmt: skip
SHORT = ("load.prompt_tokens=lognormal(400,0.5)", "load.output_tokens=lognormal(60,0.5)")


def _of_package(load: str) -> Scenario:
    return life.load([*PACKAGE, *SHORT, load], primary="serve").cases[0].scenario


def test_two_processors_in_one_memory_slow_each_other_down_by_the_time_that_both_are_busy():
    names = ("ttft_mean", "tpot_mean", "max_rate")
    with np.errstate(all="ignore"):
        light, heavy = (forecast(_of_package(f"rate={rate}"), names) for rate in (1e-4, 0.1))
        alone = _of_package("rate=0.1")
        alone = replace(alone, handover=replace(alone.handover, memory=APART, link=UNLIMITED))
        apart = forecast(alone, names)
    assert light["tpot_mean"] < apart["tpot_mean"] < heavy["tpot_mean"]
    assert heavy["max_rate"] < apart["max_rate"]


@pytest.mark.parametrize("load", ["rate=0.05", "concurrency=3"])
def test_the_formula_of_two_processors_in_one_memory_is_near_the_simulation(load):
    names = ("ttft_mean", "tpot_mean", "request_rate")
    with np.errstate(all="ignore"):
        formula, seen = (of(_of_package(load), names) for of in (forecast, simulated_metrics))
    assert formula["tpot_mean"] == pytest.approx(seen["tpot_mean"], rel=0.1)
    assert formula["request_rate"] == pytest.approx(seen["request_rate"], rel=0.05)
    assert formula["ttft_mean"] == pytest.approx(seen["ttft_mean"], rel=0.25)
