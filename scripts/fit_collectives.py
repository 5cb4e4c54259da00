"""Links fitted to published collectives, and how far the forecasts of messages are off.

    python scripts/fit_collectives.py [FOLDER]        # of collectives.csv and other_measurements.csv

Prints, for each system and kind of collective, as a table of docs/layouts.md: the latency of a hop, the reached part of
its links and the exponent by which links slow down as devices join (`link_crowding`, of all-reduces), by least squares
of logarithms over its numbers of devices, beside what the shipped numbers give; then latency and reached part of the
network, over the published low-latency all-to-alls of 16 to 256 devices (`network_us`, `network_efficiency`). No
compilation.
"""

import csv
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from life_jax.config import conf_files
from life_jax.config.schema.files import DeviceFile
from life_jax.parallelism.collectives import all_gather_over, all_reduce_over, exchange_over
from life_jax.parallelism.expert_parallel import row_bytes
from life_jax.parallelism.topology import Links

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT.parent / "shared" / "data" / "serving"
PAGE = ROOT / "docs" / "layouts.md"
TABLE = re.compile(r"(<!-- table of collectives[^>]*-->\n).*?(<!-- end of table -->)", re.DOTALL)
DEVICES = {
    "a100_sxm": "a100_sxm_80gb",
    "b200_sxm": "b200",
    "b60": "arc_pro_b60",
}  # names of the table that are not ours
MESSAGES = np.array([16e3, 256e3, 4e6, 64e6, 512e6])  # byte
TOKENS, CHOSEN, WIDTH = 128.0, 8.0, 7168.0  # of the published all-to-alls


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def measured(row: dict[str, str]) -> np.ndarray:
    """Seconds [s] of a collective of MESSAGES by the fit of a row: latency, and bytes that cross a link."""
    n = float(row["ranks"])
    crosses = (2 if row["op"] == "all_reduce" else 1) * (n - 1) / n
    return float(row["alpha_us"]) * 1e-6 + crosses * MESSAGES / (float(row["busbw_GBs_fit"]) * 1e9)


def forecast(kind: str, ranks: float, latency: float, bandwidth: float, crowding: float) -> np.ndarray:
    """Seconds [s] of a collective of MESSAGES as forecasts have it."""
    links = Links(ranks, 1.0, bandwidth * (2 / ranks) ** crowding, 1e30, latency, 0.0)
    if kind == "alltoall":
        sent = (ranks - 1) / ranks * MESSAGES
        return np.asarray(exchange_over(links, inside=sent, outside=0.0, latency=latency, efficiency=1.0))
    return np.asarray((all_reduce_over if kind == "all_reduce" else all_gather_over)(links, MESSAGES))


