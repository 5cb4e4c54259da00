"""The law of steps in which drafts are made and verified."""

from dataclasses import replace

from life_jax.core.numerics import Number, larger, where
from life_jax.core.pytree import pytree
from life_jax.serving.step_law import Law, StepLoad, last_axis


@pytree
class DraftedLaw:
    """A law by that of the steps that verify (`verify`, whose tables of decode are of `width` tokens a sequence), and
    that of the passes of a draft, none where drafts are looked up.

    width [token]: that a step computes of each sequence; kept [token]: of them, that stay
    first [1]: passes of the draft that take the tokens that stayed; passes [1]: others, of one token a sequence
    step, sequence [s]: host time of drafting, of a step and of each sequence in it
    """

    verify: Law
    draft: tuple[Law, ...]
    width: Number
    kept: Number
    first: Number
    passes: Number
    step: Number
    sequence: Number

    def seconds(self, load: StepLoad) -> Number:
        """Time of a step [s], that of drafts included."""
        total = self.verify.seconds(replace(load, width=self.width))
        some = 1.0 * (load.decoding > 0)
        total = total + some * self.step + load.decoding * self.sequence
        for draft in self.draft:
            alone = draft.seconds(StepLoad(load.decoding, load.contexts))
            taken = StepLoad(
                0.0, 0.0, load.decoding * self.kept, load.contexts * self.kept, load.decoding, load.decoding
            )
            read = StepLoad(0.0, 0.0, load.prompts, load.pairs, load.prefilling)
            prompts = where(load.prompts > 0, draft.seconds(read), 0.0)
            total = total + some * (self.passes * alone + self.first * draft.seconds(taken)) + prompts
        return larger(total, 0.0)

    def each(self) -> "DraftedLaw":
        """The same law for loads that have one more axis at their end."""
        numbers = {name: last_axis(getattr(self, name)) for name in NUMBERS}
        return replace(self, verify=self.verify.each(), draft=tuple(law.each() for law in self.draft), **numbers)


NUMBERS = ("width", "kept", "first", "passes", "step", "sequence")
