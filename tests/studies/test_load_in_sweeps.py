"""Sweeps of what requests see under load, by the words of serve."""

import pytest

import life_jax as life

WORDS = ["hw=h100_sxm", "model=llama3_8b", "load.prompt_tokens=[512,2048]", "load.output_tokens=200", "target.ttft=1"]
METRICS = ("ttft_p99", "tpot_p90", "goodput", "max_rate")


def test_sweep_takes_the_words_of_serve():
    swept = life.evaluate(life.load([*WORDS, "axes.rate=[1,4]", f"metrics=[{','.join(METRICS)}]"]))
    assert dict(swept.sizes) == {"model": 1, "hw": 1, "opt": 1, "rate": 2}  # no batch: the engine forms batches
    served = life.evaluate(life.load([*WORDS, "rate=4"], primary="serve"))
    for name in METRICS:
        assert float(swept[name].sel(rate=4).squeeze()) == pytest.approx(float(served[name].squeeze()), rel=1e-5), name


def test_a_trace_says_when_requests_arrive_and_how_long_they_are(tmp_path):
    rows = "".join(f"{second},1000,100\n" for second in range(30))
    (tmp_path / "trace.csv").write_text("arrival_s,input_tokens,output_tokens\n" + rows)
    words = ["hw=h100_sxm", f"load.trace={tmp_path / 'trace.csv'}"]
    swept = life.evaluate(life.load([*words, "metrics=[ttft_mean]"]))
    served = life.evaluate(life.load(words, primary="serve"))
    assert float(swept.ttft_mean.squeeze()) == pytest.approx(float(served.ttft_mean.squeeze()), rel=1e-5)


def test_a_load_that_changes_nothing_is_said():
    study = life.load(["hw=h100_sxm", "rate=4", "batch=1"])
    assert any(line.startswith("rate= changes nothing of ttft") for line in study.warnings)
    study = life.load(["hw=h100_sxm", "rate=4", "metrics=[ttft_p99,ttft]"])
    assert not any("changes nothing" in line for line in study.warnings)
    assert "batch" in study.axes  # of ttft, a static batch's


WRONG = ("load.prefix_room=4", "target.tttf=1", "load.protocol=bench(3)", "load.prompt_tokens=-1")


@pytest.mark.parametrize("word", WRONG)
def test_words_of_a_load_are_refused_in_sweeps_as_in_serve(word):
    with pytest.raises(ValueError, match=r"prefix_room|tttf|bench|-1"):
        life.load(["hw=h100_sxm", "rate=4", word])


def test_a_map_of_means_needs_no_compilation():
    """A million points are evaluated as they are, in less time than a compilation of percentiles takes."""
    words = ["hw=h100_sxm", "model=llama3_8b", "engine=vllm", "load.output_tokens=200"]
    axes = ["axes.rate=linspace(1,20,1000)", "axes.prompt=linspace(100,3000,1000)"]
    assert life.load([*words, *axes, "metrics=[ttft_mean,tpot_mean]"]).route == "numpy"
    assert life.load([*words, axes[1], "axes.batch=linspace(1,64,1000)", "metrics=[ttft]"]).route == "jax"


def test_a_mean_is_the_same_whatever_else_is_asked_for():
    words = ["hw=h100_sxm", "model=llama3_8b", "load.prompt_tokens=1000", "load.output_tokens=200"]
    alone, beside = (
        life.evaluate(life.load([*words, "axes.rate=[2,6]", f"metrics=[{names}]"]))
        for names in ("ttft_mean", "ttft_mean,ttft_p50,concurrency")
    )
    assert alone.ttft_mean.values == pytest.approx(beside.ttft_mean.values, rel=1e-7)
    assert (beside.ttft_mean > 0.8 * beside.ttft_p50).all()
