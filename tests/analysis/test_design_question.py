"""Questions of engineers to life_jax.design, each answered by brute force too: all numbers of a grid."""

import json

import numpy as np
import pytest
from laws import in_numpy

import life_jax
from life_jax.analysis import inverse_design
from life_jax.analysis.design_question import problem
from life_jax.forecasting.metrics import METRICS

H100 = ["hw=h100_sxm", "model=llama3_8b", "engine=generic"]
LARGE = ["hw=h100_sxm", "model=llama3_70b", "engine=vllm"]
RATE, BANDWIDTH = "peak_tflops.fp16", "bandwidth_gb_per_s"
# words, targets, what is cheap, and by free number: from, to, how many (whole: of every one)
QUESTIONS = {
    "two roofs": ([*H100, "workload.batch=8"], {"ttft": 0.25, "tpot": 0.01, "power": 450}, "price",
                  {RATE: (50, 20000, 301), BANDWIDTH: (168, 67000, 301)}),
    "memory too": (H100, {"ttft": 0.03, "tpot": 0.005, "fits_memory": "true"}, "price",
                   {RATE: (50, 20000, 41), BANDWIDTH: (168, 67000, 41), "memory_gb": (4, 1600, 41)}),
    "how many devices": (LARGE, {"tpot": 0.02, "fits_memory": "true"}, "price",
                         {"tensor_parallel": (1, 8, "whole"), BANDWIDTH: (500, 20000, 201)}),
    "how large a batch": (["hw=a100", "model=llama3_8b", "engine=generic"], {"tpot": 0.03, "fits_memory": "true"},
                          "cost_per_mtoken", {"batch": (1, 512, "whole")}),
    "bits and batch": (["hw=rtx_4090", "model=llama3_8b", "engine=vllm"], {"tpot": 0.03, "throughput": 800},
                       "energy_per_token", {"weight_bits": (3, 16, 131), "batch": (1, 128, "whole")}),
    "chunks": (["hw=a100", "model=llama3_8b", "engine=generic", "engine.chunk_tokens=512",
                "workload.prompt_tokens=8192"], {"ttft": 1.1}, "memory", {"chunk_tokens": (32, 2048, "whole")}),
    "a power limit": ([*H100, "workload.batch=32", "engine.power_cap=true"], {"ttft": 0.8, "tpot": 0.02},
                      "energy_per_token", {"power_limit_w": (150, 1000, 2001)}),
    "the fastest for a price": ([*H100, "workload.batch=16"], {"price": 20000, "throughput": 1500, "ttft": 0.5}, "tpot",
                                {RATE: (50, 20000, 301), BANDWIDTH: (168, 67000, 301)}),
    "kinks": (["hw=a100", "model=llama3_8b", "engine=ideal", "workload.batch=4"], {"ttft": 0.1, "tpot": 0.008}, "price",
              {RATE: (16, 6240, 61), BANDWIDTH: (102, 40780, 61), "dispatch_us": (0.175, 70, 31)}),
    "devices, batch and bandwidth": (LARGE, {"throughput": 1500, "tpot": 0.04, "fits_memory": "true"}, "price",
                                     {"tensor_parallel": (1, 8, "whole"), "batch": (1, 128, "whole"),
                                      BANDWIDTH: (500, 20000, 61)}),
    "nothing will do": (LARGE, {"throughput": 3000, "tpot": 0.01}, "price",
                        {"tensor_parallel": (1, 8, "whole"), "batch": (1, 128, "whole")}),
}  # fmt: skip


def axis(low, high, count):
    return f"linspace({low},{high},{high - low + 1})" if count == "whole" else f"geomspace({low},{high},{count})"


def brute(words, targets, cheap, grid):
    """The least over all designs of a grid that meet the targets; inf where none does."""
    said = [w for w in words if w.split("=")[0].split(".")[-1] not in grid]
    fixed = {"workload.batch": 1, "workload.prompt_tokens": 512}
    said += [f"{k}={v}" for k, v in fixed.items() if k.split(".")[1] not in grid and not any(k in w for w in words)]
    said += [f"axes.{key}={axis(*of)}" for key, of in grid.items()]
    ds = in_numpy(*said, f"metrics=[{','.join({cheap, *targets})}]")
    meets = np.ones(ds[cheap].shape, bool)
    for metric, limit in targets.items():
        meets &= ds[metric].values if limit == "true" else METRICS[metric].sign * (ds[metric].values - limit) <= 0
    return float(ds[cheap].values[meets].min(initial=np.inf))


OFTEN = ("two roofs", "how many devices")  # the rest is brute force too


@pytest.mark.parametrize(
    "name", [name if name in OFTEN else pytest.param(name, marks=pytest.mark.slow) for name in QUESTIONS]
)
def test_no_design_of_a_grid_is_cheaper(name):
    words, targets, cheap, grid = QUESTIONS[name]
    said = [*words, *(f"target.{k}={v}" for k, v in targets.items()), f"free=[{','.join(grid)}]", f"minimize={cheap}"]
    said += [f"range.{key}=[{low},{high}]" for key, (low, high, _) in grid.items()]
    found = inverse_design.cheapest(problem(life_jax.load(said, primary="design")))
    least = brute(words, targets, cheap, grid)
    if name == "nothing will do":
        assert not found.met and least == np.inf
        return
    assert found.met
    assert found.cost <= least * (1 + 1e-6)
    steps = [(high / low) ** (1 / (count - 1)) for low, high, count in grid.values() if count != "whole"]
    coarse = 1.0
    for step in steps:
        coarse *= step
    assert least <= found.cost * coarse * (1 + 1e-9)  # and the grid is no finer than its steps


def test_several_devices_get_an_answer_each_and_the_cheapest_is_named(life):
    words = ["hw=[a100,h100_sxm]", "model=llama3_8b", "target.tpot=0.01", f"free=[{BANDWIDTH}]"]
    said = json.loads(life("design", *words, "format=json").out)
    assert [one["hw"] for one in said["answers"]] == ["a100", "h100_sxm"]
    assert all(one["met"] for one in said["answers"])
    least = min(said["answers"], key=lambda one: one["cost"])
    assert least["hw"] in said["best"]
    text = life("design", *words).out
    assert text.rstrip().endswith(f"cheapest: {said['best']}")
