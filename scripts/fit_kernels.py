"""How well one kernel is forecast: GEMM and attention times against the law that the operators follow.

    python scripts/fit_kernels.py [--data ../shared/data]

GEMM:      t = t0 + roof(F / (e_c R) (1 + H / (M N)), bytes / (e_m BW); s)
attention: t = t0 + t1 + t2 D + B g b + roof(roof(F / (e_c R), bytes / (e_m BW); s) d^log2(D) v, w T; s)

FLOP and bytes from life_jax/operators. Five or ten numbers for each device, software and data type (attention:
prefill and decode apart), maximum a posteriori around the priors of the modelling reference, 6.3. H is 0 for up to 8
rows, which are matrix-vector kernels. b is the time of one thread block, of which there is at least one for each
sequence and KV head; queries of a prefill fill blocks of 128, and a window hides nothing of the block it begins in.
One block walks the context T of a decode step alone, w for each position, where every head has its own keys and values;
t1 is a second kernel of a decode step, which gathers the queries of a group or adds up the parts of a split context.
D is the width of a head over 128: t2 is the time of one block of such heads, and d what twice the width makes of the
busy time, as every width has its own tiles. v is what the mask costs a kernel that computes what a window hides.
Two things differ by kernel, and are found out for each: some compute what a window hides all the same, and some let one
block walk alone also where heads share keys and values. Rows whose weights fit the last-level cache are left out.
Reported: mean error over the rows of a device, then over devices, in sample and with the device left out (the median of
the other devices' numbers of that software and data type, or of that data type, or of all).
"""

import argparse
import csv
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
from scipy.optimize import least_squares

from life_jax.config import conf_files, names
from life_jax.config.schema.files import DeviceFile
from life_jax.operators import attention, linear
from life_jax.roofline.effects.matrix_tiles import FEW_ROWS
from life_jax.roofline.roofs import roof

ROOT = Path(__file__).resolve().parents[1]
RATES = {
    "bfloat16": ("bf16", 16), "float16": ("fp16", 16), "half": ("fp16", 16), "fp8": ("fp8", 8), "fp8_block": ("fp8", 8),
    "int8": ("int8", 8),
}  # fmt: skip
NUMBERS = {
    "GEMM": ("e_c", "e_m", "t0 us", "s", "H 2^20"),
    "attention": ("e_c", "e_m", "t0 us", "s", "b ns", "w ns", "t1 us", "d", "v", "t2 us"),
}
PRIOR = np.log([0.75, 0.8, 5.0, 0.6, 0.25])
DEVIATION = np.array([0.3, 0.15, 0.8, 0.5, 1.0, 1.0, 1.0, 0.5, 0.3, 1.0])
ATTENTION = np.log([0.5, 0.75, 10.0, 1.0, 10.0, 10.0, 2.0, 1.0, 1.0, 1.0])
BLOCK = 128  # queries of a thread block, those of the heads that share keys and values together
LONG = 512  # positions of a context that are split
WAYS = ((True, True), (False, True), (True, False), (False, False))  # (windows are skipped, contexts are split)
NAMES = {"A100 SXM": "a100_sxm_80gb"}  # of the tables
NOISE, SOFT = 0.10, 0.10


def law(x, work):
    """Seconds of kernels; x: logarithms of NUMBERS; work: seconds at the peak rate and at the peak bandwidth, outputs
    that stand for none (1 / (M N)), blocks, positions that one block walks, kernels
    beside the first, log2 of the heads' width over 128, and whether a window hides what is computed."""
    e_c, e_m, t0, s, h, *more = np.exp(x)
    compute, memory, inverse, blocks, alone, second, wide, hidden = work
    busy = roof(compute / e_c * (1 + h * 2**20 * inverse), memory / e_m, s)
    if more:
        walk, t1, d, v, t2 = more
        t0 = t0 + t2 * 2**wide
        busy = roof(busy * d**wide * v**hidden, alone * walk * 1e-9, s) + second * t1 * 1e-6
    return t0 * 1e-6 + blocks * h * 1e-9 + busy


def fit(work, seconds, prior, weight=1.0):
    def residual(x):
        r = (np.log(law(x, work)) - np.log(seconds)) / SOFT
        return np.concatenate(
            [
                weight * np.sign(r) * np.sqrt(2 * (np.sqrt(1 + r * r) - 1)) * SOFT / NOISE,
                (x - prior) / DEVIATION[: len(x)],
            ]
        )

    found = least_squares(residual, prior, max_nfev=200)
    return found.x, found.cost


def gemm(row, device):
    """(seconds at peak rate, at peak bandwidth, 1 / outputs, and nothing else) of a product (m, k) x (k, n)."""
    dtype, bits = RATES[row["dtype"]]
    m, n, k = (float(row[key]) for key in "mnk")
    cost = linear.linear(
        tokens=m, d_in=k, d_out=n, weight_bits=bits, bits_per_channel=0, bias=0.0, bias_bits=16, input_bits=bits,
        output_bits=16, dequant_flops=0.0,
    )  # fmt: skip
    bytes_ = cost.weight_bytes + cost.activations_read + cost.activations_written
    rate = device.peak_tflops.get(dtype) or device.peak_tflops["fp16"]
    return (
        cost.matmul_flops / rate / 1e12,
        bytes_ / device.bandwidth_gb_per_s / 1e9,
        1 / (m * n) if m > FEW_ROWS else 0.0,
        *(0.0,) * 5,
    )


