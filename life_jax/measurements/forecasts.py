"""Rows of measurements -> scenarios and forecasts, vectorized over the rows."""

import dataclasses
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from life_jax.config import conf_files
from life_jax.config.build import build
from life_jax.config.options import option, own_quantization
from life_jax.config.schema import paths
from life_jax.config.schema.device_file import DeviceFile
from life_jax.config.schema.engine_file import EngineFile
from life_jax.config.schema.files import PrecisionFile, WorkloadFile
from life_jax.config.schema.model_file import ModelFile
from life_jax.config.schema.yaml_files import read_yaml
from life_jax.core.engine import Engine
from life_jax.core.pytree import absent_as_static
from life_jax.core.scenario import UNPUBLISHED, Scenario, Workload
from life_jax.forecasting.memory import memory
from life_jax.forecasting.request import Run
from life_jax.grid import trees
from life_jax.measurements.loads import as_load, quantity
from life_jax.measurements.rows import QUANTITIES, Setting
from life_jax.optimizations import chain

POINTS = (
    64  # benchmarks of servers that are forecast at once: the law of their steps is a table of thousands of numbers
)


def scenario(
    hw: str,
    model: str,
    stack: tuple[str, ...],
    engine: str,
    tensor_parallel: float,
    cold: bool = False,
    threads: float | None = None,
    chunk_tokens: float | None = None,
    half: str | None = None,
    graph_tokens: float | None = None,
) -> Scenario:
    """The scenario of a row's labels at the default workload.

    cold: of a first call, if the engine's file knows it; threads, chunk_tokens and graph_tokens [token]: in place of
    the engine's own; half: type of 16-bit math, for an engine that leaves it to the checkpoint. Raises ConfigError
    where the device cannot do what the options ask for.
    """
    files = tuple(conf_files.version(*of) for of in (("hw", hw), ("model", model), ("engine", engine)))
    return _scenario(files, hw, model, stack, engine, tensor_parallel, cold, threads, chunk_tokens, half, graph_tokens)


@lru_cache(maxsize=2048)  # a table may have a million settings
def _scenario(
    files: tuple[Any, ...],  # versions of them: a file of the user may have changed
    hw: str,
    model: str,
    stack: tuple[str, ...],
    engine: str,
    tensor_parallel: float,
    cold: bool,
    threads: float | None,
    chunk_tokens: float | None,
    half: str | None,
    graph_tokens: float | None,
) -> Scenario:
    file = dataclasses.replace(conf_files.engine_file(engine), tensor_parallel=tensor_parallel)
    if threads is not None:
        file = dataclasses.replace(file, threads=threads)
    if chunk_tokens is not None:
        file = dataclasses.replace(file, chunk_tokens=chunk_tokens)
    if graph_tokens is not None:
        file = dataclasses.replace(file, graph_tokens=graph_tokens)
    if cold and file.cold_request_ms is not None:
        file = dataclasses.replace(file, request_ms=file.cold_request_ms)
    file = in_half(file, half)
    device, shape = conf_files.file("hw", hw, DeviceFile), conf_files.file("model", model, ModelFile)
    options = (option(name, read_yaml(paths.choices("opt")[name])) for name in stack)
    built = build(
        model=shape,
        device=device,
        stack=chain(*options),
        workload=WorkloadFile(),
        precision=PrecisionFile(),
        engine=file,
        labels={"model": model, "hw": hw},
        own=own_quantization(shape),
        efficiency=conf_files.efficiency(hw) if file.efficiency == "class" else None,
    )
    alone: Scenario = absent_as_static(built.scenario)  # so that only rows with the same effects are stacked
    return alone


def in_half(file: EngineFile, half: str | None) -> EngineFile:
    """The engine with 16-bit math of the type `half`, if it leaves that to the checkpoint: if it would be bf16."""
    if half is None or "bf16" not in file.half_units[:1]:
        return file
    return dataclasses.replace(file, half_units=[half], attention_units=[half])


Groups = list[tuple[np.ndarray, Scenario]]


