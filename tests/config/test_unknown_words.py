"""An unknown word is answered with where it belongs, our name of what other tools call so, or what is near."""

import dataclasses

import pytest

from life_jax.config import unknown_words
from life_jax.config.schema import axis_table
from life_jax.config.schema.check import check_number
from life_jax.config.schema.device_file import DeviceFile
from life_jax.config.schema.errors import ConfigError
from life_jax.config.short_words import SHORT_WORDS
from life_jax.config.vocabulary import PLAIN, SECTIONS
from life_jax.config.words import parse, read_words
from life_jax.forecasting.metrics import METRICS
from life_jax.measurements.readers import index

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


@pytest.mark.parametrize(
    "theirs, ours", [pair for pair in sorted(unknown_words.CALLED.items()) if pair[1] in index.KNOWN_WORDS]
)
def test_words_of_commands_that_read_measurements_are_answered_with_ours_too(theirs, ours):
    with pytest.raises(ConfigError, match=f"it is called {ours}= here"):
        read_words(["rows.csv", f"{theirs}=2"], index.KNOWN_WORDS, "")


@pytest.mark.parametrize("word", sorted(unknown_words.PARTS))
def test_a_word_that_needs_a_key_says_how_it_is_written_and_its_example_is_read(word):
    verb = "plan" if word in ("budget", "layout") else "design"
    rest = ["model=llama3_8b", "hw=v100"] if verb == "plan" else ["hw=v100", "target.tpot=0.02"]
    with pytest.raises(
        ConfigError, match=rf"^'{word}=' is not a word by itself; write {word}\.KEY=VALUE, such as "
    ) as error:
        parse([*rest, f"{word}=1"], verb=verb)
    parse([*rest, str(error.value).rpartition("such as ")[2]], verb=verb)


def test_a_command_without_such_words_offers_none():
    with pytest.raises(ConfigError, match=r"^'gpu=' is not known$"):
        read_words(["gpu=2"], (), "")


@pytest.mark.parametrize("theirs, ours", sorted(unknown_words.METRIC_CALLED.items()))
def test_a_metric_by_another_name_is_answered_with_ours(theirs, ours):
    assert ours in METRICS and theirs not in METRICS
    error = unknown_words.metric(theirs.upper().replace("_", "-"), METRICS)
    assert f"it is called {ours} here" in str(error) and error.more[0].split()[0] == ours


def test_each_name_of_a_metric_stands_once_and_others_are_nobodys():
    assert sum(len(names.split()) for names in unknown_words.METRICS.values()) == len(unknown_words.METRIC_CALLED)
    assert unknown_words.metric("colour", METRICS) is None


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("hw = v100", "without spaces around =: hw=v100"), ("hw=v100 batch =4", "without spaces around =: batch=4"),
        ("--hw v100", "without dashes: hw=v100"), ("hw=v100 --model llama3", "without dashes: model=llama3"),
        ("--gpu v100", "without dashes: hw=v100"), ("hw=v100 --json", "without dashes: format=json"),
        ("hw=v100 --verbose", "without dashes: verbose=VALUE"), ("v100", "did you mean hw=v100?"),
        ("hw=v100 llama3.1:8b", "did you mean model=llama3.1:8b?"), ("hw=v100 int4", "did you mean opt=int4?"),
        ("hw=v100 nonsense", "such as hw=v100"), ("hw=v100 =", "without spaces around ="),
    ],
)  # fmt: skip
def test_a_word_that_is_no_pair_is_told_how_it_is_written(words, meant):
    with pytest.raises(ConfigError, match="words are KEY=VALUE") as error:
        parse(words.split())
    assert meant in str(error.value)


@pytest.mark.parametrize(
    ("word", "list_"),
    [
        ("batch=1,8", "axes.batch=[1,8]"), ("workload.batch=1,8", "axes.batch=[1,8]"),
        ("axes.batch=1,8", "axes.batch=[1,8]"), ("metrics=ttft,tpot", "metrics=[ttft,tpot]"),
        ("engine.memory_efficiency=0.5,0.6", "axes.memory_efficiency=[0.5,0.6]"),
    ],
)  # fmt: skip
def test_a_list_without_brackets_is_told_how_it_is_written(word, list_):
    with pytest.raises(ConfigError, match="write a list as") as error:
        parse([HW, word])
    assert str(error.value) == f"{word}: write a list as {list_}"


@pytest.mark.parametrize(("typed", "number"), [("1k", "1000"), ("1.5K", "1500"), ("2m", "2000000")])
def test_thousands_are_told_how_they_are_written(typed, number):
    with pytest.raises(ConfigError, match=f"write {number}$"):
        check_number(typed, axis_table.facts("prompt_tokens"), "workload.prompt_tokens")
    with pytest.raises(ConfigError, match=r"not a number in token$"):
        check_number("many", axis_table.facts("prompt_tokens"), "workload.prompt_tokens")
