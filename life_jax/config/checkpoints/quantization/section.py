"""Finds the section of a configuration that says how weights are stored, and reads it by its method."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from life_jax.config.checkpoints.config_fields import short
from life_jax.config.checkpoints.quantization import (
    methods_compressed_tensors,
    methods_floating,
    methods_grouped,
    methods_modelopt,
    methods_modelslim,
    methods_other,
    methods_quark,
)
from life_jax.config.checkpoints.quantization.assignment import options
from life_jax.config.checkpoints.quantization.modules import modules
from life_jax.config.checkpoints.quantization.scheme import NotKnown, Scheme
from life_jax.config.schema.errors import ConfigError
from life_jax.core.scenario import Architecture

METHODS = (
    methods_compressed_tensors,
    methods_modelopt,
    methods_modelslim,
    methods_floating,
    methods_quark,
    methods_grouped,
    methods_modelslim,
    methods_other,
)
READERS = {name: reader for module in METHODS for name, reader in module.READERS.items()}
KNOWN = "awq, bitsandbytes, compressed-tensors, fp8, gptq, modelopt, mxfp4 and " + str(len(READERS) - 7) + " more"
SECTIONS = ("quantization_config", "quantization", "compression_config")


def read_section(
    section: Any, model: Architecture, order: Sequence[int], family: str
) -> tuple[list[Any], Any, list[str]]:
    """The options of the weights in order of preference, the option of the cache ("" for none), what is not understood.

    section: the object of quantization_config. model: the decoder; order: for each layer, which of its blocks it is.

    Raises ConfigError where the method is not known or a number of it makes no sense.
    """
    scheme = scheme_of(section, family)
    weights, unknown = options(scheme, modules(model, order, family))
    return weights, scheme.cache, unknown


def scheme_of(section: Any, family: str) -> Scheme:
    """How a section of config.json says that weights are stored. Raises ConfigError for what cannot be read."""
    if not isinstance(section, Mapping):
        raise ConfigError(
            f"{family} config.json: quantization_config {short(section)} is not an object (known: {KNOWN})"
        )
    try:
        method = method_of(section)
        if method not in READERS:
            raise NotKnown(f"quant_method {method!r}" if method else "no quant_method")
        try:
            return READERS[method](section)
        except (TypeError, AttributeError, KeyError, IndexError, ArithmeticError) as error:
            raise NotKnown(f"parts of it are not what {method} writes ({str(error)[:60]})") from None
    except NotKnown as reason:
        described = {
            key: section.get(key) for key in ("quant_method", "quant_algo", "bits", "format") if key in section
        }
        raise ConfigError(
            f"{family} config.json: quantization_config {short(described)} is not known: {reason} (known: {KNOWN})"
        ) from None


def method_of(section: Mapping[str, Any]) -> str:
    """The method's name in one spelling; that of a section without one by its fields."""
    said = section.get("quant_method") or section.get("quantization_method")
    if isinstance(said, str):
        return said.lower().replace("_", "-").replace(" ", "-").rpartition("/")[2]
    if said is not None:
        return str(said)[:40]
    return next((method for method, is_it in BY_FIELDS if is_it(section)), "")


# in this order: the fields by which a section without a name is told
BY_FIELDS: tuple[tuple[str, Callable[[Mapping[str, Any]], bool]], ...] = (
    ("compressed-tensors", lambda s: "config_groups" in s and "quant_algo" not in s and "producer" not in s),
    ("modelopt", lambda s: "quant_algo" in s or isinstance(s.get("quantization"), Mapping) or "producer" in s),
    ("modelslim", lambda s: "model_quant_type" in s),
    ("quark", lambda s: "global_quant_config" in s),
    ("bitsandbytes", lambda s: bool(s.get("load_in_4bit") or s.get("load_in_8bit"))),
    ("torchao", lambda s: "quant_type" in s),
    ("gptq", lambda s: "bits" in s and "desc_act" in s),
    ("awq", lambda s: "w_bit" in s or "zero_point" in s),
    ("mlx", lambda s: "bits" in s and "group_size" in s),
)
