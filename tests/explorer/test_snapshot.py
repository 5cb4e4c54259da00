"""Pages without a server: the study's own numbers, whatever its labels, and nothing that is loaded."""

import html
import json
import re
from html.parser import HTMLParser

import browser
import numpy as np
import pytest

import life_jax
from life_jax.explorer import page, snapshot

PAIR = ["hw=[v100,a100]", "engine=ideal", "axes.opt=[[],[int4]]"]
GRID = [*PAIR, "axes.prompt_tokens=[64,256,1024]", "axes.batch=[1,8]"]
FRONT = [*PAIR, "prompt=64", "batch=2", "pareto=[tpot,throughput,price]"]


class Loads(HTMLParser):
    """What a page would fetch, and its elements."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.fetched, self.tags = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.fetched += [value for name, value in attrs if name in ("src", "srcset", "href")]


def carried(text: str) -> dict:
    return json.loads(re.search(r'<script type="application/json" id="snapshot">(.*?)</script>', text, re.DOTALL)[1])


def test_a_report_is_one_file_that_loads_nothing(life, tmp_path):
    outcome = life("sweep", *GRID, "plot=report", "out=g.nc")
    assert outcome.status == 0, outcome.err
    text = (tmp_path / "g_report.html").read_text(encoding="utf-8")
    loads = Loads(text)
    assert loads.fetched == ["data:,"] and "iframe" not in loads.tags
    assert "default-src 'none'" in text and "unsafe" not in text.split("</head>")[0].split("<style>")[0]
    assert len(text) < 1_000_000 and not list(tmp_path.glob("*.part"))
    assert life("sweep", *GRID, "plot=report", "out=g.nc").status == 0  # its own picture may be drawn again


def test_a_report_has_the_numbers_of_the_dataset():
    study = life_jax.load(GRID)
    ds = life_jax.evaluate(study)
    data = carried(snapshot.report(study, ds))
    order = [axis["key"] for axis in data["axes"]]
    assert {axis["key"]: axis["values"] for axis in data["axes"]} == {"prompt_tokens": [64, 256, 1024], "batch": [1, 8]}
    shape = (len(data["cells"]), *(len(axis["values"]) for axis in data["axes"]))
    for metric in ("ttft", "tpot", "memory"):
        values = np.array(data["values"][metric], float).reshape(shape)
        for i, cell in enumerate(data["cells"]):
            expected = ds[metric].sel(hw=cell["hw"], opt=cell["opt"]).squeeze().transpose(*order)
            assert values[i] == pytest.approx(expected.values, rel=1e-4)
    tables = data["where"]["tables"]
    at = data["where"]["axes"]
    assert len(tables) == 4 * np.prod([len(axis["values"]) for axis in at])
    last = ds.tpot.sel(hw="a100", opt="int4", prompt_tokens=1024, batch=8)
    assert tables[-1]["decode"]["seconds"] == pytest.approx(
        float(last.squeeze()), rel=0.05
    )  # first step, mean of steps
    assert len(data["where"]["elasticity"]) == len(tables)


def test_a_report_has_the_map_and_the_loads_of_what_the_words_say():
    study = life_jax.load(GRID)
    data = carried(snapshot.report(study, life_jax.evaluate(study)))
    fits, load = data["fits"], data["load"]
    for row in fits["cells"]:
        words = [f"hw={row['hw']}", f"model={row['model']}", "engine=ideal", "prompt=8192", "batch=4"]
        words += [f"opt={row['opt']}"] if row["opt"] != "none" else []
        at = life_jax.evaluate(life_jax.load([*words, "metrics=[tps,memory,fits_memory]"])).squeeze()
        place = fits["contexts"].index(8192), fits["batches"].index(4)
        for metric in ("tps", "memory"):
            assert row[metric][place[0]][place[1]] == pytest.approx(float(at[metric]), rel=1e-5)
        assert row["fits"][place[0]][place[1]] == bool(at.fits_memory)
    lengths, rates = load["axes"]["prompt_tokens"], load["rates"]
    cell = next(i for i, c in enumerate(data["cells"]) if (c["hw"], c["opt"]) == ("a100", "int4"))
    row = load["rows"][cell][-1]
    words = [
        "hw=a100",
        "model=llama2_7b",
        "opt=int4",
        "engine=ideal",
        f"prompt={lengths[-1]:g}",
        f"rate={rates[3]}",
        "output=128",
    ]
    metrics = life_jax.evaluate(life_jax.load(words, primary="serve")).squeeze()
    assert row["ttft_p90"][3] == pytest.approx(float(metrics.ttft_p90), rel=1e-4)
    assert rates[3] < row["capacity"] and row["knee"] is not None
    assert [x for x, rate in zip(row["ttft_p99"], rates, strict=True) if rate > row["capacity"] and x is not None] == []


def test_a_front_carries_every_design():
    study = life_jax.load(FRONT)
    front = life_jax.evaluate(study)
    data = carried(snapshot.report(study, front))
    assert data["views"] == ["trade"] and len(data["designs"]) == front.sizes["point"]
    assert sorted(d["tpot"] for d in data["designs"]) == pytest.approx(sorted(front.tpot.values.tolist()), rel=1e-5)


def test_a_large_grid_is_thinned_to_what_a_page_can_carry():
    study = life_jax.load(
        ["hw=v100", "engine=ideal", "axes.prompt_tokens=arange(1,401,1)", "axes.batch=arange(1,101,1)"]
    )
    thin = snapshot._thinned(study, snapshot.MOST_POINTS)
    assert len(thin["prompt_tokens"]) * len(thin["batch"]) <= snapshot.MOST_POINTS
    for key, values in thin.items():
        whole = study.axes[key]
        assert {values[0], values[-1]} == {whole[0], whole[-1]} and set(values) <= set(whole)


HOSTILE = "</script><script>document.title='broken'</script><!-- \u2028 <b>&amp;"


def test_texts_cannot_leave_their_data():
    text = page.whole({"title": HOSTILE})
    assert carried(text) == {"title": HOSTILE}
    assert text.count("<script") == 2 and HOSTILE not in text


def test_a_notebook_shows_the_page_in_a_frame_of_its_own():
    shown = life_jax.interactive(life_jax.load(GRID))
    frame = shown._repr_html_()
    (inner,) = re.findall(r'srcdoc="([^"]*)"', frame)
    assert 'sandbox="allow-scripts allow-downloads"' in frame and "same-origin" not in frame
    assert carried(html.unescape(inner))["views"] == ["compare", "fits", "where", "trade", "load"]
    assert "MB" in repr(shown)


@pytest.mark.parametrize("words", [FRONT, ["hw=v100", "axes.batch=uniform(1,8)", "sample=random(4)", "prompt=8"]])
def test_what_has_no_grid_is_refused_in_a_notebook(words):
    with pytest.raises(life_jax.ConfigError, match="grid"):
        life_jax.interactive(life_jax.load(words))


@pytest.mark.parametrize(
    ("words", "reason"),
    [(["plot=report.png"], "html"), (["plot=report", "best=ttft"], "Pareto front"), (["plot=reprot"], "report")],
)
def test_what_a_page_cannot_show_is_refused(words, reason):
    with pytest.raises(life_jax.ConfigError, match=reason):
        life_jax.load(["hw=v100", *words])


@pytest.mark.skipif(not browser.is_there(), reason="chromium, its driver and selenium are not here")
def test_a_page_without_a_server_works_in_a_browser_and_asks_for_nothing(tmp_path):
    study = life_jax.load(GRID)
    ds = life_jax.evaluate(study)
    (tmp_path / "report.html").write_text(snapshot.report(study, ds), encoding="utf-8")
    frame = life_jax.interactive(study)._repr_html_()
    (tmp_path / "notebook.html").write_text(f"<!DOCTYPE html><meta charset=utf-8>{frame}", encoding="utf-8")
    with browser.chromium() as driver:
        for name in ("report", "notebook"):
            driver.get(f"file://{tmp_path}/{name}.html")
            if name == "notebook":
                driver.switch_to.frame(0)
            browser.wait_quiet(driver)
            for view in ("where", "trade", "fits", "load", "compare"):
                driver.execute_script("LJ.go(arguments[0])", view)
                browser.wait_quiet(driver)
                assert driver.execute_script("return document.getElementById('error').textContent") == ""
            driver.execute_script("LJ.state.numbers.batch = 7; LJ.state.numbers.prompt_tokens = 900; LJ.update()")
            browser.wait_quiet(driver)
            rows = driver.execute_script("return LJ.answer.rows")
            for row in rows:
                at = ds.sel(hw=row["hw"], opt=row["opt"], prompt_tokens=1024, batch=8).squeeze()
                assert row["values"]["tpot"] == pytest.approx(float(at.tpot), rel=1e-4)
        asked = [json.loads(line["message"])["message"] for line in driver.get_log("performance")]
        urls = [m["params"]["request"]["url"] for m in asked if m["method"] == "Network.requestWillBeSent"]
        assert [url for url in urls if not url.startswith(("file:", "data:", "about:", "blob:"))] == []
        assert [line for line in driver.get_log("browser") if line["level"] == "SEVERE"] == []
