"""What a ledger says holds a time, against the time, its derivatives by JAX, and the explicit sum over every token."""

import jax
import numpy as np
import pytest
from laws import KINDS, changed, of, scenario, smooth

from life_jax.core import schedule
from life_jax.core.pytree import get_leaf, set_leaf
from life_jax.forecasting import attribution
from life_jax.forecasting.attribution import CACHE, Ledger
from life_jax.forecasting.metrics import forecast
from life_jax.forecasting.request import Run
from life_jax.forecasting.step import step_graph
from life_jax.roofline.roofs import roof, sides
from life_jax.roofline.terms import step_terms
from life_jax.sensitivity.elasticities import sign

TIMES = {"ttft": attribution.ttft, "tpot": attribution.tpot, "e2e": attribution.e2e}
ASKED = [
    ["hw=v100", "opt=int4", "engine=ideal"],
    ["hw=v100", "model=llama3_8b", "opt=[int4,kv8]", "engine=vllm", "workload.prompt_tokens=4096"],
    ["hw=h100_sxm", "engine=vllm", "engine.tensor_parallel=4", "workload.batch=33"],
    ["hw=v100", "model=gemma3_4b", "engine=generic", "workload.prompt_tokens=900", "workload.batch=7"],
    ["hw=v100", "engine=ideal", "engine.chunk_tokens=100", "engine.roof_smoothness=0.5", "workload.batch=64"],
    ["hw=h100_sxm", "model=qwen3_4b", "engine=sglang", "workload.prompt_tokens=64"],
    ["hw=v100", "engine=ideal", "opt=unfused", "workload.batch=64", "engine.roof_smoothness=0"],
]


def parts(found: Ledger) -> float:
    """The cache's are among the bandwidth's."""
    return float(sum(seconds for leaf, seconds in found.held.items() if leaf != CACHE))


@pytest.mark.parametrize("model", KINDS)
def test_what_is_held_adds_up_to_the_time(model):
    for s in (of(model), smooth(of(model))):
        for prompt, batch in ((8.0, 300.0), (3000.0, 1.0)):
            one = changed(changed(s, "workload.prompt_tokens", prompt), "workload.batch", batch)
            run = Run(one)
            for name, of_run in TIMES.items():
                found = of_run(run)
                assert float(found.total) == pytest.approx(float(getattr(run, name)), rel=1e-12)
                assert parts(found) == pytest.approx(float(found.total), rel=1e-12)
                assert min(float(seconds) for seconds in found.held.values()) >= -1e-15 * float(found.total)


@pytest.mark.parametrize("words", ASKED)
def test_what_is_held_is_the_derivative_by_jax(words):
    s = scenario(*words)
    found = {name: of_run(Run(s)) for name, of_run in TIMES.items()}
    leaves = tuple(found["e2e"].held)

    def times(logs):
        one = s
        for leaf, log in zip(leaves, logs, strict=True):
            one = set_leaf(one, leaf, get_leaf(s, leaf) * jax.numpy.exp(log))
        return forecast(one, tuple(TIMES))

    def slope(direction):
        return jax.jvp(times, (np.zeros(len(leaves)),), (direction,))[1]

    with jax.enable_x64(True):  # one direction after the other: JAX's jacfwd compiles several times as long
        slopes = jax.jit(lambda directions: jax.lax.map(slope, directions))(np.eye(len(leaves)))
    for name, of_time in found.items():
        for leaf, slope in zip(leaves, slopes[name], strict=True):
            held = sign(leaf) * float(of_time.held.get(leaf, 0.0))
            assert held == pytest.approx(float(slope), abs=1e-9 * float(of_time.total)), (name, leaf)


@pytest.mark.parametrize("words", ASKED[:2])
def test_decode_holds_what_each_of_its_steps_holds(words):
    """The explicit sum over every token."""
    s = scenario(*words, "workload.output_tokens=40", "workload.batch=200")
    found, steps = attribution.tpot(Run(s)), 39
    memory = cache = 0.0
    for j in range(steps):
        ops = step_graph(s, schedule.decode(s.workload).at(float(j)))
        for t in step_terms(ops, s.device, s.engine):
            one = sides(t, s.engine.efficiency.roof_smoothness)
            memory += float(t.repeats * one.memory) / steps
            cache += float(t.repeats * one.cache) / steps
    tolerance = 1e-4 if s.engine.efficiency.roof_smoothness else 1e-11
    assert float(found.held[attribution.BANDWIDTH]) == pytest.approx(memory, rel=tolerance)
    assert float(found.held[CACHE]) == pytest.approx(cache, rel=tolerance)


@pytest.mark.parametrize("smoothness", [0.0, 0.3, 2.0])
def test_sides_are_slopes_times_what_they_multiply(smoothness):
    e = scenario("engine=ideal", f"engine.roof_smoothness={smoothness}").engine
    with jax.enable_x64(True):
        for matmul, vector, memory in ((3.0, 1.0, 2.0), (1.0, 3.0, 2.0), (0.5, 0.2, 4.0), (1e-9, 2e-9, 1e-9)):
            (t,) = step_terms(step_graph(scenario(), schedule.decode(scenario().workload).at(0.0)).select(
                lambda op: op.pipe == "head"), scenario().device, e)  # fmt: skip
            t = type(t)(matmul, vector, memory, 0.0, cache=memory / 4)
            found = sides(t, smoothness)

            def joined(a, b, c):
                return roof(roof(a, b, smoothness), c, smoothness)

            expected = jax.grad(joined, argnums=(0, 1, 2))(*map(np.float64, (matmul, vector, memory)))
            for got, slope, x in zip((found.matmul, found.vector, found.memory), expected, (matmul, vector, memory),
                                     strict=True):  # fmt: skip
                assert float(got) == pytest.approx(float(slope) * x, rel=1e-9)
            assert float(found.cache) == pytest.approx(float(found.memory) / 4, rel=1e-12)
            assert float(found.seconds) == pytest.approx(joined(matmul, vector, memory), rel=1e-12)
