import dataclasses
import json

import laws
import numpy as np
import pytest
from places import DATA

import life_jax as life
from life_jax.config.schema.errors import ConfigError
from life_jax.core.speculation import Speculation
from life_jax.forecasting import breakdown
from life_jax.forecasting.request import Run
from life_jax.forecasting.speculation import accepted, relative_spread, verified

USUAL = ("hw=h100_sxm", "engine=vllm", "prompt=1000", "output=200")
KINDS = (
    ("opt=speculative", "draft.model=llama3_2_1b"), ("opt=eagle",), ("opt=eagle3",), ("opt=mtp",), ("opt=medusa",),
    ("opt=ngram",),
)  # fmt: skip


def drafts(**numbers):
    return Speculation(**{"tokens": 3.0, "acceptance": 0.7, **numbers})


def values(*words, metrics="tpot"):
    batch = () if any("batch=" in word for word in words) else ("batch=1",)
    return laws.in_numpy(*USUAL, *batch, *words, f"metrics=[{metrics}]")


@pytest.mark.parametrize(
    ("acceptance", "tokens", "expected"),
    [
        (0.7, 3, 2.533),
        (0.81, 1, 1.81),
        (0.6, 4, 2.3056),
        (0.8, 7, 4.161139),
        (0.9, 7, 5.695328),
        (1.0, 5, 6),
        (0, 5, 1),
    ],
)
def test_accepted_tokens_are_the_published_sum_of_powers(acceptance, tokens, expected):
    assert accepted(drafts(acceptance=float(acceptance), tokens=float(tokens))) == pytest.approx(expected, rel=1e-6)


@pytest.mark.data
def test_accepted_tokens_are_those_of_the_serving_oracles():
    oracles = json.loads((DATA / "serving" / "oracles_serving.json").read_text())["oracles"]
    assert accepted(drafts()) == pytest.approx(oracles["spec_E_0.7_3"]["value"], rel=1e-12)
    assert accepted(drafts(acceptance=0.81, tokens=1.0)) == pytest.approx(oracles["spec_E_mtp1_0.81"]["value"])


def test_acceptances_by_position_that_are_equal_are_one_acceptance():
    by_position = drafts(positions=(0.7, 0.7, 0.7))
    assert accepted(by_position) == pytest.approx(accepted(drafts()), rel=1e-12)
    assert accepted(drafts(positions=(0.8, 0.6, 0.3))) == pytest.approx(1 + 0.8 + 0.48 + 0.144)
    assert relative_spread(drafts(positions=(0.7,) * 3, spread=0.1)) == pytest.approx(
        relative_spread(drafts(spread=0.1)), rel=1e-4
    )


def test_the_spread_of_accepted_tokens_is_that_of_the_acceptance_times_its_slope():
    slope = 1 + 2 * 0.7 + 3 * 0.7**2
    assert relative_spread(drafts(spread=0.05)) == pytest.approx(0.05 * slope / 2.533, rel=1e-5)


def test_a_tree_is_verified_whole():
    assert verified(drafts(nodes=60.0)) == 61
    assert verified(drafts()) == 4


@pytest.mark.parametrize("words", KINDS)
def test_no_drafts_are_no_speculation(words):
    name = words[0].removeprefix("opt=")
    none = values("model=llama3_1_8b", metrics="ttft,tpot,e2e,memory,decode_energy")
    off = values("model=llama3_1_8b", *words, f"opt.{name}.draft_tokens=0", f"opt.{name}.accepted_tokens=0",
                 metrics="ttft,tpot,e2e,memory,decode_energy")  # fmt: skip
    for metric in none:
        assert off[metric].item() == none[metric].item(), metric
    moved = values("model=llama3_1_8b", *words, f"opt.{name}.accepted_tokens=0", "axes.draft_tokens=[0,2]")
    assert moved.tpot.values.ravel()[0] == pytest.approx(none.tpot.item(), rel=1e-9)


