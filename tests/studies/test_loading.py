"""Words become one study: the same words the same question, its cases and axes in the order of the file."""

import collections
import dataclasses
import gc
import sys
from pathlib import Path

import numpy as np
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


@pytest.mark.parametrize(
    "keywords, words",
    [
        ({"hw": "h100_sxm", "opt": ["int4"], "batch": 8}, ["hw=h100_sxm", "opt=[int4]", "batch=8"]),
        ({"hw": ("v100", "NVIDIA GeForce RTX 3090")}, ["hw=[v100,'NVIDIA GeForce RTX 3090']"]),
        ({"hw": "Intel(R) Xeon(R) 6980P", "engine": None}, ["hw=Intel(R) Xeon(R) 6980P"]),
        ({"hw": "v100", "workload": {"batch": 2}, "opt": []}, ["hw=v100", "workload.batch=2", "opt=[]"]),
        ({"hw": "v100", "axes": {"opt": [[], ["int4"]]}}, ["hw=v100", "axes.opt=[[],[int4]]"]),
        ({"hw": "v100", "axes.batch": np.array([1.0, 8.0])}, ["hw=v100", "axes.batch=[1.0,8.0]"]),
        ({"hw": "v100", "axes": {"batch": "geomspace(1,8,4)"}}, ["hw=v100", "axes.batch=geomspace(1,8,4)"]),
        ({"hw": "v100", "batch": np.float32(2.5), "lazy": False}, ["hw=v100", "batch=2.5", "lazy=false"]),
        ({"hw": "v100", "out": Path("a b") / "c.nc"}, ["hw=v100", f"out={Path('a b') / 'c.nc'}"]),
    ],
)
def test_keywords_are_the_words_of_the_command_line(keywords, words):
    study = life.load(**keywords)
    assert list(study.words) == words
    assert (study.identity, study.path) == (life.load(words).identity, life.load(words).path)


def test_words_and_keywords_are_one_question():
    assert life.load(["hw=v100", "batch=8"]).words == life.load(["hw=v100"], batch=8).words
    with pytest.raises(life.ConfigError, match="hw= is given twice"):
        life.load(["hw=v100"], hw="v100")
    with pytest.raises(life.ConfigError, match="'hwx=' is not known; did you mean hw"):
        life.load(hwx="v100")
    with pytest.raises(life.ConfigError, match="opt is <object"):
        life.load(hw="v100", opt=object())


def test_public_objects_are_shown_in_a_line_or_two():
    study = life.load([*MANY[:2], "opt=int4"])
    shown = [study, study.cases[0], study.cases[0].built, study.composed, study.cases[0].scenario]
    scenario = study.cases[0].scenario
    shown += [scenario.device, scenario.architecture, scenario.engine, scenario.engine.host, scenario.precision]
    for one in shown:
        assert len(repr(one)) < 400 and repr(one).count("\n") <= 1, repr(one)
    assert "v100, a100, h100_sxm, 2 more" in repr(study) and "720 points" in repr(study)
    assert "bandwidth=9e+11" in repr(scenario.device)
    assert repr(dataclasses.replace(scenario.workload, batch=2.5)) != repr(scenario.workload)


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

    for name in ("architecture", "software", "bits", "_workload", "costs"):
        counted(build, name)
    study = life.load([word.replace(",[w8a8],", ",").replace(",[sliding_window]", "") for word in MANY])
    assert len(study.cases) == 5 * 4 * 3
    classes = {file.efficiency_class for file in study.composed.hw.values()}
    assert built == {"architecture": 4, "software": len(classes), "bits": 1, "_workload": 1, "costs": 5}


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


def _calls(job):
    """How many functions of Python a job calls."""
    count = 0

    def profile(frame, event, argument):
        nonlocal count
        count += event == "call"

    sys.setprofile(profile)
    try:
        job()
    finally:
        sys.setprofile(None)
    return count


def test_a_loop_of_different_loads_neither_slows_down_nor_grows():
    """Counted: functions that a load and an evaluation call, and objects that are left behind."""

    def one(at):
        words = {"hw": "v100", "model": ("llama2_7b", "qwen3_8b")[at % 2], "batch": 1 + at, "prompt": 512 + at / 8}
        return life.evaluate(life.load(**words, opt=["int4", "kv8"][: at % 3]))

    def alive():
        gc.collect()
        return len(gc.get_objects())

    for at in range(12):
        one(at)
    calls, before = _calls(lambda: one(12)), alive()
    for at in range(13, 40):
        one(at)
    assert alive() - before < 27  # objects, less than one for each load
    assert _calls(lambda: one(42)) <= 1.01 * calls


@pytest.mark.parametrize(
    ("words", "beyond"),
    [
        (["prompt=1e20", "batch=1e3"], True),
        (["axes.prompt_tokens=[1e3,1e21]", "batch=1"], True),
        (["prompt=1e20", "batch=1e3", "dtype=float64"], False),
        (["prompt=1e9", "batch=1"], False),
    ],
)
def test_times_beyond_the_numbers_of_the_dtype_are_said(words, beyond):
    said = [line for line in life.load(["hw=v100", "model=llama2_7b", *words]).warnings if "inf or NaN" in line]
    assert len(said) == beyond
    if beyond:
        assert "ttft" in said[0] and "beyond the range of float32; dtype=float64 reaches further" in said[0]


def test_a_metric_that_is_not_there_is_not_said_to_be_beyond():
    words = ["hw=v100", "model=llama2_7b", "prompt=1e9", "batch=4", "metrics=[tpot,ttft_p50]"]
    assert not [line for line in life.load(words).warnings if "inf or NaN" in line]
