"""Drafts and parts on a CPU beside the formats of a plan: bounds change no answer, and every row gives its numbers."""

import numpy as np
import pytest

import life_jax as life
from life_jax.forecasting.metrics import METRICS, forecast
from life_jax.studies import additions
from life_jax.studies.planning import plan

FEW = ["model=llama3_1_8b", "hw=[h100_sxm,rtx_4090,rtx_3060_12gb]", "devices=1..2"]
STACKS = [[], ["fp8"], ["int4", "kv_fp8"], ["q4_k_m"]]


def planned(*words):
    return plan(life.load(list(words), primary="plan"))


def axis(stacks):
    return f"axes.opt=[{','.join('[' + ','.join(stack) + ']' for stack in stacks)}]"


def designs(result):
    return {(row.hw, row.opt, row.layout, row.engine): row for row in result.rows}


@pytest.mark.parametrize("asked", [[], ["target.tpot=0.006"], ["target.tpot=0.012", "confidence=0.8"]])
def test_what_is_tried_beside_formats_is_what_their_stacks_would_be(asked):
    drafted = [[*stack, "eagle3"] for stack in STACKS[:3]]
    beside = planned(*FEW, "engine=vllm", *asked, axis(STACKS[:3]), "also=[eagle3]")
    typed = planned(*FEW, "engine=vllm", *asked, axis(STACKS[:3] + drafted))
    assert designs(beside).keys() == designs(typed).keys()
    for key, row in designs(beside).items():
        assert row.metrics["tpot"] == pytest.approx(designs(typed)[key].metrics["tpot"], rel=1e-9)
        assert row.meets == pytest.approx(designs(typed)[key].meets, rel=1e-6, nan_ok=True)


@pytest.mark.parametrize("words", [["also=none"], ["also=all"], ["target.tpot=0.006"], ["also=[offload,ngram]"]])
def test_counts_add_up_to_the_space(words):
    result = planned(*FEW, *words)
    assert len(result.rows) + sum(result.rejected.values()) == result.space


def test_nothing_is_beside_formats_that_were_typed():
    assert all("+eagle3" not in row.opt for row in planned(*FEW, axis(STACKS)).rows)


@pytest.mark.parametrize(("model", "number"), [("llama3_1_70b", "cpu_layers"), ("qwen3_30b_a3b", "cpu_expert_layers")])
def test_a_part_on_the_cpu_is_as_large_as_it_must_be_and_its_words_give_its_numbers(model, number):
    result = planned(f"model={model}", "hw=rtx_3060_12gb", "devices=1", axis([["q4_k_m"]]), "also=[offload]",
                     "offload.hw=ryzen_9_7950x_cpu")  # fmt: skip
    (row,) = result.rows
    (word,) = [word for word in row.words if f"opt.offload.{number}=" in word]
    layers = int(word.split("=")[1])
    for fewer, fits in ((0, True), (1, False)):
        words = [w for w in row.words if w != word] + [f"opt.offload.{number}={layers - fewer}"]
        ds = life.evaluate(life.load([*words, "metrics=[ttft,tpot,fits_memory]"])).squeeze()
        assert bool(ds.fits_memory) == fits
        if fits:
            for name in ("ttft", "tpot"):
                np.testing.assert_allclose(float(ds[name]), row.metrics[name], rtol=1e-5)
    assert ("--n-cpu-moe" if "expert" in number else "-ngl") in row.command


