"""What the host does beside the device: seconds of a step that no operator takes."""

from life_jax.core.numerics import Number, is_fixed_at, log2
from life_jax.core.pytree import pytree


@pytree
class HostTime:
    """Time of the host [s]: of every step, of every sequence in a step, of every token that such a sequence has in its
    context, of every request; split_step: of a step for each doubling of the devices that share a layer."""

    step: Number = 0.0
    sequence: Number = 0.0
    context: Number = 0.0
    request: Number = 0.0
    split_step: Number = 0.0

    def of_step(self, *, batch: Number, context: Number, devices: Number) -> dict[str, Number]:
        """Seconds [s] of one step by the field that they are proportional to.

        batch: sequences; context [token]: of all sequences together; devices that share a layer.
        """
        seconds = {"step": self.step, "sequence": self.sequence * batch, "context": self.context * context}
        if not is_fixed_at(devices, 1):
            seconds["split_step"] = self.split_step * log2(devices)
        return seconds
