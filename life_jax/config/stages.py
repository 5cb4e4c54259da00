"""The layers of each stage of a pipeline, where engine.stage_layers says them."""

import dataclasses

from life_jax.config.schema.check import check_number
from life_jax.config.schema.engine_file import EngineFile
from life_jax.config.schema.errors import ConfigError, ImpossibleError
from life_jax.config.schema.model_file import ModelFile

WORD = "engine.stage_layers"


def in_stages(engine: EngineFile, model: ModelFile, label: str) -> EngineFile:
    """The engine with as many stages as `stage_layers` has numbers; as it is where it has none.

    label: of the model. Raises ConfigError for layers that are no whole numbers and for another number of stages,
    ImpossibleError for other layers than the model has.
    """
    layers = engine.stage_layers
    if not layers:
        return engine
    for number in layers:
        if check_number(number, {"low": 1}, WORD) % 1:
            raise ConfigError(f"{WORD} has {number:g}; whole numbers are needed")
    if engine.pipeline_parallel not in (1, len(layers)):
        raise ConfigError(f"{WORD} has {len(layers)} stages, engine.pipeline_parallel is {engine.pipeline_parallel:g}")
    if sum(layers) != model.num_hidden_layers:
        wrong = f"{WORD} has {sum(layers):g} layers together; it has {model.num_hidden_layers:g}"
        raise ImpossibleError(f"model.{label}", wrong)
    return dataclasses.replace(engine, pipeline_parallel=float(len(layers)))
