"""The roof, what it joins, and what binds."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from laws import GENERATING, MODELS, SPREAD, changed, fields, graph, of, scenario

import life_jax as life
from life_jax.core import schedule
from life_jax.core.cost import Cost
from life_jax.core.graph import Graph, Op
from life_jax.forecasting import breakdown
from life_jax.forecasting.request import Run
from life_jax.optimizations.weight_quantization import weight_quantization
from life_jax.roofline.roofs import BOUNDS, Shares, Terms, roof, shares, step_seconds
from life_jax.roofline.terms import step_terms

SECONDS = st.floats(1e-9, 1e3)
SMOOTHNESS = st.floats(0, 2)


def unfused(s):
    return changed(s, "engine.counting.fusion", ())


@given(SECONDS, SECONDS)
def test_the_roof_goes_from_the_maximum_to_the_sum(a, b):
    assert roof(a, b, 0.0) == max(a, b)
    assert roof(a, b, np.asarray(0.0)) == pytest.approx(max(a, b), rel=1e-12)
    assert roof(a, b, 2.0) == pytest.approx(a + b, rel=1e-12)


@given(SECONDS, SECONDS, SMOOTHNESS, SMOOTHNESS)
def test_the_roof_rises_with_less_overlap(a, b, s, t):
    low, high = (roof(a, b, np.asarray(x)) for x in sorted((s, t)))
    assert max(a, b) * (1 - 1e-12) <= low <= high * (1 + 1e-12) <= (a + b) * (1 + 1e-11)


@given(SECONDS, SECONDS, SMOOTHNESS, st.floats(1e-3, 1e3))
def test_the_roof_is_homogeneous_and_symmetric(a, b, s, c):
    for smoothness in (0.0, np.asarray(s)):
        joined = roof(a, b, smoothness)
        assert roof(b, a, smoothness) == pytest.approx(joined, rel=1e-12)
        assert roof(c * a, c * b, smoothness) == pytest.approx(c * joined, rel=1e-12)


@pytest.mark.parametrize("s", [0.0, 0.3, 1.0, 2.0])
def test_the_smooth_roof_has_gradients_where_both_sides_are_equal_or_nothing(s):
    slopes = jax.grad(lambda a, b: roof(a, b, jnp.float64(s)), argnums=(0, 1))
    with jax.enable_x64(True):
        for a in (0.0, 1.0):
            both = slopes(jnp.float64(a), jnp.float64(a))
            assert both[0] == both[1]
            assert jnp.isfinite(both[0])
    if s > 0:  # of (a + b + sqrt((a - b)^2 + s^2 a b)) / 2 at a = b = 1
        assert both[0] == pytest.approx((1 + s / 2) / 2, rel=1e-12)


def test_three_terms_are_joined_compute_first():
    t = Terms(matmul=1.0, vector=0.8, memory=1.1, dispatch=0.25)
    assert t.roofed(0.5) == roof(roof(1.0, 0.8, 0.5), 1.1, 0.5)
    assert t.seconds(0.5) == 0.25 + t.roofed(0.5)


def test_an_operator_takes_its_work_over_what_is_reached_of_the_peaks():
    s = scenario("engine.compute_efficiency=0.5", "engine.attention_efficiency=0.25", "engine.memory_efficiency=0.8",
                 "engine.vector_efficiency=0.1")  # fmt: skip
    cost = Cost(matmul_flops=1e12, vector_flops=1e9, weight_bytes=6e9, kv_written=3e9, dispatches=2)
    for pipe, part in (("linear", 0.5), ("head", 0.5), ("attention", 0.25)):
        (t,) = step_terms(Graph((Op("any", lambda: cost, {}, 3.0, pipe),)), s.device, s.engine)
        assert t.matmul == pytest.approx((1e12 / part + 1e9) / 125e12)  # no more FLOP than the peak, of whatever kind
        assert t.vector == pytest.approx(1e9 / (0.1 * 15.7e12))
        assert t.memory == pytest.approx(9e9 / (0.8 * 900e9))
        assert t.dispatch == pytest.approx(2 * 3.5e-6)
        assert step_seconds([t], s.engine.efficiency.roof_smoothness) == pytest.approx(
            3 * (2 * 3.5e-6 + max(t.matmul, t.vector, t.memory))
        )


@pytest.mark.parametrize("change", [lambda s: s, weight_quantization(bits=4.0).apply, unfused])
@pytest.mark.parametrize("model", SPREAD)
def test_one_roof_over_totals_is_one_maximum_and_never_above_a_roof_per_operator(model, change):
    each = change(of(model))
    once = changed(each, "engine.counting.scope", "total")
    for step in (schedule.prefill(each.workload, each.engine)[0].first, schedule.decode(each.workload).at(3.0)):
        ops = graph(each, batch=step.batch, new=step.new, past=step.past)
        cost, device = ops.cost, each.device
        matrix = sum(op.repeats * op.cost.matmul_flops / device.rates[op.pipe] for op in ops)
        vector, moved = cost.vector_flops / device.rates["vector"], cost.bytes / device.bandwidth
        total = step_seconds(step_terms(ops, device, once.engine), once.engine.efficiency.roof_smoothness)
        assert total == pytest.approx(max(matrix, vector, moved) + cost.dispatches * device.dispatch, rel=1e-12)
        assert total <= step_seconds(step_terms(ops, device, each.engine), each.engine.efficiency.roof_smoothness) * (
            1 + 1e-12
        )
    assert Run(once).ttft <= Run(each).ttft * (1 + 1e-12)
    assert Run(once).tpot <= Run(each).tpot * (1 + 1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("model", GENERATING)
def test_fusion_saves_bytes_and_dispatches_and_no_matrix_work_of_decode(model):
    for past in (0.0, 4095.0):
        fused, apart = (graph(s, past=past).cost for s in (of(model), unfused(of(model))))
        assert fused.bytes < apart.bytes
        assert fused.dispatches < apart.dispatches
        assert fused.matmul_flops == pytest.approx(apart.matmul_flops, rel=1e-12)
        assert fused.vector_flops <= apart.vector_flops * (1 + 1e-12)
        assert fused.weight_bytes == pytest.approx(apart.weight_bytes, rel=1e-12)
        assert fused.kv_read == pytest.approx(apart.kv_read, rel=1e-12)
        assert fused.kv_written == apart.kv_written


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_no_operator_moves_less_than_nothing(model):
    for s in (of(model), unfused(of(model))):
        for op in graph(s, batch=2.0, new=3.0, past=5.0):
            assert min(fields(op.cost).values()) >= 0, (op.name, op.cost)


@pytest.mark.parametrize(
    ("seconds", "bound"),
    [((2, 0, 1, 0), "compute"), ((0, 2, 1, 0), "compute"), ((1, 1, 2, 0.5), "memory"), ((1, 1, 2, 3), "dispatch")],
)
def test_the_longest_share_binds(seconds, bound):
    matmul, vector, memory, dispatch = map(float, seconds)
    found = shares([Terms(matmul, vector, memory, dispatch)], scenario().engine.efficiency.roof_smoothness)
    assert BOUNDS[int(found.bound)] == bound


def test_an_operator_counts_where_its_longest_roof_is():
    each = [Terms(3.0, 0.0, 1.0, 0.5, repeats=2.0), Terms(1.0, 0.0, 4.0, 0.25)]
    assert shares(each, scenario().engine.efficiency.roof_smoothness) == Shares(compute=6.0, memory=4.0, dispatch=1.25)


def test_messages_bind_as_link_and_host_time_as_host():
    """new_users M1: a prefill of 70B over eight cards on PCIe, of which two thirds are messages."""
    words = ["hw=l40s", "model=llama3_70b", "opt=w8a8_fp8", "engine=vllm", "tp=8", "batch=32", "prompt=2048"]
    s = life.load(words, primary="explain").scenario
    assert BOUNDS[int(Run(s).prefill_shares.bound)] == "link"
    rows = {row.name: row for row in breakdown.prefill_table(s).operators}
    assert rows["link"].bound == "link" and rows["link"].share > 0.5
    assert rows["host"].bound == "host" and rows["host"].share < 0.05
    assert sum(row.share for row in rows.values()) == pytest.approx(1)
    host = changed(scenario("model=llama3_8b"), "engine.host.step", 0.1)
    assert BOUNDS[int(Run(host).decode_shares.bound)] == "host"
    hidden = changed(s, "engine.parallelism.overlap", 1.0)
    assert float(Run(hidden).prefill_shares.link) < float(Run(s).prefill_shares.link)


def test_of_equal_shares_the_first_binds():
    assert [BOUNDS[int(Shares(**dict.fromkeys(some, 1.0)).bound)] for some in (BOUNDS, BOUNDS[1:], BOUNDS[2:])] == [
        "compute", "memory", "link",
    ]  # fmt: skip


def test_decode_of_one_sequence_is_bound_by_memory_and_a_long_prefill_by_compute():
    s = changed(scenario("model=llama3_8b"), "workload.prompt_tokens", 4096.0)
    assert BOUNDS[int(Run(s).prefill_shares.bound)] == "compute"
    assert BOUNDS[int(Run(s).decode_shares.bound)] == "memory"
    slow = changed(s, "device.dispatch", 1e-2)
    assert BOUNDS[int(Run(slow).decode_shares.bound)] == "dispatch"
    assert {row.bound for row in breakdown.decode_table(slow).operators} == {"dispatch"}
