"""life-jax serve: loads, lengths, targets and traces as people type them."""

import json

import pytest

from life_jax import serve

WORDS = ["hw=h100_sxm", "model=llama3_8b", "engine=vllm"]


def served(life, *words: str):
    run = life("serve", *WORDS, *words, "format=json")
    assert run.status == 0, run.err
    return json.loads(run.out)


def test_a_rate_gives_times_by_percentile_and_what_is_served(life):
    answer = served(life, "rate=4", "prompt=1024", "output=256")
    assert {"model", "hw", "opt", "engine", "load", "metrics", "saturated", "method", "warnings"} == set(answer)
    m = answer["metrics"]
    assert m["ttft_p50"] < m["ttft_p90"] < m["ttft_p99"] and m["tpot_p50"] <= m["tpot_p99"]
    assert m["request_rate"] == 4 and m["output_rate"] == 4 * 256
    assert m["concurrency"] == pytest.approx(4 * (m["ttft_mean"] + 255 * m["tpot_mean"]), rel=0.02)  # Little's law


def test_long_waits_are_written_without_an_exponent():
    assert serve._rows({"ttft_mean": 11.734, "ttft_p99": 123.456}, "") == [("ttft", "11730", "", "", "123500", "ms")]


def test_more_than_is_served_is_saturated_and_no_number(life):
    answer = served(life, "rate=1000")
    assert answer["saturated"] is True
    assert answer["metrics"]["ttft_p99"] is None and answer["metrics"]["utilization"] == 1
    assert answer["metrics"]["request_rate"] < 1000


def test_targets_add_goodput_and_the_largest_rate_that_meets_them(life):
    answer = served(life, "rate=4", "target.ttft=0.5", "target.tpot=0.02", "target.percentile=90")
    most = answer["metrics"]["max_rate"]
    at_most = served(life, f"rate={most}", "metrics=[ttft_p90,tpot_p90]")["metrics"]
    assert max(at_most["ttft_p90"] / 0.5, at_most["tpot_p90"] / 0.02) == pytest.approx(1, rel=1e-2)


def test_lengths_are_numbers_lists_or_distributions(life):
    same = served(life, "rate=2", "prompt=[512,512]", "output=[[128,1]]")["metrics"]
    assert same["ttft_mean"] == pytest.approx(
        served(life, "rate=2", "prompt=512", "output=128")["metrics"]["ttft_mean"]
    )
    mixed = served(life, "rate=2", "prompt=lognormal(512,1)", "output=128")["metrics"]
    assert mixed["ttft_p99"] > same["ttft_p99"]


def test_a_closed_loop_keeps_its_concurrency(life):
    answer = served(life, "concurrency=32", "prompt=512", "output=128")["metrics"]
    assert answer["concurrency"] == 32
    assert answer["request_rate"] * (answer["ttft_mean"] + 127 * answer["tpot_mean"]) == pytest.approx(32, rel=0.02)


def test_a_benchmark_from_an_empty_engine_waits_longer_for_first_tokens(life):
    steady = served(life, "concurrency=64", "prompt=1024", "output=128")["metrics"]
    once = served(life, "concurrency=64", "prompt=1024", "output=128", "load.protocol=benchmark(64)")["metrics"]
    assert once["ttft_mean"] > 2 * steady["ttft_mean"]


def test_the_simulator_sees_what_the_formula_says(life):
    words = ("rate=4", "prompt=lognormal(512,1)", "output=lognormal(128,1)", "metrics=[ttft_mean,tpot_mean]")
    formula, run = (served(life, *words, f"method={method}")["metrics"] for method in ("formula", "simulate"))
    assert run["ttft_mean"] == pytest.approx(formula["ttft_mean"], rel=0.1)
    assert run["tpot_mean"] == pytest.approx(formula["tpot_mean"], rel=0.05)
    assert served(life, *words, "method=simulate")["metrics"] == run  # one seed, one answer


