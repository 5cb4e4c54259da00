"""Elasticities of what requests see under load, against differences of the forecast."""

import numpy as np
import pytest

import life_jax as life
from life_jax.config.schema.errors import ConfigError
from life_jax.forecasting.metrics import forecast
from life_jax.sensitivity import elasticities

MEANS = ("ttft_mean", "tpot_mean", "concurrency", "utilization", "cost_per_request")
TAILS = ("ttft_p99", "tpot_p99", "itl_p99")
WORDS = [
    "hw=h100_sxm", "model=llama3_8b", "engine=vllm", "target.ttft=0.5", "target.tpot=0.02", "target.percentile=90",
    "dtype=float64", f"metrics=[{','.join((*MEANS, *TAILS, 'max_rate'))}]",
    "elasticity=[peak_tflops,bandwidth_gb_per_s,dispatch_us,memory_efficiency]",
]  # fmt: skip
OPEN = ["rate=6", "load.prompt_tokens=lognormal(800,1)", "load.output_tokens=lognormal(200,1)"]
LOADS = [
    OPEN,
    ["concurrency=16", "load.prompt_tokens=900", "load.output_tokens=200"],
    [*OPEN, "opt=disaggregated", "load.prefill_replicas=1"],
]
STEP = 1e-5  # within which no point of a percentile changes its kind, mostly
ROOT_STEPS = (
    1e-4,
    1e-5,
)  # of max_rate: along the longer another point may be met, and the shorter one sees its rounding


@pytest.mark.parametrize("load", LOADS)
def test_elasticities_under_load_are_differences_of_the_forecast(load):
    """Times are means over points, and a percentile is one of them: that it becomes another has no derivative."""
    study = life.load([*WORDS, *load], primary="serve")
    elasticity = life.evaluate(study).elasticity.squeeze(drop=True)
    case = study.cases[0]
    with np.errstate(all="ignore"):
        for key, paths in case.sensitivity.parameters:
            for names, steps in (((*MEANS, *TAILS), (STEP,)), (("max_rate",), ROOT_STEPS)):
                expected = [differences(case.scenario, paths, names, step) for step in steps]
                for metric in names:
                    found = float(elasticity.sel(metric=metric, parameter=key))
                    near = [pytest.approx(of[metric], rel=1e-4, abs=2e-6) for of in expected]
                    assert found in near, (key, metric)


def differences(s, paths, names, step):
    """Elasticities of metrics by differences over a step to both sides."""
    up, down = (forecast(elasticities.scaled(s, paths, 1 + sign * step), names) for sign in (1, -1))
    return {name: (np.log(float(up[name])) - np.log(float(down[name]))) / (2 * step) for name in names}


def test_a_slope_by_the_rate_is_a_result_of_a_sweep():
    words = ["hw=h100_sxm", "model=llama3_8b", "engine=vllm", "prompt=800", "output=200", "dtype=float64",
             "metrics=[tpot_mean]", "axes.rate=[2,8]"]  # fmt: skip
    slopes = life.evaluate(life.load([*words, "gradients=[dispatch_us]"])).squeeze(drop=True)
    at = float(life.load(words).cases[0].scenario.device.dispatch) * 1e6
    up, down = (
        life.evaluate(life.load([*words, f"hw.h100_sxm.dispatch_us={at * (1 + sign * STEP)}"])).squeeze(drop=True)
        for sign in (1, -1)
    )
    expected = (up.tpot_mean - down.tpot_mean) / (2 * STEP * at)
    assert slopes.d_tpot_mean_d_dispatch_us.values == pytest.approx(expected.values, rel=1e-4)
    assert slopes.d_tpot_mean_d_dispatch_us[1] > slopes.d_tpot_mean_d_dispatch_us[0] > 0


def test_slopes_of_a_simulation_are_refused():
    with pytest.raises(ConfigError, match="give method=formula"):
        life.load([*WORDS, *OPEN, "method=simulate"], primary="serve")
