"""What a terminal is told while a plan searches."""

import io

import life_jax as life
from life_jax.plan import _Progress
from life_jax.studies import planning
from life_jax.terminal import progress


def test_a_plan_tells_how_many_designs_are_left(monkeypatch):
    monkeypatch.setattr("life_jax.plan.SHOWN_EACH", 0.0)
    told = []
    watch = _Progress(told.append)
    words = [
        "model=llama3_1_8b",
        "hw=[rtx_3090,l4]",
        "axes.opt=[[],[fp8],[q4_k_m]]",
        "devices=[1,2]",
        "target.tpot=0.05",
    ]
    result = planning.plan(life.load(words, primary="plan"), watch, watch.begin)
    left = [int(line.split()[0]) for line in told]
    assert left == sorted(left, reverse=True) and left[-1] == 0
    assert all(f"of {len(result.found.designs.status)} designs" in line for line in told)
    computed = [int(line.split(", ")[1].split()[0]) for line in told]
    assert computed == sorted(computed) and computed[0] > 0


def test_where_stderr_is_no_terminal_nothing_is_told(monkeypatch, capsys):
    monkeypatch.setattr("sys.stderr", io.StringIO())
    with progress.waiting("first") as tell:
        tell("second")
    assert capsys.readouterr().err == ""
