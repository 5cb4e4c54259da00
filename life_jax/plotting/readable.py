"""Numbers, units and names as people read them on axes: milliseconds, tok/s, GB."""

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import xarray as xr

SHORT = {"tensor_parallel": "tp", "prompt_tokens": "prompt", "output_tokens": "output", "past_tokens": "past"}
# numbers of elasticities, as people call them
NUMBERS = {
    "peak_tflops": "compute rate", "bandwidth_gb_per_s": "memory bandwidth", "interconnect_gb_per_s": "interconnect",
    "dispatch_us": "dispatch of a kernel", "step_us": "host, each step", "sequence_us": "host, each sequence",
    "context_ns": "host, each token of context", "request_ms": "host, each request",
    "split_step_us": "host, split step", "allreduce_us": "latency of an all-reduce",
    "memory_efficiency": "memory efficiency",
}  # fmt: skip
NAMES = {"ttft": "TTFT", "tpot": "TPOT", "tps": "TPS", "e2e": "time of a request"}
UNITS = {
    "token s-1": "tok/s",
    "s-1": "1/s",
    "J token-1": "J/tok",
    "GB s-1": "GB/s",
    "TFLOP s-1": "TFLOP/s",
    "1": "",
    "token": "tokens",
}


def short(name: str) -> str:
    """The short name of a dimension or of a coordinate of a front."""
    plain = name.removeprefix("front_")
    return SHORT.get(plain, plain)


def text(value: Any) -> str:
    """A label or a number as text."""
    return str(value) if isinstance(value, str | np.str_) else f"{float(value):.4g}"


def scale(variable: "xr.DataArray") -> tuple[float, str]:
    """What values are divided by to be read, and their unit then: seconds of less than a few as ms, bytes as GB."""
    unit = str(variable.attrs.get("units", "1"))
    if unit == "s":
        values = np.abs(np.asarray(variable.values, float))
        least = np.nanmedian(values) if np.isfinite(values).any() else 1.0
        return (1e-3, "ms") if least < 2 else (1.0, "s")
    return (1e9, "GB") if unit == "byte" else (1.0, UNITS.get(unit, unit))


def label(variable: "xr.DataArray") -> str:
    """The name of a variable with its unit."""
    name, unit = str(variable.name), scale(variable)[1]
    name = NAMES.get(name, short(name).replace("_", " "))
    return f"{name} [{unit}]" if unit and not name.endswith(unit.replace("/", " per ").lower()) else name


def number(value: float) -> str:
    """A number on an axis: no exponent where it has few digits."""
    if not 1e-3 <= abs(value) < 1e7 and value:
        return f"{value:.0e}"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def set_axis(axis: Any, variable: "xr.DataArray", *, is_log: bool = False) -> None:
    """Give an axis of matplotlib the name, the unit and readable numbers of a variable.

    is_log: whether it is logarithmic; where it spans little, numbers stand between the powers of ten too.
    """
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    factor, _ = scale(variable)
    axis.set_label_text(label(variable))
    axis.set_major_formatter(FuncFormatter(lambda value, _: number(value / factor)))
    if is_log:
        values = np.asarray(variable.values, float)
        values = values[np.isfinite(values) & (values > 0)]
        span = np.log10(values.max() / values.min()) if values.size else 0.0
        axis.set_minor_formatter(NullFormatter())
        if span < 2.2:
            axis.set_major_locator(LogLocator(subs=(1, 2, 5) if span > 0.8 else (1, 1.5, 2, 3, 4, 5, 6, 8)))


def new_axes(ax: Any, width: float = 6.4, height: float = 4.4) -> Any:
    """The Axes that are given, or those of a new figure; width, height [inch]: of it."""
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=(width, height), layout="constrained")[1]
