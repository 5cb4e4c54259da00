"""Links fitted to published collectives, and how far the forecasts of messages are off.

    python scripts/fit_collectives.py [FOLDER]        # of collectives.csv and other_measurements.csv

Prints two tables of docs/layouts.md. Of each system the numbers that its all-reduces, all-gathers and reduce-scatters
of all numbers of devices share: latency of a hop, that of each further hop over it (`link_step`), reached part of the
links, exponent by which these slow down as devices join (`link_crowding`), part at which a switch reduces
(`switch_reduction`), by least squares of logarithms. Beside it the errors
of these numbers, those of a system of which nothing but all-reduces of two devices is known and the rest follows from
other systems, those of a system of which only the generation of its links is known, and those of what forecasts have.
All-to-alls have a latency and a part of their own. Then latency and reached part of the network, over the published
low-latency all-to-alls of 16 to 256 devices (`network_us`, `network_efficiency`). No compilation.
"""

import csv
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import least_squares

from life_jax.config import conf_files
from life_jax.config.device import link_step, through_host
from life_jax.config.schema.device_file import DeviceFile
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
MESSAGES = np.array([16e3, 256e3, 4e6, 64e6, 536870912.0])  # byte, the last the largest that was measured
RINGS = ("all_reduce", "all_gather", "reduce_scatter")
SWITCHES = ("h100_sxm", "h200_sxm", "b200_sxm", "gb200")  # systems whose switch reduces, and whose NCCL lets it
REACHED = 0.82  # of a device's memory, as of data-centre GPUs (conf/efficiency)
STEP, STRENGTH = 0.25, 0.1  # what a further hop is before anything was measured, and how much that weighs
TOKENS, CHOSEN, WIDTH = 128.0, 8.0, 7168.0  # of the published all-to-alls


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def measured(row: dict[str, str]) -> np.ndarray:
    """Seconds [s] of a collective of MESSAGES: latency and bytes that cross a link by the fit of a row, and its
    largest message."""
    n = float(row["ranks"])
    crosses = (2 if row["op"] == "all_reduce" else 1) * (n - 1) / n
    seconds = float(row["alpha_us"]) * 1e-6 + crosses * MESSAGES / (float(row["busbw_GBs_fit"]) * 1e9)
    seconds[-1] = crosses * MESSAGES[-1] / (float(row["busbw_GBs_at_largest"]) * 1e9)
    return seconds


@dataclass(frozen=True)
class Numbers:
    """Links of a system: latency [s] of a hop; step [1] of each further one over it; part [1] of the published
    bandwidth; crowding [1]: exponent by which it falls as devices join; switch [1]: part at which a switch reduces."""

    latency: float
    step: float
    part: float
    crowding: float = 0.0
    switch: float = 0.0

    def seconds(self, kind: str, ranks: float, file: DeviceFile) -> np.ndarray:
        """Seconds [s] of a collective of MESSAGES on so many devices as forecasts have it."""
        assert file.interconnect_gb_per_s is not None  # of systems whose collectives are measured
        peak = file.interconnect_gb_per_s / 2 * 1e9
        links = Links(
            inside=ranks,
            nodes=1.0,
            bandwidth=peak * self.part * (2 / ranks) ** self.crowding,
            network=1e30,
            latency=self.latency,
            network_latency=0.0,
            step=self.step,
            switch=peak * self.switch,
            memory=file.bandwidth_gb_per_s * 1e9 * REACHED,
        )
        if kind == "alltoall":
            sent = (ranks - 1) / ranks * MESSAGES
            return np.asarray(exchange_over(links, inside=sent, outside=0.0, latency=self.latency, efficiency=1.0))
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
    """Numbers of a system, of one or several kinds of collectives.

    fitted, left_out, generation, shipped: errors [%] by kind and number of devices, of these numbers, of those that
    follow from other systems (empty where nothing does) with and without two devices' own time, and of those that
    forecasts have
    """

    system: str
    kind: str
    numbers: Numbers
    fitted: dict[tuple[str, float], np.ndarray]
    left_out: dict[tuple[str, float], np.ndarray]
    generation: dict[tuple[str, float], np.ndarray]
    shipped: dict[tuple[str, float], np.ndarray]


