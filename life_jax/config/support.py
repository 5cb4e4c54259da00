"""Where published measurements of an engine on a class of devices end, and how much wider intervals are beyond.

The facts are made by scripts from measurements that are not shipped: scripts/engine_fits.py writes what was measured
(conf/engine_fits.yaml), scripts/fit_intervals.py by how much forecasts of rows that were left out on purpose were
further off (conf/support.yaml).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from life_jax.config.engine_fit import GENERIC, fits
from life_jax.config.schema import paths
from life_jax.config.schema.yaml_files import read_yaml
from life_jax.core.engine import Support
from life_jax.core.units import UNLIMITED

STEPS = {"ttft": ("prefill",), "tpot": ("decode",), "e2e": ("prefill", "decode")}  # that a time is made of
# without a fan laptops lose up to 60 % within 8 to 15 minutes of inference (public reports), by chassis and room: the
# forecast stays that of a cool device, and its interval is wider [assumption: no panel has rows of both]
PASSIVE = 1.5
GRACE = 0.25  # years by which a build may be newer than any measured one and still count as like it
ENGINE, PAIR, NEWER, EXPERTS, CONTEXT, BATCH = "engine", "pair", "newer", "experts", "context", "batch"
REASONS = (ENGINE, PAIR, NEWER, EXPERTS, CONTEXT, BATCH)
YEAR = re.compile(r"_(20\d\d)$")  # of a build, behind the label of its program
Fits = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Build:
    """What decides whether anything like a forecast was measured, beside its workload.

    engine: label; device_class: of efficiencies; experts: whether the model is a mixture of experts; year: when the
    engine was built, such as 2025.5, None where nobody says it.
    """

    engine: str
    device_class: str
    experts: bool
    year: float | None = None


@dataclass(frozen=True)
class Range:
    """What was measured of a step: longest context [token], largest batch [1], whether any mixture of experts."""

    context: float
    batch: float
    experts: bool


def of_cooling(cooling: str) -> float:
    """Factor on the spreads of a class for how a device is cooled [1]: its rows are of devices with fans."""
    return PASSIVE if cooling == "passive" else 1.0


@cache
def widening() -> dict[str, dict[str, float]]:
    """Reason -> factor on the spread of ttft and of tpot [1]."""
    return read_yaml(paths.conf_dir() / "support.yaml")


def year_of(date: str) -> float | None:
    """The middle of the month of a date such as 2025-06-11 or 2025-06, of the year where it has no month."""
    told = re.match(r"(\d{4})(?:-(\d{2}))?", date.strip())
    if told is None:
        return None
    return int(told[1]) + ((int(told[2]) - 0.5) / 12 if told[2] else 0.5)


def middle(year: float) -> float:
    """The middle of a whole year, such as 2025; any other as it is."""
    return year + 0.5 if year == int(year) else year


def supports(build: Build, factors: Mapping[str, Mapping[str, float]] | None = None) -> dict[str, Support]:
    """What was measured of each time (ttft, tpot, e2e), and how much wider it is beyond.

    factors: instead of those of conf/support.yaml.
    """
    return {time: support(build, time, fits(), widening() if factors is None else factors) for time in STEPS}


def support(build: Build, time: str, of: Fits, factors: Mapping[str, Mapping[str, float]]) -> Support:
    """What was measured of a time, by facts like those of conf/engine_fits.yaml."""
    ranges = [measured(build, step, of) for step in STEPS[time]]
    unlike = list(reasons(build, time, of))
    return Support(
        context=min((r.context for r in ranges if r is not None), default=UNLIMITED),
        batch=min((r.batch for r in ranges if r is not None), default=UNLIMITED),
        unlike=float(bool(unlike)),
        wider=max((factor(reason, time, factors) for reason in unlike), default=1.0),
        wider_context=factor(CONTEXT, time, factors),
        wider_batch=factor(BATCH, time, factors),
    )


def factor(reason: str, time: str, factors: Mapping[str, Mapping[str, float]]) -> float:
    """Factor on the spread of a time for a reason [1], of a whole request the larger of those of its parts."""
    of = factors.get(reason, {})
    return max([1.0, *of.values()] if time == "e2e" else [1.0, of.get(time, 1.0)])


def reasons(build: Build, time: str, of: Fits) -> Iterator[str]:
    """Which of ENGINE, PAIR, NEWER and EXPERTS say that nothing like a forecast was measured, whatever its workload.

    The generic engine is the mean of all, so that measurements of any engine are measurements of it.
    """
    if not builds(build.engine, of):
        yield ENGINE
    elif not any(measured(build, step, of, strict=True) for step in STEPS[time]):
        yield PAIR
    newest = of.get(build.engine, {}).get("newest")
    if build.year is not None and newest is not None and build.year > newest + GRACE:
        yield NEWER
    ranges = [measured(build, step, of) for step in STEPS[time]]
    if build.experts and any(r is not None and not r.experts for r in ranges):
        yield EXPERTS


def measured(build: Build, step: str, of: Fits, *, strict: bool = False) -> Range | None:
    """What was measured of a step (prefill or decode) of the engine on the class of devices, None where nothing was.

    Unless strict, in its place what was of the engine on any class, and else of the class under any engine. All builds
    of a program count: rows of one depth under older ones tell of newer ones (scripts/fit_intervals.py).
    """
    engines = builds(build.engine, of)
    here = [*_ranges(engines, build.device_class, step, of)]
    if not here and not strict:
        here = [*_ranges(engines, None, step, of)] or [*_ranges(list(of), build.device_class, step, of)]
    if not here:
        return None
    return Range(max(r.context for r in here), max(r.batch for r in here), any(r.experts for r in here))


def program(engine: str) -> str:
    """The label of an engine without the year of its build."""
    return YEAR.sub("", engine)


def builds(engine: str, of: Fits) -> list[str]:
    """Labels of the measured builds of an engine's program, of the generic engine those of all engines."""
    return [label for label in of if engine == GENERIC or program(label) == program(engine)]


