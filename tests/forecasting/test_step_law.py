"""The law of steps against the steps themselves, for every kind of model."""

import numpy as np
import pytest
from laws import KINDS, scenario

from life_jax.core.schedule import Step, engine_step
from life_jax.forecasting.step import seconds
from life_jax.forecasting.step_law import step_law
from life_jax.serving.step_law import StepLoad

# attention within pieces of the context (Llama 4) is a sawtooth, of which a law for unequal contexts takes the mean
MODELS = ["llama3_8b", "qwen3_30b_a3b", *(model for model in KINDS if model != "llama4_scout")]
STEPS = 40
# of the median step, and of the worst: small contexts beside large tiles, selections of the context (DeepSeek V3.2)
MEDIAN, WORST = 6e-4, 2e-2


def _drawn(seed: int) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(seed)
    chunk = np.round(np.exp(draw.uniform(0, np.log(2048), STEPS)))
    prompts = draw.choice([1.0, 2.0, 4.0], STEPS)
    return {
        "sequences": np.round(np.exp(draw.uniform(0, np.log(256), STEPS))),
        "context": np.round(np.exp(draw.uniform(np.log(16), np.log(30_000), STEPS))),
        "prefill_tokens": chunk * prompts,
        "past": np.round(draw.choice([0.0, 1.0], STEPS) * np.exp(draw.uniform(0, np.log(20_000), STEPS))),
        "prompts": prompts,
        "ending": draw.choice([0.0, 1.0], STEPS),
    }


def _load(drawn: dict[str, np.ndarray]) -> StepLoad:
    chunk = drawn["prefill_tokens"] / drawn["prompts"]
    return StepLoad(
        decoding=drawn["sequences"],
        contexts=drawn["sequences"] * (drawn["context"] + 1),
        prompts=drawn["prefill_tokens"],
        pairs=drawn["prefill_tokens"] * (drawn["past"] + (chunk + 1) / 2),
        prefilling=drawn["prompts"],
        ended=drawn["prompts"] * drawn["ending"],
    )


@pytest.mark.parametrize("model", MODELS)
def test_the_law_is_the_pipelines_step(model):
    s = scenario(f"model={model}", "hw=h100_sxm", "engine=vllm")
    drawn = _drawn(1)
    law = step_law(s)
    decode = Step(drawn["sequences"], 1.0, drawn["context"], decoding=True)
    alone = StepLoad(drawn["sequences"], drawn["sequences"] * (drawn["context"] + 1), ended=0.0)
    for load, step in ((_load(drawn), engine_step(**drawn)), (alone, decode)):
        off = np.abs(law.seconds(load) / seconds(s, step) - 1)
        assert np.median(off) < MEDIAN
        assert off.max() < WORST
