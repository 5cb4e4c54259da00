"""Labels and attributes: what the numbers of a grid are called, in which units, from which question."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

Attributes = Mapping[str, Any]


@dataclass(frozen=True)
class Coordinate:
    """Labels (list of str) or values (float64 array) along one dimension."""

    values: Any
    attributes: Attributes

    def __len__(self) -> int:
        return len(self.values)


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

    labels: dimensions that only some variables have, in front of the grid's.
    """

    coordinates: Mapping[str, Coordinate]
    variables: Mapping[str, Variable]
    attributes: Attributes
    labels: Mapping[str, Coordinate] = field(default_factory=dict)

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(len(c) for c in self.coordinates.values())

    @property
    def points(self) -> int:
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def bytes(self) -> int:
        return self.points * sum(v.dtype.itemsize * v.slabs for v in self.variables.values())

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

    def write(self, name: str, start: int, block: np.ndarray) -> None:
        variable, slab = self.template.columns[name]
        self.arrays[variable][slab + start : slab + start + len(block)] = block

    def to_xarray(self) -> Any:
        import xarray as xr

        t = self.template
        variables = {}
        for name, v in t.variables.items():
            dims = t.dimensions(name)
            array = self.arrays[name].reshape([len(t.all_coordinates[dim]) for dim in dims])
            variables[name] = (dims, array.astype(bool) if v.is_flag else array, dict(v.attributes))
        coords = {name: (name, c.values, dict(c.attributes)) for name, c in t.all_coordinates.items()}
        return xr.Dataset(variables, coords=coords, attrs=dict(t.attributes))
