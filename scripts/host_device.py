"""What the machine we run on can do: its rates, memory bandwidth and dispatch cost, as a file of conf/hw.

Rates of a CPU are arithmetic (instructions x lanes x clock), raised to what a matrix product reached where that is
more: virtual machines report their base clock. Bandwidth and dispatch are measured. PyTorch is imported where needed.
"""

import contextlib
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from life_jax.config.cpu_facts import Cpu, operations_per_cycle, parse_cpuinfo

GIB = 2**30
QUIET = 25  # repetitions of what takes milliseconds: one of them meets no other program


def peak_tflops(cpu: Cpu, cores: int, measured: Mapping[str, float]) -> dict[str, float]:
    """Peak rates by dtype [TFLOP/s]: arithmetic, or what was measured where that is more."""
    arithmetic = {dtype: each * cores * cpu.ghz / 1e3 for dtype, each in operations_per_cycle(cpu).items()}
    return {dtype: max(rate, measured.get(dtype, 0.0)) for dtype, rate in arithmetic.items()}


@dataclass(frozen=True)
class Clock:
    """Seconds of a function on a device: the least of several; CUDA is timed by its own events."""

    cuda: bool
    repeats: int = 5

    def seconds(self, function: Callable[[], Any]) -> float:
        function()  # warm-up
        return min(self._once(function) for _ in range(self.repeats))

    def _once(self, function: Callable[[], Any]) -> float:
        if not self.cuda:
            start = time.perf_counter()
            function()
            return time.perf_counter() - start
        import torch

        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        torch.cuda.synchronize()
        begin.record()
        function()
        end.record()
        torch.cuda.synchronize()
        return begin.elapsed_time(end) / 1e3


@dataclass(frozen=True)
class Measured:
    """Rates of matrix products by dtype [TFLOP/s], bandwidth of reading [GB/s], cost of a small operator [us]."""

    rates: Mapping[str, float] = field(default_factory=dict)
    bandwidth: float = 0.0
    dispatch: float = 0.0


def measure(clock: Clock, size: int = 0, gib: float = 0.0) -> Measured:
    """size: of the square matrices, gib: what is read for the bandwidth; larger than any cache, unless said."""
    import torch

    where = torch.device("cuda" if clock.cuda else "cpu")
    n = size or (8192 if clock.cuda else 1024)
    rates = {}
    dtypes = {"fp32": torch.float32, "bf16": torch.bfloat16} | ({"fp16": torch.float16} if clock.cuda else {})
    for dtype, kind in dtypes.items():
        a, b = (torch.randn(n, n, device=where).to(kind) for _ in range(2))
        rates[dtype] = 2 * n**3 / clock.seconds(lambda a=a, b=b: a @ b) / 1e12  # type: ignore[misc]
    a, b = (torch.randint(-9, 9, (n, n), dtype=torch.int8, device=where) for _ in range(2))
    with contextlib.suppress(RuntimeError, AttributeError):  # no such kernel in this build
        rates["int8"] = 2 * n**3 / clock.seconds(lambda: torch._int_mm(a, b)) / 1e12
    many = int((gib or (4.0 if clock.cuda else 0.5)) * GIB / 4 / 4096)
    matrix, vector = torch.ones(many, 4096, device=where), torch.ones(4096, device=where)
    # a product of few rows is not the fastest reader on every machine: one core of an EPYC adds up half as fast again
    ways: tuple[Callable[[], Any], ...] = (lambda: matrix @ vector, matrix.sum)
    bandwidth = max(matrix.numel() * 4 / clock.seconds(way) / 1e9 for way in ways)
    tiny, steps = torch.zeros(16, device=where), 1000
    dispatch = clock.seconds(lambda: [tiny.add_(1) for _ in range(steps)]) / steps * 1e6
    return Measured(rates, bandwidth, dispatch)


def this_cpu() -> Cpu:
    limit = Path("/sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq")
    return parse_cpuinfo(Path("/proc/cpuinfo").read_text(), float(limit.read_text()) if limit.exists() else 0.0)


def cpu_file(cpu: Cpu, cores: int, found: Measured, memory_gb: float) -> dict[str, Any]:
    """The CPU, on `cores` cores, in the words of conf/hw."""
    reached = ", ".join(f"{dtype} {rate:.3g}" for dtype, rate in found.rates.items())
    clock = f"{cores} cores x {cpu.ghz:.3g} GHz x operations per cycle of its instructions"
    return {
        "name": f"{cpu.name} ({cores} threads)",
        "vendor": cpu.vendor,
        "device_class": "cpu",
        "efficiency": "cpu_measured",
        "peak_tflops": {dtype: float(f"{rate:.4g}") for dtype, rate in peak_tflops(cpu, cores, found.rates).items()},
        "cores": cores,
        "bandwidth_gb_per_s": float(f"{found.bandwidth:.4g}"),
        "memory_gb": float(f"{memory_gb:.4g}"),
        "dispatch_us": float(f"{found.dispatch:.3g}"),
        "dispatch_source": "scripts/measure_host.py: an in-place addition to 16 numbers in PyTorch",
        "source": f"scripts/measure_host.py: {clock}; matrix products reached {reached} TFLOP/s; bandwidth: reading",
        "check": "derived",
        "notes": "bandwidth is what was reached, not a datasheet's",
    }


def cuda_file(name: str, found: Measured, memory_gb: float) -> dict[str, Any]:
    """A CUDA device, in the words of conf/hw: rates and bandwidth as measured, which a datasheet would exceed."""
    small = any(word in name for word in ("Orin", "Thor", "GB10"))
    consumer = any(word in name for word in ("GeForce", "RTX", "TITAN"))
    return {
        "name": name,
        "vendor": "NVIDIA",
        "device_class": "edge_gpu" if small else "gpu_consumer" if consumer else "gpu_dc",
        "peak_tflops": {dtype: float(f"{rate:.4g}") for dtype, rate in found.rates.items()},
        "bandwidth_gb_per_s": float(f"{found.bandwidth:.4g}"),
        "memory_gb": float(f"{memory_gb:.4g}"),
        "dispatch_us": float(f"{found.dispatch:.3g}"),
        "dispatch_source": "scripts/measure_host.py: an in-place addition to 16 numbers in PyTorch",
        "source": "scripts/measure_host.py: matrix products, and a matrix times a vector, as measured",
        "check": "derived",
        "notes": "reached, not peak: the datasheet of the device, if conf/hw has it, is the better file",
    }


def host(cores: int, repeats: int) -> dict[str, Any]:
    """The file of the CUDA device, or else of the CPU."""
    import torch

    cuda = torch.cuda.is_available()
    found = measure(Clock(cuda, max(repeats, QUIET)))
    if cuda:
        properties = torch.cuda.get_device_properties(0)
        return cuda_file(properties.name, found, properties.total_memory / 1e9)
    memory_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return cpu_file(this_cpu(), cores, found, memory_gb)
