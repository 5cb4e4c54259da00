"""Measured GEMM and attention kernels as what their laws depend on (scripts/fit_kernels.py).

A group is one device, software or step, and data type; its rows are arrays by name.
"""

import csv
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from life_jax.config import conf_files, names
from life_jax.config.schema.device_file import DeviceFile
from life_jax.operators import attention, linear
from life_jax.roofline.effects.matrix_tiles import FEW_ROWS

RATES = {
    "bfloat16": ("bf16", 16), "float16": ("fp16", 16), "half": ("fp16", 16), "fp8": ("fp8", 8), "fp8_block": ("fp8", 8),
    "int8": ("int8", 8),
}  # fmt: skip
NAMES = {"A100 SXM": "a100_sxm_80gb"}  # of the tables
ROWS = 64  # of a product's tile, which are whole where there are more
TILE = 128  # rows of a thread block: queries, of one head or of those that share keys and values
KEYS = 64  # positions of a block's step
VECTORS = 16  # rows of a block of a decode step
LONG = 512  # positions from which on blocks share a context
WIDTH = 128  # of a head that others are compared with


@dataclass(frozen=True)
class Kernel:
    """What is known of a device's attention kernels beside times.

    units: multiprocessors or Xe cores, and cache [byte]: the last level (vendors' documents, recalled). packs: queries
    of all heads that share keys and values fill a block together. skips: prefill leaves out what a window hides.
    splits: several blocks share a context where heads share keys and values, and always where splits_alone. queued: no
    graphs are captured, so that the host launches a kernel while the one before runs. (FlashAttention 2 and 3 and
    Intel's kernels as vLLM has them: read or [inferred from the rows].)
    """

    units: int
    cache: float
    packs: bool
    skips: bool
    splits: bool
    splits_alone: bool
    queued: bool


KERNELS = {
    "a100_sxm_80gb": Kernel(108, 40e6, packs=False, skips=True, splits=True, splits_alone=False, queued=False),
    "h100_sxm": Kernel(132, 50e6, packs=True, skips=True, splits=True, splits_alone=True, queued=False),
    "arc_pro_b60": Kernel(20, 18e6, packs=True, skips=False, splits=False, splits_alone=False, queued=True),
}


@dataclass(frozen=True)
class Group:
    """alike: groups of other devices whose numbers it may have, the likeliest first; rows: arrays by name; seconds."""

    device: str
    what: str
    alike: tuple[str, ...]
    rows: dict[str, np.ndarray]
    seconds: np.ndarray


def gemm(row, device):
    """A product (m, k) x (k, n): seconds at the peak rate and bandwidth, 1 / outputs.

    Times of 8-bit products contain the quantization of their activations: 16 bit are read and 8 written before.
    """
    dtype, bits = RATES[row["dtype"]]
    m, n, k = (float(row[key]) for key in "mnk")
    cost = linear.linear(
        tokens=m, d_in=k, d_out=n, weight_bits=bits, bits_per_channel=0, bias=0.0, bias_bits=16, input_bits=bits,
        output_bits=16, dequant_flops=0.0,
    )  # fmt: skip
    bytes_ = cost.weight_bytes + cost.activations_read + cost.activations_written + (3 * m * k if bits == 8 else 0.0)
    rate = device.peak_tflops.get(dtype) or device.peak_tflops["fp16"]
    return {
        "compute": cost.matmul_flops / rate / 1e12 * (np.ceil(m / ROWS) * ROWS / m if m > ROWS else 1.0),
        "memory": bytes_ / device.bandwidth_gb_per_s / 1e9,
        "inverse": 1 / (m * n) if m > FEW_ROWS else 0.0,
    }


