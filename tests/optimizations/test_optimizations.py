"""Each option changes what its file says, in the order of the stack; fusion comes last."""

import pytest
from laws import OPTIONS, SPREAD, case, changed, graph, named, of, scenario
from omegaconf import OmegaConf
from places import CONF

from life_jax.forecasting.metrics import forecast
from life_jax.models import decoder
from life_jax.optimizations.base import Optimization, chain
from life_jax.optimizations.gguf import gguf
from life_jax.optimizations.gguf_file_types import FILE_TYPES, bits_per_weight
from life_jax.optimizations.weight_quantization import weight_quantization

FILES = {name: OmegaConf.to_container(OmegaConf.load(CONF / "opt" / f"{name}.yaml")) for name in OPTIONS}
B200 = OmegaConf.to_container(OmegaConf.load(CONF / "hw" / "b200.yaml"))
FUSED_LAYER = [
    "input_add_norm", "qkv_proj", "rope_kv_append", "attention", "o_proj", "mlp_add_norm", "gate_up_proj",
    "gate_multiply", "down_proj",
]  # fmt: skip
UNFUSED = [
    "embedding", "input_norm", "q_proj", "k_proj", "v_proj", "rope", "kv_append", "attention_qk", "softmax",
    "attention_pv", "o_proj", "attention_residual", "mlp_norm", "gate_proj", "up_proj", "gate_multiply", "down_proj",
    "mlp_residual", "final_norm", "lm_head",
]  # fmt: skip


def of_kind(kind: str) -> list[str]:
    return [name for name, file in FILES.items() if file.get("kind") == kind]


def stored_bits(file) -> float:
    """Bits per element with the scales and zero points of its group."""
    extra = file.get("scale_bits", 0) + file.get("zero_bits", 0)
    return file["bits"] + (extra / file["group_size"] if file.get("group_size") else 0)


def bits_of(s) -> float:
    return 8 * weight_bytes(s) / decoder.parameter_count(s.architecture)


def weight_bytes(s) -> float:
    return decoder.weight_bytes(s.architecture, s.precision)


@pytest.mark.parametrize("name", of_kind("weight_quantization"))
def test_weight_options_store_the_bits_of_their_file(name):
    file, plain = FILES[name], scenario("model=llama3_8b")
    form = scenario("model=llama3_8b", f"opt={name}").precision.weights
    for role in ("linear", "head", "embedding"):
        quantized = role in file.get("roles", [] if "tensors" in file else ["linear"])
        assert form[role].bits == (stored_bits(file) if quantized else 16), role
        channel = 0 if file.get("group_size") or not quantized else file.get("scale_bits", 0) + file.get("zero_bits", 0)
        assert form[role].bits_per_channel == channel, role
        assert form[role].dequant_flops == (file.get("dequant_flops", 0) if quantized else 0), role
    assert plain.precision.weights["linear"].bits == 16


@pytest.mark.parametrize("name", of_kind("weight_quantization"))
def test_weight_only_options_leave_matrix_work_and_its_rate_alone(name):
    plain, narrow = (case("model=llama3_8b", *words) for words in ((), (f"opt={name}",)))
    before, after = (named(one.scenario, new=512.0) for one in (plain, narrow))
    assert {n: op.cost.matmul_flops for n, op in after.items()} == {n: op.cost.matmul_flops for n, op in before.items()}
    assert narrow.scenario.device.rates == plain.scenario.device.rates


@pytest.mark.parametrize("name", of_kind("kv_quantization"))
def test_cache_options_store_the_bits_of_their_file(name):
    file, s = FILES[name], scenario("model=llama3_8b", f"opt={name}")
    extra = file.get("scale_bits", 0) + file.get("zero_bits", 0)
    per_vector = 128 * stored_bits(file) + (0 if file.get("group_size") else extra)
    assert decoder.kv_bytes_per_token(s.architecture, s.precision) == 32 * 2 * 8 * per_vector / 8
    plain, expanding = (named(x, past=99.0)["attention"].cost.vector_flops for x in (scenario("model=llama3_8b"), s))
    assert expanding - plain == file["dequant_flops"] * 2 * 100 * 8 * 128


