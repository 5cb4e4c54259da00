"""How far forecasts are from measurements: errors by kind, coverage, and simpler forecasters beside.

A Report is of rows that are held in memory, Totals of any number of them, block after block.
"""

from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import islice
from typing import Any

import numpy as np

from life_jax.config import conf_files, support
from life_jax.config.engine_names import knows_engine
from life_jax.config.schema.errors import ConfigError
from life_jax.config.schema.files import DeviceFile
from life_jax.config.schema.model_file import ModelFile
from life_jax.core.engine import Engine, Support
from life_jax.forecasting import intervals
from life_jax.forecasting.intervals import QUANTILE
from life_jax.measurements import forecasts
from life_jax.measurements import rows as measurements
from life_jax.measurements.rows import KINDS, MEASURED_TIMES, Setting

TOO_FAST = 1.5  # times the datasheet roofline: the row cannot be what it claims
THOUSAND_OFF = 100.0, 10_000.0  # times off the forecast, between which a number may have another unit's prefix
PREFIX = 1000.0  # of one unit to the next: seconds and milliseconds
BLOCK = 20_000  # rows that are forecast at once
MOST_REASONS = 1000  # that are told apart, of rows that are skipped
MOST_EXAMPLES = 3  # of rows, by their ids, of each reason
MOST_POINTS = 50_000  # of a picture
ROOFLINE, CONSTANT = "datasheet roofline", "LIFE's constant 0.5, one max over totals"

Skipped = dict[str, list[str]]  # reason -> ids of the first rows


@dataclass(frozen=True)
class Report:
    """Forecasts of the understood rows, with 80 % bounds, and why the other rows have none.

    forecast, low, high, and each of the baselines: in the row's own unit [s, token s-1]. impossible: mask of rows
    faster than the datasheet allows, or with a batch that does not fit in memory. skipped: reason -> rows; generic:
    engine that nothing is known of -> rows.
    """

    settings: tuple[Setting, ...]
    forecast: np.ndarray
    low: np.ndarray
    high: np.ndarray
    baselines: Mapping[str, np.ndarray]
    impossible: np.ndarray
    skipped: Mapping[str, int]
    generic: Mapping[str, int]  # engines that nothing is known of, and their rows
    questioned: np.ndarray  # mask: a thousand times off, as a number in another unit would be
    examples: Skipped = field(default_factory=dict)  # ids of rows that were skipped, by reason

    @property
    def judged(self) -> np.ndarray:
        """Whether each row counts: its time is possible, nobody questions it, and there is a forecast."""
        return ~self.impossible & ~self.questioned & np.isfinite(self.forecast)

    def points(self) -> dict[tuple[str, str], tuple[np.ndarray, np.ndarray]]:
        """(kind, class of device) -> measured times [s] and forecast over measured time, of the judged rows."""
        of: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
        for i in np.flatnonzero(self.judged):
            s = self.settings[i]
            of[s.kind, device_class(s)].append((measurements.seconds(s), s.ratio(self.forecast[i])))
        return {key: tuple(np.array(pairs).T) for key, pairs in of.items()}  # type: ignore[misc]


def report(rows: Iterable[Mapping[str, str]], engine: str | None = None) -> Report:
    """engine: forecast every row with this one instead of the one that its name stands for."""
    r, possible = _block(rows, engine)
    return replace(r, baselines=baselines(r.settings, r.baselines[ROOFLINE], possible))


def _block(rows: Iterable[Mapping[str, str]], engine: str | None) -> tuple[Report, np.ndarray]:
    """A report without the baseline that is fitted to all rows, and which rows may be fitted to."""
    settings, skipped, generic, examples = _understood(rows, engine)
    forecast = forecasts.forecasts(settings, engine)
    # the spread of its class is in the logarithm of a time; a rate has the same
    spread = np.array([_spread(s, engine) for s in settings])
    ideal = forecasts.forecasts(settings, "ideal")
    ratio = np.array([s.ratio(f) for s, f in zip(settings, ideal, strict=True)])
    # under load a prompt that a cache holds is no faster than possible
    too_fast = (ratio > TOO_FAST) & np.array([s.load is None for s in settings], bool)
    beyond = np.array([s.batch > 1 for s in settings], bool) & ~forecasts.fits(settings)
    r = Report(
        settings=tuple(settings),
        forecast=forecast,
        low=forecast * np.exp(-QUANTILE * spread),
        high=forecast * np.exp(QUANTILE * spread),
        baselines={ROOFLINE: ideal, CONSTANT: forecasts.forecasts(settings, "ideal", _constant(0.5, 0.5, "total"))},
        impossible=too_fast | beyond,
        skipped=skipped,
        generic=generic,
        questioned=questioned(settings, forecast, ideal),
        examples=examples,
    )
    return r, ~beyond & ~too_fast


