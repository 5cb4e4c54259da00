"""Seconds of a step that no operator takes: the host's."""

import pytest
from laws import in_numpy

import life_jax as life
from life_jax.forecasting.breakdown import prefill_table


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


def test_a_prompt_takes_as_long_as_its_operators_run_or_are_started_whichever_is_longer():
    """The host starts the operators of 36 layers one by one while the device works; decode is a recorded graph."""
    words = ["engine=ideal", "hw=h100_sxm", "model=qwen3_4b", "batch=1", "metrics=[ttft,tpot]", "dtype=float64"]
    words += ["axes.prompt=[1,2,30000]", "engine.step_us=300"]
    plain, started = (in_numpy(*words, f"engine.prompt_launch_us={us}").squeeze() for us in (0, 53))
    one, two, long = started.ttft.values
    layers = (one - 300e-6) / 53e-6 / 36
    assert 8 < layers < 40 and layers * 36 == pytest.approx(round(layers * 36), rel=1e-9)  # operators in a layer
    assert one == two > 4 * plain.ttft.values[1]
    assert long == plain.ttft.values[2] and (started.tpot == plain.tpot).all()


def test_what_a_prompt_waits_for_is_said_to_be_the_host():
    case = life.load(["engine=sglang", "hw=h100_sxm", "model=qwen3_4b", "prompt=64"]).cases[0].scenario
    table = prefill_table(case)
    assert sum(row.share for row in table.operators) == pytest.approx(1)
    assert next(row for row in table.operators if row.name == "host").share > 0.3
