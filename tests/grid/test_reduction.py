"""Reduced grids against the whole grid, reduced afterwards."""

import numpy as np
import pytest
import xarray as xr

import life_jax as life
from life_jax.grid import hypervolume, plan
from life_jax.studies.evaluation import compute
from life_jax.studies.loading import load

WORDS = [
    "hw=[v100,a100]", "axes.opt=[[],[int4]]", "model=[llama2_7b,llama3_8b]", "dtype=float64",
    "axes.prompt_tokens=[64,512,2048]", "axes.batch=[1,2,4,8,16,32]", "axes.bandwidth_gb_per_s=geomspace(100,4000,31)",
]  # fmt: skip
METRICS = "metrics=[ttft,throughput,price]"
FREE = "free=[prompt_tokens,batch]"  # lengths and batch are choices like any other


@pytest.fixture(scope="module")
def whole() -> xr.Dataset:
    return life.evaluate(life.load([*WORDS,
        "metrics=[ttft,throughput,price,fits_memory]"]))  # fmt: skip


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(plan, "POINTS_PER_CHUNK", 200)
    monkeypatch.setattr(plan, "LONGEST_INNER", 40)


@pytest.mark.parametrize("by", [[], ["hw"], ["model", "opt"], ["batch"], ["opt", "prompt_tokens"]])
def test_a_streamed_front_is_the_front_of_the_whole_grid(whole, small_chunks, by):
    streamed = life.evaluate(
        life.load([*WORDS, METRICS, "pareto=[ttft,throughput,price]", f"by=[{','.join(by)}]", FREE])
    )
    after = life.pareto(whole, minimize=["ttft", "price"], maximize=["throughput"], by=by)
    assert streamed.sizes["point"] == after.sizes["point"] > 3
    for name in ("ttft", "throughput", "price", "knee"):
        np.testing.assert_allclose(streamed[name], after[name], rtol=1e-12)
    for dim in ("hw", "opt", "batch", "bandwidth_gb_per_s"):
        np.testing.assert_array_equal(streamed[f"front_{dim}" if dim in by else dim], after[dim])
    _, first = np.unique(after.group, return_index=True)
    np.testing.assert_allclose(after.hypervolume[first], streamed.hypervolume.values.reshape(-1), rtol=1e-6)
    np.testing.assert_array_equal(after.hypervolume, after.hypervolume[first][after.group.values])


def test_every_point_of_a_front_says_which_design_it_is(whole):
    front = life.pareto(whole, minimize=["ttft"], maximize=["throughput"], by=[], within=whole.fits_memory)
    for i in range(front.sizes["point"]):
        one = front.isel(point=i)
        at = whole.sel({dim: one[dim].item() for dim in whole.sizes})
        assert float(at.ttft) == float(one.ttft)
        assert bool(at.fits_memory)


def test_best_quantiles_counts_and_histograms_are_those_of_the_whole_grid(whole, small_chunks):
    words = [*WORDS, METRICS, "best=[ttft,throughput]", "quantiles=[0.1,0.5]", "histogram=16", "by=[hw]", FREE]
    got = life.evaluate(life.load([*words, "limit.fits_memory=true", "limit.ttft=1.5"]))
    feasible = whole.where(whole.fits_memory & (whole.ttft <= 1.5))
    np.testing.assert_array_equal(got["count"], feasible.ttft.notnull().sum([d for d in whole.dims if d != "hw"]))
    for hw in ("v100", "a100"):
        one = feasible.sel(hw=hw).stack(p=[d for d in whole.dims if d != "hw"]).dropna("p")
        assert float(got.best_ttft.sel(objective="ttft", hw=hw)) == pytest.approx(float(one.ttft.min()), rel=1e-12)
        most = float(got.best_throughput.sel(objective="throughput", hw=hw))
        assert most == pytest.approx(float(one.throughput.max()), rel=1e-12)
        winner = one.isel(p=int(one.throughput.argmax()))
        assert str(got.best_opt.sel(objective="throughput", hw=hw).item()) == str(winner.opt.item())
        assert float(got.best_batch.sel(objective="throughput", hw=hw)) == float(winner.batch)
        for q in (0.1, 0.5):
            expected = float(np.quantile(one.throughput, q, method="inverted_cdf"))
            assert float(got.quantile_throughput.sel(quantile=q, hw=hw)) == pytest.approx(expected, rel=2**-11)
        assert int(got.histogram_ttft.sel(hw=hw).sum()) == one.sizes["p"]
        # a fine bin may straddle an edge: what lies within one of it may be on either side
        below = np.cumsum(got.histogram_ttft.sel(hw=hw).values)[:-1]
        edges, values = got.edges_ttft.values[1:-1, None], one.ttft.values
        assert ((values < edges * (1 - 2**-11)).sum(axis=1) <= below).all()
        assert ((values <= edges * (1 + 2**-11)).sum(axis=1) >= below).all()


