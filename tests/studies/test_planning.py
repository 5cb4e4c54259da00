"""Plans: the same as brute force over a small space, rows that give their numbers again, counts that add up, and no
target whose relaxation costs more."""

import json
import math

import numpy as np
import pytest
from brute_force import brute_force, planned

import life_jax as life
from life_jax.config import this_machine
from life_jax.forecasting.metrics import forecast
from life_jax.planner import times
from life_jax.planner.designs import REASONS, settle
from life_jax.studies.launching import write
from life_jax.studies.plan_result import dataset
from life_jax.studies.planning import _designs, plan

MODEL = "model=llama3_1_8b"
ONE_USER = [
    MODEL,
    "hw=[rtx_3060_12gb,l4,apple_m2_max]",
    "axes.opt=[[],[fp8],[int4],[q8_0],[q4_k_m],[mlx_4bit]]",
    "devices=[1,2]",
]
LOADED = [
    MODEL, "hw=[l4,h100_sxm]", "axes.opt=[[],[fp8],[int4]]", "devices=[1,2,4]", "rate=4", "prompt=512", "output=64",
    "target.percentile=90",
]  # fmt: skip
AT_60_MS = ["target.tpot=0.06", "target.ttft=1.5"]


@pytest.mark.parametrize("words", [[*ONE_USER, *AT_60_MS], [*ONE_USER, "confidence=0.9", *AT_60_MS, "quality=0.9"],
                                   [*ONE_USER, "target.e2e=3", "budget.usd=2000"]])  # fmt: skip
def test_brute_force_over_a_small_space_equals_plan(words):
    study = life.load(words, primary="plan")
    result = plan(study)
    assert {row.place for row in result.rows} == brute_force(study)
    assert 0 < result.found.forecast < result.space


def test_brute_force_under_load_equals_plan():
    study = life.load([*LOADED, *AT_60_MS, "confidence=0.7"], primary="plan")
    result = plan(study)
    assert {row.place for row in result.rows} == brute_force(study)
    assert {row.layout.dp for row in result.rows} - {1} or {row.layout.tp for row in result.rows} - {1}


def test_counts_add_up_to_the_space():
    for words in ([*ONE_USER, *AT_60_MS], [*ONE_USER, "quality=0.99"], [*ONE_USER, "budget.usd=1"]):
        result = planned(*words)
        assert sum(result.rejected.values()) + len(result.rows) == result.space == 3 * 6 * 3
        assert set(result.rejected) <= set(REASONS)


def test_every_row_gives_its_numbers_again_in_a_sweep():
    result = planned(*ONE_USER, *AT_60_MS)
    assert len(result.rows) > 5
    for row in result.rows:
        names = [name for name in ("price", "memory", "quality", "ttft", "tpot", "e2e") if name in row.metrics]
        again = forecast(life.load([*row.words, "metrics=[ttft,tpot,quality]"]).scenario, tuple(names))
        for name in names:
            assert float(again[name]) == pytest.approx(row.metrics[name], rel=1e-12), (row.words, name)


def test_every_row_gives_its_numbers_again_in_serve():
    result = planned(*LOADED, *AT_60_MS)
    names = ("ttft_p90", "tpot_p90", "tpot_p50", "request_rate", "utilization", "concurrency")
    for row in (result.rows[0], result.rows[-1]):
        again = forecast(life.load(list(row.words), primary="serve").scenario, names)
        for name in names:
            assert float(again[name]) == pytest.approx(row.metrics[name], rel=1e-9), (row.words, name)


def test_a_laxer_target_never_costs_more_and_a_larger_budget_is_never_worse():
    prices = [
        planned(*ONE_USER, f"target.tpot={tpot}", "quality=0.9").rows[0].metrics["price"]
        for tpot in (0.015, 0.03, 0.06)
    ]
    assert prices == sorted(prices, reverse=True)
    times_ = [
        planned(*ONE_USER, f"budget.usd={usd}", "minimize=tpot").rows[0].metrics["tpot"] for usd in (600, 1500, 50000)
    ]
    assert times_ == sorted(times_, reverse=True)


def test_what_must_be_surer_costs_no_less_and_meets_with_that_chance():
    results = [planned(*ONE_USER, "target.tpot=0.06", f"confidence={c}") for c in (0.5, 0.8, 0.95)]
    assert [r.rows[0].metrics["price"] for r in results] == sorted(r.rows[0].metrics["price"] for r in results)
    for result, confidence in zip(results, (0.5, 0.8, 0.95), strict=True):
        assert all(row.meets >= confidence - 1e-9 for row in result.rows)


