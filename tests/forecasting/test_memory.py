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
    return changed(s, "device.memory", gigabytes * 1e9)


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
    assert found["fits_memory"] == (m.needed <= 17e9)
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
