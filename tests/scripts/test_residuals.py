"""Slopes of residuals are those of the shape, not of the devices, and are told where intervals do not hold them."""

import numpy as np
import pytest
from places import ROOT


@pytest.fixture
def residuals(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    import residuals

    return residuals


def invented(residuals, slope: float, noise: float = 0.05):
    """Rows of six devices under an engine, each with a level of its own, whose contexts differ too."""
    rng = np.random.default_rng(0)
    device = np.repeat(np.arange(6), 20)
    context = 2.0 ** rng.uniform(7 + device, 10 + device)  # of a faster device also longer
    log = slope * np.log2(context) - 0.5 * device + rng.normal(0, noise, len(device))
    of = residuals.Residuals.__new__(residuals.Residuals)
    of.kind, of.engine = np.full(len(device), "TTFT"), np.full(len(device), "some")
    of.pair = np.array([f"{d}|some" for d in device])
    of.axes = {"context": context, "batch": np.ones(len(device)), "size": np.full(len(device), 7e9)}
    of.known, of.half = np.ones(len(device), bool), np.full(len(device), 0.4)
    of.log = of._levelled(log)
    return of


@pytest.mark.parametrize("slope", [-0.15, 0.0, 0.1])
def test_a_slope_is_found_whatever_the_levels_of_devices(residuals, slope):
    (tilt,) = invented(residuals, slope).tilts()  # of context alone: batches and models are all the same
    assert tilt.slope == pytest.approx(slope, abs=3 * tilt.error) and tilt.error < 0.02
    assert (tilt.rows, tilt.devices) == (120, 6)


def test_only_what_intervals_do_not_hold_is_told(residuals):
    steep, flat = (invented(residuals, slope).tilts() for slope in (-0.15, 0.02))
    assert not steep[0].is_covered and flat[0].is_covered
    assert "-15 % a doubling of context" in residuals.sentences(steep + flat)[1]
    assert residuals.sentences(flat) == [residuals.sentences(flat)[0]]
