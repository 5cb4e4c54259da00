"""Seconds of messages between devices: all-reduce, all-gather, all-to-all, point to point.

A collective takes the latency of its steps and the time of the bytes that cross a device's links. Over several nodes
an all-reduce is hierarchical: reduce-scatter in each node, all-reduce between nodes, all-gather in each node.
"""

from dataclasses import replace

from life_jax.core.numerics import Number, larger, log2
from life_jax.parallelism.topology import Links

# latency of an all-gather over that of an all-reduce: 0.74 to 0.88 of eight systems (scripts/fit_collectives.py)
GATHER_LATENCY = 0.8


def all_reduce(*, devices: Number, message: Number, latency: Number, bandwidth: Number, growth: Number = 1.0) -> Number:
    """Seconds [s] of a ring all-reduce; zero for a single device.

    devices [1]; message [byte]; latency [s] of a hop; bandwidth [byte/s] of one direction; growth [1]: of the latency,
    for each doubling of the devices.
    2 (n - 1) / n of the message crosses each link. The latency grows as 1 + log2(n), which follows the 7, 11 and 18 us
    published for 2, 4 and 8 devices (NCCL on H100) within 10 % of latency 3.6 us. Engines' own kernels, in which every
    device reads what all others have, take 4.3, 5.0 and 5.7 us: growth 0.2 (A100 5.0, 5.8, 7.6; B200 7.6, 8.1, 9.7).
    """
    many = devices > 1
    return many * (latency * (1 + growth * log2(devices)) + 2 * (devices - 1) / devices * message / bandwidth)


def all_reduce_over(links: Links, message: Number) -> Number:
    """Seconds [s] of an all-reduce of `message` [byte] in a group: each device's part of it crosses the network."""
    own = {"latency": links.latency, "bandwidth": links.bandwidth, "growth": links.growth}
    inside = all_reduce(devices=links.inside, message=message, **own)
    part = message / links.inside
    between = all_reduce(devices=links.nodes, message=part, latency=links.network_latency, bandwidth=links.network)
    return inside + between


def all_gather_over(links: Links, message: Number) -> Number:
    """Seconds [s] of an all-gather to `message` [byte] on every device, or a reduce-scatter of it: half the bytes of an
    all-reduce, and GATHER_LATENCY of its latency."""
    more = 2 * GATHER_LATENCY
    slower = replace(links, latency=more * links.latency, network_latency=more * links.network_latency, growth=1.0)
    return all_reduce_over(slower, message) / 2


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
    near = links.latency + message / links.bandwidth
    far = links.network_latency + message / links.network
    return near + (links.nodes > 1) * (far - near)
