"""Stacks of two options in either convention: the laws of every forecast, or a refusal that gives the reason."""

import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from laws import OPTIONS, changed, check_forecast, scaled

import life_jax as life
from life_jax.core import schedule
from life_jax.forecasting.request import Run
from life_jax.forecasting.step import step_graph
from life_jax.models import decoder

ON = [("llama2_7b", "a100"), ("llama3_8b", "b200"), ("deepseek_v2_lite", "b200"), ("gemma3_4b", "b200")]
TIMES = ("ttft", "tpot", "e2e")


@functools.cache
def loaded(model: str, device: str, stack: tuple[str, ...], convention: str):
    words = [
        f"hw={device}",
        f"model={model}",
        f"convention={convention}",
        "workload.prompt_tokens=2048",
        "engine=ideal",
    ]
    try:
        return life.load([*words, f"opt=[{','.join(stack)}]"]).cases[0]
    except life.ConfigError as refused:
        return str(refused)


@pytest.mark.slow
@settings(max_examples=80, deadline=None)
@given(
    st.sampled_from(ON),
    st.lists(st.sampled_from(OPTIONS), min_size=2, max_size=2, unique=True),
    st.sampled_from(["exact", "life_paper"]),
)
def test_two_options_obey_the_laws_or_are_refused(on, stack, convention):
    one = loaded(*on, tuple(stack), convention)
    if isinstance(one, str):
        assert any(name in one for name in stack), one  # names what was asked
        assert any(
            word in one for word in ("no ", "share", "not modelled", "already", "longer", "cannot", "two options")
        ), one
        return
    check_forecast(one)
    s = one.scenario
    slow, fast = (life.forecast(x, TIMES) for x in (s, scaled(s, 3.0)))
    own_times = (
        s.handover.on or s.speculation.tokens
    )  # a transfer, the host of a draft: they do not scale with the device
    for time in () if own_times else TIMES:
        # host time of the engine does not scale with the device
        assert 3 * float(fast[time]) == pytest.approx(float(slow[time]), rel=1e-9), time
    more = life.forecast(changed(s, "workload.batch", 2 * s.workload.batch), ("ttft", "memory"))
    assert more["ttft"] >= slow["ttft"]
    # what decode reads of the weights is what is stored, but for experts and embedding rows
    first = step_graph(s, schedule.decode(s.workload).first)
    if convention == "exact":  # LIFE reads tables of sines and cosines too
        assert first.cost.weight_bytes <= 1.2 * decoder.weight_bytes(s.architecture, s.precision) + 2e9
    assert np.isfinite(float(Run(s).prefill_cost.flops))


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["model=llama3_8b", "opt=mla"], "8 share|share 8"),
        (["model=deepseek_v2_lite", "opt=mla"], "no layer has full attention"),
        (["model=llama2_7b", "opt=mla_absorbed"], "no layer has latent attention"),
        (["model=llama2_7b", "opt=[mla,kv_low_rank]"], "latent ones are low-rank"),
        (["model=llama2_7b", "opt=[kv_evict,kv_low_rank]"], "not modelled together"),
        (["model=llama2_7b", "opt=[sliding_window,kv_evict]"], "nothing is evicted"),
        (["model=llama2_7b", "opt=lora_merged", "opt.lora_merged.adapters=4"], "cannot all be merged"),
        (["model=llama2_7b", "opt=[lora_merged,multi_lora]"], "merged ones are no longer apart"),
        (["model=llama2_7b", "opt=[multi_lora,lora]"], "two options .* adapters"),
        (["model=llama2_7b", "opt=lora", "opt.lora.targets=[router]"], "adapters go beside"),
        (["model=llama2_7b", "opt=w4a4kv4"], "no int4 matrix rate"),
        (["model=llama2_7b", "opt=kv_low_rank", "opt.kv_low_rank.part=2"], "nothing is saved"),
        (["model=llama2_7b", "opt=chunked_prefill", "workload.prompt_tokens=100"], "longer than the longest prompt"),
        (["model=mamba2_2_7b", "opt=sliding_window"], "no layer attends everything"),
    ],
)
def test_combinations_that_make_no_sense_are_refused_with_the_reason(words, reason):
    with pytest.raises(life.ConfigError, match=reason):
        life.load(["hw=v100", *words])


def stepped(*words: str):
    one = life.load(["hw=a100", "workload.prompt_tokens=4096", "workload.batch=1", *words]).scenario
    graph = step_graph(one, schedule.decode(one.workload).first)
    return one, {op.name: op for op in graph}


