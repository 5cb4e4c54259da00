"""GGUF files: read as they are stored, refused where they are not understood."""

from pathlib import Path

import numpy as np
import pytest

import life_jax as life
from life_jax.forecasting import breakdown

gguf = pytest.importorskip("gguf")

LAYERS, HIDDEN, HEADS, KV_HEADS, WIDTH, VOCAB = 4, 256, 8, 2, 512, 1000
Q4_0, Q8_0 = gguf.GGMLQuantizationType.Q4_0, gguf.GGMLQuantizationType.Q8_0


def written(path: Path, *, extra: bool = False) -> int:
    """A small Llama with random weights in mixed formats; the bytes of its tensors."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(LAYERS)
    writer.add_embedding_length(HIDDEN)
    writer.add_feed_forward_length(WIDTH)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_context_length(4096)
    writer.add_layer_norm_rms_eps(1e-5)
    rng = np.random.default_rng(0)

    def add(name: str, shape: tuple[int, ...], kind: object = None) -> None:
        values = rng.standard_normal(shape).astype(np.float32)
        if kind is None:
            writer.add_tensor(name, values)
        else:
            writer.add_tensor(name, gguf.quants.quantize(values, kind), raw_dtype=kind)

    add("token_embd.weight", (VOCAB, HIDDEN), Q4_0)
    add("output.weight", (VOCAB, HIDDEN), Q8_0)
    add("output_norm.weight", (HIDDEN,))
    if extra:
        add("something_new.weight", (HIDDEN, HIDDEN), Q8_0)
    kv = HIDDEN // HEADS * KV_HEADS
    linear = {
        "attn_q": (HIDDEN, HIDDEN),
        "attn_k": (kv, HIDDEN),
        "attn_v": (kv, HIDDEN),
        "attn_output": (HIDDEN, HIDDEN),
    }
    linear |= {"ffn_gate": (WIDTH, HIDDEN), "ffn_up": (WIDTH, HIDDEN), "ffn_down": (HIDDEN, WIDTH)}
    for layer in range(LAYERS):
        add(f"blk.{layer}.attn_norm.weight", (HIDDEN,))
        add(f"blk.{layer}.ffn_norm.weight", (HIDDEN,))
        for name, shape in linear.items():
            add(f"blk.{layer}.{name}.weight", shape, Q8_0 if name == "ffn_down" and layer % 2 else Q4_0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return sum(int(t.n_bytes) for t in gguf.GGUFReader(path).tensors)


def explained(path: Path, *words: str) -> dict:
    case = life.load(["hw=v100", f"model={path}", *words], primary="explain").cases[0]
    return breakdown.as_json(case.scenario, {"model": case.model})


def test_the_weights_have_exactly_the_bytes_of_the_file(tmp_path: Path) -> None:
    stored = written(tmp_path / "tiny.gguf")
    said = explained(tmp_path / "tiny.gguf")
    assert said["weight_bytes"] == stored
    assert said["model"] == "tiny"


def test_the_shape_comes_from_the_metadata(tmp_path: Path) -> None:
    written(tmp_path / "tiny.gguf")
    said = explained(tmp_path / "tiny.gguf")
    assert said["kv_bytes_per_token"] == LAYERS * 2 * KV_HEADS * (HIDDEN // HEADS) * 2
    per_layer = 2 * HIDDEN * HIDDEN + 2 * HIDDEN * (HIDDEN // HEADS * KV_HEADS) + 3 * HIDDEN * WIDTH + 2 * HIDDEN
    assert said["parameters"]["total"] == LAYERS * per_layer + 2 * VOCAB * HIDDEN + HIDDEN


def test_an_option_for_the_weights_replaces_the_formats_of_the_file(tmp_path: Path) -> None:
    stored = written(tmp_path / "tiny.gguf")
    assert explained(tmp_path / "tiny.gguf", "opt=w16")["weight_bytes"] > stored


def test_a_tensor_that_is_not_understood_is_refused_not_ignored(tmp_path: Path) -> None:
    written(tmp_path / "new.gguf", extra=True)
    with pytest.raises(life.ConfigError, match="not understood"):
        life.load(["hw=v100", f"model={tmp_path / 'new.gguf'}"])


def test_a_file_that_is_no_gguf_is_refused(tmp_path: Path) -> None:
    (tmp_path / "broken.gguf").write_bytes(b"GGUF" + bytes(40))
    with pytest.raises(life.ConfigError, match="GGUF"):
        life.load(["hw=v100", f"model={tmp_path / 'broken.gguf'}"])


def test_a_file_type_reaches_the_recurrent_layers_of_a_hybrid():
    """Gated-delta layers have no query heads; their projections take the file type's own format."""
    words = ["hw=a100", "model=qwen3_next_80b_a3b"]
    weights = life.load([*words, "opt=q4_k_s"]).scenario.precision.weights
    plain = life.load(words).scenario.precision.weights
    assert weights["in_proj_qkvz"].bits == 4.5  # Q4_K: 144 bytes per 256 weights
    assert "in_proj_qkvz" not in plain