def test_a_trace_is_served_as_it_arrives(life, tmp_path):
    trace = tmp_path / "trace.csv"
    rows = "\n".join(f"{i * 0.2},{500 + 10 * (i % 7)},{60 + i % 5}" for i in range(64))
    trace.write_text(f"arrival_s,input_tokens,output_tokens\n{rows}\n")
    for method in ("formula", "simulate"):
        answer = served(life, f"load.trace={trace}", f"method={method}")
        assert answer["metrics"]["request_rate"] == pytest.approx(5, rel=0.1)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "rate=, concurrency= or load.trace= is missing"),
        (("rate=4", "concurrency=8"), "given together"),
        (("rate=-1",), "must be"),
        (("rate=4", "prompt=lognormal(5)"), "lognormal(MEAN,CV)"),
        (("rate=4", "prompt=[]"), "[N,M]"),
        (("rate=4", "target.speed=1"), "target 'speed'"),
        (("rate=4", "target.percentile=100"), "below 100"),
        (("rate=4", "load.protocol=once"), "steady or benchmark(REQUESTS)"),
        (("rate=4", "load.protocol=benchmark(64)"), "give load.concurrency"),
        (("load.trace=none.csv",), "cannot be read"),
        (("rate=4", "axes.concurrency=[1,2]"), "given together"),
        (("axes.rate=[0,2]",), "above 0"),
        (("axes.concurrency=[1,8]", "metrics=[tpot_mean,concurrency]"), "concurrency is an axis of this study"),
        (("rate=4", "prompt=[64,512]", "axes.prompt_cv=[0,1]"), "both say how long a prompt is"),
        (("rate=4", "prompt=64", "axes.prompt=[64,512]"), "given twice"),
    ],
)
def test_words_that_make_no_sense_are_refused_in_a_line(life, words, said):
    run = life("serve", *WORDS, *words)
    assert run.status == 2 and said in run.err.splitlines()[0] and not run.out


def test_a_wrong_cell_of_a_trace_is_named(life, tmp_path):
    trace = tmp_path / "trace.csv"
    trace.write_text("arrival_s,input_tokens,output_tokens\n0,10,5\n1,many,5\n")
    run = life("serve", *WORDS, f"load.trace={trace}")
    assert run.status == 2 and "trace.csv:3: input_tokens is 'many'" in run.err


def test_axes_give_a_row_for_each_point_and_a_file(life, tmp_path):
    words = ("axes.load.rate=[1,4]", "axes.prompt=[128,1024]", "axes.target.ttft=[0.05,1]", "output=128")
    run = life("serve", *WORDS, *words, f"out={tmp_path}/a.csv", "metrics=[ttft_p99,goodput]", "format=json")
    assert run.status == 0, run.err
    rows = json.loads(run.out)
    assert len(rows) == 8 and {"rate", "prompt_tokens", "ttft_limit", "ttft_p99", "goodput"} <= set(rows[0])
    (row,) = (r for r in rows if (r["rate"], r["prompt_tokens"], r["ttft_limit"]) == (4, 1024, 1))
    alone = served(life, "rate=4", "prompt=1024", "output=128", "target.ttft=1")["metrics"]
    assert row["ttft_p99"] == pytest.approx(alone["ttft_p99"]) and row["goodput"] == pytest.approx(alone["goodput"])
    assert (tmp_path / "a.csv").read_text().count("\n") == 9


def test_what_is_an_axis_is_left_out_of_the_usual_metrics(life, tmp_path):
    run = life("serve", *WORDS, "axes.concurrency=[1,8]", f"out={tmp_path}/a.nc", "format=csv")
    assert run.status == 0 and run.out.splitlines()[0].split(",").count("concurrency") == 1
    assert (tmp_path / "a.nc").exists()


