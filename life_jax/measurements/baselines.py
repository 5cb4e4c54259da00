"""Simpler forecasters of the same rows, beside which ours are judged."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from life_jax.core.engine import Engine
from life_jax.measurements import forecasts
from life_jax.measurements.rows import Setting

ROOFLINE, CONSTANT = "datasheet roofline", "LIFE's constant 0.5, one max over totals"


def with_constants(compute: float, memory: float, scope: str) -> Callable[[Engine], Engine]:
    """An engine's change to constant efficiencies."""

    def change(engine: Engine) -> Engine:
        e = engine.efficiency
        reached = replace(e, compute=e.compute * compute, attention=e.attention * compute, memory=e.memory * memory)
        return replace(engine, efficiency=reached, counting=replace(engine.counting, scope=scope))

    return change


def baselines(settings: Sequence[Setting], ideal: np.ndarray, possible: np.ndarray) -> dict[str, np.ndarray]:
    """What simpler forecasters say of the same rows."""
    logs = log_ratios(settings, ideal, possible)
    factors = global_factors(logs)
    return {
        ROOFLINE: ideal,
        CONSTANT: forecasts.forecasts(settings, "ideal", with_constants(0.5, 0.5, "total")),
        fitted_name(factors): forecasts.forecasts(settings, "ideal", with_constants(*factors, "op")),
    }


def log_ratios(settings: Sequence[Setting], ideal: np.ndarray, possible: np.ndarray) -> dict[str, list[float]]:
    """Logarithms of the roofline's time over the measured one, of the rows that the factors are fitted to."""
    logs: dict[str, list[float]] = {"TTFT": [], "TPOT": []}
    for s, f, ok in zip(settings, ideal, possible, strict=True):
        if ok and s.kind in logs and np.isfinite(f):
            logs[s.kind].append(float(np.log(s.ratio(f))))
    return logs


def global_factors(logs: Mapping[str, Sequence[float]]) -> tuple[float, float]:
    """One factor on all compute rates, one on all bandwidths."""
    compute, memory = (float(np.exp(np.median(logs[kind]))) if len(logs[kind]) else 1.0 for kind in ("TTFT", "TPOT"))
    return compute, memory


def fitted_name(factors: tuple[float, float]) -> str:
    return f"two global factors, fitted to these rows ({factors[0]:.2f}, {factors[1]:.2f})"
