"""Words -> Study -> Dataset: what was asked, checked and built, and its evaluation over the grid."""

import dataclasses
import hashlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from life_jax import dataset, efficiency, grid
from life_jax.config import axes as axis_table
from life_jax.config import door, knobs, ranges
from life_jax.config.build import Built, build
from life_jax.config.check import check_number
from life_jax.config.compose import Composed, compose, own_quantization
from life_jax.config.errors import ConfigError
from life_jax.config.knobs import Knob
from life_jax.dataset import Coordinate, Template, Variable
from life_jax.metrics import BOUNDS, METRICS, derive, direct, forecast
from life_jax.numerics import Number
from life_jax.pipeline import Run
from life_jax.specs import Scenario
from life_jax.version import provenance, version

AXIS_MEANINGS = {"model": "language model", "hw": "device", "opt": "stack of optimizations"}


@dataclass(frozen=True)
class Case:
    """One model on one device under one stack, and how the axes set its numbers."""

    model: str
    hw: str
    opt: str
    built: Built
    knobs: tuple[Knob, ...]

    @property
    def scenario(self) -> Scenario:
        return self.built.scenario

    @property
    def label(self) -> str:
        return f"{self.model} on {self.hw}" + ("" if self.opt == "none" else f" with {self.opt}")


@dataclass(frozen=True)
class Study:
    """A checked question. `axes` maps keys to values; `resolved` is the whole config as data."""

    composed: Composed
    cases: tuple[Case, ...]
    axes: Mapping[str, np.ndarray]
    metrics: tuple[str, ...]
    dtype: str
    out: str | None
    overwrite: bool
    warnings: tuple[str, ...]
    resolved: Mapping[str, Any] = field(repr=False)

    @property
    def scenario(self) -> Scenario:
        """The scenario of a study of one case, at its scalars (axes are not applied)."""
        if len(self.cases) > 1:
            raise ConfigError(f"the study has {len(self.cases)} cases; take one of study.cases")
        return self.cases[0].scenario

    @cached_property
    def config(self) -> str:
        return yaml.safe_dump(_plain(self.resolved), sort_keys=False, width=120)

    @cached_property
    def identity(self) -> str:
        """The same for the same question asked of the same version."""
        return hashlib.sha256(f"{version()}\n{self.config}".encode()).hexdigest()

    @property
    def path(self) -> Path:
        """out=, or sweeps/out/MODEL_HW_OPT_HASH.nc."""
        if self.out is not None:
            return Path(self.out).expanduser()
        parts = (_joined(getattr(self.composed, name)) for name in ("model", "hw", "stacks"))
        return Path("sweeps") / "out" / f"{'_'.join(parts)}_{self.identity[:8]}.nc"

    @cached_property
    def template(self) -> Template:
        """The dataset without its numbers."""
        c = self.composed
        coordinates: dict[str, Coordinate] = {
            name: dataset.labels(list(values), AXIS_MEANINGS[name])
            for name, values in (("model", c.model), ("hw", c.hw), ("opt", c.stacks))
        }
        for key, values in self.axes.items():
            facts = axis_table.facts(key)
            coordinates[axis_table.dimension(key)] = dataset.numbers(values, facts.get("unit", "1"), facts["name"])
        variables = {metric: _variable(metric, self.dtype) for metric in self.metrics}
        return Template(coordinates, variables, self._attributes())

    def _attributes(self) -> dict[str, Any]:
        found = {
            "title": "life_jax forecast: " + ", ".join(self.metrics),
            "convention": str(self.resolved["convention"]),
            "config": self.config,
            "identity": self.identity,
            **provenance(),
        }
        if self.warnings:
            found["warnings"] = "\n".join(self.warnings)
        return found

    @property
    def grid_axes(self) -> tuple[grid.Axis, ...]:
        return tuple(grid.Axis(key, values) for key, values in self.axes.items())


def _variable(metric: str, dtype: str) -> Variable:
    """How a metric is stored, with units, long_name and CF flag attributes."""
    m = METRICS[metric]
    attributes: dict[str, Any] = {"units": m.units, "long_name": m.long_name}
    if m.kind == "flag":
        return Variable(np.dtype(np.int8), attributes, is_flag=True)
    if m.kind == "bound":
        attributes["flag_values"] = np.arange(len(BOUNDS), dtype=np.int8)
        attributes["flag_meanings"] = " ".join(BOUNDS)
        return Variable(np.dtype(np.int8), attributes)
    return Variable(np.dtype(dtype), attributes)


