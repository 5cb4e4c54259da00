"""GGUF files that other programs than llama.cpp write: Ollama's conversions, ik_llama.cpp's types; rare kinds."""

from pathlib import Path
from typing import Any

import pytest
from gguf_bytes import (
    F32,
    HIDDEN,
    Q4_0,
    SIZES,
    VOCAB,
    WIDTH,
    Tensors,
    attention,
    dense,
    ends,
    metadata,
    network,
    total,
    written,
)

import life_jax as life
from life_jax.config.checkpoints.gguf.model import read_gguf
from life_jax.config.schema.errors import ConfigError

WORDS = ["hw=h100_sxm", "prompt=1008", "output=16", "batch=1"]
TOKEN = 2 * 32 * 2  # bytes of a token's keys and values in a layer of one head of 32


def measured(path: Path) -> tuple[float, float]:
    """Bytes of the weights and of the cache at 1024 tokens, as a sweep has them."""
    found = life.evaluate(life.load([f"model={path}", *WORDS, "metrics=[weight_memory,kv_memory]"]))
    return found.weight_memory.item(), found.kv_memory.item()


def test_towers_in_ollamas_files_are_left_out_and_said(tmp_path: Path) -> None:
    tower: Tensors = {"v.blk.0.attn_k.weight": ((64, 64), F32), "mm.mm_input_projection.weight": ((64, 64), F32)}
    path = written(tmp_path / "a.gguf", metadata("gemma3", 1, attention__sliding_window=512), dense(1) | tower)
    assert f"{total(tower)} bytes of its towers" in read_gguf(path)["warnings"][0]
    assert measured(path)[0] == total(dense(1))


def gpt_oss() -> Tensors:
    """One layer as Ollama names it: gate and up in one tensor, fused attention, sinks without .weight."""
    return ends() | {
        "blk.0.attn_norm.weight": ((HIDDEN,), F32),
        "blk.0.attn_qkv.weight": ((HIDDEN, 4 * 32), Q4_0),
        "blk.0.attn_qkv.bias": ((4 * 32,), F32),
        "blk.0.attn_out.weight": ((HIDDEN, HIDDEN), Q4_0),
        "blk.0.attn_out.bias": ((HIDDEN,), F32),
        "blk.0.attn_sinks": ((2,), F32),
        "blk.0.ffn_norm.weight": ((HIDDEN,), F32),
        "blk.0.ffn_gate_inp.weight": ((HIDDEN, 4), F32),
        "blk.0.ffn_gate_inp.bias": ((4,), F32),
        "blk.0.ffn_gate_up_exps.weight": ((HIDDEN, 2 * WIDTH, 4), Q4_0),
        "blk.0.ffn_gate_up_exps.bias": ((2 * WIDTH, 4), F32),
        "blk.0.ffn_down_exps.weight": ((WIDTH, HIDDEN, 4), Q4_0),
        "blk.0.ffn_down_exps.bias": ((HIDDEN, 4), F32),
    }


def test_ollamas_own_conversion_of_gpt_oss_is_that_of_llama_cpp(tmp_path: Path) -> None:
    keys = metadata("gptoss", 1, attention__key_length=32, attention__value_length=32, attention__sliding_window=128,
                    expert_count=4, expert_used_count=2)  # fmt: skip
    path = written(tmp_path / "a.gguf", keys, gpt_oss())
    assert read_gguf(path)["attention_sinks"]
    assert measured(path) == (total(gpt_oss()), TOKEN * 128)


def test_a_tensor_whose_name_has_no_parts_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is not understood"):
        read_gguf(written(tmp_path / "a.gguf", metadata("llama", 1), dense(1) | {"stray": ((64, 64), F32)}))


