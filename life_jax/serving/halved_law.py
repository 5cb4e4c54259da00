"""The law of steps that run as two halves, of which one computes while the other sends."""

from dataclasses import replace
from typing import Any

from life_jax.core.numerics import Number, is_fixed_at, larger, smaller, where
from life_jax.core.pytree import pytree
from life_jax.serving.step_law import StepLoad, TabulatedLaw, last_axis


@pytree
class HalvedLaw:
    """A law of steps in two halves, by laws of half steps; a layer of the shorter of both is not hidden.

    whole: of a step that is not divided, with the host's time; computed, sent: of computation and of messages alone
    layers [1]: of the model; on [1]: 1 where steps run as halves, 0 where they do not; taken [1]: part of the processor
    that messages take in steps with tokens of prompts
    """

    whole: TabulatedLaw
    computed: TabulatedLaw
    sent: TabulatedLaw
    layers: Number
    on: Number
    taken: Number

    def seconds(self, load: StepLoad) -> Number:
        """Time of a step [s]."""
        half = halved(load)
        computed, sent = self.computed.seconds(half), self.sent.seconds(half)
        computed = computed + where(load.prefilling > 0, self.taken * sent, 0.0)
        both = larger(2 * computed, 2 * sent) + smaller(computed, sent) / self.layers
        if not is_fixed_at(self.whole.launched, 0):
            both = larger(both, 2 * self.whole.launch_seconds(half))
        return where(self.on > 0, self.whole.host_seconds(half) + both, self.whole.seconds(load))

    def each(self) -> "HalvedLaw":
        """The same law for loads that have one more axis at their end."""
        numbers = last_axis(self.layers), last_axis(self.on), last_axis(self.taken)
        return HalvedLaw(self.whole.each(), self.computed.each(), self.sent.each(), *numbers)


@pytree
class InHalves:
    """A law of what two halves of a step take one after the other, such as energy; on [1]: 0 for whole steps."""

    of_half: TabulatedLaw
    on: Number

    def seconds(self, load: StepLoad) -> Number:
        """What a step takes, in the unit of the law."""
        return where(self.on > 0, 2 * self.of_half.seconds(halved(load)), self.of_half.seconds(load))

    def each(self) -> "InHalves":
        """The same law for loads that have one more axis at their end."""
        return InHalves(self.of_half.each(), last_axis(self.on))


def halved(load: StepLoad) -> StepLoad:
    """One of two equal halves of what a step computes."""
    numbers: dict[str, Any] = {
        name: getattr(load, name) / 2 for name in ("decoding", "contexts", "prompts", "pairs", "prefilling", "ended")
    }
    others = None if load.others is None else load.others / 2
    return replace(load, **numbers, others=others)
