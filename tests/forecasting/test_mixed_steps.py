"""Steps in which some sequences decode while prompts are prefilled: what is shared, and what each group does."""

import jax
import pytest
from laws import KINDS, fields, scenario

from life_jax.core.schedule import Mixed, Step, engine_step
from life_jax.forecasting.step import seconds, step_graph

DECODING = Step(batch=8.0, new=1.0, past=900.0, decoding=True)
PROMPT = Step(batch=2.0, new=300.0, past=100.0)
MODELS = ["llama3_8b", "qwen3_30b_a3b", *KINDS]


def engine(model: str, *words: str):
    named = any(word.startswith("engine=") for word in words)
    return scenario(f"model={model}", "hw=h100_sxm", *(() if named else ("engine=vllm",)), *words)


@pytest.mark.parametrize("model", MODELS)
def test_a_mixed_step_of_one_group_is_that_step(model):
    s = engine(model)
    assert seconds(s, Mixed((DECODING,))) == seconds(s, DECODING)
    assert step_graph(s, Mixed((PROMPT,))).cost == step_graph(s, PROMPT).cost


@pytest.mark.parametrize("model", MODELS)
def test_two_equal_groups_count_what_one_group_of_twice_as_many_counts_but_for_kernels(model):
    s = engine(model)
    for step, double in ((DECODING, Step(16.0, 1.0, 900.0, decoding=True)), (PROMPT, Step(4.0, 300.0, 100.0))):
        both, one = (fields(step_graph(s, x).cost) for x in (Mixed((step, step)), double))
        assert both.pop("dispatches") > one.pop("dispatches")
        # a convolution's few taps are read by each group
        assert both.pop("weight_bytes") == pytest.approx(one.pop("weight_bytes"), rel=1e-3)
        assert both == pytest.approx(one, rel=1e-9)


@pytest.mark.parametrize("model", MODELS)
def test_groups_keep_their_work_and_share_the_weights(model):
    s = engine(model)
    apart, together = (
        [step_graph(s, g).cost for g in (DECODING, PROMPT)],
        step_graph(s, Mixed((DECODING, PROMPT))).cost,
    )
    for count in ("matmul_flops", "kv_read", "kv_written", "activations_written"):
        assert getattr(together, count) == pytest.approx(sum(getattr(cost, count) for cost in apart), rel=1e-9), count
    assert max(cost.weight_bytes for cost in apart) <= together.weight_bytes
    assert together.weight_bytes < sum(cost.weight_bytes for cost in apart)


@pytest.mark.parametrize("model", ["llama3_8b", "qwen3_30b_a3b", "deepseek_v2_lite"])
def test_together_is_faster_than_one_after_the_other_and_slower_than_either(model):
    s = engine(model)
    both = seconds(s, Mixed((DECODING, PROMPT)))
    apart = [seconds(s, DECODING), seconds(s, PROMPT)]
    assert max(apart) < both < sum(apart)


def test_a_dense_step_by_hand():
    ops = {op.name: op for op in step_graph(engine("llama3_8b"), Mixed((DECODING, PROMPT)))}
    assert ops["o_proj"].shape.m == 8 + 600  # products take all tokens
    assert ops["lm_head"].shape.m == 8 + 2  # one row for each sequence
    attention = [op for op in step_graph(engine("llama3_8b"), Mixed((DECODING, PROMPT))) if op.name == "attention"]
    assert [op.shape.n for op in attention] == [901, 400]


def test_prompts_that_do_not_end_sample_nothing():
    s = engine("llama3_8b")
    step = engine_step(sequences=8.0, context=900.0, prefill_tokens=512.0, ending=0.0)
    rows = {op.name: op for op in step_graph(s, step)}["lm_head"].shape.m
    assert (rows, step.batch, step.tokens, step.context) == (8, 9, 520, 8 * 901 + 512)


@pytest.mark.parametrize(
    "words", [("opt=[int4,kv8]",), ("opt=lora",), ("opt=kv_evict",), ("engine=llama_cpp_cuda", "opt=q4_0")]
)
def test_options_and_engines_act_on_mixed_steps(words):
    s = engine("llama3_8b", *words)
    both = seconds(s, Mixed((DECODING, PROMPT)))
    assert max(seconds(s, DECODING), seconds(s, PROMPT)) < both < seconds(s, DECODING) + seconds(s, PROMPT)


def test_a_mixed_step_compiles_and_has_a_gradient_in_its_tokens():
    s = engine("llama3_8b")

    def of(prefill):
        return seconds(s, engine_step(sequences=8.0, context=900.0, prefill_tokens=prefill))

    with jax.enable_x64(True):
        slope = float(jax.jit(jax.grad(of))(512.0))
        assert slope == pytest.approx((float(of(513.0)) - float(of(511.0))) / 2, rel=1e-3)
