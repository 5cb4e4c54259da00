"""Calibration finds constants that made the measurements, says what it cannot know, and narrows the interval."""

import csv
import dataclasses

import numpy as np
import pytest
import yaml

import life_jax as life
from life_jax.config import conf_files
from life_jax.core.pytree import get_leaf, set_leaf
from life_jax.measurements import calibration_priors, forecasts
from life_jax.measurements import rows as measurements
from life_jax.measurements.calibration import CONSTANTS, Residuals, _leaf, as_file, calibrate
from life_jax.measurements.calibration_priors import deviations

HW, ENGINE = "rtx_4090", "llama_cpp_cuda"
COLUMNS = [*measurements.COLUMNS]
ROWS = [
    {"id": "a", "model": "llama3_8b", "weight_format": "f16", "batch": "1", "prompt_tokens": "512",
     "output_tokens": "", "metric": "prefill_tok_s"},
    {"id": "b", "model": "llama3_8b", "weight_format": "q4_k_m", "batch": "1", "prompt_tokens": "",
     "output_tokens": "128", "metric": "decode_tok_s"},
    {"id": "c", "model": "llama2_13b", "weight_format": "q8_0", "batch": "1", "prompt_tokens": "",
     "output_tokens": "128", "metric": "decode_tok_s"},
    {"id": "d", "model": "llama2_13b", "weight_format": "f16", "batch": "1", "prompt_tokens": "1024",
     "output_tokens": "", "metric": "prefill_tok_s"},
]  # fmt: skip
MORE = [
    {**ROWS[0], "id": f"{model}-{tokens}", "model": model, "prompt_tokens": f"{tokens}"}
    for model in ("llama3_2_1b", "llama2_7b", "llama2_13b", "qwen3_8b") for tokens in (512, 2048)
]  # fmt: skip
SPREADS = {"ttft": 0.4, "tpot": 0.3, "e2e": 0.3}


def invented(change, rows=ROWS) -> list:
    """Rows as a machine with other constants would measure them."""
    rows = [{**row, "hardware": HW, "engine": ENGINE, "value": "1"} for row in rows]
    settings = [measurements.place(row) for row in rows]
    assert not [s for s in settings if isinstance(s, str)], settings
    settings = [dataclasses.replace(s, engine=ENGINE) for s in settings]
    values = forecasts.forecasts(settings, change=change)
    return [dataclasses.replace(s, value=float(v)) for s, v in zip(settings, values, strict=True)]


def other(engine):
    e = engine.efficiency
    less = dataclasses.replace(e, compute=0.7 * e.compute, memory=0.85 * e.memory)
    return dataclasses.replace(engine, efficiency=less)


def expecting(monkeypatch, **changed):
    """Deviations as these and, of all other constants, a thousandth; noise and tails as the file has them."""
    stood = calibration_priors.facts()
    deviations = {c.key: changed.get(c.key, 1e-3) for c in CONSTANTS}
    monkeypatch.setattr(calibration_priors, "facts", lambda: {**stood, "deviations": {"all": deviations}})


def test_constants_that_made_the_measurements_are_found_and_forecast_what_was_not_measured(monkeypatch):
    expecting(monkeypatch, compute_efficiency=0.3, memory_efficiency=0.2, kv_efficiency=0.4, dispatch_factor=0.5)
    settings = invented(other)
    found = calibrate([*settings[:3], *invented(other, MORE)], SPREADS)
    assert np.abs(found.after).max() < 0.6 * np.abs(found.before).max()
    told = dict(zip((c.key for c in CONSTANTS), found.identified, strict=True))
    assert told["compute_efficiency"]
    assert not told["kv_efficiency"]  # short contexts read hardly any cache
    before, after = found.values()["compute_efficiency"]
    assert after / before == pytest.approx(0.7, rel=0.15)
    # the fourth row was not among them
    leaves = [_leaf(c.key) for c in CONSTANTS]

    def calibrated(engine):
        for leaf in leaves:
            engine = set_leaf(engine, leaf, get_leaf(found.engine, leaf))
        return engine

    new = forecasts.forecasts(settings[3:], change=calibrated)
    old = forecasts.forecasts(settings[3:])
    assert abs(np.log(new[0] / settings[3].value)) < 0.5 * abs(np.log(old[0] / settings[3].value))


def test_a_row_left_out_is_off_as_by_a_calibration_on_the_others():
    settings = invented(other)
    found = calibrate(settings, SPREADS)
    leaves = [_leaf(c.key) for c in CONSTANTS]
    for i, setting in enumerate(settings):
        others = calibrate([s for s in settings if s is not setting], SPREADS)
        assert not others.kept

        def calibrated(engine, others=others):
            for leaf in leaves:
                engine = set_leaf(engine, leaf, get_leaf(others.engine, leaf))
            return engine

        off = np.log(setting.ratio(float(forecasts.forecasts([setting], change=calibrated)[0])))
        assert found.left_out[i] == pytest.approx(off, abs=0.03)  # forecasts are nearly linear in these logarithms


