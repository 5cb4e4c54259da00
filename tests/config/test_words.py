"""The door: what is typed, in any of Hydra's spellings, is one question; ranges are NumPy's."""

import math

import numpy as np
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import example, given, settings
from hypothesis import strategies as st

from life_jax.config import ranges, word_values
from life_jax.config.choices import Choice
from life_jax.config.schema.errors import ConfigError
from life_jax.config.word_values import render
from life_jax.config.words import parse

finite = st.floats(allow_nan=False, allow_infinity=False)
moderate = st.floats(-1e6, 1e6).map(lambda x: round(x, 3))
positive = st.floats(1e-3, 1e9)
text = st.text(st.characters(codec="ascii", min_codepoint=32), max_size=12)
scalars = st.none() | st.booleans() | st.integers() | finite | text
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=4), max_leaves=8)

WORDS = [
    "hw=[v100,h100]",
    "model=llama3_8b",
    "opt=[int4,kv8]",
    "axes.batch=[1,2]",
    "axes.bandwidth_gb_per_s=geomspace(100,4000,8)",
    "workload.prompt_tokens=100",
    "hw.v100.memory_gb=16",
    "metrics=[ttft,memory]",
    "out=my file.nc",
]


@pytest.fixture
def study(tmp_path):
    """study(text) is the word for a question of one's own."""

    def write(text):
        (tmp_path / "question.yaml").write_text(text)
        return f"study={tmp_path / 'question.yaml'}"

    return write


@given(st.lists(st.sampled_from(["", "+", "++"]), min_size=len(WORDS), max_size=len(WORDS)))
@settings(max_examples=10, deadline=None)
def test_plus_signs_make_no_difference(signs):
    assert parse([sign + word for sign, word in zip(signs, WORDS, strict=True)]) == parse(WORDS)


@given(st.permutations(WORDS))
@settings(max_examples=10, deadline=None)
def test_the_order_of_words_makes_no_difference_but_to_the_order_of_axes(words):
    asked, said = parse(words), parse(WORDS)
    assert (asked.hw, asked.stacks, asked.scalars, asked.axes) == (said.hw, said.stacks, said.scalars, said.axes)


def test_a_request_says_what_was_asked():
    asked = parse(WORDS)
    assert asked.hw == (Choice("v100", "v100_sxm2_32gb", "v100"), Choice("h100", "h100_sxm", "h100"))
    assert asked.stacks == (("int4", "kv8"),)
    assert asked.axes == {"batch": [1, 2], "bandwidth_gb_per_s": "geomspace(100,4000,8)"}
    assert asked.scalars == {"workload.prompt_tokens": 100, "hw.v100.memory_gb": 16}
    assert asked.plain == {"metrics": ["ttft", "memory"], "out": "my file.nc"}


@pytest.mark.parametrize("word", ["opt=int4", "opt=[int4]", "axes.opt=[[int4]]"])
def test_one_stack_has_three_spellings(word):
    assert parse(["hw=v100", word]).stacks == (("int4",),)


def test_the_order_of_a_stack_is_kept():
    assert parse(["hw=v100", "opt=[kv8,int4]"]).stacks == (("kv8", "int4"),)


def test_a_study_is_the_same_question_as_its_words(study):
    word = study(
        "description: why\nhw: [v100, h100]\nmodel: llama3_8b\nopt: [int4, kv8]\n"
        "axes: {batch: [1, 2], bandwidth_gb_per_s: 'geomspace(100,4000,8)'}\n"
        "workload: {prompt_tokens: 100}\nhw.v100.memory_gb: 16\nmetrics: [ttft, memory]\nout: my file.nc\n"
    )
    assert parse([word]) == parse(WORDS)


SAID = "hw: v100\nopt: [int4]\naxes: {batch: [1, 2]}\nworkload: {prompt_tokens: 100}\nmetrics: [ttft]\n"
COMPARED = SAID.replace("opt: [int4]\naxes: {", "axes: {opt: [[], [int4]], ")