def _ranges(engines: list[str], device_class: str | None, step: str, of: Fits) -> Iterator[Range]:
    for engine in engines:
        for name, steps in of.get(engine, {}).get("classes", {}).items():
            if step in steps and device_class in (None, name):
                yield Range(*steps[step])


def sentences(build: Build, lengths: tuple[float, float], batch: float) -> list[str]:
    """What was not measured of a forecast.

    lengths: positions [token] that are attended at most when the prompt is over, and generated tokens. batch [1].
    """
    of, where = fits(), f"under {program(build.engine)} on {build.device_class}"
    if not builds(build.engine, of):
        return [f"{build.engine} on any device"]
    steps: dict[str, list[str]] = {}  # by what was not measured of them
    for time, context in (("ttft", lengths[0]), ("tpot", sum(lengths))):
        limits, unlike = _known(build, time)
        newer = f"of builds since {of.get(build.engine, {}).get('newest', 0.0):.1f} {where}"
        texts = {PAIR: where, NEWER: newer, EXPERTS: f"of mixtures of experts {where}"}
        lines = [texts[reason] for reason in unlike]
        lines += [f"beyond {limits.context:g} tokens {where}"] * (context > limits.context)
        lines += [f"in batches beyond {limits.batch:g} {where}"] * (batch > limits.batch)
        for line in lines:
            steps.setdefault(line, []).append(STEPS[time][0])
    return [f"{' and '.join(of_them)} {line}" for line, of_them in steps.items()]


@cache
def _known(build: Build, time: str) -> tuple[Support, list[str]]:
    """What was measured of a time, and the reasons why nothing like it was: the same for all workloads."""
    return support(build, time, fits(), {}), [*reasons(build, time, fits())]
