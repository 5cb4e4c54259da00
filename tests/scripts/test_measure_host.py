"""scripts/measure_host.py: what it says of a CPU, and the files that it writes."""

import csv
import importlib.util
import subprocess
import sys

import host_device
import host_models
import measure_host
import numpy as np
import pytest
import yaml
from host_device import Clock, Measured
from host_models import Timing
from laws import in_numpy
from places import ROOT

from life_jax.config.schema.errors import ConfigError
from life_jax.config.schema.model_file import ModelFile
from life_jax.measurements import accuracy, forecasts
from life_jax.measurements import rows as measurements

TINY = ModelFile(
    name="tiny", family="qwen3", source="test", num_hidden_layers=3, hidden_size=256, num_attention_heads=4,
    num_key_value_heads=2, head_dim=64, intermediate_size=512, vocab_size=1024, max_position_embeddings=512,
    tie_word_embeddings=True, qk_norm="per_head",
)  # fmt: skip


def cpuinfo(name, vendor, family, mhz, flags):
    one = (
        f"vendor_id\t: {vendor}\ncpu family\t: {family}\nmodel name\t: {name}\ncpu MHz\t\t: {mhz}\nflags\t\t: {flags}\n"
    )
    return f"{one}\n{one.replace(str(mhz), '800.0')}"


def test_a_processor_is_read_with_its_highest_clock():
    cpu = host_device.parse_cpuinfo(cpuinfo("EPYC", "AuthenticAMD", 25, 2596.1, "fma avx2 avx512f"), 3_700_000)
    assert (cpu.name, cpu.vendor, cpu.family, cpu.ghz) == ("EPYC", "AMD", 25, 3.7)
    assert "avx2" in cpu.flags
    assert host_device.parse_cpuinfo(cpuinfo("EPYC", "AuthenticAMD", 25, 2596.1, "fma")).ghz == pytest.approx(2.5961)
    arm = host_device.parse_cpuinfo("processor\t: 0\nFeatures\t: fp asimd asimdhp asimddp\n", 2_400_000)
    assert (arm.vendor, arm.ghz) == ("Arm", 2.4) and "asimddp" in arm.flags


AVX2 = "fma avx2"
ZEN4 = f"{AVX2} avx512f avx512_vnni avx512_bf16"
SAPPHIRE_RAPIDS = f"{ZEN4} avx512_fp16 amx_tile amx_int8 amx_bf16"


@pytest.mark.parametrize(
    ("device", "cores", "ghz", "vendor", "family", "flags"),
    [
        ("ryzen_9_7950x_cpu", 16, 5.1, "AuthenticAMD", 25, ZEN4),
        ("ryzen_threadripper_pro_5975wx_cpu", 32, 4.0, "AuthenticAMD", 25, AVX2),
        ("ryzen_ai_max_395_cpu", 16, 5.1, "AuthenticAMD", 26, ZEN4),
        ("xeon_8480p", 56, 2.0, "GenuineIntel", 6, SAPPHIRE_RAPIDS),
        ("raspberry_pi_5_16gb", 4, 2.4, "Arm", 0, "asimd asimdhp asimddp"),
        ("jetson_agx_orin_cpu", 12, 2.2, "Arm", 0, "asimd asimdhp asimddp"),
    ],
)
def test_peaks_are_those_of_the_device_files(device, cores, ghz, vendor, family, flags):
    text = "" if vendor == "Arm" else cpuinfo("x", vendor, family, ghz * 1e3, flags)
    cpu = host_device.parse_cpuinfo(text or f"Features : {flags}\n", 0 if text else ghz * 1e6)
    ours = host_device.peak_tflops(cpu, cores, {})
    for dtype, rate in yaml.safe_load((ROOT / "conf" / "hw" / f"{device}.yaml").read_text())["peak_tflops"].items():
        assert ours[dtype] == pytest.approx(rate, rel=0.02), dtype


