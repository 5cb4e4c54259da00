"""Crossover maps: the points of an axis where a workload turns from memory-bound to compute-bound."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import xarray as xr

STEPS = ("prefill", "decode")


def crossover(ds: "xr.Dataset", dim: str, step: str = "decode") -> "xr.DataArray":
    """The value along an axis at which the time of all computation equals that of all memory traffic.

    ds: xarray.Dataset with {step}_compute_time and {step}_memory_time (metrics=[...]). dim: name of a numeric axis of
    at least two values. step: "prefill" or "decode".

    Returns an xarray.DataArray over the other dimensions of ds, in the unit of the axis: the first crossing, or NaN
    where there is none; the attribute `below` tells what binds below it. Between two points of the axis both times
    are interpolated as powers of its value (straight lines in log-log), which the times of linear layers are exactly
    where their weights or their rows dominate.

    Raises ValueError if a variable or the axis is missing, or the step has another name.
    """
    import xarray as xr

    if step not in STEPS:
        raise ValueError(f"crossover(): step is {step!r}; it must be prefill or decode")
    names = tuple(f"{step}_{side}_time" for side in ("compute", "memory"))
    for name in names:
        if name not in ds:
            raise ValueError(f"crossover(): the dataset has no {name}; add metrics=[{','.join(names)}]")
    if dim not in ds[names[0]].dims or ds[dim].dtype.kind not in "if" or ds.sizes[dim] < 2:
        raise ValueError(
            f"crossover(): {dim} is no axis of two numbers or more; there are {', '.join(map(str, ds.dims))}"
        )
    compute, memory = (ds[name].transpose(..., dim).astype(float) for name in names)
    order = np.argsort(ds[dim].values)
    x = np.log(ds[dim].values[order])
    gap = np.log(compute.values[..., order]) - np.log(memory.values[..., order])
    turns = np.signbit(gap[..., :-1]) != np.signbit(gap[..., 1:])
    turns &= np.isfinite(gap[..., :-1]) & np.isfinite(gap[..., 1:])
    at = turns.argmax(axis=-1)

    def here(values: np.ndarray, index: np.ndarray) -> np.ndarray:
        return np.take_along_axis(values, index[..., None], axis=-1)[..., 0]

    low, high = here(gap, at), here(gap, at + 1)
    with np.errstate(all="ignore"):
        values = np.exp(x[at] + (x[at + 1] - x[at]) * low / (low - high))
    values = np.where(turns.any(axis=-1), values, np.nan)
    template = compute.isel({dim: 0}, drop=True)
    attributes = {
        "units": ds[dim].attrs.get("units", "1"),
        "long_name": f"{dim} at which {step} turns between memory and compute",
        "below": "memory-bound" if np.nanmean(gap[..., 0]) < 0 else "compute-bound",
    }
    return xr.DataArray(values, coords=template.coords, dims=template.dims, name=f"{dim}_crossover", attrs=attributes)