@pytest.mark.parametrize(
    ("kind", "bits", "of_row"),
    [(139, 4.5, 0), (144, 4.25, 4), (145, 2.1875, 2), (154, 3.125, 4), (339, 4.5, 0), (219, 1.5, 2)],
)
def test_types_of_ik_llama_cpp_have_their_bytes(tmp_path: Path, kind: int, bits: float, of_row: int) -> None:
    SIZES.setdefault(kind, (int(bits * 256 / 8), 256))
    tensors = dense(1) | {"blk.0.ffn_down.weight": ((256, HIDDEN), kind), "blk.0.ffn_up.weight": ((HIDDEN, 256), Q4_0),
                          "blk.0.ffn_gate.weight": ((HIDDEN, 256), Q4_0)}  # fmt: skip
    path = written(tmp_path / "a.gguf", metadata("llama", 1, feed_forward_length=256), tensors)
    assert measured(path)[0] == pytest.approx(total(tensors) + HIDDEN * of_row, rel=1e-6)


def test_a_matrix_in_the_place_of_attention_mixes_no_tokens(tmp_path: Path) -> None:
    keys = metadata("deci", 2, attention__head_count=[2, 2], attention__head_count_kv=[1, 0])
    linear: Tensors = {"blk.1.attn_norm.weight": ((HIDDEN,), F32), "blk.1.attn_output.weight": ((HIDDEN, HIDDEN), Q4_0)}
    tensors = dense(1) | linear | network(1)
    path = written(tmp_path / "a.gguf", keys, tensors)
    assert read_gguf(path)["layers"][1]["attention"] == "linear"
    assert measured(path) == (total(tensors), TOKEN * 1024)


def test_adjugate_experts_are_read_for_each_group_of_experts(tmp_path: Path) -> None:
    keys = metadata("grovemoe", 1, expert_count=8, expert_used_count=2)
    shapes: dict[str, tuple[int, ...]] = {
        "gate_exps": (HIDDEN, WIDTH, 8), "up_exps": (HIDDEN, WIDTH, 8), "down_exps": (WIDTH, HIDDEN, 8),
        "gate_chexps": (HIDDEN, 32, 4), "up_chexps": (HIDDEN, 32, 4), "down_chexps": (32, HIDDEN, 4),
    }  # fmt: skip
    beside: Tensors = {"blk.0.ffn_norm.weight": ((HIDDEN,), F32), "blk.0.ffn_gate_inp.weight": ((HIDDEN, 8), F32)}
    tensors = ends() | attention(0) | beside | {f"blk.0.ffn_{n}.weight": (s, Q4_0) for n, s in shapes.items()}
    path = written(tmp_path / "a.gguf", keys, tensors)
    facts: dict[str, Any] = read_gguf(path)
    assert (facts["adjugate_intermediate_size"], facts["experts_per_adjugate"]) == (32, 2)
    assert measured(path) == (total(tensors), TOKEN * 1024)


def test_a_blob_of_ollama_is_read_without_an_ending(tmp_path: Path) -> None:
    path = written(tmp_path / f"sha256-{'0a' * 32}", metadata("llama", 1), dense(1))
    assert measured(path) == (total(dense(1)), TOKEN * 1024)


@pytest.mark.parametrize(("first", "second"), [(".part1of2", ".part2of2"), ("-split-a", "-split-b")])
def test_the_first_part_of_a_cut_file_has_the_header_and_the_others_say_so(tmp_path, first: str, second: str) -> None:
    path = written(tmp_path / f"a.gguf{first}", metadata("llama", 1), dense(1))
    assert measured(path)[0] == total(dense(1))
    (tmp_path / f"a.gguf{second}").write_bytes(b"0" * 64)
    with pytest.raises(ConfigError, match="later part of a file that was cut"):
        life.load([f"model={tmp_path}/a.gguf{second}", *WORDS])


def test_a_file_of_weights_without_a_shape_names_what_to_give(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"0" * 64)
    with pytest.raises(ConfigError, match=r"give the config\.json of its model"):
        life.load([f"model={tmp_path}/model.safetensors", *WORDS])
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ConfigError, match=f"give {tmp_path}/config.json beside it"):
        life.load([f"model={tmp_path}/model.safetensors", *WORDS])


@pytest.mark.parametrize(("name", "word"), [("whisper", "hears or speaks"), ("eagle3", "opt=eagle3")])
def test_what_is_no_language_model_is_named_for_what_it_is(tmp_path: Path, name: str, word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        read_gguf(written(tmp_path / "a.gguf", metadata(name, 1), {"output.weight": ((HIDDEN, VOCAB), Q4_0)}))
