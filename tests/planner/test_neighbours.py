"""Designs beside an answer: one step away, and what is said against them is so."""

import json

import pytest

import life_jax as life
from life_jax.forecasting.metrics import forecast
from life_jax.planner.designs import REASONS
from life_jax.studies.planning import plan

WORDS = [
    "model=llama3_1_8b", "hw=[rtx_3060_12gb,rtx_3090,l4]", "axes.opt=[[],[fp8],[int4],[q8_0],[q4_k_m]]",
    "devices=[1,2]", "engine=[vllm,llama_cpp_cuda]",
]  # fmt: skip
ASKED = ["target.tpot=0.02", "quality=0.97", "budget.usd=2500"]


@pytest.fixture(scope="module")
def result():
    return plan(life.load([*WORDS, *ASKED], primary="plan"))


def test_a_neighbour_differs_in_what_it_says(result):
    of_step = {"device": "hw", "format": "opt", "engine": "engine", "devices": "layout", "layout": "layout"}
    seen = set()
    for row in result.rows:
        mine = result.design(row.place)
        for near in row.neighbours:
            other = result.design(near.place)
            different = {key for key in ("hw", "opt", "engine", "layout") if other[key] != mine[key]}
            assert different - {"engine"} <= {of_step[near.step]} and different, near
            assert (other["devices"] != mine["devices"]) == (near.step == "devices")
            seen.add(near.step)
    assert seen == set(of_step)


def test_what_speaks_against_a_neighbour_is_what_it_misses(result):
    answers = {row.place for row in result.rows}
    checked = set()
    for near in (near for row in result.rows for near in row.neighbours):
        assert near.out in ("", *REASONS)
        assert (near.out == "") == (near.place in answers)
        assert near.out not in ("tpot", "quality", "budget", "memory") or near.missed
        assert near.out != "dominated" or not near.missed
        design = result.design(near.place)
        layout = [f"{key}={design['layout'][key]}" for key in ("tp", "pp")]
        words = [f"hw={design['hw']}", WORDS[0], f"engine={design['engine']}", *layout, "prompt=512", "output=128"]
        words += [] if design["opt"] == "none" else [f"opt={design['opt']}"]
        alone = forecast(life.load([*words, "metrics=[ttft,tpot,quality]"]).scenario, ("tpot", "price", "quality"))
        needed = {
            "target.tpot": float(alone["tpot"]) / 0.02,
            "budget.usd": float(alone["price"]) / 2500,
            "quality": 0.97 / float(alone["quality"]),
        }
        for word, factor in needed.items():
            assert (factor > 1) == (word in near.missed)
            assert near.missed.get(word, factor) == pytest.approx(factor, rel=1e-9)
            checked.add(word if factor > 1 else "")
    assert {"target.tpot", "budget.usd", "quality", ""} <= checked


def test_under_load_the_next_smaller_number_of_sequences_is_a_neighbour():
    words = ["model=llama3_1_8b", "hw=[l4,l40s]", "opt=fp8", "devices=1", "rate=2", "prompt=500", "output=100"]
    result = plan(life.load([*words, "axes.max_sequences=[4,64,256]", "target.tpot=0.05"], primary="plan"))
    row = next(row for row in result.rows if row.concurrency > 4)
    limits = [near for near in row.neighbours if near.step == "max_sequences"]
    assert {result.design(near.place)["concurrency"] for near in limits} <= {4, 64, 256} - {row.concurrency}
    assert limits
    devices = [near for near in row.neighbours if near.step == "device"]
    assert all(near.ratios["price"] != 1 for near in devices) and devices
    content = result.as_json()
    assert content["rows"][0]["neighbours"]
    json.dumps(content, allow_nan=False)


def test_a_neighbour_that_serves_less_than_what_arrives_says_how_much():
    load, design = ["rate=12", "prompt=500", "output=100"], ["model=llama3_1_8b", "opt=fp8", "engine=vllm"]
    result = plan(life.load([*design, *load, "hw=[l4,h100_sxm]", "devices=1"], primary="plan"))
    (near,) = result.rows[0].neighbours
    assert near.step == "device" and near.out == "saturated"
    served = forecast(life.load([*design, *load, "hw=l4"], primary="serve").scenario, ("request_rate",))
    assert near.missed == {"rate": pytest.approx(12 / float(served["request_rate"]), rel=1e-9)}
