"""Engines that are compared, engine=auto, and combinations that cannot be: NaN, said once, left out and not counted."""

import json

import numpy as np
import pytest

import life_jax as life
from life_jax.config import engine_fit
from life_jax.config.conf_files import file
from life_jax.config.schema import paths
from life_jax.config.schema.device_file import DeviceFile, device_classes
from life_jax.config.schema.engine_file import EngineFile
from life_jax.config.schema.errors import ConfigError

POINT = ("workload.batch=1", "workload.prompt_tokens=512", "model=llama3_1_8b")
ENGINES = sorted(paths.choices("engine", ()))


def test_engines_are_a_labelled_axis_and_each_is_what_it_is_alone():
    ds = life.evaluate(life.load(["hw=[a100,h100_sxm]", "axes.engine=[vllm,tensorrt_llm]", *POINT]))
    assert ds.ttft.dims[:4] == ("model", "hw", "opt", "engine")
    assert ds.engine.values.tolist() == ["vllm", "tensorrt_llm"]
    for engine in ("vllm", "tensorrt_llm"):
        alone = life.evaluate(life.load(["hw=[a100,h100_sxm]", f"engine={engine}", *POINT]))
        np.testing.assert_array_equal(ds.sel(engine=engine).tpot.values, alone.tpot.values)


def test_numbers_of_engines_hold_for_all_that_are_compared():
    words = ["hw=a100", "axes.engine=[vllm,tensorrt_llm]", *POINT]
    plain, slow = (life.evaluate(life.load([*words, *more])) for more in ((), ("engine.step_us=50000",)))
    assert (slow.tpot > plain.tpot + 0.04).all()


@pytest.mark.parametrize(
    ("hw", "opt", "engine"),
    [
        ("h100_sxm", "none", "vllm"), ("rtx_4090", "q4_k_m", "llama_cpp_cuda"), ("rtx_4090", "fp8", "vllm"),
        ("apple_m3_max_40c", "q4_k_m", "llama_cpp_metal"), ("apple_m3_max_40c", "mlx_4bit", "mlx"),
        ("epyc_9654", "q4_0", "llama_cpp_cpu"), ("core_ultra_155h_igpu", "none", "openvino"),
        ("ryzen_hx370_igpu_890m", "q4_0", "llama_cpp_vulkan"), ("tpu_v5e", "none", "generic"),
    ],
)  # fmt: skip
def test_auto_is_what_people_run_on_the_device_and_format(hw, opt, engine):
    words = [f"hw={hw}", "engine=auto", *([] if opt == "none" else [f"opt={opt}"]), *POINT]
    assert life.load(words).cases[0].keys.engine == engine


def test_auto_never_means_an_engine_that_cannot_run_there():
    kinds = {"q4_0": "gguf"}
    for label in paths.choices("hw", ()):
        device = file("hw", label, DeviceFile)
        for stack in ((), ("q4_0",), ("mlx_4bit",), ("fp8",)):
            engine = engine_fit.automatic(device, stack, kinds)
            if stack != ("mlx_4bit",) and engine != engine_fit.GENERIC:  # MLX's format is for one engine alone
                why = engine_fit.why_impossible(file("engine", engine, EngineFile), device, stack, kinds)
                assert why is None or "files" in why, (label, stack, why)


@pytest.mark.parametrize("name", ENGINES)
def test_every_engine_says_where_it_runs_by_names_that_devices_have(name):
    content = file("engine", name, EngineFile)
    vendors = {file("hw", label, DeviceFile).vendor for label in ("v100_sxm2_32gb", "mi300x", "gaudi2", "apple_m1")}
    if name in ("generic", "ideal"):
        assert not content.runs_on and not content.formats
        return
    assert content.runs_on and content.runs_source
    for place in content.runs_on:
        last = place.split()[-1]
        assert last in device_classes() or place in {*vendors, "Moore Threads"}, place
    assert set(content.formats) <= {"gguf", "mlx", "mlc", "exl", "hub"}


def test_devices_that_an_engine_was_fitted_on_are_devices_on_which_it_runs():
    for engine, facts in engine_fit.fits().items():
        content = file("engine", engine, EngineFile)
        for label in facts["devices"]:
            device = file("hw", label, DeviceFile)
            assert not content.runs_on or engine_fit.runs_on(content.runs_on, device), (engine, label)


