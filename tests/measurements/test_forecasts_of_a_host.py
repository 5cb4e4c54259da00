"""Forecasts of a machine that scripts/measure_host.py measured, before any calibration."""

from collections import defaultdict

import numpy as np
import pytest
from places import DATA

from life_jax.measurements import forecasts, rows

pytestmark = pytest.mark.data
HOST = DATA / "host"


def ratios(table, monkeypatch):
    """{(kind, model): forecast over measured times}; and the forecast of each row's id."""
    monkeypatch.chdir(HOST)  # the rows name the device's file beside them
    settings = [rows.place(row) for row in rows.read(HOST / table)]
    values = forecasts.forecasts(settings)
    found = defaultdict(list)
    for setting, value in zip(settings, values, strict=True):
        found[setting.kind, setting.model].append(setting.ratio(value))
    return found, {setting.id: value for setting, value in zip(settings, values, strict=True)}


@pytest.mark.parametrize("table", ["llama_cpp.csv", "hf.csv"])
def test_prompts_and_steps_of_a_virtual_machine_are_forecast_within_a_fifth(table, monkeypatch):
    found, _ = ratios(table, monkeypatch)
    for kind in ("TTFT", "TPOT"):
        each = [100 * np.mean(np.abs(np.array(r) - 1)) for (of, _), r in found.items() if of == kind]
        assert len(each) == 2 and np.mean(each) < 20, (kind, each)


def test_what_has_fewer_bits_decodes_faster_as_it_was_measured_to(monkeypatch):
    _, values = ratios("llama_cpp.csv", monkeypatch)
    steps = {name: value for name, value in values.items() if "tpot" in name}
    assert len(steps) == 8
    for name, value in steps.items():
        if "q4_0" in name:
            assert value < steps[name.replace("q4_0", "q8_0")]
