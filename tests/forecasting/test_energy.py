"""Energy, power limit and price by hand, and their laws."""

import numpy as np
import pytest
from laws import changed, in_numpy

import life_jax as life
from life_jax.forecasting import breakdown
from life_jax.forecasting.request import Run

WORDS = ["engine=ideal", "hw=v100", "model=llama2_7b", "workload.prompt_tokens=512", "workload.batch=4"]
METRICS = ("energy", "prefill_energy", "decode_energy", "energy_per_token", "power", "e2e", "ttft", "tpot", "price")


def found(*words: str) -> dict[str, float]:
    scenario = life.load([*WORDS, *words]).scenario
    return {name: float(value) for name, value in life.forecast(scenario, METRICS).items()}


def test_a_decode_step_by_hand():
    """V100: 300 W; (0.95 - 0.15) 300 / 0.8 = 300 W at the peak rate, 45 W idle, 48 pJ a byte."""
    one = found("workload.output_tokens=2")
    run = Run(life.load([*WORDS, "workload.output_tokens=2"]).scenario)
    at_peak = sum(
        op.repeats * (op.cost.matmul_flops / 125e12 + op.cost.vector_flops / 15.7e12)
        for op in run.graph(run.decode.first)
    )
    moved = run.decode_cost.bytes_read + run.decode_cost.bytes_written
    assert one["decode_energy"] == pytest.approx(300 * at_peak + 48e-12 * moved + 45 * one["tpot"], rel=1e-12)
    assert one["energy"] == pytest.approx(one["prefill_energy"] + one["decode_energy"], rel=1e-12)
    assert one["energy_per_token"] == pytest.approx(one["energy"] / 8)
    assert one["power"] == pytest.approx(one["energy"] / one["e2e"])


def test_power_lies_between_idle_and_what_full_work_draws():
    for words in ((), ("opt=int4",), ("engine=generic",), ("workload.batch=64",)):
        kept = [w for w in WORDS if w.split("=")[0] not in {x.split("=")[0] for x in words}]
        scenario = life.load([*kept, *words]).scenario
        power = float(life.forecast(scenario, ("power",))["power"])
        assert 45 < power < 300 + 45 + 900e9 * 48e-12, words


def test_a_power_limit_slows_down_and_no_step_draws_more():
    free = found()
    capped = found("engine.power_cap=true", "hw.v100.power_limit_w=100")
    assert capped["ttft"] > free["ttft"]
    assert capped["prefill_energy"] / capped["ttft"] == pytest.approx(100, rel=1e-9)
    assert capped["tpot"] >= free["tpot"]
    words = [*WORDS, "engine.power_cap=true", "hw.v100.power_limit_w=100"]
    table = breakdown.prefill_table(life.load(words).scenario)
    assert sum(row.repeats * row.seconds for row in table.operators) == pytest.approx(table.seconds, rel=1e-9)
    assert table.operators[-1].name == "power_limit"
    never = found("engine.power_cap=true", "hw.v100.power_limit_w=100000")
    assert {k: never[k] for k in ("ttft", "tpot")} == {k: free[k] for k in ("ttft", "tpot")}


def test_price_goes_by_rate_bandwidth_and_memory_or_is_what_is_said():
    line = (100 + 4 * 125 + 0.5 * 900 + 10 * 32) * 4.2
    assert found()["price"] == pytest.approx(line)
    assert found("opt=int8")["price"] == pytest.approx(line)  # what is run does not change the device
    assert found("engine.tensor_parallel=2")["price"] == pytest.approx(2 * line)
    assert found("hw.v100.price_usd=7000")["price"] == 7000
    assert found("hw.v100.peak_tflops.fp16=250")["price"] == pytest.approx(line + 4 * 125 * 4.2)
    ds = in_numpy(*WORDS, "metrics=[price,ttft]", "axes.peak_tflops.fp16=[125,250]", "dtype=float64")
    np.testing.assert_allclose(ds.price.squeeze(), [line, line + 4 * 125 * 4.2])
    ds = in_numpy(*WORDS, "metrics=[price]", "axes.price_usd=[10,20]")
    assert ds.price.values.ravel().tolist() == [10, 20]


def test_a_million_tokens_cost_their_share_of_the_device_and_their_electricity():
    scenario = life.load([*WORDS, "hw.v100.price_usd=7000"]).scenario
    out = life.forecast(scenario, ("cost_per_mtoken", "e2e", "energy"))
    seconds = 4 * 0.7 * 8766 * 3600
    each = 7000 * out["e2e"] / seconds + out["energy"] * 1.2 / 3.6e6 * 0.12
    assert float(out["cost_per_mtoken"]) == pytest.approx(1e6 * float(each) / (4 * 128), rel=1e-9)


