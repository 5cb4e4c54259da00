"""Labels and attributes: what the numbers of a grid are called, in which units, from which question."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from life_jax.grid.plan import Block

if TYPE_CHECKING:
    import xarray as xr

Attributes = Mapping[str, Any]
LISTED = 2**20  # values of a listed coordinate that are in memory at once


@dataclass(frozen=True)
class Coordinate:
    """Labels (list of str) or values (float64 array) along one dimension; a range where points are only numbered."""

    values: Any
    attributes: Attributes

    def __len__(self) -> int:
        return len(self.values)

    @property
    def numbered(self) -> bool:
        return isinstance(self.values, range)


@dataclass(frozen=True)
class Listed:
    """A coordinate along a dimension that is not named like it: what each of the points listed there is."""

    dimension: str
    count: int
    dtype: np.dtype
    at: Callable[[np.ndarray], np.ndarray]
    attributes: Attributes

    def pieces(self) -> Iterator[tuple[int, np.ndarray]]:
        """(first point, values), a piece after the other."""
        for start in range(0, self.count, LISTED):
            yield start, self.at(np.arange(start, min(start + LISTED, self.count))).astype(self.dtype)


@dataclass(frozen=True)
class Variable:
    """dtype as stored; flags are int8 here and bool for xarray.

    before: further dimensions, in front of those of the grid; then the grid fills one slab for each of
    their labels, from the columns of these names.
    """

    dtype: np.dtype
    attributes: Attributes
    is_flag: bool = False
    before: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()

    @property
    def slabs(self) -> int:
        return max(1, len(self.columns))


@dataclass(frozen=True)
class Template:
    """A dataset without its numbers; every variable has all dimensions of the grid, in this order.

    labels: dimensions that only some variables have, in front of the grid's. listed: coordinates by name.
    """

    coordinates: Mapping[str, Coordinate]
    variables: Mapping[str, Variable]
    attributes: Attributes
    labels: Mapping[str, Coordinate] = field(default_factory=dict)
    listed: Mapping[str, Listed] = field(default_factory=dict)

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(len(c) for c in self.coordinates.values())

    @property
    def points(self) -> int:
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def bytes(self) -> int:
        listed = sum(one.count * one.dtype.itemsize for one in self.listed.values())
        return listed + self.points * sum(v.dtype.itemsize * v.slabs for v in self.variables.values())

    @property
    def all_coordinates(self) -> dict[str, Coordinate]:
        return {**self.coordinates, **self.labels}

    def dimensions(self, variable: str) -> tuple[str, ...]:
        return (*self.variables[variable].before, *self.coordinates)

    @cached_property
    def columns(self) -> dict[str, tuple[str, int]]:
        """Column of the grid -> its variable, and the point of the variable where its slab starts."""
        found = {}
        for name, v in self.variables.items():
            for slab, one in enumerate(v.columns or (name,)):
                found[one] = (name, slab * self.points)
        return found

    @property
    def outputs(self) -> dict[str, np.dtype]:
        """dtype by column."""
        return {one: self.variables[name].dtype for one, (name, _) in self.columns.items()}


def labels(values: Sequence[str], long_name: str) -> Coordinate:
    return Coordinate(list(values), {"long_name": long_name})


def numbers(values: np.ndarray, units: str, long_name: str) -> Coordinate:
    return Coordinate(np.asarray(values, np.float64), {"units": units, "long_name": long_name})


class InMemory:
    """A sink that keeps the whole result; `to_xarray` labels it."""

    def __init__(self, template: Template) -> None:
        self.template = template
        self.arrays = {name: np.empty(template.points * v.slabs, v.dtype) for name, v in template.variables.items()}

    def put(self, block: Block) -> None:
        for name, values in block.columns.items():
            variable, slab = self.template.columns[name]
            self.arrays[variable][slab + block.start : slab + block.start + block.count] = values

    def to_xarray(self) -> "xr.Dataset":
        return labelled(self.template, self.arrays)


def labelled(template: Template, arrays: Mapping[str, Any]) -> "xr.Dataset":
    """The xarray.Dataset of these numbers by variable, in any shape that has the points in C order."""
    import xarray as xr

    variables = {}
    for name, v in template.variables.items():
        dims = template.dimensions(name)
        array = arrays[name].reshape([len(template.all_coordinates[dim]) for dim in dims])
        variables[name] = (dims, array.astype(bool) if v.is_flag else array, dict(v.attributes))
    return xr.Dataset(variables, coords=coordinates(template), attrs=dict(template.attributes))


def coordinates(template: Template) -> dict[str, Any]:
    """(dimension, values, attributes) by name, as xarray takes them."""
    named = {k: (k, c.values, dict(c.attributes)) for k, c in template.all_coordinates.items() if not c.numbered}
    listed = {
        name: (one.dimension, one.at(np.arange(one.count)).astype(one.dtype), dict(one.attributes))
        for name, one in template.listed.items()
    }
    return {**named, **listed}
