"""Speed of a sweep, its parts apart: python scripts/bench_sweep.py [POINTS].

Prints, for Llama-2-7B on a V100 over workload and hardware axes: the cold command, tracing and
compilation, the kernel alone (results thrown away), the same written to disk, and peak memory.
Times are of one run on this machine; compare rows of one run, not numbers of two machines.
"""

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from life_jax import grid, kernels, store
from life_jax.cli import engineering
from life_jax.study import Study, load
from life_jax.work import compute

ELASTICITIES = {
    "nothing else": (),
    "elasticities to rates, bandwidth, dispatch": ("elasticity=[peak_tflops,bandwidth_gb_per_s,dispatch_us]",),
    "elasticities to each number": ("elasticity=true",),
}


class Nowhere:
    """A sink that throws results away."""

    def put(self, block: grid.Block) -> None:
        """Nothing is kept."""


def words(points: int, *more: str) -> list[str]:
    """64 workloads times a square of hardware points."""
    side = max(1, round((points / 64) ** 0.5))
    return [
        "hw=v100",
        "axes.prompt_tokens=geomspace(64,4096,8)",
        "axes.batch=geomspace(1,128,8)",
        f"axes.bandwidth_gb_per_s=geomspace(100,4000,{side})",
        f"axes.peak_tflops.fp16=geomspace(10,1000,{side})",
        *more,
    ]


def timed(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def write(study: Study, folder: Path) -> None:
    path = folder / "bench.nc"
    with store.opened(path, study.template, study.identity) as sink:
        compute(study, sink)
        sink.finish(range(study.sweep.chunks))
    path.unlink()


def cold_command(folder: Path) -> float:
    command = [sys.executable, "-m", "life_jax.sweep", "hw=v100", "opt=int4", "overwrite=true"]
    return min(timed(lambda: subprocess.run(command, cwd=folder, check=True, capture_output=True)) for _ in range(3))


def report(what: str, seconds: float, points: int = 0) -> None:
    rate = f"{engineering(points / seconds)}points/s" if points else ""
    print(f"{what:<58}{seconds:>9.3f} s  {rate}")


def main() -> None:
    points = int(float(sys.argv[1])) if len(sys.argv) > 1 else 10_000_000
    with tempfile.TemporaryDirectory() as folder:
        report("cold command, default grid of 36 points (best of 3)", cold_command(Path(folder)))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for roof, more in (("hard roof", ()), ("smooth roof", ("engine.roof_smoothness=0.5",))):
            study = load(words(points, *more))
            n = study.template.points
            first = timed(lambda study=study: compute(study, Nowhere()))  # type: ignore[misc]
            kernel = min(timed(lambda study=study: compute(study, Nowhere())) for _ in range(3))  # type: ignore[misc]
            report(f"{roof}: trace and compile", max(first - kernel, 0.0))
            report(f"{roof}: kernel, {n:.3g} points (best of 3)", kernel, n)
            report(f"{roof}: kernel, file and fsync", timed(lambda study=study: write(study, Path(folder))), n)  # type: ignore[misc]
            plain = 0.0
            for what, elasticity in ELASTICITIES.items():
                one = load(words(points, *more, "metrics=[ttft,tpot]", *elasticity))
                compute(one, Nowhere())
                seconds = min(timed(lambda one=one: compute(one, Nowhere())) for _ in range(3))  # type: ignore[misc]
                plain = plain or seconds
                report(f"{roof}: ttft, tpot, {what}", seconds, n)
                print(f"{roof}: {seconds / plain:.2f} times the values alone")
            compiled = kernels.compilations(study.cases[0].forecaster(study.metrics))
            print(f"{roof}: compilations for all chunks: {compiled}")
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(f"peak memory above the imports: {(after - before) / 1024:.0f} MB")


if __name__ == "__main__":
    main()
