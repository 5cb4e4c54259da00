"""Constants of a machine from a few measurements of it: maximum a posteriori around what its class reaches.

Unknown are the logarithms of factors on the constants of an engine, each with a prior; a measurement gives the
logarithm of measured over forecast time. Both enter a least-squares fit. Its slopes are central differences in
float64: the formulas take all moved constants at once, as one more dimension of arrays, in milliseconds, where a
derivative by JAX would first be compiled for seconds for every structure among the rows. A constant that the
measurements do not narrow keeps its prior and is reported as not identified.

A calibration is judged by rows that it has not seen: each is forecast from the others. Where that is no better than the
class was, the class stays (`Calibration.kept`).
"""

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from life_jax.config import conf_files
from life_jax.config.schema.axis_table import facts
from life_jax.config.schema.device_file import DeviceFile
from life_jax.config.schema.efficiency_file import VECTOR_MOST
from life_jax.config.schema.engine_file import EngineFile
from life_jax.config.schema.errors import ConfigError
from life_jax.core.engine import Engine
from life_jax.core.pytree import Leaf, get_leaf, set_leaf
from life_jax.core.units import UNLIMITED
from life_jax.forecasting.request import Run
from life_jax.grid import trees
from life_jax.measurements import forecasts
from life_jax.measurements.rows import MEASURED_TIMES, QUANTITIES, Setting

STEP = 1e-5  # of a factor's logarithm: a central difference is then exact to 1e-10, by truncation and rounding alike
NOISE = 0.17  # of the logarithm of one measurement: about what fitted classes leave of the rows they were fitted to
IDENTIFIED = 0.7  # of the prior's deviation is left where a measurement told something: half of the variance


