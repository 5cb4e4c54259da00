"""What a forecast can report: a function of a run, its units and its name."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from life_jax.core.numerics import Number
from life_jax.forecasting.attribution import Ledger
from life_jax.forecasting.request import Run


@dataclass(frozen=True)
class Metric:
    """A number that a forecast can report.

    function: of a Run, or of the metric `of`, which a sweep computes in a first pass
    kind: number, flag (true or false) or bound (an index into BOUNDS)
    slope: derivative of the function by the metric `of`
    stepwise: whether it changes in whole steps, so that it has no slope
    better: "low", "high", or None where neither is better
    ledger: attribution of the metric to leaves of the scenario, for a time that is a sum of operators
    needs: what it is NaN without: "power" of the device, "spreads" of a fitted engine, "load", "quality" of the options
    """

    function: Callable[[Any], Number]
    units: str
    long_name: str
    kind: str = "number"
    of: str | None = None
    stepwise: bool = False
    better: str | None = "low"
    ledger: Callable[[Run], Ledger] | None = None
    needs: str | None = None
    slope: Callable[[Number], Number] | None = None

    @property
    def differentiable(self) -> bool:
        """Whether studies give its slope: a number that does not change in steps."""
        return self.kind == "number" and not self.stepwise and self.needs != "quality"

    @property
    def sign(self) -> int:
        """Factor [1] that makes it a quantity of which less is better: -1 where more is better, else 1."""
        return -1 if self.better == "high" else 1
