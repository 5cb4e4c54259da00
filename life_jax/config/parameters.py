"""How a key of the files sets the leaves of a Scenario."""

from collections.abc import Mapping
from typing import Any

from life_jax.config.build import CLOCKS, Built
from life_jax.config.option_numbers import option_parameter
from life_jax.config.schema.axis_table import ALL_RATES, axis_keys, facts, section_of
from life_jax.config.schema.errors import ConfigError, columns
from life_jax.core.parameter import Parameter
from life_jax.core.pytree import Leaf, get_leaf
from life_jax.core.scenario import UNPUBLISHED, Scenario
from life_jax.core.units import TERA


def parameter_of(key: str, built: Built, where: str, asked: str = "axes.") -> Parameter:
    """How `key` sets this scenario; refuses a key that nothing here depends on.

    `where` names model and device, `asked` the word that asked for the key.
    """
    metadata = facts(key)
    if section_of(key) == "opt":
        return option_parameter(key, built.options, where, asked)
    if key == ALL_RATES:
        return _all_rates(built, where, asked)
    if key.startswith("peak_tflops.") or key == "vector_tflops":
        return _rate_parameter(key, built, where, asked)
    if key in CLOCKS:
        return _clock_parameter(key, built, where, asked)
    if "leaf" not in metadata:
        raise ConfigError(f"{asked}{key}: no forecast depends on {key}", columns(sorted(axis_keys())))
    scale = metadata.get("scale", 1.0)
    leaves = [
        (path, scale) for leaf in metadata["leaf"].split() for path in _expand(tuple(leaf.split(".")), built.scenario)
    ]
    if not leaves or key in built.meaningless:
        reason = built.meaningless.get(key, "nothing in it has that")
        raise ConfigError(f"{asked}{key} changes nothing for {where}: {reason}")
    several = len({get_leaf(built.scenario, path) for path, _ in leaves}) > 1 or key == "num_hidden_layers"
    if section_of(key) == "model" and len(leaves) > 1 and several:
        raise ConfigError(f"{asked}{key}: {where} has layers of several kinds that differ in it")
    return Parameter(key, tuple(leaves), bool(metadata.get("whole")))


def _rate_parameter(key: str, built: Built, where: str, asked: str) -> Parameter:
    if key not in built.sources:
        used = ", ".join(f"{key} ({', '.join(p for p, _ in pipes)})" for key, pipes in built.sources.items())
        raise ConfigError(
            f"{asked}{key} changes nothing for {where}: its operators run at {used or 'no published rate'}"
        )
    return Parameter(key, tuple((("device", "rates", pipe), TERA * factor) for pipe, factor in built.sources[key]))


def _all_rates(built: Built, where: str, asked: str) -> Parameter:
    """Every rate in use scaled together; the value is that of 16-bit matrix work, or of what there is."""
    rates = built.scenario.device.rates
    pipes = list(dict.fromkeys(pipe for of_key in built.sources.values() for pipe, _ in of_key))
    if not pipes:
        raise ConfigError(f"{asked}{ALL_RATES} changes nothing for {where}: it publishes no rate")
    value: Any = rates["datasheet" if "datasheet" in pipes else pipes[0]] / TERA
    return Parameter(ALL_RATES, tuple((("device", "rates", pipe), rates[pipe] / value) for pipe in pipes))


def _clock_parameter(key: str, built: Built, where: str, asked: str) -> Parameter:
    """A clock moves what is published at it: that of the processor its rates, its power and the time of a dispatch,
    that of the memory its bandwidth."""
    clock = built.clocks.get(key)
    device: Any = built.scenario.device  # numbers that are not traced
    if clock is None:
        raise ConfigError(f"{asked}{key} changes nothing for {where}: its file says no rated_{key}")
    if key == "memory_clock_mhz":
        return Parameter(key, ((("device", "bandwidth"), device.bandwidth / clock),))
    rates = [(("device", "rates", pipe), rate) for pipe, rate in device.rates.items() if pipe != "datasheet"]
    moved: list[tuple[Leaf, Any]] = [(leaf, rate) for leaf, rate in rates if rate < UNPUBLISHED]
    moved += [(("device", "power"), device.power)] if device.power == device.power else []  # not NaN
    dispatch = (("device", "dispatch"), device.dispatch * clock)
    return Parameter(key, tuple((leaf, value / clock) for leaf, value in moved), inverse=(dispatch,))


def _expand(path: Leaf, scenario: Scenario) -> list[Leaf]:
    """`*` stands for every kind of layer that has the number."""
    if "*" not in path:
        found = get_leaf(scenario, path[:-1])
        return [] if isinstance(found, Mapping) and path[-1] not in found else [path]
    at = path.index("*")
    blocks = get_leaf(scenario, path[:at])
    found = [(*path[:at], index, *path[at + 1 :]) for index in range(len(blocks))]
    return [one for one in found if len(one) < at + 3 or one[-1] in get_leaf(scenario, one[:-1])]