@dataclass(frozen=True)
class Forecaster:
    """(scenario, values by axis key) -> metrics; hashable, so that one compilation serves all cases."""

    knobs: tuple[Knob, ...]
    metrics: tuple[str, ...]

    def __call__(self, scenario: Scenario, values: Mapping[str, Number]) -> dict[str, Number]:
        for knob in self.knobs:
            scenario = knob.set(scenario, values[knob.key])
        return forecast(scenario, self.direct)

    @property
    def direct(self) -> tuple[str, ...]:
        return direct(self.metrics)

    @property
    def derived(self) -> tuple[str, ...]:
        return tuple(name for name in self.metrics if METRICS[name].of is not None)

    def derive(self, found: Mapping[str, Number]) -> dict[str, Number]:
        """The metrics that need no scenario; computed after, see grid.Function."""
        return derive(found, self.metrics)


def load(words: Iterable[str], *, primary: str = "sweep") -> Study:
    """A checked Study from the words of the command line, such as ["hw=v100", "opt=int4"].

    Raises ConfigError, a ValueError of one line that names what was asked and what would be accepted.
    """
    if isinstance(words, str):
        raise ConfigError("load() takes a list of words, such as load(['hw=v100', 'opt=int4'])")
    request = door.parse(words, verb=primary)
    composed = compose(request, primary=primary)
    axes = {key: _axis_values(key, asked) for key, asked in composed.axes.items()}
    cases = tuple(_cases(composed, axes, request))
    _refuse_long_chunks(cases, composed, axes)
    settings = composed.settings
    found = dict.fromkeys(w for case in cases for w in case.built.warnings)
    found.update(dict.fromkeys(_position_warnings(composed, axes)))
    found.update(dict.fromkeys(_table_warnings(cases, axes)))
    return Study(
        composed=composed,
        cases=cases,
        axes=axes,
        metrics=settings["metrics"],
        dtype=settings["dtype"],
        out=settings["out"],
        overwrite=settings["overwrite"],
        warnings=tuple(found),
        resolved=composed.resolved,
    )


def evaluate(study: Study) -> Any:
    """The xarray.Dataset that the file of this study would hold."""
    sink = dataset.InMemory(study.template)
    compute(study, sink)
    return sink.to_xarray()


def compute(
    study: Study,
    sink: grid.Sink,
    *,
    skip: Callable[[int], bool] = lambda chunk: False,
    done: Callable[[int, int], None] = lambda chunk, points: None,
) -> None:
    """Every case over the grid, into `sink`. Chunks are numbered through all cases."""
    import jax

    plan = grid.plan(study.grid_axes)
    outputs = {name: v.dtype for name, v in study.template.variables.items()}
    with jax.enable_x64(study.dtype == "float64"):
        for index, case in enumerate(study.cases):
            first = index * plan.chunks
            base = jax.tree.map(np.dtype(study.dtype).type, case.scenario)
            grid.run(
                Forecaster(case.knobs, study.metrics),
                base,
                plan,
                sink,
                outputs,
                offset=index * plan.points,
                skip=partial(_shifted, skip, first),
                done=partial(_counted, done, first),
            )


def _shifted(skip: Callable[[int], bool], first: int, chunk: int) -> bool:
    return skip(first + chunk)


def _counted(done: Callable[[int, int], None], first: int, chunk: grid.Chunk) -> None:
    done(first + chunk.index, chunk.count)


def _cases(composed: Composed, axes: Mapping[str, np.ndarray], request: door.Request) -> Iterator[Case]:
    """In the order of the file's dimensions: model, then hw, then opt."""
    for model, model_file in composed.model.items():
        own = own_quantization(model_file, request.folders, composed.settings["convention"])
        for hw, device_file in composed.hw.items():
            for opt, stack in composed.stacks.items():
                _refuse_decided(stack.sets, axes, request)
                built = build(
                    model=model_file,
                    device=device_file,
                    stack=stack,
                    workload=composed.workload,
                    precision=composed.precision,
                    engine=composed.engine,
                    labels={"model": model, "hw": hw},
                    own=own,
                    convention=composed.settings["convention"],
                    efficiency=composed.efficiency.get(device_file.efficiency_class),
                )
                where = f"{model} on {hw}"
                yield Case(model, hw, opt, _smoothed(built, axes), tuple(knobs.knob(key, built, where) for key in axes))


