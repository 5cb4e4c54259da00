"""Worked numbers of dense models, counted independently of life_jax: integers exactly, the rest to the last digit."""

import json
import re

import numpy as np
import pytest
from laws import flops, graph, named, scenario
from places import DATA

from life_jax.core import schedule
from life_jax.core.graph import Graph
from life_jax.forecasting import memory
from life_jax.forecasting.request import Run
from life_jax.models import decoder
from life_jax.operators.attention import causal_pairs
from life_jax.optimizations.gguf_file_types import Layer, bits_per_weight
from life_jax.optimizations.kv_quantization import kv_quantization
from life_jax.optimizations.weight_quantization import weight_quantization
from life_jax.roofline.roofs import step_seconds
from life_jax.roofline.terms import step_terms

FILE = DATA / "oracles.json"
pytestmark = pytest.mark.data
ORACLES = json.loads(FILE.read_text()) if FILE.exists() else {}
DENSE = ("llama2_7b", "llama3_8b")
E2E = "e2e/A100/llama2_7b"


def oracle(name: str):
    return ORACLES[name]


def of(model: str, *words: str):
    return scenario(f"model={model}", *words)


def bytes_of(s, *roles: str) -> float:
    """Bytes of all tensors of these roles."""
    return sum(t.bytes(s.precision) for t in decoder.tensors(s.architecture) if t.role in roles)


def decode_weight_bytes(s) -> float:
    """Weights that a decode step reads, without the embedding table."""
    ops = graph(s, past=1023.0)
    return ops.cost.weight_bytes - ops.select(lambda op: op.name == "embedding").cost.weight_bytes


def mean_bits(s) -> float:
    return 8 * decoder.weight_bytes(s.architecture, s.precision) / decoder.parameter_count(s.architecture)


@pytest.mark.parametrize("model", DENSE)
def test_parameters_are_exact(model):
    s = of(model)
    tensors = decoder.tensors(s.architecture)
    count = {role: sum(t.parameters for t in tensors if t.role == role) for role in ("linear", "embedding", "other")}
    assert decoder.parameter_count(s.architecture) == oracle(f"params/{model}/total")
    assert decoder.active_parameter_count(s.architecture) == oracle(f"params/{model}/active")
    assert count["linear"] == oracle(f"params/{model}/linear_layers")
    assert count["embedding"] == oracle(f"params/{model}/emb")
    assert count["other"] == oracle(f"params/{model}/norms")


@pytest.mark.parametrize("model", DENSE)
def test_kv_bytes_per_token_are_exact(model):
    s = of(model)
    assert decoder.kv_bytes_per_token(s.architecture, s.precision) == oracle(f"kv_bytes_per_token/{model}/bf16")


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("int8_g128_fp16scale", {"bits": 8, "group_size": 128, "scale_bits": 16}),
        ("int8_g128_fp16scale", {"bits": 8, "scale_bits": 16}),  # a head vector is one group of 128
        ("int4_g32_fp16scale+zp16", {"bits": 4, "group_size": 32, "scale_bits": 16, "zero_bits": 16}),
    ],
)
def test_kv_bytes_of_quantized_caches_are_exact(name, numbers):
    s = kv_quantization(**numbers).apply(of("llama2_7b"))
    assert decoder.kv_bytes_per_token(s.architecture, s.precision) == oracle(f"kv_bytes_per_token/llama2_7b/{name}")


def test_options_of_the_cache_have_the_worked_bytes():
    for option, name in (("kv8", "int8_g128_fp16scale"), ("kv4", "int4_g32_fp16scale+zp16")):
        s = of("llama2_7b", f"opt={option}")
        assert decoder.kv_bytes_per_token(s.architecture, s.precision) == oracle(f"kv_bytes_per_token/llama2_7b/{name}")


def test_causal_pairs_are_exact():
    assert causal_pairs(queries=512, past=0) == oracle("pairs/C512_P0")
    assert causal_pairs(queries=512, past=1024) == oracle("pairs/C512_P1024")
    whole, chunked = oracle("pairs/chunk_invariance 2048 = 4x512")
    assert causal_pairs(queries=2048, past=0) == whole
    assert sum(causal_pairs(queries=512, past=past) for past in (0, 512, 1024, 1536)) == chunked


