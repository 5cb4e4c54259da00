"""Programs that were compiled for a context length, as NPUs run them: every pass attends all positions."""

import numpy as np
import pytest
from laws import in_numpy, scenario

from life_jax.core.schedule import Step
from life_jax.forecasting.step import seconds, step_graph

WORDS = ("hw=snapdragon_x2_elite_npu", "model=llama3_2_3b", "engine=qairt", "opt=int4", "batch=1")


def test_every_pass_reads_the_whole_cache_until_the_context_outgrows_it():
    s = scenario(*WORDS, "prompt=128")

    def read(past: float) -> float:
        return float(sum(op.repeats * op.cost.kv_read for op in step_graph(s, Step(1.0, 1.0, past))))

    assert read(0.0) == read(4095.0) == 28 * 2 * 8 * 128 * 2 * 4096
    assert read(8191.0) == pytest.approx(2 * read(0.0))


def test_chunks_of_a_short_prompt_take_the_same_time_wherever_they_are():
    """As in published times, where 4096 tokens take 32 times what 128 do; but the head runs once here."""
    one, half, whole = (in_numpy(*WORDS, f"prompt={n}").ttft.item() for n in (128, 2048, 4096))
    assert whole - one == pytest.approx(31 / 15 * (half - one), rel=1e-5)


def test_prompts_and_contexts_are_never_faster_when_they_are_longer():
    ds = in_numpy(*WORDS, "axes.prompt=[1,64,128,129,1000,4000,4096,5000,9000]", "output=64")
    assert (np.diff(ds.ttft.squeeze()) > 0).all()
    assert (np.diff(ds.tpot.squeeze()) >= 0).all()


def test_tokens_that_outgrow_a_program_cost_the_mean_of_their_steps():
    words = (*WORDS, "prompt=4000", "output=301")
    s = scenario(*words)
    steps = [float(seconds(s, Step(1.0, 1.0, 4000.0 + i, decoding=True))) for i in range(300)]
    assert in_numpy(*words).tpot.item() == pytest.approx(np.mean(steps), rel=1e-4)
    assert steps[95] == pytest.approx(steps[0], rel=1e-5)  # but for the host, which knows the context
    assert steps[299] > 1.001 * steps[95]


def test_chunks_of_another_length_keep_the_program():
    plain, chunked = (scenario(*WORDS[:3], f"opt=[{opt}]").engine.chunks for opt in ("int4", "int4,chunked_prefill"))
    assert plain.tokens == 128 != chunked.tokens
    assert plain.graph == chunked.graph == 4096
