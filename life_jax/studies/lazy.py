"""Datasets that keep the question and not the numbers: any slice is computed when it is looked at.

What is stored are labels, the resolved config and the words; a grid of any size opens at once.

Why not tables of each operator's FLOP and bytes: roofs, efficiencies and the mean over generation are code, so that a
table would be read by whatever code is installed and mix two versions, where a question is either answered by the
version that it was asked of or refused. Nor would a table save time: counting the operators is a part of the fifth of a
second that tracing takes, once. And every axis that changes counts (tokens, batch, bits, shapes) multiplies its size.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from xarray.backends import BackendArray
from xarray.core import indexing

from life_jax.config.schema.errors import ConfigError
from life_jax.grid import eager, labels
from life_jax.grid import plan as grid
from life_jax.studies.loading import load
from life_jax.studies.study import Study

MOST = 2**27  # numbers of one slice


def lazily(study: Study) -> xr.Dataset:
    """The dataset that life_jax.evaluate gives, whose numbers are computed when they are read.

    Slice first, then read: ds.ttft.sel(batch=8).values computes that slice alone, in the dtype of the study: a small
    one by NumPy, a large one compiled, where slices of about one size share a compilation. Raises ConfigError for a
    reduced study, and on reading MemoryError for a slice of more than 2^27 numbers.
    """
    if study.reduction is not None:
        raise ConfigError("a reduced grid keeps no points; lazy is for whole grids")
    t = study.template
    variables = {
        name: (t.dimensions(name), indexing.LazilyIndexedArray(_Recomputed(study, name)), dict(v.attributes))
        for name, v in t.variables.items()
    }
    return xr.Dataset(variables, coords=labels.coordinates(t), attrs=dict(t.attributes))


def question(study: Study) -> xr.Dataset:
    """The dataset that a lazy result stores: labels and attributes, the words among them, without a number."""
    t = study.template
    attributes = {**t.attributes, "identity": identity(study), "words": json.dumps(study.words)}
    return xr.Dataset(coords=labels.coordinates(t), attrs=attributes)


def identity(study: Study) -> str:
    """The identity of a study's lazy result, which is another than that of its numbers."""
    return f"{study.identity} lazy"


def reopen(path: str | Path) -> xr.Dataset:
    """The lazy dataset of a file that lazy=true wrote.

    path: of the file. Raises ConfigError if it is no lazy result, or if the same words mean something else here
    (other code, changed files).
    """
    with xr.open_dataset(path, engine="netcdf4") as ds:
        if "words" not in ds.attrs:
            raise ConfigError(f"{path} is not a lazy result; lazy=true writes one")
        study, written = load(_words(ds.attrs["words"], path)), ds.attrs["identity"]
    if identity(study) != written:
        raise ConfigError(f"{path} was asked of other code or of other files; its numbers would not be the same")
    return lazily(study)


def _words(text: Any, path: str | Path) -> list[str]:
    """The words of a lazy result, which may be somebody else's: none is for Hydra itself."""
    try:
        words = json.loads(text)
    except (TypeError, ValueError, RecursionError):
        words = None
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise ConfigError(f"{path}: its attribute words is no list of words")
    for word in words:
        if word.lstrip("+~").startswith("hydra"):
            raise ConfigError(f"{path}: its word {word[:80]} is for Hydra, and not taken from a file")
    return words


@dataclass(frozen=True)
class _Picked:
    """An axis at some of its places."""

    axis: grid.Axis
    places: np.ndarray

    def __len__(self) -> int:
        return len(self.places)

    def at(self, index: np.ndarray) -> Mapping[str, np.ndarray]:
        return self.axis.at(self.places[index])


class _Recomputed(BackendArray):
    """A variable of a study, computed slice by slice."""

    def __init__(self, study: Study, name: str) -> None:
        self._study, self._name = study, name
        t = study.template
        self._variable = t.variables[name]
        self.dtype = np.dtype(bool) if self._variable.is_flag else self._variable.dtype
        self.shape = tuple(len(t.all_coordinates[dim]) for dim in t.dimensions(name))

    def __getitem__(self, key: Any) -> Any:
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.OUTER, self._slice)

    def _slice(self, key: tuple[Any, ...]) -> np.ndarray:
        """key: for each dimension a place, a slice or an array of places."""
        places = [np.atleast_1d(np.arange(n)[k]) for n, k in zip(self.shape, key, strict=True)]
        kept = tuple(0 if isinstance(k, int | np.integer) else slice(None) for k in key)
        shape = [len(p) for p in places]
        if not all(shape):
            return np.empty(shape, self.dtype)[kept]
        if np.prod(shape, dtype=np.int64) > MOST:
            raise MemoryError(f"{self._name}: {np.prod(shape, dtype=np.int64):.3g} numbers at once; slice it first")
        before = len(self._variable.before)
        columns = self._columns(places[:before])
        labels = before + len(self._study.case_dimensions)
        cases = self._cases(places[before:labels])
        axes = [_Picked(*pair) for pair in zip(self._study.grid_axes, places[labels:], strict=True)]
        whole = self._study.sweep
        outputs = {name: whole.outputs[name] for name in columns}
        plan = grid.flat(axes, len(whole.outputs))
        numbers = np.empty((len(columns), len(cases) * plan.points), self._variable.dtype)
        functions = [whole.cases[case][0] for case in cases]
        if numbers[0].size <= eager.MOST_POINTS:
            cells = [self._study.cells[case] for case in cases]
            exact: list[Any] = [{} if cell is None else cell.scenario for cell in cells]
            sweep = grid.Sweep(tuple(zip(functions, exact, strict=True)), plan, outputs, whole.dtype)
            grid.run(sweep, _Rows(numbers, columns), executor=eager.blocks)
        else:
            sweep = grid.Sweep(tuple(whole.cases[case] for case in cases), plan, outputs, whole.dtype)
            grid.run(sweep, _Rows(numbers, columns))
        return numbers.reshape(shape).astype(self.dtype)[kept]

    def _columns(self, places: list[np.ndarray]) -> list[str]:
        """Names of the columns at these labels of the further dimensions."""
        if not places:
            return [self._name]
        sizes = self.shape[: len(places)]
        return [self._variable.columns[np.ravel_multi_index(at, sizes)] for at in product(*places)]

    def _cases(self, places: list[np.ndarray]) -> list[int]:
        at = self.shape[len(self._variable.before) :][: len(self._study.case_dimensions)]
        return [int(np.ravel_multi_index(place, at)) for place in product(*places)]


@dataclass(frozen=True)
class _Rows:
    """A sink of the grid with a row of numbers for each column."""

    rows: np.ndarray
    columns: list[str]

    def put(self, block: grid.ResultBlock) -> None:
        for row, name in zip(self.rows, self.columns, strict=True):
            row[block.start : block.start + block.count] = block.columns[name]
