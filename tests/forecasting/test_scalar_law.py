"""The law of steps in plain lists gives what the law of arrays gives."""

import numpy as np
import pytest
from laws import scenario

from life_jax.forecasting.step_law import step_law
from life_jax.serving.scalar_law import seconds_of
from life_jax.serving.step_law import StepLoad


@pytest.mark.parametrize(
    "words",
    [
        ("hw=h100_sxm", "model=llama3_8b", "engine=vllm"),
        ("hw=h100_sxm", "model=qwen3_30b_a3b", "engine=vllm", "dp=4", "ep=4"),
        ("hw=h100_sxm", "model=llama3_8b", "hw.h100_sxm.power_limit_w=200", "engine.power_cap=true"),
    ],
)
def test_a_step_of_plain_numbers_takes_the_seconds_of_the_law(words):
    law, random = step_law(scenario(*words)), np.random.default_rng(7)
    seconds = seconds_of(law)
    for _ in range(40):
        decoding, prompts = float(random.integers(0, 300)), float(random.integers(0, 4) * random.integers(1, 2048))
        if decoding + prompts:
            load = StepLoad(decoding, decoding * random.uniform(1, 8000), prompts, prompts * random.uniform(1, 4000))
            assert seconds(load) == pytest.approx(float(law.seconds(load)), rel=1e-9)