def test_where_nothing_meets_the_nearest_says_what_to_relax():
    result = planned(*ONE_USER, "target.tpot=0.001")
    assert result.rows == ()
    assert result.nearest is not None
    needed = result.relax["target.tpot"]
    assert needed > 0.001
    again = planned(*ONE_USER, f"target.tpot={needed * 1.0001}")
    assert again.rows
    assert not planned(*ONE_USER, f"target.tpot={needed * 0.9}").rows
    content = result.as_json()
    assert content["rows"] == []
    assert content["nearest"]["relax"] == result.relax
    json.dumps(content, allow_nan=False)


def test_json_has_what_the_contract_says():
    content = planned(*ONE_USER, *AT_60_MS).as_json()
    assert set(content) >= {"rows", "rejected", "space", "nearest"}
    first = content["rows"][0]
    assert set(first) >= {
        "rank",
        "hw",
        "devices",
        "layout",
        "engine",
        "opt",
        "concurrency",
        "words",
        "metrics",
        "meets",
    }
    assert set(first["layout"]) == {"tp", "pp", "ep", "dp", "cp"}
    assert {"price", "memory", "quality"} <= set(first["metrics"])
    assert [row["rank"] for row in content["rows"]] == list(range(1, len(content["rows"]) + 1))
    assert math.prod(v for k, v in first["layout"].items() if k != "ep") == first["devices"]


def test_rows_are_ordered_by_what_is_minimized():
    for name, sign in (("price", 1), ("tpot", 1), ("quality", -1), ("energy_per_token", 1)):
        rows = planned(*ONE_USER[:1], "hw=[l4,rtx_3090]", *ONE_USER[2:], f"minimize={name}").rows
        values = [sign * row.metrics[name] for row in rows]
        assert values == sorted(values), name


def test_evaluate_gives_the_rows_as_a_dataset():
    study = life.load([*ONE_USER, *AT_60_MS], primary="plan")
    ds = life.evaluate(study)
    rows = plan(study).rows
    assert ds.sizes["row"] == len(rows)
    assert ds.tpot.values.tolist() == [row.metrics["tpot"] for row in rows]
    assert ds.attrs["space"] == 54
    assert dataset(plan(study)).equals(ds)


def test_here_is_this_machine(monkeypatch):
    monkeypatch.setattr(this_machine, "device", lambda folders: this_machine.Machine("apple_m2_max"))
    rows = planned(MODEL, "hw=here", "axes.opt=[[mlx_4bit],[q4_k_m]]").rows
    assert {row.hw for row in rows} == {"apple_m2_max"}
    assert {row.devices for row in rows} == {1}  # an Apple is one


def test_data_parallel_groups_share_the_load_evenly():
    words = ["hw=h100_sxm", MODEL, "engine=vllm", "prompt=512", "output=64"]
    names = ("ttft_p90", "tpot_p90", "utilization", "request_rate", "output_rate")
    one = forecast(life.load([*words, "rate=3"], primary="serve").scenario, names)
    four = forecast(life.load([*words, "rate=12", "dp=4"], primary="serve").scenario, names)
    for name in names:
        factor = 4 if name.endswith("rate") else 1
        assert float(four[name]) == pytest.approx(factor * float(one[name]), rel=1e-9), name


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["devices=0"], "devices=0: whole numbers from 1 to 64"),
        (["quality=1.5"], "quality is 1.5; it must be above 0 and at most 1"),
        (["confidence=1"], "confidence is 1; it must be below 1"),
        (["budget.eur=5"], "budget.:"),
        (["target.tpot=-1"], "target.tpot is -1 s; it must be above 0 s"),
        (["target.percentile=90"], "target.percentile= is of requests under load"),
        (["rate=2", "target.e2e=3"], "target.e2e= is of one user"),
        (["minimize=speed"], "minimize=: metric 'speed' is not known"),
        (["axes.batch=[1,2]"], "plan takes no axes.batch"),
        (["hw=v10"], "device 'v10' is not known"),
        (["range.tdp_w=[1,2]"], "'range.tdp_w=' is not known"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_line(words, message):
    base = [word for word in ONE_USER if word.split("=")[0] not in {w.split("=")[0] for w in words}]
    with pytest.raises(life.ConfigError) as error:
        planned(*base, *words)
    assert message in str(error.value)


def test_launch_scripts_are_written_for_each_rank(tmp_path):
    result = planned(MODEL, "hw=[rtx_3060_12gb,l4]", "axes.opt=[[fp8],[q4_k_m]]", "devices=[1,2]", "top=2")
    paths = write(result, tmp_path / "plan", overwrite=False)
    assert {path.parent.name for path in paths} == {"01", "02"}
    for row in result.rows[:2]:
        text = (tmp_path / "plan" / f"{row.rank:02d}" / "run.sh").read_text(encoding="utf-8")
        assert f"exec {row.command}\n" in text
        assert row.hw in text
    (tmp_path / "plan" / "02" / "run.sh").unlink()  # as a command that was stopped leaves it
    before = {path: path.stat().st_mtime_ns for path in paths if path.exists()}
    assert write(result, tmp_path / "plan", overwrite=False) == paths
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert (tmp_path / "plan" / "02" / "run.sh").stat().st_mode & 0o777 == 0o755
    paths[0].write_text("mine", encoding="utf-8")
    with pytest.raises(OSError, match="overwrite=true"):
        write(result, tmp_path / "plan", overwrite=False)
    assert write(result, tmp_path / "plan", overwrite=True) == paths
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "01").symlink_to(tmp_path / "plan" / "01", target_is_directory=True)
    with pytest.raises(OSError, match="is a link"):
        write(result, tmp_path / "linked", overwrite=True)
    (tmp_path / "taken" / "02").mkdir(parents=True)
    (tmp_path / "taken" / "02" / "run.sh").write_text("mine", encoding="utf-8")
    with pytest.raises(OSError, match="overwrite=true"):
        write(result, tmp_path / "taken", overwrite=False)
    assert [path.name for path in (tmp_path / "taken").rglob("*")] == ["02", "run.sh"]  # nothing before it either