def _understood(
    rows: Iterable[Mapping[str, str]], engine: str | None
) -> tuple[list[Setting], Counter[str], Counter[str], Skipped]:
    """Settings of the rows that can be forecast; reasons of the others with their numbers; unknown engines; ids."""
    settings: list[Setting] = []
    skipped, unknown_engines, examples = Counter[str](), Counter[str](), Skipped()
    for row in rows:
        one = measurements.place(row)
        if not isinstance(one, str):
            try:
                forecasts.scenario(one.hw, one.model, one.stack, engine or one.engine, one.tensor_parallel)
            except ConfigError as error:
                one = str(error)
        if isinstance(one, str):
            skipped[one] += 1
            ids = examples.setdefault(one, [])
            if len(ids) < MOST_EXAMPLES:
                ids.append(row["id"][:40])
        else:
            settings.append(one)
            if engine is None and not knows_engine(row["engine"]):
                unknown_engines[row["engine"]] += 1
    return settings, skipped, unknown_engines, examples


def questioned(settings: Sequence[Setting], forecast: np.ndarray, ideal: np.ndarray) -> np.ndarray:
    """Rows that are so far off that their number must have another unit, both ways.

    Args:
        settings: of the rows.
        forecast, ideal: of the rows in their own units, under their engines and at the datasheet's roofline.

    A time that is a thousand times too long (milliseconds, read as seconds) is 100 to 10 000 times the forecast and,
    divided by 1000, no faster than the roofline allows. One that is a thousand times too short is the other way round.
    """
    off = np.array([s.ratio(f) for s, f in zip(settings, forecast, strict=True)])
    bound = np.array([s.ratio(f) for s, f in zip(settings, ideal, strict=True)])
    with np.errstate(invalid="ignore"):
        least, most = THOUSAND_OFF
        too_long = (1 / off > least) & (1 / off < most) & (bound <= TOO_FAST / PREFIX)
        too_short = (off > least) & (off < most) & (bound > TOO_FAST) & (bound <= TOO_FAST * PREFIX)
    return too_long | too_short


def device_class(s: Setting) -> str:
    """The class of devices whose efficiencies the row's device has."""
    return conf_files.efficiency_class(s.hw)


def _spread(s: Setting, engine: str | None) -> float:
    """Deviation of the logarithm of the row's time: of the engine where it was calibrated, else of the class, wider
    where nothing like the row was measured. NaN under load."""
    if s.load is not None:
        return float("nan")  # nothing was fitted under load
    name, file = MEASURED_TIMES[s.kind], conf_files.engine_file(engine or s.engine)
    if name in file.spreads:
        return float(file.spreads[name])
    cooling = conf_files.file("hw", s.hw, DeviceFile).cooling
    usual = float(getattr(conf_files.efficiency(s.hw), f"{name}_spread")) * support.of_cooling(cooling)
    return usual * float(intervals.factor(_support(s, file.name, name), s, name))


@cache
def _limits(engine: str, of_class: str, experts: bool, year: float | None) -> Mapping[str, Support]:
    return support.supports(support.Build(engine, of_class, experts, year))


def _support(s: Setting, engine: str, name: str) -> Support:
    """What was measured of a row's kind of time, as of its date."""
    experts = bool(conf_files.file("model", s.model, ModelFile).num_experts)
    return _limits(engine, device_class(s), experts, support.year_of(s.date))[name]


def _constant(compute: float, memory: float, scope: str) -> Callable[[Engine], Engine]:
    """An engine's change to constant efficiencies."""

    def change(engine: Engine) -> Engine:
        e = engine.efficiency
        reached = replace(e, compute=e.compute * compute, attention=e.attention * compute, memory=e.memory * memory)
        return replace(engine, efficiency=reached, counting=replace(engine.counting, scope=scope))

    return change


def baselines(settings: Sequence[Setting], ideal: np.ndarray, possible: np.ndarray) -> dict[str, np.ndarray]:
    """What simpler forecasters say of the same rows."""
    logs = _logs(settings, ideal, possible)
    factors = _factors(logs)
    return {
        ROOFLINE: ideal,
        CONSTANT: forecasts.forecasts(settings, "ideal", _constant(0.5, 0.5, "total")),
        _fitted_name(factors): forecasts.forecasts(settings, "ideal", _constant(*factors, "op")),
    }


