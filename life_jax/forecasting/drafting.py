"""The passes of a draft beside the decode steps of the model that verifies what it drafts."""

from dataclasses import dataclass
from typing import Any

from life_jax.core.cost import Cost
from life_jax.core.numerics import Number
from life_jax.core.schedule import Passes
from life_jax.roofline.roofs import Shares


@dataclass(frozen=True)
class Drafting:
    """What drafts tokens in every decode step.

    run: of the draft (a Run of forecasting/request.py), on the same devices; passes: of it in a step, as (number [1],
    passes along the decode steps)
    micro_batches [1]: for each of which the draft runs
    """

    run: Any
    passes: tuple[tuple[Number, Passes], ...]
    micro_batches: Number = 1.0

    @property
    def seconds(self) -> Number:
        """Time [s] of all passes in a step of a micro-batch, mean over the steps."""
        return sum(repeats * self.run.mean_seconds(passes) for repeats, passes in self.passes)

    def time(self, term: str) -> Number:
        """Seconds [s] of a step on one roof alone, in the middle of generation."""
        return sum(repeats * self.run.pass_time(passes, term) for repeats, passes in self.passes)

    @property
    def shares(self) -> Shares:
        """Seconds of a step by what binds."""
        total = Shares()
        for repeats, passes in self.passes:
            total = total + self.run.pass_shares(passes).times(repeats)
        return total

    @property
    def cost(self) -> Cost:
        """Counts of the first step, of all devices."""
        total = Cost()
        for repeats, passes in self.passes:
            total = total + self.run.of_all_devices(self.run.graph(passes.at(0.0)).cost).times(
                repeats * self.micro_batches
            )
        return total

    @property
    def dynamic(self) -> Number:
        """Energy [J] of a step of all micro-batches beyond idle power."""
        return self.micro_batches * sum(repeats * self.run.dynamic(passes) for repeats, passes in self.passes)