@pytest.mark.parametrize(
    "said, typed, same_as",
    [
        (SAID, ["hw=h100"], ["hw=h100", "opt=int4", "axes.batch=[1,2]", "workload.prompt_tokens=100"]),
        (SAID, ["axes.batch=[4]"], ["hw=v100", "opt=int4", "axes.batch=[4]", "workload.prompt_tokens=100"]),
        (SAID, ["workload.batch=4"], ["hw=v100", "opt=int4", "workload.batch=4", "workload.prompt_tokens=100"]),
        (SAID, ["axes.prompt_tokens=[7]"], ["hw=v100", "opt=int4", "axes.batch=[1,2]", "axes.prompt_tokens=[7]"]),
        (SAID, ["opt=[]"], ["hw=v100", "axes.batch=[1,2]", "workload.prompt_tokens=100"]),
        (
            SAID,
            ["+axes.opt=[[],[kv8]]"],
            ["hw=v100", "axes.opt=[[],[kv8]]", "axes.batch=[1,2]", "workload.prompt_tokens=100"],
        ),
        (COMPARED, ["++opt=kv8"], ["hw=v100", "opt=kv8", "axes.batch=[1,2]", "workload.prompt_tokens=100"]),
        (
            "hw: v100\nmetrics: [ttft]\nhw.v100.bandwidth_gb_per_s: 5\n",
            ["axes.bandwidth_gb_per_s=[1,2]"],
            ["hw=v100", "axes.bandwidth_gb_per_s=[1,2]"],
        ),
        (
            "hw: v100\nmetrics: [ttft]\naxes: {peak_tflops.fp16: [1, 2]}\n",
            ["hw.v100.peak_tflops.fp16=5"],
            ["hw=v100", "hw.v100.peak_tflops.fp16=5"],
        ),
    ],
)
def test_what_is_typed_replaces_what_a_study_says(study, said, typed, same_as):
    assert parse([study(said), *typed]) == parse([*same_as, "metrics=[ttft]"])


def test_one_number_is_typed_once():
    for twin in ("workload.batch=1", "++workload.batch=1"):
        with pytest.raises(ConfigError, match=r"axes\.batch"):
            parse(["hw=v100", "axes.batch=[1]", twin])


@given(values)
@example("folder\\file.nc")
@example("it's \\'quoted\\")
@settings(max_examples=200, deadline=None)
def test_what_is_rendered_is_read_back_by_hydra(value):
    read = OverridesParser.create().parse_override(f"++key={render(value)}").value()
    assert word_values._unquoted(read) == value


@given(st.one_of(st.integers(-(10**9), 10**9), finite))
@settings(deadline=None)
def test_a_typed_number_is_that_number(number):
    assert parse(["hw=v100", f"workload.batch={number!r}"]).scalars["workload.batch"] == number


@given(moderate, moderate, st.integers(1, 50))
def test_linspace_is_numpys(first, last, count):
    found = ranges.values(f"linspace({first}, {last}, {count})", "axes.x")
    np.testing.assert_array_equal(found, np.linspace(first, last, count))


@given(positive, positive, st.integers(1, 50))
def test_geomspace_is_numpys(first, last, count):
    found = ranges.values(f"geomspace({first!r},{last!r},{count})", "axes.x")
    np.testing.assert_array_equal(found, np.geomspace(first, last, count))


@given(st.integers(-50, 50), st.integers(-50, 50), st.integers(-9, 9).filter(bool))
def test_arange_is_numpys_where_that_is_exact(first, end, step):
    expected = np.arange(first, end, step, dtype=np.float64)
    if expected.size:
        np.testing.assert_array_equal(ranges.values(f"arange({first},{end},{step})", "axes.x"), expected)
    else:
        with pytest.raises(ConfigError, match="empty"):
            ranges.values(f"arange({first},{end},{step})", "axes.x")


def test_arange_leaves_its_end_out_where_rounding_would_let_it_in():
    assert len(np.arange(1, 1.3, 0.1)) == 4
    np.testing.assert_allclose(ranges.values("arange(1,1.3,0.1)", "axes.x"), [1, 1.1, 1.2])


@given(st.lists(finite, min_size=1, max_size=9))
def test_a_list_is_its_values(numbers):
    np.testing.assert_array_equal(ranges.values(numbers, "axes.x"), numbers)


NO_RANGES = ["eval(1,2,3)", "linspace(1,2,3)+1", "__import__('os')", "linspace(a,b,c)", "linspace(,,)"]
NO_RANGES += ["linspace(1,2,0)", "geomspace(-1,2,3)", "arange(1,inf,1)", "arange(0,1e12,1)"]
NO_NUMBERS = [[math.nan], [[1]], [None], [], {}]


@pytest.mark.parametrize("asked", [*NO_RANGES, *NO_NUMBERS])
def test_nothing_else_is_a_range(asked):
    with pytest.raises(ConfigError, match=r"^axes\.x"):
        ranges.values(asked, "axes.x")
