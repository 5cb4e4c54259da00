"""Laws of every forecast, for studies by NumPy and for compiled ones: they share formulas, not arithmetic."""

import contextlib

import compare_routes
import numpy as np
import pytest

import life_jax as life

ROUTES = {"numpy": contextlib.nullcontext, "jax": compare_routes.compiled}
# one grid for all laws, so that a structure is compiled once for each route
AXES = ("axes.prompt_tokens=[16,500,4000]", "axes.batch=[1,7,64]", "axes.bandwidth_gb_per_s=[200,900,4000]",
        "axes.peak_tflops.fp16=[20,125,900]", "axes.dispatch_us=[1,8]")  # fmt: skip
MORE_IS_SLOWER = ("prompt_tokens", "batch", "dispatch_us")
MORE_IS_FASTER = ("bandwidth_gb_per_s", "peak_tflops_fp16")
TIMES = ("ttft", "tpot", "e2e")


@pytest.mark.slow
@pytest.mark.parametrize(  # the first is the structure of the next test; the others are compiled without slopes
    "words",
    [("model=llama3_8b", "opt=int4", "elasticity=true"), ("model=mixtral_8x7b",), ("model=gemma3_4b",)],
    ids=str,
)
@pytest.mark.parametrize("route", ROUTES)
def test_times_never_fall_with_work_nor_rise_with_a_rate(route, words):
    with ROUTES[route]():
        study = life.load(["hw=v100", *words, *AXES, "metrics=[ttft,tpot,tps,e2e]", "dtype=float64"])
        assert study.route == route
    ds = life.evaluate(study).squeeze(drop=True)
    for metric in TIMES:
        for axis in MORE_IS_SLOWER:
            assert (ds[metric].diff(axis) > -1e-9 * ds[metric].isel({axis: slice(1, None)})).all(), (metric, axis)
        for axis in MORE_IS_FASTER:
            assert (ds[metric].diff(axis) < 1e-9 * ds[metric].isel({axis: slice(1, None)})).all(), (metric, axis)
    np.testing.assert_allclose(ds.tps * ds.tpot, 1.0, rtol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("route", ROUTES)
def test_times_are_homogeneous_in_rates_bandwidth_and_fixed_times(route):
    with ROUTES[route]():
        study = life.load(["hw=v100", "model=llama3_8b", "opt=int4", *AXES, "metrics=[ttft,tpot,tps,e2e]",
                           "elasticity=true", "dtype=float64"])  # fmt: skip
        assert study.route == route
    e = life.evaluate(study).elasticity.squeeze(drop=True).sel(metric=list(TIMES))
    rates = e.sel(parameter=["peak_tflops", "bandwidth_gb_per_s"]).sum("parameter")
    fixed = e.drop_sel(parameter=["peak_tflops", "bandwidth_gb_per_s", "memory_efficiency"]).sum("parameter")
    np.testing.assert_allclose(rates - fixed, -1.0, atol=1e-9)
