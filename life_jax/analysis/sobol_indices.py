"""Sobol indices: which uncertain numbers make a forecast uncertain. Thousands of forecasts are made in one call."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from life_jax.config.parameters import parameter_of
from life_jax.config.schema import axis_table
from life_jax.config.schema.errors import ConfigError
from life_jax.core.pytree import register_with_jax
from life_jax.forecasting.metrics import METRICS, forecast
from life_jax.studies.study import Study

if TYPE_CHECKING:
    import xarray as xr

REPORTED = (0.1, 0.5, 0.9)  # quantiles


def sobol(
    study: Study,
    uncertain: Mapping[str, Any],
    metrics: Sequence[str] = ("ttft", "tpot"),
    n: int = 1024,
    seed: int = 0,
) -> "xr.Dataset":
    """First-order and total Sobol indices of metrics, and the quantiles of their distribution.

    study: of one case, without axes. uncertain: for each uncertain number, by its key in the files, (low, high) of a
    uniform distribution in the unit of the files, or a distribution of scipy.stats. metrics: names of metrics that
    are numbers. n: a power of 2; n (2 + uncertain numbers) forecasts are made. seed: of the sample.

    Returns an xarray.Dataset with first_order and total_order (metric, parameter) and quantile_value (metric,
    quantile). A first-order index is the part of the variance that a number causes by itself, a total index the part
    that it causes also in interaction with the others (Saltelli et al. 2010, Computer Physics Communications 181; the
    estimators of scipy.stats.sobol_indices).

    Raises ConfigError for a key on which nothing depends and for a study of several cases, ValueError for a metric
    that is no number, a range whose bounds do not rise, or another n.
    """
    import jax

    register_with_jax()
    import xarray as xr
    from scipy.stats import sobol_indices, uniform

    for metric in metrics:
        if metric not in METRICS or METRICS[metric].kind != "number":
            raise ValueError(f"sobol(): {metric} is no number that a forecast reports")
    if len(study.cases) > 1 or study.axes:
        raise ConfigError("sobol() takes a study of one model, one device and one stack, without axes")
    if n < 2 or n & (n - 1):
        raise ValueError(f"sobol(): n is {n}; a power of 2 is needed")
    case = study.cases[0]
    built = case.built
    parameters = tuple(parameter_of(key, built, case.label, "uncertain ") for key in uncertain)
    distributions = []
    for key, spread in uncertain.items():
        if hasattr(spread, "ppf"):
            distributions.append(spread)
            continue
        low, high = spread
        if not low < high:
            raise ValueError(f"sobol(): {key} has the range {low} to {high}; the first must be less")
        distributions.append(uniform(low, high - low))

    def point(values: Any) -> tuple[Any, ...]:
        scenario = built.scenario
        for index, parameter in enumerate(parameters):
            scenario = parameter.set(scenario, values[index])
        return tuple(forecast(scenario, tuple(metrics))[metric] for metric in metrics)

    points = jax.jit(jax.vmap(point))
    evaluated: list[np.ndarray] = []

    def function(x: np.ndarray) -> np.ndarray:
        """Metrics [metrics, points] at x [numbers, points]."""
        with jax.enable_x64(True):
            values = np.stack([np.asarray(column) for column in points(np.asarray(x.T, np.float64))])
        evaluated.append(values.copy())  # scipy standardizes its own array in place
        return values

    result = sobol_indices(func=function, n=n, dists=distributions, rng=np.random.default_rng(seed))
    sample = np.concatenate([values.reshape(len(metrics), -1) for values in evaluated[:2]], axis=1)
    coords = {
        "metric": list(metrics),
        "parameter": ("parameter", list(uncertain), {"long_name": "uncertain number"}),
        "quantile": list(REPORTED),
    }
    variables: dict[str, Any] = {"quantile_value": (("metric", "quantile"), np.quantile(sample, REPORTED, axis=1).T)}
    for name, of in (("first_order", "the number alone"), ("total_order", "the number with all others")):
        indices = np.asarray(getattr(result, name)).reshape(len(metrics), -1)
        about = {"units": "1", "long_name": f"part of the variance that {of} makes"}
        variables[name] = (("metric", "parameter"), indices, about)
    units = [axis_table.facts(key).get("unit", "1") for key in uncertain]
    return xr.Dataset(variables, coords, {"case": case.label, "forecasts": n * (2 + len(parameters)), "units": units})
