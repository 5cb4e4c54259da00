"""Several classes of requests that one engine serves: laws of the formula and of the simulation."""

from dataclasses import replace

import numpy as np
import pytest
from laws import scenario

import life_jax as life
from life_jax.config.schema.errors import ConfigError
from life_jax.core.scenario import RequestClass, Scenario
from life_jax.forecasting.metrics import forecast
from life_jax.serving.classes import SeveralRequested
from life_jax.serving.lengths import LogNormal
from life_jax.serving.requested import Requested
from life_jax.studies.simulation import simulated_metrics

WORDS = ("hw=h100_sxm", "model=llama3_8b", "engine=vllm", "engine.token_budget=2048", "prompt=900", "output=120")
NAMES = (
    "ttft_mean", "ttft_p50", "ttft_p90", "ttft_p99", "tpot_mean", "tpot_p50", "tpot_p99", "itl_p99", "request_rate",
    "output_rate", "concurrency", "utilization", "goodput", "max_rate",
)  # fmt: skip
LIMITS = {"ttft_limit": 0.12, "tpot_limit": 0.0125}
CHAT = RequestClass(0.7, LogNormal(800.0, 1.0), LogNormal(250.0, 0.8), 0.0, 0.3, 0.02, name="chat")
CODE = RequestClass(0.3, LogNormal(4000.0, 0.0), LogNormal(40.0, 0.0), 0.5, 1.0, name="code")


def under(s: Scenario, **load: object) -> dict[str, float]:
    with np.errstate(all="ignore"):
        return {k: float(v) for k, v in forecast(replace(s, load=replace(s.load, **load)), NAMES).items()}


@pytest.mark.parametrize("words", [(), ("opt=disaggregated",), ("tp=2", "load.replicas=2")], ids=str)
@pytest.mark.parametrize("load", [{"rate": 9.0}, {"concurrency": 40.0}], ids=str)
def test_a_class_that_is_split_into_two_equal_ones_changes_nothing(words, load):
    s = scenario(*WORDS, *words)
    lengths = LogNormal(900.0, 0.8), LogNormal(120.0, 0.6)
    half = RequestClass(0.5, *lengths, 0.25, **LIMITS, name="one")
    split = (half, replace(half, share=0.25, name="two"), replace(half, share=0.25, name="three"))
    whole = under(s, **load, **LIMITS, prompt_cv=0.8, output_cv=0.6, cached=0.25, percentile=90.0)
    of_three = under(s, **load, classes=split, percentile=90.0)
    assert of_three == pytest.approx(whole, rel=1e-9)
    one = under(s, **load, classes=split, observed="two", percentile=90.0)
    shared = ("request_rate", "output_rate", "goodput")
    assert one == pytest.approx({k: v * (0.25 if k in shared else 1) for k, v in whole.items()}, rel=1e-9)


def test_a_class_that_is_split_changes_nothing_in_the_simulation():
    s = scenario(*WORDS)
    names = ("ttft_mean", "ttft_p99", "tpot_p90", "goodput", "request_rate")
    lengths = LogNormal(900.0, 0.8), LogNormal(120.0, 0.6)
    half = RequestClass(0.5, *lengths, 0.25, **LIMITS, name="one")
    loads = [
        {**LIMITS, "prompt_cv": 0.8, "output_cv": 0.6, "cached": 0.25},
        {"classes": (half, replace(half, name="two"))},
    ]
    with np.errstate(all="ignore"):
        runs = [simulated_metrics(replace(s, load=replace(s.load, rate=9.0, **load)), names) for load in loads]
    assert runs[1] == pytest.approx(runs[0], rel=1e-9)


def test_lengths_of_all_classes_are_weighed_whatever_nodes_each_has():
    one, spread = (Requested(LogNormal(mean, cv), LogNormal(50.0)) for mean, cv in ((6000.0, 0.0), (600.0, 1.0)))
    both = SeveralRequested((one, spread), (0.2, 0.8))
    lengths, new, weights = both.prompts
    assert weights.sum() == pytest.approx(1) and lengths.shape == new.shape == weights.shape
    assert (lengths * weights).sum() == pytest.approx(0.2 * 6000 + 0.8 * 600) == pytest.approx(both.prompt.average)
    nodes, parts = both.prompt.nodes
    assert (nodes**2 * parts).sum() == pytest.approx(both.prompt.average**2 * (1 + both.prompt.variation))
    assert both.new == pytest.approx((new * weights).sum())


