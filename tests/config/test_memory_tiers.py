"""Defaults of servers that follow the memory of a device."""

import dataclasses

import pytest

import life_jax as life
from life_jax.config import conf_files
from life_jax.config.memory_tiers import by_memory
from life_jax.config.parts import Parts
from life_jax.config.schema.device_file import DeviceFile
from life_jax.config.schema.errors import ConfigError


def scheduler(*words):
    return life.load([*words]).cases[0].built.scenario.engine.scheduler


@pytest.mark.parametrize(
    ("hw", "budget", "slots"),
    # get_batch_defaults of vLLM 0.28: 16384 from 160 GiB on, 8192 from 70 GiB on but for an A100, else 2048
    [("b200_sxm", 16384, 1024), ("h100_sxm", 8192, 1024), ("a100_sxm_80gb", 2048, 256), ("rtx_4090", 2048, 256)],
)
def test_a_server_takes_the_budget_of_its_devices_memory(hw, budget, slots):
    of = scheduler(f"hw={hw}", "engine=vllm")
    assert (of.budget, of.slots) == (budget, slots)


def test_what_is_typed_goes_before_the_memory():
    of = scheduler("hw=h100_sxm", "engine=vllm", "engine.token_budget=4096")
    assert (of.budget, of.slots) == (4096, 1024)
    assert scheduler("hw=h100_sxm", "engine=llama_cpp_cuda").budget == 2048


def test_a_larger_budget_holds_more_activations():
    held = [
        life.load([f"hw={hw}", "engine=vllm"]).cases[0].built.scenario.engine.memory.activation_tokens
        for hw in ("rtx_4090", "h100_sxm")
    ]
    assert held == [2048, 8192]


def test_an_engine_of_one_tier_is_one_object():
    engine, parts = conf_files.engine_file("vllm"), Parts()
    h100, pcie, t4 = (conf_files.file("hw", name, DeviceFile) for name in ("h100_sxm", "h100_pcie", "t4"))
    assert by_memory(engine, h100, parts) is by_memory(engine, pcie, parts) is not by_memory(engine, t4, parts)


@pytest.mark.parametrize(
    "tier", [3, {"memory_gb": -1}, {"token_budget": "many"}, {"token_budgets": 1}, {"except": "a100"}]
)
def test_a_tier_that_is_not_understood_is_refused(tier):
    engine = dataclasses.replace(conf_files.engine_file("vllm"), memory_tiers=[tier])
    with pytest.raises(ConfigError, match="memory_tiers of vllm"):
        by_memory(engine, conf_files.file("hw", "t4", DeviceFile), Parts())
