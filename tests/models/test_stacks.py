"""Encoders, encoders before decoders, diffusion models and loops: counts by hand, and what each of them cannot do."""

from dataclasses import replace

import numpy as np
import pytest
from configs import sizes
from laws import changed, scenario

from life_jax.config.build import bits
from life_jax.config.checkpoints.architecture import architecture
from life_jax.config.checkpoints.huggingface import translate
from life_jax.config.schema.check import check
from life_jax.config.schema.files import PrecisionFile
from life_jax.config.schema.model_file import ModelFile
from life_jax.core.schedule import Step
from life_jax.forecasting import memory
from life_jax.forecasting.metrics import forecast
from life_jax.forecasting.request import Run
from life_jax.models import decoder
from life_jax.models.attention.bidirectional import symmetric_pairs

T5 = {
    "model_type": "t5", "d_model": 768, "d_ff": 2048, "d_kv": 64, "num_layers": 12, "num_decoder_layers": 12,
    "num_heads": 12, "vocab_size": 32128, "feed_forward_proj": "gated-gelu", "tie_word_embeddings": False,
}  # fmt: skip
BERT = sizes("bert", 768, 12, 12, 3072, 30522, 512, type_vocab_size=2, architectures=["BertModel"])
LLADA = {
    "model_type": "llada", "d_model": 4096, "n_layers": 32, "n_heads": 32, "n_kv_heads": 32, "vocab_size": 126464,
    "mlp_hidden_size": 12288, "max_sequence_length": 4096, "weight_tying": False, "rope": True,
}  # fmt: skip
ALBERT = sizes("albert", 768, 12, 12, 3072, 30000, 512, embedding_size=128, type_vocab_size=2)


def model(config):
    return architecture(check(translate(config, "m"), ModelFile, "model.m"), "model.m")


def of(config, *words: str):
    s = scenario("hw=h100_sxm", "model=llama3_8b", "workload.prompt_tokens=100", "workload.output_tokens=11", *words)
    return replace(s, architecture=model(config))


def matmul(config, **step) -> float:
    ops = decoder.decoder(model(config), Step(**{"batch": 1.0, "past": 0.0, **step}), bits(PrecisionFile()))
    return float(ops.cost.matmul_flops)


def test_an_encoder_before_a_decoder_reads_the_prompt_once_and_the_decoder_starts_from_one_token():
    """T5 v1.1 base: squares of 100 in the encoder; keys and values of 100 tokens for the decoder, and one row of it."""
    n, d, f = 100, 768, 2048
    encoder = 12 * (2 * n * (4 * d * d + 3 * d * f) + 4 * d * n * n)
    own = 2 * (4 * d * d + 3 * d * f) + 4 * d
    cross = 2 * 2 * d * d + 2 * 2 * n * d * d + 4 * d * n
    by_hand = encoder + 12 * (own + cross) + 2 * d * 32128
    assert matmul(T5, new=float(n)) == by_hand


def test_a_decode_step_behind_an_encoder_computes_no_encoder_and_no_keys_of_the_prompt():
    n, d, f, before = 100, 768, 2048, 6  # tokens of the decoder in the cache, the start among them
    own = 2 * (4 * d * d + 3 * d * f) + 4 * d * (before + 1)
    by_hand = 12 * (own + 2 * 2 * d * d + 4 * d * n) + 2 * d * 32128
    step = {"new": 1.0, "past": n + before - 1.0, "source": float(n), "decoding": True}
    assert matmul(T5, **step) == by_hand


def test_a_token_of_the_prompt_takes_as_much_cache_as_a_generated_one():
    s = of(T5)
    per_token = 12 * 2 * 12 * 64 * 2
    assert memory.cache_bytes(s, memory.cached_tokens(s)) == 111 * per_token
    longer = changed(s, "workload.output_tokens", 12.0)
    read = Run(longer).graph(Run(longer).decode.at(10.0)).cost.kv_read
    assert read == (100 + 12) * per_token


def test_an_encoder_is_never_prefilled_in_chunks():
    for config in (T5, BERT):
        assert forecast(of(config, "engine.chunk_tokens=32"))["ttft"] == forecast(of(config))["ttft"]


def test_an_encoder_generates_nothing():
    """So its request is over when the prompt is encoded, and no rate of tokens exists."""
    values = forecast(of(BERT), ("ttft", "e2e", "tpot", "tps", "e2e_throughput", "kv_memory", "decode_flops"))
    assert values["e2e"] == values["ttft"] > 0 == values["kv_memory"] == values["decode_flops"]
    assert all(np.isnan(values[name]) for name in ("tpot", "tps", "e2e_throughput"))


def test_an_encoder_attends_every_pair_and_pools_one_row():
    n, d, f = 100, 768, 3072
    assert matmul(BERT, new=float(n)) == 12 * (2 * n * (4 * d * d + 2 * d * f) + 4 * d * n * n) + 2 * d * d


def test_every_step_of_a_diffusion_model_computes_prompt_and_output():
    s = of(LLADA)
    n, d, f = 111, 4096, 12288
    by_hand = 32 * (2 * n * (4 * d * d + 3 * d * f) + 4 * d * n * n) + 2 * n * d * 126464
    run = Run(s)
    assert float(run.prefill_cost.matmul_flops) == float(run.decode_cost.matmul_flops) == by_hand
    values = forecast(s, ("ttft", "tpot", "e2e", "kv_memory"))
    assert values["e2e"] == pytest.approx(values["ttft"] + 10 * values["tpot"], rel=1e-12)
    assert values["kv_memory"] == 0


def test_half_the_denoising_steps_take_half_the_time():
    s = of(LLADA)
    half = changed(s, "architecture.steps_per_token", 0.5)
    assert forecast(half)["tpot"] == pytest.approx(forecast(s)["tpot"] / 2, rel=1e-12)


def test_layers_that_run_again_compute_again_but_are_stored_once():
    """ALBERT: one layer, twelve times."""
    a = model(ALBERT)
    once = replace(a, blocks=tuple(replace(block, loops=1.0) for block in a.blocks))
    assert decoder.parameter_count(a) == decoder.parameter_count(once)
    layers = [
        sum(
            float(op.repeats)
            for op in decoder.decoder(one, Step(1.0, 8.0, 0.0), bits(PrecisionFile()))
            if op.block == 0
        )
        for one in (a, once)
    ]
    assert layers[0] == 12 * layers[1]


@pytest.mark.parametrize("queries, reach", [(1, 3), (4, 64), (10, 3), (100, 64), (129, 64)])
def test_pairs_of_a_window_on_both_sides_equal_a_count(queries, reach):
    counted = sum(abs(i - j) <= reach for i in range(queries) for j in range(queries))
    assert symmetric_pairs(queries=queries, reach=reach) == counted
