"""Words that choose many devices or models at once, and this machine by what its system says."""

import pytest

from life_jax.config import conf_files, many, this_machine
from life_jax.config.choices import devices_and_models
from life_jax.config.conf_files import file as conf_file
from life_jax.config.cpu_facts import parse_cpuinfo
from life_jax.config.schema import paths
from life_jax.config.schema.device_file import DeviceFile
from life_jax.config.schema.errors import ConfigError
from life_jax.studies.loading import load


def _keys(typed, group="hw"):
    return [choice.key for choice in devices_and_models(group, typed, ())]


def test_all_is_every_device_and_model_but_those_of_the_paper():
    known = set(paths.choices("hw", ()))
    assert set(_keys("all")) == {label for label in known if not label.startswith("life_")}
    assert set(_keys("all", "model")) == set(paths.choices("model", ()))


def test_globs_match_labels_in_any_capitals_and_list_each_once():
    assert _keys("h100*") == ["h100_nvl", "h100_pcie", "h100_sxm", "h100_sxm_64gb"]
    assert _keys(["H100_*", "h100_sxm", "*_nvl", "v100"]) == [*_keys("h100*"), "h200_nvl", "v100"]
    assert _keys("life_v*") == ["life_v100"]
    assert all(key.startswith("qwen3_") for key in _keys("qwen3_*", "model"))


@pytest.mark.parametrize(
    ("name", "has", "has_not"),
    [
        ("gpu_consumer", "rtx_4090", "h100_sxm"), ("laptop", "rtx_4090_laptop", "rtx_4090"),
        ("laptop", "apple_m3_pro", "v100_sxm2_32gb"),
        ("phone", "sd_8_elite", "snapdragon_x2_elite_extreme_gpu"), ("workstation", "rtx_a6000", "rtx_a5000_laptop"),
        ("datacenter", "mi300x", "rtx_4090"), ("datacenter", "epyc_9654", "xeon_w_2255"),
    ],
)  # fmt: skip
def test_classes_are_of_devices_and_of_what_they_are_used_in(name, has, has_not):
    keys = _keys(f"class:{name}")
    assert has in keys and has_not not in keys and not any(key.startswith("life_") for key in keys)


@pytest.mark.parametrize("name", ["laptop", "phone", "workstation", "datacenter"])
def test_every_pattern_of_a_use_means_a_device(name):
    rule, known = many.uses()[name], sorted(paths.choices("hw", ()))
    for pattern in (*rule.get("names", ()), *rule.get("but", ())):
        assert any(many._is_any(label, (pattern,)) for label in known), pattern


@pytest.mark.parametrize(("typed", "part"), [("zz*", "no device is called 'zz*'"), ("class:gpu", "did you mean igpu")])
def test_a_word_for_many_that_means_none_is_refused(typed, part):
    with pytest.raises(ConfigError, match="hw=") as refusal:
        _keys(typed)
    assert part in str(refusal.value)


@pytest.mark.parametrize(
    ("facts", "label"),
    [
        (["NVIDIA GeForce RTX 4090", "AMD Ryzen 9 7950X 16-Core Processor"], "rtx_4090"),
        (["Unheard of 3000", "AMD Ryzen 9 7950X 16-Core Processor"], "ryzen_9_7950x_cpu"),
        (["NVIDIA H100 80GB HBM3"], "h100_sxm"), (["Apple M3 Ultra 512GB", "Apple M3 Ultra"], "apple_m3_ultra"),
    ],
)  # fmt: skip
def test_this_machine_is_the_first_of_its_names_that_is_known(facts, label, monkeypatch):
    monkeypatch.setattr(this_machine, "facts", lambda: iter(facts))
    assert _keys("here") == [label]


@pytest.mark.parametrize(("facts", "part"), [([], "does not say"), (["Unheard of 3000"], "Unheard of 3000")])
def test_a_machine_that_is_not_known_is_refused_with_what_it_says(facts, part, monkeypatch):
    monkeypatch.setattr(this_machine, "facts", lambda: iter(facts))
    monkeypatch.setattr(this_machine, "processor", lambda: None)
    with pytest.raises(ConfigError) as refusal:
        _keys("here")
    assert part in str(refusal.value)


def _cpuinfo(name, vendor, family, mhz, flags, cores):
    """/proc/cpuinfo of a virtual machine with two threads a core."""
    said = (
        f"vendor_id\t: {vendor}\ncpu family\t: {family}\nmodel name\t: {name}\ncpu MHz\t\t: {mhz}\nflags\t\t: {flags}"
    )
    return "\n\n".join(f"processor\t: {i}\n{said}\nphysical id\t: 0\ncore id\t\t: {i // 2}" for i in range(2 * cores))


