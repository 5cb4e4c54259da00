"""Laws that hold for every model, device and option there is."""

import dataclasses
import functools
import itertools

import jax
import numpy as np
import pytest
import xarray as xr
from laws import DEVICES, ENGINES, MODELS, OPTIONS, RICH_DEVICE, SPREAD, case, changed, everything, graph, scenario

import life_jax as life
from life_jax import grid
from life_jax.metrics import METRICS
from life_jax.optimizations.kv_quantization import kv_quantization
from life_jax.optimizations.weight_quantization import weight_quantization
from life_jax.pipeline import Run
from life_jax.specs import get_leaf, set_leaf
from life_jax.study import Forecaster
from life_jax.sweep import write

NUMBERS = tuple(name for name, metric in METRICS.items() if metric.kind == "number")
TIMES = ("ttft", "tpot", "e2e")
HARD, SMOOTH = (), ("engine.roof_smoothness=0.5",)
ROOFS = pytest.mark.parametrize("roof", [HARD, SMOOTH], ids=["hard", "smooth"])
COMPILED = ["llama2_7b", "gpt_neox_20b", "opt_6_7b"]  # of SPREAD, where a test compiles


def check_forecast(one) -> None:
    """Every number finite and positive, but the first token where no compute rate is published."""
    leaves = jax.tree.leaves(one.scenario)
    assert all(type(leaf) is float for leaf in leaves)
    with np.errstate(all="ignore"):
        found = life.forecast(one.scenario, NUMBERS)
    unknown = {"ttft", "e2e", "e2e_throughput"} if not np.isfinite(one.scenario.device.rates["linear"]) else set()
    counts = {"max_batch", "max_context"}  # 0 where the model does not fit, endless where its cache does not grow
    for name, value in found.items():
        if name in unknown:
            assert np.isnan(value), name
        else:
            assert value >= 0 if name in counts else np.isfinite(value) and value > 0, name


@pytest.mark.parametrize("model", MODELS)
def test_every_model_builds_and_is_forecast(model):
    check_forecast(everything("model")[model])


@pytest.mark.parametrize("device", DEVICES)
def test_every_device_builds_and_is_forecast(device):
    check_forecast(everything("hw")[device])


@pytest.mark.parametrize("option", OPTIONS)
def test_every_option_builds_and_is_forecast(option):
    check_forecast(everything("opt")[option])
    for model in SPREAD:
        check_forecast(case(f"hw={RICH_DEVICE}", f"model={model}", f"opt={option}"))


@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_builds_and_is_forecast(engine):
    check_forecast(case("model=llama3_8b", f"engine={engine}"))


GRID = ("axes.bandwidth_gb_per_s=[300,3000]", "axes.prompt_tokens=[1,100,5000]", "axes.batch=[1,64]",
        "metrics=[ttft,tpot,tps,e2e,memory,fits_memory,bound]", "dtype=float64")  # fmt: skip


@pytest.mark.parametrize("words", [("model=llama3_8b", "opt=[int4,kv4]"), ("model=gpt_neox_20b", *SMOOTH)])
def test_the_grid_equals_a_loop(words):
    study = life.load(["hw=[v100,h100_sxm]", *words, *GRID])
    found = life.evaluate(study)
    for one in study.cases:
        for point in itertools.product(*study.axes.values()):
            s = one.scenario
            for knob, value in zip(one.knobs, point, strict=True):
                s = knob.set(s, float(value))
            there = found.sel(hw=one.hw, **dict(zip(study.axes, point, strict=True)))
            for name, value in life.forecast(s, study.metrics).items():
                assert there[name].item() == pytest.approx(float(value), rel=1e-12), (name, point)


def test_the_order_of_axes_only_transposes():
    a, b = (life.evaluate(life.load(["hw=v100", *GRID[3:], *axes])) for axes in (GRID[:3], GRID[2::-1]))
    assert list(a.sizes)[3:] == list(b.sizes)[:2:-1]
    xr.testing.assert_equal(a, b.transpose(*a.dims))


def test_a_numeric_sweep_compiles_once_over_devices_models_and_stacks_of_one_structure():
    words = ["hw=[v100,h100_sxm,a100]", "model=[llama2_7b,llama3_8b,mistral_7b]", "axes.weight_bits=[4,8,16]",
             "axes.bandwidth_gb_per_s=geomspace(100,4000,7)", "metrics=[ttft,tpot]"]  # fmt: skip
    study = life.load(words)
    life.evaluate(study)
    assert len({one.knobs for one in study.cases}) == 1
    forecaster = Forecaster(study.cases[0].knobs, study.metrics)
    assert grid.compilations(forecaster) == 1
    life.evaluate(life.load([word.replace("16", "12") for word in words]))
    assert grid.compilations(forecaster) == 1


@pytest.mark.parametrize("model", SPREAD)
def test_grouped_queries_with_as_many_kv_heads_as_heads_are_multi_head_attention(model):
    s = scenario(f"model={model}")
    heads = s.architecture.blocks[0].attention["num_attention_heads"]
    same = changed(s, "architecture.blocks.0.attention.num_key_value_heads", heads)
    ops = {op.name: op for op in graph(same, batch=2.0, new=3.0, past=5.0)}
    width = heads * s.architecture.blocks[0].attention["head_dim"]
    assert ops["qkv_proj"].args["d_out"] == 3 * width
    assert ops["attention"].cost.kv_read == 2 * 2 * 8 * width * 2