def test_what_was_reached_raises_a_peak_and_never_lowers_it():
    cpu = host_device.parse_cpuinfo(cpuinfo("x", "AuthenticAMD", 25, 2600, ZEN4))
    plain = host_device.peak_tflops(cpu, 1, {})
    raised = host_device.peak_tflops(cpu, 1, {"fp32": 0.1, "bf16": 0.01, "fp16": 3.0})
    assert raised["fp32"] == 0.1 and raised["bf16"] == plain["bf16"]
    assert "fp16" not in raised  # without such instructions a library computes in fp32
    assert plain["fp32"] == pytest.approx(32 * 2.6 / 1e3)


def test_a_clock_takes_the_least_time_after_a_warm_up():
    calls = []
    seconds = Clock(cuda=False, repeats=4).seconds(lambda: calls.append(1))
    assert len(calls) == 5 and 0 <= seconds < 1


@pytest.fixture
def host(tmp_path):
    """A host's file and a table of four timings, which are twice what is forecast."""
    cpu = host_device.parse_cpuinfo(cpuinfo("EPYC", "AuthenticAMD", 25, 2600, ZEN4))
    found = Measured({"fp32": 0.09, "bf16": 0.2, "int8": 0.4}, 18.0, 2.5)
    device = tmp_path / "host.yaml"
    content = host_device.cpu_file(cpu, 2, found, 24.0)
    measure_host.write_yaml(content, device)
    timings = [Timing(metric, 1.0, 1, p, out) for p in (32, 512) for metric, out in (("ttft_s", 1), ("tpot_s", 17))]
    names = content["name"], "qwen3_0_6b", "q8_0", "llama.cpp CPU", "random weights"
    rows = [measure_host.row(timing, device, *names) for timing in timings]
    forecast = forecasts.forecasts([measurements.place(one) for one in rows])
    for one, seconds in zip(rows, forecast, strict=True):
        one["value"] = f"{2 * seconds:.6g}"
    table = tmp_path / "llama_cpp.csv"
    measure_host.write_csv(rows, table)
    return device, table


def test_the_device_is_one_that_the_commands_take(host):
    device, _ = host
    ds = in_numpy(f"hw={device}", "model=qwen3_0_6b", "engine=ideal", "workload.batch=1")
    assert np.isfinite(ds.ttft).all() and (ds.tpot > 0).all()
    said = yaml.safe_load(device.read_text())
    assert said["peak_tflops"] == {"fp32": 0.1664, "int8": 0.6656, "int8_dot": 0.1997, "bf16": 0.3328}
    assert (said["bandwidth_gb_per_s"], said["memory_gb"], said["dispatch_us"]) == (18.0, 24.0, 2.5)


def test_the_table_has_the_columns_of_measurements_and_is_validated(host):
    _, table = host
    rows = measurements.read(table)
    with table.open(newline="") as file:
        assert tuple(next(csv.reader(file))) == measure_host.COLUMNS
    assert not table.with_name(f"{table.name}.part").exists()
    r = accuracy.report(rows)
    assert not r.skipped and len(r.settings) == 4
    assert [s.ratio(f) for s, f in zip(r.settings, r.forecast, strict=True)] == pytest.approx([0.5] * 4, rel=1e-4)
    assert {s.cell[0] for s in r.settings} == {"EPYC (2 threads)"}


def test_calibration_takes_its_files(host, tmp_path, monkeypatch, capsys):
    from life_jax.calibrate import calibrate

    monkeypatch.chdir(tmp_path)
    device, table = host
    calibrate([str(table), f"hw={device}", "engine=llama_cpp_cpu"])
    engine = tmp_path / "host_llama_cpp_cpu.yaml"
    assert str(engine.name) in capsys.readouterr().out
    words = [f"hw={device}", "model=qwen3_0_6b", "opt=q8_0", "workload.batch=1", "workload.prompt_tokens=512"]
    before, after = (in_numpy(*words, f"engine={one}") for one in ("llama_cpp_cpu", engine))
    assert 1.3 < after.ttft.item() / before.ttft.item() < 2.2