def test_the_class_is_kept_where_the_other_rows_tell_a_row_worse_than_it_does():
    """Rows that contradict each other: whatever one tells makes the others worse."""
    settings = invented(lambda engine: engine)
    wrong = [
        dataclasses.replace(s, value=s.value * factor) for s, factor in zip(settings, (1.6, 1.5, 0.6, 0.6), strict=True)
    ]
    found = calibrate(wrong, SPREADS)
    assert np.abs(found.left_out).mean() > np.abs(found.before).mean()
    assert found.kept and found.spreads == SPREADS
    assert all(after == pytest.approx(before) for before, after in found.values().values())
    np.testing.assert_array_equal(found.after, found.before)


def test_measurements_that_agree_change_nothing_but_the_interval():
    settings = invented(lambda engine: engine)
    found = calibrate(settings, SPREADS)
    assert np.abs(found.after).max() < 1e-6
    for before, after in found.values().values():
        assert after == pytest.approx(before, rel=1e-6)
    assert found.spreads["ttft"] < SPREADS["ttft"]
    assert found.spreads["e2e"] == SPREADS["e2e"]  # not measured
    assert (found.deviation <= deviations(HW, ENGINE) + 1e-12).all()


def test_one_host_runs_all_that_a_step_costs_it():
    """A server whose host is twice as slow: steps of 64 sequences tell, by one factor of all that it does."""
    rows = [
        {"id": str(n), "hardware": "h100_sxm", "model": "llama3_8b", "weight_format": "f16", "engine": "vllm_2024",
         "batch": "64", "prompt_tokens": str(n), "output_tokens": "128", "metric": "tpot_s", "value": "1"}
        for n in (64, 128)
    ]  # fmt: skip
    times = ("step", "sequence", "context", "split_step")
    settings = [measurements.place(row) for row in rows]
    slow = forecasts.forecasts(
        settings,
        change=lambda e: dataclasses.replace(
            e, host=dataclasses.replace(e.host, **{name: 2 * getattr(e.host, name) for name in times})
        ),
    )
    measured = [dataclasses.replace(s, value=float(v)) for s, v in zip(settings, slow, strict=True)]
    found = calibrate(measured, SPREADS).values()
    factors = [found[key][1] / found[key][0] for key in ("step_us", "sequence_us", "context_ns", "split_step_us")]
    assert 1.2 < factors[0] < 2
    assert factors == pytest.approx([factors[0]] * 4)


def test_a_known_engine_leaves_less_to_find_than_one_that_is_not():
    known, generic = deviations("h100_sxm", "vllm"), deviations("h100_sxm", "generic")
    assert (known <= generic).all()
    of = [c.key for c in CONSTANTS]
    for key in ("compute_efficiency", "memory_efficiency"):
        assert known[of.index(key)] < generic[of.index(key)]


def test_rows_at_factors_of_their_own_are_those_rows_at_the_same_factors():
    settings = invented(other)
    residuals, random = Residuals(settings), np.random.default_rng(0)
    factors = random.normal(0, 0.2, (len(settings), len(CONSTANTS)))
    each = np.diag(residuals(factors))
    np.testing.assert_allclose(residuals.of_rows(factors), each, rtol=1e-12)


def test_an_odd_row_does_not_decide_for_the_others():
    """A prompt that ran partly on the host, ten times as slow as others say."""
    settings = [*invented(lambda engine: engine, [ROWS[0], *MORE])]
    odd = [dataclasses.replace(settings[0], value=settings[0].value / 10), *settings[1:]]
    found = calibrate(odd, SPREADS)
    assert found.before[0] < -2
    assert np.abs(found.after[1:]).max() < 0.1


def test_three_rows_tell_that_threads_of_a_cpu_wait_for_each_other_ten_times_as_long():
    rows = [{**row, "hardware": "ryzen_9_7950x_cpu", "engine": "llama.cpp CPU", "value": "1", "model": model}
            for model in ("qwen3_0_6b", "llama3_2_1b") for row in ROWS[:2]]  # fmt: skip
    settings = [measurements.place(row) for row in rows]

    def slow(engine):
        e = engine.efficiency
        return dataclasses.replace(engine, efficiency=dataclasses.replace(e, dispatch=10 * e.dispatch))

    values = forecasts.forecasts(settings, change=slow)
    settings = [dataclasses.replace(s, value=float(v)) for s, v in zip(settings, values, strict=True)]
    found = calibrate(settings[:3], SPREADS)
    assert not found.kept
    before, after = found.values()["dispatch_factor"]
    assert after > 4 * before

    def calibrated(engine):
        for leaf in (_leaf(c.key) for c in CONSTANTS):
            engine = set_leaf(engine, leaf, get_leaf(found.engine, leaf))
        return engine

    (off,) = (
        s.ratio(f) for s, f in zip(settings[3:], forecasts.forecasts(settings[3:], change=calibrated), strict=True)
    )
    (was,) = (s.ratio(f) for s, f in zip(settings[3:], forecasts.forecasts(settings[3:]), strict=True))
    assert was < 0.9 and off == pytest.approx(1, abs=0.5 * (1 - was))


