"""Lists of points: what they promise, and that a sweep over them is a loop over them."""

import numpy as np
import pytest
import xarray as xr

import life_jax as life
from life_jax.forecasting.metrics import forecast
from life_jax.grid import sampling
from life_jax.grid.sampling import Points, Span

SPANS = (("a", Span(2.0, 4.0)), ("b", Span(1.0, 1000.0, log=True)))
DRAWN = ["hw=v100", "engine=ideal", "dtype=float64", "axes.bandwidth_gb_per_s=loguniform(100,4000)",
         "axes.peak_tflops.fp16=uniform(10,1000)", "axes.prompt_tokens=[64,2048]", "axes.batch=[4]"]  # fmt: skip


@pytest.mark.parametrize("kind", sampling.SAMPLERS)
def test_points_lie_between_their_bounds_and_are_the_same_however_they_are_asked_for(kind):
    points = Points(kind, 3000, 7, SPANS)
    every = points.at(np.arange(3000))
    for name, span in SPANS:
        assert (every[name] >= span.low).all() and (every[name] <= span.high).all()
        assert len(np.unique(every[name])) > 2900
    index = np.random.default_rng(0).integers(0, 3000, 50)
    for name, values in points.at(index).items():
        np.testing.assert_array_equal(values, every[name][index])
    again, other = Points(kind, 3000, 7, SPANS), Points(kind, 3000, 8, SPANS)
    np.testing.assert_array_equal(again.values("b", index), every["b"][index])
    assert (other.values("b", index) != every["b"][index]).any()


def test_a_latin_hypercube_has_one_point_in_each_part_of_each_range():
    points = Points("lhs", 500, 1, SPANS).at(np.arange(500))
    linear = np.floor((points["a"] - 2) / 2 * 500)
    log = np.floor(np.log(points["b"]) / np.log(1000) * 500)
    assert sorted(linear) == sorted(log) == list(range(500))


def test_random_points_are_even_over_blocks_and_need_no_memory():
    points = Points("random", 10**12, 3, SPANS)
    index = np.arange(sampling.DRAWN_TOGETHER - 5000, sampling.DRAWN_TOGETHER + 5000)
    a = points.values("a", index)
    assert abs(a.mean() - 3) < 0.03 and abs(a.std() - 2 / np.sqrt(12)) < 0.01
    assert abs(np.corrcoef(a[:-1], a[1:])[0, 1]) < 0.05
    assert points.values("b", np.array([10**12 - 1])).shape == (1,)


@pytest.mark.parametrize("kind", sampling.SAMPLERS)
def test_a_drawn_sweep_equals_a_loop_over_its_points(kind):
    study = life.load([*DRAWN, f"sample={kind}(20)"])
    ds = life.evaluate(study)
    assert ds.ttft.dims == ("model", "hw", "opt", "prompt_tokens", "batch", "point")
    assert "point" not in ds.coords
    assert ds.bandwidth_gb_per_s.dims == ("point",) and ds.bandwidth_gb_per_s.units == "GB s-1"
    case = study.cases[0]
    for at in (0, 11, 19):
        for prompt in (64, 2048):
            one = ds.isel(point=at).sel(prompt_tokens=prompt, batch=4).squeeze()
            values = {"peak_tflops.fp16": one.peak_tflops_fp16, "bandwidth_gb_per_s": one.bandwidth_gb_per_s,
                      "prompt_tokens": prompt, "batch": 4}  # fmt: skip
            scenario = case.scenario
            for parameter in case.parameters:
                scenario = parameter.set(scenario, float(values[parameter.key]))
            expected = forecast(scenario, ("ttft", "tpot"))
            assert float(one.ttft) == pytest.approx(float(expected["ttft"]), rel=1e-12)
            assert float(one.tpot) == pytest.approx(float(expected["tpot"]), rel=1e-12)


def test_a_drawn_sweep_is_written_and_shown(shell, tmp_path):
    words = [*DRAWN, "sample=lhs(300)", "out=drawn.nc"]
    done = shell("sweep", *words)
    assert done.status == 0, done.err
    assert "600 points" in done.out and "bandwidth" in done.out
    with xr.open_dataset(tmp_path / "drawn.nc") as ds:
        xr.testing.assert_identical(ds.drop_attrs(), life.evaluate(life.load(words)).drop_attrs())
        assert set(ds.ttft.coords) > {"bandwidth_gb_per_s", "peak_tflops_fp16"}


def test_the_front_of_drawn_points_says_which_they_are():
    words = [*DRAWN, "sample=random(5000)", "metrics=[ttft,price]"]
    whole = life.evaluate(life.load(words))
    front = life.evaluate(life.load([*words, "pareto=[ttft,tps]", "best=[ttft]", "free=[prompt]"]))
    assert front.sizes["point"] >= 1
    for i in range(front.sizes["point"]):
        one = front.isel(point=i)
        same = whole.isel(point=int(one["sample"])).sel(prompt_tokens=float(one.prompt_tokens)).squeeze()
        assert float(same.ttft) == float(one.ttft)
        assert float(same.bandwidth_gb_per_s) == float(one.bandwidth_gb_per_s)
    assert float(front.best_ttft.squeeze()) == float(whole.ttft.min())
    at = int(front.best_point.squeeze())
    assert float(front.best_bandwidth_gb_per_s.squeeze()) == float(whole.bandwidth_gb_per_s[at])


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ([], "sample= says how"),
        (["sample=lhs"], "how many points"),
        (["sample=lhs(0)"], "how many points"),
        (["sample=lhs(2.5)"], "how many points"),
        (["sample=latin(10)"], "latin"),
        (["sample=lhs(1e9)"], r"random\(n\) is not"),
        (["sample=lhs(10)", "seed=-1"], "seed=-1"),
        (["sample=lhs(10)", "axes.dispatch_us=uniform(3,1)"], "lower one first"),
        (["sample=lhs(10)", "axes.dispatch_us=uniform(3)"], "two finite numbers"),
        (["sample=lhs(10)", "axes.dispatch_us=loguniform(0,1)"], "above 0"),
        (["sample=lhs(10)", "axes.dispatch_us=uniform(-1,1)"], "dispatch_us"),
        (["sample=lhs(10)", "reduce=count", "by=[bandwidth_gb_per_s]"], "by="),
    ],
)
def test_lists_that_make_no_sense_are_refused(words, reason):
    with pytest.raises(life.ConfigError, match=reason):
        life.load([*DRAWN, *words])


def test_a_sample_without_anything_to_draw_is_refused():
    with pytest.raises(life.ConfigError, match="nothing to draw"):
        life.load(["hw=v100", "sample=lhs(10)"])
    with pytest.raises(life.ConfigError, match="seed= goes with sample="):
        life.load(["hw=v100", "seed=3"])
