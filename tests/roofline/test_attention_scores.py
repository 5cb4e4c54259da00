"""Scores in memory on GPUs without matrix units, whose kernels make each of them by a warp."""

import pytest
from laws import in_numpy

import life_jax as life
from life_jax.core.schedule import Step
from life_jax.forecasting.step import step_graph
from life_jax.roofline.terms import step_terms

UNFUSED = "opt=[q4_0,eager_attention,fp32_scores]"
WORDS = ("hw=gtx_1080_ti", "model=llama3_2_1b", "engine=llama_cpp_cuda_2025")


def softmax(*words: str, queries: float = 1.0, past: float = 999.0) -> float:
    """Vector work of the softmax of a layer [s]."""
    s = life.load([*WORDS, *words]).scenario
    graph = step_graph(s, Step(batch=1.0, new=queries, past=past))
    terms = step_terms(graph, s.device, s.engine)
    return next(t.vector for op, t in zip(graph, terms, strict=True) if op.kind == "softmax")


def test_a_score_of_one_query_takes_its_work_and_queries_of_a_tile_share_it():
    plain, more = (softmax(UNFUSED, f"engine.score_work_apart={work}") for work in (0, 100))
    assert more == pytest.approx(101 * plain)
    assert softmax(UNFUSED, "engine.score_work_apart=100", past=1999.0) == pytest.approx(2 * more)
    tile = [softmax(UNFUSED, f"engine.score_work_apart={w}", queries=100.0, past=0.0) for w in (0, 100)]
    assert tile[1] == pytest.approx(2 * tile[0])


def test_it_is_of_cards_without_matrix_units_and_of_scores_in_memory():
    class_says = life.load([*WORDS, UNFUSED]).scenario.engine.effects["attention_scores"].apart
    assert class_says > 100
    newer = life.load(["hw=rtx_3090", *WORDS[1:], UNFUSED]).scenario.engine.effects["attention_scores"].apart
    assert newer == 0
    fused = [
        in_numpy(*WORDS, "opt=q4_0", "batch=1", "prompt=999", f"engine.score_work_apart={w}").tpot.item()
        for w in (0, 1000)
    ]
    assert fused[0] == fused[1]
    apart = [
        in_numpy(*WORDS, UNFUSED, "batch=1", "prompt=999", f"engine.score_work_apart={w}").tpot.item()
        for w in (0, 1000)
    ]
    assert apart[0] < apart[1]
