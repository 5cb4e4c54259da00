"""A cache of 8-bit floats, on devices that have units for them and on others."""

import numpy as np
import pytest
from laws import in_numpy
from places import DATA

import life_jax as life
from life_jax.config.schema.errors import ConfigError
from life_jax.core.schedule import Step
from life_jax.forecasting.step import step_graph
from life_jax.measurements import forecasts
from life_jax.measurements import rows as measurements
from life_jax.optimizations.gguf_file_types import bits_per_weight
from life_jax.roofline.terms import step_terms


def test_a_device_without_fp8_widens_an_fp8_cache_once_for_each_query_head():
    words = ["model=llama3_8b", "engine=ideal", "opt=kv_fp8", "engine.fp8_convert_flops=50"]
    step = Step(batch=2.0, new=1.0, past=4095.0, decoding=True)

    def vector(*words):
        s = life.load([*words, "engine.kv_reread=0"]).scenario
        ops = [op for op in step_graph(s, step) if op.pipe == "attention"]
        found = step_terms(ops, s.device, s.engine)
        return s, sum(t.vector * t.repeats for t in found) * s.device.rates["vector"] * s.engine.efficiency.vector

    (a100, with_work), (_, without) = vector(*words, "hw=a100"), vector(*words[:-1], "hw=a100")
    elements = 2 * 4096 * 32 * 2 * 8 * 128  # sequences, tokens, layers, keys and values, heads of 128
    assert with_work - without == pytest.approx(50 * 4 * elements, rel=1e-6)  # four query heads share each
    assert a100.engine.effects["cache_conversion"].needed
    h100, in_hardware = vector(*words, "hw=h100_sxm")
    assert not h100.engine.effects["cache_conversion"].needed and in_hardware == pytest.approx(without, rel=1e-6)
    assert (
        not vector("hw=a100", "opt=kv8", *words[:2], words[-1])[0].engine.effects["cache_conversion"].needed
    )  # whole numbers
    bytes_ = [sum(op.cost.kv_read * op.repeats for op in step_graph(s, step)) for s in (a100, h100)]
    assert bytes_ == [elements, elements]


@pytest.mark.parametrize(("stack", "converts"), [("[kv8,kv_fp8]", True), ("[kv_fp8,kv8]", False)])
def test_the_last_option_says_how_the_cache_is_stored(stack, converts):
    engine = life.load(["hw=a100", "model=llama3_8b", f"opt={stack}"]).scenario.engine
    assert engine.effects["cache_conversion"].needed == converts


def test_an_fp8_cache_costs_more_than_it_saves_on_an_a100_and_less_on_an_h100():
    words = ["model=llama3_8b", "engine=vllm", "workload.batch=32", "workload.prompt_tokens=2048", "metrics=[tpot]"]
    ratio = {}
    for hw in ("a100", "h100_sxm"):
        half, eight = (float(in_numpy(*words, f"hw={hw}", *opt).tpot.squeeze()) for opt in ([], ["opt=kv_fp8"]))
        ratio[hw] = eight / half
    assert ratio["a100"] > 2 and ratio["h100_sxm"] < 1


def test_the_work_of_widening_is_an_axis_where_there_is_any():
    words = ["hw=v100", "model=llama3_8b", "engine=vllm", "workload.batch=8"]
    ds = in_numpy(*words, "opt=kv_fp8", "axes.fp8_convert_flops=[10,50]").squeeze()
    assert (ds.tpot[1] > ds.tpot[0]).all()
    bound = [*words[:2], "engine=ideal", "workload.batch=8", "opt=kv_fp8"]  # whose file says 0
    ds = in_numpy(*bound, "axes.fp8_convert_flops=[0,500]").squeeze()
    assert (ds.tpot[1] > ds.tpot[0]).all()
    with pytest.raises(ConfigError, match="needs no conversion"):
        life.load([*words, "axes.fp8_convert_flops=[10,50]"])


@pytest.mark.parametrize(
    ("said", "stack"),
    [
        ("", []),
        ("f16", []),
        ("fp8", ["kv_fp8"]),
        ("q8_0", ["kv_q8_0"]),
        ("q4_0", ["kv_q4_0"]),
        ("fp8_e5m2", ["kv8"]),
        ("kv4", ["kv4"]),
        ("FP8", ["kv_fp8"]),
    ],
)
def test_the_type_of_a_measured_cache_is_understood_or_reported(said, stack):
    row = {"id": "a", "hardware": "a100", "model": "llama3_8b", "weight_format": "f16", "engine": "vLLM", "batch": "1",
           "prompt_tokens": "512", "output_tokens": "", "metric": "ttft_s", "value": "1", "kv_dtype": said}  # fmt: skip
    assert [name for name in measurements.place(row).stack if name.startswith("kv")] == stack
    assert "kv_dtype 'turbo3' is not known: auto, none, nan, f16" in measurements.place({**row, "kv_dtype": "turbo3"})


@pytest.mark.data
def test_twenty_times_of_an_a100_under_vllm_with_an_fp8_cache_are_met():
    """Up to seven times as slow as without (LLM-Inference-Bench): one constant says so at every batch and length."""
    rows = [one for one in measurements.read(DATA / "measurements_dev.csv") if one["kv_dtype"] == "fp8"]
    placed = [measurements.place(one) for one in rows if "A100" in one["canonical"] and one["engine"] == "vLLM"]
    logs = np.log([s.ratio(f) for s, f in zip(placed, forecasts.forecasts(placed), strict=True)])
    assert len(logs) == 20 and np.abs(logs).mean() < 0.2 and np.abs(logs).max() < 0.35, np.exp(logs).round(2)


@pytest.mark.parametrize(("option", "bits"), [("q8_0", 8.5), ("q4_0", 4.5), ("q4_1", 5), ("q5_0", 5.5), ("q5_1", 6)])
def test_caches_of_llama_cpp_have_the_bits_of_their_blocks(option, bits):
    assert life.load(["hw=a100", f"opt=kv_{option}"]).scenario.precision.kv_bits == bits
    assert bits_per_weight(option.upper()) == bits