def test_a_rent_takes_the_place_of_price_and_electricity():
    """2 USD/h for each of two devices: tokens of a request over what its time costs; prefill and decode apart."""
    names = ("cost_per_mtoken", "cost_per_input_mtoken", "cost_per_output_mtoken", "tokens_per_usd", "usd_per_hour")
    words = [*WORDS, "hw.v100.rent_usd_per_hour=2", "engine.tensor_parallel=2"]
    out = life.forecast(life.load(words).scenario, (*names, "e2e", "ttft"))
    usd = 4 / 3600 * out["e2e"]
    assert float(out["usd_per_hour"]) == 4
    assert float(out["cost_per_mtoken"]) == pytest.approx(1e6 * usd / (4 * 128))
    assert float(out["tokens_per_usd"]) == pytest.approx(4 * 128 / usd)
    prefill = float(out["cost_per_input_mtoken"]) * 4 * 512 / 1e6
    decode = float(out["cost_per_output_mtoken"]) * 4 * 128 / 1e6
    assert prefill == pytest.approx(4 / 3600 * out["ttft"])
    assert prefill + decode == pytest.approx(usd)


def test_costs_of_input_and_output_add_up_to_the_request():
    names = ("cost_per_mtoken", "cost_per_input_mtoken", "cost_per_output_mtoken", "e2e")
    out = {k: float(v) for k, v in life.forecast(life.load(WORDS).scenario, names).items()}
    both = out["cost_per_input_mtoken"] * 512 + out["cost_per_output_mtoken"] * 128
    assert both == pytest.approx(out["cost_per_mtoken"] * 128)


@pytest.mark.parametrize("batch", [1, 32])
def test_an_hour_costs_the_same_whatever_devices_do(batch):
    """Their life, and electricity at full power."""
    words = [*WORDS[:2], f"batch={batch}", "hw.v100.price_usd=7000", "hw.v100.tdp_w=300", "engine.tensor_parallel=2"]
    out = life.forecast(life.load(words).scenario, ("usd_per_hour", "price"))
    assert float(out["price"]) == 14000
    assert float(out["usd_per_hour"]) == pytest.approx(14000 / (4 * 0.7 * 8766) + 2 * 0.3 * 1.2 * 0.12)


def test_devices_that_prefill_have_a_rent_of_their_own():
    words = ["model=llama3_1_8b", "hw=h100_sxm", "opt=[disaggregated]", "engine.tensor_parallel=2"]
    names = ("usd_per_hour", "cost_per_mtoken", "e2e", "price")
    both = life.forecast(life.load([*words, "hw.h100_sxm.rent_usd_per_hour=3"]).scenario, names)
    assert float(both["usd_per_hour"]) == 12  # two that decode, and two that prefill
    tokens = float(life.load(words).scenario.workload.output_tokens)
    assert float(both["cost_per_mtoken"]) == pytest.approx(12 / 3600 * float(both["e2e"]) * 1e6 / tokens)
    one = life.forecast(life.load([*words, "prefill.hw=l40s", "hw.h100_sxm.rent_usd_per_hour=3"]).scenario, names)
    bought = life.forecast(life.load(["model=llama3_1_8b", "hw=l40s"]).scenario, ("usd_per_hour",))
    assert float(one["usd_per_hour"]) == pytest.approx(6 + 2 * float(bought["usd_per_hour"]))


def test_devices_that_share_a_layer_idle_together_and_talk():
    one, two = (
        life.load([*WORDS[1:], "engine=generic", f"engine.tensor_parallel={n}", "engine.fusion=[]"]).scenario
        for n in (1, 2)
    )
    silent = changed(two, "costs.link_energy", 0.0)
    alone, together, quiet = (float(Run(s).dynamic(Run(s).prefill[0])) for s in (one, two, silent))
    messages = 2 * 32 * 4 * 512 * 4096 * 2  # two all-reduces a layer, 2 (n - 1) of the message in all
    assert together - quiet == pytest.approx(2 * messages * 80e-12, rel=1e-9)
    assert alone < quiet < 1.1 * alone  # each does the element-wise work


def test_what_nobody_published_is_not_guessed(life, tmp_path):
    outcome = life("sweep", "hw=m2_ultra", "metrics=[ttft,energy]", "out=x.nc")
    assert outcome.status == 0
    assert "publishes no power: energy are NaN" in outcome.err
    assert life("sweep", "hw=m2_ultra", "engine.power_cap=true").status == 2
    assert life("sweep", "hw=v100", "engine.power_cap=true", "hw.v100.power_limit_w=40").status == 2


def test_energy_falls_with_the_energy_of_a_byte():
    scenario = life.load(WORDS).scenario
    less = changed(scenario, "costs.byte_energy", 1e-12)
    assert life.forecast(less, ("energy",))["energy"] < life.forecast(scenario, ("energy",))["energy"]
