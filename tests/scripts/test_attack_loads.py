"""Laws of what requests see under load, over natural loads that are drawn (scripts/attack_loads.py)."""

import importlib.util
import sys

import numpy as np
import pytest
from places import ROOT

from life_jax.serving import percentiles

NAMES = ("attack_laws", "attack_loads")


@pytest.fixture(scope="module")
def loads():
    for name in NAMES:
        spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
        sys.modules[name] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    yield module
    for name in NAMES:
        del sys.modules[name]


def test_nothing_is_faster_when_more_arrives_nor_serves_less_when_it_is_faster(loads):
    evaluations, broken = loads.attack(draws=3, seed=0)
    assert evaluations == 3 * loads.POINTS
    assert not broken, broken[:3]


@pytest.mark.parametrize("output", [1.0, 2.0, 64.0])
def test_short_outputs_keep_the_laws_on_one_device(loads, output):
    load = {"prompt_cv": 0.0, "output_cv": 0.0, "burst": 1.0, "replicas": 1.0, "router": "random"}
    with np.errstate(all="ignore"):
        broken = list(loads.laws_of(loads.Drawn("h100_sxm", "vllm", "llama3_8b", (), 512.0, output, load)))
    assert not broken, broken[:3]


def test_outputs_that_leave_a_queue_behind_are_found(loads, monkeypatch):
    """Times between tokens that fall near the capacity, as forecasts had it before."""
    load = {"prompt_cv": 0.0, "output_cv": 0.0, "burst": 1.0, "replicas": 1.0, "router": "random"}
    drawn = loads.Drawn("h100_sxm", "vllm", "llama3_8b", (), 512.0, 2.0, load)
    real = percentiles._Points.tpot.func
    monkeypatch.setattr(percentiles._Points, "tpot", property(lambda self: real(self) / (1 + self.wait)))
    with np.errstate(all="ignore"):
        assert any(b.law == "tpot 50.0 falls with more rate" for b in loads.laws_of(drawn))


@pytest.mark.parametrize(
    ("hw", "engine", "model", "opt", "prompt", "output", "varies"),
    [
        # a percentile is flat at the limit, whose slope was divided by
        ("jetson_nano_4gb", "ideal", "smollm3_3b", "q6_k", 512.0, 1000.0, (1.0, 0.0)),
        # nothing depends on the time between two tokens, for which no fixed point was found: the capacity doubled
        ("threadripper_3960x_cpu", "generic", "opt_6_7b", "q4_0", 4096.0, 1.0, (0.0, 1.0)),
    ],
)
def test_draws_that_broke_a_law_keep_all(loads, hw, engine, model, opt, prompt, output, varies):
    load = {"prompt_cv": varies[0], "output_cv": varies[1], "burst": 2.0, "replicas": 1.0, "router": "round_robin"}
    with np.errstate(all="ignore"):
        broken = list(loads.laws_of(loads.Drawn(hw, engine, model, (opt,), prompt, output, load)))
    assert not broken, broken[:3]