@pytest.mark.parametrize("model", ["llama3_1_8b", "qwen3_30b_a3b", "gemma3_4b", "deepseek_v2_lite"])
@pytest.mark.parametrize("words", KINDS)
def test_zero_acceptance_is_never_faster_than_none_and_more_never_slower(model, words):
    name = words[0].removeprefix("opt=")
    grid = values(f"model={model}", *words, f"opt.{name}.accepted_tokens=0", "axes.acceptance=[0,0.3,0.6,0.9,1]",
                  "axes.batch=[1,16,128]", metrics="tpot,speedup,tokens_per_step")  # fmt: skip
    grid = grid.squeeze().transpose("acceptance", "batch")
    tpot, gain = grid.tpot.values, grid.speedup.values
    assert (gain[0] <= 1).all()
    assert (np.diff(tpot, axis=0) < 0).all()
    assert (gain <= grid.tokens_per_step.values * (1 + 1e-9)).all()


def test_drafts_read_the_cache_once_and_the_weights_of_a_dense_model_once():
    none = values("model=llama3_1_8b", metrics="decode_kv_bytes_read,decode_bytes_read")
    some = values("model=llama3_1_8b", "opt=ngram", metrics="decode_kv_bytes_read,decode_bytes_read")
    per_token = 131072
    assert some.decode_kv_bytes_read.item() - none.decode_kv_bytes_read.item() == pytest.approx(4 * per_token)
    assert some.decode_bytes_read.item() < 1.02 * none.decode_bytes_read.item()


def test_drafts_touch_more_experts():
    def experts(*words):
        scenario = laws.scenario(*USUAL, "model=qwen3_30b_a3b", *words)
        graph = Run(scenario).graph(Run(scenario).decode.first)
        return sum(op.cost.weight_bytes for op in graph if op.shape.experts is not None)

    ratio = experts("opt=ngram", "opt.ngram.draft_tokens=3") / experts()
    assert ratio == pytest.approx(3.640380859375, rel=1e-9)  # U(4) / U(1) of 128 experts, 8 chosen


def test_heads_draft_at_once_have_no_cache_and_weights_of_their_own():
    none, some = (
        values("model=llama3_1_8b", *words, metrics="weight_memory,decode_bytes_read,ttft,max_context")
        for words in ((), ("opt=medusa", "opt.medusa.tree_tokens=0"))
    )
    heads = 4 * (4096 * 4096 + 4096 + 4096 * 128256) * 2
    assert some.weight_memory.item() - none.weight_memory.item() == pytest.approx(heads, rel=1e-9)
    read = some.decode_bytes_read.item() - none.decode_bytes_read.item()
    assert heads < read < 1.05 * heads  # and logits of the drafts that are verified
    assert some.ttft.item() == none.ttft.item()
    one, four = (
        Run(laws.scenario(*USUAL, "model=llama3_1_8b", "opt=medusa", "opt.medusa.accepted_tokens=1.5",
                          f"opt.medusa.draft_tokens={n}")).drafting
        for n in (1, 4)
    )  # fmt: skip
    assert [repeats for repeats, _ in four.passes] == [1]
    assert four.seconds == pytest.approx(4 * one.seconds, rel=1e-6)


def test_drafts_are_on_the_devices_of_the_layout_wherever_layers_are():
    words = ("hw=rtx_4090", "engine=llama_cpp_cuda", "model=llama3_1_8b", "offload.hw=ryzen_9_7950x_cpu", "batch=1",
             "opt=[q4_0,offload,speculative]", "draft.model=llama3_2_1b")  # fmt: skip
    here, there = (
        Run(laws.scenario(*words, f"opt.offload.cpu_layers={n}", "prompt=100", "output=50")).drafting for n in (0, 16)
    )
    assert there.seconds == pytest.approx(here.seconds, rel=1e-12)


