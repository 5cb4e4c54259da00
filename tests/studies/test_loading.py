"""Words become one study: the same words the same question, its cases and axes in the order of the file."""

import collections

import pytest

import life_jax as life
from life_jax.config import build
from life_jax.studies import loading

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


MANY = [
    "hw=[v100,a100,h100_sxm,rtx_4090,m3_max]",
    "model=[llama3_8b,qwen3_8b,gpt_oss_20b,deepseek_v2_lite]",
    "axes.opt=[[],[int4],[w8a8],[int4,kv_fp8],[sliding_window]]",
]


def test_a_device_and_a_model_are_built_once_each(monkeypatch):
    built = collections.Counter()

    def counted(module, name):
        make = getattr(module, name)

        def counting(*args, **kwargs):
            built[name] += 1
            return make(*args, **kwargs)

        monkeypatch.setattr(module, name, counting)

    for name in ("architecture", "software", "bits", "_workload", "_costs"):
        counted(build, name)
    study = life.load([word.replace(",[w8a8],", ",").replace(",[sliding_window]", "") for word in MANY])
    assert len(study.cases) == 5 * 4 * 3
    classes = {file.efficiency_class for file in study.composed.hw.values()}
    assert built == {"architecture": 4, "software": len(classes), "bits": 1, "_workload": 1, "_costs": 5}


def test_cases_that_share_parts_are_those_that_were_built_alone(monkeypatch):
    """A part that an option changes for one case is unchanged in the others."""
    words = [word.replace(",[sliding_window]", "") for word in MANY]
    together = life.load([*words, "hw=[a100,h100_sxm,rtx_4090]"][1:])
    with monkeypatch.context() as patched:
        patched.setattr(loading, "Parts", lambda: None)  # each case makes its own
        alone = life.load([*words, "hw=[a100,h100_sxm,rtx_4090]"][1:])
    for one, other in zip(together.cases, alone.cases, strict=True):
        assert (one.built.scenario, one.scenario) == (other.built.scenario, other.scenario), one.label
        assert one.built.options.base == other.built.options.base
        assert one.built.warnings == other.built.warnings
