"""Laws of work, over natural pairs of device and engine that are drawn (scripts/attack_laws.py)."""

import importlib.util
import sys
from dataclasses import replace

import pytest
from places import ROOT

from life_jax.core.numerics import where
from life_jax.roofline.effects.matrix_tiles import MatrixTiles, is_product


@pytest.fixture(scope="module")
def laws():
    spec = importlib.util.spec_from_file_location("attack_laws", ROOT / "scripts" / "attack_laws.py")
    sys.modules["attack_laws"] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    del sys.modules["attack_laws"]


def test_no_forecast_falls_when_work_grows_or_rises_when_the_device_is_faster(laws):
    evaluations, broken = laws.attack(draws=200, seed=2026)
    assert evaluations == 19_200
    assert not broken, broken[:3]


def test_a_hard_switch_between_kernels_is_found(laws, monkeypatch):
    """Few rows on the vector units whatever they take there, as forecasts had it before."""

    def on_work(self, op, work):
        if not is_product(op):
            return work
        few = op.shape.m <= 8
        vector = where(few, work.vector * op.shape.m + work.matrix, work.vector)
        return replace(work, matrix=where(few, 0.0, work.matrix), vector=vector)

    monkeypatch.setattr(MatrixTiles, "on_work", on_work)
    numbers = {"prompt_tokens": 512.0, "output_tokens": 128.0, "batch": 1.0, "past_tokens": 0.0}
    found = {
        b.law: b for b in laws.laws_of("apple_m3_max_40c", "llama_cpp_metal", "llama3_8b", ("q4_k_m",), numbers, {})
    }
    worst = found["tpot falls with more batch"]
    assert worst.between == (8, 9) and worst.by > 1