def errors(found: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """How far apart two times are [%]."""
    return np.asarray(100 * np.abs(np.exp(np.log(found / seen)) - 1))


def off(found: np.ndarray, seen: np.ndarray) -> str:
    """Median and largest error [%]."""
    wrong = errors(found, seen)
    return f"median {np.median(wrong):.0f} %, largest {np.max(wrong):.0f} %"


@dataclass(frozen=True)
class Fit:
    """Links of a system as one kind of collective sees them.

    latency [s] of a hop; part [1] of the published bandwidth; crowding [1]: exponent by which it falls as devices join
    fitted, shipped: errors [%] by number of devices, of these numbers and of those that forecasts have
    """

    system: str
    kind: str
    latency: float
    part: float
    crowding: float
    fitted: dict[float, np.ndarray]
    shipped: dict[float, np.ndarray]


def fit(system: str, kind: str, table: list[dict[str, str]]) -> Fit:
    """Least squares of logarithms over the numbers of devices of a table."""
    mine = [row for row in table if row["system"] == system and row["op"] == kind]
    file = conf_files.file("hw", DEVICES.get(system, system), DeviceFile)
    peak = file.interconnect_gb_per_s / 2 * 1e9
    ranks = np.array([float(row["ranks"]) for row in mine])
    alone = [forecast(kind, n, 1.0, 1e30, 0.0)[0] for n in ranks]  # of hops of a second
    latency = float(np.exp(np.mean(np.log([float(r["alpha_us"]) for r in mine]) - np.log(alone)))) * 1e-6
    bus = np.array([float(row["busbw_GBs_fit"]) * 1e9 for row in mine])
    slope, level = np.polyfit(np.log(2 / ranks), np.log(bus / peak), 1)
    crowding = max(float(slope), 0.0)
    part = float(np.exp(level) if slope > 0 else np.exp(np.mean(np.log(bus / peak))))
    seen = {n: measured(row) for n, row in zip(ranks.tolist(), mine, strict=True)}
    of_class, engine = conf_files.efficiency(DEVICES.get(system, system)), conf_files.engine_file("ideal")
    shipped = (of_class.allreduce_us, of_class.link_efficiency)
    if kind == "alltoall":
        shipped = engine.exchange_us, engine.exchange_efficiency
    numbers = {
        "fitted": (latency, peak * part, crowding),
        "shipped": (shipped[0] * 1e-6, peak * shipped[1], file.link_crowding or 0.0),
    }
    wrong = {
        name: {n: errors(forecast(kind, n, *of_links), times) for n, times in seen.items()}
        for name, of_links in numbers.items()
    }
    return Fit(system, kind, latency, part, crowding, **wrong)


def markdown(fits: list[Fit]) -> str:
    """A table of links by system and kind, with the median error by number of devices."""
    lines = [
        "| links | collective | hop | part reached | crowding | error of 2 / 4 / 8 devices | as shipped |",
        "|---|---|---|---|---|---|---|",
    ]
    for f in fits:
        wrong = (" / ".join(f"{np.median(e):.0f}" for e in by_n.values()) + " %" for by_n in (f.fitted, f.shipped))
        lines.append(
            f"| {f.system} | {f.kind.replace('_', '-')} | {f.latency * 1e6:.2f} us | {f.part:.2f} | {f.crowding:.2f} | "
            + " | ".join(wrong)
            + " |"
        )
    return "\n".join([*lines, ""])


def network(table: list[dict[str, str]]) -> None:
    """All-to-alls of ranks in nodes of 8, by the bytes that leave the node."""
    points = []
    for row in table:
        ranks = re.search(r"low latency.* EP(\d+)$", row["setting"])
        if ranks is None or float(ranks.group(1)) <= 8:
            continue
        bits = 8.0 if row["quantity"].startswith("dispatch") else 16.0
        sent = TOKENS * CHOSEN * float(row_bytes(width=WIDTH, bits=bits)) * (1 - 8 / float(ranks.group(1)))
        points.append((sent, float(row["value"])))
    sent, seen = np.array(points).T
    weights = 1 / seen  # relative least squares
    latency, per_byte = np.linalg.lstsq(np.stack([weights, sent * weights], 1), np.ones(len(seen)), rcond=None)[0]
    print(
        f"network of 50 GB/s: {latency * 1e6:.1f} us, part {1 / per_byte / 50e9:.2f}: "
        f"{off(latency + sent * per_byte, seen)}"
    )
    engine = conf_files.engine_file("ideal")
    links = Links(8.0, 2.0, 1e30, 50e9 * engine.network_efficiency, 0.0, engine.network_us * 1e-6)
    shipped = exchange_over(links, inside=0.0, outside=sent, latency=0.0, efficiency=1.0)
    print(f"  shipped: {engine.network_us:g} us, {engine.network_efficiency:g}: {off(np.asarray(shipped), seen)}")


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    table = rows(folder / "collectives.csv")
    text = markdown([fit(*of, table) for of in dict.fromkeys((row["system"], row["op"]) for row in table)])
    print(text)
    network(rows(folder / "other_measurements.csv"))
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(TABLE.sub(lambda match: match[1] + text + match[2], page), encoding="utf-8")


if __name__ == "__main__":
    main()
