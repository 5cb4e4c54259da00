"""Each fitted constant of an engine says which rows tell it, or that none does."""

import pytest

from life_jax.catalog import FITTED
from life_jax.config import conf_files, engine_fit


@pytest.mark.parametrize("engine", sorted(engine_fit.fits()))
def test_constants_that_rows_tell_are_those_of_the_file(engine):
    told = engine_fit.fits()[engine].get("told_by", {})
    assert told and set(told) <= set(FITTED)
    for name, (ttft, tpot, total, left) in told.items():
        assert ttft + tpot + total > 0 and 0 <= left <= 1, name
    assert {"memory_quality", "memory_quantized"} & set(told)  # every row of every engine reads weights


def test_catalog_shows_what_rows_tell_of_one_engine_and_names_the_rest(life):
    printed = life("catalog", "engine", "vllm_2023").out
    told = engine_fit.fits()["vllm_2023"]["told_by"]
    content = conf_files.content("engine", "vllm_2023")
    table, rest = printed.split("No row tells")
    for name in FITTED:
        if content.get(name) is not None:
            assert name in (table if name in told else rest)
    assert "variance left" not in life("catalog", "engine").out