def scenarios(settings: Sequence[Setting], engine: str | None = None) -> Groups:
    """Rows of equal structure together: (their indices, a scenario whose leaves are arrays over them).

    engine: label of an engine that stands in for each row's own.
    """
    distinct: dict[Any, int] = {}  # what a scenario is built from -> its place among the built
    built: list[Scenario] = []
    of_row = np.empty(len(settings), int)
    for index, s in enumerate(settings):
        name = engine or s.engine
        file = conf_files.engine_file(name)
        chunk, graph = _own_or(s.chunk_tokens, file.chunk_tokens), _own_or(s.graph_tokens, file.graph_tokens)
        told = s.tensor_parallel, s.cold, s.threads, chunk, s.half, graph
        key = (s.hw, s.model, s.stack, name, *told)
        if key not in distinct:
            distinct[key] = len(built)
            built.append(scenario(*key))
        of_row[index] = distinct[key]
    alike: dict[Any, list[int]] = defaultdict(list)
    for index, one in enumerate(built):
        alike[trees.structure(one)].append(index)
    # what rows do not say (images) is as a workload has it by default
    own = [f.name for f in dataclasses.fields(Workload) if f.name in Setting.__dataclass_fields__]
    groups = []
    for members in alike.values():
        place = np.full(len(built), -1)
        place[members] = np.arange(len(members))
        rows = np.flatnonzero(place[of_row] >= 0)
        stacked = _stack([built[i] for i in members], place[of_row[rows]])
        numbers = {name: np.array([getattr(settings[int(i)], name) for i in rows]) for name in own}
        groups.append((rows, dataclasses.replace(stacked, workload=Workload(**numbers))))
    return groups


def _stack(built: Sequence[Scenario], of_row: np.ndarray) -> Scenario:
    """One scenario whose leaves are arrays over rows, of which each has one of those that were built."""
    stacked: Scenario = trees.mapped(lambda *leaves: np.array(leaves)[of_row], *built)
    return stacked


def _own_or(of_row: float | None, own: float | None) -> float | None:
    """Tokens that are prefilled at once, or that a compiled program attends: of the row, if the engine has any."""
    return None if own is None else of_row or own


def forecasts(
    settings: Sequence[Setting], engine: str | None = None, change: Callable[[Engine], Engine] = lambda engine: engine
) -> np.ndarray:
    """Forecast of every row in the row's own unit [s, token s-1], float64; NaN where nothing can be said.

    engine: label of an engine that stands in for each row's own; change: applied to every engine, for baselines. The
    formulas run on arrays over the rows: no compilation, however many structures there are.
    """
    values = np.full(len(settings), np.nan)
    alone = np.array([i for i, s in enumerate(settings) if s.load is None], int)
    with np.errstate(all="ignore"):
        for rows, group in scenarios([settings[int(i)] for i in alone], engine):
            changed = dataclasses.replace(group, engine=change(group.engine))
            run = Run(changed)
            places = alone[rows]
            for metric in {settings[i].metric for i in places}:
                of_rows = np.broadcast_to(QUANTITIES[metric][1](run, changed.workload), len(rows))
                mine = np.array([settings[i].metric == metric for i in places])
                values[places[mine]] = of_rows[mine]
        _under_load(settings, engine, change, values)
    return np.where(np.isfinite(values) & (values > 0) & (values < UNPUBLISHED), values, np.nan)


def _under_load(
    settings: Sequence[Setting], engine: str | None, change: Callable[[Engine], Engine], values: np.ndarray
) -> None:
    """Writes the forecasts of the rows under load into `values` [rows]; rows of one benchmark are computed once."""
    points: dict[tuple[str, ...], dict[Setting, list[int]]] = defaultdict(lambda: defaultdict(list))
    for index, s in enumerate(settings):
        if s.load is not None:
            point = dataclasses.replace(s, id="", cell=("", "", ""), metric="", value=0.0, date="")
            points[s.load.loops][point].append(index)
    for loops, of_point in points.items():
        listed = list(of_point)
        for start in range(0, len(listed), POINTS):
            some = listed[start : start + POINTS]
            for rows, group in scenarios(some, engine):
                served = [one for one in (some[i].load for i in rows) if one is not None]
                changed = dataclasses.replace(group, engine=change(group.engine))
                runs = {loop: Run(dataclasses.replace(changed, load=as_load(served, loop))) for loop in loops}
                members = [of_point[some[i]] for i in rows]
                for metric in {settings[i].metric for indices in members for i in indices}:
                    of_rows = np.broadcast_to(quantity(metric, runs, changed.workload), len(rows))
                    for value, indices in zip(of_rows, members, strict=True):
                        values[[i for i in indices if settings[i].metric == metric]] = value


def fits(settings: Sequence[Setting]) -> np.ndarray:
    """Whether the device of a row can hold its model, its cache and its activations at once [bool]."""
    fitting = np.ones(len(settings), bool)
    with np.errstate(all="ignore"):
        for rows, group in scenarios(settings, "ideal"):
            fitting[rows] = np.broadcast_to(memory(group).fits, len(rows))
    return fitting
