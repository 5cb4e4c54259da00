"""What a CPU's instruction set, its threads and a shared cache make of a forecast."""

import pytest
from laws import in_numpy

import life_jax as life
from life_jax.config import conf_files
from life_jax.config.schema.device_file import DeviceFile, dot_products
from life_jax.core.schedule import Step
from life_jax.forecasting.step import step_graph
from life_jax.operators import attention
from life_jax.roofline.effects import attention_scores
from life_jax.roofline.roofs import step_seconds
from life_jax.roofline.terms import step_terms

CPU = ("hw=epyc_9754", "model=llama2_7b", "opt=q8_0", "engine=llama_cpp_cpu")


def prefill_terms(*words):
    s = life.load([*CPU, *words]).scenario
    graph = step_graph(s, Step(batch=1.0, new=512.0, past=0.0))
    return dict(zip((op.name for op in graph), step_terms(graph, s.device, s.engine), strict=True))["o_proj"]


@pytest.mark.parametrize(
    ("vendor", "int8", "over"),
    [("Intel", 2.0, 1.0), ("AMD", 4.0, 1.2), ("Intel", 32.0, 1.2), ("Apple", 4.0, 2.0), ("AWS", 8.0, 2.0),
     ("Raspberry Pi", 2.0, 1.0)],
)  # fmt: skip
def test_dot_products_go_by_the_instruction_set_and_not_by_the_matrix_units(vendor, int8, over):
    assert dot_products(vendor, {"fp32": 3.0, "int8": 3.0 * int8}) == pytest.approx(3.0 * over)


def test_a_file_says_its_dot_products_or_its_rates_tell_them():
    wide = conf_files.file("hw", "epyc_9755", DeviceFile)  # 64 FLOP a cycle, which dot products of 256 bit do not use
    half = conf_files.file("hw", "epyc_9754", DeviceFile)
    assert wide.peak_tflops["int8_dot"] == pytest.approx(0.6 * wide.peak_tflops["fp32"], rel=0.01)
    assert half.peak_tflops["int8_dot"] == pytest.approx(1.2 * half.peak_tflops["fp32"])
    assert "int8_dot" not in conf_files.file("hw", "rtx_4090", DeviceFile).peak_tflops


def test_threads_share_what_is_not_serial():
    """n threads reach n / (1 + serial_part (n - 1)) times one of them: 128 cores 128 / 7.35 with 0.05."""
    one = prefill_terms("engine.threads=1", "engine.serial_part=0.05", "engine.unpack_work=1")
    every = prefill_terms("engine.serial_part=0.05", "engine.unpack_work=1")
    assert one.matmul / every.matmul == pytest.approx(128 / 7.35)
    assert one.vector / every.vector == pytest.approx(128 / 7.35)
    alone = prefill_terms("engine.threads=1", "engine.serial_part=0", "engine.unpack_work=1")
    assert alone.matmul == pytest.approx(one.matmul)


def test_more_threads_are_never_slower():
    ds = in_numpy(*CPU, "workload.batch=1", "workload.prompt_tokens=512", "axes.threads=[1,2,8,32,128]",
                  "engine.serial_part=0.2")  # fmt: skip
    assert (ds.ttft.squeeze().diff("threads") < 0).all()


def test_the_serial_part_is_of_cpus_alone():
    words = ("hw=rtx_4090", "model=llama2_7b", "engine=ideal", "workload.batch=1", "workload.prompt_tokens=512")
    plain, other = in_numpy(*words), in_numpy(*words, "engine.serial_part=0.5")
    assert float(plain.ttft.squeeze()) == float(other.ttft.squeeze())


@pytest.mark.parametrize("stack", ["opt=[q8_0]", "opt=[q8_0,eager_attention,fp32_scores]"])
def test_a_shared_cache_makes_attention_of_a_batch_that_many_times_the_work(stack):
    def of_attention(*words):
        s = life.load(["hw=epyc_9754", "model=llama2_7b", "engine=ideal", stack, *words]).scenario
        graph = step_graph(s, Step(batch=8.0, new=1.0, past=1000.0, decoding=True))
        every = zip(graph, step_terms(graph, s.device, s.engine), strict=True)
        return [t for op, t in every if op.pipe == "attention" or op.kind == "softmax"]

    for shared, alone in zip(of_attention("engine.cache_shared=1"), of_attention(), strict=True):
        assert shared.matmul == pytest.approx(8 * alone.matmul)
        assert shared.vector == pytest.approx(8 * alone.vector)