def test_saturated_rows_are_infinite_and_said(life, tmp_path):
    run = life("serve", *WORDS, "axes.rate=[1,1000]", f"out={tmp_path}/a.nc", "metrics=[ttft_p99]")
    assert run.status == 0 and "more requests arrive than the engine serves" in run.out
    assert run.out.splitlines()[-1].endswith("a.nc")


def test_simulated_rows_are_those_of_single_runs(life, tmp_path):
    words = ("output=16", "prompt=64", "method=simulate", "seed=3", "metrics=[ttft_mean,itl_p99]")
    run = life("serve", *WORDS, *words, "axes.rate=[2,20]", f"out={tmp_path}/a.csv", "format=json")
    assert run.status == 0, run.err
    for row in json.loads(run.out):
        alone = served(life, *words, f"rate={row['rate']}")["metrics"]
        assert row["ttft_mean"] == pytest.approx(alone["ttft_mean"], rel=1e-6)
        assert row["itl_p99"] == pytest.approx(alone["itl_p99"], rel=1e-6)


def test_replicas_share_the_requests_and_cost_as_many_devices(life):
    alone = served(life, "rate=2", "metrics=[tpot_mean,max_rate,cost_per_request]")["metrics"]
    words = ("rate=8", "load.replicas=4", "metrics=[tpot_mean,max_rate,cost_per_request]")
    four = served(life, *words)["metrics"]
    assert four["tpot_mean"] == pytest.approx(alone["tpot_mean"], rel=1e-6)
    assert four["max_rate"] == pytest.approx(4 * alone["max_rate"], rel=1e-6)
    assert four["cost_per_request"] == pytest.approx(alone["cost_per_request"], rel=1e-6)
    evened = served(life, *words, "load.router=least_loaded")["metrics"]
    assert evened["tpot_mean"] < four["tpot_mean"]


def test_goodput_attainment_and_a_minute_are_drawn(life, tmp_path):
    out = f"out={tmp_path}/a.nc"
    targets = ("target.ttft=0.3", "target.tpot=0.02", "target.percentile=90")
    axes = ("axes.rate=[1,4,12,1000]", "axes.prompt=[128,1024,4096]")
    run = life("serve", *WORDS, *axes, *targets, "plot=[attainment,goodput]", out)
    assert run.status == 0, run.err
    run = life("serve", *WORDS, "rate=2", "plot=timeline.svg", f"out={tmp_path}/b.nc")
    assert run.status == 0, run.err
    for name in ("a_attainment.png", "a_goodput.png", "b_timeline.svg"):
        assert (tmp_path / name).stat().st_size > 10_000
    for words, said in (
        (("rate=1", "plot=goodput", *targets), "plot=goodput needs two axes"),
        (("axes.rate=[1,2]", "plot=attainment"), "plot=attainment needs goodput; target.ttft="),
        ((*axes[:1], "axes.prompt=[64,128,256]", "target.ttft=1e-6", "plot=goodput"), "at no point a request keeps"),
    ):
        run = life("serve", *WORDS, *words, out, "overwrite=true")
        assert run.status == 2 and said in run.err


def test_latency_is_drawn_along_the_rate(life, tmp_path):
    times = ",".join(f"{name}_{p}" for name in ("ttft", "tpot") for p in ("p50", "p90", "p99"))
    out = f"out={tmp_path}/a.nc"
    run = life("serve", *WORDS, "axes.rate=[1,4,1000]", "plot=latency", f"metrics=[{times}]", out)
    assert run.status == 0, run.err
    assert (tmp_path / "a_latency.png").stat().st_size > 10_000
    for words, said in (
        (("rate=1",), "plot=latency needs axes.rate="),
        (("axes.rate=[1,2]", "metrics=[ttft_p50]"), "needs ttft_p90"),
        (("axes.rate=[1000,2000]", f"metrics=[{times}]"), "at every point more requests arrive"),
    ):
        run = life("serve", *WORDS, *words, "plot=latency", out, "overwrite=true")
        assert run.status == 2 and said in run.err
