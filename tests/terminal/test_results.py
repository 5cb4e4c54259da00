"""What is printed of a result: the metrics that were asked for, in the width of the terminal; rows for programs."""

import csv
import io
import json
import os
import pty
import re
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from places import ROOT

from life_jax.config.schema import paths
from life_jax.forecasting.metrics import METRICS

ONE_POINT = ("hw=v100", "workload.prompt_tokens=512", "workload.batch=1")
COMMANDS = {
    "the first one": "sweep +hw=v100 +opt=int4",
    "names of the hub": "sweep hw=[v100,a100] model=[meta-llama/Llama-3.1-70B-Instruct,qwen3_8b] axes.opt=[[],[int4]]",
    "many metrics": "sweep hw=a100 metrics=[tpot,tpot_low,tpot_high,throughput,memory,fits_memory,max_batch,energy]",
    "elasticities": "sweep hw=v100 elasticity=true at.batch=8",
    "a front": "sweep hw=[v100,h100_sxm] axes.opt=[[],[int4]] pareto=[tpot,throughput,price] limit.ttft=1",
    "best, by device": "sweep hw=[v100,h100_sxm] best=[tps,price] by=[hw] quantiles=[0.1,0.9] reduce=count",
    "drawn points": "sweep hw=v100 axes.bandwidth_gb_per_s=loguniform(100,4000) sample=lhs(100)",
    "a question": "sweep hw=v100 lazy=true",
    "operators": "explain hw=v100 opt=int4 model=deepseek_v2_lite",
    "a design": "design hw=h100_sxm model=llama3_8b target.ttft=0.2 target.tpot=0.005",
    **{f"catalog of {kind}": f"catalog {kind}" for kind in (
        "hw", "opt", "engine", "cost", "workload", "study", "metric", "axis",
    )},
    "catalog of models": "catalog model llama",
}  # fmt: skip


def _columns(line: str) -> list[str]:
    return re.split(r"  +", line.strip())


def _printed(life, words, width, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))
    outcome = life(*words.split())
    assert outcome.status == 0, outcome.err
    return outcome


def assert_fits(text: str, width: int) -> None:
    """No line is wider than the terminal but a path, and nothing is cut."""
    assert "…" not in text
    for line in text.splitlines():
        assert len(line) <= width or " " not in line.strip(), f"{len(line)}: {line}"


@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_prints_lines_beyond_the_terminal(command, life, monkeypatch):
    for width in (80, 120) if "design" not in command else (80,):  # which searches for seconds
        assert_fits(_printed(life, COMMANDS[command], width, monkeypatch).out, width)


@pytest.mark.parametrize("study", sorted(paths.studies(())))
def test_every_study_prints_the_metrics_that_it_asks_for(study, life, monkeypatch):
    outcome = _printed(life, f"sweep study={study}", 80, monkeypatch)
    assert_fits(outcome.out, 80)
    with xr.open_dataset(outcome.file) as ds:
        head = " ".join(outcome.out.split())
        asked = [
            n
            for n in ds.data_vars
            if n not in ("prefill_bound", "decode_bound", "memory", "fits_memory", "extrapolated")
        ]
        for name in asked:
            for word in name.replace("ttft", "TTFT").replace("tpot", "TPOT").replace("tps", "TPS").split("_"):
                assert word in head, name


def test_the_first_command_shows_every_number_with_its_unit(life, monkeypatch):
    outcome = _printed(life, "sweep +hw=v100 +opt=int4", 80, monkeypatch)
    title, head = outcome.out.splitlines()[0], next(x for x in outcome.out.splitlines() if x.startswith("prompt"))
    assert title.startswith("llama2_7b on v100 with int4  |  128 output tokens  |  engine generic")
    assert _columns(head)[:6] == ["prompt", "batch", "TTFT ms", "TPOT ms", "TPS tok/s", "fits"]
    with xr.open_dataset(outcome.file) as ds:
        row = next(line for line in outcome.out.splitlines() if line.split()[:2] == ["512", "1"]).split()
        point = ds.sel(prompt_tokens=512, batch=1).squeeze()
        assert float(row[2]) == pytest.approx(1e3 * float(point.ttft), rel=1e-3)
        assert float(row[4]) == pytest.approx(float(point.tps), rel=1e-3)


def test_the_file_holds_at_least_what_the_table_shows(life):
    outcome = life("sweep", *ONE_POINT)
    with xr.open_dataset(outcome.file) as ds:
        assert {"ttft", "tpot", "tps", "prefill_bound", "decode_bound", "memory", "fits_memory", "extrapolated"} == set(
            ds.data_vars
        )


def test_metrics_that_were_asked_for_are_the_columns_and_an_interval_is_one(life, monkeypatch):
    words = f"sweep {' '.join(ONE_POINT)} metrics=[throughput,tpot,tpot_low,tpot_high,max_batch]"
    outcome = _printed(life, words, 120, monkeypatch)
    lines = outcome.out.splitlines()
    head = next(i for i, line in enumerate(lines) if "throughput" in line)
    assert _columns(lines[head]) == ["throughput tok/s", "TPOT ms", "low..high ms", "max batch"]
    cells = _columns(lines[head + 2])
    low, high = map(float, cells[2].split(".."))
    assert low < float(cells[1]) < high
    with xr.open_dataset(outcome.file) as ds:
        assert 1e3 * float(ds.tpot_low.squeeze()) == pytest.approx(low, rel=5e-3)
        assert "memory" not in ds


