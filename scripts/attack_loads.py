"""Draws natural loads of natural pairs of device and engine, and counts forecasts that break a law of queues.

    python scripts/attack_loads.py [DRAWS] [--seed N] [--show N]

A draw is a device, an engine that runs there, a model, a weight format, lengths of prompts and outputs and how much
they vary, how bursty arrivals are, and replicas behind a router. Along curves of rate, concurrency, prompt, output,
bandwidth, compute rates, replicas and targets: no time falls when more arrives or rises when the device is faster,
percentiles are in order, no more requests are good than arrive, no stricter target is met by more, longer requests
never leave more room, more replicas never serve less. Times of a closed loop are no law but for their order: requests
of one length that keep together share a step or do not, in a simulation too. One evaluation is one point of a curve.
`attack(draws, seed)` is for other programs; the exit status is 1 where a law is broken.
"""

import argparse
import dataclasses
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any

import attack_laws
import numpy as np
from attack_laws import FORMATS, NOISE, Broken

from life_jax.config.schema.errors import ConfigError
from life_jax.core.scenario import UNPUBLISHED, Load, Scenario, Workload
from life_jax.forecasting.under_load import UnderLoad
from life_jax.measurements import forecasts

DRAWS = 40  # 9 400 evaluations
PARTS = np.array([0.02, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98, 0.99])  # of capacity
COUNTS = np.array([1.0, 2, 3, 4, 6, 8, 12, 16, 32, 64, 128, 256])  # of requests in a closed loop, and of replicas
LENGTHS = np.array([1.0, 2, 3, 4, 8, 15, 16, 17, 33, 64, 100, 128, 255, 257, 512, 1000, 2047, 2049, 4096, 8192])
FACTORS = np.geomspace(0.5, 2, 7)  # of bandwidth and of compute rates
TARGETS = np.geomspace(0.2, 20, 9)  # of both targets, over the times of an idle engine
TIMES = [(name, which) for name in ("ttft", "tpot", "itl") for which in (None, 50.0, 90.0, 99.0)]
MEAN, PERCENTILE = 0, 1  # places below
# part [1] by which a mean, and a percentile, may fall along a curve. A percentile is the place of a few of 256 points,
# which change their order; a faster device has another number of sequences in each step, whose kernels are others, and
# prompts of whole steps are counted in whole ones: what is left of faults, measured with 24 draws
MORE_RATE, FASTER, LONGER, CAPACITY, CONCURRENCY = (1e-6, 0.15), (0.2, 0.4), (0.05, 0.05), 0.1, 0.01
ROUNDING = 1e-3  # of max_rate, which is looked for by dividing


@dataclasses.dataclass(frozen=True)
class Drawn:
    """A natural load: what attack_laws draws, and the numbers of the load."""

    hw: str
    engine: str
    model: str
    stack: tuple[str, ...]
    prompt: float
    output: float
    load: dict[str, Any]

    def __str__(self) -> str:
        stack = "+".join(self.stack) or "none"
        return f"{self.hw} {self.engine} {self.model} {stack} {self.prompt:g} -> {self.output:g} {self.load}"


def drawn(random: np.random.Generator) -> Drawn:
    """A load of a device that has published rates, as far as is known before it is loaded."""

    def one(of: Any) -> Any:
        return of[int(random.integers(len(of)))]

    hw = one(attack_laws.HARDWARE)
    load = {
        "prompt_cv": one([0.0, 0.0, 0.5, 1.0]),
        "output_cv": one([0.0, 0.0, 0.5, 1.0]),
        "burst": one([1.0, 1.0, 0.5, 2.0]),
        "replicas": one([1.0, 1.0, 2.0, 4.0]),
        "router": one(["random", "round_robin", "least_loaded"]),
    }
    lengths = one([1.0, 32.0, 128.0, 512.0, 1024.0, 4096.0]), one([1.0, 2.0, 3.0, 8.0, 64.0, 256.0, 1000.0])
    return Drawn(hw, one(attack_laws.natural_engines(hw)), one(attack_laws.MODELS), one(FORMATS), *lengths, load)


def _under(base: UnderLoad, capacity: Any = None, **load: Any) -> UnderLoad:
    """The same engine under another load."""
    changed = dataclasses.replace(base.scenario, load=dataclasses.replace(base.scenario.load, **load))
    return UnderLoad(changed, base.law, base.scheduler, base.capacity if capacity is None else capacity)