def test_every_option_of_the_catalogue_is_of_a_kind_that_is_tested():
    kinds = {"weight_quantization", "kv_quantization", "activation_quantization", "gguf", "fusion"}
    dense = [name for name, file in FILES.items() if "kind" in file]
    assert kinds <= {FILES[name]["kind"] for name in dense}
    assert {"int8", "int4", "int4_g32", "int4_zp", "fp8", "mxfp8", "mxfp4", "nvfp4", "w8a8", "kv8", "kv4", "unfused",
            "fused", "q4_0", "q4_k_m", "q8_0"} <= set(OPTIONS)  # fmt: skip


@pytest.mark.parametrize(("name", "dtype"), [("w8a8", "int8"), ("w8a8_fp8", "fp8"), ("w4a4_nvfp4", "fp4")])
def test_activation_options_quantize_inputs_and_run_at_the_narrow_rate(name, dtype):
    one, device = case("hw=b200", "model=llama3_8b", f"opt={name}"), B200["peak_tflops"]
    rates = one.scenario.device.rates
    assert rates["linear"] == device[dtype] * 1e12
    assert rates["head"] == rates["attention"] == device["fp16"] * 1e12

    ops = named(one.scenario, batch=2.0, new=3.0)
    names = list(ops)
    for linear, width in (("qkv_proj", 4096), ("o_proj", 4096), ("gate_up_proj", 4096), ("down_proj", 14336)):
        assert any(
            name.startswith("quantize_") for name in names[max(0, names.index(linear) - 2) : names.index(linear)]
        )
        assert ops[linear].cost.activations_read == 6 * width * FILES[name]["input_bits"] / 8
    quantizers = [op for n, op in ops.items() if n.startswith("quantize_")]
    assert [op.args["width"] for op in quantizers] == [4096, 4096, 4096, 14336]
    assert all(op.repeats == 32 and op.cost.dispatches == 1 for op in quantizers)
    assert all(op.args["input_bits"] == FILES[name]["input_bits"] for op in quantizers)
    assert ops["lm_head"].cost.activations_read == 2 * 4096 * 2


def test_fp8_is_what_engines_mean_by_it_where_the_device_has_units_and_weight_only_elsewhere():
    words = ("model=llama3_8b", "workload.prompt_tokens=1000", "engine=ideal")
    fast, weights, separate = (
        scenario("hw=h100_sxm", f"opt={o}", *words) for o in ("fp8", "fp8_weight_only", "w8a8_fp8")
    )
    assert fast.device.rates == separate.device.rates != weights.device.rates
    assert fast.precision == separate.precision and not fast.rewrites and separate.rewrites
    ttft = [float(forecast(s, ("ttft",))["ttft"]) for s in (fast, separate, weights)]
    assert ttft == sorted(ttft)
    old = case("hw=a100", "opt=[fp8,kv8]", *words)
    assert old.scenario == scenario("hw=a100", "opt=[fp8_weight_only,kv8]", *words)
    assert old.built.warnings == ("hw.a100 has no units for opt.fp8: its weights alone are narrow, math is at 16 bit",)


def test_the_last_weight_format_of_a_stack_stays():
    s, alone = (scenario("model=llama3_8b", f"opt={o}") for o in ("[int4,int8]", "int8"))
    assert s.precision == alone.precision
    assert scenario("model=llama3_8b", "opt=[q4_k_m,int8]").precision.weights["linear"].bits == 8
    mixed, alone = (scenario("model=llama3_8b", f"opt={o}") for o in ("[int8,q4_k_m]", "q4_k_m"))
    assert weight_bytes(mixed) == weight_bytes(alone)


def test_options_of_different_numbers_commute():
    a, b = (scenario("model=llama3_8b", f"opt={o}") for o in ("[int4,kv8]", "[kv8,int4]"))
    assert a == b


@pytest.mark.parametrize("model", SPREAD[::3])
def test_quantized_inputs_and_fusion_do_not_depend_on_the_order(model):
    a, b = (scenario("hw=b200", f"model={model}", f"opt={o}") for o in ("[w8a8,fused]", "[fused,w8a8]"))
    assert graph(a, past=7.0).cost == graph(b, past=7.0).cost


def test_chain_is_associative_and_has_an_identity():
    a, b, c = (weight_quantization(bits=bits) for bits in (8, 4, 3))
    assert chain(chain(a, b), c) == chain(a, chain(b, c)) == chain(a, b, c)
    assert chain(Optimization(), a) == chain(a, Optimization()) == chain(a) == a
    assert chain() == Optimization()
    s = scenario("model=llama3_8b")
    assert chain(a, b, c).apply(s) == c.apply(b.apply(a.apply(s)))
    assert Optimization().apply(s) == s