@pytest.mark.parametrize("form", ["csv", "json", "md"])
def test_programs_get_rows_on_stdout_and_the_path_on_stderr(form, life):
    outcome = life("sweep", "hw=v100", "axes.batch=[1,8]", "workload.prompt_tokens=512", f"format={form}")
    path = outcome.err.strip().splitlines()[-1]
    with xr.open_dataset(outcome.folder / path) as ds:
        tpot = ds.tpot.values.ravel()
    if form == "csv":
        rows = list(csv.DictReader(io.StringIO(outcome.out)))
        assert [row["batch"] for row in rows] == ["1", "8"]
        assert {row["fits_memory"] for row in rows} <= {"true", "false"}
        np.testing.assert_allclose([float(row["tpot"]) for row in rows], tpot, rtol=1e-6)
    elif form == "json":
        rows = json.loads(outcome.out)
        assert rows[0]["model"] == "llama2_7b" and rows[0]["fits_memory"] is True
        assert rows[0]["decode_bound"] in ("compute", "memory", "dispatch", "link", "host")
        np.testing.assert_allclose([row["tpot"] for row in rows], tpot, rtol=1e-6)
    else:
        lines = outcome.out.splitlines()
        assert lines[0].startswith("| batch | TTFT ms |") and len(lines) == 4


def test_numbers_that_are_none_are_empty_or_null(life):
    words = ("sweep", "hw=life_max395_igpu", "engine=ideal", "workload.batch=1", "workload.prompt_tokens=32")
    assert next(csv.DictReader(io.StringIO(life(*words, "format=csv").out)))["ttft"] == ""
    assert json.loads(life(*words, "format=json").out)[0]["ttft"] is None
    assert json.loads(life(*words, "best=tps", "format=json").out)[0]["objective"] == "tps"


def test_rows_are_sorted_by_any_column_from_either_end(life):
    words = ("sweep", "hw=[v100,a100]", "format=json")
    everything = json.loads(life(*words).out)
    assert len(everything) == 72
    best = json.loads(life(*words, "sort=-tps", "top=3").out)
    assert [row["tps"] for row in best] == sorted((row["tps"] for row in everything), reverse=True)[:3]
    by_two = json.loads(life(*words, "sort=[-hw,tpot]").out)
    assert by_two == sorted(
        sorted(everything, key=lambda row: row["tpot"]), key=lambda row: row["hw"], reverse=True
    )  # fmt: skip


def test_top_and_rows_say_how_many_rows_a_table_has(life):
    def rows(*words):
        out = life("sweep", "hw=v100", *words).out
        return sum(bool(re.match(r"\s*\d+ +\d+ ", line)) for line in out.splitlines())

    assert [rows(), rows("rows=all"), rows("top=5"), rows("rows=7"), rows("sort=-tps")] == [18, 36, 5, 7, 24]


def test_a_result_too_large_to_be_sorted_whole_is_sorted_by_slabs(life, monkeypatch):
    from life_jax.terminal import result_rows

    words = ("sweep", "hw=[v100,a100]", "axes.bandwidth_gb_per_s=linspace(100,4000,97)", "format=csv", "top=7")
    whole = life(*words, "sort=-tps").out
    monkeypatch.setattr(result_rows, "MOST_ROWS", 100)
    monkeypatch.setattr(result_rows, "SLAB", 250)
    monkeypatch.setattr(result_rows, "FEW", 0)
    assert life(*words, "sort=-tps").out == whole
    assert "top=N" in life(*words, "sort=[hw,tps]").error


def test_a_csv_is_written_whole_or_not_at_all(life, tmp_path):
    words = ("sweep", "hw=v100", "out=rows.csv")
    outcome = life(*words)
    assert outcome.file == tmp_path / "rows.csv"
    text = outcome.file.read_text()
    assert text == life("sweep", "hw=v100", "format=csv").out
    assert "overwrite=true" in life(*words).error
    assert life(*words, "overwrite=true").status == 0 and outcome.file.read_text() == text
    assert not list(tmp_path.glob("*.new")) and not list(tmp_path.glob("*.part"))


def test_a_csv_of_a_reduction_is_its_one_table(life, tmp_path):
    words = ("sweep", "hw=[v100,a100]", "pareto=[tpot,throughput]", "free=[prompt,batch]")
    life(*words, "out=front.csv")
    rows = list(csv.DictReader((tmp_path / "front.csv").open()))
    assert {row["hw"] for row in rows} == {"a100"} and sum(row["knee"] == "true" for row in rows) == 1
    assert "several tables" in life(*words, "best=tps", "out=both.csv").error
    assert not (tmp_path / "both.csv").exists()


