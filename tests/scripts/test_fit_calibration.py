"""What calibrations expect is found again from rows that were made of it."""

from types import SimpleNamespace

import numpy as np
import pytest
from places import ROOT

from life_jax.measurements.calibration import CONSTANTS

P = len(CONSTANTS)


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    import fit_calibration

    return fit_calibration


def invented(script, devices=150, rows=12, seed=0):
    """Residuals of devices whose first constant differs by 0.4 and whose second hardly does, of two kinds of rows."""
    random = np.random.default_rng(seed)
    n = devices * rows
    slopes = np.zeros((n, P))
    slopes[:, :2] = random.uniform(0.2, 1, (n, 2))
    device = np.repeat(np.arange(devices), rows)
    group = np.tile(np.arange(rows) // 2, devices)  # two rows of a model
    kind = np.tile(np.arange(rows) // 2 % 2, devices)
    factors = random.normal(0, (0.4, 0.05), (devices, 2))
    shared = random.normal(0, 0.06, (devices, rows // 2))
    base = -(slopes[:, :2] * factors[device]).sum(1) + shared[device, group] + random.normal(0, 0.1, n)
    members = {str(d): np.flatnonzero(device == d) for d in range(devices)}
    panel = SimpleNamespace(base=base, slopes=slopes, group=group, kind=kind, members=members)
    panel.errors = script.Panel.errors.__get__(panel)
    return panel


def test_deviations_that_made_the_residuals_are_found(script, monkeypatch):
    monkeypatch.setattr(script, "TAILS", 1e9)  # as the residuals have none
    panel = invented(script)
    theta = np.exp(script.Likelihood(panel, list(panel.members)).fit(script.START, script.WIDE))
    assert theta[0] == pytest.approx(0.4, rel=0.2)
    assert theta[1] < 0.15
    row, shared = theta[P:].reshape(2, -1)
    assert row[:2] == pytest.approx([0.1, 0.1], rel=0.25)
    assert shared[:2] == pytest.approx([0.06, 0.06], rel=0.35)
    assert theta[2] == pytest.approx(script.USUAL, rel=0.05)  # nothing tells of it


def test_the_slope_of_the_likelihood_is_its_slope(script):
    panel = invented(script, devices=5)
    likelihood, random = script.Likelihood(panel, list(panel.members)), np.random.default_rng(1)
    weights, at = random.uniform(0.3, 1, len(panel.base)), script.START + random.normal(0, 0.2, len(script.START))
    _, slope = likelihood._negative(at, weights, script.START, script.WIDE)
    for i in (0, 1, 2, P, P + 1, P + 3, P + 4):
        step = np.zeros(len(at))
        step[i] = 1e-5
        up, down = (likelihood._negative(at + s, weights, script.START, script.WIDE)[0] for s in (step, -step))
        assert slope[i] == pytest.approx((up - down) / 2e-5, rel=1e-4, abs=1e-5)


def test_the_rows_that_are_recommended_tell_of_every_constant_that_counts(script):
    """Prompts go with the first constant, decode with the second: of the two first rows one is of each."""
    slopes = np.zeros((10, P))
    slopes[:5, 0], slopes[5:, 1] = 1.0, 1.0
    panel = SimpleNamespace(
        slopes=slopes, group=np.arange(10), kind=np.repeat([0, 1], 5), members={"a": np.arange(10)},
        fold=np.zeros(10, int), is_cpu=np.zeros(10, bool),
    )  # fmt: skip
    panel.errors = script.Panel.errors.__get__(panel)
    first, second, _ = script.recommended(panel, [script.START])
    assert {first < 5, second < 5} == {True, False}