def test_numbers_of_what_is_beside_formats_are_typed_as_those_of_options():
    words = ["model=llama3_1_8b", "hw=h100_sxm", "devices=1", axis([["fp8"]]), "also=[eagle3]"]
    usual, less = (planned(*words, *more) for more in ([], ["opt.eagle3.acceptance=0.3"]))
    of = [next(row for row in result.rows if row.opt == "fp8+eagle3") for result in (usual, less)]
    assert of[0].metrics["tpot"] < of[1].metrics["tpot"]
    assert "opt.eagle3.acceptance=0.3" in of[1].words
    with pytest.raises(ValueError, match="acceptance"):
        planned(*words, "opt.eagle3.acceptanc=0.3")


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("offload.hw=ryzen_9_7950_cpu", "ryzen_9_7950x_cpu"),
        ("offload.hv=ryzen_9_7950x_cpu", "offload.hw"),
        ("opt.offload.cpu_layer=4", "cpu_layer"),
        ("opt.offload.cpu_layers=many", "cpu_layers"),
        ("opt.eagle3.acceptance=2", "acceptance"),
        ("opt.mtp.acceptanc=0.5", "acceptanc"),
        ("draft.model=lama3_2_1b", "llama3_2_1b"),
        ("prefill.hw=h100_sxn", "h100_sxm"),
    ],
)
def test_what_is_beside_formats_is_checked_where_nothing_needs_it(word, message):
    with pytest.raises(life.ConfigError, match=message):
        life.load(["model=llama2_7b", "hw=h100_sxm", "devices=1", word], primary="plan")


def test_what_fits_needs_no_part_on_a_cpu():
    result = planned("model=llama3_1_8b", "hw=rtx_4090", "devices=1", axis([["q4_k_m"]]), "also=[offload]")
    assert [row.opt for row in result.rows] == ["q4_k_m"]
    assert result.rejected == {"needless": 1}
    assert result.space == 2


def test_a_model_without_drafts_has_none():
    result = planned("model=llama2_7b", "hw=rtx_4090", "devices=1", axis([[]]), "also=[eagle3,mtp]")
    assert result.space == 1


def test_what_brings_too_many_designs_is_said_and_not_tried_unasked(monkeypatch):
    monkeypatch.setattr(additions, "FEW", 0)
    words = ["model=llama3_1_8b", "hw=h100_sxm", "rate=1", "devices=[1,2]", axis([["fp8"]])]
    few = planned(*words, "also=auto")
    assert few.untried["eagle3"] > 1
    tried = [name for name in ("eagle3", "mtp", "offload", "disaggregated") if name not in few.untried]
    assert few.space == planned(*words, f"also=[{','.join(tried)}]").space
    assert few.as_json()["untried"] == dict(few.untried)


def test_prompts_elsewhere_are_bought_too():
    words = ["model=llama3_1_8b", "hw=h100_sxm", "devices=1", axis([["fp8"]]), "rate=4"]
    with_pools = planned(*words, "also=[disaggregated]")
    rows = {row.opt: row for row in with_pools.rows}
    assert rows["fp8"].metrics["price"] * 2 == pytest.approx(
        rows["fp8+disaggregated"].metrics["price"] if "fp8+disaggregated" in rows else 2 * rows["fp8"].metrics["price"]
    )
    assert with_pools.space == 2
    designs = with_pools.found.designs
    of = {designs.candidates[case].addition: place for place, case in enumerate(designs.case)}
    assert designs.watt[of["disaggregated"]] == 2 * designs.watt[of[""]]
    assert designs.hourly[of["disaggregated"]] == pytest.approx(2 * designs.hourly[of[""]])


@pytest.mark.parametrize("device", ["h100_sxm", "l4"])
def test_rows_with_prompts_elsewhere_give_their_numbers_again_in_serve(device):
    words = ["model=llama3_1_8b", f"hw={device}", "devices=[1,2]", axis([["fp8"]]), "rate=3", "prompt=1500"]
    rows = [row for row in planned(*words, "also=[disaggregated]").rows if row.opt == "fp8+disaggregated"]
    assert rows
    for row in rows:
        names = [name for name in row.metrics if name in METRICS and np.isfinite(row.metrics[name])]
        assert {"ttft_p50", "tpot_p50", "price"} <= set(names)
        again = forecast(life.load([*row.words, "metrics=[quality]"], primary="serve").scenario, tuple(names))
        for name in names:
            assert float(again[name]) == pytest.approx(row.metrics[name], rel=1e-9), (row.words, name)
