"""A study: a checked question with its cases and axes; the template of its dataset, its identity and its file."""

import hashlib
import itertools
import json
import math
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from life_jax.config import request_trace
from life_jax.config.compose import OF_REQUESTS, Composed
from life_jax.config.load_words import LoadWords
from life_jax.config.plan_question import PlanQuestion
from life_jax.config.schema import axis_table, paths
from life_jax.config.schema.errors import ConfigError
from life_jax.config.schema.yaml_files import as_yaml
from life_jax.core.own_code import code_hash
from life_jax.core.pytree import mapping
from life_jax.core.scenario import Scenario
from life_jax.forecasting.metrics import BOUNDS, METRICS
from life_jax.grid import eager, plan
from life_jax.grid import labels as dataset
from life_jax.grid.labels import Coordinate, Listed, Template, Variable
from life_jax.grid.reduced_dataset import WORKLOAD
from life_jax.grid.reduction import Reduction
from life_jax.grid.sampling import Points
from life_jax.sensitivity.grid_function import NoForecast
from life_jax.serving.requests import Requests
from life_jax.studies import sensitivity_columns
from life_jax.studies.case import Case
from life_jax.studies.provenance import provenance
from life_jax.studies.simulation import Simulator

CONVENTIONS = "CF-1.8"  # of attributes and coordinates; tokens, FLOP and USD are no units of UDUNITS
REFERENCE = "https://arxiv.org/abs/2508.00904"
AXIS_MEANINGS = {"model": "language model", "hw": "device", "opt": "stack of optimizations", "engine": "software"}


@dataclass(frozen=True)
class Work:
    """How a study is computed and stored, which changes no number. shard: (i, n), the i-th of n parts, from 1."""

    compress: str | None = None
    lazy: bool = False
    shard: tuple[int, int] | None = None
    executor: str = "local"
    cluster: str = "local"
    workers: int | None = None


