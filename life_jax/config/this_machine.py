"""The device of this machine (hw=here), by what the system says of it: a GPU if it has one, else the processor."""

import os
import platform
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from life_jax.config import conf_files, names
from life_jax.config.cpu_facts import Cpu, operations_per_cycle, parse_cpuinfo
from life_jax.config.names import Folders
from life_jax.config.schema import paths
from life_jax.config.schema.efficiency_file import EfficiencyFile
from life_jax.config.schema.errors import ConfigError

SECONDS = 10.0  # that a program may take to answer
CLOCK = 2.5  # GHz of a processor whose system says none, as most virtual machines on Arm [assumption]
# instructions that decide which rates a processor has
TELLING = ("avx2", "avx512f", "avx_vnni", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_int8", "amx_bf16", "asimd",
           "asimdhp", "asimddp", "i8mm", "bf16", "sve")  # fmt: skip
# makers of processors with Arm's instructions, which /proc/cpuinfo does not name
ON_ARM = ("AWS", "Ampere", "NVIDIA", "Google", "Microsoft", "Huawei", "Apple", "Qualcomm")


@dataclass(frozen=True)
class Machine:
    """The device of this machine: the label of ours, or the content of a file that it would have, and a line that says
    what that is made of."""

    label: str = ""
    content: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""


def device(folders: Folders) -> Machine:
    """The device that this machine is. A processor whose name does not say which it is, as in a virtual machine, is
    built from its instructions, clock and cores.

    Raises ConfigError where the system says neither.
    """
    named = list(dict.fromkeys(facts()))
    for name in named:
        label = names.device(name, folders)
        if label is not None:
            return Machine(label)
    cpu = processor()
    if cpu is not None:
        return generic(cpu, memory_gb(), named, folders)
    if not named:
        raise ConfigError("hw=here: the system does not say what it is; give hw=NAME, or the file of a device")
    raise names.refusal("hw", named[0], folders, "hw=here: this machine's ", "python -m life_jax.catalog hw")


