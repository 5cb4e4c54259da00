"""What requests bring is no choice of a design: fronts and best designs are of each workload by itself."""

import numpy as np
import pytest

import life_jax as life
from life_jax.config.schema.errors import ConfigError

WORDS = ["hw=[v100,a100]", "axes.opt=[[],[int4]]", "axes.prompt=[64,512]", "axes.batch=[1,8]", "dtype=float64"]


@pytest.fixture(scope="module")
def whole():
    return life.evaluate(life.load([*WORDS, "metrics=[ttft,tpot,tps,throughput,price]"]))


@pytest.mark.parametrize("metric", ["tps", "throughput", "ttft"])
def test_the_best_design_is_one_for_each_workload(metric, whole):
    best = life.evaluate(life.load([*WORDS, f"best=[{metric}]"]))[f"best_{metric}"].squeeze("objective")
    assert set(best.dims) == {"prompt_tokens", "batch"}
    every = whole[metric]
    expected = (every.min if metric == "ttft" else every.max)(["model", "hw", "opt"])
    np.testing.assert_array_equal(best, expected.transpose(*best.dims))


def test_a_number_of_the_workload_is_a_choice_where_it_is_asked_for(whole):
    best = life.evaluate(life.load([*WORDS, "best=[throughput]", "free=[batch]"])).squeeze("objective")
    assert best.best_throughput.dims == ("prompt_tokens",)
    assert best.best_batch.values.tolist() == [8, 8]
    every = life.evaluate(life.load([*WORDS, "best=[ttft]", "free=[prompt,batch]"])).squeeze("objective")
    assert float(every.best_ttft) == float(whole.ttft.min()) and float(every.best_prompt_tokens) == 64
    assert life.load([*WORDS, "best=[ttft]", "by=[batch]", "free=[prompt]"]).reduction.by == ("batch",)


def test_fronts_of_every_workload_are_those_of_its_part_of_the_grid(whole):
    words = [*WORDS, "pareto=[tpot,price]"]
    front = life.evaluate(life.load(words))
    after = life.pareto(whole, minimize=["tpot", "price"])
    for prompt in (64, 512):
        for batch in (1, 8):
            part = life.pareto(whole.sel(prompt_tokens=[prompt], batch=[batch]), minimize=["tpot", "price"], by=[])
            at = (front.front_prompt_tokens == prompt) & (front.front_batch == batch)
            assert sorted(front.tpot.values[at.values]) == sorted(part.tpot.values)
    assert sorted(after.tpot.values) == sorted(front.tpot.values)


def test_statistics_are_of_all_points_and_a_single_workload_is_kept_apart_from_nothing():
    assert life.load([*WORDS, "quantiles=[0.5]", "reduce=count"]).reduction.by == ()
    assert life.load(["hw=[v100,a100]", "batch=8", "axes.prompt=[64]", "best=tps"]).reduction.by == ()
    load = ["hw=v100", "engine=vllm", "axes.rate=[1,2]", "batch=1", "prompt=64", "axes.tp=[1,2]", "best=ttft_p99"]
    assert life.load([*load, "metrics=[ttft_p99]"]).reduction.apart == ("rate",)


def test_where_nothing_but_the_workload_varies_it_is_what_is_chosen():
    """Which batch of one device: its front is not one point for each batch."""
    front = life.evaluate(life.load(["hw=v100", "prompt=512", "axes.batch=[1,2,4,8,16]", "pareto=[tpot,throughput]"]))
    assert "by" not in front.dims and front.batch.size > 1
    assert life.load(["hw=v100", "axes.batch=[1,2]", "axes.tp=[1,2]", "best=tps"]).reduction.apart
    assert life.load(["hw=v100", "axes.batch=[1,2]", "axes.engine=[vllm,ideal]", "best=tps"]).reduction.apart


@pytest.mark.parametrize(
    ("words", "part"),
    [(["best=tps", "free=[hw]"], "number of the workload"), (["free=[batch]"], "free= goes with"),
     (["best=tps", "free=[bach]"], "batch")],
)  # fmt: skip
def test_what_is_no_number_of_the_workload_cannot_be_set_free(words, part):
    with pytest.raises(ConfigError) as refusal:
        life.load([*WORDS, *words])
    assert part in "\n".join([str(refusal.value), *refusal.value.more])


def test_a_table_shows_the_point_that_is_asked_for_and_says_how_to_ask_for_a_choice(life):
    words = ("hw=[v100,a100]", "axes.opt=[[],[int4]]", "pareto=[tpot,price]", "limit.ttft=1")
    out = life("sweep", *words).out
    assert "prompt 512  |  batch 1" in out.split("\n\n")[0]
    assert "free=[batch]" in out and "rows shown" in out
    other = life("sweep", *words, "at.prompt=64", "at.batch=8").out
    assert "prompt 64  |  batch 8" in other.split("\n\n")[0]
    assert "free=" not in life("sweep", *words, "free=[batch,prompt]").out