def device(system: str) -> DeviceFile:
    return conf_files.file("hw", DEVICES.get(system, system), DeviceFile)


def over_pcie(system: str) -> bool:
    return through_host(device(system))


def of_kinds(system: str, kinds: Sequence[str], table: list[dict[str, str]]) -> list[dict[str, str]]:
    return [row for row in table if row["system"] == system and row["op"] in kinds]


def misses(numbers: Numbers, rows: list[dict[str, str]], file: DeviceFile) -> np.ndarray:
    """Logarithms of forecast over measured time."""
    return np.concatenate(
        [np.log(numbers.seconds(row["op"], float(row["ranks"]), file) / measured(row)) for row in rows]
    )


def fit(system: str, table: list[dict[str, str]], kinds: Sequence[str] = RINGS) -> Numbers:
    """Least squares of logarithms over collectives of these kinds and all numbers of devices."""
    mine, file = of_kinds(system, kinds, table), device(system)
    of_pcie, exchange = over_pcie(system), kinds == ("alltoall",)

    def of(x: np.ndarray) -> Numbers:
        """x: logarithms of hop [us], step, part and switch, and the crowding, of which some are not there."""
        return Numbers(
            float(np.exp(x[0])) * 1e-6,
            float(np.exp(x[1])),
            float(np.exp(x[2])),
            float(max(x[3], 0.0)) if of_pcie else 0.0,
            float(np.exp(x[4])) if system in SWITCHES and not exchange else 0.0,
        )

    def wrong(x: np.ndarray) -> np.ndarray:
        prior = STRENGTH * np.array([x[1] - np.log(STEP), x[3] - 0.5, x[4] - np.log(0.5)])
        return np.concatenate([misses(of(x), mine, file), prior])

    start = np.array([np.log(5.0), np.log(STEP), np.log(0.6), 0.5, np.log(0.5)])
    return of(least_squares(wrong, start, loss="soft_l1", f_scale=0.1).x)


def from_others(system: str, table: list[dict[str, str]], fits: dict[str, Numbers]) -> Numbers | None:
    """Numbers of a system of which two devices' all-reduces alone are measured: hop and part from these, the others
    from the systems with links of the same sort. None where the number of devices slows its links down as in no other
    system."""
    if over_pcie(system):
        return None
    others = [fits[name] for name in fits if name != system and not over_pcie(name)]
    switches = [n.switch for n in others if n.switch > 0] if system in SWITCHES else [0.0]
    step, switch = (
        float(np.exp(np.mean(np.log(x)))) if min(x) > 0 else 0.0 for x in ([n.step for n in others], switches)
    )
    mine, file = [r for r in of_kinds(system, ("all_reduce",), table) if r["ranks"] == "2"], device(system)

    def of(x: np.ndarray) -> Numbers:
        return Numbers(float(np.exp(x[0])) * 1e-6, step, float(np.exp(x[1])), 0.0, switch)

    start = np.log(np.array([5.0, 0.6]))
    return of(least_squares(lambda x: misses(of(x), mine, file), start, loss="soft_l1", f_scale=0.1).x)


def of_generation(system: str, fits: dict[str, Numbers]) -> Numbers | None:
    """Means of the numbers of the other systems whose links are of the same generation (`interconnect` of their files),
    so that nothing of the system itself is measured. None where there is no other, or a root complex is between."""
    mine = device(system).interconnect
    others = [fits[name] for name in fits if name != system and device(name).interconnect == mine]
    if not others or over_pcie(system):
        return None
    hop, step, part, switch = (
        float(np.exp(np.mean(np.log(np.maximum(x, 1e-30)))))
        for x in zip(*((n.latency, n.step, n.part, n.switch) for n in others), strict=True)
    )
    return Numbers(hop, step, part, 0.0, switch if system in SWITCHES else 0.0)