def test_more_rows_than_text_is_for_are_refused_before_anything_is_computed(life, tmp_path):
    words = ("hw=v100", "axes.bandwidth_gb_per_s=linspace(1,2,400000)")
    assert "rows are more than" in life("sweep", *words, "out=rows.csv").error
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "part"),
    [
        ("sort=mem", "did you mean memory"), ("sort=energy", "add it to metrics="), ("top=0", "1 or more"),
        ("rows=some", "1 or more or all"), ("format=xml", "format="), ("out=x.parquet", "NAME.csv"),
        ("out=x.csv lazy=true", "out=NAME.nc"), ("out=x.csv shard=1/2", "out=NAME.nc"),
        ("lazy=true sort=tps", "lazy=true"),
        ("at.batch=3", "at.batch="), ("at.colour=3", "at.: dimension"),
    ],
)  # fmt: skip
def test_what_cannot_be_shown_is_said_in_one_line(words, part, life):
    outcome = life("sweep", "hw=v100", *words.split(), *(["elasticity=true"] if "at." in words else []))
    assert outcome.status == 2
    assert part in outcome.err and len(outcome.err.splitlines()) <= 11


def test_a_front_names_the_choices_that_all_of_its_points_share(life):
    words = ("sweep", "hw=v100", "axes.opt=[[],[int4]]", "pareto=[tpot,throughput]", "limit.ttft=1", "free=[batch]")
    out = life(*words, "at.prompt=64").out
    title = out.split("\n\n")[0]
    assert "Pareto front" in title and "opt int4" in title and "prompt 64" in title
    assert "points feasible: ttft <= 1 s" in title
    assert "False" not in out and out.count("knee") == 1


def test_elasticities_of_the_ends_of_an_interval_do_not_stand_beside_those_of_its_middle(life):
    out = life("sweep", "hw=v100", "elasticity=true", "metrics=[tpot,tpot_low,tpot_high]").out
    assert "TPOT %" in out and "TPOT low" not in out.split("elasticities")[1]
    assert "TPOT low %" in life("sweep", "hw=v100", "elasticity=true", "metrics=[tpot_low]").out


def test_elasticities_are_printed_as_bars_of_the_point_that_was_asked_for(life):
    out = life("sweep", "hw=v100", "elasticity=true", "at.batch=8", "at.prompt_tokens=2048").out
    assert "elasticities  |  prompt 2048  |  batch 8" in out
    line = next(line for line in out.splitlines() if line.startswith("bandwidth_gb_per_s"))
    assert re.search(r"-0\.\d{3} +-+$", line)


@pytest.mark.parametrize("width", [80, 120])
def test_a_terminal_of_this_width_shows_whole_lines(width, tmp_path):
    import fcntl
    import subprocess
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
    env = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES", "NO_COLOR")} | {"TERM": "xterm"}
    env["PYTHONPATH"] = os.fspath(ROOT)
    words = [sys.executable, "-m", "life_jax.sweep", "+hw=v100", "+opt=int4"]
    with subprocess.Popen(words, stdout=theirs, stderr=subprocess.PIPE, stdin=theirs, cwd=tmp_path, env=env) as process:
        os.close(theirs)
        printed = b""
        while True:
            try:
                more = os.read(ours, 65536)
            except OSError:  # the other end is closed
                break
            if not more:
                break
            printed += more
    os.close(ours)
    assert process.returncode == 0
    text = printed.decode().replace("\r\n", "\n")
    assert "\x1b[1mllama2_7b on v100 with int4" in text  # bold
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text)
    assert_fits(plain, width)
    rows = [line.split() for line in plain.splitlines() if re.match(r"\s*\d+ +\d+ ", line)]
    assert {len(row) for row in rows[:18]} == {8 if width == 80 else 9}
    assert "memory GB" in plain and ("prefill binds: compute" in plain) == (width == 80)


def test_every_metric_has_a_heading_that_a_row_can_carry():
    from life_jax.terminal import result_columns

    headings = [result_columns.heading(name) for name in METRICS]
    assert len(set(headings)) == len(headings)
    assert all("_" not in heading for heading in headings)


def test_paths_of_results_stand_alone_in_their_lines(life):
    last = life("sweep", *ONE_POINT).out.splitlines()[-1]
    assert Path(last).suffix == ".nc" and " " not in last


def test_a_title_shows_the_whole_layout_and_the_draft():
    from life_jax.studies.loading import load
    from life_jax.terminal import result_columns

    def title(*words):
        return result_columns.constant_words(load(["hw=h100_sxm", "model=mixtral_8x7b", "engine=vllm", *words]))

    assert "engine vllm on 4 devices" in title("tp=4")
    assert "engine vllm on 16 devices (tp 2, pp 2, ep 8, dp 4)" in title("tp=2", "pp=2", "dp=4", "ep=8")
    assert "engine vllm on tp 2, ep 2" in title("tp=2", "ep=2", "axes.dp=[1,2]")
    assert "engine vllm" in title()
    assert "draft llama3_2_1b" in title("opt=speculative", "draft.model=llama3_2_1b")
