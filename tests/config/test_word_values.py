"""Values of words mean what they mean in Hydra's grammar, whichever parser reads them."""

import math

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from life_jax.config import word_values
from life_jax.config.schema.errors import ConfigError

ATOMS = ["1", "-2", "+0", "012", "1.5", ".5", "5.", "1e3", "1.e-3", "01.5", "inf", "-inf", "nan", "true", "False",
         "null", "int4", "a-b", "llama3.1:8b-q4_K_M", "org/Name-7B", "7b", "a_", "é", "-", "'it,s'", '"(R)"', "''",
         "a b", "~x", "1_0", "$x", "a.b.", "1e", "--1", "0x1", ".e1", "e1", "a=b"]  # fmt: skip
texts = st.recursive(
    st.sampled_from(ATOMS),
    lambda inner: st.lists(inner, max_size=3).flatmap(
        lambda items: st.sampled_from([",", ", ", " ,\t"]).map(lambda comma: f"[{comma.join(items)}]")
    ),
    max_leaves=6,
)
noise = st.text("[],'\" \t(){}:=0123456789.eE+-abnulif_/%", min_size=1, max_size=10)


def read(parser, text):
    try:
        return repr(parser("axes.batch", text, ""))
    except ConfigError as error:
        return str(error)


@given(texts | noise)
@example("[]")
@example("[ [ ] , 1 ]")
@example("[a,]")
@example("[a]]")
@settings(max_examples=300, deadline=None)
def test_a_value_is_read_as_hydra_reads_it(text):
    text = text.strip()
    assert not text or read(word_values.value, text) == read(word_values._by_hydra, text)


@pytest.mark.parametrize("atom", ATOMS)
def test_each_kind_of_value_is_read_as_hydra_reads_it(atom):
    for text in (atom, f"[{atom}]", f"[1,{atom}]"):
        assert read(word_values.value, text) == read(word_values._by_hydra, text)


@pytest.mark.parametrize("text", ["[1,8,64]", "true", "-1.5e3", "[[],[int4],[int4,kv8]]", "['A (B)',v100]", "inf"])
def test_usual_values_need_no_hydra(text, monkeypatch):
    def hydra(key, text, hint):
        raise AssertionError(text)

    monkeypatch.setattr(word_values, "_by_hydra", hydra)
    assert word_values.value("key", text) == pytest.approx(math.inf) or word_values.value("key", text) is not None


@pytest.mark.parametrize("key", ["a.", "a..b", "a.1x", "3x.a"])
def test_a_key_that_hydra_cannot_read_is_refused(key):
    with pytest.raises(ConfigError, match="cannot be read"):
        word_values.value(key, "1")