def shipped(system: str, kinds: Sequence[str]) -> Numbers:
    """What forecasts have: of all-reduces that of the device's class, of all-to-alls that of engines."""
    name, file = DEVICES.get(system, system), device(system)
    of_class, engine = conf_files.efficiency(name), conf_files.engine_file("ideal")
    own = link_step(file), file.link_crowding or 0.0, file.switch_reduction or 0.0
    if kinds == ("alltoall",):
        return Numbers(engine.exchange_us * 1e-6, own[0], engine.exchange_efficiency, own[1])
    return Numbers(of_class.allreduce_us * 1e-6, own[0], of_class.link_efficiency, own[1], own[2])


def _errors(
    numbers: Numbers | None, rows: list[dict[str, str]], file: DeviceFile
) -> dict[tuple[str, float], np.ndarray]:
    found: dict[tuple[str, float], np.ndarray] = {}
    if numbers is None:
        return found
    for row in rows:
        kind, ranks = row["op"], float(row["ranks"])
        found[kind, ranks] = errors(numbers.seconds(kind, ranks, file), measured(row))
    return found


def all_fits(table: list[dict[str, str]]) -> list[Fit]:
    """Fits of every system, first of its rings, then of its all-to-alls."""
    systems = list(dict.fromkeys(row["system"] for row in table))
    numbers = {system: fit(system, table) for system in systems}
    fits = []
    for kinds, of_system in ((RINGS, numbers), (("alltoall",), {})):
        for system in systems:
            mine = of_kinds(system, kinds, table)
            if not mine:
                continue
            own = of_system.get(system) or fit(system, table, kinds)
            others = from_others(system, table, numbers) if kinds == RINGS else None
            alike = of_generation(system, numbers) if kinds == RINGS else None
            wrong = [_errors(n, mine, device(system)) for n in (own, others, alike, shipped(system, kinds))]
            if others is not None:
                wrong[1].pop(("all_reduce", 2.0))  # from which it follows
            fits.append(Fit(system, "rings" if kinds == RINGS else "all-to-all", own, *wrong))
    return fits


def _medians(errors_of: dict[tuple[str, float], np.ndarray]) -> str:
    """Median error by kind of collective, of all numbers of devices and messages."""
    kinds = list(dict.fromkeys(kind for kind, _ in errors_of))
    return " / ".join(
        f"{np.median(np.concatenate([e for (k, _), e in errors_of.items() if k == kind])):.0f}" for kind in kinds
    ) + (" %" if kinds else "-")


def markdown(fits: list[Fit]) -> str:
    """Two tables of links by system, with median errors by kind of collective."""
    lines = [
        "| links | hop | further hop | part reached | crowding | in the switch | error of all-reduce / all-gather / "
        "reduce-scatter | left out | by generation | as shipped |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for f in fits:
        if f.kind != "rings":
            continue
        n = f.numbers
        lines.append(
            f"| {f.system} | {n.latency * 1e6:.2f} us | {n.step:.2f} | {n.part:.2f} | {n.crowding:.2f} | "
            f"{f'{n.switch:.2f}' if n.switch else '-'} | {_medians(f.fitted)} | {_medians(f.left_out)} | "
            f"{_medians(f.generation)} | {_medians(f.shipped)} |"
        )
    lines += [
        "",
        "| all-to-all over | latency | part reached | crowding | error | as shipped |",
        "|---|---|---|---|---|---|",
    ]
    for f in fits:
        if f.kind == "rings":
            continue
        n = f.numbers
        lines.append(
            f"| {f.system} | {n.latency * 1e6:.2f} us | {n.part:.2f} | {n.crowding:.2f} | {_medians(f.fitted)} | "
            f"{_medians(f.shipped)} |"
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
    text = markdown(all_fits(table))
    print(text)
    network(rows(folder / "other_measurements.csv"))
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(TABLE.sub(lambda match: match[1] + text + match[2], page), encoding="utf-8")


if __name__ == "__main__":
    main()
