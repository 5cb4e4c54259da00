"""Prefill in chunks against the same passes one by one, and against what cannot change."""

import numpy as np
import pytest
from laws import KINDS, SPREAD, case, changed, in_numpy, scenario, smooth

import life_jax as life
from life_jax.core import schedule
from life_jax.forecasting import breakdown
from life_jax.forecasting.request import Run
from life_jax.forecasting.step import overhead, step_graph
from life_jax.measurements import forecasts, rows
from life_jax.roofline.roofs import step_seconds
from life_jax.roofline.terms import step_terms


def chunked(model: str, chunk: float, prompt: float, *words: str):
    return scenario(
        "hw=b200", f"model={model}", f"engine.chunk_tokens={chunk}", f"workload.prompt_tokens={prompt}", *words
    )


def one_by_one(s) -> float:
    """Seconds of the chunks in a Python loop."""
    w, chunk, total, past = s.workload, s.engine.chunks.tokens, s.engine.host.request, 0.0
    while past < w.prompt_tokens:
        new = min(chunk, w.prompt_tokens - past)
        is_last = past + new == w.prompt_tokens
        step = schedule.Step(w.batch, new, w.past_tokens + past, 1.0 if is_last else 0.0)
        terms = step_terms(step_graph(s, step), s.device, s.engine)
        total += float(step_seconds(terms, s.engine.efficiency.roof_smoothness)) + float(overhead(s, step))
        past += new
    return total


@pytest.mark.parametrize("model", [*SPREAD[:4], *KINDS])
@pytest.mark.parametrize(("chunk", "prompt"), [(64, 4096), (512, 3000), (512, 512), (700, 100)])
def test_ttft_is_the_sum_of_the_chunks(model, chunk, prompt):
    s = (
        chunked(model, chunk, prompt)
        if prompt >= chunk
        else changed(chunked(model, chunk, chunk), "workload.prompt_tokens", float(prompt))
    )
    # a window that fills in the middle of a chunk, and latents absorbed from some chunk on, bend the line
    tolerance = 1e-9 if model in SPREAD else 2e-3
    assert float(Run(s).ttft) == pytest.approx(one_by_one(s), rel=tolerance)


@pytest.mark.parametrize("model", SPREAD[:3])
def test_the_smooth_roof_over_chunks_is_close_to_the_sum(model):
    s = smooth(chunked(model, 128, 8192, "opt=[int4,kv8]"))
    assert float(Run(s).ttft) == pytest.approx(one_by_one(s), rel=1e-4)


@pytest.mark.parametrize("model", SPREAD)
def test_chunks_conserve_matrix_work_and_read_the_weights_again(model):
    whole = scenario("hw=b200", f"model={model}", "workload.prompt_tokens=4096")
    parts = chunked(model, 512, 4096)
    a, b = Run(whole).prefill_cost, Run(parts).prefill_cost
    assert float(b.matmul_flops) == pytest.approx(float(a.matmul_flops), rel=1e-12)
    assert float(b.kv_written) == pytest.approx(float(a.kv_written), rel=1e-12)
    layers = step_graph(whole, schedule.decode(whole.workload).first).select(lambda op: op.pipe == "linear")
    again = 7 * float(layers.cost.weight_bytes)
    assert float(b.weight_bytes - a.weight_bytes) == pytest.approx(again, rel=1e-3)  # and the norms


def test_a_chunk_as_long_as_the_prompt_changes_nothing():
    whole, one = scenario("hw=b200", "workload.prompt_tokens=512"), chunked("llama2_7b", 512, 512)
    names = ("ttft", "tpot", "e2e", "memory", "prefill_bound")
    assert life.forecast(one, names) == life.forecast(whole, names)


