"""RWKV-6 and RWKV-7 in GGUF: the parameters, the state and the bits of the tensors of llama.cpp."""

import pytest
from configs import RWKV6, RWKV7
from gguf_bytes import F32, Q8_0, Tensors, metadata, written

from life_jax.config.build import bits
from life_jax.config.checkpoints.architecture import architecture
from life_jax.config.checkpoints.gguf.model import read_gguf
from life_jax.config.checkpoints.huggingface import translate
from life_jax.config.schema.check import check
from life_jax.config.schema.errors import ConfigError
from life_jax.config.schema.files import PrecisionFile
from life_jax.config.schema.model_file import ModelFile
from life_jax.models import decoder

PRECISION = bits(PrecisionFile())


def vectors(*names: str, width: int) -> Tensors:
    return dict.fromkeys(names, ((width,), F32))


def ends(d: int, vocab: int) -> Tensors:
    normed = vectors(*(f"{name}.{part}" for name in ("token_embd_norm", "output_norm") for part in ("weight", "bias")),
                     width=d)  # fmt: skip
    return {"token_embd.weight": ((d, vocab), Q8_0), "output.weight": ((d, vocab), Q8_0), **normed}


def products(layer: int, shapes: dict[str, tuple[int, ...]]) -> Tensors:
    return {f"blk.{layer}.{name}.weight": (shape, Q8_0) for name, shape in shapes.items()}


def around(layer: int, d: int, *more: str) -> Tensors:
    """Norms of a layer and vectors as wide as the model."""
    normed = [f"{name}.{part}" for name in ("attn_norm", "attn_norm_2", "time_mix_ln") for part in ("weight", "bias")]
    names = (*normed, *(f"{name}.weight" for name in more))
    return {f"blk.{layer}.{name}": found for name, found in vectors(*names, width=d).items()}


def rwkv7(d: int, layers: int, width: int, vocab: int, ranks: dict[str, int]) -> Tensors:
    tensors = ends(d, vocab)
    for i in range(layers):
        tensors |= around(i, d, *(f"time_mix_{name}" for name in ("w0", "a0", "v0", "k_k", "k_a", "r_k")))
        tensors |= products(i, {f"time_mix_{name}": (d, d) for name in ("receptance", "key", "value", "output")})
        for name, rank in ranks.items():
            tensors |= products(i, {f"time_mix_{name}1": (d, rank), f"time_mix_{name}2": (rank, d)})
        tensors |= products(i, {"channel_mix_key": (d, width), "channel_mix_value": (width, d)})
        tensors[f"blk.{i}.time_mix_lerp_fused.weight"] = ((d, 1, 1, 6), F32)
        tensors[f"blk.{i}.channel_mix_lerp_k.weight"] = ((d, 1, 1), F32)
    return tensors


def rwkv6(d: int, layers: int, width: int, vocab: int, mix: int, decay: int) -> Tensors:
    tensors = ends(d, vocab)
    squares = (*(f"time_mix_{name}" for name in ("receptance", "key", "value", "gate", "output")),
               "channel_mix_receptance")  # fmt: skip
    for i in range(layers):
        tensors |= around(i, d, "time_mix_decay")
        tensors |= products(i, dict.fromkeys(squares, (d, d)))
        tensors |= products(i, {"time_mix_w1": (d, 5 * mix), "time_mix_w2": (mix, d, 5)})
        tensors |= products(i, {"time_mix_decay_w1": (d, decay), "time_mix_decay_w2": (decay, d)})
        tensors |= products(i, {"channel_mix_key": (d, width), "channel_mix_value": (width, d)})
        tensors[f"blk.{i}.time_mix_first.weight"] = ((64, d // 64), F32)
        for name in ("time_mix_lerp_x", *(f"time_mix_lerp_{one}" for one in "wkvrg"), "channel_mix_lerp_k",
                     "channel_mix_lerp_r"):  # fmt: skip
            tensors[f"blk.{i}.{name}.weight"] = ((d, 1, 1), F32)
    return tensors


def keys(architecture: str, layers: int, d: int) -> dict:
    sizes = {
        "attention.head_count": 0,
        "wkv.head_size": 64,
        "embedding_length": d,
        "attention.layer_norm_epsilon": 1e-5,
    }
    return {**metadata(architecture, layers), **{f"{architecture}.{key}": value for key, value in sizes.items()}}


RANKS = {"w": 96, "a": 96, "v": 64, "g": 256}  # of RWKV-7 World 1.5B
FILES = {
    "rwkv7": (rwkv7(2048, 24, 8192, 65536, RANKS), 24, 2048, RWKV7),
    "rwkv6": (rwkv6(4096, 32, 14336, 65536, 64, 128), 32, 4096, RWKV6),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_the_model_that_config_json_describes(tmp_path, name):
    tensors, layers, d, config = FILES[name]
    facts = read_gguf(written(tmp_path / "x.gguf", keys(name, layers, d), tensors))
    ours, theirs = (architecture(check(said, ModelFile, "m"), "m") for said in (facts, translate(config, "m")))
    assert decoder.parameter_count(ours) == decoder.parameter_count(theirs)
    for tokens in (1.0, 1000.0):
        assert decoder.cache_bytes(ours, tokens, PRECISION) == decoder.cache_bytes(theirs, tokens, PRECISION)
    stored = facts["quantization"][0]["bits"]
    assert {stored[tensor] for tensor in ("r_proj", "o_proj", "decay_a_proj", "up_proj", "head")} == {8.5}


def test_what_the_first_layer_of_rwkv7_never_reads_is_said(tmp_path):
    tensors, layers, d, _ = FILES["rwkv7"]
    facts = read_gguf(written(tmp_path / "x.gguf", keys("rwkv7", layers, d), tensors))
    assert "3 tensors" in facts["warnings"][0]


def test_other_versions_are_refused(tmp_path):
    tensors = ends(128, 64) | {"blk.0.time_mix_output.weight": ((128, 128), Q8_0)}
    with pytest.raises(ConfigError, match="only versions 6 and 7"):
        read_gguf(written(tmp_path / "x.gguf", keys("rwkv5", 1, 128), tensors))
