"""Constants of a machine from a few measurements of it: maximum a posteriori around what its class reaches.

Unknown are the logarithms of factors on the constants of an engine, each with a prior that was fitted to other devices
(calibration_priors.py); a measurement gives the logarithm of measured over forecast time. Both enter a robust fit
(posterior.py). Its slopes are central differences in float64: the formulas take all moved constants at once, as one
more dimension of arrays, in milliseconds, where a derivative by JAX would first be compiled for seconds for every
structure among the rows. A constant that the measurements do not narrow keeps its prior and is reported as not
identified.

A calibration is judged by rows that it has not seen: each is forecast from the others. Where that is worse than the
class was, by more than chance, the class stays (`Calibration.kept`).
"""

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from life_jax.config.schema.axis_table import facts
from life_jax.config.schema.engine_file import EngineFile
from life_jax.config.schema.errors import ConfigError
from life_jax.core.engine import Engine
from life_jax.core.pytree import Leaf, get_leaf, set_leaf
from life_jax.core.units import UNLIMITED
from life_jax.forecasting.request import Run
from life_jax.grid import trees
from life_jax.measurements import calibration_priors, forecasts
from life_jax.measurements.calibration_priors import CONSTANTS, Constant
from life_jax.measurements.posterior import Posterior, posterior
from life_jax.measurements.rows import MEASURED_TIMES, QUANTITIES, Setting

__all__ = ["CONSTANTS", "Calibration", "Constant", "Residuals", "as_file", "calibrate"]
STEP = 1e-5  # of a factor's logarithm: a central difference is then exact to 1e-10, by truncation and rounding alike
CHANCE = 2.0  # standard errors of a mean
IDENTIFIED = 0.7  # of the prior's deviation is left where a measurement told something: half of the variance


def _leaf(key: str) -> Leaf:
    """Where the number of an engine's file stands in an Engine."""
    return tuple(str(facts(key)["leaf"]).split("."))[1:]


def _value(engine: Engine, key: str) -> float:
    """A number of an engine in the unit of its file."""
    return float(get_leaf(engine, _leaf(key))) / facts(key).get("scale", 1.0)


@dataclass(frozen=True)
class Calibration:
    """An engine fitted to rows of measurements.

    start, engine: before and after; prior, deviation: of the logarithm of each constant's factor, before and after;
    before, after: ln(forecast / measured time) of each row; left_out: the same by a calibration on the other rows;
    kept: whether the class stays, since that is no better; spreads: deviations of the logarithm of ttft, tpot and e2e,
    for 80 % intervals; posterior: the fit, whether it is kept or not.
    """

    settings: tuple[Setting, ...]
    start: Engine
    engine: Engine
    prior: np.ndarray
    deviation: np.ndarray
    before: np.ndarray
    after: np.ndarray
    left_out: np.ndarray
    kept: bool
    spreads: dict[str, float]
    posterior: Posterior

    @cached_property
    def identified(self) -> tuple[bool, ...]:
        """Of each constant, whether the measurements narrowed it."""
        return tuple(
            bool(d < IDENTIFIED * prior and _value(self.start, c.key) > 0)
            for d, prior, c in zip(self.deviation, self.prior, CONSTANTS, strict=True)
        )

    def values(self) -> dict[str, tuple[float, float]]:
        """Key of the engine's file -> (before, after), in the file's unit."""
        return {
            key: (_value(self.start, key), _value(self.engine, key)) for constant in CONSTANTS for key in constant.keys
        }


def changed(engine: Engine, factors: np.ndarray) -> Engine:
    """The engine with its constants times exp(factors), where a part of a peak stays at most 1.

    factors [constants, ...]: whose further dimensions come before those of the engine's leaves.
    """
    for constant, factor in zip(CONSTANTS, np.exp(factors), strict=True):
        for key in constant.keys:
            value = np.minimum(get_leaf(engine, _leaf(key)) * factor, constant.most)
            engine = set_leaf(engine, _leaf(key), value)
    return engine


