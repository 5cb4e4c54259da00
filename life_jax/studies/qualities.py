"""What the options of a study's cases keep of the model's quality."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from life_jax.config.build import Built
from life_jax.config.compose import Composed
from life_jax.config.quality import quality
from life_jax.config.schema.errors import ConfigError
from life_jax.config.words import Request

BITS = ("weight_bits", "activation_bits", "kv_bits")  # numbers by which nobody knows a quality


def with_quality(
    built: Built, composed: Composed, request: Request, labels: tuple[str, str, str], axes: Mapping[str, Any]
) -> Built:
    """The scenario with the quality of its stack, and a warning where nothing is known of it.

    labels: of model, hw and stack. The base is the checkpoint as it is; the format in a model's name is an option.
    Raises ConfigError where an axis or a word moves numbers of which no quality is known.
    """
    model, _, opt = labels
    for key in BITS:
        if key in axes or f"precision.{key}" in request.scalars:
            raise ConfigError(f"quality is known of options, not of {key}; give opt= or axes.opt=, such as opt=int4")
    for key in axes:
        if built.options.has(key):
            raise ConfigError(f"quality is known of options as they are, not along axes.{key}")
    choice = next(choice for choice in request.model if choice.key == model)
    stack = dict(zip(composed.stacks, request.stacks, strict=True))[opt]
    kinds = {origin.name: origin.kind for origin in built.options.origins} | dict(composed.kinds)
    options = [origin.name for origin in built.options.origins] if choice.weights else list(stack)
    kept, source = quality(choice.name, options, kinds)
    warnings = built.warnings if kept.kept else (*built.warnings, f"quality of opt={opt}: {source}: NaN")
    return replace(built, scenario=replace(built.scenario, quality=kept), warnings=warnings, quality_source=source)
