"""Largest rates within the limits of MLPerf: what is read of the logs, and what is forecast."""

import csv
from pathlib import Path

import numpy as np
import pytest
import validate_mlperf
from validate_mlperf import Submission, System, largest_rate, submissions

SMALL = System("NVIDIA H100 SXM 80GB", 1, "llama3.1-8b", "fp8", "vllm", "Server")


def _written(path: Path, ttft: float, tpot: float) -> Path:
    """A file of one open loop and of one that is offline."""
    same = {
        "source": "github:a/b@c:closed/D/results/E/llama3.1-8b/Server/performance/run_1/log.txt",
        "hardware": SMALL.hardware, "n_devices": "1", "model": "llama3.1-8b", "weight_format": "fp8", "engine": "vllm",
        "rate_rps": "39.64", "output_tokens": "129",
    }  # fmt: skip
    rows = [
        {"id": "mlp-0001-ttft_s-p99", "load": "open_poisson", "metric": "ttft_s", "value": str(ttft), **same},
        {"id": "mlp-0001-tpot_s-p99", "load": "open_poisson", "metric": "tpot_s", "value": str(tpot), **same},
        {"id": "mlp-0002-ttft_s-p99", "load": "offline (all at once)", "metric": "ttft_s", "value": "9", **same},
    ]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [*rows[0], "statistic"])
        writer.writeheader()
        writer.writerows({**row, "statistic": "p99"} for row in rows)
    return path


def test_open_loops_are_read_with_the_percentile_that_is_nearest_to_its_limit(tmp_path):
    seen = submissions(_written(tmp_path / "serving_dev.csv", 1.9, 0.025))
    assert seen == {SMALL: [Submission(39.64, 129.0, 0.95)]}
    (nearer,) = submissions(_written(tmp_path / "serving_dev.csv", 1.0, 0.099))[SMALL]
    assert nearer.near == pytest.approx(0.99)


def test_tighter_limits_never_allow_more(monkeypatch):
    with np.errstate(all="ignore"):
        wide, tp = largest_rate(SMALL, 129.0)
        monkeypatch.setitem(validate_mlperf.LIMITS, ("llama3.1-8b", "Server"), (0.2, 0.02))
        tight, _ = largest_rate(SMALL, 129.0)
    assert tp == 1 and 0 < tight < wide


def test_the_table_says_how_far_off_the_forecast_is(tmp_path):
    with np.errstate(all="ignore"):
        text = validate_mlperf.page(_written(tmp_path / "serving_dev.csv", 1.9, 0.025))
    assert "1 x NVIDIA H100 SXM 80GB, llama3.1-8b fp8 | Server | 39.64 | 0.95" in text
    assert "Of the 1 submissions" in text
