"""Forecasts how fast a language model runs on a device that nobody has benchmarked yet.

    import life_jax as life
    study = life.load(["hw=v100", "opt=int4"])
    ds = life.evaluate(study)               # xarray.Dataset of ttft, tpot, tps
    life.forecast(study.cases[0].scenario)  # pure scalar function: jit, vmap, grad
    life.pareto(ds, minimize=["tpot"], maximize=["tps"])
    life.plot.heatmap(ds, ...)              # the module of pictures

Importing life_jax imports none of JAX, Hydra, xarray and matplotlib; they come with the first call.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from life_jax.answers import pareto as pareto
    from life_jax.config.errors import ConfigError as ConfigError
    from life_jax.crossings import crossover as crossover
    from life_jax.inverse import cheapest as cheapest
    from life_jax.lazy import lazily as lazily
    from life_jax.lazy import reopen as reopen
    from life_jax.metrics import forecast as forecast
    from life_jax.posing import problem as problem
    from life_jax.study import Study as Study
    from life_jax.study import load as load
    from life_jax.variance import sobol as sobol
    from life_jax.work import evaluate as evaluate

_HOME = {
    "ConfigError": "life_jax.config.errors",
    "Study": "life_jax.study",
    "cheapest": "life_jax.inverse",
    "crossover": "life_jax.crossings",
    "evaluate": "life_jax.work",
    "forecast": "life_jax.metrics",
    "lazily": "life_jax.lazy",
    "load": "life_jax.study",
    "pareto": "life_jax.answers",
    "problem": "life_jax.posing",
    "reopen": "life_jax.lazy",
    "sobol": "life_jax.variance",
}
__all__ = [
    "ConfigError", "Study", "cheapest", "crossover", "evaluate", "forecast", "lazily", "load", "pareto", "problem",
    "reopen", "sobol",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name == "plot":
        from importlib import import_module

        return import_module("life_jax.plotting")
    if name not in _HOME:
        raise AttributeError(f"module 'life_jax' has no attribute '{name}'; it has {', '.join(__all__)}")
    from importlib import import_module

    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__, "plot"])
