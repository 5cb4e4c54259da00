"""An unknown word is answered with where it belongs, our name of what other tools call so, or what is near."""

import dataclasses

import pytest

from life_jax.config import unknown_words
from life_jax.config.schema import axis_table
from life_jax.config.schema.device_file import DeviceFile
from life_jax.config.schema.errors import ConfigError
from life_jax.config.short_words import SHORT_WORDS
from life_jax.config.vocabulary import PLAIN, SECTIONS
from life_jax.config.words import parse

HW = "hw=h100_sxm"


@pytest.mark.parametrize("theirs, ours", sorted(unknown_words.CALLED.items()))
def test_what_other_tools_call_it_is_answered_with_our_word(theirs, ours):
    assert ours in (*SECTIONS, *PLAIN, *SHORT_WORDS)
    assert theirs not in (*SECTIONS, *PLAIN, *SHORT_WORDS)
    with pytest.raises(ConfigError) as error:
        parse([HW, f"{theirs}=2"])
    known = theirs in axis_table.axis_keys()  # then its file is named, which is as good
    assert "is not a word by itself" in str(error.value) if known else f"it is called {ours}= here" in str(error.value)


def test_each_name_of_another_tool_stands_once():
    names = [name for names in unknown_words.OURS.values() for name in names.split()]
    assert len(names) == len(set(names)) == len(unknown_words.CALLED)


@pytest.mark.parametrize("key", [f.name for f in dataclasses.fields(DeviceFile) if f.name not in ("name", "source")])
def test_a_number_of_a_device_by_itself_is_answered_with_its_place(key):
    if key in (*SHORT_WORDS, *SECTIONS, *PLAIN, *unknown_words.CALLED):
        pytest.skip("a word, or called otherwise")
    with pytest.raises(ConfigError, match=rf"hw\.LABEL\.{key}"):
        parse([HW, f"{key}=2"])


def test_a_word_that_nothing_is_like_is_refused_with_the_words_that_there_are():
    with pytest.raises(ConfigError, match=r"^'qzx=' is not known$") as error:
        parse([HW, "qzx=2"])
    assert "hw=" in error.value.more[0]
