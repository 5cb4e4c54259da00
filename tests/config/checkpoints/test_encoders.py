"""Encoders, encoder-decoders, diffusion models and further families: parameters as published, or as torch counts."""

import pytest
from configs import sizes
from default_models import COUNTS, LAYERS, PUBLISHED

from life_jax.config.checkpoints.architecture import architecture
from life_jax.config.checkpoints.huggingface import translate
from life_jax.config.schema.check import check
from life_jax.config.schema.errors import ConfigError
from life_jax.config.schema.model_file import ModelFile
from life_jax.models.decoder import parameter_count


def parameters(config) -> float:
    return parameter_count(architecture(check(translate(config, "m"), ModelFile, "model.m"), "model.m"))


@pytest.mark.parametrize("name", PUBLISHED)
def test_parameters_equal_those_published(name):
    config, published = PUBLISHED[name]
    assert parameters(config) == published


@pytest.mark.parametrize("model_type", COUNTS)
def test_a_config_that_says_its_type_alone_is_the_default_model_of_its_class(model_type):
    assert parameters({"model_type": model_type}) == COUNTS[model_type]


@pytest.mark.parametrize("model_type", LAYERS)
def test_layer_types_say_the_mixers_of_hybrids(model_type):
    layers, counted = LAYERS[model_type]
    assert parameters({"model_type": model_type, "layer_types": layers}) == counted


def test_a_bert_that_decodes_is_not_taken_for_an_encoder():
    with pytest.raises(ConfigError, match="is_decoder"):
        translate(sizes("bert", 768, 12, 12, 3072, 30522, 512, is_decoder=True))
