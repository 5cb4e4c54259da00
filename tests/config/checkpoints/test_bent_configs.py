"""A config.json with a missing, negative, huge, wrongly typed or contradictory field never gives another number."""

import math
from collections.abc import Iterator
from typing import Any

import pytest
from configs import COUNTS, MORE
from hypothesis import given, settings
from hypothesis import strategies as st
from trials import trials

from life_jax.config.checkpoints.architecture import architecture
from life_jax.config.checkpoints.config_fields import ALIASES
from life_jax.config.checkpoints.huggingface import translate
from life_jax.config.checkpoints.quantization.methods_other import aqlm
from life_jax.config.checkpoints.quantization.scheme import NotKnown
from life_jax.config.schema.check import check
from life_jax.config.schema.errors import ConfigError
from life_jax.config.schema.model_file import ModelFile
from life_jax.models.decoder import parameter_count

ALL = [config for config, _ in COUNTS] + MORE
JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.lists(st.integers(), max_size=3),
    st.dictionaries(st.text(max_size=5), st.integers(), max_size=2),
    st.sampled_from([1, 2, 64, 4096, 0.5, 10**400, -1]),
)
KEYS = sorted({key for config in ALL for key in config} | {"head_dim", "num_key_value_heads", "num_experts"})
# fields that say nothing about cost may say anything
FREE = {"model_type", "rope_theta", "router_aux_loss_coef", "clip_qkv", "attn_impl", "chunk_size", "n_group"}


def ids(config: Any) -> str:
    return str(config["model_type"])


def outcome(config: dict[str, Any]) -> dict[str, Any] | None:
    """What is read, or None where it is refused in one line."""
    try:
        return translate(config)
    except ConfigError as error:
        assert "\n" not in str(error)
        return None