def _times(under: UnderLoad, size: int) -> dict[str, np.ndarray]:
    """Times [size] by name and percentile, and the mean time of a whole request."""
    times = {f"{name} {which or 'mean'}": np.broadcast_to(under.time(name, which), size) for name, which in TIMES}
    times["e2e mean"] = times["ttft mean"] + np.nan_to_num(under.requested.decoded * times["tpot mean"])
    return times


def _falls(law: str, where: str, values: Any, along: np.ndarray, slack: float = 0.0) -> Iterator[Broken]:
    """Where values [n] that should grow along a curve [n] fall."""
    values = np.asarray(values, float)
    if np.isnan(values).any():
        if not np.isnan(values).all():
            yield Broken(f"{law}: some are NaN", where, np.inf, (np.nan, np.nan))
        return
    best = np.maximum.accumulate(values)
    with np.errstate(all="ignore"):
        ratio = np.where((best[:-1] > values[1:]), np.where(values[1:] > 0, best[:-1] / values[1:], np.inf), 1.0)
    worst = int(np.argmax(ratio))
    if ratio[worst] > 1 + NOISE + slack:
        yield Broken(law, where, float(ratio[worst] - 1), (along[worst], along[worst + 1]))


def _grow(
    what: str, where: str, times: dict[str, np.ndarray], along: np.ndarray, slacks: tuple[float, float], *, falls: bool
) -> Iterator[Broken]:
    order = slice(None, None, -1 if falls else 1)
    for name, values in times.items():
        slack = slacks[MEAN if name.endswith("mean") else PERCENTILE]
        yield from _falls(f"{name} falls with {what}", where, values[order], along[order], slack)


def _in_order(where: str, times: dict[str, np.ndarray]) -> Iterator[Broken]:
    for name in ("ttft", "tpot", "itl"):
        low, middle, high = (times[f"{name} {p}"] for p in (50.0, 90.0, 99.0))
        if (low > middle * (1 + NOISE)).any() or (middle > high * (1 + NOISE)).any():
            yield Broken(f"percentiles of {name} are in order", where, np.inf, (np.nan, np.nan))


def laws_of(d: Drawn) -> Iterator[Broken]:
    """The laws that a draw breaks. Raises ConfigError where there is no such forecast."""
    s = scenario_of(d)
    where = str(d)
    base = UnderLoad(s)
    if not (base.is_open and np.all(base.fits)):
        raise ConfigError("nothing is served")
    capacity = float(base.capacity)
    if not (np.isfinite(capacity) and capacity > 0):
        yield Broken("the capacity is a positive number", where, np.inf, (np.nan, np.nan))
        return
    rates = float(base.groups) * capacity * PARTS
    loaded = _under(base, rate=rates)
    times = _times(loaded, len(PARTS))
    yield from _grow("more rate", where, times, PARTS, MORE_RATE, falls=False)
    yield from _in_order(where, times)
    yield from _targets(base, rates, times, where)
    yield from _closed(base, where)
    yield from _lengths(base, where, rates)
    yield from _devices(s, where)


def scenario_of(d: Drawn) -> Scenario:
    """The scenario of a draw, at a rate of one request a second."""
    alone = forecasts.scenario(d.hw, d.model, d.stack, d.engine, 1.0)
    if alone.device.rates["linear"] >= UNPUBLISHED:
        raise ConfigError("no rates are published")
    workload = Workload(prompt_tokens=d.prompt, output_tokens=d.output, batch=1.0, past_tokens=0.0)
    return dataclasses.replace(alone, workload=workload, load=Load(rate=1.0, **d.load))