def test_a_missing_device_file_says_so():
    row = {"id": "1", "hardware": "nowhere/host.yaml", "model": "qwen3_0_6b", "weight_format": "f16", "engine": "vLLM"}
    row |= {"batch": "1", "prompt_tokens": "1", "output_tokens": "1", "metric": "ttft_s", "value": "1"}
    assert "nowhere/host.yaml" in str(measurements.place(row))


@pytest.mark.parametrize("file_type", ["q4_0", "q4_k_m", "q8_0", "f16"])
def test_a_model_of_random_weights_has_the_tensors_that_llama_cpp_would_write(tmp_path, file_type):
    pytest.importorskip("gguf")
    path = tmp_path / "tiny.gguf"
    host_models.write_gguf(path, TINY, file_type)
    words = ["hw=v100", "engine=ideal", "workload.batch=1", "workload.prompt_tokens=8", "metrics=[weight_memory]"]
    own = tmp_path / "tiny.yaml"
    said = {key: value for key, value in vars(TINY).items() if value not in (None, [], "")}
    own.write_text(yaml.safe_dump(said))
    written = in_numpy(*words, f"model={path}").weight_memory.item()
    ruled = in_numpy(*words, f"model={own}", f"opt={file_type}").weight_memory.item()
    assert written == pytest.approx(ruled, rel=1e-6)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--models", "gpt9"], "gpt9"),
        (["--engines", "magic"], "magic"),
        (["--models", "bloom_560m"], "bloom"),
    ],
)
def test_what_cannot_be_measured_is_refused_and_nothing_written(tmp_path, given, said):
    pytest.importorskip("torch")
    with pytest.raises(ConfigError, match=said):
        measure_host.main([str(tmp_path / "out"), *given])
    assert not (tmp_path / "out").exists()


def test_files_of_an_earlier_run_are_kept(tmp_path):
    (tmp_path / "host.yaml").write_text("mine")
    with pytest.raises(ConfigError, match="exists"):
        measure_host.main([str(tmp_path)])
    assert (tmp_path / "host.yaml").read_text() == "mine"


def test_decoders_are_timed_with_pytorch():
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    found = list(host_models.transformers_timings(TINY, [8], [1, 2], Clock(cuda=False, repeats=1)))
    assert [(t.metric, t.batch, t.prompt_tokens) for t in found] == [
        ("ttft_s", 1, 8), ("tpot_s", 1, 8), ("ttft_s", 2, 8), ("tpot_s", 2, 8),
    ]  # fmt: skip
    assert all(t.seconds > 0 for t in found)
    measured = host_device.measure(Clock(cuda=False, repeats=1), size=64, gib=0.001)
    assert measured.rates["fp32"] > 0 and measured.bandwidth > 0 and measured.dispatch > 0


def test_decoders_are_timed_with_llama_cpp(tmp_path):
    if importlib.util.find_spec("xllamacpp") is None:
        pytest.skip("needs xllamacpp")
    path = tmp_path / "tiny.gguf"
    host_models.write_gguf(path, TINY, "q4_k_m")
    # in a process of its own: its compiled code does not get on with that of netCDF4
    program = f"""import sys; sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / "scripts")!r}]
from pathlib import Path
from host_models import llama_cpp_timings
for t in llama_cpp_timings(Path({str(path)!r}), [8], threads=1, repeats=1):
    print("timing", t.metric, t.prompt_tokens, t.output_tokens, t.seconds)"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120)
    found = [line.split()[1:] for line in done.stdout.splitlines() if line.startswith("timing")]
    assert [one[:3] for one in found] == [["ttft_s", "8", "1"], ["tpot_s", "8", "17"]]
    assert all(float(one[3]) > 0 for one in found)