def test_a_combination_that_cannot_be_is_nan_and_said_once():
    study = life.load(["hw=[a100,h100_sxm,v100]", "axes.opt=[[w8a8_fp8],[int4]]", *POINT])
    ds = life.evaluate(study).squeeze()
    assert np.isnan(ds.tpot.sel(hw=["a100", "v100"], opt="w8a8_fp8")).all()
    assert np.isfinite(ds.tpot.sel(opt="int4")).all() and np.isfinite(ds.tpot.sel(hw="h100_sxm")).all()
    assert not ds.fits_memory.sel(hw="a100", opt="w8a8_fp8")
    (line,) = (w for w in study.warnings if "NaN" in w)
    assert line == "hw.a100, hw.v100: no fp8 matrix rate, which opt.w8a8_fp8 asks for: NaN"


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["hw=a100", "opt=w8a8_fp8"], "no fp8 matrix rate"), (["hw=[a100,v100]", "opt=w8a8_fp8"], "fp8"),
        (["hw=rtx_4090", "engine=llama_cpp_metal"], "runs on Apple"),
        (["hw=apple_m3_max_40c", "engine=mlx", "opt=q4_k_m"], "reads MLX and safetensors files, and opt"),
        (["hw=a100", "engine=vllm", "axes.engine=[vllm]"], "both given"),
        (["hw=a100", "axes.engine=[]"], "a list of engines"), (["hw=a100", "axes.engine=[vllm,vLLM]"], "twice"),
        (["hw=a100", "axes.engine=[vlm]"], "vllm"),
    ],
)  # fmt: skip
def test_what_cannot_be_at_all_is_refused(words, part):
    with pytest.raises(ConfigError) as refusal:
        life.load(words)
    assert part in str(refusal.value)


def test_reductions_leave_out_and_do_not_count_what_cannot_be():
    words = ["hw=[a100,h100_sxm]", "axes.opt=[[w8a8_fp8],[int4]]", "axes.batch=[1,8]", *POINT[1:]]
    for reduction in (["best=[tps,ttft]"], ["quantiles=[0.5]"], ["pareto=[tpot,throughput]"], ["reduce=count"]):
        free = [] if reduction[0][0] in "qr" else ["free=[batch]"]
        ds = life.evaluate(life.load([*words, *reduction, "by=[hw]", *free]))
        assert ds["count"].values.tolist() == [2, 4]
    best = life.evaluate(life.load([*words, "best=tps", "free=[batch]"]))
    assert best["count"] == 6 and np.isfinite(best.best_tps).all()


def test_elasticities_of_what_cannot_be_are_nan():
    words = ["hw=[a100,h100_sxm]", "axes.opt=[[w8a8_fp8],[int4]]", *POINT, "elasticity=true"]
    ds = life.evaluate(life.load(words))
    assert np.isnan(ds.elasticity.sel(hw="a100", opt="w8a8_fp8")).all()
    assert np.isfinite(ds.elasticity.sel(hw="h100_sxm", metric="tpot")).all()


def test_tables_leave_out_what_cannot_be_and_rows_say_it(life):
    words = ("sweep", "hw=[a100,h100_sxm]", "axes.opt=[[w8a8_fp8],[int4]]", *POINT)
    outcome = life(*words)
    assert "3 points shown; 1 cannot be; all are in the file" in " ".join(outcome.out.split())
    assert outcome.err.count("NaN") == 1
    rows = json.loads(life(*words, "format=json").out)
    assert [row["fits_memory"] for row in rows if row["ttft"] is None] == [None]
    table = life(*words, "rows=all").out
    assert sum(line.split()[2:4] == ["-", "-"] for line in table.splitlines()) == 1


def test_a_pair_that_was_never_measured_warns_once_for_all_pairs():
    study = life.load(["hw=[rtx_4090,h200_sxm,a100_sxm_40gb]", "axes.engine=[vllm,generic]", *POINT])
    lines = [w for w in study.warnings if "never measured" in w]
    pairs = "vllm on rtx_4090, vllm on h200_sxm, vllm on a100_sxm_40gb"
    assert lines == [f"never measured were {pairs}: forecast from other devices of their class"]


def test_rows_of_auto_name_their_engine(life):
    words = ("sweep", "hw=[rtx_4090,apple_m3_max_40c]", "engine=auto", "opt=q4_k_m", *POINT)
    rows = json.loads(life(*words, "format=json").out)
    assert [row["engine"] for row in rows] == ["llama_cpp_cuda", "llama_cpp_metal"]
    assert "llama_cpp_metal" in life(*words).out