@pytest.mark.parametrize("observed", ["", "chat", "code"])
def test_formula_and_simulation_agree_by_class(observed):
    s = scenario(*WORDS[:-2], "prompt=1760", "output=187")
    load = replace(s.load, rate=6.0, classes=(CHAT, CODE), observed=observed)
    names = ("ttft_mean", "ttft_p90", "tpot_mean", "tpot_p90", "request_rate", "goodput")
    with np.errstate(all="ignore"):
        seen = simulated_metrics(replace(s, load=load), names)
        of = {k: float(v) for k, v in forecast(replace(s, load=load), names).items()}
    for name, off in zip(names, (0.1, 0.12, 0.06, 0.1, 0.05, 0.05), strict=True):
        assert of[name] == pytest.approx(seen[name], rel=off), name


def test_the_strictest_class_decides_the_largest_rate():
    s = scenario(*WORDS)
    free = replace(CODE, ttft_limit=1e9)
    both = under(s, rate=1.0, classes=(CHAT, CODE), percentile=90.0)["max_rate"]
    chat = under(s, rate=1.0, classes=(CHAT, free), percentile=90.0)["max_rate"]
    strict = under(s, rate=1.0, classes=(CHAT, replace(CODE, ttft_limit=0.08)), percentile=90.0)["max_rate"]
    assert strict < both <= chat
    at = under(s, rate=0.99 * both, classes=(CHAT, CODE), percentile=90.0)
    assert at["goodput"] > 0.9 * 0.99 * both


def test_words_of_classes_are_read_and_what_makes_no_sense_is_refused_in_a_line():
    serve = ["hw=h100_sxm", "model=llama3_8b", "engine=vllm", "rate=1"]
    chat = ["load.class.chat.share=3", "load.class.chat.prompt=lognormal(800,1)", "load.class.chat.output=250"]
    code = ["load.class.code.prompt=4000", "load.class.code.output=40", "load.class.code.cached=0.5"]
    study = life.load([*serve, *chat, *code, "load.class.code.ttft=1", "load.of=code"], primary="serve")
    load = study.scenario.load
    assert [c.name for c in load.classes] == ["chat", "code"] and load.observed == "code"
    assert [float(c.share) for c in load.classes] == [0.75, 0.25] and float(load.classes[0].prompt.cv) == 1
    assert float(study.scenario.workload.prompt_tokens) == 0.75 * 800 + 0.25 * 4000 and "max_rate" in study.metrics
    for words, said in (
        (["load.class.chat.prompt=800"], "load.class.chat has no output"),
        ([*chat, "load.class.chat.size=3"], "a class 'size' is not known"),
        ([*chat, "load.class.chat.prompt=3"], "given twice"),
        ([*chat, "prompt=100"], "prompt= is of all requests"),
        ([*chat, "target.ttft=1"], "target.ttft= is of all requests"),
        ([*chat, "load.class.chat.cached=1"], "0 to 0.999"),
        ([*chat[:2], "load.class.chat.output=[1,2]"], "other lengths are a class"),
        ([*chat, "load.of=cod"], "'cod' is not known"),
        (["load.of=chat"], "there are no classes"),
        ([*chat, "load.class.code.share=-1", *code], "above 0"),
        ([*chat, "axes.prompt=[1,2]"], "prompt"),
    ):
        with pytest.raises(ConfigError, match=said):
            life.load([*serve, *words], primary="serve")


@pytest.mark.parametrize("word", ["load.cached=0.5", "load.hit_rate=0.5", "load.output_cv=1", "axes.cached=[0,0.5]"])
def test_numbers_of_all_requests_beside_classes_are_refused(word):
    classes = ["load.class.a.prompt=900", "load.class.a.output=120", "load.class.b.prompt=90", "load.class.b.output=12"]
    with pytest.raises(ConfigError, match="of all requests"):
        life.load([*WORDS[:3], *classes, "rate=2", word], primary="serve")
