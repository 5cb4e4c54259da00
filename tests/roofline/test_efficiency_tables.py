"""Efficiencies by operator and shape: exact where measured, smooth between, never beyond what was measured."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import life_jax as life
from life_jax.forecasting.request import Run
from life_jax.roofline.efficiency_tables import interpolated, shape_of, table_of
from life_jax.roofline.terms import step_terms

SHAPES = [(128, 4096, 4096), (2048, 4096, 4096), (2048, 4096, 11008), (8192, 4096, 11008)]
VALUES = [0.3, 0.6, 0.7, 0.8]
GEMM = "[{shape: [1, 4096, 4096], memory: 0.5, compute: 0.1}, {shape: [4096, 4096, 4096], memory: 0.9, compute: 0.8}]"


def test_measured_shapes_come_out_as_measured():
    table = table_of(SHAPES, VALUES)
    for shape, value in zip(SHAPES, VALUES, strict=True):
        assert float(interpolated(table, [float(x) for x in shape])) == pytest.approx(value, rel=1e-9)


@settings(max_examples=200, deadline=None)
@given(st.tuples(*(st.floats(1, 1e6) for _ in range(3))))
def test_no_value_leaves_the_measured_range(shape):
    assert min(VALUES) <= float(interpolated(table_of(SHAPES, VALUES), shape)) <= max(VALUES)


def test_beyond_the_box_its_edge_counts_and_in_between_it_is_smooth():
    table = table_of([(16, 64, 64), (256, 64, 64), (4096, 64, 64)], [0.2, 0.5, 0.9])

    def value(m):
        return interpolated(table, (m, 64.0, 64.0))

    with jax.enable_x64(True):
        ms = jnp.geomspace(16.0, 4096.0, 400)
        values, slopes = jax.vmap(jax.value_and_grad(value))(ms)
        assert (np.diff(values) > 0).all()  # the measurements rise, and so does what is between them
        assert np.allclose(np.gradient(np.asarray(values), np.asarray(ms))[5:-5], slopes[5:-5], rtol=2e-2)
        assert value(jnp.array(1.0)) == value(jnp.array(16.0)) == pytest.approx(0.2)
        assert value(jnp.array(1e9)) == pytest.approx(0.9)


def test_one_number_by_operator_is_the_engine_wide_one():
    words = ["engine=ideal", "hw=v100", "workload.prompt_tokens=512", "workload.batch=1"]
    wide = life.load([*words, "engine.compute_efficiency=0.6", "engine.memory_efficiency=0.7"]).scenario
    every = {b: {"compute": 0.6, "memory": 0.7} for b in ("gemm", "norm", "rope", "activation", "elementwise",
                                                          "embedding", "other", "softmax", "bmm")}  # fmt: skip
    said = ",".join(f"{b}:{{compute:{v['compute']},memory:{v['memory']}}}" for b, v in every.items())
    tables = life.load([*words, f"engine.operator_efficiencies={{{said}}}"]).scenario
    found = []
    for s in (wide, tables):
        graph = Run(s).graph(Run(s).decode.first)
        found.append(
            {op.name: float(t.memory) for op, t in zip(graph, step_terms(graph, s.device, s.engine), strict=True)}
        )
    assert found[0] == pytest.approx(found[1], rel=1e-12)


def test_a_table_by_shape_sets_the_time_of_its_operators_and_says_when_it_is_left():
    words = [
        "engine=ideal",
        "hw=v100",
        "workload.prompt_tokens=4096",
        "workload.batch=1",
        f"engine.operator_efficiencies.gemm={GEMM}",
    ]
    study = life.load(words)
    run = Run(study.scenario)
    graph = run.graph(run.prefill[0].first)
    each = step_terms(graph, study.scenario.device, study.scenario.engine)
    terms = dict(zip([op.name for op in graph], each, strict=True))
    o = next(op for op in graph if op.name == "o_proj")
    assert o.kind == "gemm"
    assert shape_of(o) == (4096, 4096, 4096)
    assert float(terms["o_proj"].matmul) == pytest.approx(2 * 4096**3 / (0.8 * 125e12), rel=1e-9)
    assert any("gemm" in warning and "edge" in warning for warning in study.warnings)  # n = 11008 was not measured


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("engine.operator_efficiencies.gem={compute: 0.5}", "gemm"),
        ("engine.operator_efficiencies.gemm={compute: 1.5}", "at most 1"),
        ("engine.operator_efficiencies.gemm={speed: 0.5}", "speed"),
        ("engine.operator_efficiencies.gemm=[{shape: [1, 2], compute: 0.5}]", "m, k, n"),
        ("engine.operator_efficiencies.gemm=[{shape: [1, 2, 0], compute: 0.5}]", "above 0"),
        ("engine.operator_efficiencies.gemm=0.5", "compute: 0.6"),
        ("engine.operator_efficiencies.norm=[{shape: [1,2], compute: 0.5}, {shape: [1,2], compute: 0.6}]", "twice"),
    ],
)
def test_wrong_tables_are_refused(word, reason):
    with pytest.raises(life.ConfigError, match=reason):
        life.load(["hw=v100", word])
