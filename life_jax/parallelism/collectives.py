"""Seconds of messages between devices: all-reduce, all-gather, all-to-all, point to point.

A library has several algorithms for a collective, each with a latency of its hops and bytes that cross a device's
links, and takes the fastest: a ring, a tree between nodes, a hierarchy of nodes, a reduction in the switch. Engines
have kernels of their own for few bytes, one-shot and two-shot. What is taken is a smooth minimum, so that a forecast
can be differentiated through it.
References: Thakur et al. 2005, doi:10.1177/1094342005051521 (costs of rings); NCCL's own model of its algorithms
(NVIDIA/nccl, src/graph/tuning.cc): steps of rings and trees, inside nodes and between them; vLLM
(csrc/custom_all_reduce.cuh) for kernels of engines.
"""

from dataclasses import dataclass, fields

from life_jax.core.numerics import Number, divide, is_fixed_at, larger, log2, smaller, sqrt, where
from life_jax.parallelism.topology import Links

# Smoothness of the minimum: two algorithms that take the same time give 2.5 % less than it. A choice, for gradients.
SMOOTHNESS = 0.05
# Times that a device reads or writes its own part of a message in its memory in each ring, beside what crosses its
# links: 3.5 to 6 of six of seven systems (scripts/fit_collectives.py)
COPIES = 4.0
# Latency of a second exchange between the devices, over that of a hop: the kernels of vLLM pass from one-shot to
# two-shot at 512 kB on four devices and 256 kB on eight, where 1.5 and 5.2 messages of 190 and 275 GB/s take 3 to 5 us,
# and a hop 5 [derived from its thresholds, recalled]
SECOND_SHOT = 0.8
SWITCH_HOPS = 6.5  # latency of a reduction in the switch over that of a hop: 23 us in NCCL's model, where a hop is 3.5


@dataclass(frozen=True)
class Waits:
    """Seconds [s] of messages by what they wait for: hops and bytes inside a node, memory, hops and bytes between
    nodes."""

    hops: Number = 0.0
    links: Number = 0.0
    memory: Number = 0.0
    network_hops: Number = 0.0
    network: Number = 0.0

    @property
    def seconds(self) -> Number:
        """All of them together [s]."""
        return self.hops + self.links + self.memory + self.network_hops + self.network

    def __add__(self, other: "Waits") -> "Waits":
        return Waits(**{f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(self)})

    def times(self, n: Number) -> "Waits":
        """`n` such messages [1], one after another."""
        return Waits(**{f.name: n * getattr(self, f.name) for f in fields(self)})


def fastest(first: Waits, second: Waits) -> Waits:
    """The smooth minimum of two algorithms, divided among what each of them waits for.

    (a + b - sqrt((a - b)^2 + s^2 a b)) / 2 with s = SMOOTHNESS: homogeneous of degree one, never above the smaller, and
    falling with neither (as the roof of roofline/roofs.py is a smooth maximum). By Euler's theorem the parts of both,
    each times the derivative to its whole, add up to it.
    """
    a, b = first.seconds, second.seconds
    root = sqrt((a - b) * (a - b), SMOOTHNESS**2 * a * b)
    whole = a + b + root
    least = (2 - SMOOTHNESS**2 / 2) * a * b / whole  # as above, without a difference of numbers that are nearly equal
    slope = 1 + ((a - b) + SMOOTHNESS**2 / 2 * b) / root
    part = 1 - a * slope / whole
    return first.times(divide(part * least, a)) + second.times(divide((1 - part) * least, b))


def all_reduce(*, devices: Number, message: Number, latency: Number, bandwidth: Number, step: Number = 0.5) -> Number:
    """Seconds [s] of a ring all-reduce; zero for a single device.

    devices [1]; message [byte]; latency [s] of a hop; bandwidth [byte/s] of one direction; step [1]: latency of each
    further hop over that of the first, which holds the start of the kernel.
    2 (n - 1) / n of the message crosses each link, in 2 (n - 1) hops.
    """
    many = devices > 1
    return many * (latency * (2 + 2 * (devices - 2) * step) + 2 * (devices - 1) / devices * message / bandwidth)


def _ring(links: Links, message: Number, rounds: float) -> Waits:
    """A ring inside a node: an all-reduce in two rounds, an all-gather or a reduce-scatter in one."""
    n, step, part = links.inside, links.step, message / links.inside
    hops = links.latency * (2 * (1 - step) + rounds * (n - 1) * step)
    sent = rounds * (n - 1) * part / links.bandwidth
    return Waits(hops=hops, links=sent, memory=COPIES * part / links.memory).times(n > 1)


def _own_kernels(links: Links, message: Number) -> Waits:
    """Kernels of an engine in which every device reads the memory of all others: in one-shot all of their messages, in
    two-shot a part of each, and then the sums of the others."""
    n = links.inside
    hops = links.latency * (1 + links.growth * log2(n))
    one = Waits(hops=hops, links=(n - 1) * message / links.bandwidth)
    two = Waits(hops=hops + SECOND_SHOT * links.latency, links=2 * (n - 1) / n * message / links.bandwidth)
    return fastest(one, two).times(n > 1)


