"""Prompts that begin alike: what is computed of them, and what a cache with finite room holds."""

from collections import OrderedDict

import laws
import numpy as np
import pytest

import life_jax as life
from life_jax.config import request_trace
from life_jax.config.schema.errors import ConfigError
from life_jax.operators.attention import causal_pairs
from life_jax.serving.prefix_cache import characteristic_time, hit_rates, reused, reused_blocks

WORDS = ("hw=h100_sxm", "model=llama3_8b", "engine=vllm", "prompt=2000", "output=100", "rate=2")
METRICS = "metrics=[ttft_mean,ttft_p50,ttft_p90,tpot_mean,utilization]"


def load(*words):
    scenario = life.load([*WORDS, *words, METRICS, "workload.batch=1"]).cases[0].scenario
    names = METRICS.removeprefix("metrics=[").rstrip("]").split(",")
    with np.errstate(all="ignore"):
        return {name: float(value) for name, value in life.forecast(scenario, tuple(names)).items()}


def lru(requests, room):
    """Blocks at the beginning of each request that a plain LRU cache holds, one after another."""
    cache, found = OrderedDict(), []
    for blocks in requests:
        held = next((n for n, name in enumerate(blocks) if name not in cache), len(blocks))
        found.append(held)
        for name in reversed(blocks):  # the end of a prompt leaves before its beginning
            cache.pop(name, None)
            cache[name] = None
        while len(cache) > room:
            cache.popitem(last=False)
    return np.array(found)


def test_pairs_of_a_prompt_with_a_cached_beginning():
    assert causal_pairs(queries=4096 - 3072, past=3072) == 3_670_528
    assert causal_pairs(queries=4096, past=0) == 8_390_656


def test_whole_blocks_are_reused_and_the_last_token_is_computed():
    assert reused(1000.0, 0.5, 16.0) == 496
    assert reused(1024.0, 0.999, 1.0) == pytest.approx(1022.976)
    assert reused(512.0, 0.9999, 512.0) == 0
    assert reused(32.0, 1.0, 16.0) == 31


def test_no_hits_are_no_cache_and_all_hits_one_class():
    none = load()
    assert load("load.cached=0.5", "load.hit_rate=0") == pytest.approx(none, rel=1e-9)
    one = load("load.cached=0.5")
    assert load("load.cached=0.5", "load.hit_rate=1") == one
    assert one["ttft_mean"] < none["ttft_mean"] and one["utilization"] < none["utilization"]


def test_two_classes_have_the_mean_of_both_and_a_wider_spread():
    """Half of the requests find 80 %: as many tokens as 40 % of each, but TTFT falls apart."""
    two, one = load("load.cached=0.8", "load.hit_rate=0.5"), load("load.cached=0.4")
    assert two["utilization"] == pytest.approx(one["utilization"], rel=0.05)
    assert two["ttft_p90"] > 1.2 * one["ttft_p90"]
    more = load("load.cached=0.5", "load.hit_rate=0.8")
    assert more["ttft_p50"] < one["ttft_p50"] and more["ttft_p90"] > one["ttft_p90"]


def test_a_block_of_many_tokens_saves_less():
    small, large = load("load.cached=0.4", "engine.cache_block=1"), load("load.cached=0.4", "engine.cache_block=600")
    assert small["ttft_mean"] < large["ttft_mean"]
    assert load("load.cached=0.25", "engine.cache_block=600")["ttft_mean"] == pytest.approx(
        load()["ttft_mean"], rel=1e-6
    )


def test_a_cache_is_filled_by_what_was_used_within_its_characteristic_time():
    rates = 1 / np.arange(1, 1001)
    time = characteristic_time(rates, 100)
    assert (1 - np.exp(-rates * time)).sum() == pytest.approx(100, rel=1e-9)
    assert (np.diff(hit_rates(rates, 100)) < 0).all()
    assert (hit_rates(rates, 1000) == 1).all()


def test_hits_of_popular_beginnings_are_those_of_an_lru_cache():
    draw = np.random.default_rng(7)
    popular = draw.zipf(1.3, 4000) % 300
    requests = [(*(f"{name}.{part}" for part in range(1 + name % 5)), f"own{i}") for i, name in enumerate(popular)]
    for room in (100, 400, 1e9):
        exact = lru(requests, room)
        expected = reused_blocks(requests, 4000.0, room)
        assert expected.mean() == pytest.approx(exact.mean(), rel=0.04), room


def test_blocks_of_a_trace_say_what_is_cached(tmp_path):
    file = tmp_path / "trace.csv"
    lines = ["arrival_s,input_tokens,output_tokens,block_ids"]
    lines += [f"{i},{1024 + 256},100,a b own{i}" for i in range(10)] + ["11,600,10,c1 c2"]
    file.write_text("\n".join(lines))
    trace = request_trace.read(file)
    block = np.ceil((1024 + 256) / 3)
    assert trace.cached[0] == 0 and trace.cached[-1] == 0
    assert (trace.cached[1:10] == 2 * block).all()
    less = request_trace.read(file, 3 * block)
    assert 0 < less.cached.sum() < trace.cached.sum()
    words = request_trace.as_words(trace)
    assert f"load.hit_rate={9 / 11}" in words
    with pytest.raises(ConfigError, match="above 0"):
        life.load([*WORDS[:3], f"load.trace={file}", "load.prefix_room=0"], primary="serve")
    with pytest.raises(ConfigError, match=r"load\.trace="):
        life.load([*WORDS, "load.prefix_room=1000"], primary="serve")


def test_drawn_requests_find_their_part_of_the_cache():
    from life_jax.forecasting.under_load import UnderLoad
    from life_jax.studies.timed_requests import drawn

    scenario = laws.scenario(*WORDS, "load.cached=0.5", "load.hit_rate=0.25", "workload.batch=1")
    under = UnderLoad(scenario)
    requests = drawn(under.requested, under, 4000, 1)
    hit = requests.cached > 0
    assert hit.mean() == pytest.approx(0.25, abs=0.03)
    assert set(requests.cached[hit]) == {992.0}  # 62 blocks of 16
