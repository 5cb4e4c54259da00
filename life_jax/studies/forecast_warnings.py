"""Warnings of forecasts that rest on less than usual: long contexts, shapes never measured, unpublished powers."""

import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from life_jax.config import engine_fit, support
from life_jax.config.aliases import table
from life_jax.config.compose import Composed
from life_jax.core.places import SHARED
from life_jax.core.pytree import any_leaf, map_leaves
from life_jax.core.scenario import UNPUBLISHED, Scenario
from life_jax.forecasting.metrics import METRICS, forecast
from life_jax.forecasting.request import Run
from life_jax.roofline import efficiency_tables
from life_jax.studies.case import Case, Nowhere

UNDER_LOAD = "ttft_p99,tpot_p99"  # of the metrics that a load changes, as an example
TIMES = ("ttft", "tpot")  # that have targets
MOST_REASONS, MOST_NAMED = 8, 4  # that are printed


def under_load_warnings(
    cases: tuple[Case, ...], composed: Composed, axes: Mapping[str, np.ndarray], metrics: Iterable[str]
) -> list[str]:
    """A line where metrics under load are NaN, because the law of steps does not follow what was asked for, or where a
    load was given and nothing asked for depends on it."""
    if not any(METRICS[name].needs == "load" for name in metrics):
        words = {"rate": "rate", "concurrency": "concurrency", **{f"{of}_limit": f"target.{of}" for of in TIMES}}
        idle = [word for name, word in words.items() if getattr(composed.load, name) or name in axes]
        of = _few(list(metrics))
        return [f"{name}= changes nothing of {of}; metrics=[{UNDER_LOAD}] are under load" for name in idle]
    return [
        f"{case.label}: two processors that share one memory have no forecast under load: NaN"
        for case in cases
        if case.scenario.handover.on and case.scenario.handover.memory == SHARED
    ]


def position_warnings(composed: Composed, axes: Mapping[str, np.ndarray]) -> Iterator[str]:
    """A line for each model whose positions the longest context of the study exceeds."""
    w = composed.workload

    def most(key: str, fixed: float) -> float:
        return float(axes[key].max()) if key in axes else fixed

    lengths = {key: most(key, getattr(w, key)) for key in ("past_tokens", "prompt_tokens", "output_tokens")}
    for label, model in composed.model.items():
        positions = model.max_position_embeddings
        longest = sum(lengths.values())
        if model.generation == "none":
            longest -= lengths["output_tokens"]
        elif any(layer.get("stack") == "encoder" for layer in model.layers):  # positions of each stack
            longest = max(longest - lengths["output_tokens"], lengths["output_tokens"])
        if longest > positions:
            model_label = composed.labels["model"][label]
            yield f"contexts of up to {longest:g} tokens exceed the {positions:g} positions of {model_label}"


def nowhere_warnings(cells: tuple[Nowhere, ...]) -> Iterator[str]:
    """A line for each reason why combinations of a study cannot be, with what it is about."""
    reasons: dict[str, dict[str, None]] = {}
    for cell in cells:
        reasons.setdefault(cell.reason.reason, {})[cell.reason.of] = None
    for reason, of in list(reasons.items())[:MOST_REASONS]:
        yield f"{_few(list(of))}: {reason}: NaN"
    if len(reasons) > MOST_REASONS:
        yield f"other combinations cannot be for {len(reasons) - MOST_REASONS} further reasons: NaN"


def pair_warnings(cases: tuple[Case, ...]) -> Iterator[str]:
    """A line for all pairs of a device and an engine that was measured, but not on this device."""
    devices: dict[str, dict[str, None]] = {}
    for case in cases:
        label = table("hardware").get(case.keys.hw, case.keys.hw)
        devices.setdefault(case.keys.engine, {})[str(label)] = None
    unseen = {engine: engine_fit.never_seen(engine, labels) for engine, labels in devices.items()}
    pairs = [f"{engine} on {label}" for engine, labels in unseen.items() for label in labels]
    if pairs:
        are = "was" if len(pairs) == 1 else "were"
        yield f"never measured {are} {_few(pairs)}: forecast from other devices of their class"


def support_warnings(cases: tuple[Case, ...], axes: Mapping[str, np.ndarray]) -> Iterator[str]:
    """A line for all that nothing like it was measured of, at the largest workload of the study."""
    texts: dict[str, None] = {}
    if cases[0].scenario.load.rate or cases[0].scenario.load.concurrency or {"rate", "concurrency"} & set(axes):
        return
    for case in cases:
        if not case.scenario.engine.support:
            continue
        w = case.scenario.workload
        most = {key: float(axes[key].max() if key in axes else getattr(w, key)) for key in WORKLOAD}
        positions = case.built.options.positions  # beyond which another line says that there is nothing like it
        prompt = min(most["past_tokens"] + most["prompt_tokens"], positions)
        lengths = (prompt, min(most["output_tokens"], max(positions - prompt, 0.0)))
        texts.update(dict.fromkeys(support.sentences(case.built.likeness, lengths, most["batch"])))
    if texts:
        yield f"not measured: {_few(list(texts))}; extrapolated, with wider intervals"


def _few(names: list[str]) -> str:
    rest = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + rest


