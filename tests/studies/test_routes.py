"""A small study gives by NumPy what it gives compiled, whatever it holds, alone or stacked with others."""

import datetime
import os

import compare_routes
import laws
import numpy as np
import pytest
import xarray as xr

import life_jax as life

# another draw every day; LIFE_JAX_DRAW=N repeats one. scripts/compare_routes.py runs all of them
DRAW = int(os.environ.get("LIFE_JAX_DRAW", datetime.datetime.now(datetime.UTC).date().toordinal()))


@pytest.mark.slow
def test_numpy_and_a_compiled_study_agree():
    question, found = compare_routes.compare(DRAW, model=laws.SPREAD[DRAW % len(laws.SPREAD)])
    assert all(difference.step for difference in found), (f"LIFE_JAX_DRAW={DRAW}", question, [*map(str, found)])


def test_the_draws_hold_every_device_model_option_and_engine():
    count = compare_routes.draws()
    for group, everything in (
        ("hw", laws.DEVICES),
        ("model", laws.MODELS),
        ("opt", laws.OPTIONS),
    ):
        assert {compare_routes.stems(group)[number % len(everything)] for number in range(count)} == set(everything)


def test_a_difference_is_seen_and_only_few_of_float32_are_steps():
    ours = xr.Dataset({"ttft": ("x", np.full(1000, 2.0)), "fits_memory": ("x", np.ones(1000, bool))})
    theirs = ours.copy(deep=True)
    theirs["ttft"][:5] = [2 + 1e-5, np.nan, np.inf, 3, 2]
    theirs["fits_memory"][:20] = False
    (ttft, fits) = compare_routes.differences(ours, theirs, "float32")
    assert (ttft.count, ttft.step) == (4, True) and (fits.count, fits.step) == (20, False)
    assert not any(difference.step for difference in compare_routes.differences(ours, theirs, "float64"))
    assert not list(compare_routes.differences(ours, ours, "float64"))


@pytest.mark.parametrize(
    "more",
    [["metrics=[ttft,tpot,tps,energy,memory,bound,max_batch]"], ["elasticity=true", "gains=true"]],
    ids=["values", "elasticities"],
)
def test_cases_that_are_stacked_give_what_each_gives_alone(more):
    models = [laws.MODELS[(DRAW + 41 * i) % len(laws.MODELS)] for i in range(4)]
    devices = [laws.DEVICES[(DRAW + 37 * i) % len(laws.DEVICES)] for i in range(3)]
    words = ["axes.opt=[[],[int4]]", "axes.prompt_tokens=[64,2000]", "axes.bandwidth_gb_per_s=[100,900,3000]",
             "dtype=float64", *more]  # fmt: skip
    study = life.load([f"hw=[{','.join(devices)}]", f"model=[{','.join(models)}]", *words])
    assert study.route == "numpy"
    together = life.evaluate(study)
    for hw, model in ((devices[0], models[0]), (devices[1], models[2]), (devices[2], models[3])):
        alone = life.evaluate(life.load([f"hw={hw}", f"model={model}", *words]))
        parameters = {"parameter": alone.parameter} if "elasticity" in together else {}
        stacked = together.sel(hw=[hw], model=[model], **parameters)
        xr.testing.assert_allclose(stacked.drop_attrs(), alone.drop_attrs(), rtol=1e-12, atol=1e-14)
