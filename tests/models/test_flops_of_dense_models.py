"""Parameters, cache and matmul FLOP of real models against torch's flop counter on meta-device transformers models.

Convention of those counts: logits at all positions, the full square of attention. Here: unfused, logit_rows = S.
"""

import json

import pytest
from laws import graph, scenario
from places import DATA

from life_jax.models import decoder

FILE = DATA / "oracles_flops.json"
pytestmark = pytest.mark.data
COUNTED = json.loads(FILE.read_text()) if FILE.exists() else {}
MODELS = {
    "llama2_7b": "Llama-2-7b-hf",
    "llama3_8b": "Llama-3-8B",
    "mistral_7b": "Mistral-7B-v0.1",
    "qwen2_7b": "Qwen2-7B",
    "qwen3_8b": "Qwen3-8B",
    "phi3_mini": "Phi-3-mini-4k-instruct",
    "gpt_neox_20b": "gpt-neox-20b",
    "opt_6_7b": "opt-6.7b",
}
QKV, GATE_UP = ("q_proj", "k_proj", "v_proj"), ("gate_proj", "up_proj")
# last part of the name in transformers -> names here
OPERATORS = {
    "self_attn.q_proj": ("q_proj",),
    "self_attn.k_proj": ("k_proj",),
    "self_attn.v_proj": ("v_proj",),
    "self_attn.o_proj": ("o_proj",),
    "self_attn.out_proj": ("o_proj",),
    "self_attn.qkv_proj": QKV,
    "attention.query_key_value": QKV,
    "attention.dense": ("o_proj",),
    "mlp.gate_proj": ("gate_proj",),
    "mlp.up_proj": ("up_proj",),
    "mlp.down_proj": ("down_proj",),
    "mlp.gate_up_proj": GATE_UP,
    "mlp.dense_h_to_4h": ("up_proj",),
    "mlp.dense_4h_to_h": ("down_proj",),
    "layers.fc1": ("up_proj",),
    "layers.fc2": ("down_proj",),
}
STEPS = {
    "prefill_B1_S512": {"batch": 1.0, "new": 512.0, "logit_rows": 512.0},
    "decode_B4_KV1024": {"batch": 4.0, "new": 1.0, "past": 1024.0},
}


def names_of(counted: str) -> tuple[str, ...]:
    """Names here of an operator such as linear:model.layers.mlp.down_proj."""
    kind, where = counted.split(":")
    if kind != "linear":
        return (kind,)
    return OPERATORS[".".join(where.split(".")[-2:])]


def model(name: str):
    return scenario(f"model={name}", "opt=unfused")


@pytest.mark.parametrize("name", MODELS)
def test_parameters_and_cache_are_exact(name):
    s, counted = model(name), COUNTED[MODELS[name]]
    assert decoder.parameter_count(s.architecture) == counted["parameters_total"]
    assert decoder.kv_bytes_per_token(s.architecture, s.precision) == counted["kv_cache_bytes_per_token_bf16"]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("name", MODELS)
def test_matmul_flops_equal_the_counted_ones_in_total_and_per_operator(name, step):
    counted = COUNTED[MODELS[name]][step]
    ours = {op.name: op.cost.times(op.repeats).matmul_flops for op in graph(model(name), **STEPS[step])}
    assert sum(ours.values()) == pytest.approx(counted["total"], rel=1e-4)
    for operator, flops in counted["by_operator"].items():
        assert sum(ours[n] for n in names_of(operator)) == pytest.approx(flops, rel=1e-4), operator


@pytest.mark.parametrize("name", MODELS)
def test_learned_tensors_have_the_counted_sizes(name):
    counted = COUNTED[MODELS[name]]["parameters_by_name"]
    ours = {t.name: t.parameters for t in decoder.tensors(model(name).architecture)}
    found: dict[tuple[str, ...], int] = {}
    for full, size in counted.items():
        last = ".".join(full.split(".")[-3:-1])
        if last in OPERATORS:
            found[OPERATORS[last]] = found.get(OPERATORS[last], 0) + size
    assert found
    assert {names: sum(ours[n] for n in names) for names in found} == found
