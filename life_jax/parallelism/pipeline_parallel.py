"""Pipelines: stages with a part of the layers each, through which micro-batches go one behind the other."""

from dataclasses import dataclass

from life_jax.core.numerics import Number, ceil, floor, larger


@dataclass(frozen=True)
class Stages:
    """Seconds [s] of one micro-batch: `whole`, through all stages with the messages between them; `slowest`, in the
    stage that takes longest."""

    whole: Number
    slowest: Number


def stages(*, whole: Number, ends: Number, host: Number, layers: Number, handover: Number, count: Number) -> Stages:
    """The stages of a pass that takes `whole` seconds [s] on the devices of one stage.

    ends [s]: the part of it in embedding, final norm and head; host [s]: the part of the host; layers [1] of the model;
    handover [s]: a message to the next stage; count [1] of stages. The last stage, with the head, has the fewest layers
    where they do not divide evenly. Reference: vLLM, which divides layers so.
    """
    each = (whole - ends - host) / layers
    between = (count > 1) * handover
    first = ceil(layers / count) * each
    last = floor(layers / count) * each + ends
    return Stages(whole + (count - 1) * handover, larger(larger(first, last) + between, host))


def makespan(times: tuple[Number, ...], micro_batches: Number) -> Number:
    """Seconds [s] in which so many equal micro-batches [1] go through stages of these times [s].

    The first takes the sum of all; each other follows after the slowest stage.
    """
    slowest = times[0]
    for time in times[1:]:
        slowest = larger(slowest, time)
    return sum(times) + (micro_batches - 1) * slowest


def bubble(*, stages: Number, micro_batches: Number) -> Number:
    """Part of the time [1] in which a stage of equal stages waits: (P - 1) / (m + P - 1).

    Reference: Huang et al. 2019, arXiv:1811.06965.
    """
    return (stages - 1) / (micro_batches + stages - 1)
