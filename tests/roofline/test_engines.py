"""What software does with a device: rates by kernel, quality by weight format, expanded weights, few rows."""

import importlib.util
import sys
from dataclasses import fields, replace

import jax
import numpy as np
import pytest
from laws import in_numpy
from places import DATA, ROOT

import life_jax as life
from life_jax.config import conf_files
from life_jax.config.schema.efficiency_file import EfficiencyFile
from life_jax.config.schema.engine_file import EngineFile
from life_jax.config.schema.errors import ConfigError
from life_jax.core.schedule import Step
from life_jax.forecasting.step import step_graph
from life_jax.measurements import forecasts
from life_jax.roofline.roofs import joined
from life_jax.roofline.terms import step_terms

WORDS = ["hw=rtx_4090", "model=llama3_8b", "workload.batch=1"]


def scenario(*words):
    return life.load([*WORDS, *words]).scenario


def terms(s, tokens):
    step = Step(batch=1.0, new=float(tokens), past=0.0)
    graph = step_graph(s, step)
    return dict(zip((op.name for op in graph), step_terms(graph, s.device, s.engine), strict=True))


def test_kernels_run_at_the_rates_that_the_engine_prefers_and_the_device_has():
    peaks = {"fp16": 165.2e12, "fp16_acc16": 330.4e12, "int8": 660.6e12}
    for engine, opt, dtype in (
        ("llama_cpp_cuda", "[]", "fp16_acc16"), ("llama_cpp_cuda", "q4_0", "int8"),
        ("llama_cpp_cuda_2024", "q4_0", "fp16_acc16"), ("vllm", "int4", "fp16"), ("ideal", "[]", "fp16"),
        ("vllm", "w8a8", "int8"),
    ):  # fmt: skip
        s = scenario(f"engine={engine}", f"opt={opt}")
        assert s.device.rates["linear"] == pytest.approx(peaks[dtype]), (engine, opt)
        assert s.device.rates["attention"] == pytest.approx(peaks["fp16"])
    without = life.load(["hw=v100", "engine=llama_cpp_cuda"]).scenario  # no such unit: the 16-bit rate
    assert without.device.rates["linear"] == pytest.approx(125e12)


def test_an_unknown_unit_is_refused():
    with pytest.raises(life.ConfigError, match=r"engine.half_units 'fp17' is not known"):
        scenario("engine.half_units=[fp17]")


def test_quality_goes_by_the_bits_of_the_weights_also_where_they_are_an_axis():
    common = ["engine=ideal", "engine.compute_4bit=0.8", "engine.compute_8bit=0.5", "engine.memory_quantized=0.9"]
    plain = ["engine=ideal"]
    for bits, quality, memory in ((16, 1, 1), (8, 0.5, 0.9), (4.5, 0.8, 0.9)):
        words = [f"precision.weight_bits={bits}"]
        one, two = terms(scenario(*plain, *words), 512)["o_proj"], terms(scenario(*common, *words), 512)["o_proj"]
        assert one.matmul / two.matmul == pytest.approx(quality)
        assert 1 > one.memory / two.memory >= memory or memory == 1
    ds = in_numpy(*WORDS, *common, "axes.weight_bits=[4.5,8,16]", "workload.prompt_tokens=2048")
    each = [in_numpy(*WORDS, *common, f"precision.weight_bits={b}", "workload.prompt_tokens=2048")
            for b in (4.5, 8, 16)]  # fmt: skip
    assert np.allclose(ds.ttft.squeeze(), [float(one.ttft.squeeze()) for one in each], rtol=1e-5)