def test_the_threads_that_all_rows_had_are_those_of_the_engine():
    rows = [{**row, "hardware": "ryzen_9_7950x_cpu", "engine": "llama.cpp CPU", "value": "10", "threads": "8"}
            for row in ROWS]  # fmt: skip
    settings = [measurements.place(row) for row in rows]
    found = calibrate(settings, SPREADS)
    start = conf_files.engine_file("llama_cpp_cpu")
    said = as_file(found, start, "mine", "a test")
    assert said["threads"] == 8
    assert said["core_bandwidth"] == conf_files.efficiency("ryzen_9_7950x_cpu").core_bandwidth
    mixed = [dataclasses.replace(s, threads=float(4 + 4 * i)) for i, s in enumerate(settings)]
    assert "threads" not in as_file(calibrate(mixed, SPREADS), start, "mine", "a test")
    gpu = as_file(calibrate(invented(other), SPREADS), conf_files.engine_file(ENGINE), "mine", "a test")
    assert not {"threads", "core_bandwidth"} & gpu.keys()


def test_the_command_writes_an_engine_that_sweep_takes(life, tmp_path):
    settings = invented(other)
    with (tmp_path / "mine.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        for row, s in zip(ROWS, settings, strict=True):
            writer.writerow({**row, "hardware": "my box", "engine": "my build", "value": s.value})
    done = life("calibrate", "mine.csv", f"hw={HW}", f"engine={ENGINE}", "out=mine.yaml")
    assert done.status == 0, done.err
    assert "identified" in done.out
    content = yaml.safe_load((tmp_path / "mine.yaml").read_text())
    assert content["compute_efficiency"] < 1
    assert "4 rows of mine.csv" in content["source"]
    words = [f"hw={HW}", "model=llama3_8b", "engine=mine.yaml", "workload.batch=1", "dtype=float64"]
    swept = life("sweep", *words, "workload.prompt_tokens=512", "metrics=[ttft,ttft_low,ttft_high]", "out=s.nc")
    assert swept.status == 0, swept.err
    import xarray as xr

    with xr.open_dataset(swept.file) as ds:
        assert float(ds.ttft.squeeze()) == pytest.approx(512 / settings[0].value, rel=0.1)
        assert float(ds.ttft_low.squeeze()) < float(ds.ttft.squeeze()) < float(ds.ttft_high.squeeze())
    assert life("calibrate", "mine.csv", f"hw={HW}", "out=mine.yaml").status == 2  # not overwritten unasked
    with (tmp_path / "again.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        for row, s in zip(ROWS, settings, strict=True):
            writer.writerow({**row, "hardware": HW, "engine": "my build", "value": s.value})
    checked = life("validate", "again.csv", "engine=mine.yaml", "out=checked.csv")
    assert checked.status == 0, checked.err
    with (tmp_path / "checked.csv").open(newline="") as file:
        for row, s in zip(csv.DictReader(file), settings, strict=True):
            assert float(row["forecast"]) == pytest.approx(s.value, rel=0.25)
            # the interval is that of the calibration
            kind = "tpot" if s.kind == "TPOT" else "ttft"
            wide = np.exp(1.2816 * content["spreads"][kind])
            assert float(row["high"]) / float(row["forecast"]) == pytest.approx(wide, rel=1e-3)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ([], "one file and hw="),
        (["x.csv"], "one file and hw="),
        (["x.csv", "hw=rtx4091"], "rtx4091"),
        (["x.csv", "hw=rtx_4090", "engine=lama"], "lama"),
        (["x.csv", "hw=rtx_4090"], "cannot be read"),
        (["x.csv", "hw=rtx_4090", "bach=1"], "did you mean batch"),
    ],
)
def test_mistakes_end_in_one_line(life, words, reason):
    done = life("calibrate", *words)
    assert done.status == 2
    assert reason in done.error


def test_an_engine_file_with_an_unknown_key_is_refused(tmp_path):
    file = tmp_path / "bad.yaml"
    file.write_text("name: x\nsource: y\ncompute_eficiency: 0.5\n")
    with pytest.raises(life.ConfigError, match="compute_eficiency"):
        life.load(["hw=v100", f"engine={file}"])
    with pytest.raises(life.ConfigError, match="cannot be read"):
        life.load(["hw=v100", f"engine={tmp_path}/none.yaml"])


def test_a_file_that_was_changed_is_read_anew(tmp_path):
    """Also one of the same name in another folder: what is kept is known by its place, age and size."""
    file = tmp_path / "mine.yaml"
    found = []
    for efficiency in (0.5, 0.25):
        file.write_text(f"defaults: [generic]\nname: mine\ncompute_efficiency: {efficiency}\n")
        found.append(conf_files.engine_file(str(file)).compute_efficiency)
        found.append(forecasts.scenario(HW, "llama3_8b", (), str(file), 1.0).engine.efficiency.compute)
    assert found == [0.5, 0.5, 0.25, 0.25]