@pytest.mark.parametrize("model", SPREAD)
def test_optimizations_of_no_strength_change_nothing(model):
    s = scenario(f"model={model}")
    for nothing in (weight_quantization(bits=16.0), kv_quantization(bits=16.0)):
        assert nothing.apply(s) == s
    assert scenario(f"model={model}", "opt=fused") == s
    assert life.forecast(scenario(f"model={model}", "opt=w16")) == life.forecast(s)


def scaled(s, c):
    """Rates and bandwidth times c, dispatch over c."""
    device = s.device
    rates = {pipe: c * rate for pipe, rate in device.rates.items()}
    faster = dataclasses.replace(device, rates=rates, bandwidth=c * device.bandwidth, dispatch=device.dispatch / c)
    return dataclasses.replace(s, device=faster)


@ROOFS
@pytest.mark.parametrize("model", SPREAD)
def test_latency_scales_inversely_when_all_rates_scale(model, roof):
    for words in (("workload.batch=40",), ("opt=[int4,kv4]", "engine.roofline_scope=total")):
        s = scenario(f"model={model}", *roof, *words)
        slow, fast = (life.forecast(x, TIMES) for x in (s, scaled(s, 3.0)))
        assert {name: 3 * value for name, value in fast.items()} == pytest.approx(slow, rel=1e-12)


@functools.cache
def slopes(model: str, *words: str):
    """Values, and gradients of their logarithms in every leaf, in float64."""
    with jax.enable_x64(True):
        s = jax.tree.map(np.float64, scenario(f"model={model}", *words))
        logs = jax.jit(jax.jacrev(lambda x: {k: jax.numpy.log(v) for k, v in life.forecast(x, TIMES).items()}))
        return s, jax.tree.map(float, logs(s))


@ROOFS
@pytest.mark.parametrize("model", COMPILED)
def test_every_leaf_has_a_finite_gradient(model, roof):
    for name, gradient in slopes(model, "opt=[int4,kv4]", *roof)[1].items():
        bad = [jax.tree_util.keystr(p) for p, v in jax.tree_util.tree_leaves_with_path(gradient) if not np.isfinite(v)]
        assert not bad, name


@ROOFS
@pytest.mark.parametrize("model", COMPILED)
def test_elasticities_to_rates_bandwidth_and_fixed_times_add_up_to_minus_one(model, roof):
    s, gradients = slopes(model, "opt=[int4,kv4]", *roof)
    for gradient in gradients.values():
        products = jax.tree.map(lambda g, x: g * x, gradient.device, s.device)
        assert sum(products.rates.values()) + products.bandwidth - products.dispatch == pytest.approx(-1, abs=1e-12)


@ROOFS
@pytest.mark.parametrize("model", COMPILED)
def test_gradients_equal_differences(model, roof):
    s, gradients = slopes(model, "opt=[int4,kv4]", *roof)
    for path in ("device.bandwidth", "device.dispatch", "workload.prompt_tokens", "workload.batch", "precision.kv_bits",
                 "workload.output_tokens", "precision.weights.linear.bits", "architecture.hidden_size"):  # fmt: skip
        leaf = tuple(path.split("."))
        x = get_leaf(s, leaf)
        up, down = (life.forecast(set_leaf(s, leaf, x * (1 + h)), TIMES) for h in (1e-5, -1e-5))
        for name, gradient in gradients.items():
            expected = (np.log(up[name]) - np.log(down[name])) / 2e-5
            assert x * get_leaf(gradient, leaf) == pytest.approx(expected, rel=1e-3, abs=1e-6), (path, name)


FASTER = ["device.bandwidth", *(f"device.rates.{pipe}" for pipe in ("linear", "head", "attention", "vector"))]
MORE = ["workload.prompt_tokens", "workload.batch", "workload.past_tokens", "precision.weights.linear.bits",
        "precision.kv_bits", "precision.activation_bits", "device.dispatch"]  # fmt: skip


@ROOFS
@pytest.mark.parametrize("model", SPREAD)
def test_latency_never_rises_with_a_rate_and_never_falls_with_work(model, roof):
    s = changed(scenario(f"model={model}", *roof), "workload.past_tokens", 10.0)
    for path, sign in [*((p, -1) for p in FASTER), *((p, 1) for p in MORE)]:
        leaf = tuple(path.split("."))
        values = [get_leaf(s, leaf) * factor for factor in (0.1, 0.5, 1.0, 1.7, 30.0)]
        for name in ("ttft", "tpot"):
            seconds = [life.forecast(set_leaf(s, leaf, value))[name] for value in values]
            assert all(sign * (b - a) >= -1e-12 * a for a, b in itertools.pairwise(seconds)), (path, name, seconds)


@pytest.mark.parametrize("model", SPREAD)
def test_chunks_of_a_prompt_sum_to_its_matrix_work(model):
    s = scenario(f"model={model}")
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