@dataclass(frozen=True)
class View:
    """What is printed and drawn of a study, which changes no number.

    sort: names of columns, from large to small with a `-` before them. top: most rows, None for the usual number.
    all_rows: whether all are printed. at: dimension -> label or number of the point that a picture shows.
    """

    sort: tuple[str, ...] = ()
    top: int | None = None
    all_rows: bool = False
    at: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Study:
    """A checked question.

    words: that it was loaded from. cases: those that can be; nowhere: labels of the others, of which every number is
    NaN, with the reason. axes: key -> values, in the unit of the files; points: numbers drawn between bounds,
    along the dimension `point`. metrics: that are computed and stored, of which `asked` are those that were asked
    for. out: file name, None for the default. resolved: the whole config as data. scalars: numbers that words set.
    primary: the command whose words they are. load_words: those of serve, in words of numbers; None for other commands.
    plan_question: what plan asks. typed: group (model, hw) -> label of ours -> our file, or the path of the user's own.
    stacks: label -> options.
    """

    words: tuple[str, ...]
    composed: Composed
    cases: tuple[Case, ...]
    nowhere: Mapping[tuple[str, ...], str]
    axes: Mapping[str, np.ndarray]
    points: Points | None
    metrics: tuple[str, ...]
    asked: tuple[str, ...]
    dtype: str
    out: str | None
    overwrite: bool
    warnings: tuple[str, ...]
    reduction: Reduction | None
    plots: tuple[str, ...]
    work: Work
    resolved: Mapping[str, Any]
    view: View = field(default_factory=View)
    scalars: Mapping[str, Any] = field(default_factory=dict)
    primary: str = "sweep"
    load_words: LoadWords | None = None
    plan_question: PlanQuestion | None = None
    typed: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    stacks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __repr__(self) -> str:
        """A line or two: what is forecast, of which cases, along which axes."""
        labels = (", ".join(_few(self._labels(name))) for name in self.case_dimensions)
        axes = [f"{axis_table.dimension(key)} {len(values)}" for key, values in self.axes.items()]
        axes += [] if self.points is None else [f"point {self.points.count}"]
        count = f"{self.template.points:,} point{'s' if self.template.points > 1 else ''}"
        cases = f"{len(self.cases)} case{'s' * (len(self.cases) > 1)}"
        grid = f"{' x '.join((cases, *axes))} = {count}"
        return f"<life_jax.Study {' | '.join(labels)}\n {', '.join(self.asked)} at {grid}>"

    @property
    def scenario(self) -> Scenario:
        """The scenario of a study of one case, at its scalars (axes are not applied)."""
        if len(self.cases) > 1:
            raise ConfigError(f"the study has {len(self.cases)} cases; take one of study.cases")
        return self.cases[0].scenario

    @property
    def case_dimensions(self) -> tuple[str, ...]:
        """Dimensions that tell cases apart, in their order."""
        return tuple(name for name in AXIS_MEANINGS if name in self.composed.labels)

    @property
    def has_several_automatic(self) -> bool:
        """Whether engine=auto means several engines, which no dimension tells apart."""
        return "engine" not in self.composed.labels and len({case.keys.engine for case in self.cases}) > 1

    @cached_property
    def cells(self) -> tuple[Case | None, ...]:
        """The case of each combination of labels, in the order of the file's dimensions; None where there is none."""
        of = {tuple(getattr(case, name) for name in self.case_dimensions): case for case in self.cases}
        return tuple(of.get(labels) for labels in itertools.product(*map(self._labels, self.case_dimensions)))

    @property
    def metrics_stored(self) -> list[str]:
        """The metrics that are numbers, not flags or names of bounds."""
        return [m for m in self.metrics if METRICS[m].kind == "number"]

    @cached_property
    def config(self) -> str:
        """The whole config as YAML, by labels of ours."""
        return as_yaml(_plain(self.resolved))

    @cached_property
    def identity(self) -> str:
        """The question, and after @ a hash of the code that answers it: equal for equal files."""
        return f"{self.question}@{code_hash()[:16]}"

    @cached_property
    def question(self) -> str:
        """A hash of the config and the labels of the results, whatever code computes them."""
        typed = [label for group in ("model", "hw", "opt") for label in self._labels(group)]
        ours = [*self.composed.model, *self.composed.hw, *self.composed.stacks]
        labels = "" if typed == ours else f"\n{typed}"
        # what is stored beside what was asked for
        more = "" if self.metrics == self.asked else f" {' '.join(self.metrics)}"
        if self.is_simulated:
            more += f" simulated {self.seed} {self._trace_hash}"
        config = json.dumps(_plain(self.resolved))
        return hashlib.sha256(f"{plan.LAYOUT} {self.route}{more}\n{config}{labels}".encode()).hexdigest()

    @property
    def is_simulated(self) -> bool:
        """Whether requests are simulated one by one, instead of forecast by formulas (method=simulate)."""
        return self.load_words is not None and self.load_words.method == "simulate"

    @property
    def seed(self) -> int:
        """Of the random numbers that simulated requests are drawn by."""
        return int(self.composed.settings["seed"] or 0)

    @cached_property
    def trace(self) -> Requests | None:
        """Requests of the trace, where there is one."""
        asked = self.load_words
        return None if asked is None or asked.trace is None else request_trace.read(asked.trace, asked.prefix_room)

    @property
    def _trace_hash(self) -> str:
        if self.trace is None:
            return ""
        t = self.trace
        return hashlib.sha256(b"".join(x.tobytes() for x in (t.arrival, t.prompt, t.output, t.cached))).hexdigest()

    @cached_property
    def notes(self) -> list[str]:
        """What could not be simulated, filled while the study is evaluated."""
        return []

    def _forecaster(self, case: Case) -> Any:
        if self.is_simulated:
            return Simulator(case.parameters, self.metrics, self.seed, self.trace, self.notes)
        return case.forecaster(self.metrics)

    def _labels(self, group: str) -> list[str]:
        """Labels as typed of model, hw or opt."""
        return list(self.composed.labels[group].values())

    @cached_property
    def route(self) -> str:
        """What evaluates the grid: `numpy` where a compilation would cost more than it saves, else `jax`.

        By the size of the study and its metrics alone, so that one file is never made by both; clusters and lazy
        results need JAX.
        """
        points = len(self.cells) * math.prod([len(axis) for axis in self.grid_axes])
        if self.is_simulated:
            return "numpy"
        costly = any(METRICS[name].needs == "load" for name in self.metrics)
        most = eager.MOST_COSTLY if costly else eager.MOST_POINTS
        if points > most or self.work.executor != "local" or self.work.lazy:
            return "jax"
        return "numpy"

    @property
    def path(self) -> Path:
        """The file of the result: out=, or sweeps/out/MODEL_HW_OPT_HASH.nc by labels of ours."""
        if self.out is not None:
            return paths.output(self.out)
        parts = (_joined(getattr(self.composed, name)) for name in ("model", "hw", "stacks"))
        return Path("sweeps") / "out" / f"{'_'.join(parts)}_{self.question[:8]}.nc"

    @cached_property
    def template(self) -> Template:
        """The dataset without its numbers."""
        coordinates: dict[str, Coordinate] = {
            name: dataset.labels(self._labels(name), AXIS_MEANINGS[name]) for name in self.case_dimensions
        }
        for key, values in self.axes.items():
            facts = axis_table.facts(key)
            of = dataset.numbers(values, facts.get("unit", "1"), facts["name"])
            if axis_table.section_of(key) in OF_REQUESTS:
                of = replace(of, attributes={**of.attributes, "role": WORKLOAD})
            coordinates[axis_table.dimension(key)] = of
        listed: dict[str, Listed] = {}
        if self.points is not None:
            coordinates["point"] = Coordinate(range(self.points.count), {"long_name": "number of the drawn point"})
            listed = dict(_listed(self.points, np.dtype(self.dtype)))
        variables = {metric: _variable(metric, self.dtype) for metric in self.metrics}
        sensitivity = self.cases[0].sensitivity
        labels: dict[str, Coordinate] = {}
        if sensitivity is not None:
            variables.update(sensitivity_columns.variables(sensitivity, np.dtype(self.dtype)))
            known = {
                "metric": (sensitivity.metrics, "metric"),
                "parameter": ([key for key, _ in sensitivity.parameters], "number of the files"),
                "resource": (BOUNDS, "what the time goes to"),
            }
            used = {dim for v in variables.values() for dim in v.before}
            labels = {dim: dataset.labels(list(values), name) for dim, (values, name) in known.items() if dim in used}
        return Template(coordinates, variables, self._attributes(), labels, listed)

    def _attributes(self) -> dict[str, Any]:
        made = provenance()
        # of each model and stack
        qualities = dict.fromkeys(
            f"{c.model}, {c.opt}: {c.built.quality_source}" for c in self.cases if c.built.quality_source
        )
        return {
            "Conventions": CONVENTIONS,
            "title": "life_jax forecast: " + ", ".join(self.metrics),
            "source": f"life_jax {made['life_jax_version']}, forecasts of a model: nothing was measured",
            "references": REFERENCE,
            "history": f"{made['date']} python -m life_jax.{self.primary} {shlex.join(self.telling_words)}",
            "convention": str(self.resolved["convention"]),
            **({"warnings": "\n".join(self.warnings)} if self.warnings else {}),
            **({"quality_source": "\n".join(qualities)} if qualities else {}),
            **made,
            "identity": self.identity,
            "config": self.config,
        }

    @property
    def telling_words(self) -> list[str]:
        """The words without those that change no number."""
        left_out = (*(part.name for part in fields(Work)), "out", "overwrite", "plot", "sort", "top", "rows", "at")
        return [word for word in self.words if re.split("[=.]", word.lstrip("+"))[0] not in left_out]

    @property
    def grid_axes(self) -> tuple[plan.Axis, ...]:
        """The axes in the order of the file's dimensions, drawn points last."""
        points = () if self.points is None else (self.points,)
        return (*(plan.Values(key, values) for key, values in self.axes.items()), *points)

    @cached_property
    def sweep(self) -> plan.Sweep:
        """Every case over the grid, as the grid engine takes it."""
        outputs = self.template.outputs
        as_numbers = mapping(np.dtype(self.dtype).type)
        by_numpy = self.route == "numpy"  # which takes leaves as they are, in float64
        nothing: tuple[Any, Any] = (NoForecast(tuple((name, dtype.kind == "f") for name, dtype in outputs.items())), {})
        functions: dict[Any, Any] = {}  # equal ones are one object, of which there is one for many cases
        cases = tuple(
            nothing
            if c is None
            else (
                functions.setdefault(f := self._forecaster(c), f),
                c.scenario if by_numpy else as_numbers(c.scenario),
            )
            for c in self.cells
        )
        return plan.Sweep(cases, plan.plan(self.grid_axes, len(outputs)), outputs, self.dtype)


def _listed(points: Points, dtype: np.dtype) -> Iterator[tuple[str, Listed]]:
    for key, _ in points.spans:
        facts = axis_table.facts(key)
        about = {"units": facts.get("unit", "1"), "long_name": facts["name"]}
        yield axis_table.dimension(key), Listed("point", len(points), dtype, partial(points.values, key), about)


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


def _few(names: list[str], most: int = 4) -> list[str]:
    return names if len(names) <= most else [*names[: most - 1], f"{len(names) - most + 1} more"]


def _joined(names: Iterable[str]) -> str:
    names = list(names)
    return "-".join(names) if len("-".join(names)) <= 40 else f"{names[0]}-and-{len(names) - 1}-more"


def _plain(value: Any) -> Any:
    """Mappings and sequences as dict and list, for YAML."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
