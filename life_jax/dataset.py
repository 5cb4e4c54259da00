"""Labels and attributes: what the numbers of a grid are called, in which units, from which question."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
    """dtype as stored; flags are int8 here and bool for xarray."""

    dtype: np.dtype
    attributes: Attributes
    is_flag: bool = False


@dataclass(frozen=True)
class Template:
    """A dataset without its numbers; every variable has all dimensions, in this order."""

    coordinates: Mapping[str, Coordinate]
    variables: Mapping[str, Variable]
    attributes: Attributes

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(len(c) for c in self.coordinates.values())

    @property
    def points(self) -> int:
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def bytes(self) -> int:
        return self.points * sum(v.dtype.itemsize for v in self.variables.values())


def labels(values: Sequence[str], long_name: str) -> Coordinate:
    return Coordinate(list(values), {"long_name": long_name})


def numbers(values: np.ndarray, units: str, long_name: str) -> Coordinate:
    return Coordinate(np.asarray(values, np.float64), {"units": units, "long_name": long_name})


class InMemory:
    """A sink that keeps the whole result; `to_xarray` labels it."""

    def __init__(self, template: Template) -> None:
        self.template = template
        self.arrays = {name: np.empty(template.points, v.dtype) for name, v in template.variables.items()}

    def write(self, name: str, start: int, block: np.ndarray) -> None:
        self.arrays[name][start : start + len(block)] = block

    def to_xarray(self) -> Any:
        import xarray as xr

        t = self.template
        dims = tuple(t.coordinates)
        variables = {}
        for name, v in t.variables.items():
            array = self.arrays[name].reshape(t.shape)
            variables[name] = (dims, array.astype(bool) if v.is_flag else array, dict(v.attributes))
        coords = {name: (name, c.values, dict(c.attributes)) for name, c in t.coordinates.items()}
        return xr.Dataset(variables, coords=coords, attrs=dict(t.attributes))
