"""What pictures are drawn of: a result, and the part of it that each of them shows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from life_jax.core.parameter import set_all
from life_jax.grid.reduced_dataset import WORKLOAD
from life_jax.plotting.readable import short, text

if TYPE_CHECKING:
    import xarray as xr


MOST_PANELS = 6  # small multiples of one picture
BAR = "  |  "  # between parts of a title


def no_minute(scenario: Any) -> Any:
    """Raise ValueError: nothing arrives in the minute of a result without a load."""
    raise ValueError("plot=timeline needs a load; give rate= or concurrency=")


@dataclass(frozen=True)
class Result:
    """What pictures are drawn of.

    ds: dataset of the result. cases: of its study. objectives: of its Pareto front, if it is one. about: parts of the
    title, what is the same in the whole result. places: dimension -> place of the point that is shown where a picture
    does not show all of it; `chosen` names the dimensions of which the place was asked for. names: dimension -> label
    -> what the dataset calls it instead, such as the name of a product. minute: scenario -> a minute of its requests,
    simulated, as load_charts.timeline draws it.
    """

    ds: "xr.Dataset"
    cases: Sequence[Any]
    objectives: Sequence[str] = ()
    about: Sequence[str] = ()
    places: Mapping[str, int] = field(default_factory=dict)
    chosen: Sequence[str] = ()
    names: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    minute: Callable[[Any], Any] = no_minute

    def name(self, dim: str, label: str) -> str:
        """What the dataset calls a label of a dimension."""
        return self.names.get(dim, {}).get(label, label)

    def at(self, keep: Sequence[str] = ()) -> "xr.Dataset":
        """The result at the point that is shown, with all labels of the dimensions to keep."""
        dims = [dim for dim in self.ds.dims if dim not in (*keep, "metric", "parameter", "resource")]
        return self.ds.isel({dim: self.places.get(str(dim), 0) for dim in dims})

    def devices(self) -> "list[tuple[str, xr.Dataset]]":
        """The result of each device, at most MOST_PANELS of them, or of the one that was asked for."""
        if "hw" not in self.ds.dims or "hw" in self.chosen:
            return [("", self.ds)]
        labels = self.ds.hw.values.tolist()[:MOST_PANELS]
        return [(str(label) if len(self.ds.hw) > 1 else "", self.ds.sel(hw=label)) for label in labels]

    def title(self, kept: Sequence[str]) -> str:
        """What a picture is of, where it shows all labels of the dimensions `kept`."""
        named = [
            f"{short(str(dim))} {text(self.ds[dim].values[self.places.get(str(dim), 0)])}"
            for dim in self.ds.dims
            if dim in self.ds.coords
            and self.ds.sizes[dim] > 1
            and dim not in (*kept, "metric", "parameter", "resource")
        ]
        return BAR.join([*self.about, *named])

    def scenarios(self) -> list[Any]:
        """(label, scenario) of cases at the point that is shown: one of each device, at most MOST_PANELS."""
        shown = []
        for case in self.cases:
            fixed = [
                name
                for name in ("model", "opt", "engine", *(["hw"] if "hw" in self.chosen else []))
                if name in self.ds.dims
            ]
            labels = {name: self.name(name, getattr(case, name)) for name in fixed}
            if all(label == self.ds[name].values[self.places.get(name, 0)] for name, label in labels.items()):
                values = {
                    p.key: float(self.ds[dim].values[self.places.get(dim, 0)])
                    for p in case.parameters
                    if (dim := p.key.replace(".", "_")) in self.ds.dims
                }
                own = tuple(p for p in case.parameters if p.key in values)
                scenario = set_all(case.scenario, own, values)
                shown.append(SimpleNamespace(label=self.name("hw", case.hw), scenario=scenario))
        return shown[:MOST_PANELS]


def renamed(ds: "xr.Dataset", names: Mapping[str, Mapping[str, str]]) -> "xr.Dataset":
    """The dataset with other labels along some dimensions, and along points of a front. names: dimension -> label ->
    name."""
    for dim, of in names.items():
        for coordinate in (name for name in (dim, f"front_{dim}") if name in ds.coords and ds[name].dims):
            values = [of.get(str(label), str(label)) for label in ds[coordinate].values.tolist()]
            ds = ds.assign_coords({coordinate: (ds[coordinate].dims, values, ds[coordinate].attrs)})
    return ds


def of_workload(ds: "xr.Dataset", places: Mapping[str, int]) -> "xr.Dataset":
    """The points of a front that belong to the workload that is shown, where each workload has a front of its own.

    places: dimension -> place of the workload along it; all points where none is there.
    """
    kept = np.ones(ds.sizes["point"], bool)
    for dim in (str(dim) for dim in ds.dims if ds.get(dim) is not None and ds[dim].attrs.get("role") == WORKLOAD):
        kept &= ds[f"front_{dim}"].values == ds[dim].values[places.get(dim, 0)]
    return ds.isel(point=np.flatnonzero(kept)) if kept.any() else ds