AMX = "fma avx2 avx512f avx512_vnni avx512_bf16 avx512_fp16 amx_tile amx_int8 amx_bf16"


@pytest.mark.parametrize(
    ("name", "vendor", "family", "flags", "rates", "like"),
    [
        # two AVX-512 units of 16 lanes; AMX 1024 bf16 and 2048 int8 a cycle; dot products of 256 bit; 4 cores at 2 GHz
        ("Intel(R) Xeon(R) Processor", "GenuineIntel", 6, AMX,
         {"fp32": 0.512, "fp16": 1.024, "bf16": 8.192, "int8": 16.38, "int8_dot": 0.3072}, "xeon_"),
        ("Intel(R) Xeon(R) CPU @ 2.00GHz", "GenuineIntel", 6, "fma avx2",
         {"fp32": 0.256, "int8": 0.512, "int8_dot": 0.256}, "xeon_"),
        # AVX-512 in two halves
        ("AMD EPYC", "AuthenticAMD", 25, "fma avx2 avx512f avx512_vnni avx512_bf16",
         {"fp32": 0.256, "bf16": 0.512, "int8": 1.024, "int8_dot": 0.3072}, "epyc_"),
    ],
)  # fmt: skip
def test_a_processor_without_a_model_number_is_built_from_its_instructions(
    name, vendor, family, flags, rates, like, monkeypatch
):
    cpu = parse_cpuinfo(_cpuinfo(name, vendor, family, 2000.0, flags, 4))
    assert (cpu.cores, cpu.ghz) == (4, 2.0)
    monkeypatch.setattr(this_machine, "facts", lambda: iter([name]))
    monkeypatch.setattr(this_machine, "processor", lambda: cpu)
    monkeypatch.setattr(this_machine, "memory_gb", lambda: 16.0)
    study = load(["hw=here", "model=qwen3_0_6b", "opt=q4_0", "engine=auto", "hw.here.memory_gb=8"], primary="explain")
    file = study.composed.hw["here"]
    assert file.peak_tflops == rates and file.memory_gb == 8 and file.cores == 4
    assert study.composed.engines[study.cases[0].keys.engine].name == "llama_cpp_cpu"
    (said,) = (warning for warning in study.warnings if warning.startswith("hw=here"))
    assert name in said and "4 cores at 2 GHz" in said and like in said and "[assumption]" in said
    (middle,) = (word.strip(",;") for word in said.split() if word.strip(",;").startswith(like))
    known = conf_file("hw", middle, DeviceFile)
    part, alone = 4 / known.cores, conf_files.efficiency(middle).core_bandwidth
    assert file.bandwidth_gb_per_s == pytest.approx(
        known.bandwidth_gb_per_s * part / (part + (1 - part) / alone), rel=1e-3
    )
    assert part * known.bandwidth_gb_per_s < file.bandwidth_gb_per_s < known.bandwidth_gb_per_s
    assert ("bf16" in known.peak_tflops) == ("bf16" in rates)


def test_this_very_machine_is_some_device():
    assert _keys("here")


def test_the_system_is_asked_without_an_error_whatever_it_has():
    assert all(isinstance(name, str) and name for name in this_machine.facts())


@pytest.mark.parametrize(
    "words",
    [
        ("opt=[q4_k_m,offload]", "opt.offload.cpu_layers=4", "offload.hw=here", "engine=llama_cpp_cuda"),
        ("opt=disaggregated", "prefill.hw=here", "engine=vllm"),
    ],
)
def test_this_machine_may_stand_beside_a_device(words, monkeypatch):
    cpu = parse_cpuinfo(_cpuinfo("AMD EPYC", "AuthenticAMD", 25, 2000.0, "fma avx2 avx512f", 4))
    monkeypatch.setattr(this_machine, "facts", lambda: iter(["AMD EPYC"]))
    monkeypatch.setattr(this_machine, "processor", lambda: cpu)
    monkeypatch.setattr(this_machine, "memory_gb", lambda: 16.0)
    study = load(["hw=rtx_4090", "model=llama3_2_1b", *words], primary="explain")
    (beside,) = study.composed.beside.values()
    assert beside.cores == 4 and any(warning.startswith("hw=here") for warning in study.warnings)
