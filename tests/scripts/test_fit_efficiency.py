"""What the fit counts beside the product is what the product counts."""

import pytest
from laws import scenario
from places import ROOT

from life_jax.core.schedule import Step
from life_jax.forecasting.step import step_graph


@pytest.fixture
def fit_efficiency(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    import fit_efficiency

    return fit_efficiency


def kernels_of_a_layer(*fused: str) -> float:
    """Operators that each of the 32 layers of Llama-3-8B starts in a decode step [1]."""
    words = ("hw=a100", "model=llama3_8b", f"engine.fusion=[{','.join(fused)}]", "prompt=64", "batch=1")
    ops = step_graph(scenario(*words), Step(1.0, 1.0, 64.0))
    return sum(float(op.repeats * op.cost.dispatches) for op in ops if float(op.repeats) > 30) / 32


def test_operators_of_a_layer_are_those_of_the_graph(fit_efficiency):
    saved = fit_efficiency.SAVED
    assert kernels_of_a_layer(*saved) == pytest.approx(fit_efficiency.FUSED, abs=0.1)
    for name, fewer in saved.items():
        others = [other for other in saved if other != name]
        assert kernels_of_a_layer(*others) == pytest.approx(fit_efficiency.FUSED + fewer, abs=0.1)
