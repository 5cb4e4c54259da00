"""Parts of a model on another device of the machine or on a disk, and prompts on devices of their own."""

from dataclasses import replace

from life_jax.core.numerics import Number, is_fixed_at, where
from life_jax.core.places import APART, SHARED, Disk, Place
from life_jax.core.scenario import Scenario
from life_jax.core.units import GIGA, MICRO, MILLI, UNLIMITED
from life_jax.optimizations.base import Optimization, Refused

MEMORIES = (APART, SHARED)


def offload(
    *,
    cpu_layers: float = 0.0,
    cpu_expert_layers: float = 0.0,
    cpu_experts: float = 0.0,
    cpu_cache: float = 0.0,
    cpu_head: float = 1.0,
    link_gb_per_s: float = 25.0,
    crossing_us: float = 20.0,
    stream_tokens: float = 32.0,
    stream_part: float = 1.0,
    stream_overlap: float = 0.0,
    cpu_gb_per_s: float = 0.0,
    memory: str = APART,
) -> Optimization:
    """Part of the model on the device of offload.hw=.

    cpu_layers [1]: layers that are there with their cache (of L layers, L - N where llama.cpp is told -ngl N);
    cpu_expert_layers [1]: further layers whose experts are there (--n-cpu-moe); cpu_experts [1]: part of the tokens
    that go to experts there, in every layer; cpu_cache [1]: part of the cache of other layers
    cpu_head [1]: 1 where the head is with the layers that are there
    link_gb_per_s [GB/s]: reached between both devices, one direction; crossing_us [us]: latency of a crossing
    stream_tokens [token]: of a step, from which on weights are copied to be multiplied here, where that is faster;
    stream_part [1]: of the link that weights reach, which are not page-locked where a file is mapped into memory;
    stream_overlap [1]: part of the shorter of copying and multiplying them that is hidden behind the other
    cpu_gb_per_s [GB/s]: that its processor reads of its memory, where it was measured; 0 for what its class reaches
    memory: apart, or shared by both devices of a package
    Raises Refused for parts beyond 1, for a link without speed, for more layers than there are, and where no device is
    given.
    """
    _refuse_memory(memory)
    for name, part in (("cpu_experts", cpu_experts), ("cpu_cache", cpu_cache), ("cpu_head", cpu_head),
                       ("stream_part", stream_part), ("stream_overlap", stream_overlap)):  # fmt: skip
        if isinstance(part, int | float) and part > 1:
            raise Refused(f"{name} is {part:g}; a part from 0 to 1 is needed")

    for name, rate in (("link_gb_per_s", link_gb_per_s), ("stream_part", stream_part)):
        if isinstance(rate, int | float) and rate <= 0:
            raise Refused(f"{name} is {rate:g}; it can be any number above 0")

    def change(scenario: Scenario) -> Scenario:
        if not scenario.offload.place:
            raise Refused("which device holds the rest? offload.hw=NAME names it, such as offload.hw=xeon_gold_6454s")
        layers = sum(block.repeats for block in scenario.architecture.blocks)
        for name, number in (("cpu_layers", cpu_layers), ("cpu_expert_layers", cpu_expert_layers)):
            if isinstance(number, int | float) and isinstance(layers, int | float) and number > layers:
                raise Refused(f"{name} is {number:g}; it has {layers:g} layers")
        has_experts = any("num_experts" in block.ffn for block in scenario.architecture.blocks)
        asked = isinstance(cpu_expert_layers, int | float) and isinstance(cpu_experts, int | float)
        if asked and (cpu_expert_layers or cpu_experts) and not has_experts:
            raise Refused("it has no experts that could be elsewhere; cpu_layers moves whole layers")
        moved = replace(
            scenario.offload,
            layers=cpu_layers,
            expert_layers=cpu_expert_layers,
            experts=cpu_experts,
            cache=cpu_cache,
            head=cpu_head,
            link=link_gb_per_s * GIGA,
            latency=crossing_us * MICRO,
            stream_tokens=stream_tokens,
            stream_part=stream_part,
            stream_overlap=stream_overlap,
            place=(_reading(scenario.offload.place[0], cpu_gb_per_s),),
            memory=memory,
        )
        return replace(scenario, offload=moved)

    return Optimization(transforms=(change,), once={"places": "one device holds what is not on the layout"})


def _reading(place: Place, gb_per_s: Number) -> Place:
    """The place with what its processor reads of its memory [GB/s], 0 for what its class reaches."""
    if is_fixed_at(gb_per_s, 0):
        return place
    of_class = place.engine.efficiency
    reached = where(gb_per_s > 0, gb_per_s * GIGA / place.device.bandwidth, of_class.memory)
    return replace(place, engine=replace(place.engine, efficiency=replace(of_class, memory=reached)))


def disaggregation(
    *,
    network_gb_per_s: float = 0.0,
    transfer_ms: float = 0.0,
    exposed: float = 1.0,
    concurrent: float = 0.0,
    memory: str = APART,
) -> Optimization:
    """Prompts are prefilled on devices of their own, those of prefill.hw= or others like those that decode.

    network_gb_per_s [GB/s]: reached by a transfer of the cache, of all devices together, 0 for one without time;
    transfer_ms [ms]: its latency; exposed [1]: part of it that prefill does not hide (1 / layers where each layer
    leaves when it is done); memory: apart, or shared by two processors of a package; concurrent [1]: part of the time
    in which both of these compute, each for another request, and share the bandwidth
    Raises Refused for a part beyond 1, and for processors that share no bandwidth.
    """
    _refuse_memory(memory)
    for name, part in (("exposed", exposed), ("concurrent", concurrent)):
        if isinstance(part, int | float) and part > 1:
            raise Refused(f"{name} is {part:g}; a part from 0 to 1 is needed")
    if memory == APART and isinstance(concurrent, int | float) and concurrent > 0:
        raise Refused("concurrent is of two processors that share a memory; opt=hybrid has them")

    def change(scenario: Scenario) -> Scenario:
        endless = isinstance(network_gb_per_s, int | float) and network_gb_per_s == 0
        link = UNLIMITED if endless else network_gb_per_s * GIGA
        handed = replace(
            scenario.handover, on=True, link=link, latency=transfer_ms * MILLI, exposed=exposed, memory=memory
        )
        handed = handed if memory == APART else replace(handed, concurrent=concurrent)
        return replace(scenario, handover=handed)

    return Optimization(transforms=(change,), once={"prefill": "prompts are prefilled in one place"})


def disk(*, disk_gb_per_s: float, disk_room: float) -> Optimization:
    """Weights that memory has no room for stay on a disk, and are read from it in every step: of the device of
    offload.hw= where layers or experts are there, else of hw=.

    disk_gb_per_s [GB/s]: reached; disk_room [1]: part of the memory that weights may fill, the rest being the cache's
    Raises Refused for a part beyond 1 and for a disk without speed.
    """
    if isinstance(disk_room, int | float) and disk_room > 1:
        raise Refused(f"disk_room is {disk_room:g}; a part from 0 to 1 is needed")
    if isinstance(disk_gb_per_s, int | float) and disk_gb_per_s <= 0:
        raise Refused("disk_gb_per_s is 0; it can be any speed above")

    def change(scenario: Scenario) -> Scenario:
        return replace(scenario, disk=Disk(bandwidth=disk_gb_per_s * GIGA, room=disk_room, on=True))

    return Optimization(transforms=(change,), once={"disk": "weights are on one disk"})


def _refuse_memory(memory: str) -> None:
    if memory not in MEMORIES:
        raise Refused(f"memory is {memory}; it can be {' or '.join(MEMORIES)}")
