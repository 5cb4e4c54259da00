"""A short word is its long key, as a scalar, after axes. and in a study; both at once are refused."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import life_jax as life
from life_jax.config import short_words, word_values
from life_jax.config.schema import axis_table
from life_jax.config.schema.errors import ConfigError
from life_jax.config.words import parse

PAIRS = sorted(short_words.SHORT_WORDS.items())
HW = "hw=h100_sxm"


@pytest.mark.parametrize("short, long", PAIRS)
def test_a_short_word_is_its_long_key(short, long):
    axis = long.split(".", 1)[1]
    assert axis_table.section_of(axis) == long.split(".", 1)[0]  # there is such a number
    assert parse([HW, f"{short}=2"]) == parse([HW, f"{long}=2"])
    assert parse([HW, f"+{short}=2"]) == parse([HW, f"++{long}=2"])
    assert parse([HW, f"axes.{short}=[1,2]"]) == parse([HW, f"axes.{axis}=[1,2]"])
    assert parse([HW, f"at.{short}=2"]) == parse([HW, f"at.{axis}=2"])


@pytest.mark.parametrize("short, long", PAIRS)
def test_a_short_word_and_its_long_key_together_are_refused(short, long):
    with pytest.raises(ConfigError, match=rf"{short}= and {long}= are the same number, given twice"):
        parse([HW, f"{short}=2", f"{long}=2"])
    axis = f"axes.{long.split('.', 1)[1]}"
    words = [f"axes.{short}=[1,2]", f"{axis}=[1,2]"]
    with pytest.raises(ConfigError, match="given twice"):
        parse([HW, *(words if axis != f"axes.{short}" else [words[0], words[0]])])
    with pytest.raises(ConfigError, match="both given"):
        parse([HW, f"{short}=2", f"axes.{short}=[1,2]"])


def test_a_study_may_use_short_words_and_typed_ones_replace_them(tmp_path):
    file = tmp_path / "question.yaml"
    file.write_text("hw: h100_sxm\nprompt: 100\naxes: {tp: [1, 2]}\n")
    assert parse([f"study={file}"]) == parse([HW, "prompt=100", "axes.tensor_parallel=[1,2]"])
    assert parse([f"study={file}", "workload.prompt_tokens=7", "tp=4"]) == parse([HW, "prompt=7", "tp=4"])
    file.write_text("hw: h100_sxm\nprompt: 100\nworkload: {prompt_tokens: 50}\n")
    with pytest.raises(ConfigError, match=r"question\.yaml: prompt= and workload\.prompt_tokens= are the same"):
        parse([f"study={file}"])


def test_dimensions_keep_the_long_key():
    study = life.load([HW, "axes.prompt=[64,128]", "axes.tp=[1,2]", "batch=3"])
    assert list(study.axes) == ["prompt_tokens", "tensor_parallel"]
    assert study.composed.workload.batch == 3
    assert study.identity == life.load([HW, "axes.prompt_tokens=[64,128]", "axes.tensor_parallel=[1,2]",
                                        "workload.batch=3"]).identity  # fmt: skip


def test_a_misspelt_short_word_is_guessed_and_a_list_is_an_axis():
    with pytest.raises(ConfigError, match=r"'bacth=' is not known; did you mean batch"):
        parse([HW, "bacth=4"])
    with pytest.raises(ConfigError, match=r"a list is an axis, axes\.batch="):
        life.load([HW, "batch=[1,4]"])


plain = st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats(allow_nan=False)
texts = st.text("ab.'\"\\ ,:[](){}-10é", max_size=8) | st.sampled_from(["true", "null", "nan", "llama3.1:8b", "1e3"])
values = st.recursive(plain | texts, lambda inner: st.lists(inner, max_size=3), max_leaves=6)


@given(values)
@settings(max_examples=60, deadline=None)
def test_what_is_written_as_a_word_is_read_back(value):
    text = word_values.text(value, "key")
    assert word_values.value("key", text) == value
    assert word_values.text(tuple(value), "key") == text if isinstance(value, list) else True