def bent(config: dict[str, Any], *values: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every number of a config replaced by each value, inside its objects too."""
    for key, value in config.items():
        if isinstance(value, dict):
            for where, inner in bent(value, *values):
                yield f"{key}.{where}", config | {key: inner}
        elif isinstance(value, int | float) and not isinstance(value, bool) and key not in FREE:
            for new in values:
                if isinstance(value, float) and isinstance(new, float) and 0 < new < 1:
                    continue  # a part, which any other part may replace
                yield f"{key}={new!r}", config | {key: new}


@pytest.mark.parametrize("config", ALL, ids=ids)
def test_a_number_that_is_none_is_refused_or_was_not_read(config: dict[str, Any]) -> None:
    whole = translate(config)
    for where, changed in bent(config, -7, math.nan, math.inf, 10**12, "4096", [4096, 1], {"a": 1}, 0.001, True):
        assert outcome(changed) in (None, whole), where


@pytest.mark.parametrize("config", ALL, ids=ids)
def test_a_list_of_another_length_or_of_other_words_is_refused_or_was_not_read(config: dict[str, Any]) -> None:
    whole = translate(config)
    for key, value in config.items():
        if isinstance(value, list | str) and len(value) > 1 and key != "model_type":
            one = type(value)
            wrong = [value[:-1], value + value[-1:], ["?"] * len(value) if one is list else "?" * len(value)]
            if key in ("full_attn_idxs", "block_types", "compress_ratios"):  # of any length
                wrong = wrong[2:]
            for new in wrong:
                assert outcome(config | {key: new}) in (None, whole), (key, new)


@pytest.mark.parametrize("config", ALL, ids=ids)
def test_a_size_that_is_missing_is_refused_or_has_the_default_of_its_class_and_says_so(config: dict[str, Any]) -> None:
    """Without its width, its layers or its vocabulary a model is another one: nothing may stand for them in silence."""
    for key in ALIASES["hidden_size"] + ALIASES["num_hidden_layers"] + ALIASES["vocab_size"]:
        if key not in config or config["model_type"] == "gemma3_text":  # whose published files leave them out
            continue
        said = outcome({name: value for name, value in config.items() if name != key})
        assert outcome(config | {key: None}) is None, key
        if said is not None:
            assert any("leaves out sizes" in text for text in said["warnings"]), key


def test_the_sizes_of_the_class_are_those_of_transformers() -> None:
    """LLaVA 1.5 writes four fields of its text model; the others are those of LlamaConfig."""
    text = {"model_type": "llama", "max_position_embeddings": 4096, "vocab_size": 32064}
    said = translate({"model_type": "llava", "text_config": text, "tie_word_embeddings": False})
    assert (said["hidden_size"], said["num_hidden_layers"], said["intermediate_size"]) == (4096, 32, 11008)
    assert "hidden_size 4096" in said["warnings"][0] and "transformers" in said["warnings"][0]
    assert translate({"model_type": "llava", "text_config": dict(list(text.items())[1:])})["hidden_size"] == 4096


@pytest.mark.parametrize("config", ALL, ids=ids)
def test_fields_that_contradict_each_other_are_refused(config: dict[str, Any]) -> None:
    doubled = {
        "num_hidden_layers": "n_layer", "hidden_size": "d_model", "num_attention_heads": "n_head",
        "num_experts_per_tok": "moe_topk", "n_routed_experts": "num_experts", "num_local_experts": "num_experts",
    }  # fmt: skip
    for key, other in doubled.items():
        if isinstance(config.get(key), int) and other not in config:
            assert outcome(config | {other: config[key] + 1}) is None, key


@pytest.mark.slow
@given(config=st.sampled_from(ALL), changes=st.dictionaries(st.sampled_from(KEYS), JUNK))
@settings(deadline=None, max_examples=trials(400))
def test_a_bent_config_is_refused_or_has_finite_positive_numbers(config: dict, changes: dict) -> None:
    said = outcome(config | changes)
    if said is None:
        return
    numbers = [value for value in said.values() if isinstance(value, int | float) and not isinstance(value, bool)]
    assert numbers and all(math.isfinite(value) and value >= 0 for value in numbers)
    try:
        built = architecture(check(said, ModelFile, "model.bent"), "model.bent")
    except ConfigError as error:
        assert "\n" not in str(error)
        return
    assert math.isfinite(parameter_count(built)) and parameter_count(built) > 0


@pytest.mark.parametrize("word", ["n_embd", "n_layer", "d_model", "n_heads", "ffn_dim", "n_positions"])
def test_a_word_of_other_families_is_no_alias(word: str) -> None:
    """A Llama with GPT-2's `n_layer` has the layers of num_hidden_layers in transformers: the field is not known."""
    llama = next(config for config in ALL if config["model_type"] == "llama")
    with pytest.raises(ConfigError, match=f"{word} 7 is not read yet"):
        translate(llama | {word: 7})
    gpt2 = {"model_type": "gpt2", "n_embd": 768, "n_layer": 12, "n_head": 12, "n_positions": 1024, "vocab_size": 50257}
    assert translate(gpt2)["num_hidden_layers"] == 12


def test_a_word_of_other_families_that_says_the_same_changes_nothing() -> None:
    """The published files of LFM2 have `num_heads` beside `num_attention_heads`."""
    lfm2 = next(config for config in ALL if config["model_type"] == "lfm2")
    assert translate(lfm2 | {"num_heads": lfm2["num_attention_heads"]}) == translate(lfm2)


def test_heads_wider_than_the_model_are_refused():
    config = {
        "model_type": "rwkv6",
        "hidden_size": 4096,
        "num_hidden_layers": 32,
        "head_size": 4097,
        "vocab_size": 65536,
    }
    with pytest.raises(ConfigError, match=r"head_size is 4097 .*a divisor of hidden_size"):
        translate({**config, "head_size": 4097})


def test_codebooks_that_take_more_than_the_weights_are_not_understood():
    section = {"in_group_size": 8, "out_group_size": 1, "num_codebooks": 50, "nbits_per_codebook": 16}
    with pytest.raises(NotKnown, match="num_codebooks 50"):
        aqlm(section)
    assert aqlm({**section, "num_codebooks": 1}) is not None