def test_memory_holds_the_draft_its_cache_and_the_room_for_drafts():
    none = values("model=llama3_1_70b", "tp=4", metrics="weight_memory,kv_memory,max_context")
    some = values("model=llama3_1_70b", "tp=4", "opt=speculative", "draft.model=llama3_2_1b",
                  metrics="weight_memory,kv_memory,max_context")  # fmt: skip
    draft = values("model=llama3_2_1b", "tp=4", metrics="weight_memory,kv_memory")
    assert some.weight_memory.item() - none.weight_memory.item() == pytest.approx(draft.weight_memory.item(), rel=1e-9)
    positions = (1000 + 200 + 4) / 1200
    both = (none.kv_memory.item() + draft.kv_memory.item()) * positions
    assert some.kv_memory.item() == pytest.approx(both, rel=1e-9)
    assert some.max_context.item() < none.max_context.item()


@pytest.mark.parametrize("words", KINDS)
def test_the_rows_of_explain_sum_to_the_step_with_its_drafts(words):
    case = laws.case(*USUAL, "model=llama3_1_8b", *words)
    per_step = float(accepted(case.scenario.speculation))
    case = laws.case(*USUAL[:3], "model=llama3_1_8b", *words, f"output={1 + per_step}")
    table, run = breakdown.decode_table(case.scenario), Run(case.scenario)
    assert table.seconds == pytest.approx(float(run.decode_seconds), rel=1e-9)
    assert sum(row.share for row in table.operators) == pytest.approx(1)
    assert any(row.name.startswith("draft") for row in table.operators)
    prefill = breakdown.prefill_table(case.scenario)
    assert prefill.seconds == pytest.approx(float(run.ttft), rel=1e-9)
    assert float(run.decode_cost.flops) == pytest.approx(float(table.total.flops))


def test_the_speed_up_is_one_at_the_batch_of_loss():
    words = ("model=llama3_1_8b", "opt=ngram")
    batch = values(*words, metrics="loss_batch").loss_batch.item()
    assert 16 < batch < 512
    grid = values(*words, f"axes.batch=[{batch / 1.5},{batch},{batch * 1.5}]", metrics="speedup").speedup.values.ravel()
    assert grid[0] > 1 > grid[2]
    assert grid[1] == pytest.approx(1, abs=0.03)  # a line between the batches that are tried
    assert np.isinf(values("model=llama3_1_8b", metrics="loss_batch").loss_batch.item())


def test_drafts_work_beside_other_options_and_layouts():
    for words in (("opt=[int4,kv8,eagle3]",), ("opt=[lora,eagle3]", "tp=2"), ("opt=[fp8,mtp]", "pp=2", "batch=8")):
        found = values("model=llama3_1_8b", *words, metrics="tpot,speedup,memory")
        assert found.speedup.item() > 1
    for words in KINDS:
        found = values("model=qwen3_30b_a3b", *words, "dp=8", "ep=8", "batch=64", metrics="tpot,speedup,ttft")
        assert np.isfinite(found.tpot.item()) and np.isfinite(found.ttft.item()), words
    wide = values("model=deepseek_v3", "opt=mtp", "tp=1", "dp=8", "ep=8", "batch=64", metrics="tpot,speedup")
    assert 1 < wide.speedup.item() < 1.85


def test_what_has_no_draft_or_two_is_refused():
    for words, line in (
        (["opt=speculative"], "draft.model=NAME"),
        (["opt=[ngram,mtp]"], "each token has one draft"),
        (["draft.model=llama3_2_1b"], "opt=speculative"),
        (["draft.model=[llama3_2_1b,llama3_2_3b]", "opt=speculative"], "one is needed"),
        (["draft.name=llama3_2_1b"], "draft.model"),
        (["opt=ngram", "opt.ngram.acceptance=1.2"], "from 0 to 1"),
        (["opt=ngram", "opt.ngram.accepted_tokens=7"], "at most 5"),
        (["opt=ngram", "model=bert_base"], "nothing to draft"),
    ):
        with pytest.raises(ConfigError, match=line.replace("(", ".").replace("[", ".")):
            life.load(["hw=h100_sxm", *words])
    other = life.load(["hw=h100_sxm", "model=llama3_1_8b", "opt=speculative", "draft.model=qwen3_0_6b"])
    assert any("same tokens" in line for line in other.warnings)


