"""The steady state against the simulator, against queues, and its laws."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from life_jax.core.engine import Scheduler
from life_jax.core.pytree import register_with_jax
from life_jax.serving.closed_loop import capacity, closed_loop, closed_steady
from life_jax.serving.lengths import LogNormal, Mixture
from life_jax.serving.percentiles import spread
from life_jax.serving.requested import Requested
from life_jax.serving.requests import Requests
from life_jax.serving.simulator import simulate
from life_jax.serving.steady_state import Steady, open_loop
from life_jax.serving.step_law import RooflineLaw, last_axis

LAW = RooflineLaw(0.0056, 2.33e-5, 0.56, 5.59e-8, 1.06e-9, 0.0005, 1e-5)
RULES = Scheduler(2048.0, 256.0)


def asked(prompt=1024.0, output=256.0, prompt_cv=0.0, output_cv=0.0) -> Requested:
    return Requested(LogNormal(prompt, prompt_cv), LogNormal(output, output_cv))


def opened(law, requested, rules, *, rate, burst=1.0) -> Steady:
    most = capacity(law, requested, rules)
    return open_loop(law, requested, rules, rate=rate, burst=burst, capacity=most)


def test_a_light_load_sees_steps_of_its_own():
    """Few requests: a prompt takes one step that nobody shares, and every token one step at batch 1."""
    state = opened(LAW, asked(), RULES, rate=1e-4)
    alone = float(LAW.seconds(_step(1024.0)))
    assert float(state.ttft) == pytest.approx(alone, rel=5e-3)  # the prompt is counted beside one sequence
    context = 1024 + 256 / 2
    assert float(state.gap) == pytest.approx(float(LAW.seconds(_decode(1.0, context))), rel=1e-3)


def _step(prompt: float):
    from life_jax.serving.step_law import StepLoad

    return StepLoad(0.0, 0.0, prompt, prompt * (prompt + 1) / 2)


def _decode(sequences: float, context: float):
    from life_jax.serving.step_law import StepLoad

    return StepLoad(sequences, sequences * context)


def test_prompts_that_fill_steps_are_a_queue_with_one_server():
    """Outputs of one token and prompts much longer than a step: the wait is that of M/D/1."""
    law = RooflineLaw(0.0, 1e-4, 0.0, 0.0, 0.0, 0.0, 0.0)
    prompt = 64 * 2048.0
    service = 1e-4 * prompt
    for load in (0.2, 0.5, 0.8):
        state = opened(law, asked(prompt, 1.0 + 1e-9), Scheduler(2048.0, 1e6), rate=load / service)
        assert float(state.prefill_wait) == pytest.approx(load * service / (2 * (1 - load)), rel=0.01)


def test_a_loop_of_one_request_alternates_between_prompt_and_output():
    loop = closed_loop(LAW, asked(), RULES, concurrency=1.0)
    assert float(loop.rate) == pytest.approx(1 / (float(loop.ttft) + 255 * float(loop.seconds)), rel=1e-6)


def test_what_decodes_leaves_room_for_prompts_in_a_full_budget():
    """Prompts that are always there take what decoding leaves: B = C (O - 1) / (S + O - 1) sequences decode."""
    many = closed_loop(LAW, asked(output_cv=1.0), Scheduler(2048.0, 5000.0), concurrency=5000.0)
    assert float(many.decoding) == pytest.approx(2048 * 255 / (1024 + 255), rel=0.02)


@pytest.mark.parametrize("burst", [1.0, 2.0])
def test_times_grow_with_the_rate_and_percentiles_are_in_order(burst):
    rates = np.linspace(0.02, 0.95, 12) * float(capacity(LAW, asked(), RULES))
    requested = asked(prompt_cv=1.0, output_cv=1.0)
    state = opened(LAW, requested, RULES, rate=rates, burst=burst)
    times = spread(LAW, requested, RULES, state, burst=burst)
    for name in ("ttft", "tpot"):
        by_percentile = np.array([times.at(name, p) for p in (50, 90, 99)])
        assert (np.diff(by_percentile, axis=0) >= 0).all()
        assert (np.diff(times.mean(name)) > 0).all()
    assert (np.diff(state.ttft) > 0).all()


@pytest.mark.parametrize("prompt", [128.0, 512.0, 3000.0])
@pytest.mark.parametrize("output", [2.0, 3.0, 16.0, 256.0])
def test_no_output_is_faster_when_more_arrives(prompt, output):
    """Up to the capacity, where the queue of prompts outlasts every short output, so that all its steps are full."""
    requested = asked(prompt, output)
    rates = np.array([0.02, 0.3, 0.6, 0.8, 0.9, 0.95, 0.97, 0.98, 0.99]) * float(capacity(LAW, requested, RULES))
    state = opened(LAW, requested, RULES, rate=rates)
    times = spread(LAW, requested, RULES, state)
    for values in (times.mean("tpot"), *(times.at("tpot", p) for p in (50, 90, 99))):
        assert (values[1:] >= (1 - 1e-3) * values[:-1]).all(), values
    assert (times.tpot <= last_axis(state.steps.full) * (1 + 1e-9)).all()


def test_outputs_of_one_token_are_prompts_in_a_queue():
    """Nothing decodes: the capacity is that of full steps, and a light load sees its own step."""
    most = float(capacity(LAW, asked(512.0, 1.0), RULES))
    state = opened(LAW, asked(512.0, 1.0), RULES, rate=1e-4)
    assert most == pytest.approx(float(1 / state.steps.service), rel=1e-6)
    assert float(state.ttft) == pytest.approx(float(LAW.seconds(_step(512.0))), rel=0.02)
    with_two = opened(LAW, asked(512.0, 2.0), RULES, rate=0.5 * most)
    assert float(opened(LAW, asked(512.0, 1.0), RULES, rate=0.5 * most).ttft) < float(with_two.ttft)


@pytest.mark.parametrize("prompt, output", [(512.0, 2.0), (1024.0, 3.0), (512.0, 1.0)])
def test_a_loop_that_is_full_waits_for_all_others_and_not_much_longer(prompt, output):
    """Sixty-four prompts are always there, and each waits for nearly all others: the simulation has 743 ms as mean,
    741 as median and 791 as 99th percentile, of the first of these cases."""
    requested = asked(prompt, output)
    state = closed_steady(LAW, requested, RULES, concurrency=64.0)
    times = spread(LAW, requested, RULES, state)
    mean = float(times.mean("ttft"))
    assert float(times.at("ttft", 50.0)) == pytest.approx(mean, rel=0.1)
    assert float(times.at("ttft", 99.0)) < 1.5 * mean


@pytest.mark.parametrize("output", [2.0, 8.0, 64.0])
def test_near_the_capacity_outputs_see_steps_full_of_prompts(output):
    """Prompts wait in a queue, so that most steps of even the shortest output have some."""
    requested = asked(512.0, output)
    most = float(capacity(LAW, requested, RULES))
    medians = {}
    for part in (0.7, 0.9, 0.97):
        state = opened(LAW, requested, RULES, rate=part * most)
        medians[part] = float(spread(LAW, requested, RULES, state).at("tpot", 50.0))
        assert medians[part] > 1.1 * float(state.steps.decode)
    assert medians[0.97] >= medians[0.9] >= medians[0.7]


@pytest.mark.parametrize("prompt_cv", [0.0, 0.5])
def test_the_capacity_is_the_rate_of_a_loop_that_fills_all_slots(prompt_cv):
    for output in (asked(prompt_cv=prompt_cv), asked(prompt_cv=prompt_cv, output_cv=1.0)):
        assert float(capacity(LAW, output, RULES)) == float(closed_loop(LAW, output, RULES, concurrency=256.0).rate)


def test_a_mixture_of_one_length_is_that_length():
    fixed = Requested(Mixture((1024.0,), (1.0,)), Mixture((256.0,), (1.0,)))
    for rate in (1.0, 8.0):
        assert float(opened(LAW, fixed, RULES, rate=rate).ttft) == pytest.approx(
            float(opened(LAW, asked(), RULES, rate=rate).ttft), rel=1e-9
        )


def test_derivatives_are_those_of_differences():
    register_with_jax()
    with jax.enable_x64(True):

        def mean(rate):
            return opened(LAW, asked(prompt_cv=1.0, output_cv=1.0), RULES, rate=rate).gap

        step = 1e-5
        difference = (mean(6.0 + step) - mean(6.0 - step)) / (2 * step)
        assert float(jax.jacfwd(mean)(jnp.float64(6.0))) == pytest.approx(float(difference), rel=1e-4)


def test_the_formula_is_near_the_simulator():
    """Twelve loads, 1024 requests each: mean times and tails, by the median over the loads."""
    register_with_jax()
    draw = np.random.default_rng(4)
    count, size = 12, 1024
    prompt, output = np.exp(draw.uniform(np.log([64, 32])[:, None], np.log([3000, 400])[:, None], (2, count)))
    cv = draw.choice([0.0, 1.0], (2, count))
    requested = Requested(LogNormal(prompt, cv[0]), LogNormal(output, cv[1]))
    rate = draw.uniform(0.1, 0.7, count) * capacity(LAW, requested, RULES)
    state = opened(LAW, requested, RULES, rate=rate)
    times = spread(LAW, requested, RULES, state)
    normal = draw.normal(size=(2, size, count))
    width = np.sqrt(np.log1p(cv**2))
    lengths = np.stack([prompt, output])[:, None] * np.exp(width[:, None] * normal - width[:, None] ** 2 / 2)
    prompts, outputs = np.maximum(np.round(lengths), [[[1]], [[2]]])
    arrival = np.cumsum(draw.exponential(size=(size, count)), 0) / rate
    with jax.enable_x64(True):
        run = jax.jit(lambda r: simulate(LAW, r, RULES, lanes=256, rounds=8192))  # float64: sums of many times
        seen = run(Requests(*(jnp.asarray(x.T) for x in (arrival, prompts, outputs, 0 * prompts))))
        seen = jax.tree.map(np.asarray, seen)
    assert not np.any(seen.overflow)
    ttft = (seen.first - seen.arrival)[:, 128:]
    tpot = ((seen.last - seen.first) / (outputs.T - 1))[:, 128:]
    for name, found, mean, tail in (("ttft", ttft, 0.08, 0.2), ("tpot", tpot, 0.03, 0.15)):
        off = np.abs(np.log(times.mean(name) / found.mean(1)))
        assert np.median(off) < mean
        off = np.abs(np.log(times.at(name, 99) / np.percentile(found, 99, axis=1)))
        assert np.median(off) < tail