@pytest.mark.parametrize("model", DENSE)
def test_matmul_flops_of_prefill_are_exact_per_operator(model):
    ops = graph(of(model), new=512.0)
    names = {
        "qkv_proj": "qkv_proj",
        "o_proj": "o_proj",
        "gate_up": "gate_up_proj",
        "down": "down_proj",
        "lm_head": "lm_head",
    }
    for worked, ours in names.items():
        assert flops(ops, ours) == oracle(f"prefill512/{model}/{worked}")
    halves = [oracle(f"prefill512/{model}/attn_{half}") for half in ("qk", "pv")]
    assert flops(ops, "attention") == sum(halves)
    assert flops(ops) == oracle(f"prefill512/{model}/matmul_total")


@pytest.mark.parametrize("model", DENSE)
def test_vector_flops_of_prefill_are_exact_per_operator(model):
    fused, unfused = graph(of(model), new=512.0), graph(of(model, "opt=unfused"), new=512.0)

    def vector(ops: Graph, *ending: str) -> float:
        return ops.select(lambda op: op.name.endswith(ending)).cost.vector_flops

    assert vector(unfused, "norm") == oracle(f"prefill512/{model}/v_rmsnorm(4/elem)")
    assert vector(unfused, "rope") == oracle(f"prefill512/{model}/v_rope(3/elem)")
    assert vector(unfused, "residual") == oracle(f"prefill512/{model}/v_residual(1/elem)")
    assert vector(unfused, "gate_multiply") == oracle(f"prefill512/{model}/v_silu_mul(5/elem)")
    assert vector(fused, "attention") == oracle(f"prefill512/{model}/v_softmax(5/score)")
    assert fused.cost.vector_flops == oracle(f"prefill512/{model}/vector_total")


def test_unfused_attention_counts_the_square_and_four_passes_over_the_scores():
    ops = graph(of("llama2_7b", "opt=unfused"), new=512.0)
    square = flops(ops, "attention_qk", "attention_pv")
    assert square == oracle("prefill512/llama2_7b/attn_noncausal(full SxS, qk+pv)")
    qk, soft, pv = (
        named(of("llama2_7b", "opt=unfused"), new=512.0)[n].cost for n in ("attention_qk", "softmax", "attention_pv")
    )
    scores = qk.activations_written + soft.activations_read + soft.activations_written + pv.activations_read
    assert scores == oracle("prefill512/llama2_7b/unfused_score_traffic_per_layer(4 passes bf16)")
    assert 32 * scores == oracle("prefill512/llama2_7b/unfused_score_traffic_model")


def test_flash_attention_moves_queries_keys_values_and_outputs_once():
    cost = named(of("llama2_7b"), new=512.0)["attention"].cost
    assert cost.bytes == oracle("prefill512/llama2_7b/flash_qkvo_bytes_per_layer")


@pytest.mark.parametrize("model", DENSE)
def test_decode_at_1024_positions_is_exact(model):
    s = of(model)
    ops = graph(s, past=1023.0)
    total = ops.cost
    attention = flops(ops, "attention")
    assert attention == oracle(f"decode1024/{model}/flops_attn")
    assert total.matmul_flops - attention == oracle(f"decode1024/{model}/flops_linear")
    assert decode_weight_bytes(s) == oracle(f"decode1024/{model}/weight_bytes")
    assert total.weight_bytes - decode_weight_bytes(s) == oracle(f"decode1024/{model}/emb_row_bytes")
    assert total.kv_read == oracle(f"decode1024/{model}/kv_read")
    assert total.kv_written == oracle(f"decode1024/{model}/kv_write")
    moved = total.weight_bytes + total.kv_read + total.kv_written
    assert moved == oracle(f"decode1024/{model}/total_bytes_fused")