def _logs(settings: Sequence[Setting], ideal: np.ndarray, possible: np.ndarray) -> dict[str, list[float]]:
    """Logarithms of the roofline's time over the measured one, of the rows that the factors are fitted to."""
    logs: dict[str, list[float]] = {"TTFT": [], "TPOT": []}
    for s, f, ok in zip(settings, ideal, possible, strict=True):
        if ok and s.kind in logs and np.isfinite(f):
            logs[s.kind].append(float(np.log(s.ratio(f))))
    return logs


def _factors(logs: Mapping[str, Sequence[float]]) -> tuple[float, float]:
    """One factor on all compute rates, one on all bandwidths."""
    compute, memory = (float(np.exp(np.median(logs[kind]))) if len(logs[kind]) else 1.0 for kind in ("TTFT", "TPOT"))
    return compute, memory


def _fitted_name(factors: tuple[float, float]) -> str:
    return f"two global factors, fitted to these rows ({factors[0]:.2f}, {factors[1]:.2f})"


class Errors:
    """Sums of |forecast time / measured time - 1| by kind, cell, class of device and engine."""

    def __init__(self) -> None:
        self._sums: dict[tuple[str, Any, str, str], tuple[float, int]] = defaultdict(lambda: (0.0, 0))

    def add(self, settings: Sequence[Setting], forecast: np.ndarray, chosen: Iterable[Any]) -> None:
        """Rows with their forecasts; chosen: which of them count."""
        for s, f, counts in zip(settings, forecast, chosen, strict=True):
            if counts and np.isfinite(f):
                key = s.kind, s.cell, device_class(s), s.engine
                total, count = self._sums[key]
                self._sums[key] = total + abs(s.ratio(f) - 1), count + 1

    def macro(self, of_class: str | None = None, engine: str | None = None) -> dict[str, tuple[float, float, int]]:
        """kind -> (mean over cells [%], median over cells [%], cells), of one class of devices or of one engine."""
        cells: dict[tuple[str, Any], tuple[float, int]] = defaultdict(lambda: (0.0, 0))
        for (kind, cell, its_class, its_engine), (total, count) in self._sums.items():
            if of_class in (None, its_class) and engine in (None, its_engine):
                before = cells[kind, cell]
                cells[kind, cell] = before[0] + total, before[1] + count
        means = {kind: [100 * total / count for (k, _), (total, count) in cells.items() if k == kind] for kind in KINDS}
        return {
            kind: (float(np.mean(errors)), float(np.median(errors)), len(errors)) if errors else (np.nan, np.nan, 0)
            for kind, errors in means.items()
        }


class Inside:
    """Rows whose value lies within the bounds, by kind and cell."""

    def __init__(self) -> None:
        self._cells: dict[Any, tuple[int, int]] = defaultdict(lambda: (0, 0))

    def add(self, r: Report) -> None:
        """The judged rows of a report."""
        for i in np.flatnonzero(r.judged & np.isfinite(r.low)):
            s = r.settings[i]
            hits, count = self._cells[s.kind, s.cell]
            self._cells[s.kind, s.cell] = hits + bool(r.low[i] <= s.value <= r.high[i]), count + 1

    def coverage(self) -> tuple[float, int]:
        """Part of the rows, cells weighing the same, and the number of cells."""
        parts = [hits / count for hits, count in self._cells.values()]
        return (float(np.mean(parts)), len(parts)) if parts else (np.nan, 0)


def macro(r: Report, forecast: np.ndarray, ids: Container[str] | None = None) -> dict[str, tuple[float, float, int]]:
    """kind -> (mean over cells [%], median over cells [%], cells) of |forecast time / measured time - 1|."""
    errors = Errors()
    pairs = zip(r.settings, r.judged, strict=True)
    errors.add(r.settings, forecast, (judged and (ids is None or s.id in ids) for s, judged in pairs))
    return errors.macro()


def coverage(r: Report) -> tuple[float, int]:
    """Part of the judged rows whose value lies within the bounds, cells weighing the same."""
    inside = Inside()
    inside.add(r)
    return inside.coverage()


