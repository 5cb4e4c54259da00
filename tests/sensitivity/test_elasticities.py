"""Elasticities against finite differences, JAX's own Jacobian, homogeneity, and the forecast at changed numbers."""

import dataclasses
import itertools

import compare_routes
import jax
import laws
import numpy as np
import pytest
import xarray as xr
from laws import changed

import life_jax as life
from life_jax.core.pytree import get_leaf
from life_jax.grid import plan
from life_jax.sensitivity import elasticities
from life_jax.sensitivity.columns import Changed

HOME = ["hw=v100", "opt=int4", "engine=ideal", "dtype=float64", "metrics=[ttft,tpot,tps,e2e]"]
RATES = ["peak_tflops.fp16", "peak_tflops.fp32"]
EFFICIENCIES = ["compute_efficiency", "attention_efficiency", "vector_efficiency", "memory_efficiency", "kv_efficiency"]
EVERY = ",".join([*RATES, "bandwidth_gb_per_s", "dispatch_us", *EFFICIENCIES])
EACH = ",".join([*RATES, "bandwidth_gb_per_s", "dispatch_us", "memory_efficiency"])
POINTS = ["axes.prompt_tokens=[100,1500]", "axes.batch=[1,37]"]
ONE = ["workload.prompt_tokens=777", "workload.batch=1"]
CASES = [
    [],
    ["engine.roof_smoothness=0.5"],
    ["engine=vllm"],
    ["model=gemma3_4b", "engine=generic"],
    ["convention=life_paper"],
    ["hw=h100_sxm", "engine=vllm", "engine.tensor_parallel=4"],
]


def dataset(*words: str) -> xr.Dataset:
    typed = {word.split("=", 1)[0] for word in words}
    kept = [word for word in HOME if word.split("=", 1)[0] not in typed]
    return life.evaluate(life.load([*kept, *words]))


def value_of(study, key: str) -> float:
    case = study.cases[0]
    sensitivity = dict(case.sensitivity.parameters)
    path = sensitivity[key][0]
    return get_leaf(case.scenario, path)


@pytest.mark.slow
def test_elasticities_are_finite_differences_of_the_forecast():
    """Away from kinks the central difference of one part in 1e5 has an error of 1e-9 or so."""
    for more in CASES:
        asked = f"elasticity=[{EVERY}]" if more == CASES[2] else "elasticity=true"
        study = life.load([*(w for w in HOME if w.split("=")[0] not in {m.split("=")[0] for m in more}), *more,
                           "workload.prompt_tokens=777", "workload.batch=3", asked])  # fmt: skip
        found = life.evaluate(study).elasticity.squeeze(drop=True)
        case = study.cases[0]
        for key, paths in case.sensitivity.parameters:
            h = 1e-5
            up, down = (
                life.forecast(elasticities.scaled(case.scenario, paths, 1 + sign * h), study.metrics)
                for sign in (1, -1)
            )
            for metric in study.metrics:
                expected = float(np.log(up[metric]) - np.log(down[metric])) / (np.log1p(h) - np.log1p(-h))
                got = float(found.sel(metric=metric, parameter=key))
                assert got == pytest.approx(expected, rel=1e-5, abs=1e-7), (more, metric, key)


def test_elasticities_are_the_jacobian_of_jax():
    words = [*HOME[:-1], *ONE, "metrics=[ttft,tpot]", "elasticity=true", "gradients=[bandwidth_gb_per_s,dispatch_us]"]
    study = life.load(words)
    ds = life.evaluate(study).squeeze(drop=True)
    device = study.scenario.device

    def forecast(numbers):
        moved = dataclasses.replace(device, bandwidth=numbers[0], dispatch=numbers[1])
        return life.forecast(dataclasses.replace(study.scenario, device=moved), ("ttft", "tpot"))

    with jax.enable_x64(True):
        at = np.array([device.bandwidth, device.dispatch])
        along = jax.jit(lambda directions: jax.lax.map(lambda d: jax.jvp(forecast, (at,), (d,))[1], directions))
        slopes = along(np.eye(2))
    for metric in ("ttft", "tpot"):
        slope, of_dispatch = map(float, slopes[metric])
        assert float(ds[f"d_{metric}_d_bandwidth_gb_per_s"]) == pytest.approx(slope * 1e9, rel=1e-9)
        assert float(ds[f"d_{metric}_d_dispatch_us"]) == pytest.approx(of_dispatch * 1e-6)
        e = float(ds.elasticity.sel(metric=metric, parameter="bandwidth_gb_per_s"))
        assert e == pytest.approx(slope * study.scenario.device.bandwidth / float(ds[metric]), rel=1e-9)


