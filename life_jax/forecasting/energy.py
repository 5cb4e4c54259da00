"""Joules and dollars: energy of a step, effect of a power limit on its time, price of a device.

A device draws its idle power all the time, and beyond it energy for every second of work at its peak rate, every byte
of memory traffic and every byte between devices. See conf/cost/default.yaml for the numbers and their sources.
"""

from collections.abc import Iterable
from dataclasses import replace

from life_jax.core.graph import Op
from life_jax.core.numerics import Number, is_fixed_at, is_nothing, where
from life_jax.core.places import APART, HERE, HOST
from life_jax.core.scenario import UNPUBLISHED, Scenario
from life_jax.core.schedule import Mixed, Step
from life_jax.core.units import UNLIMITED
from life_jax.forecasting import messages, places
from life_jax.parallelism.layout import share

HOURS_PER_YEAR = 8766.0
SECONDS_PER_HOUR = 3600.0
JOULES_PER_KWH = 3.6e6


def idle_power(scenario: Scenario) -> Number:
    """Power [W] of all devices together when they do nothing."""
    watts = scenario.costs.idle_part * scenario.device.power * scenario.engine.parallelism.devices
    return watts + sum(idle_power(other) for other in others(scenario))


def others(scenario: Scenario) -> list[Scenario]:
    """The scenario as devices beside those of the layout see it: one that holds a part, and those that prefill.
    Processors of one package are one device."""
    o, h = scenario.offload, scenario.handover
    beside = [] if o.is_off or o.memory != APART else [places.on_host(scenario)]
    return [*beside, places.prefilling(scenario)] if h.on and h.memory == APART else beside


def dynamic(scenario: Scenario, step: Step | Mixed, ops: Iterable[Op]) -> Number:
    """Energy [J] of a step beyond idle power, of all devices together.

    ops: the operators of the step.
    """
    joules = of_operators(scenario, ops)
    if not scenario.engine.parallelism.alone:
        joules = joules + of_messages(scenario, step)
    return joules


def of_messages(scenario: Scenario, step: Step | Mixed) -> Number:
    """Energy [J] of a step's messages between devices."""
    return scenario.costs.link_energy * messages.link_bytes(scenario, step)


def of_operators(scenario: Scenario, ops: Iterable[Op]) -> Number:
    """Energy [J] of operators beyond idle power, of all devices together."""
    device, costs = scenario.device, scenario.costs
    ops = list(ops)
    busy = (costs.busy_part - costs.idle_part) * device.power / costs.busy_rate  # W at the full peak rate
    at_peak: Number = 0.0
    moved: Number = 0.0
    layout = scenario.engine.parallelism
    for op in (op for op in ops if op.place == HERE):
        # what every device does, or reads again, takes its energy on each
        cost = op.cost if layout.alone else share(op, layout).times(layout.stage)
        rate = device.rates[op.pipe]
        at_peak = at_peak + op.repeats * (cost.matmul_flops / rate + cost.vector_flops / device.rates["vector"])
        moved = moved + op.repeats * cost.bytes
    joules = busy * at_peak + costs.byte_energy * moved
    if not scenario.offload.is_off:
        there = [replace(op, place=HERE) for op in ops if op.place == HOST]
        joules = joules + of_operators(places.on_host(scenario), there)
    return joules


def is_capped(scenario: Scenario) -> bool:
    """Whether a power limit can slow steps down."""
    return not is_fixed_at(scenario.device.power_limit, UNLIMITED)


def capped_seconds(scenario: Scenario, joules: Number) -> Number:
    """Least time [s] in which a step may draw `joules` [J] beyond idle power under the power limit."""
    return joules / room(scenario)


def room(scenario: Scenario) -> Number:
    """Power [W] that all devices together may draw beyond idle power under the power limit."""
    return scenario.device.power_limit * scenario.engine.parallelism.devices - idle_power(scenario)


def price(scenario: Scenario) -> Number:
    """Price [USD] of all devices; NaN where neither a price nor the rate to derive it from is known."""
    return _price(scenario) + sum(_price(other) for other in others(scenario))


def _price(scenario: Scenario) -> Number:
    d, c, count = scenario.device, scenario.costs, scenario.engine.parallelism.devices
    rate = d.rates["datasheet"]
    rate = where(rate < UNPUBLISHED, rate, float("nan"))
    line = c.price_base + c.price_per_rate * rate + c.price_per_bandwidth * d.bandwidth + c.price_per_memory * d.memory
    return _if_known(c.price, c.price, line * c.price_factor) * count


def _if_known(known: Number, value: Number, other: Number) -> Number:
    """A value where a number that it comes from is known, which of devices side by side may hold for some."""
    return other if is_nothing(known) else where(known > 0, value, other)


def usd(scenario: Scenario, seconds: Number, joules: Number) -> Number:
    """Cost [USD] of `seconds` [s] of all devices' life, or of their rent, and of `joules` [J] of electricity.

    joules: of all devices together; nothing is paid for them where those of the layout are rented [assumption where
    devices beside them are not].
    """
    devices = _usd_of_devices(scenario, seconds) + sum(
        _beside(scenario, one, _usd_of_devices(one, seconds)) for one in others(scenario)
    )
    return devices + _usd_of_electricity(scenario, joules)


def usd_per_hour(scenario: Scenario) -> Number:
    """Cost [USD/h] of all devices at their full power, whatever they do: life and electricity of those that are bought,
    rent of the others. NaN where a price or a power that it needs is not known."""
    beside = sum(_beside(scenario, one, _usd_of_an_hour(one)) for one in others(scenario))
    return _usd_of_an_hour(scenario) + beside


def _usd_of_an_hour(scenario: Scenario) -> Number:
    power = scenario.device.power * scenario.engine.parallelism.devices
    electricity = _usd_of_electricity(scenario, power * SECONDS_PER_HOUR)
    return _usd_of_devices(scenario, SECONDS_PER_HOUR) + electricity


def _beside(scenario: Scenario, beside: Scenario, cost: Number) -> Number:
    """Cost of devices beside those of a layout: nothing of the processor of a machine whose card is rented, unless it
    has a rent of its own."""
    if scenario.offload.is_off:
        return cost
    return where(beside.costs.rent > 0, cost, _if_known(scenario.costs.rent, 0.0, cost))


def _usd_of_devices(scenario: Scenario, seconds: Number) -> Number:
    c = scenario.costs
    life = c.lifetime * c.busy_time * HOURS_PER_YEAR * SECONDS_PER_HOUR
    bought = _price(scenario) * seconds / life
    return _if_known(c.rent, c.rent / SECONDS_PER_HOUR * scenario.engine.parallelism.devices * seconds, bought)


def _usd_of_electricity(scenario: Scenario, joules: Number) -> Number:
    c = scenario.costs
    return _if_known(c.rent, 0.0, joules * c.power_overhead / JOULES_PER_KWH * c.electricity)
