"""Links fitted to published collectives, and how far the forecasts of messages are off.

    python scripts/fit_collectives.py [FOLDER]        # of collectives.csv and other_measurements.csv

Prints, for each system: the latency of a hop, the reached part of its links and the exponent by which links slow down
as devices join (`link_crowding`), by least squares of logarithms over its all-reduces; then latency and reached part of
the network, over the published low-latency all-to-alls of 16 to 256 devices (`network_us`, `network_efficiency`). Below
each stands what the shipped numbers give. No compilation.
"""

import csv
import re
import sys
from pathlib import Path

import numpy as np

from life_jax.config import conf_files
from life_jax.config.schema.files import DeviceFile
from life_jax.parallelism.collectives import all_reduce_over, exchange_over
from life_jax.parallelism.expert_parallel import row_bytes
from life_jax.parallelism.topology import Links

FOLDER = Path("../shared/data/serving")
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
    """Seconds [s] of all-reduces of MESSAGES by the fit of a row: latency, and bytes that cross a link."""
    n = float(row["ranks"])
    return float(row["alpha_us"]) * 1e-6 + 2 * (n - 1) / n * MESSAGES / (float(row["busbw_GBs_fit"]) * 1e9)


def forecast(ranks: float, latency: float, bandwidth: float, crowding: float) -> np.ndarray:
    links = Links(ranks, 1.0, bandwidth * (2 / ranks) ** crowding, 1e30, latency, 0.0)
    return np.asarray(all_reduce_over(links, MESSAGES))


def off(found: np.ndarray, seen: np.ndarray) -> str:
    """Median and largest error [%]."""
    errors = 100 * np.abs(np.exp(np.log(found / seen)) - 1)
    return f"median {np.median(errors):.0f} %, largest {np.max(errors):.0f} %"


def links_of(system: str, table: list[dict[str, str]]) -> None:
    mine = [row for row in table if row["system"] == system and row["op"] == "all_reduce"]
    file = conf_files.file("hw", DEVICES.get(system, system), DeviceFile)
    peak = file.interconnect_gb_per_s / 2 * 1e9
    ranks = np.array([float(row["ranks"]) for row in mine])
    latency = np.exp(np.mean([np.log(float(r["alpha_us"]) / (1 + np.log2(float(r["ranks"])))) for r in mine])) * 1e-6
    bus = np.array([float(row["busbw_GBs_fit"]) * 1e9 for row in mine])
    slope, level = np.polyfit(np.log(2 / ranks), np.log(bus / peak), 1)
    crowding = max(slope, 0.0)
    part = np.exp(level) if slope > 0 else np.exp(np.mean(np.log(bus / peak)))
    seen = np.array([measured(row) for row in mine])
    fitted = np.array([forecast(n, latency, peak * part, crowding) for n in ranks])
    of_class = conf_files.efficiency(DEVICES.get(system, system))
    shipped = [
        forecast(n, of_class.allreduce_us * 1e-6, peak * of_class.link_efficiency, file.link_crowding or 0.0)
        for n in ranks
    ]
    print(
        f"{system:20} hop {latency * 1e6:5.2f} us, part {part:.2f}, link_crowding {crowding:.2f}: {off(fitted, seen)}"
    )
    print(f"{'':20} shipped: {of_class.allreduce_us:.2f} us, {of_class.link_efficiency:.2f}, "
          f"{file.link_crowding or 0.0:.2f}: {off(np.array(shipped), seen)}")  # fmt: skip


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
    for system in dict.fromkeys(row["system"] for row in table):
        links_of(system, table)
    network(rows(folder / "other_measurements.csv"))


if __name__ == "__main__":
    main()
