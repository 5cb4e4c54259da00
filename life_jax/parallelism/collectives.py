"""Messages between devices that share a model: seconds and bytes of all-reduces."""

from life_jax.core.numerics import Number, is_fixed_at, log2
from life_jax.core.scenario import Block, Scenario
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

    There are two per layer, or one where attention and MLP are parallel; three where attention to an encoder stands
    between both.
    """
    layout = scenario.engine.parallelism
    if is_fixed_at(layout.tensor_parallel, 1):
        return 0.0
    link = {
        "devices": layout.tensor_parallel,
        "latency": layout.allreduce_latency,
        "bandwidth": scenario.device.interconnect * layout.link_efficiency,
    }
    return sum(count * all_reduce(message=message, **link) for count, message in _messages(scenario, step))


def link_bytes(scenario: Scenario, step: Step | Mixed) -> Number:
    """Bytes [byte] that all devices together send in a step's all-reduces."""
    others = scenario.engine.parallelism.tensor_parallel - 1
    return sum(count * 2 * others * message for count, message in _messages(scenario, step))


def _messages(scenario: Scenario, step: Step | Mixed) -> list[tuple[Number, Number]]:
    """All-reduces of a step by stack: their number [1], and the message of each [byte]."""
    model = scenario.architecture
    row = model.hidden_size * scenario.precision.activation_bits / BITS_PER_BYTE
    return [
        (sum(_of_layers(block) for block in model.blocks if block.stack == stack), tokens * row)
        for stack, tokens in _tokens(scenario, step).items()
    ]


def _of_layers(block: Block) -> Number:
    branches = 1 if block.parallel else 3 if block.attention_kind == "full_cross" else 2
    return (block.repeats if is_fixed_at(block.loops, 1) else block.repeats * block.loops) * branches


def _tokens(scenario: Scenario, step: Step | Mixed) -> dict[str, Number]:
    """Tokens [token] that each stack computes in a step: a decoder behind an encoder begins with one of each
    sequence."""
    if isinstance(step, Mixed) or scenario.architecture.reading != "prompt":
        return {"decoder": step.tokens}
    if step.decoding:
        return {"decoder": step.tokens}
    return {"encoder": step.context, "decoder": step.batch}
