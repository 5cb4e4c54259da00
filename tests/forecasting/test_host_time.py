"""Seconds of a step that no operator takes: the host's."""

import pytest
from laws import in_numpy

import life_jax as life


def test_host_times_add_to_a_step():
    words = [
        "engine=ideal",
        "hw=h100_sxm",
        "model=llama2_7b",
        "workload.batch=4",
        "workload.prompt_tokens=64",
        "metrics=[ttft,tpot]",
    ]
    words += ["dtype=float64"]
    plain = in_numpy(*words).squeeze()
    host = ["engine.step_us=300", "engine.sequence_us=10", "engine.request_ms=2"]
    slow = in_numpy(*words, *host).squeeze()
    assert float(slow.tpot - plain.tpot) == pytest.approx(340e-6, rel=1e-9)
    assert float(slow.ttft - plain.ttft) == pytest.approx(2.34e-3, rel=1e-9)


def test_host_time_of_the_context_is_that_of_the_middle_of_generation():
    """1 us for each of 64 tokens of each of 4 prompts; decode of 8 more tokens attends 65 to 72 of each."""
    words = ["engine=ideal", "hw=h100_sxm", "model=llama2_7b", "workload.batch=4", "workload.prompt_tokens=64"]
    words += ["workload.output_tokens=9", "metrics=[ttft,tpot,e2e]", "dtype=float64"]
    plain, slow = (in_numpy(*words, *more).squeeze() for more in ([], ["engine.context_ns=1000"]))
    assert float(slow.ttft - plain.ttft) == pytest.approx(4 * 64e-6, rel=1e-6)
    assert float(slow.tpot - plain.tpot) == pytest.approx(4 * 68.5e-6, rel=1e-6)
    assert float(slow.e2e - plain.e2e) == pytest.approx(4 * (64e-6 + 8 * 68.5e-6), rel=1e-6)
    chunked = [*words, "engine.chunk_tokens=16"]
    plain, slow = (in_numpy(*chunked, *more).squeeze() for more in ([], ["engine.context_ns=1000"]))
    assert float(slow.ttft - plain.ttft) == pytest.approx(4 * (16 + 32 + 48 + 64) * 1e-6, rel=1e-6)


def test_what_host_time_of_the_context_holds_is_its_elasticity():
    words = ["engine=vllm", "hw=h100_sxm", "model=llama3_8b", "workload.batch=64", "workload.prompt_tokens=4096"]
    words += ["metrics=[tpot]", "dtype=float64"]
    held = life.evaluate(life.load([*words, "engine.context_ns=20", "elasticity=[context_ns]"])).squeeze()
    more = in_numpy(*words, "engine.context_ns=20.2").squeeze()
    assert 0.1 < float(held.elasticity) == pytest.approx(float(more.tpot / held.tpot - 1) * 100, rel=1e-3)
