"""What a result says of itself: where it comes from, in what units, and without a wall of text."""

import numpy as np
import pytest
import xarray as xr
import yaml

import life_jax as life

WORDS = ["hw=v100", "opt=int4", "axes.prompt=[64,128]", "axes.batch=[1,2.5]", "axes.dispatch_us=[4]", "metrics=[tpot]"]


@pytest.fixture(autouse=True)
def same_date(monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")


def test_a_result_says_what_it_is_and_how_it_was_asked_for():
    attributes = life.evaluate(life.load(WORDS)).attrs
    assert attributes["Conventions"].startswith("CF-")
    asked = "hw=v100 opt=int4 'axes.prompt=[64,128]' 'axes.batch=[1,2.5]' 'axes.dispatch_us=[4]' 'metrics=[tpot]'"
    assert attributes["history"] == f"1970-01-01T00:00:00+00:00 python -m life_jax.sweep {asked}"
    assert life.__version__ in attributes["source"]
    assert list(yaml.safe_load(attributes["config"])["hw"]) == ["v100"]


def test_words_that_change_no_number_are_not_in_the_history():
    """So that shards, clusters and one process write the same bytes."""
    plain = life.evaluate(life.load(WORDS)).attrs
    work = ["out=a.nc", "overwrite=true", "+compress=zstd", "shard=1/1", "sort=tpot", "at.batch=1"]
    assert life.evaluate(life.load([*WORDS, *work])).attrs == plain


def test_coordinates_are_whole_where_all_their_values_are(tmp_path):
    ds = life.evaluate(life.load(WORDS))
    assert {name: str(ds[name].dtype) for name in ("prompt_tokens", "batch", "dispatch_us")} == {
        "prompt_tokens": "int64", "batch": "float64", "dispatch_us": "int64",
    }  # fmt: skip
    whole = life.evaluate(life.load(["hw=v100", "axes.prompt=[64.0,1.28e2]"]))
    assert whole.prompt_tokens.values.tolist() == [64, 128]
    huge = life.evaluate(life.load(["hw=v100", "axes.output_tokens=[1e16]", "metrics=[ttft]"]))
    assert huge.output_tokens.dtype == np.float64


def test_a_file_has_the_coordinates_of_the_dataset(life, tmp_path):
    outcome = life("sweep", *WORDS, "out=f.nc")
    assert outcome.status == 0, outcome.err
    import life_jax

    with xr.open_dataset(tmp_path / "f.nc") as file:
        xr.testing.assert_identical(file.load(), life_jax.evaluate(life_jax.load([*WORDS, "out=f.nc"])))


def test_the_repr_of_a_result_fits_a_screen():
    ds = life.evaluate(life.load(WORDS))
    lines = repr(ds).splitlines()
    assert len(lines) <= 26 and max(map(len, lines)) < 100
    html = ds._repr_html_()
    section = html[html.rindex("<input", 0, html.index("Attributes: <span>")) :]
    assert "checked" not in section[: section.index(">")]  # closed until somebody looks for it
