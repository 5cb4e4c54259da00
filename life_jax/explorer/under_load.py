"""What requests see as more of them arrive: percentiles against the rate, the knee, and a map of goodput."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from life_jax.config.schema.errors import ConfigError
from life_jax.explorer import known_laws
from life_jax.explorer.answers import in_place
from life_jax.explorer.evaluation import evaluated
from life_jax.explorer.plain_data import command, labels, number, numbers, positive, reason, study_of
from life_jax.explorer.questions import Question
from life_jax.forecasting.request import Run
from life_jax.forecasting.side_by_side import at_rates, at_rates_each, groups, side_by_side
from life_jax.forecasting.under_load import UnderLoad
from life_jax.grid.pareto_front import knee
from life_jax.serving.step_law import TabulatedLaw
from life_jax.studies.study import Study

TIMES = ("ttft_p50", "ttft_p90", "ttft_p99", "tpot_p50", "tpot_p90", "tpot_p99", "itl_p99")
SERVED = ("output_rate", "utilization", "concurrency")
PARTS = (0.02, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.77, 0.83, 0.88, 0.92, 0.95, 0.97, 0.985)  # of the capacity
FEW_PARTS = PARTS[::2]  # while a hand moves
LENGTHS = (128.0, 256.0, 512.0, 1024.0, 2048.0, 4096.0, 8192.0, 16384.0)  # of prompts, in the map
EVERYTHING = 1e6  # 1/s, more than anything serves
MOST = 8  # combinations: each rate of each takes its time


def percentiles(question: Question, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Times by percentile of each combination at rates up to its capacity.

    settings: ttft, tpot [s]: targets, percentile: of requests that are to meet them; at [1/s]: a rate to be among the
    others; brief: whether a hand moves, so that fewer rates will do, of each combination its own, and no knee.
    """
    targets, at = targets_of(settings), settings.get("at")
    question = of_requests(question)
    study = study_of(question.words(rate=EVERYTHING, **targets), "serve")
    if len(study.cells) > MOST:
        raise ConfigError(f"{len(study.cells)} combinations; this view takes at most {MOST}")
    served = Served(study)
    usable = served.capacity[np.isfinite(served.capacity) & (served.capacity > 0)]
    if not usable.size:
        raise ConfigError("none of the combinations can serve requests of this length: they do not fit in memory")
    rates = sorted({float(f"{part * most:.3g}") for most in usable for part in PARTS})
    at = rates[len(rates) // 2] if at is None else float(f"{min(positive(at, 'at'), rates[-1]):.3g}")
    brief = bool(settings.get("brief"))
    if brief:
        least = np.where(served.capacity > 0, served.capacity, usable.min())  # of those that serve nothing
        own = np.sort(np.column_stack([np.outer(least, FEW_PARTS), np.full(len(least), at)]))
    else:
        rates = sorted({*rates, at})
        own = np.tile(rates, (len(study.cells), 1))
    of = served.at(own, (*TIMES, *SERVED))
    rows = []
    for cell, capacity in enumerate(served.capacity):
        row: dict[str, Any] = {**labels(study, cell), "reason": reason(study, cell), "capacity": number(capacity)}
        row |= {name: numbers(column[cell]) for name, column in of.items()}
        if brief:
            row["rates"] = own[cell].tolist()
        else:
            row["knee"] = rate_of_knee(own[cell], of["ttft_p90"][cell], of["tpot_p90"][cell])
        rows.append(row)
    if brief:
        return {"preview": True, "at": at, "rows": rows}
    words = question.words({"rate": rates}, **targets)
    return {
        "rates": rates, "at": at, "rows": rows, "warnings": list(study.warnings), "commands": [command(words, "serve")],
    }  # fmt: skip


class Served:
    """What the cells of a study see under load: their laws are made once, their queues are solved side by side.

    capacity [cells] [1/s]: the largest rate that each serves; NaN where a cell cannot be, 0 where nothing fits.
    moved: key of a number of the requests, whose values [m] along its axis are taken all at once; the capacity is
    [cells, m] then. Raises ConfigError for one of the cells that cannot be solved so.
    """

    def __init__(self, study: Study, moved: str | None = None) -> None:
        self._moved = moved is not None
        self.capacity = np.full((len(study.cells), *([len(study.axes[moved])] if moved else [])), np.nan)
        self._groups: list[tuple[np.ndarray, UnderLoad]] = []
        places = [cell for cell, case in enumerate(study.cells) if case is not None]
        with np.errstate(all="ignore"):
            runs = [Run(in_place(study, case, moved)) for case in study.cells if case is not None]
            possible = [run.possible is None or bool(run.possible) for run in runs]
            places = [place for place, can in zip(places, possible, strict=True) if can]
            seen = [known_laws.under_load(run.scenario) for run, can in zip(runs, possible, strict=True) if can]
            for group in groups(seen):
                of = [seen[place] for place in group]
                if moved and not isinstance(of[0].law, TabulatedLaw):
                    raise ConfigError(f"{moved}: of drafts, pools and steps in halves it moves place by place")
                together = of[0] if len(of) == 1 else side_by_side(of)
                cells = np.array(places)[group]
                self._groups.append((cells, together))
                most = np.where(together.fits, together.active * together.capacity, 0.0)
                shape = self.capacity[cells].shape
                self.capacity[cells] = np.broadcast_to(most, (len(cells), *(shape[1:] or [1]))).reshape(shape)

    def at(self, rates: np.ndarray, metrics: Sequence[str]) -> dict[str, np.ndarray]:
        """Metrics by name, of TIMES and SERVED, at rates [cells, n] or, with a moved number, [cells, m, n] [1/s], in
        their shape; NaN where a cell cannot be."""
        of = {name: np.full(rates.shape, np.nan) for name in metrics}
        with np.errstate(all="ignore"):
            for cells, together in self._groups:
                own = rates[cells] if len(cells) > 1 else rates[cells[0]]
                seen = at_rates_each(together, own) if self._moved else at_rates(together, own)
                for name, column in of.items():
                    time, _, percentile = name.partition("_p")
                    values = np.asarray(seen.time(time, float(percentile)) if percentile else getattr(seen, name))
                    column[cells] = values.reshape(own.shape) if values.ndim else values
        return of


def rate_of_knee(rates: np.ndarray, ttft: np.ndarray, tpot: np.ndarray) -> float | None:
    """The rate from which on waiting grows faster than what is served: the point of the curve of the rate against the
    logarithms of both times that is nearest to the best of all; None where nothing is served."""
    served = np.isfinite(ttft) & np.isfinite(tpot)
    if served.sum() < 3:
        return None
    slower = np.log(ttft[served]) + np.log(tpot[served])
    return float(rates[served][knee(np.stack([-rates[served], slower], axis=1))])


def goodput(question: Question, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Part of the requests that meet the targets, over rates and lengths of prompts, of one combination; and the
    largest rate at which the percentile of them meets the targets, at the question's own lengths.

    settings: as of `percentiles`, rates: list of rates.
    """
    targets = targets_of(settings) or {"target.ttft": 1.0, "target.tpot": 0.05}
    rates = settings.get("rates")
    if not isinstance(rates, list) or not 2 <= len(rates) <= 16:
        raise ConfigError("rates: a list of 2 to 16 numbers is needed")
    rates = sorted({positive(rate, "rates") for rate in rates})
    question = of_requests(question)
    words = question.words({"rate": rates, "prompt": LENGTHS}, **targets)
    study = study_of(words, "serve")
    if len(study.cells) > 1:
        raise ConfigError(f"one model, one device and one stack are needed, not {len(study.cells)} combinations")
    good = evaluated(study, ("goodput",))["goodput"][0]
    order = [list(study.axes).index("rate"), list(study.axes).index("prompt_tokens")]
    by_rate = np.transpose(good, [*order, *(i for i in range(good.ndim) if i not in order)]).reshape(
        len(rates), len(LENGTHS)
    )
    alone = study_of(question.words(rate=rates[0], **targets), "serve")
    most = float(evaluated(alone, ("max_rate",))["max_rate"].squeeze())
    parts = np.clip(by_rate / np.array(rates)[:, None], 0.0, 1.0)
    return {
        "rates": rates, "prompts": list(LENGTHS), "good": numbers(parts), "max_rate": number(most),
        "commands": [command(words, "serve")],
        "warnings": list(study.warnings),
    }  # fmt: skip


def of_requests(question: Question) -> Question:
    """The question without what requests under load do not have: a batch, a rate of its own, no context at all."""
    numbers = {
        key: value
        for key, value in question.numbers.items()
        if key not in ("batch", "rate", "concurrency") and not (key == "context" and value == 0)
    }
    return dataclasses.replace(question, numbers=numbers)


def targets_of(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Words of the targets; none where neither time has one."""
    limits: dict[str, Any] = {
        f"target.{key}": positive(settings[key], key) for key in ("ttft", "tpot") if settings.get(key)
    }
    if limits and settings.get("percentile"):
        percentile = positive(settings["percentile"], "percentile")
        if percentile >= 100:
            raise ConfigError(f"percentile: a number above 0 and below 100 is needed, not {percentile:g}")
        limits["target.percentile"] = percentile
    return limits
