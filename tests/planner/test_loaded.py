"""Designs under load side by side: those with drafts too, whatever was asked of them before."""

import numpy as np
import pytest
from brute_force import planned

import life_jax as life
from life_jax.forecasting.metrics import forecast
from life_jax.planner import times
from life_jax.studies.planning import _designs

NAMES = ("ttft_p50", "tpot_p50")
LENGTHS = ("prompt=700", "output=90")


def space(*words):
    study = life.load(["model=llama3_1_8b", "engine=vllm", *LENGTHS, *words], primary="plan")
    return study, _designs(study)


def alone(study, designs, place, load):
    case = study.cases[designs.case[place]]
    layout = designs.layouts[designs.layout[place]]
    stack = study.stacks[case.keys.opt]
    opt = [f"opt=[{','.join(stack)}]"] if stack else []
    typed = ["model=llama3_1_8b", "engine=vllm", f"hw={case.keys.hw}", *opt, *layout.words, *LENGTHS, load]
    return forecast(life.load(typed, primary="serve").scenario, NAMES)


@pytest.mark.parametrize("load", ["rate=3", "concurrency=20"])
def test_designs_with_drafts_side_by_side_see_what_each_sees_alone(load):
    stacks = "axes.opt=[[],[fp8,eagle3],[int4,eagle3],[ngram],[eagle3]]"
    study, designs = space("hw=[l4,h100_sxm]", "devices=[1,2]", load, stacks)
    places = np.arange(len(designs.case))
    found = times.times(designs, places, np.zeros(1), lambda count: None)
    again = times.times(designs, places[::-2], np.zeros(1), lambda count: None)  # of laws that are known by now
    for name in ("ttft", "tpot"):
        np.testing.assert_allclose(again[name], found[name][::-2], rtol=1e-12)
    for place in places[:: 3 if load == "rate=3" else 7]:
        with np.errstate(all="ignore"):
            own = alone(study, designs, place, load)
        for name in ("ttft", "tpot"):
            np.testing.assert_allclose(found[name][place, 0], float(own[f"{name}_p50"]), rtol=1e-9)


def test_steps_that_run_in_halves_have_plans_under_load():
    rows = planned("model=qwen3_30b_a3b", "hw=h100_sxm", "devices=2", "engine=sglang", "also=none", "tp=2",
                   "axes.opt=[[fp8,two_batch_overlap]]", "rate=2", "prompt=300", "output=40").rows  # fmt: skip
    assert rows and np.isfinite(rows[0].metrics["tpot_p50"])
    assert rows[0].metrics["quality"] == planned("model=qwen3_30b_a3b", "hw=h100_sxm", "devices=2", "engine=sglang",
                                                 "axes.opt=[[fp8]]", "tp=2").rows[0].metrics["quality"]  # fmt: skip
    assert (
        rows[0].command is not None and "sglang.launch_server" in rows[0].command and "--tp-size 2" in rows[0].command
    )


def test_a_pipeline_beside_a_mesh_sends_as_it_does_alone():
    words = ["model=qwen3_30b_a3b", "engine=vllm", "devices=3", "pp=3", "axes.opt=[[int4]]", "also=none"]
    alone, beside = (planned(*words, f"hw={hw}").rows for hw in ("l40s", "[l40s,mi300x]"))
    (mine,) = (row for row in beside if row.hw == "l40s")
    for name in ("ttft", "tpot"):
        np.testing.assert_allclose(mine.metrics[name], alone[0].metrics[name], rtol=1e-12)
