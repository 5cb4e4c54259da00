"""What options keep of a model's quality: rows as published, laws between them, and nothing where nothing is known."""

import csv
import math

import numpy as np
import pytest
import yaml
from laws import OPTIONS, in_numpy
from places import CONF, DATA

import life_jax as life
from life_jax.config.quality import family, loss_of, quality

FACTS = yaml.safe_load((CONF / "quality.yaml").read_text(encoding="utf-8"))
KINDS = {name: yaml.safe_load((CONF / "opt" / f"{name}.yaml").read_text(encoding="utf-8"))["kind"] for name in OPTIONS}
METRICS = "metrics=[quality,quality_low,quality_high]"
WORDS = ["hw=h100_sxm", "engine=generic", "prompt=512", "batch=1", METRICS]


def kept(model, *options):
    return quality(model, options, KINDS)[0].kept


def test_a_published_row_is_what_it_says():
    # llama.cpp's README: KLD of Llama-3-8B Q8_0 is 0.001355, of Q4_1 0.071683
    assert kept("llama3_8b", "q8_0") == pytest.approx(math.exp(-0.001355))
    assert kept("llama3_8b", "q4_1") == pytest.approx(math.exp(-0.07168))


def test_more_bits_of_one_kind_keep_more():
    for model in ("llama3_8b", "a_model_of_nobody_7b"):  # by rows of one hand, and by the law
        for ladder in (("q2_k", "q3_k_m", "q4_k_m", "q5_k_m", "q6_k"), ("iq2_xxs", "iq3_xxs", "iq4_xs"),
                       ("mlx_3bit", "mlx_4bit", "mlx_5bit", "mlx_6bit", "mlx_8bit"), ("int4", "int8")):  # fmt: skip
            values = [kept(model, option) for option in ladder]
            assert values == sorted(values), (model, ladder)
            assert 0 < values[0] < values[-1] <= 1


def test_a_stack_keeps_what_its_options_keep_one_after_the_other():
    both = kept("llama3_8b", "int4", "kv_fp8")
    assert both == pytest.approx(kept("llama3_8b", "int4") * kept("llama3_8b", "kv_fp8"))
    assert kept("llama3_8b", "int4", "chunked_prefill", "fused") == kept("llama3_8b", "int4")
    assert kept("llama3_8b") == kept("llama3_8b", "f16") == 1


@pytest.mark.parametrize("option", ["kv_evict", "kv_low_rank", "sliding_window", "ternary", "polynomial_activation"])
def test_nothing_is_known_of_options_without_data(option):
    assert loss_of("llama3_8b", option) is None
    assert kept("llama3_8b", "int4", option) == 0


def test_the_interval_is_wider_the_less_is_known():
    of = {
        name: loss_of(name, "q4_1").spread for name in ("llama3_8b", "llama3_70b", "qwen3_8b", "a_model_of_nobody_7b")
    }
    assert of["llama3_8b"] < of["llama3_70b"] <= of["a_model_of_nobody_7b"]
    assert of["llama3_8b"] < of["qwen3_8b"] < of["a_model_of_nobody_7b"]


def test_families_are_labels_without_sizes():
    names = {"llama3_1_70b": "llama3", "llama3_8b": "llama3", "qwen3_30b_a3b": "qwen3", "gemma3n_e4b": "gemma3n",
             "qwen2_5_0_5b": "qwen2", "mistral_7b_v0_3": "mistral", "gpt_oss_120b": "gpt_oss"}  # fmt: skip
    assert {name: family(name) for name in names} == names


def test_sweeps_have_it_and_say_what_is_not_known():
    ds = in_numpy(*WORDS, "model=llama3_8b", "axes.opt=[[],[q8_0],[q4_k_m],[kv_evict]]")
    values = ds.quality.values.ravel()
    assert np.isnan(values[3])
    assert values[0] == 1 > values[1] > values[2]
    assert (ds.quality_low.values <= ds.quality.values)[..., :3].all()
    assert (ds.quality.values <= ds.quality_high.values)[..., :3].all()
    study = life.load([*WORDS, "model=llama3_8b", "axes.opt=[[],[q8_0],[kv_evict]]"])
    assert "quality of opt=kv_evict: nothing is published of kv_evict: NaN" in study.warnings
    assert "llama.cpp tools/perplexity/README.md" in study.template.attributes["quality_source"]


def test_a_format_in_a_models_name_is_an_option_and_a_checkpoints_own_is_the_base():
    words = [*WORDS, "hw=rtx_4090"][1:]
    typed = in_numpy(*words, "model=llama3:8b-q4_K_M").quality.item()
    assert typed == pytest.approx(in_numpy(*words, "model=llama3_8b", "opt=q4_k_m").quality.item())
    assert typed < in_numpy(*words, "model=gpt_oss_20b").quality.item() == 1


@pytest.mark.parametrize("word", ["precision.weight_bits=4", "axes.weight_bits=[4,8]", "precision.kv_bits=8"])
def test_no_quality_is_known_by_bits_alone(word):
    with pytest.raises(life.ConfigError, match="quality is known of options, not of"):
        life.load([*WORDS, word])


def test_no_quality_is_known_along_a_number_of_an_option():
    with pytest.raises(life.ConfigError, match=r"not along axes\.group_size"):
        life.load([*WORDS, "opt=int4", "axes.group_size=[32,64]"])


def test_every_row_has_a_source_with_a_licence_and_an_option_of_ours():
    for row in FACTS["rows"]:
        assert row["option"] in OPTIONS
        assert FACTS["sources"][row["source"]]["licence"].startswith(("MIT", "Apache-2.0", "BSD-3-Clause"))
    assert set(FACTS["formats"]) <= set(OPTIONS)


@pytest.mark.data
def test_rows_are_those_of_the_table():
    with (DATA / "quality_quant.csv").open(encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    logs = [
        float(r["kld"]) if r["kld"] else math.log(float(r["ppl"]) / float(r["ppl_base"])) for r in table if r["ppl"]
    ]
    rows = [row for row in FACTS["rows"] if not FACTS["sources"][row["source"]]["source"].startswith("torchao")]
    for row in rows:  # that of torchao stands in scripts/fit_quality.py
        assert any(math.isclose(row["nats"], value, rel_tol=1e-3, abs_tol=1e-6) for value in logs), row


def test_weights_in_fp8_lose_less_than_inputs_in_fp8_too_and_those_as_published():
    # torchao: word perplexities of Llama-3.1-8B, 0.8356 words a token
    assert kept("llama3_1_8b", "fp8") == pytest.approx((7.5472 / 7.62) ** 0.8356, rel=1e-5)
    for model in ("llama3_1_8b", "qwen3_8b", "a_model_of_nobody_7b"):
        assert kept(model, "fp8") == kept(model, "w8a8_fp8") < kept(model, "fp8_weight_only") < 1
        assert loss_of(model, "fp8").spread < loss_of(model, "fp8_weight_only").spread
