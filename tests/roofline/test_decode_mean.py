"""The mean over decode steps against the explicit sum over every token."""

import dataclasses

import numpy as np
import pytest
from laws import KINDS, changed, of, scenario, smooth

import life_jax as life
from life_jax.core import schedule
from life_jax.forecasting.request import Run
from life_jax.forecasting.step import step_graph
from life_jax.roofline.decode_mean import mean_roofed
from life_jax.roofline.roofs import Terms, step_seconds
from life_jax.roofline.terms import step_terms

OUTPUTS = (1, 2, 3, 128, 2000)
COUNTS = (1, 2, 3, 7, 128, 2000)


def seconds_of(s, step) -> float:
    """Seconds of all operators of a step."""
    terms = step_terms(step_graph(s, step), s.device, s.engine)
    return step_seconds(terms, s.engine.efficiency.roof_smoothness)


def explicit_mean(s) -> float:
    """Seconds of a decode step, of every step for itself; the steps are elements of one array."""
    steps = schedule.decode(s.workload).at(np.arange(s.workload.output_tokens - 1))
    return float(np.mean(np.broadcast_to(seconds_of(s, steps), np.shape(steps.past))))  # of states they are all alike


def test_steps_in_an_array_take_what_each_takes_alone():
    for words in (("opt=kv4",), ("engine.roof_smoothness=0.5", "model=gemma3_4b"), ("model=deepseek_v2_lite",)):
        s = changed(scenario(*words), "workload.output_tokens", 6.0)
        passes = schedule.decode(s.workload)
        alone = [seconds_of(s, passes.at(float(j))) for j in range(5)]
        assert explicit_mean(s) == pytest.approx(np.mean(alone), rel=1e-14)


def between(first: Terms, last: Terms, u: float) -> Terms:
    lines = {n: getattr(first, n) + (getattr(last, n) - getattr(first, n)) * u for n in ("matmul", "vector", "memory")}
    return Terms(**lines, dispatch=0.0)


def explicit_mean_of_terms(first: Terms, last: Terms, steps: int, smoothness) -> float:
    positions = np.linspace(0, 1, steps) if steps > 1 else np.zeros(1)
    return float(np.mean(between(first, last, positions).roofed(smoothness)))


def random_ends(rng) -> tuple[Terms, Terms]:
    """Three rising or constant lines, one of them nothing in a third of the cases, most of which cross."""
    starts = np.exp(rng.normal(size=3))
    ends = starts + np.exp(rng.normal(size=3)) * rng.choice([0, 0.1, 1], 3)
    if rng.random() < 1 / 3:
        starts[which := rng.integers(2)], ends[which] = 0.0, 0.0
    return Terms(*map(float, starts), 0.0), Terms(*map(float, ends), 0.0)


def test_the_hard_mean_of_random_lines_is_exact():
    rng = np.random.default_rng(0)
    for _ in range(150):
        first, last = random_ends(rng)
        steps = int(rng.choice(COUNTS))
        expected = explicit_mean_of_terms(first, last, steps, 0.0)
        assert mean_roofed(first, last, float(steps), 0.0) == pytest.approx(expected, rel=1e-12)


def test_the_hard_mean_is_exact_where_all_lines_meet_in_a_step():
    for at in (0.0, 0.25, 0.5, 1.0):
        first, last = Terms(1.0, 2.0 - at, 1.0 + at, 0.0), Terms(1.0 + 2 * at, 1.0 + at, 3.0, 0.0)
        for steps in (2, 5, 9):
            expected = explicit_mean_of_terms(first, last, steps, 0.0)
            assert mean_roofed(first, last, float(steps), 0.0) == pytest.approx(expected, rel=1e-12)


def bent(s, fraction: float):
    """The same on a device whose attention turns compute-bound at that part of generation."""
    step = schedule.decode(s.workload).at(fraction * (s.workload.output_tokens - 2))
    op = next(op for op in step_graph(s, step) if op.grows and op.pipe == "attention")
    return changed(s, "device.rates.attention", op.cost.flops * s.device.bandwidth / op.cost.bytes)


def bends(s) -> bool:
    """Whether an operator that grows changes its roof during generation."""
    found = []
    for j in (0.0, s.workload.output_tokens - 2):
        ops = step_graph(s, schedule.decode(s.workload).at(j)).select(lambda op: op.grows)
        found.append([t.compute > t.memory for t in step_terms(ops, s.device, s.engine)])
    return found[0] != found[1]


def random_scenario(rng, smoothness: float):
    """GQA and a 4-bit cache; in most cases attention turns compute-bound or vector-bound on the way."""
    model = str(rng.choice(["llama2_7b", "llama3_8b", "gemma_2b", "qwen3_8b"]))
    words = [(), ("opt=kv4",), ("opt=[int4,kv4]",), ("opt=[unfused,kv4]",)][rng.integers(4)]
    s = scenario(f"model={model}", f"engine.roof_smoothness={smoothness}", *words)
    numbers = {
        "workload.prompt_tokens": float(rng.choice([16, 128, 512, 4096])),
        "workload.batch": float(rng.choice([1, 8, 64, 512])),
        "workload.past_tokens": float(rng.choice([0, 1000])),
        "workload.output_tokens": float(rng.choice(OUTPUTS[1:-1])),
        "device.rates.vector": 15.7e12 * float(np.exp(rng.normal() * 2)),
    }
    for path, value in numbers.items():
        s = changed(s, path, value)
    return bent(s, rng.random()) if rng.random() < 0.8 else s