def test_a_single_sequence_shares_its_cache_with_nobody():
    words = (*CPU, "workload.prompt_tokens=512", "axes.cache_shared=[0,0.5,1]")
    assert float(in_numpy(*words, "workload.batch=1").tpot.squeeze().std()) < 1e-15
    assert (in_numpy(*words, "workload.batch=16").tpot.squeeze().diff("cache_shared") > 0).all()


HOST = ("hw=epyc_9754", "model=llama3_2_1b", "engine=llama_cpp_cpu")


def decode_seconds(*words):
    s = life.load([*HOST, *words]).scenario
    step = Step(batch=1.0, new=1.0, past=512.0)
    terms = step_terms(step_graph(s, step), s.device, s.engine)
    return step_seconds(terms, s.engine.efficiency.roof_smoothness)


def test_fewer_bits_never_decode_slower_where_dot_products_unpack_them():
    seconds = [decode_seconds(f"opt={name}") for name in ("q4_0", "q4_k_m", "q8_0", "f16")]
    assert seconds == sorted(seconds)


def test_several_threads_meet_before_each_kernel_and_one_does_not():
    def over(threads):
        words = ("opt=q8_0", f"engine.threads={threads}")
        return decode_seconds(*words, "engine.meeting_us=100") - decode_seconds(*words, "engine.meeting_us=0")

    assert over(1) == 0
    assert over(2) == pytest.approx(over(64))
    s = life.load([*HOST, "opt=q8_0"]).scenario
    graph = step_graph(s, Step(batch=1.0, new=1.0, past=512.0))
    dispatches = sum(op.repeats * op.cost.dispatches for op in graph)
    assert over(2) == pytest.approx(1e-4 * dispatches * s.engine.efficiency.dispatch)


@pytest.mark.parametrize("model", ["deepseek_v2_lite", "kimi_linear_48b_a3b", "gpt_oss_20b", "falcon_h1_7b"])
def test_work_of_a_score_is_known_of_every_kind_of_attention(model):
    words = ("hw=epyc_9754", f"model={model}", "engine=llama_cpp_cpu", "workload.batch=1", "workload.prompt_tokens=512")
    less, more = (float(in_numpy(*words, f"engine.score_work={work}").tpot.squeeze()) for work in (0, 600))
    assert 0 < less <= more


def test_work_of_a_score_is_by_score_and_query_head_and_shared_by_the_queries_of_a_tile():
    """Of one query: as much for heads of 64 as of 128, in proportion to the context. Of n queries, an n-th each."""

    def vector(queries, past, work):
        s = life.load([*CPU, f"engine.score_work={work}"]).scenario
        graph = step_graph(s, Step(batch=1.0, new=queries, past=past))
        terms = step_terms(graph, s.device, s.engine)
        return next(t.vector for op, t in zip(graph, terms, strict=True) if op.pipe == "attention")

    plain, more = vector(1.0, 999.0, 0.0), vector(1.0, 999.0, 10.0)
    assert more == pytest.approx(11 * plain)
    assert vector(1.0, 1999.0, 10.0) == pytest.approx(2 * more)
    assert vector(100.0, 0.0, 10.0) == pytest.approx(1.1 * vector(100.0, 0.0, 0.0))
    times = [vector(q, 1000.0, 1000.0) for q in (1.0, 2.0, 8.0, 64.0)]
    assert times == sorted(times)


def test_two_queries_of_a_quantized_cache_are_never_faster_than_one():
    """Unpacking of a cache, which all queries of a pass share, is no work of a score."""
    assert attention_scores.SOFTMAX_FLOPS == attention.SOFTMAX_FLOPS
    base = ("hw=epyc_7502", "engine=llama_cpp_cpu", "model=llama3_8b", "opt=[int4,kv8]", "context=8192", "batch=1")
    one, two = (float(in_numpy(*base, f"prompt={n}", "metrics=[ttft]").ttft.item()) for n in (1, 2))
    assert one < two
