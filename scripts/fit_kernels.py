"""How well one kernel is forecast: GEMM and attention times against the law that the operators follow.

    python scripts/fit_kernels.py [--data ../shared/data]

GEMM:      t = t0 + roof(F / (e_c R) (1 + H / (M N)), bytes / (e_m BW); s)
attention: t = n0 D + n1 D (second kernels) + roof(all, longest; r), where
           all     = roof(F / (e_c R) x, bytes / (e_m BW) x; s) + bytes of vectors / (e_m BW) + B b
           longest = units (F / (e_c R) + bytes / (e_m BW)) x / g of the block with most to do, which walks alone

FLOP and bytes from life_jax/operators, in whole tiles of a thread block, of products too where they have more rows than
one. H is 0 for up to 8 rows, which are
matrix-vector kernels. D is the dispatch of the device's file, B the number of thread blocks, b the time of each on the
whole device, g what a block alone draws over its even part of the device (units: multiprocessors), x = d^log2(head's
width / 128), and v where a kernel computes what a window hides. Second kernels gather the queries of a group, or add
up the parts of a split context. What fits in the last-level cache moves L times as fast, as times are of repetitions.
A cache in 8 bits is widened by f FLOP an element on devices without units for it. Where no graph is captured, the
launch and the work of the kernel overlap.

Numbers of each device, software and data type (attention: prefill and decode apart), maximum a posteriori around
priors. Reported: mean error over the rows of a device, then over devices, in sample and with the device left out: with
the mean of other devices' numbers, and of the prior as one device more.
"""

import argparse
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
from kernel_rows import Group, read
from scipy.optimize import least_squares

from life_jax.roofline.roofs import roof

ROOT = Path(__file__).resolve().parents[1]
# name: (median, deviation of the logarithm); the modelling reference, 6.3, and FlashAttention's papers: 0.5 to 0.75 of
# the peak; launches of 3 us where the file of a data-centre GPU says 3.5; the rest [assumption]
NUMBERS = {
    "GEMM": {"e_c": (0.75, 0.3), "e_m": (0.8, 0.15), "t0 us": (5.0, 0.8), "s": (0.6, 0.5), "H 2^20": (0.25, 1.0)},
    "attention": {
        "e_c": (0.6, 0.3), "e_m": (0.8, 0.2), "n0": (3.0, 0.5), "n1": (1.5, 0.7), "b ns": (20.0, 1.0), "g": (2.0, 0.7),
        "s": (0.8, 0.5), "d": (1.0, 0.3), "v": (1.0, 0.3), "f": (50.0, 0.7), "r": (1.0, 0.5), "L": (2.0, 0.5),
    },
}  # fmt: skip
LAUNCH = 0.5  # smoothness of the roof of a launch and of the kernel before it
NOISE, SOFT = 0.10, 0.10


def products(x, rows):
    """Seconds of matrix products; x: logarithms of NUMBERS; rows: of kernel_rows.gemm."""
    e_c, e_m, t0, s, h = np.exp(x)
    return t0 * 1e-6 + roof(rows["compute"] / e_c * (1 + h * 2**20 * rows["inverse"]), rows["memory"] / e_m, s)


def attention(x, rows):
    """Seconds of fused attention; x: logarithms of NUMBERS; rows: of kernel_rows.attend."""
    e_c, e_m, n0, n1, b, g, s, d, v, f, r, cached = np.exp(x)
    wide = d ** rows["wide"] * v ** rows["hidden"]
    # of a working set of n caches, 1 / (1 + n^4) is found in the cache: no step, and no time falls when n grows
    e_m = e_m / (1 - (1 - 1 / cached) / (1 + rows["fill"] ** 4)) if cached > 1 else e_m
    compute = (rows["compute"] / e_c) * wide + rows["widen"] * f
    every = roof(compute, rows["memory"] / e_m * wide, s) + rows["vectors"] / e_m
    every = every + rows["blocks"] * b * 1e-9
    longest = ((rows["longest"] / e_c + rows["walked"] / e_m) * wide + rows["widen_one"] * f) / g
    launch = rows["dispatch"] * (n0 + n1 * rows["second"])
    busy = roof(every, rows["alone"] * longest, r)
    return np.where(rows["queued"] > 0, roof(launch, busy, LAUNCH), launch + busy)


LAWS = {"GEMM": products, "attention": attention}


def priors(kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Medians and deviations of the logarithms."""
    median, deviation = np.array(list(NUMBERS[kind].values())).T
    return np.log(median), deviation


def fit(kind: str, group: Group) -> np.ndarray:
    """Logarithms of the group's numbers, maximum a posteriori."""
    prior, deviation = priors(kind)
    logs = np.log(group.seconds)

    def residual(x):
        r = (np.log(LAWS[kind](x, group.rows)) - logs) / SOFT
        return np.concatenate(
            [np.sign(r) * np.sqrt(2 * (np.sqrt(1 + r * r) - 1)) * SOFT / NOISE, (x - prior) / deviation]
        )

    return least_squares(residual, prior, max_nfev=300).x


def guess(kind: str, group: Group, fitted: list[tuple[Group, np.ndarray]]) -> np.ndarray:
    """Numbers of a device that was not measured: the mean of those of the most alike groups of others, and of the
    prior."""
    others = [(other, x) for other, x in fitted if other.device != group.device]
    for like in group.alike:
        known = [x for other, x in others if like in other.alike]
        if known:
            return np.mean([*known, priors(kind)[0]], axis=0)
    return priors(kind)[0]


def errors(kind: str, groups: list[Group], say=print) -> tuple[dict[str, float], dict[str, float]]:
    """Mean error [%] of each device, in sample and left out; `say` takes a line of each group."""
    fitted = [(group, fit(kind, group)) for group in groups]
    inside: dict[str, list[float]] = defaultdict(list)
    outside: dict[str, list[float]] = defaultdict(list)
    say(
        f"\n{kind}: device, software or step, data type (rows): {', '.join(NUMBERS[kind])}; error % in sample, left out"
    )
    for group, x in fitted:
        off = [
            100 * np.abs(LAWS[kind](numbers, group.rows) / group.seconds - 1)
            for numbers in (x, guess(kind, group, fitted))
        ]
        inside[group.device] += list(off[0])
        outside[group.device] += list(off[1])
        numbers = " ".join(f"{v:7.3g}" for v in np.exp(x))
        within, without = (e.mean() for e in off)
        name = f"{group.device} {group.what}"
        say(f"  {name:50s} ({len(group.seconds):3d}) {numbers}   {within:5.1f} {without:5.1f}")
    of_devices = [{device: float(np.mean(e)) for device, e in each.items()} for each in (inside, outside)]
    return of_devices[0], of_devices[1]


def summary(data: Path, say=lambda line: None) -> list[str]:
    """A line for each kind of kernel."""
    lines = []
    for kind, groups in read(data / "operators_dev.csv").items():
        inside, outside = errors(kind, groups, say)
        each = ", ".join(f"{device} {inside[device]:.1f} / {outside[device]:.1f}" for device in inside)
        mean, left = (np.mean(list(e.values())) for e in (inside, outside))
        rows = sum(len(group.seconds) for group in groups)
        lines.append(f"{kind} ({rows} rows): {mean:.1f} % in sample, {left:.1f} % devices left out ({each})")
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    print("\n" + "\n".join(summary(parser.parse_args().data, print)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
