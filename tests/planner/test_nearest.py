"""Where nothing meets: what the nearest design says would have to be asked is enough, and can be typed."""

import pytest
from brute_force import planned

LLAMA = ["model=llama3_1_8b", "engine=vllm", "axes.opt=[[],[fp8]]", "also=none"]
CARDS = [*LLAMA, "hw=[l4,rtx_4090]", "devices=1"]
SERVERS = [*LLAMA, "hw=[l40s,h100_sxm]", "devices=[1,2]", "prompt=800", "output=100"]


def typed(words, relax):
    """The words with what would have to be asked."""
    keys = {word.partition("=")[0] for word in relax}
    kept = [word for word in words if word.partition("=")[0] not in keys | set(relax)]
    return [*kept, *(f"{word}={value:.4g}" for word, value in relax.items())]


@pytest.mark.parametrize(
    "words",
    [
        [*CARDS, "target.tpot=0.0041"],
        [*CARDS, "target.tpot=0.0041", "quality=0.999", "confidence=0.8"],
        [*CARDS, "budget.usd=123", "target.ttft=0.0123"],
        [*CARDS, "budget.watt=33", "budget.usd_per_hour=0.01"],
        [*SERVERS, "rate=1234"],
        [*SERVERS, "rate=321", "target.ttft=0.7", "target.tpot=0.04", "target.percentile=90", "confidence=0.8"],
        [*SERVERS, "rate=321", "target.tpot=0.0001"],
        [*SERVERS, "rate=2", "target.tpot=0.0011", "target.ttft=0.011"],
        [*SERVERS, "concurrency=300", "target.tpot=0.0051"],
    ],
)
def test_what_the_nearest_would_do_with_is_enough(words):
    result = planned(*words)
    assert result.rows == () and result.relax and "memory" not in result.relax
    again = planned(*typed(words, result.relax))
    assert result.nearest is not None
    assert again.rows, result.relax
    assert result.nearest.words[:2] in [row.words[:2] for row in again.rows]


def test_what_does_not_fit_is_not_the_nearest_where_anything_fits():
    words = ["model=qwen3_32b", "hw=rtx_3060_12gb", "devices=1", "axes.opt=[[q2_k],[q4_k_m]]", "also=offload",
             "offload.hw=ryzen_9_7950x_cpu", "target.tpot=0.04"]  # fmt: skip
    result = planned(*words)
    assert set(result.relax) == {"target.tpot"}
    alone = planned(*(word for word in words if "offload" not in word), "also=none")
    assert alone.relax["memory"] > 1


def test_a_saturated_design_is_said_to_serve_less_instead_of_times_without_bound(capsys):
    from life_jax.terminal import plan_tables

    plan_tables.show(planned(*SERVERS, "rate=1234", "target.tpot=0.05"))
    printed = capsys.readouterr().out
    assert "it would do with rate=" in printed and "=inf" not in printed
    assert "meets: -" not in printed and "regret USD: -" not in printed
