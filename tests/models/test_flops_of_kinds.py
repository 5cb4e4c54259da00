"""Models of every kind of layer against torch's flop counter on meta-device transformers models.

Its conventions: logits at every position, attention over the full square, windows only in decode. Ours for
the unfused graph are the same but for latent attention: causal pairs in prefill, the absorbed form in decode.
"""

import json
from typing import Any

import pytest
import yaml
from places import CONF, DATA

from life_jax.config.build import bits
from life_jax.config.checkpoints.architecture import architecture
from life_jax.config.checkpoints.huggingface import translate
from life_jax.config.schema.check import check
from life_jax.config.schema.files import PrecisionFile
from life_jax.config.schema.model_file import ModelFile
from life_jax.core.scenario import Architecture
from life_jax.core.schedule import Step
from life_jax.models import attention, decoder, ffn

FILE = DATA / "oracles_flops.json"
COUNTED = json.loads(FILE.read_text()) if FILE.exists() else {}
PRECISION = bits(PrecisionFile())
NAMES = {
    "deepseek_v2_lite": "DeepSeek-V2-Lite",
    "deepseek_v3": "DeepSeek-V3",
    "gemma2_2b": "Gemma-2-2b",
    "gemma2_9b": "Gemma-2-9b",
    "gemma3_1b": "Gemma-3-1b-it",
    "gpt_neox_20b": "gpt-neox-20b",
    "gpt_oss_20b": "gpt-oss-20b",
    "llama2_7b": "Llama-2-7b-hf",
    "llama3_8b": "Llama-3-8B",
    "mistral_7b": "Mistral-7B-v0.1",
    "mixtral_8x7b": "Mixtral-8x7B-v0.1",
    "opt_6_7b": "opt-6.7b",
    "phi3_mini": "Phi-3-mini-4k-instruct",
    "qwen2_7b": "Qwen2-7B",
    "qwen3_30b_a3b": "Qwen3-30B-A3B",
    "qwen3_8b": "Qwen3-8B",
}
PREFILL, DECODE = Step(1.0, 512.0, 0.0, 512.0), Step(4.0, 1.0, 1024.0)


def own(name: str) -> ModelFile:
    return check(yaml.safe_load((CONF / "model" / f"{name}.yaml").read_text(encoding="utf-8")), ModelFile, name)


def built(name: str) -> Architecture:
    return architecture(own(name), name)


def read(name: str) -> Architecture:
    said = json.loads((DATA / "configs" / name / "config.json").read_text(encoding="utf-8"))
    return architecture(check(translate(said, name), ModelFile, name), name)


def flops(model: Architecture, step: Step) -> float:
    return float(decoder.decoder(model, step, PRECISION).cost.matmul_flops)


def latent_sizes(model: Architecture) -> dict[str, float]:
    """Numbers of the latent attention of a model, its layers among them; none: no layers."""
    found = [b for b in model.blocks if b.attention_kind == "mla"]
    layers = float(sum(b.repeats for b in found))
    keys = attention.INDEX["mla"].KEYS
    return {"layers": layers, **{key: float(found[0].attention[key]) if found else 0.0 for key in keys}}


def per_pair(a: dict[str, float]) -> tuple[float, float]:
    """FLOP per pair of a query and a key, expanded and absorbed."""
    heads, rank, rope = a["num_attention_heads"], a["kv_lora_rank"], a["qk_rope_head_dim"]
    return 2 * heads * (a["qk_nope_head_dim"] + rope + a["v_head_dim"]), 2 * heads * (2 * rank + rope)


