"""What a processor's instructions and clock make possible, by what Linux says of it in /proc/cpuinfo."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Cpu:
    """What /proc/cpuinfo says. ghz: the highest clock that the system knows [GHz], 0 where it says none.

    cores: physical ones, 0 where it does not tell them from threads.
    """

    name: str
    vendor: str
    family: int
    flags: frozenset[str]
    ghz: float
    cores: int = 0


def parse_cpuinfo(text: str, max_khz: float = 0.0) -> Cpu:
    """The first processor of /proc/cpuinfo (x86 or Arm).

    max_khz [kHz]: cpuinfo_max_freq, where the system has it.
    """
    first = text.strip().split("\n\n")[0]
    facts = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in first.splitlines())}
    clocks = [float(mhz) / 1e3 for mhz in re.findall(r"^cpu MHz\s*:\s*([\d.]+)", text, re.MULTILINE)]
    flags = facts.get("flags") or facts.get("Features") or ""
    places = set(re.findall(r"^physical id\s*:\s*(\d+)$.*?^core id\s*:\s*(\d+)$", text, re.MULTILINE | re.DOTALL))
    return Cpu(
        name=facts.get("model name") or facts.get("Model") or "CPU",
        vendor={"AuthenticAMD": "AMD", "GenuineIntel": "Intel"}.get(facts.get("vendor_id", ""), "Arm"),
        family=int(facts.get("cpu family", 0)),
        flags=frozenset(flags.split()),
        ghz=max([max_khz / 1e6, *clocks]),
        cores=len(places),
    )


def operations_per_cycle(cpu: Cpu) -> dict[str, float]:
    """FLOP or integer operations that one core starts each cycle, by dtype; a multiply-add is 2.

    Two fused multiply-add units of the vector width, as every core of the last ten years has at least: 512 bits on
    Intel's servers and Zen 5, 256 on Zen 4 (512 in two halves) and with AVX2, 128 on Arm. VNNI and SDOT multiply four
    bytes into a lane, I8MM twice as many; without them VPMADDUBSW and VPMADDWD share the multipliers: twice fp32.
    AMX: 16 x 16 x 32 bf16 or x 64 int8 products in 16 cycles. Sources: vendors' optimization manuals (recalled).
    """
    zen = cpu.family if cpu.vendor == "AMD" else 0
    if "asimd" in cpu.flags or "neon" in cpu.flags:
        fp32 = 16.0
        peaks = {"fp32": fp32}
        if "asimdhp" in cpu.flags:
            peaks["fp16"] = 2 * fp32
        if "bf16" in cpu.flags:
            peaks["bf16"] = 4 * fp32
        if "asimddp" in cpu.flags:
            peaks["int8"] = (8 if "i8mm" in cpu.flags else 4) * fp32
            peaks["int8_dot"] = 2 * fp32
        return peaks
    wide = "avx512f" in cpu.flags and (cpu.vendor == "Intel" or zen >= 26)
    fp32 = 64.0 if wide else 32.0 if {"avx2", "fma"} <= cpu.flags else 8.0
    # dot products over blocks of bytes use 256 bit (DOT_PRODUCTS of config/schema/device_file.py)
    peaks = {"fp32": fp32, "int8": 2 * fp32, "int8_dot": min(fp32, 32.0)}
    if {"avx512_vnni", "avx_vnni"} & cpu.flags:
        peaks |= {"int8": 4 * fp32, "int8_dot": 1.2 * min(fp32, 32.0)}
    if "avx512_bf16" in cpu.flags:
        peaks["bf16"] = 2 * fp32
    if "avx512_fp16" in cpu.flags:
        peaks["fp16"] = 2 * fp32
    if "amx_tile" in cpu.flags:
        peaks |= {"bf16": 1024.0, "int8": 2048.0} if "amx_int8" in cpu.flags else {"bf16": 1024.0}
    return peaks