def test_the_hard_mean_over_generation_is_exact():
    rng = np.random.default_rng(1)
    for _ in range(16):
        s = random_scenario(rng, 0.0)
        assert float(Run(s).tpot) == pytest.approx(explicit_mean(s), rel=1e-11)


@pytest.mark.parametrize("output", OUTPUTS[1:])
def test_the_hard_mean_is_exact_where_attention_turns_compute_bound(output):
    s = scenario("model=llama3_8b", "opt=kv4")
    for path, value in (("workload.prompt_tokens", 8.0), ("workload.batch", 256.0), ("workload.output_tokens", output)):
        s = changed(s, path, float(value))
    for part in (0.3,) if output > 1000 else (0.0, 0.3, 0.77):
        one = bent(s, part)
        assert float(Run(one).tpot) == pytest.approx(explicit_mean(one), rel=1e-11)


def test_the_cases_above_bend_inside_generation():
    rng = np.random.default_rng(1)
    assert sum(bends(random_scenario(rng, 0.0)) for _ in range(16)) > 5


@pytest.mark.parametrize("model", KINDS)
def test_the_mean_is_exact_for_windows_latents_chunks_and_states_too(model):
    for prompt, batch in ((8.0, 300.0), (1000.0, 1.0), (8180.0, 30.0)):  # windows, chunks fill up during generation
        s = changed(changed(of(model), "workload.prompt_tokens", prompt), "workload.batch", batch)
        s = changed(s, "workload.output_tokens", 50.0)
        assert float(Run(s).tpot) == pytest.approx(explicit_mean(s), rel=1e-11)
        assert float(Run(smooth(s)).tpot) == pytest.approx(explicit_mean(smooth(s)), rel=1e-4)


@pytest.mark.parametrize("smoothness", [0.1, 0.3, 0.5, 1.0, 2.0])
def test_the_smooth_mean_over_generation_is_within_a_ten_thousandth_of_the_sum(smoothness):
    rng = np.random.default_rng(2)
    for _ in range(8):
        s = random_scenario(rng, smoothness)
        assert float(Run(s).tpot) == pytest.approx(explicit_mean(s), rel=1e-4)


@pytest.mark.parametrize("smoothness", [0.0, 0.1])
def test_a_long_generation_and_a_short_prompt_too(smoothness):
    s = scenario("model=llama3_8b", "opt=kv4", f"engine.roof_smoothness={smoothness}", "workload.output_tokens=2000")
    one = bent(changed(changed(s, "workload.prompt_tokens", 1.0), "workload.batch", 512.0), 0.4)
    assert float(Run(one).tpot) == pytest.approx(explicit_mean(one), rel=1e-4)


@pytest.mark.parametrize("smoothness", [0.0, 0.5])
def test_one_generated_token_has_no_decode_step(smoothness):
    s = scenario("model=llama3_8b", f"engine.roof_smoothness={smoothness}", "workload.output_tokens=1")
    run = Run(s)
    assert np.isnan(run.tpot)
    assert run.e2e == run.ttft


@pytest.mark.parametrize("smoothness", [0.0, 0.5])
def test_a_request_takes_prefill_and_every_decode_step(smoothness):
    s = scenario("model=llama3_8b", f"engine.roof_smoothness={smoothness}", "workload.output_tokens=128")
    assert float(Run(s).e2e) == pytest.approx(Run(s).ttft + 127 * explicit_mean(s), rel=1e-6)


def test_without_bends_the_mean_is_the_closed_form():
    s = scenario("model=llama2_7b")
    first, last = (seconds_of(s, schedule.decode(s.workload).at(j)) for j in (0.0, 1.0))
    slope = last - first
    start = first - slope * (512 + 1)
    assert Run(s).tpot == pytest.approx(start + slope * (512 + 128 / 2), rel=1e-12)


def test_one_roof_over_totals_has_an_exact_mean_too():
    for batch in (1.0, 64.0, 300.0, 1000.0):
        s = changed(scenario("model=llama3_8b", "engine.roofline_scope=total"), "workload.batch", batch)
        assert Run(s).tpot == pytest.approx(explicit_mean(s), rel=1e-11)


@pytest.mark.parametrize(
    "option", ["[]", "[kv8]", "[unfused,kv4]", "[kv_evict_scored]", "[kv_low_rank]", "[mla_decompressed]"]
)
def test_matrix_and_vector_work_of_attention_grow_in_one_proportion(option):
    """What the mean of two lines rests on: `mix` of Terms, which is made of one score."""
    for model in KINDS:
        try:
            s = scenario("hw=b200", f"model={model}", f"opt={option}")
        except life.ConfigError:
            continue
        early, late = (step_graph(s, schedule.Step(1.0, 1.0, past, decoding=True)) for past in (500.0, 900.0))
        for one, other in zip(early, late, strict=True):
            if one.grows and one.pipe == "attention" and one.cost.matmul_flops and one.cost.vector_flops:
                ratios = [op.cost.vector_flops / op.cost.matmul_flops for op in (one, other)]
                assert ratios[0] == pytest.approx(ratios[1], rel=1e-12), (model, option, one.name)
                larger = dataclasses.replace(one, args={**one.args, "batch": 7.0})
                (t,) = step_terms([larger], s.device, changed(s, "engine.counting.scope", "op").engine)
                assert t.vector == pytest.approx(t.mix * t.matmul, rel=1e-12), (model, option, one.name)
