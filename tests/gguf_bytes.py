"""GGUF headers of small models, written by hand: no package, and no data behind the header unless asked for."""

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

F32, Q4_0, Q8_0 = 0, 2, 8
SIZES = {F32: (4, 1), Q4_0: (18, 32), Q8_0: (34, 32)}  # bytes of a block, weights in it
Tensors = dict[str, tuple[tuple[int, ...], int]]

HIDDEN, WIDTH, HEADS, VOCAB = 64, 128, 2, 96


def text(value: str) -> bytes:
    raw = value.encode()
    return struct.pack("<Q", len(raw)) + raw


def value(said: Any) -> bytes:
    """A value of the metadata with its type in front."""
    if isinstance(said, bool):
        return struct.pack("<I?", 7, said)
    if isinstance(said, int):
        return struct.pack("<IQ", 10, said)
    if isinstance(said, float):
        return struct.pack("<If", 6, said)
    if isinstance(said, str):
        return struct.pack("<I", 8) + text(said)
    inner = value(said[0])[:4] if said else struct.pack("<I", 4)
    return struct.pack("<I", 9) + inner + struct.pack("<Q", len(said)) + b"".join(value(one)[4:] for one in said)


def header(metadata: Mapping[str, Any], tensors: Tensors) -> bytes:
    out = [b"GGUF", struct.pack("<IQQ", 3, len(tensors), len(metadata))]
    out += [text(key) + value(said) for key, said in metadata.items()]
    offset = 0
    for name, (shape, kind) in tensors.items():
        out.append(text(name) + struct.pack("<I", len(shape)) + struct.pack(f"<{len(shape)}Q", *shape))
        out.append(struct.pack("<IQ", kind, offset))
        offset += stored(shape, kind)
    return b"".join(out)


def stored(shape: Sequence[int], kind: int) -> int:
    """Bytes of a tensor."""
    elements = 1
    for side in shape:
        elements *= side
    size, weights = SIZES[kind]
    return elements // weights * size


def total(tensors: Tensors) -> int:
    return sum(stored(*tensor) for tensor in tensors.values())


def attention(layer: int, kv_heads: int = 1, heads: int = HEADS, size: int = 32) -> Tensors:
    """Projections of one layer; grouped keys and values."""
    blk = f"blk.{layer}.attn"
    return {
        f"{blk}_norm.weight": ((HIDDEN,), F32),
        f"{blk}_q.weight": ((HIDDEN, heads * size), Q4_0),
        f"{blk}_k.weight": ((HIDDEN, kv_heads * size), Q4_0),
        f"{blk}_v.weight": ((HIDDEN, kv_heads * size), Q8_0),
        f"{blk}_output.weight": ((heads * size, HIDDEN), Q4_0),
    }


def network(layer: int, width: int = WIDTH) -> Tensors:
    blk = f"blk.{layer}.ffn"
    return {
        f"{blk}_norm.weight": ((HIDDEN,), F32),
        f"{blk}_gate.weight": ((HIDDEN, width), Q4_0),
        f"{blk}_up.weight": ((HIDDEN, width), Q4_0),
        f"{blk}_down.weight": ((width, HIDDEN), Q8_0),
    }


def ends(tied: bool = False) -> Tensors:
    found: Tensors = {"token_embd.weight": ((HIDDEN, VOCAB), Q8_0), "output_norm.weight": ((HIDDEN,), F32)}
    return found if tied else found | {"output.weight": ((HIDDEN, VOCAB), Q8_0)}


def metadata(architecture: str, layers: int, **more: Any) -> dict[str, Any]:
    """Keys of a small model; `more`: others of the architecture, with __ for a dot, or None to leave one out."""
    keys = {
        "block_count": layers, "embedding_length": HIDDEN, "attention.head_count": HEADS,
        "attention.head_count_kv": 1, "feed_forward_length": WIDTH, "context_length": 8192,
        "attention.layer_norm_rms_epsilon": 1e-5, "rope.dimension_count": 32,
    } | {key.replace("__", "."): said for key, said in more.items()}  # fmt: skip
    named = {f"{architecture}.{key}": said for key, said in keys.items() if said is not None}
    return {"general.architecture": architecture, **named}


def dense(layers: int, tied: bool = False) -> Tensors:
    found = ends(tied)
    for layer in range(layers):
        found |= attention(layer) | network(layer)
    return found


def written(path: Path, keys: Mapping[str, Any], tensors: Tensors, *, data: bool = False) -> Path:
    path.write_bytes(header(keys, tensors) + (b"\0" * (31 + total(tensors)) if data else b""))
    return path