class Residuals:
    """ln(forecast / measured time) of rows, as a function of the logarithms of factors on the constants."""

    def __init__(self, settings: Sequence[Setting]) -> None:
        self._settings, self._groups = settings, forecasts.scenarios(settings)
        self._sign = np.array([-1.0 if s.is_rate else 1.0 for s in settings])
        self._measured = np.log([s.value for s in settings])

    def __call__(self, factors: np.ndarray) -> np.ndarray:
        """Residuals [..., rows] at factors [..., constants]; NaN or infinite where there is no forecast."""
        factors = np.asarray(factors, np.float64)
        return self._at(factors.T[..., None].repeat(len(self._settings), axis=-1), factors.shape[:-1])

    def of_rows(self, factors: np.ndarray) -> np.ndarray:
        """Residuals [rows], each at factors of its own [rows, constants]."""
        return self._at(np.asarray(factors, np.float64).T, ())

    def _at(self, factors: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """Residuals [*shape, rows] at factors [constants, *shape, rows]."""
        forecast = np.ones((*shape, len(self._settings)))
        with np.errstate(all="ignore"):
            for rows, group in self._groups:
                moved = dataclasses.replace(group, engine=changed(group.engine, factors[..., rows]))
                run = Run(moved)
                for metric in dict.fromkeys(self._settings[i].metric for i in rows):
                    values = np.broadcast_to(QUANTITIES[metric][1](run, moved.workload), (*shape, len(rows)))
                    mine = np.array([self._settings[i].metric == metric for i in rows])
                    forecast[..., rows[mine]] = values[..., mine]
            return self._sign * (np.log(forecast) - self._measured)

    def linear(self, factors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Residuals [rows] and slopes [rows, constants] at factors [constants]."""
        size = len(factors)
        steps = STEP * np.eye(size)
        here, *sides = self(factors + np.concatenate([np.zeros((1, size)), steps, -steps]))
        up, down = np.array(sides).reshape(2, size, -1)
        return here, (up - down).T / (2 * STEP)


def ceilings(engine: Engine) -> np.ndarray:
    """Greatest logarithm of each constant's factor under an engine, 0 or more [constants]."""
    of = [max(_value(engine, c.key), 1e-300) for c in CONSTANTS]
    return np.array([max(0.0, float(np.log(c.most / value))) for c, value in zip(CONSTANTS, of, strict=True)])


def start_of(s: Setting) -> Engine:
    """The engine that a row is forecast with."""
    return forecasts.scenario(s.hw, s.model, s.stack, s.engine, s.tensor_parallel).engine


def calibrate(settings: Sequence[Setting], spreads: dict[str, float]) -> Calibration:
    """The calibration of an engine on a device by rows that were measured there.

    spreads: deviations of ttft, tpot and e2e of the device's class, which stay for times that were not measured. Raises
    ConfigError where a row has no forecast.
    """
    start = start_of(settings[0])
    prior = calibration_priors.deviations(settings[0].hw, settings[0].engine)
    residuals = Residuals(settings)
    before = residuals(np.zeros(len(prior)))
    bad = [s.id for s, r in zip(settings, before, strict=True) if not np.isfinite(r)]
    if bad:
        raise ConfigError(f"rows {', '.join(bad)} have no forecast on {settings[0].hw}")
    fit = posterior(residuals.linear, prior, ceilings(start), calibration_priors.errors(settings))
    kept = is_kept(before, fit)
    x = np.zeros(len(prior)) if kept else fit.mean
    return Calibration(
        settings=tuple(settings),
        start=start,
        engine=trees.mapped(float, changed(start, x)),
        prior=prior,
        deviation=prior if kept else np.sqrt(np.diag(fit.covariance)),
        before=before,
        after=before if kept else fit.residuals,
        left_out=fit.left_out,
        kept=kept,
        spreads=dict(spreads) if kept else narrowed(settings, spreads, fit),
        posterior=fit,
    )


def is_kept(before: np.ndarray, fit: Posterior) -> bool:
    """Whether the class stays: the other rows forecast each row worse than it does, by more than chance.

    before [rows]: ln(forecast / measured time) under the class. The mean of what errors grow by is more than CHANCE
    times its standard error. Any growth is no measure: a single decode row among three learns nothing of the two
    prefill rows, and a coin decides about it (scripts/fit_calibration.py prints what either rule costs).
    """
    growth = np.abs(fit.left_out) - np.abs(before)
    if len(growth) < 2:
        return False
    return float(growth.mean()) > CHANCE * float(growth.std(ddof=1)) / len(growth) ** 0.5


def narrowed(settings: Sequence[Setting], spreads: dict[str, float], fit: Posterior) -> dict[str, float]:
    """Spreads after a calibration: of the errors of rows, and of what is not known of the constants, by the width that
    held 80 % of rows of other devices. No wider than `spreads`."""
    found = dict(spreads)
    errors = calibration_priors.errors(settings)
    for kind, name in MEASURED_TIMES.items():
        mine = [i for i, s in enumerate(settings) if s.kind == kind]
        if mine:
            of_constants = np.einsum("ij,jk,ik->i", fit.slopes[mine], fit.covariance, fit.slopes[mine])
            seen = float(np.sqrt((errors.variance[mine] + of_constants).mean())) * calibration_priors.width(name)
            found[name] = min(spreads.get(name, seen), seen)
    return found


def as_file(c: Calibration, start: EngineFile, name: str, source: str) -> dict[str, Any]:
    """The content of an engine's YAML file: every constant of this device, none of them by class any more.

    start: the engine's file that the calibration began with; its units, fusion and rules stay. name, source: of the
    file.
    """
    core = _value(c.engine, "core_bandwidth")
    kept = {f.name: getattr(start, f.name) for f in dataclasses.fields(start) if f.name not in OF_CLASS}
    own = {
        "name": name,
        "source": source,
        "efficiency": "none",
        **{key: float(f"{after:.4g}") for key, (_, after) in c.values().items()},
        **{key: _value(c.engine, key) for key in ("vector_efficiency", "link_efficiency", "roof_smoothness")},
        "core_bandwidth": core if core < UNLIMITED else None,
        **{key: _value(c.engine, key) for key in ("meeting_us", "score_work_apart")},
        "threads": _common(s.threads for s in c.settings),
        "spreads": {name: float(f"{value:.3g}") for name, value in c.spreads.items()},
    }
    return {key: value for key, value in {**kept, **own}.items() if value is not None}


def _common(values: Iterable[float | None]) -> float | None:
    """The value that all have, else none: the file then leaves it to its user."""
    distinct = set(values)
    return distinct.pop() if len(distinct) == 1 else None


# what an engine's file says in relation to a class of devices, and what a calibration leaves to every user
OF_CLASS = ("compute_quality", "attention_quality", "memory_quality", "dispatch_quality", "tensor_parallel", "notes")
