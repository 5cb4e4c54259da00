"""Words become one study: the same words the same question, its cases and axes in the order of the file."""

import pytest

import life_jax as life

WORDS = ["hw=[v100,h100_sxm]", "model=[llama3_8b,qwen3_8b]", "axes.opt=[[],[int4]]", "axes.kv_bits=[8,16]"]


def test_cases_stand_in_the_order_of_the_dimensions():
    study = life.load(WORDS)
    labels = [(one.model, one.hw, one.opt) for one in study.cases]
    assert labels == [
        (m, h, o) for m in ("llama3_8b", "qwen3_8b") for h in ("v100", "h100_sxm") for o in ("none", "int4")
    ]
    assert list(study.axes) == ["prompt_tokens", "batch", "kv_bits"]
    assert {tuple(parameter.key for parameter in one.parameters) for one in study.cases} == {tuple(study.axes)}


def test_the_same_words_are_the_same_question_and_others_are_not():
    first, same, other = life.load(WORDS), life.load(WORDS), life.load([*WORDS, "workload.output_tokens=7"])
    assert first.identity == same.identity != other.identity
    assert first.path == same.path != other.path
    assert life.load([*WORDS, "out=mine.nc"]).identity == first.identity  # where it goes is no part of it


def test_a_study_of_several_cases_has_no_single_scenario():
    with pytest.raises(life.ConfigError, match="8 cases"):
        _ = life.load(WORDS).scenario
    assert life.load(["hw=v100"]).scenario == life.load(["hw=v100"]).cases[0].scenario


def test_a_text_is_no_list_of_words():
    with pytest.raises(life.ConfigError, match="a list of words"):
        life.load("hw=v100")
