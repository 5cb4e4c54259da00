"""Pictures: what is drawn is what the numbers say; what cannot be drawn is refused."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

import life_jax as life
from life_jax.config import settings
from life_jax.forecasting.breakdown import decode_table
from life_jax.plotting import load_charts, pictures
from life_jax.terminal import results

WORDS = ["hw=[v100,a100]", "model=llama3_8b", "axes.opt=[[],[int4]]", "axes.batch=[1,4,16,64]",
         "axes.prompt_tokens=[64,512,4096]", "metrics=[ttft,tpot,throughput,decode_bound]"]  # fmt: skip


@pytest.fixture(scope="module")
def ds():
    return life.evaluate(life.load(WORDS))


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def test_operators_add_up_to_the_step():
    cases = life.load(["hw=[v100,a100]", "engine=vllm"]).cases
    ax = life.plot.operators(cases, "decode")
    ends = {}
    for bar in ax.patches:
        row = round(bar.get_y() + bar.get_height() / 2)
        ends[row] = max(ends.get(row, 0), bar.get_x() + bar.get_width())
    for row, case in enumerate(cases):
        step = decode_table(case.scenario).seconds
        assert ends[row] == pytest.approx(1e3 * step, rel=1e-9)


def test_no_dot_lies_above_its_roof():
    scenario = life.load(["hw=a100", "engine=generic", "workload.batch=8"]).scenario
    for step in ("prefill", "decode"):
        ax = life.plot.roofline(scenario, step)
        for dots in ax.collections:
            x, y = np.asarray(dots.get_offsets()).T
            roof = np.minimum(scenario.device.rates["linear"], x * scenario.device.bandwidth) / 1e12
            assert (y <= roof * 1.001).all()  # in TFLOP/s


def test_a_front_is_drawn_with_its_knees(ds):
    points = life.pareto(ds, minimize=["tpot"], maximize=["throughput"], by=["hw"])
    ax = life.plot.front(points, "tpot", "throughput", label=["opt", "batch"], behind=ds)
    drawn = {line.get_label(): line for line in ax.lines}
    for hw in ("v100", "a100"):
        mine = points.isel(point=np.flatnonzero(points.hw.values == hw))
        assert sorted(drawn[hw].get_xdata()) == sorted(mine.tpot.values)
    assert sum(line.get_marker() == "*" for line in ax.lines) == 2


def test_labels_of_a_crowded_front_lie_on_nothing():
    """Texts apart from one another, from the dots and from the legend, all within the axes; knees are tried first."""
    words = ["hw=[a100,h100_sxm,h200,l40s]", "model=llama3_8b", "engine=generic", "pareto=[tpot,throughput]", "by=[hw]",
             "axes.batch=[1,2,3,4,6,8,12,16,24,32,48,64]", "axes.tensor_parallel=[1,2,4]",
             "workload.prompt_tokens=512", "free=[batch]"]  # fmt: skip
    points = life.evaluate(life.load(words))
    ax = life.plot.front(points, "tpot", "throughput", colour="hw", label=["tensor_parallel", "batch"])
    ax.figure.draw_without_rendering()
    renderer = ax.figure.canvas.get_renderer()
    boxes = [text.get_window_extent(renderer) for text in ax.texts]
    dots = ax.transData.transform(np.column_stack([points.tpot.values, points.throughput.values]).astype(float))
    assert 4 <= len(boxes) < points.sizes["point"]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    assert not any(
        box.count_contains(dots) or box.overlaps(ax.get_legend().get_window_extent(renderer)) for box in boxes
    )
    assert all(ax.bbox.x0 < box.x0 and box.x1 < ax.bbox.x1 for box in boxes)


def test_heat_maps_devices_and_tornados(ds):
    one = ds.sel(hw="v100", opt="none")
    ax = life.plot.heatmap(one, "tpot", "prompt_tokens", "batch")
    np.testing.assert_array_equal(ax.collections[0].get_array().reshape(4, 3), one.tpot.squeeze().values.T)
    ax = life.plot.devices(ds.sel(batch=4, prompt_tokens=512), "ttft", hue="opt")
    assert len(ax.patches) == 4
    e = life.evaluate(life.load(["hw=v100", "elasticity=[bandwidth_gb_per_s,peak_tflops]", "workload.batch=1",
                                 "workload.prompt_tokens=512"]))  # fmt: skip
    ax = life.plot.tornado(e, ["ttft", "tpot"])
    assert [t.get_text() for t in ax.get_yticklabels()][-1] in ("memory bandwidth", "compute rate")
    with pytest.raises(ValueError, match="select all but"):
        life.plot.heatmap(ds, "tpot", "prompt_tokens", "batch")
    with pytest.raises(ValueError, match="prefill"):
        life.plot.roofline(life.load(["hw=v100"]).scenario, "warm-up")


def test_an_interval_is_what_the_spread_of_the_fit_says():
    words = ["hw=[v100,a100]", "engine=generic", "workload.batch=1", "workload.prompt_tokens=64"]
    ds = life.evaluate(life.load([*words, "metrics=[tpot,tpot_low,tpot_high]", "dtype=float64"]))
    spread = life.load(words).cases[0].scenario.engine.spreads["tpot"]
    np.testing.assert_allclose(ds.tpot_high / ds.tpot, np.exp(1.2816 * spread))
    np.testing.assert_allclose(ds.tpot_low * ds.tpot_high, ds.tpot**2)
    ax = life.plot.interval(ds, "tpot")
    assert len(ax.get_yticklabels()) == 2
    with pytest.raises(ValueError, match="add it to metrics"):
        life.plot.interval(ds, "ttft")


def test_the_command_line_writes_pictures_beside_the_file(life, tmp_path):
    words = ["hw=[v100,a100]", "pareto=[tpot,throughput]", "by=[hw]", "out=f.nc", "plot=[front,roofline.svg]"]
    done = life("sweep", *words)
    assert done.status == 0, done.err
    names = {"f_front.png", "f_roofline.svg", "f.nc"}
    assert {p.name for p in tmp_path.iterdir()} == names
    assert done.out.splitlines()[-1].endswith("f.nc")
    assert (
        life("sweep", "hw=v100", "elasticity=[dispatch_us]", "plot=[tornado,heatmap,devices]", "out=e.nc").status == 0
    )


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["plot=front"], "pareto="),
        (["plot=tornado"], "elasticity"),
        (["plot=picture"], "picture"),
        (["plot=roofline.bmp"], "bmp"),
        (["plot=heatmap", "best=ttft"], "whole grid"),
    ],
)
def test_pictures_of_what_is_not_there_are_refused_before_anything_is_computed(words, reason):
    with pytest.raises(life.ConfigError, match=reason):
        life.load(["hw=v100", *words])


def test_the_words_of_plot_are_what_is_drawn():
    assert (tuple(pictures.DRAWINGS), pictures.PICTURE_FORMATS) == (settings.PICTURES, settings.PICTURE_FORMATS)
    assert settings.REPORT == pictures.REPORT


def _result(ds, cases, **more):
    return pictures.Result(ds, cases, about=["llama3_8b", "128 output tokens"], **more)


def test_pictures_say_what_they_are_of_and_show_the_point_that_was_asked_for(ds):
    cases = life.load(WORDS).cases
    places = {"opt": 1, "batch": 2, "prompt_tokens": 1}
    figure = pictures.DRAWINGS["devices"](_result(ds, cases, places=places))
    assert figure.get_suptitle() == "llama3_8b  |  128 output tokens  |  prompt 512  |  batch 16"
    wanted = ds.ttft.sel(prompt_tokens=512, batch=16).values.ravel()
    assert sorted(bar.get_width() for bar in figure.axes[0].patches) == pytest.approx(sorted(wanted))


@pytest.mark.parametrize("name", ["heatmap", "roofline"])
def test_every_device_has_its_own_panel_unless_one_was_asked_for(name, ds):
    cases = life.load(WORDS).cases
    both = pictures.DRAWINGS[name](_result(ds, cases)).axes
    one = pictures.DRAWINGS[name](_result(ds, cases, places={"hw": 1}, chosen=["hw"])).axes
    assert len(both) == 2 * len(one)


def test_operators_are_of_the_point_and_not_of_the_file(ds):
    cases = life.load(WORDS).cases
    few, many = (_result(ds, cases, places={"prompt_tokens": place}).scenarios() for place in (0, 2))
    assert [case.label for case in few] == ["v100", "a100"]
    assert few[0].scenario.workload.prompt_tokens == 64 and many[0].scenario.workload.prompt_tokens == 4096


def test_a_front_of_three_objectives_is_points_without_lines():
    study = life.load([*WORDS[:4], "pareto=[tpot,throughput,price]", "prompt=512", "free=[batch]"])
    front = life.evaluate(study)
    for objectives, style in ((("tpot", "throughput"), "-"), (("tpot", "throughput", "price"), "None")):
        axes = pictures.DRAWINGS["front"](_result(front, study.cases, objectives=objectives)).axes[0]
        assert {line.get_linestyle() for line in axes.lines if line.get_marker() != "*"} == {style}
    assert any("batch" in label.get_text() for label in axes.texts)


def test_axes_are_in_units_that_people_read(ds):
    axes = pictures.DRAWINGS["devices"](_result(ds, life.load(WORDS).cases)).axes[1]
    assert axes.get_xlabel() == "TPOT [ms]"
    axes.figure.draw_without_rendering()
    shown = [float(label.get_text()) for label in axes.get_xticklabels()]
    assert max(shown) > 1 and shown == pytest.approx([1e3 * tick for tick in axes.get_xticks()], rel=2e-2, abs=1e-6)


def test_pictures_call_devices_and_models_by_the_names_of_the_products(ds):
    study = life.load(WORDS)
    names = results.products(study)
    assert names["hw"]["v100"].startswith("Tesla V100") and names["model"]["llama3_8b"] == "Llama-3-8B"
    named = pictures.renamed(ds, names)
    figure = pictures.DRAWINGS["devices"](_result(named, study.cases, names=names))
    assert {label.get_text() for label in figure.axes[0].get_yticklabels()} == set(names["hw"].values())
    shown = pictures.Result(named, study.cases, names=names).scenarios()
    assert [case.label for case in shown] == list(names["hw"].values())


def test_a_title_breaks_between_its_parts(ds):
    figure = pictures.DRAWINGS["devices"](
        pictures.Result(ds, life.load(WORDS).cases, about=[f"part {n} of a long title" for n in range(12)])
    )
    lines = figure.get_suptitle().split("\n")
    assert len(lines) > 1 and all(line.startswith("part") or line.startswith("prompt") for line in lines)


def test_the_knee_is_where_a_time_is_twice_its_least():
    load = np.array([1.0, 2.0, 4.0, 8.0])
    assert load_charts.knee_of(load, np.array([1.0, 1.0, 1.0, 4.0])) == pytest.approx(4 * 2**0.5)
    assert load_charts.knee_of(load, np.array([1.0, 1.1, 1.2, 1.9])) is None


def test_attainment_counts_what_is_not_served_and_marks_where_a_percentile_is_crossed():
    ds = xr.Dataset(
        {"goodput": ("rate", [1.0, 2.0, 0.0, 0.0]), "request_rate": ("rate", [1.0, 2.0, 3.0, 3.0])},
        {"rate": ("rate", [1.0, 2.0, 4.0, 8.0], {"units": "s-1"})},
    )
    ax = plt.subplots()[1]
    load_charts.attainment(ds, ax, percentile=90.0)
    assert ax.lines[0].get_ydata().tolist() == [100, 100, 0, 0]
    assert ax.lines[1].get_xdata()[0] == pytest.approx(2 * 2**0.1)
