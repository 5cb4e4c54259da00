"""Answers of the page: the numbers that life.evaluate has for the same words."""

import dataclasses
import shlex

import numpy as np
import pytest

import life_jax as life
from life_jax.config.schema.errors import ConfigError
from life_jax.explorer import views
from life_jax.explorer.questions import Question
from life_jax.forecasting import breakdown
from life_jax.studies import planning

NUMBERS = {"prompt": 256.0, "batch": 2.0, "output": 32.0}
PAIR = Question(hw=("v100", "a100"), opt=((), ("int4",)), numbers=NUMBERS)
ONE = Question(hw=("v100",), model=("llama3_8b",), opt=(("int4",),), numbers=NUMBERS)


def dataset(command: str):
    """What the printed command line computes."""
    program, verb, *words = shlex.split(command)
    assert (program, verb) == ("life-jax", "sweep")
    return life.evaluate(life.load(words))


def test_compared_numbers_are_those_of_the_printed_command():
    answer = views.answer("compare", PAIR, {})
    ds = dataset(answer["commands"][0])
    assert len(answer["rows"]) == 4
    for row in answer["rows"]:
        at = ds.sel(model=row["model"], hw=row["hw"], opt=row["opt"])
        for metric in ("ttft", "ttft_low", "ttft_high", "tpot", "tps", "throughput", "memory", "cost_per_mtoken"):
            assert row["values"][metric] == pytest.approx(float(at[metric]), rel=1e-5)
        assert row["values"]["fits_memory"] == bool(at.fits_memory)
        assert row["values"]["decode_bound"] == at.decode_bound.attrs["flag_meanings"].split()[int(at.decode_bound)]


def test_a_number_that_moves_gives_what_its_words_give():
    numbers = {**NUMBERS, "hw.v100.bandwidth_gb_per_s": 500.0, "engine.memory_efficiency": 0.5, "context": 100.0}
    row = views.answer("compare", Question(hw=("v100",), numbers=numbers), {})["rows"][0]
    words = [f"{key}={value:g}" for key, value in numbers.items()]
    ds = life.evaluate(life.load(["hw=v100", *words]))
    assert row["values"]["tpot"] == pytest.approx(float(ds.tpot.squeeze()), rel=1e-5)


@pytest.mark.parametrize(
    ("word", "values"),
    [
        ("batch", [1, 2, 64]),
        ("context", [0, 300]),
        ("engine.memory_efficiency", [0.25, 0.5]),
        ("axes.memory_gb", [8.0, 80.0]),
    ],
)
def test_columns_along_a_slider_are_what_is_compared_at_each_place(word, values):
    question = Question(("v100", "a100"), ("llama3_8b",), ((), ("int4",)), (), {**NUMBERS, word: values[0]})
    answer = views.answer("along", question, {"word": word, "values": values})
    assert answer["places"] == values
    for place, value in enumerate(values):
        moved = Question(question.hw, question.model, question.opt, (), {**question.numbers, word: value})
        for row, at in zip(answer["rows"], views.answer("compare", moved, {})["rows"], strict=True):
            for metric, of_metric in at["values"].items():
                same = pytest.approx(of_metric, rel=3e-7) if isinstance(of_metric, float) else of_metric
                assert row["values"][metric][place] == same
            assert row["available"][place] == pytest.approx(at["available"])
            assert [row[key] for key in ("hw", "opt", "runs")] == [at[key] for key in ("hw", "opt", "runs")]


@pytest.mark.parametrize(
    ("word", "values"),
    [
        ("hw.v100.memory_gb", [8, 9]), ("batch", []), ("batch", [1] * 300), ("batch", [1, "2"]), ("batch", None),
        ("batch", [1, float("inf")]), ("batch", [True]), ("x" * 300, [1]), ("batch", [-1]),
    ],
)  # fmt: skip
def test_columns_along_what_is_no_slider_are_refused(word, values):
    with pytest.raises(ConfigError):
        views.answer("along", PAIR, {"word": word, "values": values})


def test_a_curve_passes_through_the_compared_numbers():
    answer = views.answer("curve", PAIR, {"key": "batch"})
    compared = views.answer("compare", PAIR, {})["rows"]
    at = answer["x"].index(NUMBERS["batch"])
    assert [row["tpot"][at] for row in answer["rows"]] == pytest.approx([row["values"]["tpot"] for row in compared])
    ds = dataset(answer["commands"][0])
    assert answer["rows"][3]["ttft"] == pytest.approx(ds.ttft.sel(hw="a100", opt="int4").squeeze().values, rel=1e-5)


