"""GGUF headers: windows by architecture, lists by layer, recurrent layers, shards, parts of models, and bent ones."""

import functools
import struct
from pathlib import Path
from typing import Any

import pytest
from gguf_bytes import (
    F32,
    HIDDEN,
    Q4_0,
    Q8_0,
    VOCAB,
    WIDTH,
    Tensors,
    attention,
    dense,
    ends,
    header,
    metadata,
    network,
    total,
    written,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trials import trials

import life_jax as life
from life_jax.config.checkpoints.architecture import architecture
from life_jax.config.checkpoints.gguf.model import read_gguf
from life_jax.config.schema.check import check
from life_jax.config.schema.errors import ConfigError
from life_jax.config.schema.model_file import ModelFile
from life_jax.core.scenario import Precision
from life_jax.forecasting import memory
from life_jax.models import decoder

TOKEN = 2 * 32 * 2  # bytes of a token's keys and values in a layer with one head of 32, at 16 bit


def bytes_of(path: Path, *words: str) -> tuple[float, float]:
    """Weights and cache of 4096 tokens of one sequence."""
    words = ("workload.batch=1", "workload.prompt_tokens=4080", "workload.output_tokens=16", *words)
    kept = memory.memory(life.load(["hw=h100_sxm", f"model={path}", *words], primary="explain").scenario)
    return float(kept.weights), float(kept.kv)


@functools.cache
def plain() -> Precision:
    return life.load(["hw=v100"], primary="explain").scenario.precision


def cached(facts: dict[str, Any], tokens: float) -> float:
    """Bytes of the cache of a model that was read, at 16 bit."""
    return decoder.cache_bytes(architecture(check(facts, ModelFile, "model"), "model"), tokens, plain())


# architecture, layers, keys -> layers with the whole cache (the others have 512 tokens)
WINDOWS = [
    ("gemma2", 4, {"attention__sliding_window": 512}, [1, 3]),
    ("gemma3", 7, {"attention__sliding_window": 512}, [5]),
    ("gemma3", 6, {"attention__sliding_window": 512, "attention__sliding_window_pattern": 3}, [2, 5]),
    ("gemma3n", 5, {"attention__sliding_window": 512}, [4]),
    ("olmo2", 4, {"attention__sliding_window": 512}, [3]),
    ("olmo2", 4, {}, [0, 1, 2, 3]),
    ("gpt-oss", 4, {"attention__sliding_window": 512}, [1, 3]),
    ("llama", 4, {"attention__sliding_window": 512}, [0, 1, 2, 3]),
    ("phi3", 3, {"attention__sliding_window": 512}, [0, 1, 2]),
    ("step35", 4, {"attention__sliding_window": 512, "attention__sliding_window_pattern": [True, False]}, [1, 3]),
    ("gemma4", 3, {"attention__sliding_window": 512, "attention__sliding_window_pattern": [1, 1, 0]}, [2]),
    ("exaone-moe", 4, {"attention__sliding_window": 512}, [3]),
    ("plamo3", 8, {"attention__sliding_window": 512}, [7]),
]


@pytest.mark.parametrize(("name", "layers", "keys", "whole"), WINDOWS, ids=[f"{w[0]}-{w[1]}" for w in WINDOWS])
def test_windows_are_in_the_layers_where_llama_cpp_has_them(tmp_path, name, layers, keys, whole) -> None:
    path = written(tmp_path / "a.gguf", metadata(name, layers, **keys), dense(layers))
    assert cached(read_gguf(path), 4096.0) == TOKEN * (4096 * len(whole) + 512 * (layers - len(whole)))


def test_smallthinker_begins_with_a_layer_that_attends_everything(tmp_path: Path) -> None:
    path = written(tmp_path / "a.gguf", metadata("smallthinker", 4, attention__sliding_window=4096), dense(4))
    assert [entry["repeats"] for entry in read_gguf(path)["layers"]] == [1, 3]
    assert read_gguf(path)["layers"][0]["attention"] == "full"


def test_a_header_without_its_data_has_the_bytes_of_the_file(tmp_path: Path) -> None:
    keys, tensors = metadata("llama", 3), dense(3)
    alone, whole = written(tmp_path / "a.gguf", keys, tensors), written(tmp_path / "b.gguf", keys, tensors, data=True)
    assert bytes_of(alone) == bytes_of(whole) == (total(tensors), 3 * TOKEN * 4096)


def test_heads_and_widths_may_be_lists_by_layer(tmp_path: Path) -> None:
    keys = metadata("llama", 2, attention__head_count=[2, 2], attention__head_count_kv=[2, 1],
                    feed_forward_length=[64, 128])  # fmt: skip
    tensors = ends() | attention(0, kv_heads=2) | network(0, 64) | attention(1) | network(1)
    assert bytes_of(written(tmp_path / "a.gguf", keys, tensors)) == (total(tensors), 3 * TOKEN * 4096)


def test_short_convolutions_stand_where_there_are_no_heads_for_keys(tmp_path: Path) -> None:
    keys = metadata("lfm2", 3, attention__head_count_kv=[0, 1, 0], shortconv__l_cache=3)
    tensors = ends(tied=True)
    tensors["token_embd_norm.weight"] = tensors.pop("output_norm.weight")  # LFM2's name for its final norm
    for layer in (0, 2):
        blk = f"blk.{layer}"
        tensors |= network(layer) | {
            f"{blk}.attn_norm.weight": ((HIDDEN,), F32),
            f"{blk}.shortconv.conv.weight": ((3, HIDDEN), F32),
            f"{blk}.shortconv.in_proj.weight": ((HIDDEN, 3 * HIDDEN), Q4_0),
            f"{blk}.shortconv.out_proj.weight": ((HIDDEN, HIDDEN), Q8_0),
        }
    tensors |= attention(1) | network(1)
    weights, cache = bytes_of(written(tmp_path / "a.gguf", keys, tensors))
    assert weights == total(tensors)
    assert cache == TOKEN * 4096 + 2 * HIDDEN * 2 * 2  # two states of two tokens


def test_state_space_layers_beside_attention(tmp_path: Path) -> None:
    """Granite 4: Mamba 2 in one layer, attention in the other."""
    inner, state, heads = 128, 16, 4
    keys = metadata("granitehybrid", 2, attention__head_count_kv=[0, 1], ssm__conv_kernel=4, ssm__inner_size=inner,
                    ssm__state_size=state, ssm__time_step_rank=heads, ssm__group_count=1)  # fmt: skip
    channels = inner + 2 * state
    tensors = ends(tied=True) | attention(1) | network(1) | network(0) | {
        "blk.0.attn_norm.weight": ((HIDDEN,), F32),
        "blk.0.ssm_in.weight": ((HIDDEN, 2 * inner + 2 * state + heads), Q4_0),
        "blk.0.ssm_conv1d.weight": ((4, channels), F32),
        "blk.0.ssm_conv1d.bias": ((channels,), F32),
        "blk.0.ssm_a": ((1, heads), F32),
        "blk.0.ssm_d": ((1, heads), F32),
        "blk.0.ssm_dt.bias": ((heads,), F32),
        "blk.0.ssm_norm.weight": ((inner,), F32),
        "blk.0.ssm_out.weight": ((inner, HIDDEN), Q8_0),
    }  # fmt: skip
    path = written(tmp_path / "a.gguf", keys, tensors)
    assert bytes_of(path)[0] == total(tensors)
    assert [entry["attention"] for entry in read_gguf(path)["layers"]] == ["mamba2", "full"]


def test_delta_layers_of_qwen3_5_and_a_gate_within_the_queries(tmp_path: Path) -> None:
    value_heads, key_heads, size = 4, 2, 16
    keys = metadata("qwen35", 2, attention__key_length=32, ssm__conv_kernel=4, ssm__inner_size=value_heads * size,
                    ssm__state_size=size, ssm__time_step_rank=value_heads, ssm__group_count=key_heads)  # fmt: skip
    channels = (2 * key_heads + value_heads) * size
    tensors = ends() | attention(1) | network(0) | network(1) | {
        "blk.1.attn_q.weight": ((HIDDEN, 2 * 64), Q4_0),
        "blk.0.attn_norm.weight": ((HIDDEN,), F32),
        "blk.0.attn_qkv.weight": ((HIDDEN, channels), Q4_0),
        "blk.0.attn_gate.weight": ((HIDDEN, value_heads * size), Q8_0),
        "blk.0.ssm_beta.weight": ((HIDDEN, value_heads), Q4_0),
        "blk.0.ssm_alpha.weight": ((HIDDEN, value_heads), Q4_0),
        "blk.0.ssm_conv1d.weight": ((4, channels), F32),
        "blk.0.ssm_a": ((value_heads,), F32),
        "blk.0.ssm_dt.bias": ((value_heads,), F32),
        "blk.0.ssm_norm.weight": ((size,), F32),
        "blk.0.ssm_out.weight": ((value_heads * size, HIDDEN), Q4_0),
    }  # fmt: skip
    path = written(tmp_path / "a.gguf", keys, tensors)
    facts = read_gguf(path)
    assert bytes_of(path)[0] == total(tensors)
    assert facts["layers"][0]["attention"] == "gated_delta" and facts["layers"][1]["attention_output_gate"]


def test_experts_may_be_tensors_of_their_own_or_one(tmp_path: Path) -> None:
    keys = metadata("llama", 1, expert_count=2, expert_used_count=1)
    beside = ends() | attention(0) | {
        "blk.0.ffn_norm.weight": ((HIDDEN,), F32),
        "blk.0.ffn_gate_inp.weight": ((HIDDEN, 2), F32),
    }  # fmt: skip
    shapes = {"gate": (HIDDEN, WIDTH), "up": (HIDDEN, WIDTH), "down": (WIDTH, HIDDEN)}
    apart = beside | {f"blk.0.ffn_{n}.{e}.weight": (s, Q4_0) for e in (0, 1) for n, s in shapes.items()}
    together = beside | {f"blk.0.ffn_{n}_exps.weight": ((*s, 2), Q4_0) for n, s in shapes.items()}
    found = [bytes_of(written(tmp_path / f"{i}.gguf", keys, t)) for i, t in enumerate((apart, together))]
    assert found[0] == found[1] == (total(apart), TOKEN * 4096)


def test_layers_that_read_an_earlier_cache_have_none_and_what_they_store_is_said(tmp_path: Path) -> None:
    keys = metadata("gemma4", 3, attention__sliding_window=512, attention__sliding_window_pattern=[1, 0, 1],
                    attention__shared_kv_layers=1)  # fmt: skip
    facts = read_gguf(written(tmp_path / "a.gguf", keys, dense(3)))
    assert cached(facts, 4096.0) == TOKEN * (4096 + 512)
    assert "read by no layer" in facts["warnings"][0]


def test_a_file_without_an_embedding_table_is_a_part_of_a_model_or_has_its_head_for_it(tmp_path: Path) -> None:
    tensors = dense(1)
    del tensors["token_embd.weight"]
    assert read_gguf(written(tmp_path / "a.gguf", metadata("llama", 1), tensors))["vocab_size"] == VOCAB
    del tensors["output.weight"]
    with pytest.raises(ConfigError, match="neither an embedding table nor a head"):
        read_gguf(written(tmp_path / "a.gguf", metadata("llama", 1), tensors))


def shards(folder: Path, *, only: int | None = None) -> list[Path]:
    """Two files of one model, or one of them."""
    keys, tensors, names = metadata("llama", 2), dense(2), []
    halves = [{n: t for n, t in tensors.items() if n.startswith("blk.1") is second} for second in (False, True)]
    for i, half in enumerate(halves):
        split = {"split.no": i, "split.count": 2, "split.tensors.count": len(tensors)}
        said = {**keys, **split} if i == 0 else {"general.architecture": "llama", **split}
        path = folder / f"m-0000{i + 1}-of-00002.gguf"
        if only in (None, i):
            names.append(written(path, said, half))
    return names


def test_shards_are_read_together_by_the_name_of_the_first(tmp_path: Path) -> None:
    first, second = shards(tmp_path)
    assert bytes_of(first) == (total(dense(2)), 2 * TOKEN * 4096)
    assert read_gguf(first)["name"] == "m"
    with pytest.raises(ConfigError, match=r"shard 2 of 2.*named by its first shard, m-00001-of-00002\.gguf"):
        read_gguf(second)


def bert(layers: int) -> Tensors:
    """An encoder whose norms stand behind its branches, with biases and a table of token types."""
    found: Tensors = {"token_embd.weight": ((HIDDEN, VOCAB), Q8_0), "token_types.weight": ((HIDDEN, 2), F32)}
    found |= {"position_embd.weight": ((HIDDEN, 512), F32), "token_embd_norm.weight": ((HIDDEN,), F32)}
    found["token_embd_norm.bias"] = ((HIDDEN,), F32)
    products = {f"attn_{name}": (HIDDEN, HIDDEN) for name in ("q", "k", "v", "output")}
    for i in range(layers):
        for name, (rows, columns) in (products | {"ffn_up": (HIDDEN, WIDTH), "ffn_down": (WIDTH, HIDDEN)}).items():
            found[f"blk.{i}.{name}.weight"], found[f"blk.{i}.{name}.bias"] = ((rows, columns), Q8_0), ((columns,), F32)
        for name in ("attn_output_norm", "layer_output_norm"):
            found |= {f"blk.{i}.{name}.{part}": ((HIDDEN,), F32) for part in ("weight", "bias")}
    return found


def test_an_encoder_is_read_with_its_bytes_and_caches_nothing(tmp_path: Path) -> None:
    keys = metadata("bert", 2, attention__head_count_kv=None, attention__layer_norm_rms_epsilon=None)
    file = written(tmp_path / "bge.gguf", keys, bert(2))
    facts = read_gguf(file)
    assert facts["generation"] == "none" and facts["attention"] == "bidirectional" and not facts["language_head"]
    assert bytes_of(file) == (total(bert(2)), 0)


def test_a_diffusion_model_attends_in_both_directions(tmp_path: Path) -> None:
    facts = read_gguf(written(tmp_path / "a.gguf", metadata("dream", 1), dense(1)))
    assert facts["generation"] == "diffusion" and facts["attention"] == "bidirectional"


def t5(encoder: int, decoder: int) -> Tensors:
    """A T5 of two heads of 32, gated: products at 4.5 bit, tables at 8.5."""
    found: Tensors = {"token_embd.weight": ((HIDDEN, VOCAB), Q8_0), "enc.output_norm.weight": ((HIDDEN,), F32)}
    found |= {"dec.output_norm.weight": ((HIDDEN,), F32)} if decoder else {}
    for stack, layers in (("enc", encoder), ("dec", decoder)):
        for i in range(layers):
            for kind in ("attn", "cross_attn") if stack == "dec" else ("attn",):
                found |= {f"{stack}.blk.{i}.{kind}_{part}.weight": ((HIDDEN, 64), Q4_0) for part in "qkvo"}
                found[f"{stack}.blk.{i}.{kind}_norm.weight"] = ((HIDDEN,), F32)
            found |= {f"{stack}.blk.{i}.ffn_{part}.weight": ((HIDDEN, WIDTH), Q4_0) for part in ("gate", "up")}
            found[f"{stack}.blk.{i}.ffn_down.weight"] = ((WIDTH, HIDDEN), Q4_0)
            found[f"{stack}.blk.{i}.ffn_norm.weight"] = ((HIDDEN,), F32)
        if layers:
            found[f"{stack}.blk.0.attn_rel_b.weight"] = ((2, 32), F32)
    return found


def test_t5_has_an_encoder_and_a_decoder_in_the_bytes_of_the_file(tmp_path: Path) -> None:
    tensors = t5(2, 3)
    path = written(tmp_path / "a.gguf", metadata("t5", 2, attention__key_length=32), tensors)
    facts = read_gguf(path)
    assert [(layer["stack"], layer["repeats"]) for layer in facts["layers"]] == [("encoder", 2), ("decoder", 3)]
    assert facts["ffn"] == "gated" and facts["tie_word_embeddings"]
    assert bytes_of(path)[0] == pytest.approx(total(tensors), rel=1e-3)


def test_the_encoder_of_t5_alone_generates_nothing(tmp_path: Path) -> None:
    facts = read_gguf(written(tmp_path / "a.gguf", metadata("t5encoder", 2, attention__key_length=32), t5(2, 0)))
    assert (facts["generation"], facts["stack"], facts["language_head"]) == ("none", "encoder", False)


def test_a_t5_without_one_of_its_layers_is_a_part_of_a_model(tmp_path: Path) -> None:
    tensors = {name: tensor for name, tensor in t5(2, 3).items() if not name.startswith("dec.blk.1.")}
    with pytest.raises(ConfigError, match=r"layers of dec\.blk are missing"):
        read_gguf(written(tmp_path / "a.gguf", metadata("t5", 2, attention__key_length=32), tensors))


def test_a_shard_alone_and_one_of_another_name_are_refused_as_shards(tmp_path: Path) -> None:
    (first,) = shards(tmp_path, only=0)
    with pytest.raises(ConfigError, match=r"shard 1 of 2.*m-00002-of-00002\.gguf is not beside it"):
        read_gguf(first)
    with pytest.raises(ConfigError, match="shard"):
        read_gguf(first.rename(tmp_path / "renamed.gguf"))


PARTS = [
    ({"general.type": "mmproj", "general.architecture": "clip"}, {"v.patch_embd.weight": ((64, 64), F32)}, "projector"),
    ({"general.architecture": "clip"}, {"v.patch_embd.weight": ((64, 64), F32)}, "projector"),
    ({**metadata("llama", 1), "general.type": "adapter"}, {"blk.0.attn_q.weight.lora_a": ((64, 8), F32)}, "LoRA"),
    ({**metadata("llama", 1)}, {"blk.0.attn_q.weight.lora_a": ((64, 8), F32)}, "LoRA"),
    (metadata("llama", 2), {}, "vocabulary"),
    ({**metadata("llama", 1), "general.type": "imatrix"}, dense(1), "imatrix"),
    (metadata("neo-bert", 1), dense(1), "encoder"),
    (metadata("t5", 1), dense(1), "encoder"),
    (metadata("flux", 1), dense(1), "image"),
    ({}, dense(1), "general.architecture is missing"),
    (metadata("rwkv5", 1), ends() | {"blk.0.time_mix_output.weight": ((64, 64), F32)}, "wkv.head_size is missing"),
    (metadata("llama", 1, block_count=None), dense(1), "block_count is missing"),
    (metadata("llama", 1, block_count=10**7), dense(1), "from 1 to 4096"),
    (metadata("llama", 1, embedding_length=65), dense(1), "embedding_length is 65"),
    (metadata("llama", 1, attention__head_count=0), dense(1), "head_count"),
    (metadata("llama", 2, attention__head_count_kv=[1]), dense(2), "for each of the 2 layers"),
    (metadata("llama", 1, attention__head_count_kv="many"), dense(1), "head_count_kv is many"),
    (metadata("llama", 1), {**dense(1), "blk.0.new.weight": ((64, 64), F32)}, "not understood"),
]


@pytest.mark.parametrize(("keys", "tensors", "word"), PARTS, ids=[part[2] for part in PARTS])
def test_what_is_no_model_or_contradicts_itself_is_refused_in_one_line(tmp_path, keys, tensors, word) -> None:
    with pytest.raises(ConfigError) as refusal:
        read_gguf(written(tmp_path / "a.gguf", keys, tensors))
    assert word in str(refusal.value) and "\n" not in str(refusal.value)


def test_a_header_that_is_cut_off_says_so(tmp_path: Path) -> None:
    whole = header(metadata("llama", 1), dense(1))
    for length in (0, 3, 10, 24, 200, len(whole) - 1):
        (tmp_path / "a.gguf").write_bytes(whole[:length])
        with pytest.raises(ConfigError, match="cut off"):
            read_gguf(tmp_path / "a.gguf")


@pytest.mark.parametrize("count", [2**63, 2**64 - 1, 10**12, 10**5])
def test_counts_are_checked_against_the_file_before_anything_is_allocated(tmp_path: Path, count: int) -> None:
    """Of tensors, of values, of characters, of an array's values."""
    whole = header({**metadata("llama", 1), "llama.list": [1, 2]}, dense(1))
    at = whole.index(b"llama.list") + len(b"llama.list") + 8  # behind the types of the value and of its elements
    for place in (8, 16, 24, at):
        (tmp_path / "a.gguf").write_bytes(whole[:place] + struct.pack("<Q", count) + whole[place + 8 :])
        with pytest.raises(ConfigError, match=r"more than fit|do not fit"):
            read_gguf(tmp_path / "a.gguf")


BASES = [
    header(metadata("gemma3", 2, attention__sliding_window=512, attention__head_count_kv=[1, 1]), dense(2)),
    header(metadata("llama", 1, expert_count=2, expert_used_count=1), dense(1)),
]
BYTES = st.one_of(st.integers(0, 255), st.sampled_from([0, 1, 0x7F, 0x80, 0xFF]))


def refused_or_right(path: Path) -> bool:
    """Whether a file was read; then its numbers make sense."""
    try:
        facts = read_gguf(path)
        model = architecture(check(facts, ModelFile, "model"), "model")
    except ConfigError as error:
        assert "\n" not in str(error)
        return False
    stored = decoder.weight_bytes(model, plain())
    assert 0 < decoder.parameter_count(model) < 2**60 and 0 < stored < 2**63
    return True


@pytest.mark.slow
@given(base=st.sampled_from(BASES), changes=st.lists(st.tuples(st.integers(0, 1500), BYTES), min_size=1, max_size=6),
       cut=st.none() | st.integers(0, 2000))  # fmt: skip
@settings(deadline=None, max_examples=trials(150), suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_bent_header_is_read_rightly_or_refused_in_one_line(tmp_path: Path, base: bytes, changes, cut) -> None:
    bent = bytearray(base)
    for place, byte in changes:
        bent[place % len(bent)] = byte
    (tmp_path / "bent.gguf").write_bytes(bytes(bent[:cut]))
    refused_or_right(tmp_path / "bent.gguf")


VALUES = st.one_of(
    st.integers(0, 5), st.sampled_from([0, 64, 2**31, 2**63, 2**64 - 1]), st.floats(width=32), st.text(max_size=4),
    st.booleans(), st.lists(st.integers(0, 4), min_size=1, max_size=4), st.none(),
)  # fmt: skip
KEYS = ("block_count", "embedding_length", "attention.head_count", "attention.head_count_kv", "context_length",
        "rope.dimension_count", "attention.key_length", "attention.value_length", "attention.sliding_window",
        "attention.sliding_window_pattern", "expert_count", "expert_used_count", "attention.kv_lora_rank",
        "ssm.inner_size", "attention.shared_kv_layers", "nextn_predict_layers")  # fmt: skip


@pytest.mark.slow
@given(name=st.sampled_from(["llama", "gemma3", "gemma3n", "cohere2", "llama4", "deepseek2", "lfm2", "phi3", "gemma4"]),
       changes=st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=4), tied=st.booleans())  # fmt: skip
@settings(deadline=None, max_examples=trials(100), suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_metadata_of_other_types_and_sizes_is_read_rightly_or_refused(tmp_path: Path, name, changes, tied) -> None:
    keys = metadata(name, 2)
    for key, said in changes.items():
        keys[f"{name}.{key}"] = said
        if said is None:
            del keys[f"{name}.{key}"]
    refused_or_right(written(tmp_path / "bent.gguf", keys, dense(2, tied)))


def test_a_dense_network_beside_the_experts_of_arctic_is_read_by_every_token(tmp_path):
    """llama.cpp's src/models/arctic.cpp: ffn_gate, ffn_up and ffn_down as wide as the model, a norm of the experts."""
    keys = metadata("arctic", 1, expert_count=4, expert_used_count=2, feed_forward_length=WIDTH)
    tensors = ends() | attention(0) | network(0, HIDDEN)
    for part, shape in (("gate", (HIDDEN, WIDTH, 4)), ("up", (HIDDEN, WIDTH, 4)), ("down", (WIDTH, HIDDEN, 4))):
        tensors[f"blk.0.ffn_{part}_exps.weight"] = (shape, Q8_0)
    tensors |= {"blk.0.ffn_gate_inp.weight": ((HIDDEN, 4), F32), "blk.0.ffn_norm_exps.weight": ((HIDDEN,), F32)}
    facts = read_gguf(written(tmp_path / "x.gguf", keys, tensors))
    assert (facts["ffn"], facts["shared_expert_intermediate_size"], facts["layer_vectors"]) == ("moe", HIDDEN, HIDDEN)
    stored = facts["quantization"][0]["bits"]
    assert stored["experts_up_proj"] == 8.5 and stored["shared_expert_up_proj"] == 4.5
