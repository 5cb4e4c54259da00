"""Time that the host adds to a step: seconds that belong to no operator."""

from life_jax.core.numerics import Number, is_fixed_at, log2
from life_jax.core.pytree import neutral, pytree


@pytree
class HostTime:
    """Time of the host, all [s].

    step: of every step
    sequence: of every sequence in a step
    context: of every token in the context of such a sequence
    request: of every request
    split_step: of a step, for each doubling of the number of devices that share a layer
    launch: of starting an operator of a step with prompts, where it starts them one by one, while the device works
    draft: of every pass of a draft; drafting: of every step that drafts, beside its passes
    lookup: of every sequence whose drafts are looked up in its own text
    """

    step: Number = 0.0
    sequence: Number = 0.0
    context: Number = 0.0
    request: Number = 0.0
    split_step: Number = 0.0
    launch: Number = neutral(default=0.0)
    draft: Number = neutral(default=0.0)
    drafting: Number = neutral(default=0.0)
    lookup: Number = neutral(default=0.0)

    def of_step(self, *, batch: Number, context: Number, devices: Number) -> dict[str, Number]:
        """Seconds [s] of one step, by the field that they are proportional to.

        batch [1]: sequences; context [token]: of all sequences together; devices [1]: that share a layer.
        """
        seconds = {"step": self.step, "sequence": self.sequence * batch, "context": self.context * context}
        if not is_fixed_at(devices, 1):
            seconds["split_step"] = self.split_step * log2(devices)
        return seconds