def attend(row, device, kernel):
    """Fused attention of `seq` new tokens over `step` cached ones, as a device's thread blocks do it."""
    batch, queries, past, heads, width, window = (
        float(row[key] or 0) for key in ("batch", "seq", "step", "num_heads", "head_dim", "window")
    )
    kv_heads = float(row["num_kv_heads"] or 0) or heads
    group, kv_bits = heads / kv_heads, 8 if row["kv_dtype"] == "fp8" else 16
    prefill = queries > 1
    hidden = window > 0 and prefill and not kernel.skips
    window = 0.0 if hidden or window >= past + queries else window
    if prefill:
        packed = group if kernel.packs else 1.0
        ends = past + np.minimum(np.arange(1, np.ceil(queries * packed / TILE) + 1) * TILE / packed, queries)
        seen = ends if not window else np.minimum(ends, window + TILE / packed)
        scores, blocks = TILE * np.ceil(seen / KEYS) * KEYS, batch * heads / packed * len(seen)
        read, walks = past + queries, True
    else:
        read = min(past + 1, window or np.inf)
        scores, blocks = np.array([np.ceil(group / VECTORS) * VECTORS * read]), batch * kv_heads
        walks = not (kernel.splits and (group > 1 or kernel.splits_alone))
    gathers = not (prefill or kernel.packs) and batch > 1 and 1 < kv_heads < heads
    shared = not (prefill or walks) and (read >= LONG or (window > 0 and kernel.packs))
    rate, bandwidth = device.peak_tflops["fp16"] * 1e12, device.bandwidth_gb_per_s * 1e9
    one = {"kv_heads": 1.0, "head_dim": width, "value_dim": width, "kv_bits": kv_bits, "kv_scale_bits": 0}
    walked = attention.kv_bytes(tokens=read, **one)  # by one block
    vectors = 4 * batch * queries * heads * width
    converts = "fp8" not in device.peak_tflops and kv_bits == 8
    elements = 2 * WIDTH * read * converts / (device.peak_tflops["fp32"] * 1e12)  # widened, whatever the width
    of_all = batch * kv_heads * len(scores)
    cached = batch * kv_heads * walked
    return {
        "compute": blocks / len(scores) * scores.sum() * 4 * width / rate,
        "longest": scores.max() * 4 * width / rate * kernel.units,
        "memory": cached / bandwidth,
        "walked": walked / bandwidth * kernel.units,
        "vectors": vectors * (1 + 2 * gathers) / bandwidth,
        "widen": elements * of_all,
        "widen_one": elements * kernel.units,
        "fill": (cached + vectors) / kernel.cache,
        "blocks": blocks,
        "alone": float(walks),
        "second": float(gathers) + float(shared),
        "wide": np.log2(width / WIDTH),
        "hidden": float(hidden),
        "dispatch": device.dispatch_us * 1e-6,
        "queued": float(kernel.queued),
    }


def read(path: Path) -> dict[str, list[Group]]:
    """Groups of both kinds. Products whose weights fit the last-level cache are left out."""
    found: dict[str, dict[tuple[str, str, tuple[str, ...]], list]] = {
        "GEMM": defaultdict(list),
        "attention": defaultdict(list),
    }
    key: tuple[str, str, tuple[str, ...]]
    for row in csv.DictReader(path.read_text().splitlines()):
        label = NAMES.get(row["hardware"]) or names.device(row["hardware"])
        if label is None or not row["time_us"]:
            continue
        device = conf_files.file("hw", label, DeviceFile)
        seconds = float(row["time_us"]) * 1e-6
        if row["op"] == "gemm" and row["weights_fit_l2"].startswith("0") and row["dtype"] in RATES:
            units = "8 bit" if RATES[row["dtype"]][0] in device.peak_tflops and "8" in row["dtype"] else "16 bit"
            software = row["engine"].split()[0]
            key = (label, f"{row['engine']} {row['dtype']}", (f"{software} {units}", units, "any"))
            found["GEMM"][key].append((gemm(row, device), seconds))
        if row["op"] in ("attention_prefill", "attention_decode") and label in KERNELS:
            step = "decode" if float(row["seq"]) == 1 else "prefill"
            converts = " widened" if row["kv_dtype"] == "fp8" and "fp8" not in device.peak_tflops else ""
            key = (label, f"{step} {row['kv_dtype']}", (step + converts, step))
            found["attention"][key].append((attend(row, device, KERNELS[label]), seconds))
    return {
        kind: [
            Group(
                device,
                what,
                alike,
                {name: np.array([row[name] for row, _ in rows]) for name in rows[0][0]},
                np.array([seconds for _, seconds in rows]),
            )
            for (device, what, alike), rows in sorted(groups.items())
        ]
        for kind, groups in found.items()
    }