def test_ideal_decode_time_intensity_and_energy_of_the_v100_example():
    s = of("llama2_7b")
    total = graph(s, past=1023.0).cost
    moved = total.weight_bytes + total.kv_read + total.kv_written
    assert round(1e3 * moved / s.device.bandwidth, 4) == oracle("decode1024/llama2_7b/V100_ideal_ms(900GB/s)")
    assert round(total.matmul_flops / moved, 3) == oracle("decode1024/llama2_7b/arith_intensity")
    energy = 50e-12 * moved + 0.5e-12 * total.matmul_flops + 100 * 8.43e-3
    (worked,) = (value for name, value in ORACLES.items() if name.startswith("energy/decode llama2_7b"))
    assert round(energy, 5) == worked


FORMATS = {
    "int8_g128": {"bits": 8, "group_size": 128, "scale_bits": 16},
    "int4_g128_sym": {"bits": 4, "group_size": 128, "scale_bits": 16},
    "int4_g128_zp4": {"bits": 4, "group_size": 128, "scale_bits": 16, "zero_bits": 4},
    "int4_g128_zp16": {"bits": 4, "group_size": 128, "scale_bits": 16, "zero_bits": 16},
    "int4_g32_sym": {"bits": 4, "group_size": 32, "scale_bits": 16},
    "nvfp4(g16,e4m3)": {"bits": 4, "group_size": 16, "scale_bits": 8},
    "mxfp4(g32,e8m0)": {"bits": 4, "group_size": 32, "scale_bits": 8},
    "mxfp8": {"bits": 8, "group_size": 32, "scale_bits": 8},
}
OPTIONS = {
    "int4_g128_sym": "int4", "int4_g128_zp4": "int4_zp", "int4_g32_sym": "int4_g32", "nvfp4(g16,e4m3)": "nvfp4",
    "mxfp4(g32,e8m0)": "mxfp4", "mxfp8": "mxfp8",
}  # fmt: skip


@pytest.mark.parametrize("name", FORMATS)
def test_bits_and_bytes_of_weight_formats_are_exact(name):
    s = weight_quantization(**FORMATS[name]).apply(of("llama2_7b"))
    assert s.precision.weights["linear"].bits == oracle(f"wq/{name}/bits_per_weight")
    assert bytes_of(s, "linear") == oracle(f"wq/{name}/llama2_7b linear layers bytes")


@pytest.mark.parametrize("name", OPTIONS)
def test_options_have_the_worked_bits_and_bytes(name):
    s = of("llama2_7b", f"opt={OPTIONS[name]}")
    assert s.precision.weights["linear"].bits == oracle(f"wq/{name}/bits_per_weight")
    assert bytes_of(s, "linear") == oracle(f"wq/{name}/llama2_7b linear layers bytes")


def test_int8_has_a_scale_for_each_output_channel():
    s = of("llama2_7b", "opt=int8")
    (bits,) = (v for k, v in ORACLES.items() if k.startswith("wq/int8_perchannel(K=4096)"))
    (linear,) = (v for k, v in ORACLES.items() if k.startswith("wq/int8_perchannel(fp16"))
    form = s.precision.weights["linear"]
    assert form.bits + form.bits_per_channel / 4096 == bits
    assert bytes_of(s, "linear") == linear


def test_whole_models_in_int4_have_the_worked_bytes():
    whole = "wq/{}/llama2_7b total bytes (emb,head,norms bf16)"
    s, asymmetric = of("llama2_7b", "opt=int4"), of("llama2_7b", "opt=int4_zp")
    assert decoder.weight_bytes(s.architecture, s.precision) == oracle(whole.format("int4_g128_sym"))
    name = whole.format("int4_g128_zp4") + " = AWQ/GPTQ file"
    assert decoder.weight_bytes(asymmetric.architecture, asymmetric.precision) == oracle(name)
    assert decode_weight_bytes(s) == oracle("wq/int4_g128_sym/llama2_7b decode weight bytes (no emb table)")