def _in_switch(links: Links, message: Number) -> Waits:
    """A switch that adds up what all devices send: the message crosses each link once. None without such a switch."""
    there = larger(links.switch, 1.0)
    return Waits(hops=SWITCH_HOPS * links.latency, links=message / there).times(links.inside > 1)


def _either(condition: Number, one: Waits, other: Waits) -> Waits:
    return Waits(**{f.name: where(condition, getattr(one, f.name), getattr(other, f.name)) for f in fields(Waits)})


def _of_library(links: Links, message: Number) -> Waits:
    """An all-reduce inside a node by a library: a ring, or the switch."""
    ring = _ring(links, message, 2.0)
    if is_fixed_at(links.switch, 0):
        return ring
    return _either(links.switch > 0, fastest(ring, _in_switch(links, message)), ring)


def _in_node(links: Links, message: Number) -> Waits:
    """An all-reduce inside a node, by the library or by an engine's own kernels, which `growth` below 1 says."""
    library = _of_library(links, message)
    if is_fixed_at(links.growth, 1):
        return library
    return _either(links.growth < 1, fastest(library, _own_kernels(links, message)), library)


def _between_nodes(links: Links, message: Number) -> Waits:
    """An all-reduce between nodes, of a ring or of a tree, whichever is faster; a hop there and each further one take
    half a latency of the network, behind a first half of the host."""
    q = links.nodes
    ring = Waits(network_hops=links.network_latency * q, network=2 * (q - 1) / q * message / links.network)
    tree = Waits(
        network_hops=links.network_latency * (1 + log2(q)), network=smaller(q - 1, 2.0) * message / links.network
    )
    return fastest(ring, tree)


def _flat_ring(links: Links, message: Number) -> Waits:
    """A ring through all devices of all nodes: pieces cross links and network at the same time, the network by all
    adapters of a node at once."""
    n, q = links.inside, links.nodes
    devices = n * q
    hops = links.latency * (2 * (1 - links.step) + 2 * (devices - q) * links.step)
    sent = 2 * (devices - 1) / devices * message
    near, far = sent / links.bandwidth, sent / n / links.network
    slower = near > far
    return Waits(
        hops=hops,
        links=where(slower, near, 0.0),
        memory=COPIES * message / devices / links.memory,
        network_hops=links.network_latency * q,
        network=where(slower, 0.0, far),
    )


def all_reduce_waits(links: Links, message: Number) -> Waits:
    """What an all-reduce of `message` [byte] in a group waits for [s].

    Over several nodes it is hierarchical (a reduce-scatter in each node, an all-reduce of each device's part between
    nodes, an all-gather in each node), or a ring through all devices.
    """
    inside = _in_node(links, message)
    if is_fixed_at(links.nodes, 1):
        return inside
    hierarchical = _of_library(links, message) + _between_nodes(links, message / links.inside)
    return _either(links.nodes > 1, fastest(hierarchical, _flat_ring(links, message)), inside)


def all_reduce_over(links: Links, message: Number) -> Number:
    """Seconds [s] of an all-reduce of `message` [byte] in a group."""
    return all_reduce_waits(links, message).seconds


def all_gather_over(links: Links, message: Number) -> Number:
    """Seconds [s] of an all-gather to `message` [byte] on every device, or a reduce-scatter of it: one round of a ring
    in each node, and of a tree between nodes."""
    inside = _ring(links, message, 1.0)
    if is_fixed_at(links.nodes, 1):
        return inside.seconds
    q, part = links.nodes, message / links.inside
    between = Waits(
        network_hops=links.network_latency * (1 + log2(q) / 2), network=(q - 1) / q * part / links.network
    ).times(q > 1)
    return (inside + between).seconds


def exchange_over(links: Links, *, inside: Number, outside: Number, latency: Number, efficiency: Number) -> Number:
    """Seconds [s] of an all-to-all in which a device sends `inside` bytes [byte] to devices of its node and
    `outside` to other nodes; both ways at once.

    latency [s] inside a node; efficiency [1]: reached part of `links.bandwidth` by such messages.
    Reference: DeepEP's published times are the bytes that leave the node over the network (within 10 %).
    """
    near = (inside > 0) * latency + inside / (links.bandwidth * efficiency)
    far = (outside > 0) * links.network_latency + outside / links.network
    return larger(near, far)


def pass_on(links: Links, message: Number) -> Number:
    """Seconds [s] to send `message` [byte] from one device to the next, in the node where all of them are, else through
    the network."""
    near = links.latency + message / links.to_one
    far = links.network_latency + message / links.network
    return near + (links.nodes > 1) * (far - near)
