"""Pipelines: stages with a part of the layers each, through which micro-batches go one behind the other."""

from dataclasses import dataclass

from life_jax.core.engine import Parallelism
from life_jax.core.numerics import Number, ceil, floor, larger


@dataclass(frozen=True)
class Stages:
    """Seconds [s] of one micro-batch: `whole`, through all stages with the messages between them; `slowest`, in the
    stage that takes longest."""

    whole: Number
    slowest: Number


def layers_of_stages(layout: Parallelism, layers: Number) -> tuple[Number, Number]:
    """Layers [1] of the fullest stage but the last, and of the last, of a model with so many layers [1].

    The last stage, with the head, has the fewest where they do not divide evenly, unless the layout says the layers of
    each. Reference: vLLM, which divides layers so.
    """
    own = layout.stage_layers
    if own:
        return max(own[:-1], default=own[-1]), own[-1]
    mean = layers / layout.pipeline_parallel
    return ceil(mean), floor(mean)


def stages(
    *, whole: Number, ends: Number, host: Number, layers: Number, handover: Number, parts: tuple[Number, Number],
    count: Number,
) -> Stages:  # fmt: skip
    """The stages of a pass that takes `whole` seconds [s] on the devices of one stage.

    ends [s]: the part of it in embedding, final norm and head; host [s]: the part of the host; layers [1] of the model;
    handover [s]: a message to the next stage; parts [1]: layers of the fullest stage but the last, and of the last;
    count [1] of stages.
    """
    each = (whole - ends - host) / layers
    between = (count > 1) * handover
    first = parts[0] * each
    last = parts[1] * each + ends
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
