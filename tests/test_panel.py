"""scripts/fit_efficiency.py fits the seconds that life_jax forecasts, not others."""

from pathlib import Path

import fit_efficiency
import jax
import numpy as np
import pytest
import yaml

from life_jax import measurements

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="needs the tables of published measurements")


def in_files(panel) -> np.ndarray:
    """The constants of conf/efficiency and conf/engine; nothing is known of single devices."""
    x, at = panel.prior.copy(), 0
    for part, folder in zip(panel.parts[:2], ("efficiency", "engine"), strict=True):
        files = [yaml.safe_load((ROOT / "conf" / folder / f"{group}.yaml").read_text()) for group in part.groups]
        for name in part.prior:
            for i, file in enumerate(files):
                x[at + i] = np.log(file[name]) if name in file else x[at + i]
            at += len(files)
    return x


def test_the_fit_and_the_forecast_are_one_model():
    """Within the mean step of decode and of chunks, which the fit takes at the middle: layers with a window bend."""
    settings, cells, devices = fit_efficiency.load(DATA)
    some = range(0, len(settings), 7)
    settings, cells, devices = [settings[i] for i in some], [cells[i] for i in some], devices[list(some)]
    with jax.enable_x64(True):
        panel = fit_efficiency.Panel(settings, cells, devices, *fit_efficiency.constants(settings, devices))
        fitted = panel.time(in_files(panel))
    ratios = [s.ratio(f) for s, f in zip(settings, measurements.forecasts(settings), strict=True)]
    assert fitted / panel.measured == pytest.approx(np.array(ratios), rel=0.01)
