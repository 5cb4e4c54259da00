"""Crossovers against the times of steps, Sobol indices against variances that are known."""

import numpy as np
import pytest
from laws import in_numpy
from scipy.stats import norm

import life_jax as life

WORDS = ["engine=ideal", "hw=v100", "model=llama2_7b", "workload.output_tokens=2"]
SIDES = "metrics=[decode_compute_time,decode_memory_time,prefill_compute_time,prefill_memory_time,decode_bound]"


def test_the_map_is_where_the_two_times_of_a_step_are_equal():
    ds = in_numpy(*WORDS, SIDES, "axes.opt=[[],[int4]]", "axes.batch=geomspace(1,2000,200)",
                                  "axes.prompt_tokens=[1,64]", "dtype=float64")  # fmt: skip
    found = life.crossover(ds, "batch")
    assert found.dims == ("model", "hw", "opt", "prompt_tokens")
    assert found.attrs["below"] == "memory-bound"
    for opt in ("none", "int4"):
        batch = found.sel(opt=opt, prompt_tokens=1).item()
        words = [*WORDS, SIDES, "dtype=float64", f"workload.batch={batch}", "workload.prompt_tokens=1"]
        at = in_numpy(*[*words, *([f"opt={opt}"] if opt != "none" else [])]).squeeze()
        assert float(at.decode_compute_time) == pytest.approx(float(at.decode_memory_time), rel=1e-3)
    # fewer bits are read sooner, so that fewer rows suffice
    assert found.sel(opt="int4", prompt_tokens=1).item() < found.sel(opt="none", prompt_tokens=1).item()


def test_no_crossing_is_said():
    ds = in_numpy(*WORDS, SIDES, "axes.batch=[1,2]", "workload.prompt_tokens=64")
    assert np.isnan(life.crossover(ds, "batch").values).all()
    for ds_, dim, reason in ((ds, "hw", "no axis"), (ds.drop_vars("decode_memory_time"), "batch", "add metrics")):
        with pytest.raises(ValueError, match=reason):
            life.crossover(ds_, dim)


def test_indices_of_a_sum_are_the_shares_of_its_variances():
    """The price is a line in rate, bandwidth and memory."""
    study = life.load([*WORDS, "workload.batch=1", "workload.prompt_tokens=64"], primary="explain")
    spread = {"peak_tflops.fp16": (50, 200), "bandwidth_gb_per_s": (500, 1500), "memory_gb": (16, 64)}
    found = life.sobol(study, spread, ["price"], n=2048)
    widths = np.array([4 * 150, 0.5 * 1000, 10 * 48])
    shares = widths**2 / (widths**2).sum()
    np.testing.assert_allclose(found.first_order.sel(metric="price"), shares, atol=0.01)
    np.testing.assert_allclose(found.total_order.sel(metric="price"), shares, atol=0.01)
    middle = (100 + 4 * 125 + 0.5 * 1000 + 10 * 40) * 4.2
    assert float(found.quantile_value.sel(metric="price", quantile=0.5)) == pytest.approx(middle, rel=0.01)


def test_a_memory_bound_token_owes_its_uncertainty_to_the_bandwidth():
    study = life.load(["hw=v100", "engine=generic"], primary="explain")
    spread = {"memory_efficiency": (0.5, 0.9), "compute_efficiency": (0.3, 0.7), "dispatch_us": norm(3.5, 0.5)}
    found = life.sobol(study, spread, ["ttft", "tpot"], n=512)
    assert float(found.total_order.sel(metric="tpot", parameter="memory_efficiency")) > 0.8
    assert float(found.total_order.sel(metric="ttft", parameter="compute_efficiency")) > 0.8
    assert list(found.quantile_value.dims) == ["metric", "quantile"]


def test_what_has_no_indices_is_refused():
    study = life.load(["hw=v100"], primary="explain")
    with pytest.raises(life.ConfigError, match="bandwith"):
        life.sobol(study, {"bandwith": (1, 2)})
    with pytest.raises(ValueError, match="first must be less"):
        life.sobol(study, {"bandwidth_gb_per_s": (2, 1)})
    with pytest.raises(ValueError, match="power of 2"):
        life.sobol(study, {"bandwidth_gb_per_s": (1, 2)}, n=100)
    with pytest.raises(life.ConfigError, match="without axes"):
        life.sobol(life.load(["hw=v100"]), {"bandwidth_gb_per_s": (1, 2)})