@pytest.mark.parametrize("key", ["bandwidth_gb_per_s", "kv_bits"])
def test_a_curve_along_a_number_without_a_slider_is_refused(key):
    with pytest.raises(ConfigError, match="slider"):
        views.answer("curve", PAIR, {"key": key})


def test_operators_are_those_of_explain_and_add_up_to_the_step():
    answer = views.answer("where", ONE, {})
    scenario = life.load(ONE.words(), primary="explain").scenario
    with np.errstate(all="ignore"):
        table = breakdown.decode_table(scenario)
    decode = answer["steps"]["decode"]
    assert decode["seconds"] == pytest.approx(table.seconds, rel=1e-6)
    assert sum(row["seconds"] for row in decode["operators"]) == pytest.approx(decode["seconds"], rel=1e-5)
    assert {row["name"] for row in decode["operators"]} == {row.name for row in table.operators}
    assert decode["operators"] == sorted(decode["operators"], key=lambda row: -row["seconds"])
    datasheet, reached = answer["roofs"]
    assert reached["rate"] < datasheet["rate"] and reached["bandwidth"] < datasheet["bandwidth"]
    assert answer["commands"][0].startswith("life-jax explain ")


def test_operators_follow_a_number_that_is_set_for_all_devices():
    usual = views.answer("where", ONE, {})
    question = Question(
        ONE.hw, ONE.model, ONE.opt, (), {**NUMBERS, "axes.bandwidth_gb_per_s": 100.0, "axes.memory_gb": 8.0}
    )
    answer = views.answer("where", question, {})
    assert answer["steps"]["decode"]["seconds"] == pytest.approx(answer["values"]["tpot"], rel=0.02)
    assert answer["values"]["tpot"] > 3 * usual["values"]["tpot"]
    assert answer["roofs"][0]["bandwidth"] == 100e9 and answer["available"] == pytest.approx(8e9, rel=0.1)
    assert views.answer("compare", question, {})["rows"][0]["available"] == answer["available"]


def test_elasticities_are_those_of_the_printed_command():
    answer = views.answer("elasticity", ONE, {})
    ds = dataset(answer["commands"][0])
    rows = {row["key"]: row for row in answer["rows"]}
    assert {"peak_tflops", "bandwidth_gb_per_s", "prompt_tokens", "batch"} <= set(rows)
    for key, row in rows.items():
        of = ds.elasticity.sel(parameter=key).squeeze()
        assert row["ttft"] == pytest.approx(float(of.sel(metric="ttft")), abs=1e-5)
        assert row["tpot"] == pytest.approx(float(of.sel(metric="tpot")), abs=1e-5)
    assert sum(answer["bound_share"]["tpot"].values()) == pytest.approx(1, abs=1e-6)


def test_the_map_has_numbers_where_it_fits_and_reasons_where_it_cannot_be():
    question = Question(hw=("rtx_4090",), model=("llama3_2_1b", "llama3_3_70b"), opt=((), ("q4_k_m",)), engine=("mlx",))
    with pytest.raises(ConfigError, match="mlx"):
        views.answer("fits", question, {})
    question = Question(hw=question.hw, model=question.model, opt=((), ("q4_k_m",), ("mlx_4bit",)), engine=("auto",))
    settings = {"contexts": [512, 8192], "batches": [1, 4]}
    answer = views.answer("fits", question, settings)
    assert len(answer["cells"]) == 6
    small = next(cell for cell in answer["cells"] if (cell["model"], cell["opt"]) == ("llama3_2_1b", "q4_k_m"))
    large = next(cell for cell in answer["cells"] if (cell["model"], cell["opt"]) == ("llama3_3_70b", "none"))
    assert small["fits"] == [[True, True], [True, True]] and not any(map(any, large["fits"]))
    ds = dataset(answer["commands"][0])
    at = ds.sel(model="llama3_2_1b", opt="q4_k_m", prompt_tokens=8192, batch=4).squeeze()
    assert small["tps"][1][1] == pytest.approx(float(at.tps), rel=1e-5)
    assert small["memory"][1][1] == pytest.approx(float(at.memory), rel=1e-5)