def test_smaller_chunks_are_slower_and_need_less_memory():
    study = life.load(
        ["hw=v100", "workload.prompt_tokens=4096", "workload.batch=1", "axes.chunk_tokens=[32,64,128,512,4096]",
         "metrics=[ttft,memory,tpot]", "dtype=float64"]
    )  # fmt: skip
    ds = life.evaluate(study).squeeze()
    assert (np.diff(ds.ttft) <= 0).all()
    assert (np.diff(ds.memory) > 0).all()
    assert len(np.unique(ds.tpot)) == 1


def test_the_table_of_a_chunked_prefill_adds_up():
    one = case("opt=chunked_prefill", "workload.prompt_tokens=3000")
    table = breakdown.prefill_table(one.scenario)
    assert table.seconds == pytest.approx(float(Run(one.scenario).ttft), rel=1e-12)
    assert sum(row.repeats * row.seconds for row in table.operators) == pytest.approx(table.seconds, rel=1e-3)
    assert sum(row.repeats * row.cost.matmul_flops for row in table.operators) == pytest.approx(
        table.total.matmul_flops, rel=1e-12
    )


def test_a_batch_shares_the_chunk_of_an_engine_that_says_so():
    """Eight sequences of llama.cpp prefill 64 tokens of each at once, in sweeps and in measurements."""
    words = ["hw=rtx_4090", "engine=llama_cpp_cuda", "opt=q4_0", "workload.prompt_tokens=2048", "workload.batch=8"]
    shared, alone = (
        life.load([*words, f"engine.chunk_shared={said}", f"engine.chunk_tokens={tokens}"]).scenario
        for said, tokens in (("true", 512), ("false", 64))
    )
    assert float(Run(shared).ttft) == float(Run(alone).ttft)
    row = {
        "id": "1", "hardware": "rtx_4090", "model": "llama2_7b", "weight_format": "q4_0", "engine": "llama_cpp_cuda",
        "batch": "8", "prompt_tokens": "2048", "output_tokens": "128", "metric": "ttft_s", "value": "1",
    }  # fmt: skip
    assert forecasts.forecasts([rows.place(row)])[0] == pytest.approx(float(Run(shared).ttft), rel=1e-9)
    option = life.load([w for w in words if w != "opt=q4_0"] + ["opt=[q4_0,chunked_prefill]"]).scenario.engine
    assert not option.chunks.shared  # which counts the tokens of each sequence


def test_memory_holds_the_largest_batch_that_shares_a_chunk_and_no_more():
    words = ["hw=rtx_4090", "engine=llama_cpp_cuda", "opt=q4_0", "metrics=[max_batch,fits_memory]", "dtype=float64"]
    for prompt in (16, 2048):
        most = in_numpy(*words, f"workload.prompt_tokens={prompt}", "workload.batch=1")
        batch = int(most.max_batch.squeeze())
        fits = in_numpy(
            *words, f"workload.prompt_tokens={prompt}", f"axes.batch=[{batch},{batch + 1}]"
        ).fits_memory.squeeze()
        assert fits.values.tolist() == [True, False], (prompt, batch)


def test_a_prompt_shorter_than_the_chunk_of_an_engines_own_file_is_one_chunk():
    words = ["hw=rtx_4090", "opt=q4_0", "workload.prompt_tokens=100", "workload.batch=1"]
    assert life.load([*words, "engine=llama_cpp_cuda"]).scenario.engine.chunks.tokens == 512
    with pytest.raises(life.ConfigError, match="longer than the longest prompt"):
        life.load([*words, "engine=llama_cpp_cuda", "engine.chunk_tokens=512"])


def test_a_chunk_longer_than_every_prompt_is_refused():
    with pytest.raises(life.ConfigError, match="longer than the longest prompt"):
        life.load(["hw=v100", "opt=chunked_prefill", "workload.prompt_tokens=100"])
    with pytest.raises(life.ConfigError, match="both set chunk_tokens"):
        life.load(["hw=v100", "opt=chunked_prefill", "engine.chunk_tokens=100"])
    life.load(["hw=v100", "opt=chunked_prefill"])  # the default axis has prompts that are long enough