def test_llama_cpp_gives_half_of_the_layers_more_bits():
    for model in DENSE:
        layers = int(of(model).architecture.blocks[0].repeats)
        more = [Layer(index, layers, sharing=1.0).more_bits for index in range(layers)]
        assert sum(more) == oracle(f"gguf/n_layers_with_more_bits/{model}")


FILES = [name for name in ORACLES if name.startswith("gguf/Q") and name.count("/") == 3]


@pytest.mark.parametrize("name", FILES)
def test_gguf_files_have_the_worked_bytes_and_bits(name):
    _, file_type, model, what = name.split("/")
    s = of(model, f"opt={file_type.lower()}")
    ours = {
        "tensor_bytes": decoder.weight_bytes(s.architecture, s.precision),
        "bpw": round(mean_bits(s), 4),
        "decode_weight_bytes": decode_weight_bytes(s),
    }
    assert ours[what] == oracle(name)


def test_bits_of_gguf_blocks_are_exact():
    blocks = {n.split("/")[1]: bits for n, bits in ORACLES.items() if re.fullmatch(r"gguf/\w+/bpw", n)}
    assert len(blocks) == 27
    assert {name: bits_per_weight(name) for name in blocks} == blocks


A100 = (
    "hw=a100_sxm_80gb", "model=llama2_7b", "engine.compute_efficiency=0.7", "engine.attention_efficiency=0.7",
    "engine.memory_efficiency=0.8", "hw.a100_sxm_80gb.dispatch_us=0",
)  # fmt: skip


def matrix_seconds(s, step) -> float:
    """Seconds of the linear layers, the head and attention."""
    ops = graph(s, batch=step.batch, new=step.new, past=step.past)
    products = ops.select(lambda op: op.pipe != "vector")
    return step_seconds(step_terms(products, s.device, s.engine), s.engine.efficiency.roof_smoothness)


def test_the_a100_example_end_to_end_has_the_printed_digits():
    s = scenario(*A100)
    ttft = matrix_seconds(s, schedule.prefill(s.workload, s.engine)[0].first)
    decode = [matrix_seconds(s, schedule.decode(s.workload).at(float(j))) for j in range(127)]
    b, a = np.polyfit([512 + 1 + j for j in range(127)], decode, 1)
    e2e = ttft + sum(decode)
    assert round(1e3 * ttft, 5) == oracle("e2e/A100/llama2_7b/TTFT_ms_S512")
    assert round(1e3 * np.mean(decode), 5) == oracle(f"{E2E}/TPOT_ms_mean_O128 (127 steps, T=513..639)")
    assert round(1e3 * (a + b * (512 + 128 / 2)), 5) == oracle("e2e/.../TPOT closed form a+b*(S+O/2) ms")
    assert [round(1e3 * a, 5), round(1e6 * b, 5)] == oracle("e2e/.../a_ms,b_us_per_ctx_token")
    assert round(1e3 * e2e, 4) == oracle("e2e/.../E2E_ms")
    assert round(1 / np.mean(decode), 3) == oracle("e2e/.../per-user decode TPS")


def test_the_a100_example_is_a_lower_bound_of_the_forecast():
    s = scenario(*A100)
    run = Run(s)
    assert oracle("e2e/A100/llama2_7b/TTFT_ms_S512") < 1e3 * run.ttft < 1.1 * oracle("e2e/A100/llama2_7b/TTFT_ms_S512")
    tpot = oracle(f"{E2E}/TPOT_ms_mean_O128 (127 steps, T=513..639)")
    assert tpot < 1e3 * run.tpot < 1.01 * tpot


def test_the_capacity_of_the_a100_example_is_exact():
    s = scenario("hw=a100_sxm_80gb", "model=llama3_8b", "engine.memory_utilization=0.9", "engine.runtime_gb=1")
    tokens = memory.memory(s).room // decoder.kv_bytes_per_token(s.architecture, s.precision)
    worked = {name.split("/")[-1]: value for name, value in ORACLES.items() if name.startswith("capacity/")}
    assert tokens == worked["max_tokens"]
    assert tokens // 8192 == worked["max_batch at 8192"]
