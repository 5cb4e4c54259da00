"""Lazy datasets: any slice is what the whole evaluation has there, and nothing is kept but the question."""

import json

import numpy as np
import pytest
import xarray as xr

import life_jax as life
from life_jax.grid import eager, kernel
from life_jax.studies import lazy

WORDS = ["hw=[v100,a100]", "engine=ideal", "axes.opt=[[],[int4]]", "dtype=float64", "axes.prompt_tokens=[64,512,1024]",
         "axes.batch=[1,4,8]", "axes.bandwidth_gb_per_s=geomspace(100,4000,7)", "metrics=[ttft,tps,fits_memory]",
         "elasticity=[bandwidth_gb_per_s,dispatch_us]"]  # fmt: skip
SLICES = [
    {},
    {"hw": 1, "batch": 2},
    {"opt": [1], "bandwidth_gb_per_s": slice(5, 1, -2), "prompt_tokens": [2, 0]},
    {"hw": 0, "opt": 1, "model": 0, "prompt_tokens": 1, "batch": 0, "bandwidth_gb_per_s": 3},
    {"batch": []},
]


@pytest.fixture(scope="module")
def whole():
    return life.evaluate(life.load(WORDS))


@pytest.mark.parametrize("places", SLICES, ids=str)
def test_a_slice_is_that_of_the_whole(whole, places):
    ds = life.lazily(life.load(WORDS))
    got, expected = ds.isel(places).load(), whole.isel(places)
    assert got.attrs.keys() == expected.attrs.keys()
    xr.testing.assert_allclose(got.drop_attrs(), expected.drop_attrs(), rtol=1e-14)


def test_labels_and_pointwise_places_work_too(whole):
    ds = life.lazily(life.load(WORDS))
    one = ds.elasticity.sel(metric="ttft", parameter="bandwidth_gb_per_s", hw="a100", opt="int4", batch=8)
    np.testing.assert_allclose(one, whole.elasticity.sel(metric="ttft", parameter="bandwidth_gb_per_s", hw="a100",
                                                         opt="int4", batch=8), rtol=1e-13)  # fmt: skip
    pairs = {"batch": xr.DataArray([0, 2], dims="pair"), "prompt_tokens": xr.DataArray([1, 2], dims="pair")}
    np.testing.assert_allclose(ds.ttft.isel(pairs), whole.ttft.isel(pairs), rtol=1e-14)


def test_a_small_slice_is_not_compiled_and_large_ones_of_about_one_size_share_a_compilation(monkeypatch):
    study = life.load([*WORDS[:-2], "metrics=[ttft]", "axes.dispatch_us=linspace(1,9,2000)"])
    ds = life.lazily(study)
    for most, compilations in ((eager.MOST_POINTS, 0), (0, 1)):
        monkeypatch.setattr(eager, "MOST_POINTS", most)
        for count in (1030, 1500, 1999):
            ds.ttft.isel(hw=0, batch=0, prompt_tokens=0, bandwidth_gb_per_s=0, opt=0, dispatch_us=slice(count)).load()
        assert kernel.kernel(study.cases[0].forecaster(study.metrics)).compilations == compilations


def test_a_grid_larger_than_any_disk_opens_and_a_slice_too_large_is_refused():
    words = ["hw=v100", "engine=ideal", *(f"axes.{key}=linspace(1,100,5000)" for key in (
        "prompt_tokens", "batch", "bandwidth_gb_per_s", "dispatch_us"))]  # fmt: skip
    ds = life.lazily(life.load(words))
    assert ds.ttft.size == 5000**4
    assert float(ds.ttft.isel(batch=7, prompt_tokens=9, bandwidth_gb_per_s=0, dispatch_us=-1).squeeze()) > 0
    with pytest.raises(MemoryError, match="slice it first"):
        ds.ttft.isel(batch=0).load()


def test_a_lazy_result_is_written_reopened_and_refused_where_it_means_something_else(shell, tmp_path, whole):
    done = shell("sweep", *WORDS, "lazy=true", "out=q.nc")
    assert done.status == 0, done.err
    assert done.file.stat().st_size < 100_000
    ds = life.reopen(done.file)
    xr.testing.assert_allclose(ds.load().drop_attrs(), whole.drop_attrs(), rtol=1e-14)
    assert "complete already" in shell("sweep", *WORDS, "lazy=true", "out=q.nc").out
    assert "another question" in shell("sweep", *WORDS, "out=q.nc").error
    with xr.open_dataset(done.file) as ds:
        changed = ds.load().assign_attrs(words=json.dumps([*WORDS, "workload.output_tokens=3"]))
    changed.to_netcdf(tmp_path / "other.nc")
    with pytest.raises(life.ConfigError, match="other code"):
        life.reopen(tmp_path / "other.nc")
    changed.drop_attrs().to_netcdf(tmp_path / "none.nc")
    with pytest.raises(life.ConfigError, match="not a lazy result"):
        life.reopen(tmp_path / "none.nc")


@pytest.mark.parametrize("more", ["reduce=count", "shard=1/2", "compress=zstd", "out=a.zarr"])
def test_lazy_goes_with_whole_grids_only(more):
    with pytest.raises(life.ConfigError, match="lazy=true keeps no numbers"):
        life.load([*WORDS[:-1], "lazy=true", more])


def test_a_reduced_study_is_not_lazy():
    with pytest.raises(life.ConfigError, match="keeps no points"):
        lazy.lazily(life.load(["hw=v100", "reduce=count"]))