@dataclass(frozen=True)
class Constant:
    """A constant of an engine that a calibration changes, with its prior.

    key: of the engine's file; deviation: of the logarithm of its factor; most: greatest value, in the file's unit;
    alike: keys of further numbers with the same factor; generic: the deviation where the engine is not known; on_cpus:
    on a CPU.

    The deviations are about those of scripts/fit_priors.py, of class, engine and weight format together; but bandwidth
    under a known engine differs no more than between devices of a class, and host times no more than between hosts.
    """

    key: str
    deviation: float
    most: float = float("inf")
    alike: tuple[str, ...] = ()
    generic: float | None = None
    on_cpus: float | None = None

    def spread(self, engine: str, *, is_cpu: bool = False) -> float:
        """Deviation of the logarithm of its factor under an engine (a label), on a CPU or not."""
        if is_cpu and self.on_cpus is not None:
            return self.on_cpus
        return self.generic if engine == "generic" and self.generic is not None else self.deviation

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of all numbers that have its factor."""
        return (self.key, *self.alike)


CONSTANTS = (
    Constant("compute_efficiency", 0.3, 1.0),
    Constant("attention_efficiency", 0.58, 1.0),
    Constant("vector_efficiency", 0.4, VECTOR_MOST),
    Constant("memory_efficiency", 0.12, 1.0, generic=0.3),
    Constant("kv_efficiency", 0.40),
    # threads of a CPU wait for each other after every operator, and for what else runs on their cores: on two cores of
    # a virtual machine (scripts/measure_host.py) 30 us where the class has 4
    Constant("dispatch_factor", 0.50, on_cpus=2.0),
    # one processor runs all that the host does in a step
    Constant("step_us", 0.5, alike=("sequence_us", "context_ns", "split_step_us"), generic=1.0),
    Constant("request_ms", 1.0),
)


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
    for 80 % intervals.
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


def _changed(engine: Engine, factors: np.ndarray) -> Engine:
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
        forecast = np.ones((*factors.shape[:-1], len(self._settings)))
        with np.errstate(all="ignore"):
            for rows, group in self._groups:
                changed = dataclasses.replace(group, engine=_changed(group.engine, factors.T[..., None]))
                run = Run(changed)
                for metric in dict.fromkeys(self._settings[i].metric for i in rows):
                    values = np.broadcast_to(
                        QUANTITIES[metric][1](run, changed.workload), (*forecast.shape[:-1], len(rows))
                    )
                    mine = np.array([self._settings[i].metric == metric for i in rows])
                    forecast[..., rows[mine]] = values[..., mine]
            return self._sign * (np.log(forecast) - self._measured)

    def slopes(self, factors: np.ndarray) -> np.ndarray:
        """Slopes [rows, constants] at factors [constants]."""
        steps = STEP * np.eye(len(factors))
        up, down = self(factors + np.stack([steps, -steps]).reshape(-1, len(factors))).reshape(2, len(factors), -1)
        return (up - down).T / (2 * STEP)


def calibrate(settings: Sequence[Setting], spreads: dict[str, float]) -> Calibration:
    """The calibration of an engine on a device by rows that were measured there.

    spreads: deviations of ttft, tpot and e2e of the device's class, which stay for times that were not measured. Raises
    ConfigError where a row has no forecast.
    """
    from scipy.optimize import least_squares

    start = forecasts.scenario(
        settings[0].hw, settings[0].model, settings[0].stack, settings[0].engine, settings[0].tensor_parallel
    ).engine
    is_cpu = conf_files.file("hw", settings[0].hw, DeviceFile).cores is not None
    prior = np.array([c.spread(settings[0].engine, is_cpu=is_cpu) for c in CONSTANTS])
    residuals = Residuals(settings)
    before = residuals(np.zeros(len(prior)))
    bad = [s.id for s, r in zip(settings, before, strict=True) if not np.isfinite(r)]
    if bad:
        raise ConfigError(f"rows {', '.join(bad)} have no forecast on {settings[0].hw}")
    fit = least_squares(
        lambda x: np.concatenate([residuals(x) / NOISE, x / prior]),
        np.zeros(len(prior)),
        jac=lambda x: np.concatenate([residuals.slopes(x) / NOISE, np.diag(1 / prior)]),
    )
    after, jacobian = residuals(fit.x), residuals.slopes(fit.x)
    covariance = np.linalg.inv(jacobian.T @ jacobian / NOISE**2 + np.diag(prior**-2.0))
    left_out = _left_out(after, jacobian, covariance)
    kept = len(settings) > 1 and float(np.abs(left_out).mean()) >= float(np.abs(before).mean()) > 0
    x, deviation = (np.zeros(len(prior)), prior) if kept else (fit.x, np.sqrt(np.diag(covariance)))
    return Calibration(
        settings=tuple(settings),
        start=start,
        engine=trees.mapped(float, _changed(start, x)),
        prior=prior,
        deviation=deviation,
        before=before,
        after=before if kept else after,
        left_out=left_out,
        kept=kept,
        spreads=dict(spreads) if kept else _narrowed(settings, spreads, left_out, jacobian, covariance),
    )


def _left_out(after: np.ndarray, jacobian: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """Residual of each row under a calibration on the others, from that on all of them.

    after [rows]: residuals; jacobian [rows, constants]: slopes there; covariance [constants, constants]. Exact where
    residuals are linear in the logarithms of the constants, which they nearly are. Reference: Allen 1974,
    doi:10.1080/00401706.1974.10489157 (prediction sum of squares).
    """
    leverage = np.einsum("ij,jk,ik->i", jacobian, covariance, jacobian) / NOISE**2
    return after / (1 - np.minimum(leverage, 1 - 1e-6))


def _narrowed(
    settings: Sequence[Setting],
    spreads: dict[str, float],
    left_out: np.ndarray,
    jacobian: np.ndarray,
    covariance: np.ndarray,
) -> dict[str, float]:
    """Spreads after a calibration: of the noise, of what is not known of the constants, and of rows left out."""
    narrowed = dict(spreads)
    for kind, name in MEASURED_TIMES.items():
        mine = [i for i, s in enumerate(settings) if s.kind == kind]
        if mine:
            of_constants = np.einsum("ij,jk,ik->i", jacobian[mine], covariance, jacobian[mine]).mean()
            seen = float(np.sqrt(NOISE**2 + of_constants + np.mean(left_out[mine] ** 2)))
            narrowed[name] = min(spreads.get(name, seen), seen)
    return narrowed


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
        "meeting_us": _value(c.engine, "meeting_us"),
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