class Totals:
    """What a table of any length comes to: sums by cell, medians, counts; a few numbers a row are kept."""

    def __init__(self) -> None:
        self.rows = self.judged = self.impossible = 0
        self.errors: dict[str, Errors] = {"life_jax": Errors(), ROOFLINE: Errors(), CONSTANT: Errors()}
        self.skipped: Counter[str] = Counter()
        self.generic: Counter[str] = Counter()
        self.questioned: Counter[str] = Counter()  # by metric
        self.examples: Skipped = {}
        self.unlike: Skipped = {}  # ids of questioned rows, by metric
        self.classes: set[str] = set()
        self.engines: set[str] = set()
        self.inside = Inside()
        self._ratios = {kind: array("d") for kind in KINDS}
        self._logs = {kind: array("d") for kind in KINDS}
        self._is_judged = bytearray()
        self._points: dict[tuple[str, str], array[float]] = defaultdict(lambda: array("d"))
        self._stride = self._drawn = 1

    def add(self, r: Report, possible: np.ndarray) -> None:
        """The rows of a block; possible: which the fitted baseline may use."""
        judged = r.judged
        self.rows += len(r.settings)
        self.judged += int(judged.sum())
        self.impossible += int((r.impossible & ~r.questioned).sum())
        self.classes |= {device_class(s) for s in r.settings}
        self.engines |= {s.engine for s in r.settings}
        for name, forecast in {"life_jax": r.forecast, **r.baselines}.items():
            self.errors[name].add(r.settings, forecast, judged)
        for i in np.flatnonzero(judged):
            self._ratios[r.settings[i].kind].append(r.settings[i].ratio(r.forecast[i]))
        for i in np.flatnonzero(r.questioned):
            self.questioned[r.settings[i].metric] += 1
            _example(self.unlike, r.settings[i].metric, [r.settings[i].id])
        for kind, logs in _logs(r.settings, r.baselines[ROOFLINE], possible).items():
            self._logs[kind].extend(logs)
        for counts, new in ((self.skipped, r.skipped), (self.generic, r.generic)):
            for reason, count in new.items():
                told = reason if reason in counts or len(counts) < MOST_REASONS else "other reasons"
                counts[told] += count
                _example(self.examples, told, r.examples.get(reason, []))
        self.inside.add(r)
        self._is_judged.extend(judged.astype(np.uint8).tobytes())
        self._draw(r)

    def _draw(self, r: Report) -> None:
        """Keeps the points of a picture; every second one of all where they become too many."""
        for key, (seconds, ratios) in r.points().items():
            kept = slice(None, None, self._stride)
            self._points[key].extend(np.stack([seconds[kept], ratios[kept]], axis=-1).ravel())
        while sum(len(points) for points in self._points.values()) > 2 * MOST_POINTS:
            self._stride *= 2
            for key, points in self._points.items():
                self._points[key] = array("d", np.array(points).reshape(-1, 2)[::2].ravel())

    @property
    def drawn_every(self) -> int:
        """1 where all judged rows are drawn, n for every n-th."""
        return self._stride

    def points(self) -> dict[tuple[str, str], tuple[np.ndarray, np.ndarray]]:
        """As those of a Report."""
        return {
            key: tuple(np.array(points).reshape(-1, 2).T)  # type: ignore[misc]
            for key, points in self._points.items()
            if points
        }

    def medians(self) -> dict[str, float]:
        """kind -> median of forecast over measured time."""
        return {kind: float(np.median(ratios)) for kind, ratios in self._ratios.items() if ratios}

    def add_fitted(self, blocks: Iterable[Sequence[Setting]]) -> None:
        """The same rows once more: the baseline whose two factors are fitted to all of them."""
        factors = _factors(self._logs)
        errors, start = Errors(), 0
        for settings in blocks:
            end = start + len(settings)
            fitted = forecasts.forecasts(settings, "ideal", _constant(*factors, "op"))
            if end <= len(self._is_judged):
                errors.add(settings, fitted, self._is_judged[start:end])
            start = end
        if start != len(self._is_judged):
            raise ConfigError("the file was changed while it was read")
        self.errors[_fitted_name(factors)] = errors


def _example(of: Skipped, reason: str, ids: Iterable[str]) -> None:
    kept = of.setdefault(reason, [])
    kept.extend(list(ids)[: MOST_EXAMPLES - len(kept)])


def totals(
    source: Callable[[], Iterator[Mapping[str, str]]], engine: str | None, done: Callable[[Report], None]
) -> Totals:
    """A table of any length, in blocks.

    Args:
        source: gives the rows from the first one on; called twice where they are more than a block.
        engine: instead of the rows' own.
        done: is given the report of each block.
    """
    sums = Totals()
    first: Sequence[Setting] | None = None
    for number, block in enumerate(_blocks(source())):
        r, possible = _block(block, engine)
        sums.add(r, possible)
        done(r)
        first = r.settings if number == 0 else None
    again = (_understood(block, engine)[0] for block in _blocks(source()))
    sums.add_fitted([first] if first is not None else again)
    return sums


def _blocks(rows: Iterator[Mapping[str, str]]) -> Iterator[list[Mapping[str, str]]]:
    """Rows in lists of BLOCK."""
    while block := list(islice(rows, BLOCK)):
        yield block