def test_weights_are_expanded_from_so_many_rows_on_and_products_then_read_16_bit():
    s = scenario("engine=ideal", "engine.expand_rows=64", "opt=q4_0")
    plain, half = scenario("engine=ideal", "opt=q4_0"), scenario("engine=ideal")
    few, many = terms(s, 64), terms(s, 65)
    weights = 4096 * 4096
    bandwidth = s.device.bandwidth
    assert few["o_proj_expand"].seconds(s.engine) == 0
    assert many["o_proj_expand"].memory == pytest.approx(weights * (4.5 + 16) / 8 / bandwidth)
    assert many["o_proj_expand"].dispatch == pytest.approx(s.device.dispatch)
    assert few["o_proj"].memory == pytest.approx(terms(plain, 64)["o_proj"].memory)
    assert many["o_proj"].memory == pytest.approx(terms(half, 65)["o_proj"].memory)
    assert many["o_proj"].vector == 0  # nothing is left to expand
    assert "o_proj_expand" not in terms(half, 65) or terms(half, 65)["o_proj_expand"].seconds(half.engine) == 0


def test_weights_that_kernels_rearrange_cost_the_same_for_one_row_and_for_a_tile():
    s, plain = scenario("engine=ideal", "engine.repack_flops=20"), scenario("engine=ideal")
    work = 4096 * 4096 * 20 / s.device.rates["vector"]
    one, tile, two = (terms(s, rows)["o_proj"].vector for rows in (1, 128, 256))
    assert one == pytest.approx(work) and tile == pytest.approx(work) and two == pytest.approx(2 * work)
    assert terms(plain, 128)["o_proj"].vector == 0
    quantized, both = (scenario("engine=ideal", "opt=q4_0", *more) for more in ([], ["engine.repack_flops=20"]))
    assert terms(both, 1)["o_proj"].vector == pytest.approx(terms(quantized, 1)["o_proj"].vector + work)


def test_fewer_bits_are_never_slower_in_kernels_of_quantized_weights_or_to_read():
    words = ["engine=ideal", "engine.compute_4bit=0.5", "engine.compute_8bit=0.8", "engine.memory_quantized=0.7"]
    each = [terms(scenario(*words, f"precision.weight_bits={b}"), 512)["o_proj"] for b in (2, 4, 6.5, 6.6, 8, 15.9, 16)]
    assert (np.diff([t.matmul for t in each[:-1]]) >= 0).all()  # those of 16-bit weights are other kernels
    assert (np.diff([t.memory for t in each]) >= 0).all()


# rows in vain that make matrix kernels too slow for few rows
SLOW_TILES = ("engine=ideal", "engine.vector_rows=8", "engine.tile_rows=2000")


def test_kernels_of_few_rows_unpack_a_matrix_for_each_of_them():
    s = scenario(*SLOW_TILES, "opt=q4_k_m")
    weights, rate = 4096 * 4096, s.device.rates["vector"]
    flops = s.precision.weights["o_proj"].dequant_flops
    for rows, beyond in ((1, 1), (4, 1), (8, 1), (16, 2)):
        t = terms(s, rows)["o_proj"]
        assert t.vector == pytest.approx(rows * beyond * weights * (flops + 2) / rate)
        assert t.matmul == 0
    assert terms(s, 500)["o_proj"].vector == pytest.approx(500 / 128 * weights * flops / rate)


@pytest.mark.parametrize("smoothness", [0, 0.5])
def test_a_product_takes_the_time_of_the_faster_kernel(smoothness):
    """Matrix kernels alone, and those of few rows alone (with tiles too large to be ever chosen)."""
    words = ["engine=ideal", f"engine.roof_smoothness={smoothness}", "opt=q4_k_m"]
    both = scenario(*words, "engine.vector_rows=8", "engine.tile_rows=200")
    rows_alone = scenario(*words, "engine.vector_rows=8", "engine.tile_rows=1e9")
    chosen = []
    for rows in (1, 2, 5, 9, 12, 30, 60, 100, 300, 1000):
        found, by_row = (terms(s, rows)["o_proj"] for s in (both, rows_alone))
        weights, device = 4096 * 4096, both.device
        flops = both.precision.weights["o_proj"].dequant_flops * weights * max(rows / 128, 1)
        matmul = (2 * (rows + 200) * weights + flops) / device.rates["linear"]
        on_matrix = joined((matmul, flops / device.rates["vector"]), smoothness)
        assert joined((found.matmul, found.vector), smoothness) == pytest.approx(min(on_matrix, by_row.vector))
        chosen.append(bool(found.matmul == 0))
    assert chosen[0] and not chosen[-1] and sum(np.diff(chosen) != 0) == 1


