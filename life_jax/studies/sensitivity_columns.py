"""elasticity=, gains= and gradients= of a study: which numbers they are about, and the variables that hold them."""

import contextlib
import dataclasses
from collections.abc import Iterable, Mapping

import numpy as np

from life_jax.config.build import Built
from life_jax.config.compose import Composed
from life_jax.config.parameters import parameter_of
from life_jax.config.schema import axis_table
from life_jax.config.schema.axis_table import ALL_RATES
from life_jax.config.schema.errors import ConfigError
from life_jax.core.parameter import Parameter
from life_jax.core.pytree import get_leaf
from life_jax.forecasting import attribution
from life_jax.forecasting.metrics import BOUNDS, METRICS
from life_jax.grid.labels import Variable
from life_jax.sensitivity import elasticities
from life_jax.sensitivity.columns import column
from life_jax.sensitivity.elasticities import Atoms
from life_jax.sensitivity.grid_function import GAINS, Sensitivity
from life_jax.studies.case import Case

GAIN_NAMES = {"change_10pct": "10 % more", "change_2x": "twice as much"}


def variables(s: Sensitivity, dtype: np.dtype) -> dict[str, Variable]:
    """Name -> variable of the file for elasticities, shares of bounds, gains and slopes, with their grid columns."""

    def of(name: str, long_name: str, labels: Iterable[str], dim: str) -> Variable:
        columns = tuple(column(name, metric, label) for metric in s.metrics for label in labels)
        return Variable(dtype, {"units": "1", "long_name": long_name}, before=("metric", dim), columns=columns)

    keys = [key for key, _ in s.parameters]
    by_name = {}
    if keys:
        by_name["elasticity"] = of("elasticity", "relative change of the metric per relative change", keys, "parameter")
    if s.shares:
        # a dimension of its own name: `bound` is a metric of the same file
        by_name["bound_share"] = of("bound_share", "part of the time that goes to each resource", BOUNDS, "resource")
    for gain in GAINS if s.gains else ():
        by_name[gain] = of(
            gain, f"relative change of the metric with {GAIN_NAMES[gain]} of the number", keys, "parameter"
        )
    for key, _ in s.slopes:
        facts = axis_table.facts(key)
        for metric in s.metrics:
            m = METRICS[metric]
            by_name[f"d_{metric}_d_{axis_table.dimension(key)}"] = Variable(
                dtype,
                {
                    "units": m.units if facts.get("unit", "1") == "1" else f"{m.units} ({facts['unit']})-1",
                    "long_name": f"derivative of {m.long_name} by {facts['name']}",
                },
                columns=(column("slope_of", metric, key),),
            )
    return by_name


def with_sensitivities(cases: tuple[Case, ...], composed: Composed, axes: Mapping[str, np.ndarray]) -> tuple[Case, ...]:
    """The cases with the sensitivities that the study asks for, about the same numbers in every case.

    A number that a case does not depend on has no leaves there. axes: key -> values. Raises ConfigError where no metric
    has a slope, or no case depends on a number.
    """
    settings = composed.settings
    if not (settings["elasticity"] or settings["gains"] or settings["gradients"]):
        return cases
    metrics = tuple(m for m in settings["metrics"] if METRICS[m].differentiable)
    if not metrics:
        raise ConfigError(
            f"elasticity=: none of metrics={','.join(settings['metrics'])} has a slope; give one that has, ttft"
        )
    usual = _usual_parameters(cases, axes)
    keys: dict[str, tuple[str, ...]] = {}
    for word in ("elasticity", "gradients"):
        keys[word] = settings[word] if isinstance(settings[word], tuple) else usual if settings[word] else ()
    if settings["gains"] and not keys["elasticity"]:
        keys["elasticity"] = usual
    moving = [path for case in cases for k in case.parameters for path in k.paths]
    priced = any("USD" in METRICS[metric].units for metric in metrics)
    extended = []
    for case in cases:
        parameter_of_key = {
            key: _parameter_or_none(key, case.built, cases, word) for word, named in keys.items() for key in named
        }
        leaves_of = {key: k.paths if (k := parameter_of_key[key]) else () for key in keys["elasticity"]}
        sensitivity = Sensitivity(
            metrics=metrics,
            parameters=tuple(leaves_of.items()),
            atoms=Atoms((), (), None),
            shares=keys["elasticity"] == usual,
            gains=settings["gains"],
            slopes=tuple((key, parameter_of_key[key]) for key in keys["gradients"]),
        )
        scenario = dataclasses.replace(case, sensitivity=sensitivity).scenario
        sensitivity = dataclasses.replace(
            sensitivity,
            atoms=elasticities.atoms(leaves_of, scenario, moving, priced=priced),
            ledger=attribution.known(scenario),
        )
        extended.append(dataclasses.replace(case, sensitivity=sensitivity))
    return tuple(extended)


def _usual_parameters(cases: tuple[Case, ...], axes: Mapping[str, np.ndarray]) -> tuple[str, ...]:
    """All rates in use, bandwidth, fixed times that are not 0, and the efficiency that follows for nothing."""
    fast = [ALL_RATES, "bandwidth_gb_per_s"]
    if any(elasticities.is_split(case.scenario) for case in cases):
        fast.append("interconnect_gb_per_s")
    host = [
        key for path in attribution.HOST for key in axis_table.keys_of(path)
        if any(
            path in elasticities.host_times(c.scenario) and (key in axes or get_leaf(c.scenario, path)) for c in cases
        )
    ]  # fmt: skip
    return (*fast, "dispatch_us", *host, "memory_efficiency")


def _parameter_or_none(key: str, built: Built, cases: tuple[Case, ...], word: str) -> Parameter | None:
    """None where this case does not depend on the key; refused where no case does."""
    where = f"{word}=: "
    if key in axis_table.LABELLED:
        raise ConfigError(f"{where}{key} is not a number")
    if key == ALL_RATES and not built.sources:  # a device whose steps are forecast from its bytes alone
        return None
    try:
        parameter = parameter_of(key, built, "this study", where)
    except ConfigError:
        for case in cases:
            with contextlib.suppress(ConfigError):
                parameter_of(key, case.built, case.label, where)
                return None
        raise
    if parameter.group is not None and word == "elasticity":
        raise ConfigError(f"{where}{key} is a number of an option, of which gradients=[{key}] gives the slope")
    if parameter.inverse and word == "elasticity":
        raise ConfigError(f"{where}{key} moves rates and dispatches, of which {ALL_RATES} and dispatch_us tell apart")
    return parameter
