"""The layout of a result: dimensions, coordinates, variables and attributes, which label the numbers of a grid."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from life_jax.grid.plan import ResultBlock

if TYPE_CHECKING:
    import xarray as xr

Attributes = Mapping[str, Any]
EXACT = 2**53  # whole numbers below it are float64, too
LISTED = 2**20  # values of a listed coordinate that are computed at once


@dataclass(frozen=True)
class Coordinate:
    """Labels along one dimension.

    values: a list of texts, an array of float64 or int64, or a range where points are only numbered. attributes:
    `units`, `long_name` and so on, as netCDF has them.
    """

    values: Any
    attributes: Attributes

    def __len__(self) -> int:
        return len(self.values)

    @property
    def numbered(self) -> bool:
        """Whether points have no label but their number."""
        return isinstance(self.values, range)


@dataclass(frozen=True)
class Listed:
    """A coordinate with another name than its dimension, such as a number that was drawn for each of its points.

    dimension: along which the points lie. count: number of points. dtype: as stored. at: function from numbers of
    points [n] to their values [n].
    """

    dimension: str
    count: int
    dtype: np.dtype
    at: Callable[[np.ndarray], np.ndarray]
    attributes: Attributes

    def pieces(self) -> Iterator[tuple[int, np.ndarray]]:
        """All values in pieces: (number of the first point, values [at most LISTED])."""
        for start in range(0, self.count, LISTED):
            yield start, self.at(np.arange(start, min(start + LISTED, self.count))).astype(self.dtype)


@dataclass(frozen=True)
class Variable:
    """A variable of a result: numbers over the grid, and over further dimensions where it has them.

    dtype: as stored. is_flag: whether its numbers, int8 as stored, are bool for xarray. before: further dimensions,
    in front of those of the grid. columns: with further dimensions, the columns of the grid that fill the variable,
    a slab for each of the labels.
    """

    dtype: np.dtype
    attributes: Attributes
    is_flag: bool = False
    before: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()

    @property
    def slabs(self) -> int:
        """How many columns of the grid fill the variable."""
        return max(1, len(self.columns))


@dataclass(frozen=True)
class Template:
    """A dataset without its numbers.

    coordinates: dimensions of the grid, in order; every variable has them all. variables: by name. attributes: of the
    dataset. labels: further dimensions, which only some variables have, in front of those of the grid. listed:
    coordinates by name that label a dimension of another name.
    """

    coordinates: Mapping[str, Coordinate]
    variables: Mapping[str, Variable]
    attributes: Attributes
    labels: Mapping[str, Coordinate] = field(default_factory=dict)
    listed: Mapping[str, Listed] = field(default_factory=dict)

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the dimensions of the grid."""
        return tuple(len(c) for c in self.coordinates.values())

    @property
    def points(self) -> int:
        """Number of points of the grid."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def bytes(self) -> int:
        """Size of all numbers as they are stored [byte]."""
        listed = sum(coordinate.count * coordinate.dtype.itemsize for coordinate in self.listed.values())
        return listed + self.points * sum(v.dtype.itemsize * v.slabs for v in self.variables.values())

    @property
    def all_coordinates(self) -> dict[str, Coordinate]:
        """Dimensions of the grid and further dimensions, by name."""
        return {**self.coordinates, **self.labels}

    def dimensions(self, variable: str) -> tuple[str, ...]:
        """Names of the dimensions of a variable, in order."""
        return (*self.variables[variable].before, *self.coordinates)

    @cached_property
    def columns(self) -> dict[str, tuple[str, int]]:
        """Where the numbers of each column go: (its variable, first place of its slab among the variable's numbers)."""
        places = {}
        for name, v in self.variables.items():
            for slab, column in enumerate(v.columns or (name,)):
                places[column] = (name, slab * self.points)
        return places

    @property
    def outputs(self) -> dict[str, np.dtype]:
        """dtype of every column of the grid."""
        return {column: self.variables[name].dtype for column, (name, _) in self.columns.items()}


def labels(values: Sequence[str], long_name: str) -> Coordinate:
    """A coordinate of texts."""
    return Coordinate(list(values), {"long_name": long_name})


def numbers(values: np.ndarray, units: str, long_name: str) -> Coordinate:
    """A coordinate of numbers [n] in `units`: of int64 where all are whole, else of float64."""
    array = np.asarray(values, np.float64)
    is_whole = bool((array == np.rint(array)).all() and (np.abs(array) < EXACT).all())
    return Coordinate(array.astype(np.int64) if is_whole else array, {"units": units, "long_name": long_name})


class InMemory:
    """A sink of blocks that keeps the whole result in memory.

    arrays: numbers by variable, each in one dimension: the points in C order.
    """

    def __init__(self, template: Template) -> None:
        """Reserve the memory; template: layout of the result."""
        self.template = template
        self.arrays = {name: np.empty(template.points * v.slabs, v.dtype) for name, v in template.variables.items()}

    def put(self, block: ResultBlock) -> None:
        """Copy a block to its place."""
        for name, values in block.columns.items():
            variable, slab = self.template.columns[name]
            self.arrays[variable][slab + block.start : slab + block.start + block.count] = values

    def to_xarray(self) -> "xr.Dataset":
        """The result as an xarray.Dataset."""
        return labelled(self.template, self.arrays)


def labelled(template: Template, arrays: Mapping[str, Any]) -> "xr.Dataset":
    """Numbers with their labels, as an xarray.Dataset.

    arrays: numbers by variable, each in any shape that has the points in C order.
    """
    import xarray as xr

    variables = {}
    for name, v in template.variables.items():
        dims = template.dimensions(name)
        array = arrays[name].reshape([len(template.all_coordinates[dim]) for dim in dims])
        variables[name] = (dims, array.astype(bool) if v.is_flag else array, dict(v.attributes))
    return xr.Dataset(variables, coords=coordinates(template), attrs=dict(template.attributes))


def coordinates(template: Template) -> dict[str, Any]:
    """Coordinates of a layout by name, as xarray takes them: (dimension, values, attributes)."""
    named = {k: (k, c.values, dict(c.attributes)) for k, c in template.all_coordinates.items() if not c.numbered}
    listed = {
        name: (c.dimension, c.at(np.arange(c.count)).astype(c.dtype), dict(c.attributes))
        for name, c in template.listed.items()
    }
    return {**named, **listed}
