"""The law of single kernels, and how its numbers of a device that is left out are guessed."""

import sys

import numpy as np
import pytest
from places import DATA, ROOT

sys.path.insert(0, str(ROOT / "scripts"))
import fit_kernels
import kernel_rows

from life_jax.config import conf_files
from life_jax.config.schema.device_file import DeviceFile

DECODE = {"batch": 4, "seq": 1, "step": 2047, "num_heads": 32, "num_kv_heads": 8, "head_dim": 128}
PREFILL = DECODE | {"seq": 1024, "step": 0}
MORE = [
    (base, key, values)
    for base in (DECODE, PREFILL)
    for key, values in (
        ("batch", [2, 3, 4, 8, 64, 65, 1024]),
        ("step", [1, 100, 600, 601, 5000, 5001, 100000]),
        ("head_dim", [64, 128, 192, 256]),
        ("num_heads", [16, 24, 32, 64, 128]),
    )
] + [(PREFILL, "seq", [2, 64, 127, 128, 129, 700, 1024, 8192]), (PREFILL | {"window": 128}, "seq", [2, 128, 129, 4096])]


def times(device, base, key, values, kv_dtype, numbers):
    file, kernel = conf_files.file("hw", device, DeviceFile), kernel_rows.KERNELS[device]
    rows = [kernel_rows.attend({"window": 0, "kv_dtype": kv_dtype} | base | {key: v}, file, kernel) for v in values]
    return fit_kernels.attention(numbers, {name: np.array([row[name] for row in rows]) for name in rows[0]})


@pytest.mark.parametrize("device", kernel_rows.KERNELS)
@pytest.mark.parametrize(("base", "key", "values"), MORE, ids=lambda value: value if isinstance(value, str) else "")
def test_attention_never_takes_less_where_work_grows(device, base, key, values):
    median, deviation = fit_kernels.priors("attention")
    for change in (-2.0, 0.0, 2.0):
        for i in range(len(median)):
            numbers = median + change * deviation * (np.arange(len(median)) == i)
            numbers[7] = max(numbers[7], np.log(0.5))  # twice the width takes no less altogether
            for kv_dtype in ("bfloat16", "fp8"):
                found = times(device, base, key, values, kv_dtype, numbers)
                assert (np.diff(found) >= -1e-12).all(), (change, list(fit_kernels.NUMBERS["attention"])[i])


def test_a_context_that_blocks_share_takes_less_than_one_that_a_block_walks_alone():
    """Two heads, each with keys of its own, of 100 000 positions on an A100: a block each, of 108 units."""
    median, _ = fit_kernels.priors("attention")
    two = DECODE | {"batch": 1, "num_heads": 2, "num_kv_heads": 2}
    alone, shared = (
        times("a100_sxm_80gb", two | {"num_heads": n}, "step", [99999], "bfloat16", median) for n in (2, 4)
    )
    assert alone > 10 * shared
    assert times("h100_sxm", two, "step", [99999], "bfloat16", median) < alone / 10  # its kernels share them all


def test_queries_that_do_not_fill_a_block_take_as_long_as_those_that_do():
    median, _ = fit_kernels.priors("attention")
    of = conf_files.file("hw", "a100_sxm_80gb", DeviceFile)
    rows = [
        kernel_rows.attend(PREFILL | {"seq": n, "window": 0, "kv_dtype": ""}, of, kernel_rows.KERNELS["a100_sxm_80gb"])
        for n in (65, 128)
    ]
    assert rows[0]["compute"] == rows[1]["compute"] == pytest.approx(4 * 32 * 128 * 128 * 4 * 128 / 312e12)
    assert rows[0]["blocks"] == rows[1]["blocks"] == 4 * 32
    assert median.shape == (12,)


def invented(device, numbers, alike=("decode",)):
    values = [1, 63, 1023, 4095, 16383, 65535]
    file, kernel = conf_files.file("hw", device, DeviceFile), kernel_rows.KERNELS[device]
    rows = [
        kernel_rows.attend(DECODE | {"batch": batch, "step": v, "window": 0, "kv_dtype": ""}, file, kernel)
        for batch in (1, 8, 64)
        for v in values
    ]
    arrays = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    return kernel_rows.Group(device, "decode", alike, arrays, fit_kernels.attention(numbers, arrays))


def test_a_fit_finds_the_numbers_that_made_its_rows_and_a_guess_knows_nothing_of_its_device():
    median, deviation = fit_kernels.priors("attention")
    moved = median + deviation * np.array([0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    groups = [invented(device, moved) for device in ("a100_sxm_80gb", "h100_sxm")]
    fitted = [(group, fit_kernels.fit("attention", group)) for group in groups]
    for group, x in fitted:
        off = np.abs(fit_kernels.attention(x, group.rows) / group.seconds - 1)
        assert off.mean() < 0.02
    guessed = fit_kernels.guess("attention", groups[0], fitted)
    other = [(groups[0], median * 0), fitted[1]]
    assert (guessed == fit_kernels.guess("attention", groups[0], other)).all()
    assert guessed == pytest.approx((fitted[1][1] + median) / 2)
    assert fit_kernels.guess("attention", groups[0], fitted[:1]) == pytest.approx(median)


@pytest.mark.data
def test_kernels_are_forecast_as_well_as_the_page_says():
    for kind, within, without in (("GEMM", 7, 15), ("attention", 10, 30)):
        inside, outside = fit_kernels.errors(
            kind, kernel_rows.read(DATA / "operators_dev.csv")[kind], lambda line: None
        )
        assert np.mean(list(inside.values())) < within and np.mean(list(outside.values())) < without
