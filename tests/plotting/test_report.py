"""plot=report: one page that holds everything itself."""

import re
from html.parser import HTMLParser

import pytest

import life_jax as package

pytest.importorskip("plotly")
GRID = [
    "hw=[v100,a100]", "engine=ideal", "axes.prompt_tokens=[64,256,1024]", "axes.batch=[1,8]", "elasticity=true",
    "plot=report",
]  # fmt: skip


class Loads(HTMLParser):
    """What a page would fetch, its headings and the cells of its tables."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.fetched, self.headings, self.cells, self._inside = [], [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.fetched += [
            value for name, value in attrs if name in ("src", "srcset") or (tag == "link" and name == "href")
        ]
        self._inside = tag

    def handle_data(self, data):
        if self._inside in ("h1", "h2"):
            self.headings.append(data)
        if self._inside == "td":
            self.cells.append(data)
        self._inside = ""


def test_a_grid_becomes_one_page_that_loads_nothing(life, tmp_path):
    outcome = life("sweep", *GRID, "out=g.nc")
    assert outcome.status == 0, outcome.err
    text = (tmp_path / "g_report.html").read_text(encoding="utf-8")
    page = Loads(text)
    assert page.fetched == []
    assert "Elasticities" in page.headings
    assert "time to first token" in page.headings
    assert "prefill: time by operator" in page.headings
    assert text.count("Plotly.newPlot(") >= 5
    assert not list(tmp_path.glob("*.part"))


def test_the_overview_has_the_numbers_of_the_dataset(life, tmp_path):
    words = ["hw=v100", "engine=ideal", "workload.prompt_tokens=100", "workload.batch=2"]
    assert life("sweep", *words, "plot=report", "out=g.nc").status == 0
    cells = Loads((tmp_path / "g_report.html").read_text(encoding="utf-8")).cells
    ds = package.evaluate(package.load(words))
    for metric in ("ttft", "tpot", "tps"):
        assert f"{float(ds[metric].squeeze()):.4g}" in cells


def test_a_front_shows_every_point_with_what_is_known_of_it(life, tmp_path):
    words = ["hw=[v100,a100]", "engine=ideal", "axes.opt=[[],[int4]]", "pareto=[tpot,throughput]"]
    assert life("sweep", *words, "plot=report", "out=p.nc").status == 0
    text = (tmp_path / "p_report.html").read_text(encoding="utf-8")
    front = package.evaluate(package.load(words))
    assert "Pareto front" in Loads(text).headings
    told = re.findall(r"throughput [0-9.e+]+", text.replace("\\u003cbr\\u003e", "\n"))
    assert len(told) == front.sizes["point"]


@pytest.mark.parametrize(
    ("words", "reason"),
    [(["plot=report.png"], "html"), (["plot=report", "best=ttft"], "Pareto front"), (["plot=reprot"], "report")],
)
def test_what_a_page_cannot_show_is_refused(words, reason):
    with pytest.raises(package.ConfigError, match=reason):
        package.load(["hw=v100", *words])