def test_a_fused_layer_of_llama_is_nine_dispatches():
    s = scenario("model=llama2_7b")
    ops = list(graph(s, past=10.0))
    assert len(ops) == 12
    assert sorted(op.name for op in ops) == sorted(["embedding", *FUSED_LAYER, "final_norm", "lm_head"])
    layer = [op for op in ops if op.repeats == 32]
    assert sum(op.cost.dispatches for op in layer) == 9
    in_order = [op.name for op in layer if op.name != "input_add_norm"]
    assert in_order == FUSED_LAYER[1:]


def test_unfused_operators_stand_in_the_order_of_the_model():
    assert [op.name for op in graph(scenario("model=llama2_7b", "opt=unfused"), past=10.0)] == UNFUSED


def test_flash_and_eager_attention_change_attention_only():
    eager = [op.name for op in graph(scenario("model=llama2_7b", "opt=eager_attention"))]
    core = ["attention_qk", "softmax", "attention_pv"]
    assert [n for n in eager if n in core] == core
    assert {"qkv_proj", "gate_up_proj", "rope_kv_append"} <= set(eager)
    flash = [op.name for op in graph(scenario("model=llama2_7b", "opt=[unfused,flash_attention]"))]
    assert flash == [*UNFUSED[:7], "attention", *UNFUSED[10:]]


@pytest.mark.parametrize("file_type", FILE_TYPES)
@pytest.mark.parametrize("model", ["llama3_8b", "llama2_70b", "qwen2_7b", "gpt_neox_20b", "gpt2_small"])
def test_fused_projections_read_exactly_the_bytes_of_the_parts(model, file_type):
    s = gguf(file_type=file_type).apply(of(model))
    apart = named(changed(s, "engine.counting.fusion", ()), new=200.0)
    fused = named(s, new=200.0)
    for name, parts in {"qkv_proj": ("q_proj", "k_proj", "v_proj"), "gate_up_proj": ("gate_proj", "up_proj")}.items():
        if name in fused:
            costs = [apart[part].cost for part in parts]
            one = fused[name].cost
            for field in ("weight_bytes", "matmul_flops", "vector_flops", "activations_written"):
                assert getattr(one, field) == pytest.approx(sum(getattr(c, field) for c in costs), rel=1e-12), field
            assert one.activations_read == costs[0].activations_read
            assert one.dispatches == 1


@pytest.mark.parametrize("model", ["llama2_7b", "llama3_8b", "gpt_neox_20b", "phi2", "stablelm_3b", "gemma_2b"])
def test_fused_rotary_and_append_read_q_k_v_and_write_rotated_q_and_the_cache(model):
    s = scenario(f"model={model}", "opt=kv8")
    a = s.architecture.blocks[0].attention
    q, k = (6 * a[heads] * a["head_dim"] * 2 for heads in ("num_attention_heads", "num_key_value_heads"))
    part = a["partial_rotary_factor"]
    cost = named(s, batch=2.0, new=3.0)["rope_kv_append"].cost
    assert cost.activations_read == pytest.approx(part * q + 2 * k, rel=1e-12)  # keys that do not turn are stored too
    assert cost.activations_written == pytest.approx(part * q, rel=1e-12)
    assert cost.kv_written == 6 * 2 * a["num_key_value_heads"] * (a["head_dim"] + 2)
    assert cost.vector_flops == pytest.approx(3 * part * (q + k) / 2, rel=1e-12)


def test_fused_add_and_norm_write_the_sum_once_and_do_not_read_it_back():
    apart, fused = (named(scenario("model=llama2_7b", f"opt={o}"), new=5.0) for o in ("unfused", "fused"))
    add, norm = apart["attention_residual"].cost, apart["mlp_norm"].cost
    one = fused["mlp_add_norm"].cost
    assert one.bytes == add.bytes + norm.bytes - norm.activations_read
    assert (one.vector_flops, one.dispatches) == (add.vector_flops + norm.vector_flops, 1)