def test_a_volume_that_would_take_too_long_is_missing_and_says_why(monkeypatch):
    words = [*WORDS, "engine=ideal", METRICS, "pareto=[ttft,throughput,price]", "by=[batch]", FREE]
    known = life.evaluate(life.load(words))
    assert known.hypervolume.notnull().all() and "missing" not in known.hypervolume.attrs
    points = np.array([int((known.front_batch == batch).sum()) for batch in known.batch])
    most = int(np.median(points))
    monkeypatch.setitem(hypervolume.LARGEST_FRONTS, 3, most)
    cut = life.evaluate(life.load(words))
    assert 0 < (points > most).sum() < len(points)
    np.testing.assert_array_equal(cut.hypervolume.isnull(), points > most)
    few = points <= most
    np.testing.assert_array_equal(cut.hypervolume.values[few], known.hypervolume.values[few])
    assert f"over {most} points (the longest has {points.max()})" in cut.hypervolume.attrs["missing"]


def test_the_grid_is_not_kept():
    """A sink that keeps a few columns of a chunk and the front: what it holds does not grow with the grid."""
    held = []
    for n in (20, 400):
        study = load(["hw=v100", "pareto=[ttft,throughput]", f"axes.bandwidth_gb_per_s=geomspace(100,4000,{n})",
                      "axes.batch=geomspace(1,64,50)", FREE])  # fmt: skip
        answer = life.evaluate(study)
        held.append(answer.nbytes)
    assert held[1] < 10 * held[0]


def test_a_reduced_sweep_writes_its_answer_and_prints_it(life, tmp_path):
    words = [
        "hw=[v100,a100]",
        "metrics=[ttft,tpot]",
        "pareto=[tpot,throughput]",
        "limit.ttft=0.5",
        "out=front.nc",
        FREE,
    ]
    first = life("sweep", *words)
    assert first.status == 0, first.err
    assert first.file.name == "front.nc"
    assert "feasible" in first.out
    with xr.open_dataset(first.file) as ds:
        assert set(ds.throughput.dims) == {"point"}
        assert bool((ds.ttft <= 0.5).all())
        assert ds.knee.sum() == 1
        assert {"hw", "batch", "prompt_tokens"} <= set(ds.coords)
    again = life("sweep", *words)
    assert "complete already" in again.out
    assert sorted(p.name for p in tmp_path.iterdir()) == ["front.nc"]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["pareto=[ttft]"], "two metrics"),
        (["pareto=[ttft,bound]"], "better"),
        (["pareto=[ttft,thruput]"], "throughput"),
        (["reduce=[frnt]"], "frnt"),
        (["limit.ttft=0.5"], "goes with"),
        (["best=ttft", "limit.ttft=-1"], "0 or more"),
        (["best=ttft", "limit.fits_memory=false"], "true is needed"),
        (["best=ttft", "by=[hardware]"], "hardware"),
        (["quantiles=[2]"], "from 0 to 1"),
        (["histogram=0.5"], "number of bins"),
        (["best=ttft", "elasticity=true"], "keeps none"),
    ],
)
def test_reductions_that_make_no_sense_are_refused(words, reason):
    with pytest.raises(life.ConfigError, match=reason):
        life.load(["hw=v100", *words])


def test_the_labelled_front_names_what_is_missing(whole):
    with pytest.raises(ValueError, match="no variable 'tpot'"):
        life.pareto(whole, minimize=["tpot"])
    with pytest.raises(ValueError, match="by has 'card'"):
        life.pareto(whole, minimize=["ttft"], by=["card"])
    with pytest.raises(ValueError, match="needs minimize"):
        life.pareto(whole)


def test_compute_gives_a_reducer_every_point_once():
    study = load(["hw=v100", "reduce=count", "axes.batch=geomspace(1,9,777)"])
    seen = []

    class Sink:
        def put(self, block):
            seen.extend((name, block.start, len(values)) for name, values in block.columns.items())

    compute(study, Sink())
    assert sum(n for name, _, n in seen if name == "ttft") == study.template.points


def test_a_count_of_everything_is_one_number_in_a_table(life):
    done = life("sweep", "hw=v100", "engine=ideal", "reduce=count", "limit.ttft=0.5", "out=x.nc")
    assert done.status == 0, done.err
    with xr.open_dataset(done.file) as ds:
        assert ds["count"].ndim == 0 and 0 < int(ds["count"]) < 36
        assert str(int(ds["count"])) in done.out.split()
