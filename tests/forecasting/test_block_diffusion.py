"""Models that denoise a block of tokens behind a cache: what a step computes, and what it takes."""

import pytest
from laws import in_numpy, scenario

from life_jax.core import schedule
from life_jax.forecasting.request import Run
from life_jax.models import decoder
from life_jax.models.attention.block_causal import block_pairs

WORDS = ("hw=h100_sxm", "workload.prompt_tokens=512", "workload.output_tokens=256", "engine=ideal")


def seconds(model: str, *words: str) -> float:
    found = in_numpy(*WORDS, f"model={model}", "metrics=[tpot]", *words)
    return float(found["tpot"].values.reshape(-1)[0])


def test_a_step_computes_a_block_and_the_cache_grows_by_what_is_kept():
    workload = scenario(*WORDS, "model=llada2_mini_16b").workload
    passes = schedule.decode(workload, "block_diffusion", 0.5, 32.0)
    assert (passes.first.new, passes.first.logit_rows, passes.advance) == (32.0, 32.0, 2.0)
    assert float(passes.first.past) == 512 and float(passes.count) == 255 * 0.5


def test_a_block_of_one_token_is_a_decode_step():
    workload = scenario(*WORDS, "model=llada2_mini_16b").workload
    blocks, plain = schedule.decode(workload, "block_diffusion", 1.0, 1.0), schedule.decode(workload)
    assert (blocks.first.new, float(blocks.count), blocks.advance) == (1.0, float(plain.count), plain.advance)
    assert block_pairs(queries=7, past=9, block=1) == 7 * 9 + 7 * 8 / 2


@pytest.mark.parametrize("block", [4, 32])
def test_pairs_of_whole_blocks_are_those_of_a_mask(block: int):
    queries, past = 2 * block, 5
    seen = sum(past + (i // block + 1) * block for i in range(queries))
    assert block_pairs(queries=queries, past=past, block=block) == seen


def test_products_of_a_step_are_those_of_so_many_tokens():
    s = scenario(*WORDS, "model=sdar_8b", "workload.batch=1")
    graph = decoder.decoder(s.architecture, Run(s).decode.at(0.0), s.precision)
    one = {op.name: float(op.cost.matmul_flops) for op in graph.ops}
    assert one["gate_proj"] == 2 * 4 * 4096 * 12288
    assert one["lm_head"] == 2 * 4 * 4096 * 151936
    assert one["attention_qk"] == 2 * 32 * 128 * 4 * (512 + 4)


def test_half_the_steps_for_a_token_take_half_the_time():
    twice = seconds("sdar_8b", "model.sdar_8b.steps_per_token=0.5") / seconds("sdar_8b")
    assert twice == pytest.approx(0.5, rel=1e-3)


def test_a_larger_block_takes_longer_for_each_token_at_the_same_steps():
    assert seconds("sdar_8b", "model.sdar_8b.diffusion_block=64") > seconds("sdar_8b")
