"""Energy and cost of requests under load."""

from dataclasses import replace

import numpy as np
import pytest
from laws import scenario

from life_jax.core.scenario import Scenario
from life_jax.forecasting.energy import idle_power
from life_jax.forecasting.metrics import forecast

WORDS = ("hw=h100_sxm", "model=llama3_8b", "engine=vllm", "workload.prompt_tokens=1024", "workload.output_tokens=256")
NAMES = (
    "request_rate", "load_power", "energy_per_request", "energy_per_input_token", "energy_per_output_token",
    "cost_per_request", "load_cost_per_input_mtoken", "load_cost_per_output_mtoken",
)  # fmt: skip


def costs(s: Scenario, *more: str, **load: float) -> dict[str, float]:
    with np.errstate(all="ignore"):
        under = replace(s, load=replace(s.load, **load))
        return {name: float(value) for name, value in forecast(under, (*NAMES, *more)).items()}


@pytest.mark.parametrize("load", [{"rate": 0.1}, {"rate": 6.0}, {"concurrency": 32.0}])
def test_input_and_output_share_what_a_request_costs(load):
    c = costs(scenario(*WORDS), **load)
    joules = 1024 * c["energy_per_input_token"] + 256 * c["energy_per_output_token"]
    assert joules == pytest.approx(c["energy_per_request"]) == pytest.approx(c["load_power"] / c["request_rate"])
    dollars = (1024 * c["load_cost_per_input_mtoken"] + 256 * c["load_cost_per_output_mtoken"]) / 1e6
    assert dollars == pytest.approx(c["cost_per_request"])


def test_what_is_rented_by_the_hour_is_shared_by_its_requests():
    s = scenario(*WORDS, "hw.h100_sxm.rent_usd_per_hour=3.6")
    assert costs(s, rate=2.0)["cost_per_request"] == pytest.approx(3.6 / 3600 / 2)


def test_a_request_alone_takes_the_work_of_a_static_batch_of_one():
    s = scenario(*WORDS)
    c = costs(s, "energy", "e2e", rate=1e-3)
    idle = float(idle_power(s))
    work = (c["load_power"] - idle) / c["request_rate"]
    assert work == pytest.approx(c["energy"] - idle * c["e2e"], rel=0.05)


def test_more_requests_are_cheaper_until_no_more_are_served():
    s = scenario(*WORDS)
    prices = [costs(s, rate=rate)["cost_per_request"] for rate in (0.5, 2.0, 8.0, 1e4)]
    assert prices == sorted(prices, reverse=True) and prices[-1] > 0
    nothing = costs(scenario("hw=h100_sxm", "model=llama3_70b", "engine=vllm"), rate=1.0)
    assert nothing["cost_per_request"] == np.inf and nothing["load_power"] > 0