def test_an_axis_of_vector_rows_starts_with_no_such_kernel():
    words = [*WORDS, "engine=ideal", "engine.tile_rows=2000", "workload.prompt_tokens=2"]
    ds = in_numpy(*words, "axes.vector_rows=[0,4,8]").squeeze()
    always = in_numpy(*words, "engine.vector_rows=1e-9").squeeze()
    assert float(ds.ttft[0]) == pytest.approx(float(always.ttft)) and ds.ttft[0] > 2 * ds.ttft[1]


def test_fewer_heads_than_lanes_leave_some_idle():
    """Qwen2.5-3B: 16 query heads keep 8 columns busy, its 2 KV heads only 2 of them."""
    words = ["hw=h100_sxm", "model=qwen2_5_3b", "engine=ideal", "engine.fusion=[attention]"]
    plain, laned, many = (life.load([*words, *more]).scenario
                          for more in ([], ["engine.attention_lanes=8"], ["engine.attention_lanes=32"]))  # fmt: skip
    step = Step(batch=1.0, new=1.0, past=4096.0, decoding=True)
    one, two, three = (
        next(t for op, t in zip(ops, step_terms(ops, s.device, s.engine), strict=True) if op.name == "attention")
        for s in (plain, laned, many)
        for ops in (tuple(step_graph(s, step)),)
    )
    softmax = one.vector * plain.device.rates["vector"] / plain.device.rates["attention"]  # beside, at the whole rate
    assert two.matmul == pytest.approx(one.matmul)
    assert three.matmul - softmax == pytest.approx(2 * (one.matmul - softmax))
    assert two.cache == pytest.approx(4 * one.cache) and three.cache == pytest.approx(16 * one.cache)


def test_no_quality_lifts_an_engine_above_a_peak():
    """Kernels 2.4 times as good as those of the class mean nothing where those reach half of the peak."""
    words = ["hw=h100_sxm", "model=llama2_7b", "engine=vllm", "engine.compute_quality=2.4", "engine.memory_quality=2.4"]
    engine = life.load(words).scenario.engine
    assert engine.efficiency.compute == 1 and engine.efficiency.memory <= 1


def test_experts_are_expanded_on_the_fly():
    s = life.load(["hw=rtx_4090", "model=mixtral_8x7b", "engine=ideal", "engine.expand_rows=64", "opt=q4_0"]).scenario
    found = terms(s, 512)
    assert "o_proj_expand" in found
    assert not [name for name in found if name.startswith("experts") and name.endswith("expand")]


def test_query_heads_that_share_no_read_of_the_cache_read_it_as_if_each_had_its_own():
    """kv_reread 1: grouped queries take as long as one head for each query would; what is stored stays."""
    words = ["engine=ideal", "workload.prompt_tokens=4096"]
    grouped, each = (
        scenario(*words, f"model.llama3_8b.num_key_value_heads={heads}", f"engine.kv_reread={part}")
        for heads, part in ((8, 1), (32, 0))
    )
    step = Step(batch=2.0, new=1.0, past=4095.0, decoding=True)
    caches = [
        sum(t.cache - op.cost.kv_written / s.device.bandwidth for op, t in zip(ops, found, strict=True) if t.grows)
        for s in (grouped, each)
        for ops in [list(step_graph(s, step))]
        for found in [step_terms(ops, s.device, s.engine)]
    ]
    assert caches[0] == pytest.approx(caches[1])
    plain = scenario("engine=ideal", "model.llama3_8b.num_key_value_heads=8")
    half = scenario("engine=ideal", "model.llama3_8b.num_key_value_heads=8", "engine.kv_reread=0.5")
    one, other = (sum(t.cache for t in step_terms(step_graph(s, step), s.device, s.engine)) for s in (plain, half))
    assert other / one == pytest.approx(1 + 0.5 * 3, rel=1e-3)  # four query heads for each; what is written stays
    memory = [in_numpy(*WORDS, *words, f"engine.kv_reread={p}", "metrics=[memory]") for p in (0, 1)]
    assert float(memory[0].memory.squeeze()) == float(memory[1].memory.squeeze())


