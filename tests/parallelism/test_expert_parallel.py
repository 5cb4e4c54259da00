"""Experts on many devices: worked numbers, and simulated draws."""

import math

import numpy as np
import pytest
from laws import scenario

from life_jax.core.schedule import Step
from life_jax.forecasting import messages
from life_jax.parallelism.collectives import exchange_over
from life_jax.parallelism.expert_parallel import distinct_ranks, imbalance, reached_ranks, row_bytes
from life_jax.parallelism.pipeline_parallel import bubble, makespan, stages
from life_jax.parallelism.topology import Links


@pytest.mark.parametrize(("ranks", "expected"), [(8.0, 5.294652000382479), (64.0, 7.675750191770085)])
def test_a_token_of_eight_experts_goes_to_so_many_ranks(ranks, expected):
    assert distinct_ranks(ranks=ranks, experts=256.0, chosen=8.0) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("ranks", "experts", "chosen"), [(1, 64, 6), (4, 8, 2), (8, 8, 2), (16, 128, 8), (2, 16, 12)])
def test_distinct_ranks_are_those_of_the_binomials(ranks, experts, chosen):
    expected = ranks * (1 - math.comb(experts - experts // ranks, chosen) / math.comb(experts, chosen))
    assert distinct_ranks(ranks=float(ranks), experts=float(experts), chosen=float(chosen)) == pytest.approx(expected)


def test_bytes_of_128_tokens_to_and_from_8_of_256_experts():
    out, back = (128 * 8 * row_bytes(width=7168.0, bits=bits) for bits in (8.0, 16.0))
    assert (out, back) == (7569408, 14680064)
    assert out * 7 / 8 == 6623232
    far = Links(inside=8.0, nodes=2.0, bandwidth=1e12, network=40e9, latency=0.0, network_latency=20e-6)
    seconds = exchange_over(far, inside=0.0, outside=6623232.0, latency=0.0, efficiency=1.0)
    assert seconds == pytest.approx(0.0001855808, rel=1e-12)


def test_prompts_cross_the_network_once_for_each_node_and_decode_once_for_each_expert():
    s = scenario("hw=h800_sxm", "model=deepseek_v3", "engine=sglang", "dp=32", "ep=32")
    block, row = s.architecture.blocks[-1], float(row_bytes(width=7168.0, bits=8.0))
    sent = {}
    for step in (Step(32 * 128.0, 1.0, 999.0, decoding=True), Step(32.0, 128.0, 0.0)):
        near, far = messages.sent_bytes(s, block, step, messages.of_one(s, step))[0]
        sent[step.decoding] = near / (128 * row), far / (128 * row)
    assert sent[True] == pytest.approx((8 * 7 / 32, 8 * 3 / 4))
    router = {"experts": 256.0, "chosen": 8.0, "groups": 8.0, "taken": 4.0}
    nodes, ranks = (reached_ranks(ranks=n, **router) for n in (4.0, 32.0))
    assert sent[False] == pytest.approx((ranks * 7 / 8, nodes * 3 / 4))


def test_the_fullest_rank_is_within_7_percent_above_a_simulation():
    rng = np.random.default_rng(0)
    for tokens, ranks, draws in ((1024, 32, 40), (128, 8, 100)):
        loads = []
        for _ in range(draws):
            chosen = np.argpartition(rng.random((tokens, 256)), 8, axis=1)[:, :8]
            loads.append(np.bincount((chosen // (256 // ranks)).ravel(), minlength=ranks).max())
        simulated = np.mean(loads) / (tokens * 8 / ranks)
        formula = imbalance(ranks=float(ranks), rows=tokens * 8 / ranks, experts=256.0, spread=0.0)
        assert simulated * 0.98 < formula < simulated * 1.09
    assert imbalance(ranks=32.0, rows=1024 * 8 / 32, experts=256.0, spread=0.0) == pytest.approx(1.1645, abs=1e-4)
    assert imbalance(ranks=64.0, rows=128 * 8 / 64, experts=256.0, spread=0.0) == pytest.approx(1.7210, abs=1e-4)


def test_popular_experts_fill_a_rank_and_one_rank_is_never_fuller_than_itself():
    for ranks in (1.0, 8.0, 64.0):
        fullest = [imbalance(ranks=ranks, rows=128.0, experts=256.0, spread=s) for s in (0.0, 0.5, 2.0)]
        assert 1 <= fullest[0] <= fullest[1] <= fullest[2] <= ranks


def test_a_pipeline_of_four_stages_with_eight_micro_batches():
    assert bubble(stages=4.0, micro_batches=8.0) == pytest.approx(0.2727272727272727)
    assert makespan((2e-3, 2e-3, 2.5e-3, 2e-3), 8.0) == pytest.approx(0.026)
    equal = stages(whole=6e-3, ends=0.0, host=0.0, layers=8.0, handover=0.0, parts=(2.0, 2.0), count=4.0)
    assert max(equal.whole, 4 * equal.slowest) == pytest.approx(0.006)  # 4 micro-batches
    assert max(equal.whole, 2 * equal.slowest) == pytest.approx(0.006)  # 2: half idle
    uneven = stages(whole=11e-3, ends=1e-3, host=0.0, layers=10.0, handover=0.5e-3, parts=(3.0, 2.0), count=4.0)
    assert (uneven.whole, uneven.slowest) == (pytest.approx(12.5e-3), pytest.approx(3.5e-3))


def test_a_router_that_takes_half_of_the_groups_sends_to_fewer_ranks_as_simulated():
    rng, draws = np.random.default_rng(1), 4000
    scores = rng.random((draws, 8, 32))
    best = np.argsort(scores.max(-1), axis=1)[:, -4:]
    allowed = np.zeros((draws, 8, 1), bool)
    np.put_along_axis(allowed[..., 0], best, True, axis=1)
    chosen = np.argsort(np.where(allowed, scores, -1.0).reshape(draws, -1), axis=1)[:, -8:]
    for ranks in (2, 4, 8, 16, 64):
        simulated = np.mean([len(set(row)) for row in chosen // (256 // ranks)])
        formula = reached_ranks(ranks=float(ranks), experts=256.0, chosen=8.0, groups=8.0, taken=4.0)
        assert formula == pytest.approx(simulated, rel=0.08), ranks
        assert formula <= distinct_ranks(ranks=float(ranks), experts=256.0, chosen=8.0)
    for ranks in (4.0, 8.0, 32.0):  # a router that takes all groups is a free one
        free = reached_ranks(ranks=ranks, experts=256.0, chosen=8.0, groups=8.0, taken=8.0)
        assert free == pytest.approx(distinct_ranks(ranks=ranks, experts=256.0, chosen=8.0))
