"""Points of a sweep whose requests are simulated."""

import pytest

import life_jax as life

WORDS = ["hw=h100_sxm", "model=llama3_2_1b", "engine=vllm", "prompt=200", "output=20", "engine.max_sequences=8",
         "metrics=[ttft_mean,utilization]", "method=simulate"]  # fmt: skip


def test_points_that_share_a_capacity_are_those_of_single_runs():
    several = life.evaluate(life.load([*WORDS, "axes.rate=[2,4]"], primary="serve")).squeeze(drop=True)
    single = life.evaluate(life.load([*WORDS, "rate=4"], primary="serve")).squeeze(drop=True)
    for metric in ("ttft_mean", "utilization"):
        assert float(several[metric][1]) == pytest.approx(float(single[metric]), rel=1e-6)
    first, second = several.utilization.values
    assert second == pytest.approx(2 * first, rel=0.02)