def test_an_axis_of_rereading_is_every_number_of_it():
    words = [*WORDS, "engine=ideal", "workload.prompt_tokens=4096"]
    ds = in_numpy(*words, "axes.kv_reread=[0,0.5,1]").squeeze()
    each = [float(in_numpy(*words, f"engine.kv_reread={p}").tpot.squeeze()) for p in (0, 0.5, 1)]
    np.testing.assert_allclose(ds.tpot, each, rtol=1e-5)
    assert each[0] < each[1] < each[2]


# 16 cores
CPU = ("hw=ryzen_9_7950x_cpu", "model=llama2_7b", "engine=llama_cpp_cpu", "opt=q4_0", "workload.batch=1")
DIVIDED = "engine.serial_part=0"


def test_threads_compute_at_their_part_of_the_peak_and_draw_more_than_their_part_of_the_bandwidth():
    def found(*more):
        s = life.load([*CPU, DIVIDED, "engine.unpack_work=1", *more]).scenario
        return terms(s, 512)["o_proj"]

    every, quarter = found(), found("engine.threads=4", "engine.core_bandwidth=3")
    assert quarter.matmul / every.matmul == pytest.approx(4)
    assert quarter.vector / every.vector == pytest.approx(4)
    assert quarter.memory / every.memory == pytest.approx(2)  # 1/4 over 1/4 + 3/4 / 3
    even = found("engine.threads=4", "engine.core_bandwidth=1")
    assert even.memory / every.memory == pytest.approx(4)
    for threads in (16, 32):  # hyper-threads share a core
        same = found(f"engine.threads={threads}")
        assert (same.matmul, same.vector, same.memory) == pytest.approx((every.matmul, every.vector, every.memory))
    words = ["hw=ryzen_9_7950x_cpu", "model=llama2_7b", "engine=ideal"]  # a bound knows no core that draws less
    one, all_ = (terms(life.load([*words, *w]).scenario, 512)["o_proj"] for w in (["engine.threads=1"], []))
    assert (one.memory, one.matmul) == pytest.approx((all_.memory, 16 * all_.matmul))


def test_an_axis_of_threads_is_every_number_of_them_and_has_a_slope():
    ds = life.evaluate(
        life.load([*CPU, "workload.prompt_tokens=512", "axes.threads=[1,4,16]", "elasticity=[threads]"])
    ).squeeze()
    each = [in_numpy(*CPU, "workload.prompt_tokens=512", f"engine.threads={n}").squeeze() for n in (1, 4, 16)]
    np.testing.assert_allclose(ds.ttft, [float(one.ttft) for one in each], rtol=1e-5)
    np.testing.assert_allclose(ds.tpot, [float(one.tpot) for one in each], rtol=1e-5)
    slope = ds.elasticity.squeeze()
    assert (slope.sel(metric="ttft") < -0.4).all()  # prompts are compute, of which threads do not divide all
    assert (slope.sel(metric="tpot").diff("threads") > 0).all()  # more threads share the same bandwidth
    assert (slope.sel(metric="tpot") < 0).all()


def test_threads_are_of_devices_with_cores():
    with pytest.raises(ConfigError, match=r"engine\.threads: hw\.v100 has no cores"):
        life.load(["hw=v100", "engine.threads=4"])
    with pytest.raises(ConfigError, match=r"axes\.threads changes nothing for llama2_7b on v100"):
        in_numpy("hw=v100", "axes.threads=[2,4]")
    with pytest.raises(ConfigError, match=r"engine\.threads is 0"):
        life.load([*CPU, "engine.threads=0"])


