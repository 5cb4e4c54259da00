"""Which designs are dominated, as its definition says it."""

import numpy as np
from brute_force import planned
from hypothesis import given
from hypothesis import strategies as st

from life_jax.planner.front import Objectives, dominated_by, front

NUMBERS = st.sampled_from([0.0, 1.0, 2.0, 3.0, np.inf])
DESIGNS = st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS, NUMBERS), max_size=12)


def worse(one, than):
    return all(b <= a for a, b in zip(one, than, strict=True)) and any(b < a for a, b in zip(one, than, strict=True))


def objectives(designs):
    return Objectives(np.array(designs, float).reshape(-1, 4))


@given(DESIGNS, DESIGNS)
def test_dominated_is_no_better_in_anything_and_worse_in_something(designs, others):
    found = dominated_by(objectives(designs), objectives(others))
    assert found.tolist() == [any(worse(one, other) for other in others) for one in designs]


@given(DESIGNS)
def test_the_front_is_what_nothing_dominates(designs):
    found = front(objectives(designs))
    assert found.tolist() == [not any(worse(one, other) for other in designs) for one in designs]


def test_formats_of_two_models_do_not_beat_each_other():
    words = ["hw=rtx_4090", "devices=1", "axes.opt=[[q4_k_m],[q8_0]]", "also=none"]
    of = {name: planned(f"model={name}", *words).rows for name in ("qwen3_0_6b", "llama3_1_8b")}
    both = planned("model=[qwen3_0_6b,llama3_1_8b]", *words).rows
    for name, rows in of.items():
        assert rows and {row.opt for row in rows} == {row.opt for row in both if row.model == name}


def test_rows_of_several_models_say_their_model(capsys):
    from life_jax.terminal import plan_tables

    plan_tables.show(planned("model=[qwen3_0_6b,llama3_1_8b]", "hw=rtx_4090", "devices=1", "axes.opt=[[q4_k_m]]"))
    printed = capsys.readouterr().out
    assert "qwen3_0_6b on 1 x rtx_4090" in printed and "llama3_1_8b on 1 x rtx_4090" in printed


def test_an_encoder_has_a_plan_though_it_generates_nothing():
    rows = planned("model=bge_m3", "hw=[rtx_4090,l4]", "devices=1", "axes.opt=[[]]", "target.ttft=1").rows
    assert rows and all(row.metrics["ttft"] < 1 for row in rows)