def test_a_plan_is_printed_in_80_columns_and_as_json(life, tmp_path):
    words = [*ONE_USER, *AT_60_MS]
    run = life("plan", *words)
    assert run.status == 0, run.err
    assert max(map(len, run.out.splitlines())) <= 80
    assert "designs are left" in run.out
    content = json.loads(life("plan", *words, "format=json").out)
    assert {row["command"].split()[0] for row in content["rows"]} <= {"llama-server", "vllm", "mlx_lm.server"}
    nothing = life("plan", *ONE_USER, "target.tpot=0.0001")
    assert nothing.status == 0
    assert "NOTHING MEETS" in nothing.out
    assert "target.tpot=" in nothing.out
    assert life("plan", MODEL, "hw=v10").status == 2


@pytest.mark.parametrize("model", ["llama3_1_8b", "qwen3_30b_a3b"])
def test_designs_side_by_side_see_the_load_as_each_does_alone(model):
    words = [f"model={model}", "hw=h100_sxm", "axes.opt=[[],[fp8]]", "devices=4", "rate=6", "prompt=512", "output=64"]
    study = life.load(words, primary="plan")
    designs = _designs(study)
    settle(designs, lambda count: None)
    alive = designs.alive
    found = times.times(designs, alive, np.array([0.0]), lambda count: None)
    used = {designs.layouts[at] for at in designs.layout[alive]}
    assert len(used) >= 6  # tensor, pipeline and data parallel, experts divided or not
    for place in range(0, len(alive), 3):
        case = study.cases[designs.case[alive[place]]]
        layout = designs.layouts[designs.layout[alive[place]]]
        opt = "+".join(study.stacks[case.keys.opt])
        alone = life.load(
            [
                f"model={model}",
                "hw=h100_sxm",
                "engine=vllm",
                *([f"opt={opt}"] if opt else []),
                *layout.words,
                *words[-3:],
            ],
            primary="serve",
        )
        expected = forecast(alone.scenario, ("ttft_p50", "tpot_p50"))
        assert found["ttft"][place, 0] == pytest.approx(float(expected["ttft_p50"]), rel=1e-6), layout
        assert found["tpot"][place, 0] == pytest.approx(float(expected["tpot_p50"]), rel=1e-6), layout


def test_rows_and_their_picture_are_files(life):
    words = [*ONE_USER, *AT_60_MS]
    run = life("plan", *words, "out=kept.nc", "plot=front")
    assert run.status == 0, run.err
    assert (run.folder / "kept_front.png").read_bytes().startswith(b"\x89PNG")
    assert life("plan", *words, "out=rows.csv").status == 0
    lines = (run.folder / "rows.csv").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 1 + len(planned(*words).rows)
    again = life("plan", *words, "out=rows.csv")
    assert again.status == 2
    assert "overwrite=true" in again.err
    assert "a plan has one picture, front" in life("plan", *words, "plot=heatmap").err
