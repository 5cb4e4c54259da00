"""Every file of conf/model: its keys, its count of parameters, and counts made by others."""

import json
from typing import Any

import pytest
import yaml
from places import CONF, DATA

from life_jax.config.checkpoints.architecture import architecture
from life_jax.config.schema.check import check
from life_jax.config.schema.model_file import ModelFile
from life_jax.models.decoder import parameter_count

MODELS = CONF / "model"
COUNTED = DATA / "oracles_flops.json"
FILES = {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(MODELS.glob("*.yaml"))}
ALIASES = yaml.safe_load((MODELS.parent / "alias" / "model.yaml").read_text(encoding="utf-8"))
OWN = list(FILES)
COUNTED_NAMES = {
    "llama2_7b": "Llama-2-7b-hf",
    "llama3_8b": "Llama-3-8B",
    "mistral_7b": "Mistral-7B-v0.1",
    "qwen2_7b": "Qwen2-7B",
    "qwen3_8b": "Qwen3-8B",
    "phi3_mini": "Phi-3-mini-4k-instruct",
    "gpt_neox_20b": "gpt-neox-20b",
    "opt_6_7b": "opt-6.7b",
}
PUBLISHED = {
    "gpt2": 124_439_808,
    "gptj_6b": 6_050_882_784,
    "opt_6_7b": 6_658_473_984,
    "bloom_176b": 176_247_271_424,
    "falcon_7b": 6_921_720_704,
    "llama2_7b": 6_738_415_616,
    "llama3_1_405b": 405_853_388_800,
    "phi2": 2_779_683_840,
    "starcoder2_15b": 15_957_889_024,
}


def dense_parameters(m: ModelFile) -> int:
    """Weights and biases of the matrices, then norms, then both ends; tied ones once."""
    d, f, a, vocab = m.hidden_size, m.intermediate_size, m.head_dim, m.vocab_size
    q, k, v = m.num_attention_heads * a, m.num_key_value_heads * a, m.num_key_value_heads * a
    attention = [(d, q, m.qkv_bias), (d, k, m.qkv_bias), (d, v, m.qkv_bias), (q, d, m.o_bias)]
    ffn = {"gated": [(d, f), (d, f), (f, d)], "plain": [(d, f), (f, d)]}[m.ffn]
    linear = sum(rows * columns + bias * columns for rows, columns, bias in attention)
    linear += sum(rows * columns + m.ffn_bias * columns for rows, columns in ffn)
    norm = {"rmsnorm": d, "layernorm_no_bias": d, "layernorm": 2 * d, "layernorm_no_weight": 0, "rmsnorm_no_weight": 0}[
        m.norm
    ]
    heads = {"none": 0, "per_head": 2 * a, "full": q + k}[m.qk_norm] * norm // d
    heads += m.activation_parameters + m.layer_vectors
    embedding = vocab * d + m.learned_positions * d + m.embedding_norm * norm
    lm_head = (0 if m.tie_word_embeddings or not m.language_head else d * vocab) + m.head_bias * vocab
    return int(m.num_hidden_layers * (linear + m.norms_per_layer * norm + heads) + norm + embedding + lm_head)


def model(name: str) -> ModelFile:
    return check(FILES[name], ModelFile, f"model.{name}")


def dense(said: dict[str, Any]) -> bool:
    """Every layer alike: attention to all or to a window, and an MLP; a table as wide as the model."""
    plain = said.get("attention", "full") in ("full", "sliding_window") and said.get("ffn", "gated") in (
        "gated",
        "plain",
    )
    return plain and "layers" not in said and "embedding_size" not in said


def test_there_are_at_least_150_models() -> None:
    assert len(OWN) >= 150


@pytest.mark.parametrize("name", OWN)
def test_the_tensors_have_the_stated_parameters_together(name: str) -> None:
    file = model(name)
    assert parameter_count(architecture(file, name)) == file.parameters
    assert file.source and file.parameters_source


@pytest.mark.parametrize("name", OWN)
def test_keys_are_those_of_the_schema_and_in_its_order(name: str) -> None:
    order = [*ModelFile.__dataclass_fields__, *ModelFile.more_numbers()]
    assert model(name).name == name
    assert list(FILES[name]) == [key for key in order if key in FILES[name]]


@pytest.mark.parametrize("name", [name for name in OWN if dense(FILES[name])])
def test_parameters_follow_from_the_shape_of_dense_models(name: str) -> None:
    assert FILES[name]["parameters"] == dense_parameters(model(name))


@pytest.mark.parametrize("name", [name for name in OWN if dense(FILES[name])])
def test_shape_is_consistent(name: str) -> None:
    m = model(name)
    assert m.num_attention_heads % m.num_key_value_heads == 0
    assert m.norms_per_layer in ((1, 2) if m.parallel else (2, 4))
    assert (m.learned_positions > 0) == (m.position == "learned")


@pytest.mark.parametrize("name", ALIASES)
def test_an_alias_names_a_model(name: str) -> None:
    assert ALIASES[name] in OWN


@pytest.mark.parametrize("name", PUBLISHED)
def test_parameters_equal_the_published_count(name: str) -> None:
    assert FILES[name]["parameters"] == PUBLISHED[name]


@pytest.mark.data
@pytest.mark.parametrize("name", COUNTED_NAMES)
def test_parameters_equal_an_independent_count_of_the_model(name: str) -> None:
    counted = json.loads(COUNTED.read_text(encoding="utf-8"))[COUNTED_NAMES[name]]
    assert FILES[name]["parameters"] == counted["parameters_total"]