def test_identical_sequences_choose_the_same_experts():
    """A batch of equal sequences reads the weights of one sequence's experts, and multiplies by them for all."""
    words = ["hw=h100_sxm", "model=mixtral_8x7b", "engine=ideal"]
    step = Step(batch=64.0, new=1.0, past=512.0, decoding=True)

    def gates(*more, step=step):
        s = life.load([*words, *more]).scenario
        return next(op.cost for op in step_graph(s, step) if op.name.startswith("experts_") and "distinct" in op.args)

    many, alike, one = gates(), gates(step=replace(step, distinct=1.0)), gates(step=replace(step, batch=1.0))
    assert alike.weight_bytes == pytest.approx(one.weight_bytes)
    assert many.weight_bytes == pytest.approx(4 * one.weight_bytes, rel=1e-3)  # all eight experts instead of two
    assert alike.matmul_flops == many.matmul_flops
    slow, fast = (
        float(in_numpy(*words, "workload.batch=64", "workload.prompt_tokens=512", w).tpot.squeeze())
        for w in ("workload.output_tokens=128", "workload.distinct_tokens=1")
    )
    assert fast < 0.5 * slow


def test_experts_pad_the_rows_of_each_and_reach_their_part_of_the_rate():
    words = ["hw=h100_sxm", "model=mixtral_8x7b"]
    plain, tiled, half = (
        terms(life.load([*words, "engine=ideal", *more]).scenario, 512)
        for more in ([], ["engine.tile_rows=32"], ["engine.compute_experts=0.5"])
    )
    name = next(n for n in plain if n.startswith("experts_gate"))
    rows = 512 * 2 / 8  # of each expert
    assert tiled[name].matmul / plain[name].matmul == pytest.approx(1 + 32 / rows)
    assert tiled["o_proj"].matmul / plain["o_proj"].matmul == pytest.approx(1 + 32 / 512)
    assert half[name].matmul / plain[name].matmul == pytest.approx(2)
    assert half["o_proj"].matmul == plain["o_proj"].matmul


@pytest.mark.parametrize(("tokens", "vain"), [(1, 0.25), (8, 2), (64, 16), (512, 32)])
def test_kernels_of_experts_choose_their_tile_by_the_tokens_that_there_are(tokens, vain):
    words = ["hw=h100_sxm", "model=qwen3_30b_a3b", "engine=ideal", "engine.vector_rows=8"]
    plain, tiled = (terms(life.load([*words, *more]).scenario, tokens) for more in ([], ["engine.tile_rows=32"]))
    name = next(n for n in plain if n.startswith("experts_gate"))
    rows = max(1.0, tokens * 8 / 128)
    assert plain[name].matmul > 0
    assert tiled[name].matmul == pytest.approx(plain[name].matmul * (1 + vain / rows))


def test_kernels_may_unpack_with_less_work_than_a_format_says():
    words = ["engine=ideal", "opt=q4_k_m"]
    whole, half, none = (terms(scenario(*words, f"engine.unpack_work={x}"), 1) for x in (1, 0.5, 0))
    for name in ("qkv_proj", "down_proj", "lm_head"):
        assert half[name].vector == pytest.approx(whole[name].vector / 2)
        assert none[name].vector == 0 and none[name].memory == whole[name].memory
    for name in ("attention", "mlp_add_norm"):
        assert half[name].vector == whole[name].vector
    ds = in_numpy(*WORDS, *words, "axes.unpack_work=[0,0.5,1]", "workload.prompt_tokens=512")
    assert (np.diff(ds.tpot.squeeze()) >= 0).all()


def test_products_of_blocks_take_vector_work_beside():
    words = ["engine=ideal", "opt=q4_k_m"]
    plain, beside = (terms(scenario(*words, f"engine.block_work={x}"), 256) for x in (0, 0.25))
    rate = scenario(*words).device.rates
    for name in ("qkv_proj", "down_proj"):
        more = beside[name].vector - plain[name].vector
        assert more == pytest.approx(plain[name].matmul * rate["linear"] * 0.25 / rate["vector"], rel=0.05)
        assert beside[name].matmul > plain[name].matmul  # no unit executes more than its peak
    assert beside["attention"].vector == plain["attention"].vector
    whole, half = (
        terms(scenario("engine=ideal", f"engine.block_work={x}"), 256)["down_proj"].vector for x in (0, 0.25)
    )
    assert whole == half  # weights of 16 bit have no blocks