def range_warnings(
    cases: tuple[Case, ...], axes: Mapping[str, np.ndarray], metrics: tuple[str, ...], dtype: str
) -> Iterator[str]:
    """A line for each case whose largest workload is beyond the numbers of the study's dtype, so that times are inf or,
    where two such numbers meet, NaN.

    Only workloads of more than MANY_TOKENS tokens in a step are looked at, and cases and axes with numbers that no
    machine has (outside USUAL): no other is near the limit.
    """
    unusual_axes = any(_is_unusual(end) for values in axes.values() for end in (values.min(), values.max()))
    numbers = tuple(m for m in metrics if METRICS[m].kind == "number")
    has_unusual = any_leaf(_is_unusual)
    for case in cases:
        w = case.scenario.workload
        most = {key: axes[key].max() if key in axes else getattr(w, key) for key in WORKLOAD}
        tokens = most["batch"] * max(most["prompt_tokens"], most["past_tokens"], most["output_tokens"])
        if tokens < MANY_TOKENS and not unusual_axes and not has_unusual(case.scenario):
            continue
        beyond = dict.fromkeys(
            name for largest in (False, True) for name in _beyond(_corner(case, axes, largest), numbers, dtype)
        )
        if beyond:
            at = ", ".join(f"{key} {most[key]:g}" for key in WORKLOAD)
            instead = "; dtype=float64 reaches further" if dtype == "float32" else ""
            yield f"{case.label}: {', '.join(beyond)} may be inf or NaN at {at}, beyond the range of {dtype}{instead}"


def _corner(case: Case, axes: Mapping[str, np.ndarray], largest: bool) -> Scenario:
    """The scenario of the largest workload, at an end of all other axes."""
    s = case.scenario
    for parameter in case.parameters:
        values = axes[parameter.key]
        s = parameter.set(s, float(values.max() if largest or parameter.key in WORKLOAD else values.min()))
    return s


def _beyond(s: Scenario, metrics: tuple[str, ...], dtype: str) -> list[str]:
    """The metrics that are not finite in a dtype, or above its limit, though there is such a number; all of them where
    a number of the scenario is itself beyond the dtype, and those that are no number where one is unusual."""
    limit = float(np.finfo(dtype).max)
    leaves = _leaves(s)
    if any(np.isfinite(leaf) and abs(leaf) > limit for leaf in leaves):
        return list(metrics)
    is_unusual = any(map(_is_unusual, leaves))
    with np.errstate(all="ignore"):
        exact = forecast(map_leaves(lambda number: np.array([number], np.float64), s), metrics)
        values = forecast(map_leaves(lambda number: np.array([number], dtype), s), metrics)
    return [
        name
        for name, value in values.items()
        if _is_beyond(exact[name], value, limit) or (is_unusual and np.isnan(exact[name]).any())
    ]


def _is_unusual(number: float) -> bool:
    """Whether a number is one that no machine or model has; 0 and what stands for a rate that nobody published are."""
    return number not in (0.0, UNPUBLISHED) and np.isfinite(number) and not USUAL[0] < abs(number) < USUAL[1]


def _leaves(s: Scenario) -> list[float]:
    """The plain numbers of a scenario."""
    leaves: list[float] = []

    def look(leaf: Any) -> Any:
        if isinstance(leaf, int | float):
            leaves.append(leaf)
        return leaf

    map_leaves(look, s)
    return leaves


def _is_beyond(exact: Any, value: Any, limit: float) -> bool:
    """Whether a number that is there (computed exactly) is not finite in the dtype of the study, or above its limit."""
    is_there = ~np.isnan(exact)
    return bool((is_there & ~(np.isfinite(value) & (np.abs(exact) <= limit))).any())


WORKLOAD = ("prompt_tokens", "batch", "past_tokens", "output_tokens")
MANY_TOKENS = 1e9
USUAL = (1e-18, 1e20)  # numbers of scenarios in base units: those of conf are from 1e-13 to 1e17


def power_warnings(cases: tuple[Case, ...], axes: Mapping[str, np.ndarray], metrics: tuple[str, ...]) -> Iterator[str]:
    """Lines for metrics that are NaN: bounds of an engine without spreads, energies of a device without a power, what
    requests see under no load."""
    ends = [m for m in metrics if METRICS[m].needs == "spreads"]
    if ends and not cases[0].scenario.engine.spreads:
        yield f"{', '.join(ends)} are NaN: only a fitted engine knows how far it is off, such as engine=generic"
    loaded = [m for m in metrics if METRICS[m].needs == "load"]
    load = cases[0].scenario.load
    if loaded and not ({"rate", "concurrency"} & set(axes) or load.rate or load.concurrency):
        yield f"{', '.join(loaded)} are NaN: no requests arrive; give rate= or concurrency=, such as rate=4"
    drawn = [m for m in metrics if METRICS[m].needs == "power"]
    for case in cases:
        if drawn and "tdp_w" not in axes and np.isnan(case.scenario.device.power):
            hw = f"hw.{case.keys.hw}"
            yield f"{hw} publishes no power: {', '.join(drawn)} are NaN; give {hw}.tdp_w"


def table_warnings(cases: tuple[Case, ...], axes: Mapping[str, np.ndarray]) -> Iterator[str]:
    """A line for each case with shapes beyond its table of efficiencies, at the ends of the axes of the workload."""
    ends = {key: (axes[key].min(), axes[key].max()) for key in ("prompt_tokens", "batch") if key in axes}
    for case in cases:
        tables = case.scenario.engine.efficiency.tables
        if not tables:
            continue
        beyond: dict[str, None] = {}
        for values in itertools.product(*ends.values()):
            s = case.scenario
            for key, value in zip(ends, values, strict=True):
                s = next(k for k in case.parameters if k.key == key).set(s, float(value))
            run = Run(s)
            for step in (run.prefill[-1].first, run.decode.first):
                beyond.update(dict.fromkeys(efficiency_tables.outside(tables, tuple(run.graph(step)))))
        if beyond:
            yield (
                f"{case.label}: shapes outside the measured ones of engine.operator_efficiencies "
                f"{', '.join(beyond)} take the efficiency at the edge"
            )
