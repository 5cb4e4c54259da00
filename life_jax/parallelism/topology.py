"""Where the devices of a group stand: inside a node, with links to each other, and in several nodes with a network.

Groups are laid out from the inside: tensor, context, data, expert, then pipeline.
"""

from dataclasses import dataclass

from life_jax.core.engine import Parallelism
from life_jax.core.numerics import Number, is_fixed_at, larger, log2, power, smaller, where
from life_jax.core.scenario import UNPUBLISHED, Device


@dataclass(frozen=True)
class Links:
    """What a group of devices communicates through.

    inside [1]: devices of the group in one node; nodes [1]: nodes of the group
    bandwidth, network [byte/s]: reached of a device's links inside the node and to other nodes, one direction; pair
    [byte/s]: of those to one other device
    latency, network_latency [s]: of a hop
    growth [1]: of the latency of an engine's own all-reduce inside the node, for each doubling of its devices, over
    that of a hop; 1 where a library reduces
    step [1]: latency of each further hop of a ring, over that of the first
    switch [byte/s]: at which a switch reduces messages, 0 where it does not
    memory [byte/s]: reached of a device's memory
    """

    inside: Number
    nodes: Number
    bandwidth: Number
    network: Number
    latency: Number
    network_latency: Number
    growth: Number = 1.0
    step: Number = 0.25
    switch: Number = 0.0
    memory: Number = UNPUBLISHED
    pair: Number | None = None

    @property
    def to_one(self) -> Number:
        """Bandwidth to one other device of the node [byte/s]: that of all links unless they go to several."""
        return self.bandwidth if self.pair is None else self.pair


def links(
    device: Device, layout: Parallelism, *, devices: Number, stride: Number = 1.0, memory: Number = UNPUBLISHED
) -> Links:
    """Links of a group of `devices` devices [1], neighbours of which are `stride` devices [1] apart; memory [byte/s]:
    reached of a device's memory."""
    room = device.node if is_fixed_at(stride, 1) else device.node / smaller(stride, device.node)
    inside = smaller(devices, room)
    bandwidth = device.interconnect * layout.link_efficiency
    pair = None if _is_switch(device) else bandwidth * _used(device, 2.0)
    if pair is not None:
        bandwidth = bandwidth * _used(device, inside)
    if not is_fixed_at(device.crowding, 0):
        bandwidth = bandwidth * power(2 / inside, device.crowding)
    if pair is not None:  # beside a mesh, devices of a switch have all of their links, as they have alone
        pair = where(device.mesh_peers + device.torus_links > 0, pair, bandwidth)
    return Links(
        inside=inside,
        nodes=devices / inside,
        bandwidth=bandwidth,
        network=device.network * layout.network_efficiency,
        latency=layout.allreduce_latency,
        network_latency=layout.network_latency,
        growth=layout.allreduce_growth,
        step=device.link_step,
        switch=_switch(device, layout),
        memory=memory,
        pair=pair,
    )


def _is_switch(device: Device) -> bool:
    return is_fixed_at(device.mesh_peers, 0) and is_fixed_at(device.torus_links, 0)


def _used(device: Device, inside: Number) -> Number:
    """Part of a device's links [1] that lead to others of a group of `inside` devices [1] of a node.

    In a mesh of all pairs those to each of them; in a torus one for each doubling, 2 x 2 chips having two links to each
    other and 4 x 4 four. References: ROCm/rccl, README, on fewer than 8 MI300X, each pair of which has a link of its
    own (48 GB/s of 64 reached, 144 of four devices: ROCm/rccl#1210); slices of TPUs [derived].
    """
    others, doublings = larger(inside - 1, 1.0), larger(log2(inside), 1.0)
    mesh = smaller(others / larger(device.mesh_peers, 1.0), 1.0)
    torus = smaller(doublings / larger(device.torus_links, 1.0), 1.0)
    return where(device.mesh_peers > 0, mesh, where(device.torus_links > 0, torus, 1.0))


def _switch(device: Device, layout: Parallelism) -> Number:
    """Bandwidth [byte/s] at which the switch reduces messages of an engine that lets it, else 0."""
    if is_fixed_at(device.switch_reduction, 0) or is_fixed_at(layout.in_switch, 0):
        return 0.0
    return device.interconnect * device.switch_reduction * layout.in_switch