def test_cards_whose_library_multiplies_have_no_work_beside():
    def beside(hw, engine):
        words = [f"hw={hw}", "model=llama3_1_8b", "opt=q4_k_m", f"engine={engine}"]
        return life.load(words).scenario.engine.effects["matrix_tiles"].block_work

    assert beside("rtx_3090", "llama_cpp_cuda") > 0 and beside("a100_sxm_80gb", "llama_cpp_cuda") > 0
    assert beside("v100_sxm2_16gb", "llama_cpp_cuda") == 0  # weights are written out for cuBLAS in fp16
    assert beside("rtx_3090", "vllm") == 0


def test_bf16_is_emulated_where_a_gpu_has_fp16_alone():
    def rates(hw, *more):
        return life.load([f"hw={hw}", "model=qwen3_0_6b", *more]).scenario.device.rates

    part = conf_files.engine_file("mlx").bf16_emulation
    assert 0.5 < part < 1
    for pipe in ("linear", "head", "attention"):
        assert rates("apple_m1", "engine=mlx")[pipe] == pytest.approx(2.6e12 * part)
        assert rates("apple_m3_max_40c", "engine=mlx")[pipe] == pytest.approx(14.2e12)  # has bf16
        assert rates("apple_m1", "engine=llama_cpp_metal")[pipe] == pytest.approx(2.6e12)  # computes in fp16
    halves = ("engine=mlx", "engine.half_units=[fp16]", "engine.attention_units=[fp16]")
    assert rates("apple_m1", *halves)["linear"] == pytest.approx(2.6e12)
    # the published rate is still what an axis sweeps
    ds = in_numpy("hw=apple_m1", "engine=mlx", "axes.peak_tflops.fp16=[1,2.6]", "workload.batch=1",
                                  "workload.prompt_tokens=512")  # fmt: skip
    usual = in_numpy("hw=apple_m1", "engine=mlx", "workload.batch=1", "workload.prompt_tokens=512")
    assert float(ds.ttft.squeeze()[1]) == pytest.approx(float(usual.ttft.squeeze()), rel=1e-5)


def test_all_reduces_wait_by_class_times_the_engines_quality_unless_a_number_is_typed():
    of_class = conf_files.file("efficiency", "gpu_dc", EfficiencyFile).allreduce_us
    quality = conf_files.engine_file("vllm").allreduce_quality
    words = ["hw=h100_sxm", "engine=vllm", "engine.tensor_parallel=4"]
    assert life.load(words).scenario.engine.parallelism.allreduce_latency == pytest.approx(of_class * quality * 1e-6)
    typed = life.load([*words, "engine.allreduce_us=3"]).scenario.engine
    assert typed.parallelism.allreduce_latency == pytest.approx(3e-6)


def test_a_step_waits_for_its_workers_once_for_each_doubling_of_the_devices():
    words = ["hw=h100_sxm", "engine=ideal", "workload.prompt_tokens=512", "workload.batch=1", "dtype=float64"]
    found = {
        (devices, micros): float(
            in_numpy(*words, f"engine.tensor_parallel={devices}", f"engine.split_step_us={micros}").tpot.squeeze()
        )
        for devices in (1, 2, 8)
        for micros in (0, 500)
    }
    waits = {devices: found[devices, 500] - found[devices, 0] for devices in (1, 2, 8)}
    assert waits == pytest.approx({1: 0.0, 2: 500e-6, 8: 1500e-6}, abs=1e-12)


def test_products_of_few_rows_run_on_the_vector_units_where_that_is_faster():
    s = scenario(*SLOW_TILES)
    few, many = terms(s, 8)["o_proj"], terms(s, 500)["o_proj"]
    assert few.matmul == 0
    assert few.vector == pytest.approx(2 * 8 * 4096 * 4096 / s.device.rates["vector"])
    assert many.matmul == pytest.approx(2 * 2500 * 4096 * 4096 / s.device.rates["linear"])
    assert many.vector == 0


