"""Scenarios side by side, a block at a time."""

from dataclasses import replace

import numpy as np
import pytest
from laws import scenario

from life_jax.forecasting.under_load import UnderLoad
from life_jax.serving import law_nodes, percentiles
from life_jax.serving.blocks import blocks
from life_jax.serving.lengths import LogNormal


def test_blocks_cover_a_batch_once_and_are_no_larger_than_asked():
    shape = (3, 1, 7)
    numbers = np.arange(21.0).reshape(shape), np.arange(3.0).reshape(3, 1, 1)
    seen = np.zeros(shape)
    for place, (first, second) in blocks(shape, numbers, 4):
        assert first.size <= 4
        assert (first == numbers[0][place]).all() and (second == numbers[1][place[0]]).all()
        seen[place] += 1
    assert (seen == 1).all()
    whole = list(blocks(shape, (np.arange(7.0),), 4))  # has other axes than the batch
    assert len(whole) == 1


@pytest.mark.parametrize(
    "words",
    [("model=llama3_8b",), ("model=qwen3_30b_a3b", "dp=4", "ep=4"), ("model=llama3_8b", "engine.power_cap=true")],
)
def test_times_in_blocks_are_those_of_all_at_once(monkeypatch, words):
    s = scenario("hw=h100_sxm", "engine=vllm", *words)
    rates, prompts = np.linspace(0.5, 4, 5)[:, None], np.array([300.0, 2000.0, 9000.0])[None]
    load = replace(s.load, rate=rates, prompt_cv=0.5)
    s = replace(s, load=load, workload=replace(s.workload, prompt_tokens=prompts, output_tokens=100.0))
    times = []
    for most in (10**6, 4):
        monkeypatch.setattr(percentiles, "MOST", most)
        with np.errstate(all="ignore"):
            times.append(UnderLoad(s).spread)
    assert np.shape(times[0].ttft) == (5, 3, percentiles.POINTS)
    for name in ("ttft", "tpot", "itl"):
        assert getattr(times[1], name) == pytest.approx(getattr(times[0], name), rel=1e-12)


def test_equal_lengths_are_one_number_for_all_requests():
    assert np.shape(LogNormal(np.array([5.0, 6.0])).at(np.zeros(9), np.zeros(9))) == (2, 1)


def test_places_in_tables_are_those_that_a_search_finds():
    draw = np.random.default_rng(0)
    values = np.concatenate([np.exp(draw.uniform(-3, 13, 5000)), np.arange(9000.0), [0.0, 1e9, np.inf]])
    by_search = np.maximum(law_nodes.STARTS.searchsorted(values, side="left") - 1, 0)
    assert (law_nodes.interval(values) == by_search).all()
    for nodes in (law_nodes.SEQUENCES, law_nodes.POSITIONS, law_nodes.CHUNKS):
        index, part = nodes.bracket(values[:-1])
        again = nodes.values[index] + part * nodes.spans[index]
        assert again == pytest.approx(np.maximum(values[:-1], nodes.values[0]), rel=1e-12)
        assert (part[values[:-1] <= nodes.values[-1]] < 1 + 1e-12).all()
