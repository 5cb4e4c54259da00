"""LoRA beside the base layers: parameters, FLOP and bytes of the worked example, and what it leaves alone."""

import pytest

import life_jax as life
from life_jax.core import schedule
from life_jax.core.schedule import Step
from life_jax.forecasting import memory, request
from life_jax.forecasting.step import step_graph
from life_jax.operators.adapter import distinct_adapters


def scenario(*words: str):
    return life.load(["hw=a100", "model=llama2_7b", *words]).cases[0].scenario


def added(words: tuple[str, ...], step: Step):
    graph = step_graph(scenario(*words), step)
    return graph.select(lambda op: op.name.endswith("_lora")).cost


def test_rank_16_on_all_linear_layers_of_llama2_7b_is_the_worked_example():
    cost = added(("opt=lora",), Step(1.0, 1.0, 0.0))
    assert cost.matmul_flops == 79_953_920
    assert cost.weight_bytes == 79_953_920
    with_adapters, without = (memory.memory(scenario(*w)).weights for w in (("opt=lora",), ()))
    assert with_adapters - without == 79_953_920


def test_distinct_adapters_of_a_batch_are_the_expected_number():
    assert distinct_adapters(batch=32, adapters=100) == pytest.approx(27.502, abs=5e-4)
    assert distinct_adapters(batch=32, adapters=1) == 1


def test_adapters_add_two_dispatches_to_each_target_and_leave_fusion_as_it_was():
    step = schedule.prefill(scenario().workload, scenario().engine)[0].first
    plain, adapted = (step_graph(scenario(*w), step) for w in ((), ("opt=lora",)))
    assert adapted.cost.dispatches - plain.cost.dispatches == 2 * 7 * 32
    assert [op.name for op in adapted if not op.name.endswith("_lora")] == [op.name for op in plain]


def test_rank_0_costs_dispatches_only_and_a_merged_adapter_nothing():
    assert added(("opt=lora", "opt.lora.rank=0"), Step(1.0, 8.0, 0.0)).matmul_flops == 0
    base, merged = (request.Run(scenario(*w)) for w in ((), ("opt=lora_merged",)))
    assert float(base.ttft) == float(merged.ttft)
    assert float(base.tpot) == float(merged.tpot)


def test_lora_composes_with_quantization_in_either_order():
    one, other = (scenario(f"opt={stack}") for stack in ("[int4,kv8,lora]", "[lora,kv8,int4]"))
    assert float(request.Run(one).tpot) == pytest.approx(float(request.Run(other).tpot), rel=1e-12)
