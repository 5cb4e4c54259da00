"""Forecasts how fast a language model runs on a device that nobody has benchmarked yet.

    import life_jax as life
    study = life.load(["hw=v100", "opt=int4"])  # or life.load(hw="v100", opt=["int4"], batch=8)
    ds = life.evaluate(study)               # xarray.Dataset of ttft, tpot, tps
    life.forecast(study.cases[0].scenario)  # pure scalar function: jit, vmap, grad
    life.pareto(ds, minimize=["tpot"], maximize=["tps"])
    life.plot.heatmap(ds, ...)              # the module of pictures

Importing life_jax imports none of JAX, Hydra, xarray and matplotlib; they come with the first call.
"""

from typing import TYPE_CHECKING, Any

from life_jax.core import early_interrupt

if early_interrupt.is_command():
    early_interrupt.end_quietly()

if TYPE_CHECKING:
    __version__: str
    from life_jax.analysis.crossover_map import crossover as crossover
    from life_jax.analysis.design_question import problem as problem
    from life_jax.analysis.inverse_design import cheapest as cheapest
    from life_jax.analysis.sobol_indices import sobol as sobol
    from life_jax.config.schema.errors import ConfigError as ConfigError
    from life_jax.explorer.snapshot import interactive as interactive
    from life_jax.forecasting.metrics import forecast as forecast
    from life_jax.grid.reduced_dataset import pareto as pareto
    from life_jax.studies.evaluation import evaluate as evaluate
    from life_jax.studies.lazy import lazily as lazily
    from life_jax.studies.lazy import reopen as reopen
    from life_jax.studies.loading import load as load
    from life_jax.studies.study import Study as Study

_HOME = {
    "ConfigError": "life_jax.config.schema.errors",
    "Study": "life_jax.studies.study",
    "cheapest": "life_jax.analysis.inverse_design",
    "crossover": "life_jax.analysis.crossover_map",
    "evaluate": "life_jax.studies.evaluation",
    "forecast": "life_jax.forecasting.metrics",
    "interactive": "life_jax.explorer.snapshot",
    "lazily": "life_jax.studies.lazy",
    "load": "life_jax.studies.loading",
    "pareto": "life_jax.grid.reduced_dataset",
    "problem": "life_jax.analysis.design_question",
    "reopen": "life_jax.studies.lazy",
    "sobol": "life_jax.analysis.sobol_indices",
}
__all__ = [
    "ConfigError", "Study", "cheapest", "crossover", "evaluate", "forecast", "interactive", "lazily", "load", "pareto",
    "problem", "reopen", "sobol",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name == "plot":
        from importlib import import_module

        return import_module("life_jax.plotting.charts")
    if name == "__version__":
        from life_jax.studies.provenance import version

        return version()
    if name not in _HOME:
        raise AttributeError(f"module 'life_jax' has no attribute '{name}'; it has {', '.join(__all__)}")
    from importlib import import_module

    if name != "ConfigError":  # scenarios are handed to JAX: jit, grad, vmap
        from life_jax.core.pytree import register_with_jax

        register_with_jax()
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted([*(name for name in globals() if name.startswith("__")), *__all__, "__version__", "plot"])
