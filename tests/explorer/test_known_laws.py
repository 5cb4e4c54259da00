"""Laws of steps that are remembered: the same as those made anew, for whatever requests."""

import numpy as np
import pytest

from life_jax.core.pytree import map_leaves
from life_jax.explorer import known_laws, views
from life_jax.explorer.answers import in_place
from life_jax.explorer.plain_data import study_of
from life_jax.explorer.questions import Question
from life_jax.forecasting.under_load import UnderLoad

STRUCTURES = [
    ("hw=a100", "engine=vllm"),
    ("hw=h100_sxm", "engine=vllm", "model=qwen3_30b_a3b", "opt=fp8", "dp=2"),
    ("hw=h100_sxm", "engine=sglang", "opt=[int4,kv8,lora]", "tp=2"),
    ("hw=rtx_4090", "engine=vllm", "engine.chunk_tokens=256", "opt=kv_evict"),
    ("hw=a100", "model=llama3_1_70b", "engine=vllm", "pp=2", "opt=ngram"),
]


def leaves(tree):
    seen = []
    map_leaves(lambda leaf: seen.append(np.asarray(leaf)) or leaf, tree)
    return seen


@pytest.mark.parametrize("words", STRUCTURES)
def test_a_remembered_law_is_that_of_any_other_requests(words):
    for numbers in (("prompt=300", "output=40", "rate=1"), ("prompt=9000", "output=700", "rate=2", "load.burst=2")):
        study = study_of([*words, *numbers], "serve")
        scenario = in_place(study, study.cases[0])
        seen = known_laws.under_load(scenario)
        assert seen.known_law is not None
        known, anew = leaves(seen.law), leaves(UnderLoad(scenario).law)
        assert len(known) == len(anew) > 5
        assert all(np.array_equal(a, b) for a, b in zip(known, anew, strict=True))


def test_sliders_of_requests_make_no_law_and_those_of_a_device_make_one():
    def move(**numbers):
        question = Question(("a100",), ("llama3_8b",), engine=("vllm",), numbers={"prompt": 256.0, **numbers})
        before = known_laws._law.cache_info().misses
        views.answer("load", question, {"ttft": 1, "tpot": 0.05, "brief": True})
        return known_laws._law.cache_info().misses - before

    move()
    assert [move(prompt=500.0), move(output=64.0), move(**{"load.burst": 2.0})] == [0, 0, 0]
    assert move(**{"hw.a100.bandwidth_gb_per_s": 1234.5}) == 1


def test_a_law_that_cannot_be_written_is_made_anew(monkeypatch):
    def refuse(tree):
        raise AttributeError("of a function without a name")

    study = study_of(["hw=a100", "rate=1"], "serve")
    monkeypatch.setattr(known_laws.pickle, "dumps", refuse)
    assert known_laws.under_load(in_place(study, study.cases[0])).known_law is None
