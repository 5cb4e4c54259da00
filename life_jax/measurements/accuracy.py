"""Forecasts beside measurements: a report of rows that are held in memory; accuracy_totals.py adds up any number."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np

from life_jax.config import conf_files, support
from life_jax.config.engine_names import knows_engine
from life_jax.config.schema.device_file import DeviceFile
from life_jax.config.schema.errors import ConfigError
from life_jax.config.schema.model_file import ModelFile
from life_jax.core.engine import Support
from life_jax.forecasting import intervals
from life_jax.forecasting.intervals import QUANTILE
from life_jax.measurements import forecasts
from life_jax.measurements import rows as measurements
from life_jax.measurements.baselines import CONSTANT, ROOFLINE, baselines, with_constants
from life_jax.measurements.rows import MEASURED_TIMES, Setting

TOO_FAST = 1.5  # times the datasheet roofline: the row cannot be what it claims
THOUSAND_OFF = 100.0, 10_000.0  # times off the forecast, between which a number may have another unit's prefix
PREFIX = 1000.0  # of one unit to the next: seconds and milliseconds
MOST_EXAMPLES = 3  # of rows, by their ids, of each reason

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
    r, possible = block_report(rows, engine)
    return replace(r, baselines=baselines(r.settings, r.baselines[ROOFLINE], possible))


def block_report(rows: Iterable[Mapping[str, str]], engine: str | None) -> tuple[Report, np.ndarray]:
    """A report without the baseline that is fitted to all rows, and which rows may be fitted to."""
    settings, skipped, generic, examples = understood(rows, engine)
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
        baselines={
            ROOFLINE: ideal,
            CONSTANT: forecasts.forecasts(settings, "ideal", with_constants(0.5, 0.5, "total")),
        },
        impossible=too_fast | beyond,
        skipped=skipped,
        generic=generic,
        questioned=questioned(settings, forecast, ideal),
        examples=examples,
    )
    return r, ~beyond & ~too_fast


def understood(
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
