"""What requests see of scenarios under load: layouts, memory, power."""

from dataclasses import replace

import numpy as np
import pytest
from laws import scenario

from life_jax.core.scenario import Scenario
from life_jax.forecasting.under_load import UnderLoad
from life_jax.studies.simulation import simulated

LENGTHS = ("engine=vllm", "workload.prompt_tokens=1024", "workload.output_tokens=64")


def at_part(s: Scenario, part: float) -> UnderLoad:
    """Under a part [1] of the largest rate."""
    under = UnderLoad(replace(s, load=replace(s.load, rate=1.0)))
    rate = part * float(under.groups * under.capacity)
    return UnderLoad(replace(s, load=replace(s.load, rate=rate, requests=800.0)))


@pytest.mark.parametrize(
    "words",
    [("model=qwen3_30b_a3b", "dp=4", "ep=4"), ("model=llama3_70b", "pp=4"), ("model=llama3_8b", "dp=2")],
    ids=["lockstep", "pipeline", "replicas"],
)
def test_formula_and_simulation_agree_for_batches_that_are_in_flight_together(words):
    under = at_part(scenario("hw=h100_sxm", *LENGTHS, *words), 0.4)
    with np.errstate(all="ignore"):
        seen = simulated(under.scenario)
        assert float(under.time("tpot", None)) == pytest.approx(seen.time("tpot"), rel=0.2)
        assert float(under.time("ttft", None)) == pytest.approx(seen.time("ttft"), rel=0.3)


def test_a_model_that_does_not_fit_serves_nothing():
    for load in ({"rate": 1.0}, {"concurrency": 4.0}):
        s = scenario("hw=h100_sxm", "model=llama3_70b", *LENGTHS)
        under = UnderLoad(replace(s, load=replace(s.load, **load)))
        with np.errstate(all="ignore"):
            assert float(under.time("ttft", 99)) == np.inf and float(under.request_rate) == 0
            assert float(under.max_rate) == 0 and float(under.utilization) == 1


def test_one_request_sees_what_a_static_batch_of_one_does():
    for words in (("tp=4",), ("tp=2", "pp=2"), ("pp=4",)):
        s = scenario("hw=h100_sxm", "model=llama3_70b", *LENGTHS, *words)
        under = UnderLoad(replace(s, load=replace(s.load, rate=1e-4)))
        from life_jax.forecasting.request import Run

        with np.errstate(all="ignore"):
            assert float(under.time("tpot", None)) == pytest.approx(float(Run(s).tpot), rel=0.02)


def test_a_power_limit_slows_what_requests_see():
    times = []
    for limit in (700, 350, 200):
        s = scenario(
            "hw=h100_sxm", "model=llama3_8b", *LENGTHS, "engine.power_cap=true", f"hw.h100_sxm.power_limit_w={limit}"
        )
        under = UnderLoad(replace(s, load=replace(s.load, concurrency=64.0)))
        with np.errstate(all="ignore"):
            times.append(float(under.time("tpot", None)))
    assert times[0] < times[1] < times[2]


@pytest.mark.parametrize("load", [{"rate": 2.0}, {"concurrency": 2.0}])
def test_outputs_of_one_token_have_a_time_to_first_token_and_no_other(load):
    s = scenario("hw=h100_sxm", "model=llama3_8b", *LENGTHS[:2], "workload.output_tokens=1")
    under = UnderLoad(replace(s, load=replace(s.load, ttft_limit=1.0, tpot_limit=1e-9, **load)))
    with np.errstate(all="ignore"):
        for which in (None, 99.0):
            assert np.isfinite(under.time("ttft", which))
            assert np.isnan(under.time("tpot", which)) and np.isnan(under.time("itl", which))
        assert under.goodput == pytest.approx(float(under.request_rate))  # no time between tokens misses a limit
        assert 0 < float(under.max_rate) <= float(under.capacity)


def test_no_rate_is_less_than_none_where_a_percentile_is_flat_and_then_steps():
    """Short outputs on a slow device: the slowest percent of the times between tokens steps up thirtyfold."""
    s = scenario("hw=core_i9_9900k", "model=gemma3_4b", "opt=int8", "engine=hf_eager_cpu")
    load = replace(s.load, rate=1.0, output_cv=1.0, burst=2.0, percentile=99.0)
    s = replace(s, load=load, workload=replace(s.workload, prompt_tokens=1024.0, output_tokens=2.0))
    with np.errstate(all="ignore"):
        idle = UnderLoad(replace(s, load=replace(load, rate=1e-3)))
        limits = np.geomspace(0.5, 8, 9)
        ttft, tpot = float(idle.time("ttft", None)) * limits, float(idle.time("tpot", None)) * limits
        most = UnderLoad(replace(s, load=replace(load, ttft_limit=ttft, tpot_limit=tpot))).max_rate
    assert (most >= 0).all() and (np.diff(most) > -1e-6).all() and most[-1] > 0, most
