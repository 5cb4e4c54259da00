"""Errors and coverage of a table of any length, by cell: what the reports of its blocks come to."""

from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np

from life_jax.config.schema.errors import ConfigError
from life_jax.measurements import forecasts
from life_jax.measurements.accuracy import MOST_EXAMPLES, Report, Skipped, block_report, device_class, understood
from life_jax.measurements.baselines import CONSTANT, ROOFLINE, fitted_name, global_factors, log_ratios, with_constants
from life_jax.measurements.rows import KINDS, Setting

BLOCK = 20_000  # rows that are forecast at once
MOST_REASONS = 1000  # that are told apart, of rows that are skipped
MOST_POINTS = 50_000  # of a picture


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
        for kind, logs in log_ratios(r.settings, r.baselines[ROOFLINE], possible).items():
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
        factors = global_factors(self._logs)
        errors, start = Errors(), 0
        for settings in blocks:
            end = start + len(settings)
            fitted = forecasts.forecasts(settings, "ideal", with_constants(*factors, "op"))
            if end <= len(self._is_judged):
                errors.add(settings, fitted, self._is_judged[start:end])
            start = end
        if start != len(self._is_judged):
            raise ConfigError("the file was changed while it was read")
        self.errors[fitted_name(factors)] = errors


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
        r, possible = block_report(block, engine)
        sums.add(r, possible)
        done(r)
        first = r.settings if number == 0 else None
    again = (understood(block, engine)[0] for block in _blocks(source()))
    sums.add_fitted([first] if first is not None else again)
    return sums


def _blocks(rows: Iterator[Mapping[str, str]]) -> Iterator[list[Mapping[str, str]]]:
    """Rows in lists of BLOCK."""
    while block := list(islice(rows, BLOCK)):
        yield block
