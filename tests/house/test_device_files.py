"""The device catalogue in conf/hw: complete, sourced, and equal to the table that it was made from."""

import csv
import re

import pytest
from omegaconf import OmegaConf
from places import CONF, DATA

TABLE = DATA / "hardware_catalogue.csv"
FILES = {path.stem: OmegaConf.to_container(OmegaConf.load(path)) for path in sorted((CONF / "hw").glob("*.yaml"))}
ALIASES = {name: content for name, content in FILES.items() if "defaults" in content}
DEVICES = {name: content for name, content in FILES.items() if name not in ALIASES}

RATES = {
    "fp32": "fp32_tflops",
    "fp16": "fp16_tflops",
    "bf16": "bf16_tflops",
    "fp8": "fp8_tflops",
    "int8": "int8_tops",
    "int4": "int4_tops",
    "fp4": "fp4_tflops",
}
NUMBERS = {
    "bandwidth_gb_per_s": "mem_bw_gbs",
    "memory_gb": "mem_gb",
    "tdp_w": "tdp_w",
    "interconnect_gb_per_s": "interconnect_gbs",
}


def rows():
    with TABLE.open(newline="") as file:
        return list(csv.DictReader(file))


def numbers_of_row(row):
    numbers = {key: row[column] for key, column in (RATES | NUMBERS).items()}
    if row["id"].startswith("v100"):  # 4-way dot products on CUDA cores, no int8 matrix unit
        numbers["int8_dp4a"] = numbers.pop("int8")
    return {key: float(value) for key, value in numbers.items() if value}


def numbers_of_file(device):
    plain = {key: device[key] for key in NUMBERS if key in device}
    return {key: float(value) for key, value in (device["peak_tflops"] | plain).items()}


@pytest.mark.data
def test_every_row_of_the_catalogue_has_a_file():
    assert {row["id"] for row in rows()} <= set(DEVICES)


@pytest.mark.data
def test_numbers_equal_the_catalogue_or_say_why_not():
    for row in rows():
        device = DEVICES[row["id"]]
        if "first catalogue" not in device.get("notes", ""):
            ours = numbers_of_file(device)
            ours.pop("int8_dot", None)  # of CPUs, which datasheets do not say
            twice = ours.pop("fp16_acc16", None)  # of cards whose fp16 units are twice as fast without fp32 sums
            assert ours == numbers_of_row(row), row["id"]
            assert twice is None or twice == pytest.approx(2 * ours["fp16"], rel=0.01), row["id"]


@pytest.mark.parametrize("name", DEVICES)
def test_every_device_says_where_its_numbers_are_from(name):
    device = DEVICES[name]
    assert device["source"]
    assert device["check"] in ("seen", "recalled", "derived")
    if "dispatch_us" in device:  # instead of that of its class
        assert device["dispatch_us"] > 0 or name.startswith("life_")  # the paper prints none
        assert device["dispatch_source"]


@pytest.mark.parametrize("name", [name for name, device in DEVICES.items() if "GiB" in device["source"]])
def test_memory_whose_source_counts_in_gib_is_converted(name):
    counted = re.findall(r"(\d+) ?GiB", DEVICES[name]["source"])
    assert len(counted) == 1
    assert DEVICES[name]["memory_gb"] * 1e9 == pytest.approx(float(counted[0]) * 2**30, rel=1e-3)


@pytest.mark.parametrize("name", ALIASES)
def test_every_alias_names_a_device(name):
    assert ALIASES[name] in DEVICES


@pytest.mark.parametrize("name", DEVICES)
def test_rates_are_positive_and_fewer_bits_are_not_slower(name):
    rates = DEVICES[name]["peak_tflops"]
    assert all(value > 0 for value in numbers_of_file(DEVICES[name]).values())
    for ladder in (("fp32", "fp16"), ("fp32", "bf16", "fp8", "fp4"), ("int8", "int4")):
        values = [rates[dtype] for dtype in ladder if dtype in rates]
        assert values == sorted(values), ladder


@pytest.mark.parametrize("name", ["v100_sxm2_32gb", "v100_pcie_32gb"])
def test_volta_has_neither_int8_matrix_unit_nor_bf16(name):
    assert not {"int8", "bf16"} & set(DEVICES[name]["peak_tflops"])