def test_what_is_typed_is_reached_and_what_is_not_is_the_classs():
    classed = scenario("engine=vllm").engine
    typed = scenario("engine=vllm", "engine.memory_efficiency=0.9").engine
    assert typed.efficiency.memory == 0.9
    assert typed.efficiency.compute == classed.efficiency.compute < 1
    axis = in_numpy(*WORDS, "engine=vllm", "axes.memory_efficiency=[0.5,0.9]")
    fixed = in_numpy(*WORDS, "engine=vllm", "engine.memory_efficiency=0.9")
    assert float(axis.tpot.sel(memory_efficiency=0.9).squeeze()[0]) == pytest.approx(float(fixed.tpot.squeeze()[0]))


def test_the_default_is_what_software_reaches_and_the_papers_convention_the_datasheet():
    def engine(*words: str) -> list[str]:
        return [file.name for file in life.load(["hw=v100", *words]).composed.engines.values()]

    assert engine() == ["generic"]
    assert engine("convention=life_paper") == ["ideal"]
    assert engine("convention=life_paper", "engine=vllm") == ["vllm"]


def test_a_device_of_a_class_that_nobody_measured_takes_the_mean_and_says_so(tmp_path):
    (tmp_path / "mine.yaml").write_text(
        "name: Mine\nvendor: me\ndevice_class: other\nsource: a dream\npeak_tflops: {fp16: 100}\n"
        "bandwidth_gb_per_s: 1000\nmemory_gb: 32\ndispatch_us: 5\n"
    )
    study = life.load([f"hw={tmp_path / 'mine.yaml'}"])
    assert any("'other'" in warning and "mean of all" in warning for warning in study.warnings)
    assert 0.3 < study.scenario.engine.efficiency.memory < 1
    with pytest.raises(life.ConfigError, match=r"hw.mine.efficiency 'quantum' is not known"):
        life.load([f"hw={tmp_path / 'mine.yaml'}", "hw.mine.efficiency=quantum"])


def test_every_engine_says_where_its_numbers_come_from():
    for name in ("generic", "vllm", "llama_cpp_cuda"):
        file = conf_files.engine_file(name)
        assert file.source
        assert file.efficiency == "class"
        assert file.compute_efficiency is None


@pytest.fixture(scope="module")
def panel():
    scripts = str(ROOT / "scripts")
    sys.path.insert(0, scripts)
    try:
        spec = importlib.util.spec_from_file_location("fit_efficiency", ROOT / "scripts" / "fit_efficiency.py")
        fit = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(fit)
        every = fit.panel_rows.load(DATA)
        rows = every.some(np.arange(0, len(every.settings), 13))
        return fit, fit.Panel(rows, *fit.constants(rows))
    finally:
        sys.path.remove(scripts)


@pytest.mark.slow
@pytest.mark.data
def test_the_fit_forecasts_what_the_house_forecasts(panel):
    """Constants of conf/ through the fit's own seconds, against the forecasts of life_jax."""
    _, p = panel
    classes, engines, *others = p.parts
    x = []
    for name in classes.prior:
        found = [getattr(conf_files.file("efficiency", g, EfficiencyFile), name) for g in classes.groups]
        x += [1.0 if value is None else value for value in found]  # of cores, in classes without them
    for name in engines.prior:
        found = [getattr(conf_files.engine_file(g), name) for g in engines.groups]
        x += [value or 1e-12 for value in found]  # of a first call that nobody measured, or of CPUs alone
    x += [1.0 for part in others for _ in part.prior for _ in part.groups]
    with jax.enable_x64(True):
        ours = np.exp(np.asarray(p._logs(np.log(np.array(x, float)))))
    ratio = np.array([s.ratio(f) for s, f in zip(p.settings, forecasts.forecasts(p.settings), strict=True)])
    off = np.sort(np.abs(ours / p.measured / ratio - 1))
    # the fit takes the middle of generation, and of chunks, for their mean, which layers with a window bend: a prompt
    # of gpt-oss in chunks on an NPU, whose attention takes most of it, by 6 %
    assert off[int(0.99 * len(off))] < 0.001 and off[-1] < 0.07


@pytest.mark.slow
@pytest.mark.data
def test_every_fitted_constant_is_a_number_of_the_files(panel):
    _, p = panel
    said = {f.name for f in fields(EngineFile)}
    assert set(p.parts[1].prior) <= said