@pytest.mark.parametrize(("option", "fewer"), [("none", 2), ("w4a4_nvfp4", 3)])
def test_fused_experts_are_fewer_operators_with_the_same_weights_and_products(option, fewer):
    """The choice writes where tokens go, and the first product applies the activation and quantizes what it writes."""
    words = ("hw=b200", "model=qwen3_30b_a3b", f"opt={option}")
    s = scenario(*words)
    fused = graph(s, new=64.0)
    apart = tuple(name for name in s.engine.counting.fusion if name != "experts")
    plain = graph(changed(s, "engine.counting.fusion", apart), new=64.0)
    assert sum(op.repeats for op in plain) - sum(op.repeats for op in fused) == fewer * 48
    for field in ("weight_bytes", "matmul_flops"):
        assert getattr(fused.cost, field) == pytest.approx(getattr(plain.cost, field), rel=1e-12)
    assert fused.cost.bytes < plain.cost.bytes
    assert {"choose_experts", "experts_gate_up_proj", "experts_down_proj", "combine"} <= {op.name for op in fused}


# bits per weight as printed in the README of llama.cpp's quantize: Llama 2 in older versions, Llama 3.1 today.
LLAMA_CPP = {
    "llama2_7b": {
        "q3_k_s": 3.50, "q3_k_m": 3.91, "q3_k_l": 4.27, "q4_k_s": 4.58, "q4_k_m": 4.84, "q5_k_s": 5.52, "q5_k_m": 5.68,
        "q6_k": 6.56,
    },
    "llama2_13b": {
        "q3_k_s": 3.48, "q3_k_m": 3.89, "q3_k_l": 4.26, "q4_k_s": 4.56, "q4_k_m": 4.83, "q5_k_s": 5.51, "q5_k_m": 5.67,
        "q6_k": 6.56,
    },
    # not Q3_K_M (3.85) and Q4_K_S (4.53): then the first 2 and 4 layers got more bits, now the first n/16 and n/8
    "llama2_70b": {"q3_k_s": 3.47, "q3_k_l": 4.19, "q4_k_m": 4.80, "q5_k_s": 5.50, "q5_k_m": 5.65, "q6_k": 6.56},
    "llama3_1_8b": {
        "q2_k": 3.1593, "q3_k_s": 3.6429, "q3_k_l": 4.2979, "q4_k_s": 4.6672, "q4_k_m": 4.8944, "q5_k_s": 5.5704,
        "q5_k_m": 5.7036, "q6_k": 6.5633, "q8_0": 8.5008, "f16": 16.0005,
        "iq2_xxs": 2.3824, "iq3_xxs": 3.2548, "iq4_xs": 4.4597, "iq4_nl": 4.6818, "q2_k_s": 2.9697,
        "iq1_s": 2.0042, "iq1_m": 2.1460, "iq2_xs": 2.5882, "iq2_s": 2.7403, "iq2_m": 2.9294, "iq3_xs": 3.4977,
        "iq3_s": 3.6606, "iq3_m": 3.7628,
    },
}  # fmt: skip


@pytest.mark.parametrize("model", LLAMA_CPP)
def test_file_types_have_the_bits_per_weight_that_llama_cpp_publishes(model):
    digits = 4 if model == "llama3_1_8b" else 2
    ours = {option: round(bits_of(scenario(f"model={model}", f"opt={option}")), digits) for option in LLAMA_CPP[model]}
    assert ours == LLAMA_CPP[model]


def test_the_70b_file_types_follow_the_rules_of_today():
    # v_proj Q5_K everywhere; down_proj Q5_K in n/16 = 5 layers and Q4_K elsewhere, or Q5_K in n/8 = 10 layers
    d, f, kv, vocab, layers = 8192, 28672, 1024, 32000, 80
    q3, q4, q5, q6 = (bits_per_weight(block) for block in ("Q3_K", "Q4_K", "Q5_K", "Q6_K"))
    norms = 32 * d * (2 * layers + 1)

    def expected(small: float, o: float, down: float) -> float:
        per_layer = d * (d * (small + o) + kv * (small + q5) + f * (2 * small + down))
        return norms + layers * per_layer + vocab * d * (small + q6)

    for option, bits in (
        ("q3_k_m", expected(q3, q4, q4 + 5 / 80 * (q5 - q4))),
        ("q4_k_s", expected(q4, q4, q4 + 10 / 80 * (q5 - q4))),
    ):
        s = scenario("model=llama2_70b", f"opt={option}")
        assert 8 * weight_bytes(s) == pytest.approx(bits, rel=1e-12)