def _refuse_decided(sets: Mapping[str, str], axes: Mapping[str, np.ndarray], request: door.Request) -> None:
    """A number that an option decides can be neither an axis nor typed."""
    for key, option in sets.items():
        if key in axes:
            raise ConfigError(f"axes.{key} and opt.{option} both set {key}; drop one of them")
        for typed in (f"precision.{key}", f"engine.{key}"):
            if typed in request.scalars:
                raise ConfigError(f"{typed} and opt.{option} both set {key}; drop one of them")


def _refuse_long_chunks(cases: tuple[Case, ...], composed: Composed, axes: Mapping[str, np.ndarray]) -> None:
    """A chunk longer than every prompt of the study divides none of them."""
    prompts = axes.get("prompt_tokens", np.array([composed.workload.prompt_tokens]))
    for case in cases:
        engine = case.scenario.engine
        least = float(axes["chunk_tokens"].min()) if "chunk_tokens" in axes else engine.chunk_tokens
        if engine.chunked and least > prompts.max():
            raise ConfigError(
                f"chunk_tokens is {least:g}, longer than the longest prompt ({prompts.max():g} tokens); "
                f"give a smaller chunk, such as engine.chunk_tokens={max(1, prompts.max() // 2):g}, or a longer prompt"
            )


def _smoothed(built: Built, axes: Mapping[str, np.ndarray]) -> Built:
    """Sweeping the smoothness of the roof needs the smooth formula, also where the file says 0; so do devices."""
    engine = built.scenario.engine
    if "roof_smoothness" in axes:
        engine = dataclasses.replace(engine, smooth=True)
    if "tile_rows" in axes:
        engine = dataclasses.replace(engine, tiled=True)
    if "chunk_tokens" in axes:
        engine = dataclasses.replace(engine, chunked=True)
    if "tensor_parallel" in axes:
        engine = dataclasses.replace(engine, split=True)
    return dataclasses.replace(built, scenario=dataclasses.replace(built.scenario, engine=engine))


def _axis_values(key: str, asked: Any) -> np.ndarray:
    where = f"axes.{key}"
    values = ranges.values(asked, where)
    if np.unique(values).size < values.size:
        raise ConfigError(f"{where} has a value twice; each is a label of the result")
    for value in (values.min(), values.max()):
        check_number(float(value), axis_table.facts(key), where)
    return values


def _position_warnings(composed: Composed, axes: Mapping[str, np.ndarray]) -> Iterator[str]:
    """A prompt beyond the model's positions is forecast all the same, and said."""
    w = composed.workload

    def most(key: str, fixed: float) -> float:
        return float(axes[key].max()) if key in axes else fixed

    longest = sum(most(key, getattr(w, key)) for key in ("past_tokens", "prompt_tokens", "output_tokens"))
    for label, model in composed.model.items():
        positions = model.max_position_embeddings
        if longest > positions:
            yield f"contexts of up to {longest:g} tokens exceed the {positions:g} positions of {label}"


def _table_warnings(cases: tuple[Case, ...], axes: Mapping[str, np.ndarray]) -> Iterator[str]:
    """Shapes that a table of efficiencies has not measured, at the ends of the axes of the workload."""
    ends = {key: (axes[key].min(), axes[key].max()) for key in ("prompt_tokens", "batch") if key in axes}
    for case in cases:
        tables = case.scenario.engine.tables
        if not tables:
            continue
        beyond: dict[str, None] = {}
        for values in itertools.product(*ends.values()):
            s = case.scenario
            for key, value in zip(ends, values, strict=True):
                s = next(k for k in case.knobs if k.key == key).set(s, float(value))
            run = Run(s)
            for step in (run.prefill[-1].first, run.decode.first):
                beyond.update(dict.fromkeys(efficiency.outside(tables, tuple(run.graph(step)))))
        if beyond:
            yield (
                f"{case.label}: shapes outside the measured ones of engine.operator_efficiencies "
                f"{', '.join(beyond)} take the efficiency at the edge"
            )


def _joined(names: Iterable[str]) -> str:
    names = list(names)
    return "-".join(names) if len("-".join(names)) <= 40 else f"{names[0]}-and-{len(names) - 1}-more"


def _plain(value: Any) -> Any:
    """Mappings and sequences as dict and list, for YAML."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
