"""Designs side by side: the numbers of each alone, whatever else is beside it."""

from dataclasses import replace

import numpy as np
import pytest

import life_jax as life
from life_jax.config.parts import UNSEEN
from life_jax.forecasting.metrics import forecast
from life_jax.planner import rows

METRICS = ("ttft", "tpot", "memory", "power", "price", "usd_per_hour", "cost_per_mtoken")
STACKS = "axes.opt=[[],[fp8],[int4,kv_fp8],[q4_k_m],[mlx_4bit]]"
DEVICES = "hw=[a10,h100_sxm,p40,apple_m2_max,ryzen_9_7950x_cpu,arc_a770_16gb]"


def cases(*words):
    return life.load(list(words), primary="plan").cases


@pytest.mark.parametrize(
    "words",
    [
        ["model=llama3_1_8b", DEVICES, STACKS],
        ["model=qwen3_30b_a3b", DEVICES, STACKS],
        ["model=gemma2_9b", "hw=[v100,ryzen_9_7950x_cpu]", STACKS],
        ["model=llama3_1_8b", "hw=[a10,l4,rtx_4090]", "axes.opt=[[q4_k_m],[q4_k_m,offload],[q4_k_m,speculative]]",
         "offload.hw=ryzen_9_7950x_cpu", "opt.offload.cpu_layers=8", "draft.model=llama3_2_1b"],
        ["model=llama3_1_8b", "hw=[a10,l4,rtx_4090,h100_sxm]", "hw.l4.rent_usd_per_hour=0.7", "hw.a10.price_usd=2800",
         "axes.opt=[[q4_k_m],[q4_k_m,offload]]", "offload.hw=ryzen_9_7950x_cpu", "opt.offload.cpu_layers=8"],
    ],
)  # fmt: skip
def test_cases_side_by_side_have_the_numbers_of_each_alone(words):
    together = cases(*words)
    of_all = rows.Cases([case.built.scenario for case in together])
    assert len(set(of_all.kind)) < len(together)  # of which most are computed together
    found = of_all.evaluate(np.arange(len(together)), {}, rows.static(METRICS))
    for at, case in enumerate(together):
        alone = forecast(case.scenario, METRICS)
        for name in METRICS:
            np.testing.assert_allclose(found[name][at], float(alone[name]), rtol=1e-12, err_msg=f"{case.keys} {name}")


class Unseen:
    """A part of a scenario that nothing may look at."""

    def __getattr__(self, name):
        raise AssertionError(f"an option looks at .{name} of a device")


@pytest.mark.parametrize("model", ["llama3_1_8b", "deepseek_v3", "gemma2_9b"])
def test_options_look_at_no_device(model):
    """So that what they make is the same on all of them (config/parts.py)."""
    for case in life.load([f"model={model}", "hw=[h100_sxm]"], primary="plan").cases:
        options = case.built.options
        blind = replace(options, base=replace(options.base, **dict.fromkeys(UNSEEN, Unseen())))
        assert blind.applied({}).precision == options.applied({}).precision