def test_code_that_calls_a_draft_model_takes_its_own_time_of_the_host_and_a_layer_takes_none_of_it():
    words = ("engine=hf_eager", "model=llama3_1_8b")
    numbers = ("engine.draft_pass_us=0", "engine.draft_call_us=0")
    of_model = (*words, "opt=speculative", "draft.model=llama3_2_1b", "opt.speculative.draft_tokens=3")
    steps = [laws.scenario(*USUAL[:1], *USUAL[2:], "batch=1", *of_model, *more) for more in ((), numbers)]
    run, without = (Run(s) for s in steps)
    assert float(run.decode_seconds - without.decode_seconds) == pytest.approx(3 * 460e-6 + 1900e-6, rel=1e-6)
    layer = (*words, "opt=eagle")
    first, second = (Run(laws.scenario(*USUAL[:1], *USUAL[2:], "batch=1", *layer, *more)) for more in ((), numbers))
    assert float(first.decode_seconds) == float(second.decode_seconds)
    slow = Run(laws.scenario(*USUAL[:1], *USUAL[2:], "batch=1", *layer, "opt.eagle.draft_step_us=1800"))
    assert float(slow.decode_seconds - first.decode_seconds) == pytest.approx(1e-3, rel=1e-6)


def test_traced_drafts_are_those_of_numpy():
    import jax

    words = (*USUAL, "model=llama3_1_8b", "opt=eagle3")
    scenario, metrics = laws.scenario(*words), ("tpot", "tokens_per_step")
    plain = life.forecast(scenario, metrics)
    with jax.enable_x64(True):
        traced = jax.jit(lambda s: life.forecast(s, metrics))(scenario)
    for name in metrics:
        assert float(traced[name]) == pytest.approx(float(plain[name]), rel=1e-9), name


def test_speculation_is_off_unless_an_option_says_so():
    assert all(laws.of(model).speculation.is_off for model in laws.KINDS)
    assert dataclasses.fields(Speculation)[0].default == 0


@pytest.mark.parametrize("words", KINDS)
def test_the_law_under_load_is_the_step_with_its_drafts(words):
    from life_jax.forecasting.step_law import step_law
    from life_jax.serving.step_law import StepLoad

    case = laws.case(*USUAL[:2], "model=llama3_1_8b", *words, "batch=16", "prompt=1023", "output=2")
    scenario = case.scenario
    law, run = step_law(scenario), Run(scenario)
    width = float(verified(scenario.speculation))
    seconds = float(law.seconds(StepLoad(16.0, 16 * 1024.0)))
    host = 16 * scenario.engine.host.context * (width - 1)  # the law takes the context of one new token
    assert seconds + host == pytest.approx(float(run.decode_seconds), rel=0.02)


def test_drafts_under_load_are_those_of_a_batch_at_low_rates_and_lose_at_high_ones():
    def under_load(rate, *words):
        names = ("tpot_mean", "ttft_mean", "utilization", "output_rate")
        scenario = laws.scenario(*USUAL, "model=llama3_1_8b", "batch=1", f"rate={rate}", *words)
        with np.errstate(all="ignore"):
            return {name: float(value) for name, value in life.forecast(scenario, names).items()}

    alone = values("model=llama3_1_8b", "opt=eagle3").tpot.item()
    slow = under_load(0.05, "opt=eagle3")
    assert slow["tpot_mean"] == pytest.approx(alone, rel=0.05)
    assert slow["output_rate"] == pytest.approx(0.05 * 200, rel=1e-6)
    none = under_load(0.05)
    assert none["tpot_mean"] / slow["tpot_mean"] == pytest.approx(2.2, rel=0.1)
    assert under_load(10, "opt=ngram", "opt.ngram.acceptance=0.1")["utilization"] > under_load(10)["utilization"]
    off = under_load(2, "opt=ngram", "opt.ngram.draft_tokens=0")
    assert off == under_load(2)
