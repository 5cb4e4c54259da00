"""Laws that hold for every model, device and option there is."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr
from laws import (
    DEVICES,
    ENGINES,
    MODELS,
    NUMBERS,
    OPTIONS,
    SPREAD,
    case,
    changed,
    check_forecast,
    graph,
    in_numpy,
    of,
    of_model,
    of_option,
    scaled,
    scenario,
    smooth,
)

import life_jax as life
from life_jax.core.pytree import get_leaf, set_leaf
from life_jax.core.scenario import UNPUBLISHED
from life_jax.forecasting.request import Run
from life_jax.grid import eager, kernel
from life_jax.optimizations.base import chain
from life_jax.optimizations.fusion import fusion
from life_jax.optimizations.kv_quantization import kv_quantization
from life_jax.optimizations.weight_quantization import weight_quantization
from life_jax.sweep import write

TIMES = ("ttft", "tpot", "e2e")
FEW = ["llama3_8b", "gpt_neox_20b", "opt_6_7b", "falcon_7b"]  # of SPREAD, for gradients and the smooth roof
ROOFS = [*((model, "hard") for model in SPREAD), *((model, "smooth") for model in FEW)]
FEW_ROOFS = [(model, roof) for model, roof in ROOFS if model in FEW[:2]]
NARROW = chain(
    weight_quantization(bits=4.0, group_size=128, scale_bits=16.0, dequant_flops=4.0),
    kv_quantization(bits=4.0, group_size=32, scale_bits=16.0, zero_bits=16.0, dequant_flops=4.0),
)


def roofed(model: str, roof: str):
    return of(model) if roof == "hard" else smooth(of(model))


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_every_model_builds_and_is_forecast(model):
    check_forecast(of_model(model))


@pytest.mark.slow
@pytest.mark.parametrize("device", DEVICES)
def test_every_device_builds_and_is_forecast(device):
    check_forecast(case(f"hw={device}"))


@pytest.mark.slow
@pytest.mark.parametrize("option", OPTIONS)
def test_every_option_builds_and_is_forecast(option):
    for one in of_option(option):
        check_forecast(one)


@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_builds_and_is_forecast(engine):
    check_forecast(case("model=llama3_8b", f"engine={engine}"))


GRID = ("axes.bandwidth_gb_per_s=[300,3000]", "axes.prompt_tokens=[1,100,5000]", "axes.batch=[1,64]",
        "metrics=[ttft,tpot,tps,e2e,memory,fits_memory,bound]", "dtype=float64")  # fmt: skip


@pytest.fixture
def compiled(monkeypatch):
    """Grids are compiled, however small they are."""
    monkeypatch.setattr(eager, "MOST_POINTS", 0)


@pytest.mark.parametrize(
    "words", [("model=llama3_8b", "opt=[int4,kv4]"), ("model=gpt_neox_20b", "engine.roof_smoothness=0.5")]
)
def test_the_grid_equals_a_loop(words):
    check_grid(words)


def test_a_compiled_grid_equals_a_loop(compiled):
    check_grid(("model=llama3_8b", "opt=[int4,kv4]"))


def check_grid(words):
    study = life.load(["hw=[v100,h100_sxm]", *words, *GRID])
    found = life.evaluate(study)
    xr.testing.assert_allclose(found.drop_attrs(), in_numpy(*study.words).drop_attrs(), rtol=1e-12)
    for one in study.cases:
        for point in itertools.product(*study.axes.values()):
            s = one.scenario
            for parameter, value in zip(one.parameters, point, strict=True):
                s = parameter.set(s, float(value))
            there = found.sel(hw=one.hw, **dict(zip(study.axes, point, strict=True)))
            for name, value in life.forecast(s, study.metrics).items():
                assert there[name].item() == pytest.approx(float(value), rel=1e-12), (name, point)


def test_the_order_of_axes_only_transposes(compiled):
    axes = ("axes.bandwidth_gb_per_s=[300,3000]", "axes.kv_bits=[4,8,16]", "axes.dispatch_us=[0,1,2,3]")
    a, b = (life.evaluate(life.load(["hw=v100", "dtype=float64", *order])) for order in (axes, axes[::-1]))
    assert a.ttft.dims[-3:] == b.ttft.dims[:-4:-1] == ("bandwidth_gb_per_s", "kv_bits", "dispatch_us")
    xr.testing.assert_allclose(a, b.transpose(*a.ttft.dims), rtol=1e-13)


def test_a_numeric_sweep_compiles_once_over_devices_models_and_stacks_of_one_structure(compiled):
    words = ["hw=[v100,h100_sxm,a100]", "model=[llama2_7b,llama3_8b,codellama_7b]", "axes.weight_bits=[4,8,16]",
             "axes.bandwidth_gb_per_s=geomspace(100,4000,7)", "metrics=[ttft,tpot]"]  # fmt: skip
    study = life.load(words)
    life.evaluate(study)
    assert len({one.parameters for one in study.cases}) == 1
    forecaster = study.cases[0].forecaster(study.metrics)
    assert kernel.kernel(forecaster).compilations == 1
    life.evaluate(life.load([word.replace("16", "12") for word in words]))
    assert kernel.kernel(forecaster).compilations == 1


@pytest.mark.parametrize("model", SPREAD)
def test_grouped_queries_with_as_many_kv_heads_as_heads_are_multi_head_attention(model):
    s = of(model)
    heads = s.architecture.blocks[0].attention["num_attention_heads"]
    same = changed(s, "architecture.blocks.0.attention.num_key_value_heads", heads)
    ops = {op.name: op for op in graph(same, batch=2.0, new=3.0, past=5.0)}
    width = heads * s.architecture.blocks[0].attention["head_dim"]
    assert ops["qkv_proj"].args["d_out"] == 3 * width
    assert ops["attention"].cost.kv_read == 2 * 2 * 8 * width * 2


@pytest.mark.parametrize("model", SPREAD)
def test_optimizations_of_no_strength_change_nothing(model):
    s = of(model)
    for nothing in (weight_quantization(bits=16.0), kv_quantization(bits=16.0), fusion(), fusion(add=("all",))):
        assert nothing.apply(s) == s


def test_options_of_no_strength_change_no_forecast():
    plain = life.forecast(scenario(), NUMBERS)
    for option in ("w16", "fused", "flash_attention"):
        found = life.forecast(scenario(f"opt={option}"), NUMBERS)
        for name in NUMBERS:
            np.testing.assert_equal(float(found[name]), float(plain[name]))


@pytest.mark.parametrize(("model", "roof"), ROOFS)
def test_latency_scales_inversely_when_all_rates_scale(model, roof):
    plain = changed(roofed(model, roof), "workload.batch", 40.0)
    for s in (plain, changed(NARROW.apply(plain), "engine.counting.scope", "total")):
        slow, fast = (life.forecast(x, TIMES) for x in (s, scaled(s, 3.0)))
        for time in TIMES:
            assert 3 * float(fast[time]) == pytest.approx(float(slow[time]), rel=1e-12), time


@functools.cache
def slopes(model: str, roof: str):
    """A scenario, and the gradients of the logarithms of its times in every leaf, in float64; eager."""
    with jax.enable_x64(True):
        s = jax.tree.map(np.float64, NARROW.apply(roofed(model, roof)))
        logs = {time: jax.grad(lambda x, t=time: jnp.log(life.forecast(x, (t,))[t])) for time in TIMES[:2]}
        return s, {time: jax.tree.map(float, log(s)) for time, log in logs.items()}


@pytest.mark.parametrize(("model", "roof"), FEW_ROOFS)
def test_every_leaf_has_a_finite_gradient(model, roof):
    for time, gradient in slopes(model, roof)[1].items():
        leaves = jax.tree_util.tree_leaves_with_path(gradient)
        assert not [jax.tree_util.keystr(path) for path, slope in leaves if not np.isfinite(slope)], time


def test_a_device_without_published_rates_has_finite_gradients_of_decode():
    s = next(s for s in (scenario(f"hw={hw}") for hw in DEVICES) if s.device.rates["linear"] >= UNPUBLISHED)
    gradient = jax.grad(lambda x: life.forecast(x, ("tpot",))["tpot"])(s)
    assert all(np.isfinite(slope) for slope in jax.tree.leaves(gradient))


@pytest.mark.parametrize(("model", "roof"), FEW_ROOFS)
def test_elasticities_to_rates_bandwidth_and_fixed_times_add_up_to_minus_one(model, roof):
    s, gradients = slopes(model, roof)
    for gradient in gradients.values():
        e = jax.tree.map(lambda g, x: g * x, gradient.device, s.device)
        assert sum(e.rates.values()) + e.bandwidth - e.dispatch == pytest.approx(-1, abs=1e-12)


@pytest.mark.parametrize(("model", "roof"), FEW_ROOFS)
def test_gradients_equal_differences(model, roof):
    s, gradients = slopes(model, roof)
    for path in ("device.bandwidth", "device.dispatch", "workload.prompt_tokens", "workload.batch", "precision.kv_bits",
                 "workload.output_tokens", "precision.weights.linear.bits", "architecture.hidden_size"):  # fmt: skip
        leaf = tuple(path.split("."))
        x = get_leaf(s, leaf)
        up, down = (life.forecast(set_leaf(s, leaf, x * (1 + h)), TIMES) for h in (1e-5, -1e-5))
        for time, gradient in gradients.items():
            expected = (np.log(up[time]) - np.log(down[time])) / 2e-5
            assert x * get_leaf(gradient, leaf) == pytest.approx(expected, rel=1e-3, abs=1e-6), (path, time)


@pytest.mark.quick
def test_forecasts_jit_and_vmap():
    s = NARROW.apply(of("llama3_8b"))
    with jax.enable_x64(True):
        batches = np.array([1.0, 7.0, 64.0])
        found = jax.jit(jax.vmap(lambda batch: life.forecast(changed(s, "workload.batch", batch), TIMES)))(batches)
    for batch, ttft, tpot in zip(batches, found["ttft"], found["tpot"], strict=True):
        alone = life.forecast(changed(s, "workload.batch", float(batch)), TIMES)
        assert (float(ttft), float(tpot)) == pytest.approx((float(alone["ttft"]), float(alone["tpot"])), rel=1e-12)


FASTER = ["device.bandwidth", *(f"device.rates.{pipe}" for pipe in ("linear", "head", "attention", "vector"))]
MORE = ["workload.prompt_tokens", "workload.batch", "workload.past_tokens", "precision.weights.linear.bits",
        "precision.kv_bits", "precision.activation_bits", "device.dispatch"]  # fmt: skip


@pytest.mark.parametrize(("model", "roof"), ROOFS)
def test_latency_never_rises_with_a_rate_and_never_falls_with_work(model, roof):
    s = changed(roofed(model, roof), "workload.past_tokens", 10.0)
    for path, sign in [*((p, -1) for p in FASTER), *((p, 1) for p in MORE)]:
        leaf = tuple(path.split("."))
        values = [get_leaf(s, leaf) * factor for factor in (0.1, 0.5, 1.0, 1.7, 30.0)]
        found = [life.forecast(set_leaf(s, leaf, value), TIMES) for value in values]
        for time in TIMES:
            seconds = [float(one[time]) for one in found]
            assert all(sign * (b - a) >= -1e-12 * a for a, b in itertools.pairwise(seconds)), (path, time, seconds)


@pytest.mark.parametrize("model", SPREAD)
def test_chunks_of_a_prompt_sum_to_its_matrix_work(model):
    s = of(model)
    chunks = [graph(s, new=128.0, past=past).select(lambda op: op.name != "lm_head") for past in (0.0, 128.0, 256.0)]
    whole = graph(s, new=384.0).select(lambda op: op.name != "lm_head")
    assert sum(chunk.cost.matmul_flops for chunk in chunks) == whole.cost.matmul_flops


def test_a_longer_generation_takes_longer_in_total():
    s = scenario("model=llama3_8b")
    totals = [Run(changed(s, "workload.output_tokens", float(n))).e2e for n in (1, 1.5, 2, 3, 10, 1000)]
    assert totals == sorted(totals)


def test_evaluation_equals_the_file_that_the_command_writes(tmp_path):
    study = life.load(["hw=[v100,h100_sxm]", "axes.opt=[[],[int4,kv8]]", "axes.prompt_tokens=[1,100,5000]",
                       "metrics=[ttft,tpot,tps,fits_memory,bound]"])  # fmt: skip
    path = tmp_path / "result.nc"
    write(study, path)
    assert [p.name for p in tmp_path.iterdir()] == ["result.nc"]
    here = life.evaluate(study)
    with xr.open_dataset(path) as there:
        xr.testing.assert_equal(here, there)
        assert there.attrs.keys() == here.attrs.keys()
        assert there.attrs["config"] == here.attrs["config"]
        for name in here.variables:
            assert there[name].dtype == here[name].dtype or here[name].dtype.kind in "UO", name
            assert there[name].attrs["long_name"] == here[name].attrs["long_name"]


def test_a_chip_whose_matrix_rate_alone_was_cut_reaches_more_of_what_is_left():
    words = ("hw=h20", "engine=sglang", "model=qwen3_8b", "batch=1", "prompt=4096")
    cut, whole = (scenario(*words, *more) for more in ((), ("hw.h20.matrix_part=1",)))
    for name in ("compute", "attention"):
        before, after = (getattr(s.engine.efficiency, name) for s in (whole, cut))
        # what is no product takes as long as before
        assert (1 / after - 1) / 0.253 == pytest.approx(1 / before - 1, rel=1e-9)
    seconds = [life.forecast(s, ("ttft", "tpot")) for s in (cut, whole)]
    assert seconds[0]["ttft"] < 0.85 * seconds[1]["ttft"]
    assert seconds[0]["tpot"] == pytest.approx(seconds[1]["tpot"], rel=0.01)
    typed = scenario(*words, "engine.compute_efficiency=0.5")
    assert typed.engine.efficiency.compute == 0.5
