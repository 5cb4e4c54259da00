"""A forecast of which nothing like it was measured says so, and its interval is wider."""

import numpy as np
import pytest
import xarray as xr
from laws import in_numpy

from life_jax.config import engine_fit, support
from life_jax.config.schema import paths
from life_jax.config.support import BATCH, CONTEXT, ENGINE, EXPERTS, NEWER, PAIR, Build

ENDS = "metrics=[ttft,ttft_low,ttft_high,tpot,tpot_low,tpot_high,extrapolated]"
MEASURED = {
    "fast_2024": {"newest": 2024.5, "classes": {"gpu": {"prefill": [4096, 1, False], "decode": [8192, 32, True]}}},
    "fast": {"newest": 2026.0, "classes": {"gpu": {"decode": [2048, 1, False]}}},
    "slow": {"classes": {"cpu": {"decode": [512, 1, False]}}},
}


def why(time: str, *build) -> list[str]:
    return list(support.reasons(Build(*build), time, MEASURED))


def test_what_was_not_measured_is_told_by_its_reason():
    assert why("ttft", "fast", "gpu", False) == []
    assert why("ttft", "other", "gpu", False) == [ENGINE]
    assert why("ttft", "fast", "cpu", False) == [PAIR]
    assert why("ttft", "slow", "cpu", False) == [PAIR]  # its rows are of decode
    assert why("ttft", "fast", "gpu", True) == [EXPERTS]
    assert why("tpot", "fast", "gpu", True) == []
    assert why("e2e", "fast", "gpu", True) == [EXPERTS]


def test_builds_of_one_program_tell_of_each_other_but_each_has_a_newest():
    assert why("tpot", "fast_2024", "gpu", False, 2024.7) == []
    assert why("tpot", "fast_2024", "gpu", False, 2024.8) == [NEWER]
    assert why("tpot", "fast", "gpu", False, 2026.2) == []
    assert why("tpot", "slow", "cpu", False, 2030.0) == []  # no row of it says when it was measured
    of = support.support(Build("fast", "gpu", False), "tpot", MEASURED, {})
    assert (of.context, of.batch) == (8192, 32)


def test_measurements_of_every_engine_are_of_the_generic_one():
    assert why("tpot", "generic", "cpu", False) == []
    assert why("tpot", "generic", "npu", False) == [PAIR]
    assert support.measured(Build("generic", "gpu", False), "decode", MEASURED) == support.Range(8192, 32, True)


def test_a_whole_request_is_as_far_beyond_as_the_worse_of_its_steps():
    factors = {PAIR: {"ttft": 1.5, "tpot": 1.2}, CONTEXT: {"ttft": 2.0, "tpot": 3.0}, BATCH: {"ttft": 0.5}}
    of = support.support(Build("fast", "cpu", False), "e2e", MEASURED, factors)
    assert (of.unlike, of.wider, of.wider_context, of.wider_batch) == (1, 1.5, 3.0, 1.0)
    assert (of.context, of.batch) == (4096, 1)


@pytest.mark.parametrize(
    "date, year", [("2025", 2025.5), ("2025-01", 2025 + 0.5 / 12), ("2025-12-31", 2025 + 11.5 / 12)]
)
def test_a_date_is_a_year(date, year):
    assert support.year_of(date) == pytest.approx(year)
    assert support.year_of("unknown") is None


def test_the_shipped_facts_are_of_engines_classes_and_reasons_that_exist():
    classes = set(paths.choices("efficiency"))
    for engine, facts in engine_fit.fits().items():
        assert engine in paths.choices("engine") and set(facts["classes"]) <= classes, engine
    assert set(support.widening()) == set(support.REASONS)
    assert all(f >= 1 for of in support.widening().values() for f in of.values())


def ratio(ds: xr.Dataset, name: str) -> np.ndarray:
    return (ds[f"{name}_high"] / ds[f"{name}_low"]).values.ravel()


def test_intervals_widen_beyond_the_longest_context_and_the_largest_batch_and_nowhere_else():
    of = support.supports(Build("llama_cpp_cuda", "gpu_consumer", False))
    most = [of["ttft"].context, of["ttft"].context + 1]
    ds = in_numpy("hw=rtx_4090", "engine=llama_cpp_cuda", "model=llama3_8b", "batch=1", f"axes.prompt={most}", ENDS)
    inside, beyond = np.log(ratio(ds, "ttft"))
    assert beyond / inside == pytest.approx(of["ttft"].wider_context)
    most = [of["tpot"].batch, of["tpot"].batch + 1]
    ds = in_numpy("hw=rtx_4090", "engine=llama_cpp_cuda", "model=llama3_8b", "prompt=512", f"axes.batch={most}", ENDS)
    inside, beyond = np.log(ratio(ds, "tpot"))
    assert beyond / inside == pytest.approx(of["tpot"].wider_batch)
    assert max(f for reason in (CONTEXT, BATCH) for f in support.widening()[reason].values()) > 1
    assert ds.extrapolated.values.ravel().tolist()[1]


def test_an_engine_of_no_measurement_is_wider_than_that_of_its_class():
    ours, other = (
        in_numpy("hw=a100", f"engine={name}", "prompt=512", "batch=1", ENDS) for name in ("generic", "sglang")
    )
    assert not ours.extrapolated.item() and other.extrapolated.item()
    wider = np.log(ratio(other, "ttft")) / np.log(ratio(ours, "ttft"))
    assert wider == pytest.approx(support.widening()[ENGINE]["ttft"])


def test_a_datasheet_bound_is_no_extrapolation():
    assert not in_numpy("hw=a100", "engine=ideal", "prompt=512", "batch=4096", ENDS).extrapolated.item()


def test_tables_mark_what_files_say(life):
    words = ["hw=rtx_4090", "engine=llama_cpp_cuda", "model=llama3_1_8b", "axes.prompt=[512,100000]", "batch=1"]
    outcome = life("sweep", *words)
    lines = [line for line in outcome.out.splitlines() if line.split()[:1] in (["512"], ["100000"])]
    assert "*" not in lines[0] and "*" in lines[1]
    assert "* nothing like it was measured" in outcome.out and "prefill beyond" in outcome.err
    with xr.open_dataset(outcome.file) as ds:
        assert ds.extrapolated.values.ravel().tolist() == [0, 1]
        assert "not measured" in ds.attrs["warnings"]


def test_explain_says_what_was_not_measured(life):
    words = ["hw=rtx_4090", "engine=llama_cpp_cuda", "model=llama3_8b"]
    assert "Never measured" not in life("explain", *words).out
    assert "prefill beyond" in " ".join(life("explain", *words, "prompt=100000").out.split())