def _targets(base: UnderLoad, rates: np.ndarray, times: dict[str, np.ndarray], where: str) -> Iterator[Broken]:
    idle = {name: times[f"{name} mean"][0] for name in ("ttft", "tpot")}
    limits = {f"{name}_limit": np.nan_to_num(idle[name], nan=1.0) * TARGETS for name in idle}
    for part in (2, 9, 13):
        under = _under(base, rate=rates[part], **limits)
        good = np.broadcast_to(under.goodput, len(TARGETS))
        yield from _falls("goodput falls with looser targets", where, good, TARGETS)
        if (good > rates[part] * (1 + NOISE)).any():
            yield Broken("goodput is no more than what arrives", where, np.inf, (np.nan, np.nan))
    for percentile in (50.0, 99.0):
        most = np.broadcast_to(_under(base, percentile=percentile, **limits).max_rate, len(TARGETS))
        yield from _falls("max_rate falls with looser targets", where, most, TARGETS, ROUNDING)
    middle = {key: limit[len(TARGETS) // 2] for key, limit in limits.items()}
    replicas = np.broadcast_to(_under(base, replicas=COUNTS, percentile=90.0, **middle).max_rate, len(COUNTS))
    yield from _falls("max_rate falls with more replicas", where, replicas, COUNTS, ROUNDING)


def _closed(base: UnderLoad, where: str) -> Iterator[Broken]:
    """Requests that keep together share steps or do not, so that times may fall with their number; rates may not."""
    loops = _under(base, rate=0.0, concurrency=COUNTS)
    served = np.broadcast_to(loops.request_rate, len(COUNTS))
    yield from _falls("rate falls with more concurrency", where, served, COUNTS, CONCURRENCY)
    times = _times(loops, len(COUNTS))
    yield from _in_order(where, times)
    if not (np.isfinite(times["ttft mean"]) & (times["ttft mean"] > 0)).all():
        yield Broken("ttft of a closed loop is a positive number", where, np.inf, (np.nan, np.nan))


def _lengths(base: UnderLoad, where: str, rates: np.ndarray) -> Iterator[Broken]:
    for name in ("prompt_tokens", "output_tokens"):
        workload = dataclasses.replace(base.scenario.workload, **{name: LENGTHS})
        longer = UnderLoad(dataclasses.replace(base.scenario, workload=workload), base.law, base.scheduler)
        size, plain = len(LENGTHS), name.partition("_")[0]
        capacity = np.broadcast_to(longer.capacity, size)
        yield from _falls(f"capacity grows with longer {plain}s", where, capacity[::-1], LENGTHS[::-1], CAPACITY)
        rate = float(base.groups) * capacity.min() * 0.5
        under = _under(longer, rate=rate)
        used = np.broadcast_to(under.utilization, size)
        yield from _falls(f"utilization falls with longer {plain}s", where, used, LENGTHS, CAPACITY)
        if plain == "prompt":
            times = {"ttft mean": np.broadcast_to(under.time("ttft", None), size)}
            yield from _grow("longer prompts", where, times, LENGTHS, LONGER, falls=False)


def _devices(s: Scenario, where: str) -> Iterator[Broken]:
    device = s.device
    faster = {
        "bandwidth": dataclasses.replace(device, bandwidth=device.bandwidth * FACTORS),
        "compute": dataclasses.replace(device, rates={pipe: rate * FACTORS for pipe, rate in device.rates.items()}),
    }
    for what, moved in faster.items():
        base = UnderLoad(dataclasses.replace(s, device=moved))
        capacity = np.broadcast_to(base.capacity, len(FACTORS))
        yield from _falls(f"capacity falls with more {what}", where, capacity, FACTORS, CAPACITY)
        for part in (0.3, 0.8, 0.97):
            under = _under(base, rate=float(base.groups) * capacity.min() * part)
            yield from _grow(f"less {what}", where, _times(under, len(FACTORS)), FACTORS, FASTER, falls=True)
        closed = _under(base, rate=0.0, concurrency=8.0 * float(base.groups))
        served = np.broadcast_to(closed.request_rate, len(FACTORS))
        yield from _falls(f"rate of a closed loop falls with more {what}", where, served, FACTORS, CAPACITY)


POINTS = len(PARTS) + 3 * len(TARGETS) + 2 * len(TARGETS) + 2 * len(COUNTS) + 4 * len(LENGTHS) + 10 * len(FACTORS)


def attack(draws: int = DRAWS, seed: int = 0) -> tuple[int, list[Broken]]:
    """Number of evaluations, and every law that is broken."""
    random = np.random.default_rng(seed)
    done, broken = 0, []
    while done < draws:
        d = drawn(random)
        try:
            with np.errstate(all="ignore"):
                broken += laws_of(d)
        except ConfigError:
            continue
        done += 1
    return done * POINTS, broken


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("draws", type=int, nargs="?", default=DRAWS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--show", type=int, default=20)
    words = parser.parse_args()
    evaluations, broken = attack(words.draws, words.seed)
    for law, count in Counter(b.law for b in broken).most_common():
        of_law = sorted((b for b in broken if b.law == law), key=lambda b: b.by)
        worst = of_law[-1]
        print(
            f"{count:5d}  {law}, by {100 * of_law[len(of_law) // 2].by:.2g} to {100 * worst.by:.3g} %"
            f" from {worst.between[0]:g} to {worst.between[1]:g}: {worst.where}"
        )
    print(f"{evaluations} evaluations, {len(broken)} curves or points that break a law")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
