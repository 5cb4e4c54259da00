"""Parts of a model on another device of the machine or on a disk, and prompts on devices of their own."""

from typing import Any

from life_jax.core.numerics import Number, is_fixed_at
from life_jax.core.pytree import neutral, pytree, static
from life_jax.core.units import UNLIMITED

HERE, HOST = 0, 1  # Op.place: on the devices of the layout, on the other device
APART, SHARED = "apart", "shared"  # memory of two devices: of each its own, or one for both


@pytree
class Place:
    """Another device: `device`, the `engine` that computes on it, and its `costs` (core/scenario.py)."""

    device: Any
    engine: Any
    costs: Any


@pytree
class Offload:
    """What is on another device (a CPU with its memory); nothing at the defaults.

    layers [1]: whose weights and cache are there; expert_layers [1]: further layers whose experts are there; experts
    [1]: part of the tokens that go to experts there, in all other layers; head [1]: 1 where the head follows the layers
    cache [1]: part of the cache of all other layers that is kept there, and read over the link in every step
    link [byte/s]: between both, one direction; latency [s]: of a crossing
    stream_tokens [token]: of a step, from which on weights may come over the link instead of being multiplied there;
    stream_part [1]: of the link that weights reach; stream_overlap [1]: part of the shorter of copying and multiplying
    them that is hidden behind the other
    place: the other device, as a tuple of one; memory: APART or SHARED
    """

    layers: Number = neutral(default=0.0, switch=True)
    expert_layers: Number = neutral(default=0.0, switch=True)
    experts: Number = neutral(default=0.0, switch=True)
    cache: Number = neutral(default=0.0, switch=True)
    head: Number = 1.0
    link: Number = UNLIMITED
    latency: Number = 0.0
    stream_tokens: Number = UNLIMITED
    stream_part: Number = 1.0
    stream_overlap: Number = neutral(default=0.0)
    place: tuple[Place, ...] = ()
    memory: str = static(default=APART)

    @property
    def stream(self) -> Number:
        """Bandwidth [byte/s] at which weights come over the link."""
        return self.link * self.stream_part

    @property
    def is_off(self) -> bool:
        """Whether nothing is there."""
        return all(is_fixed_at(part, 0) for part in (self.layers, self.expert_layers, self.experts, self.cache))


@pytree
class Handover:
    """Prompts that are prefilled on devices of their own, which hand the cache over to those that decode.

    exposed [1]: part of the transfer that prefill does not hide; link [byte/s]: reached, of all devices together;
    latency [s]: of a transfer; concurrent [1]: part of the time in which both compute, each for another request, where
    they share a memory
    place: the devices that prefill, where they are others, as a tuple of one; memory: APART, or SHARED by two
    processors of a package, which write the cache anew
    """

    exposed: Number = 1.0
    link: Number = UNLIMITED
    latency: Number = 0.0
    concurrent: Number = neutral(default=0.0)
    place: tuple[Place, ...] = ()
    memory: str = static(default=APART)
    on: bool = static(default=False)


@pytree
class Disk:
    """Weights that stay on a disk because memory has no room for them, and are read from it in every step.

    bandwidth [byte/s]: reached; room [1]: part of the memory that weights may fill, before the rest stays on the disk
    """

    bandwidth: Number = UNLIMITED
    room: Number = 1.0
    on: bool = static(default=False)