@pytest.mark.slow
def test_compiled_derivatives_are_those_of_dual_numbers():
    """What a large study computes, at a few points."""
    words = [*HOME[:-1], *POINTS, "metrics=[ttft,energy]", "elasticity=[weight_bits,memory_efficiency]",
             "gradients=[batch]"]  # fmt: skip
    by_numpy, by_jax = compare_routes.by_both(words)
    assert list(by_numpy.data_vars) == ["ttft", "energy", "elasticity", "d_ttft_d_batch", "d_energy_d_batch"]
    xr.testing.assert_allclose(by_numpy.drop_attrs(), by_jax.drop_attrs(), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("model", laws.KINDS)
def test_derivatives_of_every_kind_of_layer_are_differences_of_the_forecast(model):
    """Of the ideal engine, whose steps in ceilings are few, at a prompt away from them."""
    keys = ("weight_bits", "batch", "prompt_tokens", "hidden_size", "bandwidth_gb_per_s")
    words = ["hw=b200", f"model={model}", "engine=ideal", "workload.prompt_tokens=777", "workload.batch=3.3",
             "engine.roof_smoothness=0.4", "metrics=[ttft,tpot,energy]"]  # fmt: skip
    case = life.load([*words, f"elasticity=[{','.join(keys)}]"]).cases[0]
    metrics = ("ttft", "tpot", "energy")
    for _, leaves in case.sensitivity.parameters:
        slopes = elasticities.tangent(metrics, case.scenario, leaves)
        up, down = (life.forecast(elasticities.scaled(case.scenario, leaves, 1 + h), metrics) for h in (1e-5, -1e-5))
        for metric in metrics:
            expected = float(up[metric] - down[metric]) / 2e-5
            assert float(slopes[metric]) == pytest.approx(expected, rel=1e-5, abs=1e-7 * float(up[metric]))


@pytest.mark.parametrize("more", CASES[:3:2])
def test_times_are_homogeneous_in_rates_bandwidths_and_fixed_times(more):
    """The law gives the bandwidth; named alone, it is computed."""
    e = dataset(*more, *POINTS, "elasticity=true").elasticity.sel(metric=["ttft", "tpot", "e2e"])
    computed = dataset(*more, *POINTS, "elasticity=[bandwidth_gb_per_s]").elasticity.sel(metric=e.metric)
    np.testing.assert_allclose(
        e.sel(parameter="bandwidth_gb_per_s"), computed.sel(parameter="bandwidth_gb_per_s"), atol=1e-9
    )


def test_tables_of_efficiencies_leave_the_law_alone():
    """memory_efficiency is no longer the bandwidth's, and the table's own number takes its place."""
    words = [*POINTS, "engine.operator_efficiencies={gemm: {memory: 0.5}}", "metrics=[tpot]"]
    e = dataset(*words, "elasticity=true").elasticity.sel(metric="tpot")
    assert float(abs(e.sel(parameter="memory_efficiency")).max()) < float(
        abs(e.sel(parameter="bandwidth_gb_per_s")).min()
    )


def test_shares_add_up_and_are_the_parts_of_the_time():
    words = [*POINTS, "engine.roof_smoothness=0.3"]
    ds = dataset(*words, "elasticity=true")
    each = dataset(*words, f"elasticity=[{EACH}]").elasticity.sel(metric="ttft")
    shares = ds.bound_share.sel(metric="ttft")
    np.testing.assert_allclose(shares.sum("resource"), 1.0, rtol=1e-12)
    np.testing.assert_allclose(shares.sel(resource="compute"), -each.sel(parameter=RATES).sum("parameter"), atol=1e-12)
    np.testing.assert_allclose(shares.sel(resource="memory"), -each.sel(parameter="memory_efficiency"), atol=1e-12)
    np.testing.assert_allclose(shares.sel(resource="dispatch"), each.sel(parameter="dispatch_us"), atol=1e-12)
    np.testing.assert_allclose(shares.sel(resource=["link", "host"]), 0.0, atol=1e-12)


def test_shares_stand_beside_the_bound_of_the_same_file():
    ds = dataset(*POINTS, "elasticity=true", "metrics=[ttft,bound]")
    assert ds.bound.dims == ds.ttft.dims and ds.bound_share.dims[:2] == ("metric", "resource")


def test_shares_of_links_and_of_the_host_are_theirs():
    words = [*POINTS, "engine=vllm", "engine.tensor_parallel=4", "elasticity=true", "metrics=[tpot]"]
    ds = dataset(*words).sel(metric="tpot")
    e, shares = ds.elasticity, ds.bound_share
    np.testing.assert_allclose(shares.sum("resource"), 1.0, rtol=1e-12)
    host = [str(key) for key in e.parameter.values if key in ("step_us", "sequence_us", "context_ns", "split_step_us")]
    np.testing.assert_allclose(shares.sel(resource="host"), e.sel(parameter=host).sum("parameter"), atol=1e-12)
    link = e.sel(parameter="allreduce_us") - e.sel(parameter="interconnect_gb_per_s")
    np.testing.assert_allclose(shares.sel(resource="link"), link, atol=1e-12)
    assert float(shares.sel(resource="link").min()) > 0


def test_rates_together_are_the_sum_of_each_and_the_values_are_those_of_the_plain_sweep():
    for more in ([], ["engine.roof_smoothness=0.3"]):
        ds = dataset(*more, *POINTS, "elasticity=true")
        each = dataset(*more, *POINTS, f"elasticity=[{EACH}]")
        together = each.elasticity.sel(parameter=RATES).sum("parameter")
        np.testing.assert_allclose(ds.elasticity.sel(parameter="peak_tflops"), together, atol=1e-12)
        for same in ("bandwidth_gb_per_s", "dispatch_us", "memory_efficiency"):
            np.testing.assert_allclose(*(one.elasticity.sel(parameter=same) for one in (ds, each)), atol=1e-12)
        plain = dataset(*more, *POINTS)
        for metric in plain.data_vars:
            np.testing.assert_allclose(ds[metric], plain[metric], rtol=1e-13)


def test_gains_of_all_numbers_are_one_compilation():
    study = life.load([*HOME, *ONE, "gains=true", "elasticity=[dispatch_us,batch,weight_bits]"])
    calls = study.cases[0].forecaster(study.metrics).calls
    changed_numbers = [call for call in calls if isinstance(call.part, Changed)]
    assert len(changed_numbers) == 6
    assert len({call.part for call in changed_numbers}) == 1


def test_gains_are_the_forecast_at_more_of_a_number():
    ds = dataset(*ONE, "gains=true", "elasticity=[bandwidth_gb_per_s,peak_tflops.fp16,dispatch_us]").squeeze(drop=True)
    base = dataset(*ONE).squeeze(drop=True)
    for key, factor in itertools.product(("bandwidth_gb_per_s", "peak_tflops.fp16", "dispatch_us"), (1.1, 2.0)):
        published = {"bandwidth_gb_per_s": 900, "peak_tflops.fp16": 125, "dispatch_us": 3.5}[key]
        other = dataset(*ONE, f"hw.v100.{key}={published * factor}").squeeze(drop=True)
        name = {1.1: "change_10pct", 2.0: "change_2x"}[factor]
        for metric in ("ttft", "tpot", "tps"):
            expected = float(other[metric] / base[metric] - 1)
            assert float(ds[name].sel(metric=metric, parameter=key)) == pytest.approx(expected, abs=1e-12)


def test_any_number_by_its_name():
    keys = ["weight_bits", "prompt_tokens", "num_hidden_layers", "roof_smoothness"]  # one of each kind of file
    ds = dataset("model=llama3_8b", "opt=kv8", f"elasticity=[{','.join(keys)}]", "workload.batch=5",
                 "engine.roof_smoothness=0.4", "workload.prompt_tokens=777", "metrics=[ttft]")  # fmt: skip
    assert list(ds.parameter.values) == keys
    e = ds.elasticity.squeeze(drop=True)
    assert float(e.sel(parameter="prompt_tokens")) > 0.9
    scenario = life.load(["hw=v100", "engine=ideal", "model=llama3_8b", "opt=kv8", "workload.batch=5",
                          "workload.prompt_tokens=777", "engine.roof_smoothness=0.4"]).scenario  # fmt: skip
    leaf = "engine.efficiency.roof_smoothness"
    up, down = (life.forecast(changed(scenario, leaf, 0.4 * f))["ttft"] for f in (1.0001, 0.9999))
    expected = float(np.log(up / down) / np.log(1.0001 / 0.9999))
    assert float(e.sel(parameter="roof_smoothness")) == pytest.approx(expected, rel=1e-5)


def test_cases_share_their_parameters_and_what_one_does_not_use_is_0(tmp_path):
    ds = dataset("hw=[v100,m1]", f"elasticity=[{','.join(RATES)}]", "opt=int4")
    assert "peak_tflops.fp16" in ds.parameter.values
    unused = ds.elasticity.sel(hw="m1", parameter="peak_tflops.fp32")
    own = life.load(["hw=m1", "opt=int4"]).cases[0].built.sources
    assert ("peak_tflops.fp32" in own) or bool((unused == 0).all())


def test_the_file_holds_what_evaluate_gives(life, tmp_path):
    words = ["hw=v100", "engine=ideal", "metrics=[ttft]", "elasticity=[dispatch_us]", "gains=true", "gradients=[batch]",
             "out=e.nc", "axes.batch=[1,3]"]  # fmt: skip
    outcome = life("sweep", *words)
    assert outcome.status == 0, outcome.err
    import life_jax

    with xr.open_dataset(outcome.file) as stored:
        xr.testing.assert_equal(stored.load(), life_jax.evaluate(life_jax.load(words)))
        assert stored.elasticity.dims[:2] == ("metric", "parameter")
        assert stored.d_ttft_d_batch.attrs["units"] == "s"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["elasticity=[bandwith_gb_per_s]"], "bandwidth_gb_per_s"),
        (["elasticity=[opt]"], "not a number"),
        (["elasticity=[peak_tflops.fp8]"], "changes nothing"),
        (["elasticity=[batch,batch]"], "twice"),
        (["elasticity=3"], "by name"),
        (["gains=maybe"], "true or false"),
        (["elasticity=true", "metrics=[bound,fits_memory]"], "has a slope"),
        (["elasticity=[sliding_window]"], "changes nothing"),
    ],
)
def test_what_has_no_slope_is_refused(words, reason):
    with pytest.raises(life.ConfigError, match=reason):
        life.load(["hw=v100", *words])


def test_shares_that_are_an_elasticity_with_the_other_sign_are_so_in_every_chunk(monkeypatch):
    """They are not computed, but taken from its column; small chunks write memory over often."""
    monkeypatch.setattr(plan, "POINTS_PER_CHUNK", 7)
    study = life.load(["hw=v100", "engine=ideal", "axes.batch=[1,2,3,4,5]", "axes.prompt_tokens=linspace(10,900,13)",
                       "elasticity=true"])  # fmt: skip
    assert study.sweep.chunks > 2 * plan.RING
    ds = life.evaluate(study).sel(metric=["ttft", "tpot"])
    np.testing.assert_allclose(ds.bound_share.sum("resource"), 1.0, atol=1e-6)
    for bound, key in (("memory", "bandwidth_gb_per_s"), ("compute", "peak_tflops")):
        np.testing.assert_array_equal(ds.bound_share.sel(resource=bound), -ds.elasticity.sel(parameter=key))
        assert len(np.unique(ds.bound_share.sel(resource=bound))) > 50
