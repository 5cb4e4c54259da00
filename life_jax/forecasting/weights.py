"""Bytes of a model's weights on each device of a layout, and what of them stays on a disk."""

from life_jax.core.numerics import Number, clip, divide, is_fixed_at, larger, where
from life_jax.core.scenario import Scenario
from life_jax.forecasting import places
from life_jax.models import decoder
from life_jax.parallelism.pipeline_parallel import layers_of_stages


def largest_stage(scenario: Scenario) -> Number:
    """Part of the layers [1] that the largest stage of a pipeline has."""
    layout = scenario.engine.parallelism
    if not layout.in_pipeline:
        return 1.0
    layers = sum(block.repeats for block in scenario.architecture.blocks)
    return larger(*layers_of_stages(layout, layers)) / layers


def holders(scenario: Scenario) -> Number:
    """Devices [1] that divide the experts, fewer by what copies of them take."""
    layout = scenario.engine.parallelism
    if is_fixed_at(layout.redundant_experts, 0):
        return layout.stage
    counts = [block.ffn["num_experts"] for block in scenario.architecture.blocks if "num_experts" in block.ffn]
    return layout.stage / layout.copies(counts[0]) if counts else layout.stage


def of_one(scenario: Scenario) -> Number:
    """Bytes of the model's weights on each device of the largest stage [byte]: its layers, and table or head."""
    model, precision, layout = scenario.architecture, scenario.precision, scenario.engine.parallelism
    if layout.only_tensor:
        return decoder.weight_bytes(model, precision, layout.tensor_parallel)
    layers, ends, larger_end = decoder.layer_and_end_bytes(model, precision, layout.tensor_parallel, holders(scenario))
    if not layout.in_pipeline:
        return layers + ends
    return largest_stage(scenario) * layers + where(layout.pipeline_parallel > 1, larger_end, ends)


def on_disk(scenario: Scenario) -> tuple[Number, Number]:
    """Weights [byte] that stay on a disk, and those [byte] of which they are a part: of the device that holds the rest,
    or of each device of the layout where nothing is elsewhere."""
    disk = scenario.disk
    if not disk.on:
        return 0.0, 1.0
    if scenario.offload.is_off:
        place, held = scenario, of_one(scenario)
    else:
        place, (_, held) = places.on_host(scenario), places.weight_bytes(scenario)
    room = disk.room * place.device.usable_memory
    return larger(held - room, 0.0), held


def part_on_disk(scenario: Scenario) -> Number:
    """The same as a part [1] of the weights there. All are read equally often [assumption]."""
    away, held = on_disk(scenario)
    return clip(divide(away, held), 0.0, 1.0)