def attend(row, device, skips, splits):
    """The same of fused attention over a cache; seq new tokens after step cached ones.

    skips: whether the kernel leaves out what a window hides. splits: whether several blocks share a long context where
    query heads share keys and values."""
    numbers = {
        key: float(row[key] or 0) for key in ("batch", "seq", "step", "num_heads", "num_kv_heads", "head_dim", "window")
    }
    seq, past, window = numbers["seq"], numbers["step"], numbers["window"]
    prefill = row["op"] == "attention_prefill"
    heads = numbers["num_heads"]
    kv_heads = numbers["num_kv_heads"] or heads
    queries = BLOCK * kv_heads / heads  # of one head, in a block
    padded = np.ceil(seq / queries) * queries / seq if prefill else 1.0
    hidden = window and not skips
    if window:
        window = (window + (queries if prefill else 0)) * skips
    kv_bits = 8 if row["kv_dtype"] == "fp8" else 16
    some = {"queries": seq, "past": past}
    cost = attention.flash_attention(
        batch=numbers["batch"], queries=seq,
        pairs=attention.window_pairs(**some, window=window) if window else attention.causal_pairs(**some),
        positions=attention.window_positions(**some, window=window) if window else past + seq,
        heads=heads, kv_heads=kv_heads, head_dim=numbers["head_dim"],
        value_dim=numbers["head_dim"], activation_bits=16, kv_bits=kv_bits, kv_scale_bits=0, kv_dequant_flops=0.0,
        bias_flops=0.0,
    )  # fmt: skip
    bytes_ = cost.kv_read + cost.activations_read + cost.activations_written
    compute = cost.matmul_flops * padded / device.peak_tflops["fp16"] / 1e12
    alone = 0.0 if prefill or (splits and heads != kv_heads) else min(past + seq, window or np.inf)
    blocks = numbers["batch"] * kv_heads
    # queries of a group are gathered (nothing to do for one sequence or one group), or split contexts added up
    second = not prefill and ((heads > kv_heads > 1 and numbers["batch"] > 1) or past + seq >= LONG)
    return (
        compute,
        bytes_ / device.bandwidth_gb_per_s / 1e9,
        0.0,
        blocks,
        alone,
        float(second),
        np.log2(numbers["head_dim"] / 128),
        float(hidden),
    )


def read(path):
    """{kind: {(device, software, data type): readings (work [8, n], seconds [n]), one a way}}"""
    found = {"GEMM": defaultdict(list), "attention": defaultdict(list)}
    for row in csv.DictReader(path.read_text().splitlines()):
        label = NAMES.get(row["hardware"]) or names.device(row["hardware"])
        if label is None or not row["time_us"]:
            continue
        device = conf_files.file("hw", label, DeviceFile)
        if row["op"] == "gemm" and row["weights_fit_l2"].startswith("0") and row["dtype"] in RATES:
            key = (label, row["engine"], row["dtype"])
            found["GEMM"][key].append([(*gemm(row, device), float(row["time_us"]) * 1e-6)])
        if row["op"] in ("attention_prefill", "attention_decode"):
            key = (label, row["op"], row["kv_dtype"])
            seconds = float(row["time_us"]) * 1e-6
            found["attention"][key].append([(*attend(row, device, *way), seconds) for way in WAYS])
    return {
        kind: {key: [np.array(way).T for way in zip(*rows, strict=True)] for key, rows in sorted(groups.items())}
        for kind, groups in found.items()
    }


def report(kind, groups, prior):
    each = {key: [fit(way[:-1], way[-1], prior) for way in ways] for key, ways in groups.items()}
    best = {key: int(np.argmin([cost for _, cost in ways])) for key, ways in each.items()}
    fitted = {key: ways[best[key]][0] for key, ways in each.items()}
    inside, outside = defaultdict(list), defaultdict(list)
    print(
        f"\n{kind}: device, software or step, data type (rows): {', '.join(NUMBERS[kind])}; error % in sample, left out"
    )
    for key, ways in groups.items():
        rows = ways[best[key]]
        others = [x for other, x in fitted.items() if other[0] != key[0]]
        alike = [x for other, x in fitted.items() if other[0] != key[0] and other[1:] == key[1:]]
        alike = alike or [x for o, x in fitted.items() if o[0] != key[0] and o[2] == key[2]]
        guess = np.median(alike or others or [prior], axis=0)
        errors = [100 * np.abs(law(x, rows[:-1]) / rows[-1] - 1) for x in (fitted[key], guess)]
        inside[key[0]] += list(errors[0])
        outside[key[0]] += list(errors[1])
        numbers = " ".join(f"{v:8.3g}" for v in np.exp(fitted[key]))
        skips, splits = WAYS[best[key]]
        said = "  windows are not skipped" * (not skips) + "  contexts are not split" * (not splits)
        inside_, left = (e.mean() for e in errors)
        print(f"  {' '.join(key):52s} ({rows.shape[1]:3d}) {numbers}   {inside_:5.1f} {left:5.1f}{said}")
    for name, found in (("in sample", inside), ("device left out", outside)):
        each = {device: np.mean(e) for device, e in found.items()}
        text = ", ".join(f"{device} {e:.1f}" for device, e in each.items())
        print(f"  {name}: {np.mean(list(each.values())):.1f} % (mean over devices: {text})")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    found = read(parser.parse_args().data / "operators_dev.csv")
    report("GEMM", found["GEMM"], PRIOR)
    report("attention", found["attention"], ATTENTION)
    return 0


if __name__ == "__main__":
    sys.exit(main())
