"""What a scenario needs in memory, and the most that fits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from laws import KINDS, SPREAD, changed, of, scenario

import life_jax as life
from life_jax.forecasting.memory import FAR, cached_tokens, max_batch, max_context, memory
from life_jax.models import decoder
from life_jax.optimizations.base import Optimization
from life_jax.optimizations.kv_quantization import kv_quantization
from life_jax.optimizations.weight_quantization import weight_quantization


def with_tokens(s, total: float):
    """The same with `total` positions in the cache when generation ends."""
    w = s.workload
    return changed(s, "workload.output_tokens", total - w.past_tokens - w.prompt_tokens)


def at(model: str, prompt: float, batch: float, gigabytes: float, *words: str):
    s = scenario(f"model={model}", *words)
    s = changed(changed(s, "workload.prompt_tokens", prompt), "workload.batch", batch)
    return changed(changed(s, "device.memory", gigabytes * 1e9), "device.memory_seen", 1.0)


@pytest.mark.parametrize("change", [Optimization(), weight_quantization(bits=4.0), kv_quantization(bits=8.0)])
@pytest.mark.parametrize("model", SPREAD)
def test_needed_memory_adds_up(model, change):
    s = changed(change.apply(of(model)), "engine.memory.runtime", 1.5e9)
    s = changed(changed(s, "workload.prompt_tokens", 700.0), "workload.batch", 3.0)
    m = memory(s)
    assert m.weights == decoder.weight_bytes(s.architecture, s.precision)
    per_token = decoder.kv_bytes_per_token(s.architecture, s.precision)
    assert m.kv == pytest.approx(3 * (700 + 128) * per_token, rel=1e-12)
    assert m.runtime == 1.5e9
    assert m.activations > 0
    assert m.needed == m.weights + m.kv + m.activations + m.runtime


def test_activations_are_the_widest_pair_of_live_ones_and_a_row_of_logits():
    m = memory(at("llama3_8b", 100.0, 2.0, 80.0))
    assert m.activations == 2 * (100 * 2 * 14336 * 2 + 128256 * 4)


def test_the_usable_part_of_the_memory_is_available():
    assert memory(at("llama3_8b", 100.0, 2.0, 80.0, "engine.memory_utilization=0.9")).available == 72e9


def test_metrics_say_the_same():
    s = at("llama3_8b", 100.0, 2.0, 17.0, "opt=kv8")
    m = memory(s)
    found = life.forecast(s, ("memory", "weight_memory", "kv_memory", "fits_memory", "max_batch", "max_context"))
    assert (found["memory"], found["weight_memory"], found["kv_memory"]) == (m.needed, m.weights, m.kv)
    assert found["fits_memory"] == (m.needed <= m.available)
    assert (found["max_batch"], found["max_context"]) == (max_batch(s), max_context(s))


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(SPREAD),
    st.sampled_from([(), ("opt=kv4",), ("opt=[q4_k_m,kv8]",)]),
    st.integers(1, 20_000),
    st.integers(1, 64),
    st.floats(1, 200),
)
def test_max_batch_and_max_context_are_the_largest_that_fit(model, words, prompt, batch, gigabytes):
    s = at(model, float(prompt), float(batch), gigabytes, *words)
    most = float(max_batch(s))
    assert most == int(most)
    assert most == 0 or memory(changed(s, "workload.batch", most)).fits
    assert not memory(changed(s, "workload.batch", most + 1)).fits

    longest = float(max_context(s))
    assert longest == int(longest)
    assert longest == 0 or memory(with_tokens(s, longest)).fits
    assert not memory(with_tokens(s, longest + 1)).fits


@pytest.mark.parametrize("model", KINDS)
def test_the_largest_that_fit_with_windows_latents_and_states(model):
    rng = np.random.default_rng(0)
    for _ in range(6):
        s = changed(of(model), "workload.prompt_tokens", float(rng.integers(1, 20_000)))
        s = changed(
            changed(s, "workload.batch", float(rng.integers(1, 64))), "device.memory", rng.uniform(1, 1200) * 1e9
        )
        most, longest = max_batch(s), max_context(s)
        assert most == 0 or memory(changed(s, "workload.batch", most)).fits
        assert not memory(changed(s, "workload.batch", most + 1)).fits
        assert longest == 0 or memory(with_tokens(s, longest)).fits
        assert longest >= FAR or not memory(with_tokens(s, longest + 1)).fits


def test_a_model_too_big_for_the_device_fits_nothing_and_is_not_refused():
    s = at("llama2_70b", 512.0, 1.0, 32.0)
    assert not memory(s).fits
    assert (max_batch(s), max_context(s)) == (0, 0)
    assert all(np.isfinite(list(life.forecast(s).values())))


def test_fitting_agrees_with_the_longest_context():
    s = at("llama3_8b", 512.0, 8.0, 24.0)
    longest = max_context(s)
    assert cached_tokens(with_tokens(s, longest)) == longest
    assert [bool(memory(with_tokens(s, longest + more)).fits) for more in (-1, 0, 1)] == [True, True, False]


def shared(model: str, devices: float, *words: str):
    return changed(scenario(f"model={model}", *words), "engine.parallelism.tensor_parallel", devices)


def test_every_device_keeps_all_latents_but_only_its_heads():
    for model, parts in (("deepseek_v3", 1), ("llama3_8b", 8), ("gemma_2b", 1), ("deepseek_v2_lite", 1)):
        one = memory(shared(model, 1.0)).kv
        for devices in (2.0, 4.0, 8.0):
            assert memory(shared(model, devices)).kv == pytest.approx(one / min(devices, parts))


def test_the_latent_of_eight_devices_by_hand():
    s = changed(changed(shared("deepseek_v3", 8.0), "workload.prompt_tokens", 32000.0), "workload.output_tokens", 768.0)
    # 61 layers of 512 + 64 elements of 2 bytes for each of 64 x 32768 positions
    assert memory(changed(s, "workload.batch", 64.0)).kv == 64 * 32768 * 61 * 576 * 2


@pytest.mark.parametrize("model", ["llama3_8b", "deepseek_v2_lite", "gemma_2b", "mamba2_2_7b", "qwen3_5_27b"])
def test_the_weights_of_all_devices_are_those_of_the_model_and_copies_of_what_is_not_divided(model):
    whole = float(memory(shared(model, 1.0)).weights)
    for devices in (2.0, 4.0):
        together = devices * float(memory(shared(model, devices)).weights)
        copied = sum(t.bytes(shared(model, 1.0).precision) for t in decoder.tensors(shared(model, 1.0).architecture)
                     if t.divided < devices)  # fmt: skip
        assert whole <= together <= whole + (devices - 1) * float(copied) * (1 + 1e-9)


@pytest.mark.parametrize("model", ["llama3_8b", "deepseek_v2_lite", "gpt_oss_20b"])
def test_more_devices_never_fit_less_and_the_largest_that_fit_are_per_device(model):
    batches = [float(max_batch(shared(model, n))) for n in (1.0, 2.0, 4.0, 8.0)]
    assert batches == sorted(batches)
    s = shared(model, 4.0)
    most = float(max_batch(s))
    assert memory(changed(s, "workload.batch", most)).fits
    assert not memory(changed(s, "workload.batch", most + 1)).fits


def test_devices_that_do_not_divide_the_heads_are_refused_or_nan():
    words = ["model=llama3_8b", "hw=h100_sxm", "workload.batch=1", "workload.prompt_tokens=64"]
    with pytest.raises(ValueError, match=r"3 devices cannot share .*32.*tensor_parallel can be 1, 2, 4, 8, 16, 32$"):
        life.load([*words, "engine.tensor_parallel=3"])
    metrics = "metrics=[tpot,ttft,memory,max_batch,fits_memory]"
    study = life.load([*words, "axes.tensor_parallel=[2,3,4]", metrics])
    assert any("3 devices cannot share" in warning for warning in study.warnings)
    ds = life.evaluate(study)
    for metric in ("tpot", "ttft", "memory", "max_batch"):
        assert np.isnan(ds[metric].values.ravel()).tolist() == [False, True, False]
    assert ds.fits_memory.values.ravel().tolist() == [True, False, True]
    both = life.load(["model=[llama3_8b,qwen2.5_7b]", *words[1:], "engine.tensor_parallel=8"])
    assert np.isnan(life.evaluate(both).tpot.values.ravel()).tolist() == [False, True]


# what engines and systems keep free


def test_the_three_ways_of_keeping_memory_free_by_hand():
    """A device of 80 GB: of the total with everything, of what the system leaves for weights and cache, of what is free
    for the cache."""
    plain = at("llama3_8b", 100.0, 2.0, 80.0, "engine=generic")
    m = memory(plain)
    assert m.available == 80e9 - 0.5e9  # the context of a data-centre GPU
    whole = memory(changed(plain, "engine.memory.utilization", 0.9))
    assert whole.available == 72e9 and whole.cache_room(0.0) == 72e9 - whole.weights
    resident = memory(changed(plain, "engine.memory.resident", 0.85))
    assert resident.cache_room(1e9) == pytest.approx(0.85 * 79.5e9 - m.weights)
    assert resident.cache_room(30e9) == pytest.approx(79.5e9 - m.weights - 30e9)
    free = memory(changed(plain, "engine.memory.cache", 0.9))
    assert free.cache_room(1e9) == pytest.approx(0.9 * (79.5e9 - m.weights - 1e9))


@pytest.mark.parametrize("model", ["llama3_8b", "deepseek_v2_lite", "mamba2_2_7b", "gemma3_4b"])
@pytest.mark.parametrize("engine", ["vllm", "sglang", "tensorrt_llm", "lmdeploy", "mlc_llm", "llama_cpp_cuda", "ideal"])
def test_the_largest_that_fit_whatever_the_engine_keeps_free(model, engine):
    rng = np.random.default_rng(1)
    for _ in range(4):
        s = at(model, float(rng.integers(1, 20_000)), float(rng.integers(1, 64)), float(rng.uniform(8, 300)))
        s = changed(s, "engine", scenario(f"model={model}", "hw=h100_sxm", f"engine={engine}").engine)
        most, longest = max_batch(s), max_context(s)
        assert most == 0 or memory(changed(s, "workload.batch", most)).fits
        assert not memory(changed(s, "workload.batch", most + 1)).fits
        assert longest == 0 or memory(with_tokens(s, longest)).fits
        assert longest >= FAR or not memory(with_tokens(s, longest + 1)).fits
        assert memory(s).fits == (memory(s).filled <= 1)


@pytest.mark.parametrize(
    ("words", "fits"),
    [
        # 70B in fp8 on one card of 80 GB, 14B in 4 bits at 16k on 12 GB, 27 GB of weights on a Mac of 32
        (("hw=h100_sxm", "model=llama3_70b", "opt=fp8", "engine=vllm"), False),
        (("hw=h200_sxm", "model=llama3_70b", "opt=fp8", "engine=vllm"), True),
        (("hw=rtx_4070", "model=qwen3_14b", "opt=q4_k_m", "engine=llama_cpp_cuda", "prompt=16000"), False),
        (("hw=apple_m4", "model=qwen3_32b", "opt=q6_k", "engine=llama_cpp_metal"), False),
        (("hw=apple_m4", "model=qwen3_32b", "opt=q4_k_m", "engine=llama_cpp_metal"), True),
        (("hw=apple_m4", "model=qwen3_32b", "opt=q6_k", "hw.apple_m4.memory_share=1"), True),
    ],
)
def test_fits_is_what_happens(words, fits):
    assert bool(memory(life.load(words, primary="explain").scenario).fits) is fits


def test_the_datasheets_bound_has_the_whole_memory_and_times_do_not_depend_on_what_is_kept_free():
    s = life.load(["hw=apple_m4_max_40c", "engine=ideal"], primary="explain").scenario
    assert memory(s).available == s.device.memory == 128e9
    vllm = life.load(["hw=h100_sxm", "engine=vllm"], primary="explain").scenario
    freed = changed(changed(vllm, "engine.memory.utilization", 1.0), "engine.memory.runtime", 0.0)
    names = ("ttft", "tpot", "e2e", "energy")
    assert life.forecast(freed, names) == life.forecast(vllm, names)
    assert max_batch(freed) > max_batch(vllm)


def test_activations_are_those_of_the_tokens_that_an_engine_prefills_at_once():
    s = at("llama3_8b", 8000.0, 16.0, 80.0, "engine=generic")
    wide = memory(changed(s, "engine.memory.activation_tokens", 1e30)).activations
    assert wide == 16 * (8000 * 2 * 14336 * 2 + 128256 * 4)
    assert memory(s).activations == 8192 * 2 * 14336 * 2 + 16 * 128256 * 4


def test_a_gpu_has_what_its_driver_reports_but_not_for_the_datasheets_bound():
    """Powers of two: 79.2 GiB of an H100 and 23.5 of an RTX 4090 in public logs, 44.4 of an L40S, which keeps a
    sixteenth for error correction."""
    for words, gibibytes in (("hw=h100_sxm", 79.2), ("hw=rtx_4090", 23.6), ("hw=l40s", 44.4), ("hw=h200_sxm", 139.8)):
        device = scenario(words, "engine=vllm").device
        assert device.whole_memory == pytest.approx(gibibytes * 2**30, rel=0.01)
    typed = scenario("hw=h100_sxm", "engine=vllm", "hw.h100_sxm.memory_seen=1")
    assert memory(typed).available == pytest.approx(0.9 * 80e9)


def test_an_engine_that_measures_a_step_keeps_free_what_its_largest_takes():
    """vLLM: 22 bytes of each logit of all sequences that it may run, or the activations of all tokens of a step,
    whatever is asked of it."""
    small = at("llama3_8b", 10.0, 1.0, 24.0, "engine=vllm")
    rows, tokens = small.engine.scheduler.slots, small.engine.memory.activation_tokens
    assert memory(small).activations == pytest.approx(22 * 128256 * min(rows, small.engine.scheduler.budget))
    few = changed(small, "engine.scheduler.slots", 1.0)
    assert memory(few).activations == pytest.approx(tokens * 2 * 14336 * 2)
    many = changed(few, "workload.batch", 64.0)
    assert memory(many).activations == pytest.approx(max(tokens * 28672 * 2, 640 * 28672 * 2 + 64 * 4 * 128256))
    assert memory(changed(small, "engine.memory.logit", 0.0)).activations == 10 * 28672 * 2 + 128256 * 4


@pytest.mark.parametrize(
    ("words", "tokens"),
    [
        # what engines printed, in tokens of their cache: MiniMax-M2 on two MI300X (vllm-project/recipes#273), of which
        # nothing was used for a constant, and Llama 2 7B on an A100 in 2023 (vllm-project/vllm#2031), from whose day no
        # other number was
        (("hw=mi300x", "model=minimax_m2", "tp=2", "opt=fp8", "engine=vllm"), 497_600),
        (("hw=a100_sxm_80gb", "model=llama2_7b", "engine=vllm_2023"), 7351 * 16),
        # in the fit of the bytes of a logit (#12569)
        (
            ("hw=h100_sxm", "model=llama3_1_70b", "opt=w8a8", "engine=vllm", "engine.memory_utilization=0.98"),
            1381 * 16,
        ),
    ],
)
def test_the_cache_is_as_large_as_engines_print(words, tokens):
    s = life.load([*words, "batch=1", "prompt=512", "output=1"], primary="explain").scenario
    assert max_context(s) == pytest.approx(tokens, rel=0.05)