def square_instead_of_causal(model: Architecture, tokens: int) -> float:
    """What the counter adds in prefill: the pairs above the diagonal."""
    a = latent_sizes(model)
    return a["layers"] * (tokens * tokens - tokens * (tokens + 1) // 2) * per_pair(a)[0]


def expanded_instead_of_absorbed(model: Architecture, batch: int, positions: int) -> float:
    """What the counter adds in decode: K and V of every cached position, and fewer FLOP per pair."""
    a = latent_sizes(model)
    heads, rank = a["num_attention_heads"], a["kv_lora_rank"]
    up = 2 * rank * heads * (a["qk_nope_head_dim"] + a["v_head_dim"])
    expanded, absorbed = per_pair(a)
    return a["layers"] * batch * (up * (positions - 1) + positions * (expanded - absorbed))


@pytest.mark.data
@pytest.mark.parametrize("name", NAMES)
def test_parameters_active_parameters_and_cache_are_exact(name: str) -> None:
    model, counted = built(name), COUNTED[NAMES[name]]
    assert decoder.parameter_count(model) == own(name).parameters == counted["parameters_total"]
    assert decoder.active_parameter_count(model) == counted["parameters_active"]
    assert decoder.kv_bytes_per_token(model, PRECISION) == counted["kv_cache_bytes_per_token_bf16"]


@pytest.mark.data
@pytest.mark.parametrize("name", NAMES)
def test_matmul_flops_of_prefill_equal_the_counted_ones(name: str) -> None:
    model, counted = built(name), COUNTED[NAMES[name]]["prefill_B1_S512"]["total"]
    assert flops(model, PREFILL) + square_instead_of_causal(model, 512) == pytest.approx(counted, rel=1e-4)


@pytest.mark.data
@pytest.mark.parametrize("name", NAMES)
def test_matmul_flops_of_decode_equal_the_counted_ones(name: str) -> None:
    model, counted = built(name), COUNTED[NAMES[name]]["decode_B4_KV1024"]["total"]
    assert flops(model, DECODE) + expanded_instead_of_absorbed(model, 4, 1025) == pytest.approx(counted, rel=1e-4)


@pytest.mark.data
@pytest.mark.parametrize("name", NAMES)
def test_a_real_config_json_builds_the_same_model_as_our_file(name: str) -> None:
    ours, theirs = built(name), read(NAMES[name])
    assert decoder.parameter_count(ours) == decoder.parameter_count(theirs)
    assert flops(ours, PREFILL) == flops(theirs, PREFILL)
    assert flops(ours, DECODE) == flops(theirs, DECODE)


def test_every_kind_of_layer_has_a_model() -> None:
    used: dict[str, set[str]] = {"attention": set(), "ffn": set()}
    for path in (CONF / "model").glob("*.yaml"):
        said: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
        if "defaults" not in said:
            for entry in [said, *said.get("layers", [])]:
                used["attention"].add(entry.get("attention", "full"))
                used["ffn"].add(entry.get("ffn", "gated"))
    # low_rank is made by the option kv_low_rank; linear is read from checkpoints, none of which is shipped
    assert used["attention"] >= set(attention.INDEX) - {"low_rank", "linear"}
    assert used["ffn"] >= set(ffn.INDEX) - {"linear"}


# kind of a cache that does not grow with the context, or grows by fewer layers than there are
GROWTH = {
    "mamba_2_8b": 0,
    "mamba2_2_7b": 0,
    "nemotron_h_8b": 4 * 2 * 8 * 128 * 2,
    "qwen3_next_80b_a3b": 12 * 2 * 2 * 256 * 2,
    "jamba_mini": 4 * 2 * 8 * 128 * 2,
    "deepseek_v3_2": 61 * (512 + 64 + 128) * 2,
    "nemotron_super_49b": 49 * 2 * 8 * 128 * 2,
}


@pytest.mark.parametrize("name", GROWTH)
def test_only_layers_that_attend_grow_with_the_context(name: str) -> None:
    assert decoder.kv_bytes_per_token(built(name), PRECISION) == GROWTH[name]


PUBLISHED = {
    "deepseek_v2": 235_741_434_880,
    "deepseek_v3": 671_026_404_352,
    "mixtral_8x7b": 46_702_792_704,
    "mixtral_8x22b": 140_620_634_112,
    "dbrx": 131_596_523_520,
    "falcon_mamba_7b": 7_272_665_088,
    "jamba_mini": 51_570_323_328,
    "gemma2_27b": 27_227_128_320,
    "qwen3_30b_a3b": 30_532_122_624,
    "mamba_codestral_7b": 7_285_403_648,
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_parameters_equal_the_published_count(name: str) -> None:
    assert decoder.parameter_count(built(name)) == PUBLISHED[name]