@pytest.mark.parametrize(
    ("question", "view", "settings", "reason"),
    [
        (Question(), "compare", {}, "device"),
        (ONE, "compar", {}, "compare"),
        (ONE, "compare", [], "settings"),
        (PAIR, "where", {}, "combinations"),
        (Question(hw=("all",), model=("all",)), "compare", {}, "combinations at once"),
        (Question(hw=("v10",)), "compare", {}, "v100"),
        (Question(hw=("v100",), numbers={"batch": -1.0}), "compare", {}, "batch"),
        (PAIR, "fits", {}, "one device"),
        (ONE, "fits", {"contexts": list(range(1, 40))}, "32"),
        (ONE, "fits", {"contexts": ["x"]}, "above 0"),
        (ONE, "curve", {"key": "nothing"}, "nothing"),
        (ONE, "number", {"key": "vocab"}, "vocab"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(question, view, settings, reason):
    with pytest.raises(ConfigError, match=reason):
        views.answer(view, question, settings)


@pytest.mark.parametrize(
    ("key", "word"),
    [
        ("batch", "batch"), ("prompt_tokens", "prompt"), ("bandwidth_gb_per_s", "hw.v100.bandwidth_gb_per_s"),
        ("memory_efficiency", "engine.memory_efficiency"), ("kv_bits", "precision.kv_bits"),
        ("peak_tflops.fp16", "hw.v100.peak_tflops.fp16"), ("hidden_size", "model.llama3_8b.hidden_size"),
    ],
)  # fmt: skip
def test_a_slider_at_its_own_value_changes_nothing_and_beyond_it_something(key, word):
    slider = views.answer("number", Question(hw=ONE.hw, model=ONE.model, numbers=NUMBERS), {"key": key})
    assert slider["word"] == word and slider["low"] <= slider["value"] <= slider["high"]

    def ttft(value: float) -> float:
        numbers = {**NUMBERS, word: value}
        row = views.answer("compare", Question(hw=ONE.hw, model=ONE.model, numbers=numbers), {})["rows"][0]
        return row["values"]["e2e"]

    plain = views.answer("compare", Question(hw=ONE.hw, model=ONE.model, numbers=NUMBERS), {})["rows"][0]
    assert ttft(slider["value"]) == pytest.approx(plain["values"]["e2e"], rel=1e-6)
    assert ttft(slider["value"] / 2) != pytest.approx(plain["values"]["e2e"], rel=1e-6)


def test_a_number_of_several_devices_moves_all_of_them():
    slider = views.answer("number", PAIR, {"key": "bandwidth_gb_per_s"})
    assert slider["word"] == "axes.bandwidth_gb_per_s"
    moved = Question(hw=PAIR.hw, numbers={**NUMBERS, slider["word"]: 1000.0})
    rows = views.answer("compare", moved, {})["rows"]
    plain = views.answer("compare", Question(hw=PAIR.hw, numbers=NUMBERS), {})["rows"]
    assert (
        rows[0]["values"]["tpot"] < plain[0]["values"]["tpot"]
        and rows[1]["values"]["tpot"] > plain[1]["values"]["tpot"]
    )


def test_designs_of_a_trade_are_those_of_the_printed_command():
    answer = views.answer("trade", PAIR, {"batches": [1, 4, 16]})
    ds = dataset(answer["commands"][0])
    assert len(answer["points"]) == 12
    for point in answer["points"]:
        at = ds.sel(hw=point["hw"], opt=point["opt"], batch=point["batch"]).squeeze()
        for metric in ("tpot", "throughput", "price", "quality"):
            assert point[metric] == pytest.approx(float(at[metric]), rel=1e-5)
    assert {point["quality"] for point in answer["points"] if point["opt"] == "none"} == {1.0}


def test_times_under_load_grow_with_the_rate_up_to_the_capacity():
    question = Question(hw=("a100",), model=("llama3_8b",), engine=("vllm",), numbers=NUMBERS)
    answer = views.answer("load", question, {"ttft": 0.5, "tpot": 0.05, "percentile": 90})
    (row,) = answer["rows"]
    assert answer["rates"][-1] < row["capacity"]
    times = row["tpot_p90"]
    assert times == sorted(times) and answer["rates"][0] < row["knee"] < row["capacity"]
    alone = life.evaluate(life.load(["hw=a100", "model=llama3_8b", "prompt=256", "output=32", "batch=1"]))
    assert times[0] == pytest.approx(float(alone.tpot.squeeze()), rel=0.35)  # another engine, hardly any load
    rates = [0.3 * row["capacity"], 0.99 * row["capacity"]]
    goodput = views.answer("goodput", question, {"ttft": 0.5, "tpot": 0.05, "percentile": 90, "rates": rates})
    assert goodput["good"][0][0] == pytest.approx(1.0, abs=1e-6) and goodput["good"][0][0] >= goodput["good"][1][-1]
    assert 0 < goodput["max_rate"] <= row["capacity"] * 1.001


def test_goodput_is_that_of_the_printed_command():
    question = Question(("a100",), ("llama3_8b",), engine=("vllm",), numbers=NUMBERS)
    answer = views.answer("goodput", question, {"ttft": 0.1, "tpot": 0.03, "percentile": 90, "rates": [5.0, 60.0]})
    _, verb, *words = shlex.split(answer["commands"][0])
    ds = life.evaluate(life.load([*words, "metrics=[goodput]"], primary=verb))
    expected = (ds.goodput / ds.rate).squeeze().transpose("rate", "prompt_tokens").values
    shown = np.array([[0.0 if x is None else x for x in row] for row in answer["good"]])
    assert shown == pytest.approx(np.nan_to_num(expected), rel=1e-4, abs=1e-6)
    alone = [word for word in words if not word.startswith(("axes.rate", "axes.prompt"))]
    most = life.evaluate(life.load([*alone, "rate=5", "prompt=256", "metrics=[max_rate]"], primary=verb)).max_rate
    assert answer["max_rate"] == pytest.approx(float(most.squeeze()), rel=1e-4)


def test_times_of_several_combinations_under_load_are_those_of_the_printed_command():
    question = Question(("a100", "rtx_4090"), ("llama3_8b", "qwen3_30b_a3b"), ((), ("int4",)), ("vllm",), NUMBERS)
    answer = views.answer("load", question, {"ttft": 0.5, "tpot": 0.05, "percentile": 90})
    _, verb, *words = shlex.split(answer["commands"][0])
    metrics = ("ttft_p50", "tpot_p99", "itl_p99", "output_rate", "utilization", "concurrency")
    ds = life.evaluate(life.load([*words, f"metrics=[{','.join(metrics)}]"], primary=verb))
    assert len(answer["rows"]) == 8
    for row in answer["rows"]:
        at = ds.sel(model=row["model"], hw=row["hw"], opt=row["opt"]).squeeze()
        for metric in metrics:
            expected = at[metric].values
            shown = np.array([np.inf if x is None else x for x in row[metric]])
            assert shown == pytest.approx(np.where(np.isnan(expected), np.inf, expected), rel=1e-5)
        served = at.output_rate.values[~np.isnan(at.output_rate.values)] / NUMBERS["output"]
        assert row["capacity"] == pytest.approx(served.max(), rel=0.05) or row["capacity"] == 0 or not served.max()


@pytest.mark.parametrize("at", [None, 3.21])
def test_what_a_hand_sees_while_it_moves_is_what_it_sees_when_it_rests_at_fewer_rates(at):
    question = Question(("a100", "rtx_4090"), ("llama3_8b",), engine=("vllm",), numbers=NUMBERS)
    settings = {"ttft": 0.5, "tpot": 0.05, "percentile": 90} | ({} if at is None else {"at": at})
    whole, brief = views.answer("load", question, settings), views.answer("load", question, {**settings, "brief": True})
    assert brief["preview"] and brief["at"] == whole["at"] == (at or whole["at"]) and whole["at"] in whole["rates"]
    words = ["model=llama3_8b", "engine=vllm", "prompt=256", "output=32", "metrics=[ttft_p50,tpot_p99,utilization]"]
    for few, row in zip(brief["rows"], whole["rows"], strict=True):
        assert few["capacity"] == row["capacity"] and few["rates"] == sorted(few["rates"])
        assert brief["at"] in few["rates"] and len(few["rates"]) < len(whole["rates"]) / 2
        rates = [rate for rate in few["rates"] if rate < 0.99 * row["capacity"]]
        ds = life.evaluate(life.load([*words, f"hw={row['hw']}", f"axes.rate={rates}"], primary="serve")).squeeze()
        for metric in ("ttft_p50", "tpot_p99", "utilization"):
            assert few[metric][: len(rates)] == pytest.approx(ds[metric].values.tolist(), rel=1e-5)


@pytest.mark.parametrize(("word", "values"), [("prompt", [64, 900, 30000]), ("output", [1, 200])])
@pytest.mark.parametrize("percentile", [50, 99])
def test_what_is_seen_along_a_slider_of_requests_is_what_each_of_its_places_has(word, values, percentile):
    question = Question(("a100", "rtx_4090"), ("llama3_8b",), ((), ("int4",)), ("vllm",), NUMBERS)
    settings = {"ttft": 0.5, "tpot": 0.05, "percentile": percentile}
    answer = views.answer("load_along", question, {**settings, "word": word, "values": values})
    assert answer["places"] == values
    for place, value in enumerate(values):
        moved = dataclasses.replace(question, numbers={**NUMBERS, word: float(value)})
        brief = views.answer("load", moved, {**settings, "brief": True})
        for row, at in zip(answer["rows"], brief["rows"], strict=True):
            assert row["hw"] == at["hw"] and row["capacity"][place] == pytest.approx(at["capacity"], rel=1e-6)
            places = [at["rates"].index(pytest.approx(part * at["capacity"], rel=1e-3)) for part in answer["parts"][:3]]
            for name in ("ttft", "tpot"):
                column = at[f"{name}_p{percentile}"]
                expected = [np.nan if column[i] is None else column[i] for i in places]  # of one token there is no TPOT
                shown = [np.nan if x is None else x for x in row[name][place][:3]]
                assert shown == pytest.approx(expected, rel=1e-3, nan_ok=True)
            assert row["tokens"][place] == pytest.approx(value if word == "output" else NUMBERS["output"])


@pytest.mark.parametrize(
    ("option", "word", "reason"),
    [
        ("int4", "batch", "prompt, output or context"),
        ("int4", "hw.a100.memory_gb", "prompt, output or context"),
        ("ngram", "prompt", "place by place"),
    ],
)
def test_a_number_whose_places_cannot_be_solved_at_once_is_refused(option, word, reason):
    question = Question(("a100",), ("llama3_8b",), ((option,),), ("vllm",), NUMBERS)
    with pytest.raises(ConfigError, match=reason):
        views.answer("load_along", question, {"ttft": 1, "word": word, "values": [8, 16]})


def test_a_layout_that_does_not_divide_serves_nothing_and_hides_no_other():
    question = Question(("h100_sxm",), ("llama3_8b", "llama3_2_3b"), engine=("vllm",), numbers={**NUMBERS, "tp": 16.0})
    rows = views.answer("load", question, {})["rows"]
    assert rows[0]["capacity"] > 0 and rows[1]["capacity"] is None


@pytest.mark.parametrize(
    ("view", "settings", "reason"),
    [
        ("load", {"ttft": -1}, "ttft"),
        ("load", {"ttft": 1, "percentile": 100}, "percentile"),
        ("goodput", {"rates": "all"}, "rates"),
        ("goodput", {"rates": [1, "x"]}, "above 0"),
        ("trade", {"batches": []}, "batches"),
    ],
)
def test_settings_that_make_no_sense_are_refused(view, settings, reason):
    with pytest.raises(ConfigError, match=reason):
        views.answer(view, ONE, settings)


def test_a_plan_is_that_of_the_printed_command_and_each_row_has_its_own():
    question = Question(hw=("v100", "a100"), model=("llama3_8b",), opt=((), ("int4",)), numbers=NUMBERS)
    settings = {"tpot": 0.05, "quality": 0.5, "devices": 2, "free": False}
    answer = views.answer("plan", question, settings)
    program, verb, *words = shlex.split(answer["commands"][0])
    assert (program, verb) == ("life-jax", "plan")
    whole = planning.plan(life.load(words, primary="plan"))
    assert [row["words"] for row in answer["rows"]] == [list(row.words) for row in whole.rows]
    assert answer["count"] + sum(answer["rejected"].values()) == answer["space"]
    first = answer["rows"][0]
    assert first["metrics"]["tpot"] == pytest.approx(float(dataset(first["command"]).tpot.squeeze()), rel=1e-5)


def test_a_plan_that_nothing_meets_has_what_is_nearest():
    answer = views.answer("plan", ONE, {"tpot": 1e-6, "devices": 1, "free": False})
    assert answer["rows"] == [] and answer["nearest"]["relax"]["target.tpot"] > 1e-6
    assert answer["nearest"]["command"].startswith("life-jax sweep ")


@pytest.mark.parametrize(
    ("settings", "reason"),
    [({"devices": 2.5}, "whole"), ({"devices": 100}, "64"), ({"minimize": 3}, "minimize"), ({"tpot": "x"}, "tpot")],
)
def test_a_plan_that_makes_no_sense_is_refused(settings, reason):
    with pytest.raises(ConfigError, match=reason):
        views.answer("plan", ONE, settings)
