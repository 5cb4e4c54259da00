"""Power modes and clocks: rates, bandwidth, watts and joules follow; cooling widens intervals."""

import numpy as np
import pytest
from laws import in_numpy, scenario
from places import CONF

import life_jax as life
from life_jax.config import conf_files, support
from life_jax.config.schema.device_file import DeviceFile

ORIN = "jetson_orin_nano_8gb_super"
WORDS = ("engine=llama_cpp_cuda", "model=llama3_2_1b", "opt=q4_k_m", "prompt=512", "batch=1")
METRICS = "metrics=[ttft,tpot,power,energy_per_token]"


def device(*words: str):
    return scenario(*words, "engine=llama_cpp_cuda").device


def test_a_mode_scales_rates_by_clock_and_units_bandwidth_by_the_memorys_clock_and_says_the_power():
    file = conf_files.file("hw", ORIN, DeviceFile)
    for name, mode in file.power_modes.items():
        full, low = device(f"hw={ORIN}"), device(f"hw={ORIN}", f"hw.{ORIN}.power_mode={name}")
        part = mode["clock_mhz"] / file.rated_clock_mhz
        for pipe in ("linear", "head", "attention", "vector"):
            assert low.rates[pipe] == pytest.approx(full.rates[pipe] * part * mode.get("units_on", 1.0))
        assert low.rates["datasheet"] == full.rates["datasheet"]  # a price does not fall with a mode
        assert low.bandwidth == pytest.approx(full.bandwidth * mode["memory_clock_mhz"] / file.rated_memory_clock_mhz)
        assert low.dispatch == pytest.approx(full.dispatch / part)
        assert low.power == mode["tdp_w"]


def test_a_named_variant_is_its_device_in_that_mode():
    found = [path.stem for path in (CONF / "hw").glob("*.yaml") if "\npower_mode:" in path.read_text()]
    assert len(found) > 10
    for label in found:
        file = conf_files.file("hw", label, DeviceFile)
        base = conf_files.file("hw", label.rsplit("_", 1)[0], DeviceFile)
        assert file.power_modes == base.power_modes and file.tdp_w == file.mode["tdp_w"] <= base.tdp_w, label
        assert file.rate_factor < 1 and file.memory_factor <= 1, label
        assert file.name.startswith(base.name)


def test_less_power_is_slower_and_draws_less():
    ds = in_numpy(f"hw=[{ORIN}_7w,{ORIN}_15w,{ORIN}_25w]", *WORDS, METRICS).squeeze()
    assert (np.diff(ds.ttft) < 0).all() and (np.diff(ds.tpot) < 0).all()
    assert (np.diff(ds.power) > 0).all()
    assert (ds.power < [7, 15, 25]).all()


def test_a_clock_is_the_same_as_an_axis_and_in_the_file():
    axis = in_numpy(f"hw={ORIN}", *WORDS, METRICS, "axes.clock_mhz=[408,612,1020]").squeeze()
    for clock in (408, 612, 1020):
        one = in_numpy(f"hw={ORIN}", f"hw.{ORIN}.clock_mhz={clock}", *WORDS, METRICS).squeeze()
        for name in axis.data_vars:
            assert float(one[name]) == pytest.approx(float(axis[name].sel(clock_mhz=clock)), rel=1e-12), name
    memory = in_numpy(f"hw={ORIN}", *WORDS, METRICS, "axes.memory_clock_mhz=[2133,3199]").squeeze()
    one = in_numpy(f"hw={ORIN}", f"hw.{ORIN}.memory_clock_mhz=2133", *WORDS, METRICS).squeeze()
    assert float(one.tpot) == pytest.approx(float(memory.tpot.sel(memory_clock_mhz=2133)), rel=1e-12)
    assert memory.tpot[0] > memory.tpot[1]


def test_a_laptops_range_of_graphics_power_moves_prompts_and_not_the_memory():
    ds = [
        in_numpy("hw=rtx_4060_laptop", f"hw.rtx_4060_laptop.power_mode={mode}", *WORDS, METRICS).squeeze()
        for mode in ("35W", "115w")
    ]
    assert ds[0].ttft > 1.3 * ds[1].ttft and ds[0].tpot < 1.15 * ds[1].tpot


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ([f"hw.{ORIN}.power_mode=16W"], "did you mean 15W"),
        ([f"hw.{ORIN}.cooling=water"], "cooling 'water' is not known"),
        (["hw=v100", "hw.v100.clock_mhz=1000"], "clock_mhz needs rated_clock_mhz"),
        (["hw=v100", "axes.clock_mhz=[1000,1200]"], "its file says no rated_clock_mhz"),
        (["axes.clock_mhz=[408,612]", "elasticity=[clock_mhz]"], "peak_tflops and dispatch_us"),
    ],
)
def test_what_a_device_does_not_have_is_refused_in_a_line(words, reason):
    words = words if words[0].startswith("hw=") else [f"hw={ORIN}", *words]
    with pytest.raises(life.ConfigError, match=reason):
        life.load(words)


def test_a_mode_may_say_only_numbers_that_are_there(tmp_path):
    (tmp_path / "box.yaml").write_text(
        "defaults: [jetson_orin_nano_8gb]\npower_modes: {5W: {clok_mhz: 300}}\npower_mode: 5W\n"
    )
    with pytest.raises(life.ConfigError, match="clock_mhz"):
        life.load([f"hw={tmp_path}/box.yaml"])


def test_a_device_without_a_fan_has_a_wider_interval_around_the_same_forecast():
    metrics = "metrics=[ttft,ttft_low,ttft_high,tpot,tpot_low,tpot_high]"
    words = ("hw=apple_m2", "engine=llama_cpp_metal", "model=llama3_2_1b", "opt=q4_k_m", "prompt=512", "batch=1")
    fan, none = in_numpy(*words, metrics), in_numpy(*words, "hw.apple_m2.cooling=passive", metrics)
    for name in ("ttft", "tpot"):
        assert float(fan[name].squeeze()) == float(none[name].squeeze())
        wide = [np.log(float((ds[f"{name}_high"] / ds[f"{name}_low"]).squeeze())) for ds in (fan, none)]
        assert wide[1] == pytest.approx(support.PASSIVE * wide[0])
