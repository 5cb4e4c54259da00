"""Formulas against counts made by hand, and against XLA's own."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from formulas import FORMULAS, HANDED_ON, OTHERWISE, name, sample
from hypothesis import given, settings
from hypothesis import strategies as st
from laws import changed, fields, flops, graph, scenario

from life_jax.core import dual_numbers
from life_jax.core.cost import Cost
from life_jax.core.dual_numbers import Dual
from life_jax.operators import attention, compressed_attention, elementwise, experts
from life_jax.operators.attention import causal_pairs
from life_jax.operators.linear import linear

IDS = [name(formula) for formula in FORMULAS]


def cost_of(formula: Any) -> dict[str, float]:
    return {name: value for name, value in fields(formula(**sample(formula))).items() if value}


@pytest.mark.parametrize("formula", FORMULAS, ids=IDS)
def test_every_formula_counts_something(formula):
    found = formula(**sample(formula))
    assert any(cost_of(formula).values()) if isinstance(found, Cost) else np.all(np.isfinite(found))


def test_a_formula_of_unknown_arguments_says_what_to_add():
    def moved(*, tokens, parsecs):
        return tokens * parsecs

    with pytest.raises(AssertionError, match="add a sample number for parsecs to SAMPLES"):
        sample(moved)


def test_special_samples_are_of_formulas_that_exist():
    assert {*OTHERWISE, *HANDED_ON} <= set(IDS)


def test_linear_equals_a_hand_count():
    assert cost_of(linear) == {
        "matmul_flops": 2 * 3 * 5 * 7,
        "vector_flops": 3 * 7 + 4 * 35,  # a bias add for each output; 4 for each weight, once
        "weight_bytes": 35 / 2 + 7 * 2 + 7 * 4,  # 4-bit weights, 16-bit scales of channels, fp32 bias
        "activations_read": 15,
        "activations_written": 42,
        "dispatches": 1,
    }


def test_quantized_weights_are_expanded_once_for_every_128_rows_and_at_least_once():
    work = [linear(**{**sample(linear), "tokens": m, "bias": 0}).vector_flops for m in (1, 128, 256)]
    assert work == [140, 140, 280]


def test_causal_pairs_equal_a_count_of_pairs():
    assert causal_pairs(queries=3, past=5) == sum(5 + i for i in (1, 2, 3)) == 21
    assert causal_pairs(queries=512, past=0) == 131_328
    assert causal_pairs(queries=512, past=1024) == 655_616


def test_flash_attention_equals_a_hand_count():
    # 2 sequences, 3 queries on 8 positions, 21 causal pairs; 4 heads of 16 on 2 KV heads; 8-bit cache with fp16 scales
    assert cost_of(attention.flash_attention) == {
        "matmul_flops": 2 * 4 * 21 * (2 * 16 + 2 * 16),
        "vector_flops": 2 * 4 * 21 * (5 + 1) + 2 * (2 * 2 * 8 * 2 * 16),
        "kv_read": 2 * 2 * 8 * 2 * (16 + 2),
        "activations_read": 2 * 3 * 4 * 16 * 2,
        "activations_written": 2 * 3 * 4 * 16 * 2,
        "dispatches": 1,
    }


def test_the_parts_of_unfused_attention_equal_hand_counts():
    scores, vectors = 2 * 4 * 3 * 8, 2 * 3 * 4 * 16
    half = {
        "matmul_flops": 2 * 16 * scores,
        "vector_flops": 2 * (2 * 8 * 2 * 16),
        "kv_read": 2 * 8 * 2 * (16 + 2),
        "dispatches": 1,
    }
    assert cost_of(attention.attention_scores) == {
        **half, "activations_read": vectors * 2, "activations_written": scores * 2,
    }  # fmt: skip
    assert cost_of(attention.attention_values) == {
        **half, "activations_read": scores * 2, "activations_written": vectors * 2,
    }  # fmt: skip
    assert cost_of(attention.softmax) == {
        "vector_flops": 6 * scores, "activations_read": scores * 2, "activations_written": scores * 2, "dispatches": 1,
    }  # fmt: skip


def test_cache_append_equals_a_hand_count():
    assert attention.kv_bytes(**sample(attention.kv_bytes)) == 2 * 3 * 2 * (16 + 2)
    assert cost_of(attention.kv_append) == {
        "activations_read": 2 * 3 * 2 * 16 * 2, "kv_written": 2 * 3 * 2 * 18, "dispatches": 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("formula", "vector_flops", "weight_bytes", "operands_read", "operands_written"),
    [
        (elementwise.norm, 7, 64, 1, 1),
        (elementwise.rope, 3, 0, 1, 1),
        (elementwise.residual_add, 2, 0, 3, 1),
        (elementwise.gate_multiply, 5, 0, 2, 1),
        (elementwise.activation, 4, 0, 1, 1),
        (elementwise.add_norm, 9, 64, 3, 2),  # the sum is written once and not read back
        (elementwise.embedding, 1, 2 * 24 * 2, 0, 1),  # a row of the table and one of the positions per token
    ],
)
def test_elementwise_operators_equal_hand_counts(formula, vector_flops, weight_bytes, operands_read, operands_written):
    elements = 3 * 8
    expected = {
        "vector_flops": vector_flops * elements,
        "weight_bytes": weight_bytes,
        "activations_read": operands_read * elements * 2,
        "activations_written": operands_written * elements * 2,
        "dispatches": 1,
    }
    assert cost_of(formula) == {name: value for name, value in expected.items() if value}


def test_quantizing_inputs_writes_narrow_elements_and_a_scale_per_token():
    assert cost_of(elementwise.quantize_input) == {
        "vector_flops": 2 * 24, "activations_read": 48, "activations_written": 24 + 3 * 2, "dispatches": 1,
    }  # fmt: skip


@pytest.mark.parametrize("formula", FORMULAS, ids=IDS)
def test_every_formula_jits_vmaps_and_differentiates(formula):
    arguments = {name: float(value) for name, value in sample(formula).items()}
    expected = jax.tree.map(float, formula(**arguments))

    def total(values):
        return sum(jax.tree.leaves(formula(**values)))

    with jax.enable_x64(True):
        jitted = jax.tree.map(float, jax.jit(lambda v: formula(**v))(arguments))
        # a logarithm is not rounded alike everywhere; everything else is + - * / and exact
        loose = formula in (elementwise.hadamard, experts.distinct_experts, experts.grouped_linear)
        assert jitted == (jax.tree.map(lambda x: pytest.approx(x, rel=1e-12), expected) if loose else expected)
        many = {name: jnp.array([value, 2 * value]) for name, value in arguments.items()}
        batched = jax.vmap(lambda v: formula(**v))(many)
        first = jax.tree.map(lambda leaf: float(jnp.broadcast_to(leaf, 2)[0]), batched)
        assert first == (jax.tree.map(lambda x: pytest.approx(x, rel=1e-12), expected) if loose else expected)
        slopes = jax.grad(total)(arguments)
        for name, slope in slopes.items():
            step = 1e-6 * arguments[name]
            up, down = ({**arguments, name: arguments[name] + h} for h in (step, -step))
            assert float(slope) == pytest.approx(float(total(up) - total(down)) / (2 * step), rel=1e-5, abs=1e-4)
            by_dual = dual_numbers.tangent(total({**arguments, name: Dual(arguments[name], 1.0)}))
            assert float(by_dual) == pytest.approx(float(slope), rel=1e-11, abs=1e-12)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 4096), min_size=1, max_size=8), st.integers(0, 10_000))
def test_chunks_sum_to_the_prefill(chunks, past):
    def attend(queries, past):
        step = {"queries": queries, "past": past}
        span = {"queries": queries, "pairs": causal_pairs(**step), "positions": past + queries, "kv_dequant_flops": 0}
        return attention.flash_attention(**{**sample(attention.flash_attention), **span})

    total, done = Cost(), past
    for chunk in chunks:
        total, done = total + attend(chunk, done), done + chunk
    whole = attend(sum(chunks), past)
    assert (total.matmul_flops, total.vector_flops) == (whole.matmul_flops, whole.vector_flops)
    assert total.activations_read == whole.activations_read
    assert total.kv_read >= whole.kv_read


@given(st.integers(1, 60), st.integers(0, 60), st.integers(1, 40))
def test_window_and_chunk_pairs_equal_counts_of_pairs(queries, past, size):
    positions = range(past, past + queries)
    step = {"queries": queries, "past": past}
    assert causal_pairs(**step) == sum(i + 1 for i in positions)
    assert attention.window_pairs(**step, window=size) == sum(min(i + 1, size) for i in positions)
    assert attention.chunk_pairs(**step, chunk=size) == sum(i % size + 1 for i in positions)


def analysis(function, *shapes):
    compiled = jax.jit(function).lower(*(jax.ShapeDtypeStruct(shape, np.float32) for shape in shapes)).compile()
    return compiled.cost_analysis()


@pytest.mark.parametrize(("m", "k", "n"), [(1, 4096, 512), (64, 512, 1024), (512, 1024, 2048), (7, 33, 65)])
def test_xla_counts_a_matmul_as_linear_does(m, k, n):
    counted = analysis(lambda x, w: x @ w, (m, k), (k, n))
    bits = {"weight_bits": 32, "input_bits": 32, "output_bits": 32, "bias_bits": 32}
    cost = linear(tokens=m, d_in=k, d_out=n, bits_per_channel=0, bias=0, dequant_flops=0, **bits)
    assert counted["flops"] == cost.matmul_flops
    assert counted["bytes accessed"] == pytest.approx(cost.bytes, rel=0.01)


@pytest.mark.parametrize(("heads", "kv_heads"), [(4, 4), (4, 2), (4, 1)])
def test_xla_counts_a_decoder_layer_as_the_unfused_graph_does(heads, kv_heads):
    tokens, past, d, a, f = 64, 192, 512, 128, 1536

    def layer(x, wq, wk, wv, wo, wg, wu, wd, k_past, v_past):
        q = (x @ wq).reshape(tokens, kv_heads, heads // kv_heads, a)
        k = jnp.concatenate([k_past, (x @ wk).reshape(tokens, kv_heads, a)])
        v = jnp.concatenate([v_past, (x @ wv).reshape(tokens, kv_heads, a)])
        scores = jax.nn.softmax(jnp.einsum("qghd,kgd->ghqk", q, k))
        x = x + jnp.einsum("ghqk,kgd->qghd", scores, v).reshape(tokens, heads * a) @ wo
        return x + (jax.nn.silu(x @ wg) * (x @ wu)) @ wd

    q, kv, cache = (d, heads * a), (d, kv_heads * a), (past, kv_heads, a)
    counted = analysis(layer, (tokens, d), q, kv, kv, q[::-1], (d, f), (d, f), (f, d), cache, cache)

    s = scenario("model=llama2_7b", "opt=unfused")
    for key, value in (("num_attention_heads", heads), ("num_key_value_heads", kv_heads), ("head_dim", a)):
        s = changed(s, f"architecture.blocks.0.attention.{key}", value)
    for path, value in (("hidden_size", d), ("blocks.0.ffn.intermediate_size", f), ("blocks.0.repeats", 1)):
        s = changed(s, f"architecture.{path}", value)
    layer_only = graph(s, new=tokens, past=past).select(lambda op: op.name != "lm_head")
    assert counted["flops"] == pytest.approx(flops(layer_only), rel=0.01)


@pytest.mark.parametrize(("many", "chosen", "skew"), [(16, 2, 0.5), (64, 6, 1.0), (128, 8, 1.2), (128, 4, 2.0)])
def test_skewed_routing_touches_as_many_experts_as_drawing_them_does(many, chosen, skew):
    """Against a simulation: each token draws without replacement in proportion to rank^-skew (exponential clocks)."""
    random = np.random.default_rng(3)
    clocks = random.exponential(size=(400, 16, many)) * np.arange(1, many + 1.0) ** skew
    drawn = np.argpartition(clocks, chosen - 1, axis=2)[:, :, :chosen]
    seen = np.mean([len(np.unique(batch)) for batch in drawn])
    formula = experts.distinct_experts(tokens=16.0, experts=float(many), chosen=float(chosen), skew=skew)
    assert formula == pytest.approx(seen, rel=0.05)


@given(many=st.integers(2, 512), part=st.floats(0.01, 1), tokens=st.floats(1, 1e4), skew=st.floats(0.01, 2))
@settings(deadline=None, max_examples=60)
def test_skewed_routing_lies_between_one_token_and_uniform_routing(many, part, tokens, skew):
    chosen = max(1.0, round(part * many))
    shape = {"experts": float(many), "chosen": chosen}
    found = experts.distinct_experts(tokens=tokens, skew=skew, **shape)
    uniform = experts.distinct_experts(tokens=tokens, skew=0.0, **shape)
    assert chosen * (1 - 1e-3) <= found <= uniform * (1 + 1e-3)
    one = experts.distinct_experts(tokens=1.0, skew=skew, **shape)
    assert one == pytest.approx(chosen, rel=1e-3)
    assert experts.distinct_experts(tokens=tokens, skew=1e-7, **shape) == pytest.approx(uniform, rel=1e-4)


@pytest.mark.parametrize(("queries", "past", "rate", "best"), [(256, 0, 4, 16), (128, 512, 128, 2), (512, 64, 4, 512)])
def test_pairs_of_queries_and_entries_are_sums_over_queries_where_entries_are_whole(queries, past, rate, best):
    seen = [(past + i) // rate for i in range(1, queries + 1)]
    span = {"queries": queries, "past": past, "rate": rate}
    assert compressed_attention.entry_pairs(**span) == sum(seen)
    limited = sum(min(entries, best) for entries in seen)
    assert compressed_attention.best_entry_pairs(**span, best=best) == pytest.approx(limited, rel=0.01)