def generic(cpu: Cpu, memory: float, named: Sequence[str], folders: Folders) -> Machine:
    """A processor by what its instructions, clock and cores make possible.

    Its bandwidth is what as many cores draw of the like processors that we know: of its maker and series, with the same
    instructions. A few of many draw more than their even part, also in a virtual machine; software reaches on them what
    it does on those. memory [GB]. named: names of the machine's devices, which are none of ours.
    """
    cycle = operations_per_cycle(cpu)
    ghz = cpu.ghz or CLOCK
    alike = _alike(cpu, cycle, folders)
    bandwidths = {label: _drawn(cpu.cores, of) for label, of in alike.items()}
    middle = sorted(bandwidths, key=lambda label: (bandwidths[label], label))[(len(bandwidths) - 1) // 2]
    bandwidth = bandwidths[middle]
    known = [flag for flag in TELLING if flag in cpu.flags]
    clock = f"{ghz:.2g} GHz" + ("" if cpu.ghz else " [assumption: the system says no clock]")
    what = f"{cpu.cores} cores at {clock} with {', '.join(known) or 'no vector instructions that we know'}"
    of_cores = f"what as many cores of {middle} draw" + (
        f", the middle of {len(alike)} like it" if len(alike) > 1 else ""
    )
    content = {
        "name": f"{cpu.name} ({cpu.cores} cores)",
        "vendor": cpu.vendor,
        "device_class": "cpu",
        "efficiency": alike[middle].get("efficiency") or "cpu",
        "peak_tflops": {dtype: float(f"{n * cpu.cores * ghz / 1e3:.4g}") for dtype, n in cycle.items()},
        "cores": float(cpu.cores),
        "bandwidth_gb_per_s": float(f"{bandwidth:.4g}"),
        "memory_gb": float(f"{memory:.4g}"),
        "source": f"hw=here: {what}, by /proc/cpuinfo and /proc/meminfo; bandwidth: {of_cores}",
        "check": "derived",
    }
    unknown = " or ".join(named or [cpu.name])
    note = (
        f"hw=here: '{unknown}' is no device that we know: {what}; its {bandwidth:.4g} GB/s are {of_cores} "
        "[assumption]; hw.here.bandwidth_gb_per_s=, scripts/measure_host.py or hw=NAME say better"
    )
    return Machine(content=content, note=note)


def _alike(cpu: Cpu, cycle: Mapping[str, float], folders: Folders) -> dict[str, dict[str, Any]]:
    """Processors that we know, by label: as like to this one as there are any."""
    words = set(re.findall(r"[a-z]+", cpu.name.lower()))
    makers = ON_ARM if cpu.vendor == "Arm" else (cpu.vendor,)
    every: dict[str, dict[str, Any]] = {}
    for label in paths.choices("hw", folders):
        of = conf_files.composed("hw", label, folders)
        if of.get("device_class") == "cpu" and of.get("cores") and of.get("vendor") in makers:
            every[label] = of
    series = {label: of for label, of in every.items() if words & set(re.findall(r"[a-z]+", label.split("_")[0]))}
    some = series or every
    same = {label: of for label, of in some.items() if _has_same_units(of["peak_tflops"], cycle)}
    return same or some


def _drawn(cores: float, of: Mapping[str, Any]) -> float:
    """Bandwidth [GB/s] of so many cores of a processor, or of all that it has."""
    from life_jax.roofline.effects.cpu_threads import drawn

    of_class = str(of.get("efficiency") or of["device_class"])
    known = paths.choices("efficiency")
    reached = conf_files.file("efficiency", of_class if of_class in known else "cpu", EfficiencyFile)
    part = min(1.0, cores / of["cores"])
    return float(of["bandwidth_gb_per_s"] * drawn(part, reached.core_bandwidth or 1.0))


def _has_same_units(rates: Mapping[str, float], cycle: Mapping[str, float]) -> bool:
    """Whether published rates are in the proportion of these operations of a cycle."""

    def ratio(of: Mapping[str, float], dtype: str) -> float:
        return of.get(dtype, 0.0) / of["fp32"] if of.get("fp32") else 0.0

    return all(abs(ratio(rates, d) - ratio(cycle, d)) <= 0.2 * ratio(cycle, d) for d in ("bf16", "int8"))


def processor() -> Cpu | None:
    """The processor as Linux describes it; None where it says no instructions, and on other systems."""
    text = "\n".join(_lines_of(Path("/proc/cpuinfo")))
    limit = _text(Path("/sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq"))
    cpu = parse_cpuinfo(text, float(limit[0]) if limit and limit[0].isdigit() else 0.0) if text else None
    if cpu is None or not cpu.flags:
        return None
    return cpu if cpu.cores else replace(cpu, cores=max(1, text.count("\n\n") + 1 if "processor" in text else 1))


def memory_gb() -> float:
    """Memory of the machine [GB]."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9


def facts() -> Iterator[str]:
    """Names of this machine's devices as the system gives them, the likeliest to be meant first."""
    yield from _lines("nvidia-smi", "--query-gpu=name", "--format=csv,noheader")
    if platform.system() == "Darwin":
        yield from _of_mac()
        return
    for file in sorted(Path("/sys/class/drm").glob("card*/device/product_name")):
        yield from _text(file)
    yield from _lines("rocm-smi", "--showproductname", "--csv", column=1)
    yield from _of_processor()


def _of_mac() -> Iterator[str]:
    """Apple M3 Max 40-core GPU 64 GB, then with less of it."""
    chip = next(_lines("sysctl", "-n", "machdep.cpu.brand_string"), "")
    if not chip:
        return
    size = next(_lines("sysctl", "-n", "hw.memsize"), "")
    memory = f"{int(size) / 2**30:.0f}GB" if size.isdigit() else ""
    said = _lines("system_profiler", "SPDisplaysDataType")
    cores = next((line.split(":")[1].strip() for line in said if "Number of Cores" in line), "")
    for words in ((chip, f"{cores}c" if cores else "", memory), (chip, "", memory), (chip, f"{cores}c", ""), (chip,)):
        yield " ".join(filter(None, words))


def _of_processor() -> Iterator[str]:
    if platform.system() == "Windows":
        yield from _lines("wmic", "cpu", "get", "name", skip=1)
        return
    keys = ("model name", "Model", "Hardware")
    lines = _text(Path("/proc/cpuinfo"))
    values = dict(line.split(":", 1) for line in lines if ":" in line)
    by_key = {key.strip(): value.strip() for key, value in values.items()}
    yield from (by_key[key] for key in keys if by_key.get(key))
    yield from _text(Path("/sys/firmware/devicetree/base/model"))


def _text(file: Path) -> list[str]:
    """Lines of a file that are not empty; none where it cannot be read."""
    return [line for line in _lines_of(file) if line]


def _lines_of(file: Path) -> list[str]:
    try:
        return [line.strip("\0 \t") for line in file.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError):
        return []


def _lines(*command: str, skip: int = 0, column: int | None = None) -> Iterator[str]:
    """Lines that a program prints, none where it is not there, fails or takes long."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=SECONDS, check=False, stdin=subprocess.DEVNULL,
            env={**os.environ, "LC_ALL": "C"},
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return
    if done.returncode:
        return
    for line in done.stdout.splitlines()[skip:]:
        text = line.split(",")[column] if column is not None and line.count(",") >= column else line
        if text.strip():
            yield text.strip()