def test_eviction_reads_and_keeps_the_budget_in_decode_only():
    plain, _ = stepped()
    evicted, ops = stepped("opt=kv_evict")
    assert ops["attention"].args["positions"] == 1024
    assert ops["attention"].cost.kv_read == 2 * 1024 * 4096 * 2
    assert Run(evicted).prefill_cost == Run(plain).prefill_cost
    assert decoder.cache_bytes(evicted.architecture, 4096.0, evicted.precision) == 1024 * 524288
    short, long = (changed(evicted, "workload.prompt_tokens", p) for p in (512.0, 900.0))
    for s in (short, long):  # the budget fills during generation: against the sum of the steps
        run = Run(changed(s, "workload.output_tokens", 800.0))
        steps = run.mean_seconds(schedule.Passes(run.decode.at(np.arange(799.0))))
        assert float(run.tpot) == pytest.approx(np.mean(steps), rel=1e-9)
    _, scored = stepped("opt=kv_evict_scored")
    assert scored["kv_weighing"].cost.vector_flops == 32 * 1024


def test_a_low_rank_cache_by_hand():
    s, ops = stepped("model=llama3_8b", "opt=kv_low_rank")  # rank 512 of 1024
    attention = ops["attention"].cost
    assert attention.kv_read == 2 * 4097 * 512 * 2
    assert attention.matmul_flops == 4 * 128 * 32 * 4097 + 2 * (2 * 4097 * 512) * 1024
    assert attention.weight_bytes == 2 * 512 * 1024 * 2
    assert decoder.kv_bytes_per_token(s.architecture, s.precision) == 32 * 2 * 512 * 2
    saved = 2 * (4096 * 1024 - 4096 * 512 - 512 * 1024) * 32
    assert decoder.parameter_count(s.architecture) == 8_030_261_248 - saved


def test_rotations_by_hand():
    _, ops = stepped("opt=w4a4kv4")
    assert ops["rotate_o_proj_input"].cost.vector_flops == 4096 * 12
    assert ops["rotate_heads"].cost.vector_flops == 64 * 128 * 7
    assert ops["qkv_proj"].args["input_bits"] == 4


def test_activations_by_a_polynomial_by_hand():
    """Degree 3: 3 * 4 / 2 + 3 = 9 operations an element, and the product with the other branch."""
    for convention in ("exact", "life_paper"):
        words = [f"convention={convention}", "model=llama2_7b"]
        _, ops = stepped(*words, "opt=polynomial_activation")
        cost = ops["gate_multiply"].cost
        assert cost.vector_flops + cost.matmul_flops == 10 * 11008
        assert cost.weight_bytes == 3 * 2


def test_forms_of_latent_attention():
    """Absorbed and expanded attention of DeepSeek-V3 by the counts of its authors' formulas; see modelling notes."""
    found = {}
    for form in ("absorbed", "expanded", "decompressed"):
        one = life.load(["hw=b200", "model=deepseek_v3", f"opt=mla_{form}", "workload.prompt_tokens=4095"]).scenario
        graph = step_graph(one, schedule.Step(1.0, 1.0, 4095.0, decoding=True))
        names = ("q_a_proj", "q_b_proj", "kv_a_proj", "kv_b_proj", "attention", "o_proj")
        found[form] = sum(op.cost.matmul_flops for op in graph if op.block == 0 and op.name in names)
        cached = decoder.kv_bytes_per_token(one.architecture, one.precision)
        assert cached == (4_997_120 if form == "decompressed" else 70_272)
    assert found["absorbed"] == 1_515_061_248
    assert found["expanded"] == 138_115_153_920
    assert found["decompressed"] == 138_115_153_920 - 4095 * 33_554_432


def test_a_window_given_to_a_model_is_that_of_a_model_that_has_it():
    given_, _ = stepped("model=llama3_8b", "opt=sliding_window")
    run = Run(given_)
    assert float(run.prefill_cost.kv_written) == float(Run(stepped("model=llama3_8b")[0]).prefill_cost.kv_written)
    later = step_graph(given_, schedule.Step(1.0, 1.0, 20000.0, decoding=True))
    attention = next(op for op in later if op.name == "attention")
    assert attention.args["positions"] == 4096


def test_tiles_pad_and_dispatch():
    _, plain = stepped()
    _, tiled = stepped("opt=tiled")
    assert tiled["o_proj"].cost.matmul_flops == 64 * plain["o_proj"].cost.matmul_flops  # one row of 64
    # 4096 x 4096 weights in bf16 exceed 4 MB: one dispatch for each of 64 tiles of the output
    assert tiled["o_proj"].cost.dispatches == 64
    assert tiled["gate_multiply"].cost == plain["gate_multiply"].cost
