"""What a large sweep costs, its parts apart, in one run: python scripts/bench_sweep.py [POINTS] [--peers FOLDER].

What the questions cost that people ask (a command, many cases, every model on every device), and grids with axes of
the workload inside, is in bench_questions.py.

Prints, for Llama-2-7B on a V100 over 64 workloads and a square of hardware points: cold commands, tracing and
compilation, the kernel alone (results thrown away), the same written to a file with fsync and rename, reduced,
with elasticities, small grids of several structures, the same formulas in NumPy, peak memory above the imports, and
other public forecasters. FOLDER holds a virtual environment for each of them (FOLDER/genz-llm with
`pip install genz-llm`, ...); without it they are left out. Times are of this machine now: compare rows of one run, not
numbers of two machines. Files go to the system's temporary folder, or to TMPDIR, and are deleted at the end.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from jax.tree_util import tree_map

from life_jax.grid import eager, plan
from life_jax.grid import kernel as kernels
from life_jax.grid.storage import store
from life_jax.studies.evaluation import compute, evaluate, reducer
from life_jax.studies.loading import load
from life_jax.studies.study import Study
from life_jax.terminal.tables import engineering

ROOFS = {
    "hard": ("engine=ideal",),
    "smooth": ("engine=ideal", "engine.roof_smoothness=0.5"),
    "generic": ("engine=generic",),
}
ELASTICITIES = {
    "nothing else": (),
    "elasticity=true": ("elasticity=true",),
    "each rate and efficiency": (
        "elasticity=[peak_tflops.fp16,peak_tflops.fp32,bandwidth_gb_per_s,dispatch_us,compute_efficiency,"
        "attention_efficiency,vector_efficiency,memory_efficiency,kv_efficiency]",
    ),
}
ROUNDS = 5
MANY = ("hw=[v100,h100_sxm]", "model=[llama3_8b,mixtral_8x7b]", "axes.batch=[1,8,64]")
SMALL = {"TTFT, TPOT, TPS": (), "elasticities and gains": ("elasticity=true", "gains=true")}
FREE = "free=[prompt,batch]"
REDUCED = {
    "best": ("best=[tpot]", "limit.ttft=1", FREE),
    "pareto": ("pareto=[tpot,ttft]", FREE),
    "quantiles": ("quantiles=[0.5]",),
    "count": ("reduce=count", "limit.ttft=1"),
}
PEERS = ("genz-llm", "llm-analysis", "aiconfigurator-core")
NUMPY_POINTS, BLOCK = 640_000, 2**15


class Nowhere:
    """A sink that throws results away."""

    def put(self, block: plan.ResultBlock) -> None:
        """Nothing is kept."""


def words(points: float, *more: str) -> list[str]:
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


def timed(work: Callable[[], Any], times: int = 1) -> float:
    """Seconds, the shortest of so many."""
    found = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        found.append(time.perf_counter() - start)
    return min(found)


def report(what: str, seconds: float, points: float = 0, than: float = 0) -> None:
    """than: points/s that this is compared with."""
    rate = f"{engineering(points / seconds)}points/s" if points else ""
    ratio = f"{points / seconds / than:.3g} x" if than else ""
    print(f"{what:<66}{seconds:>9.3f} s  {rate:<18}{ratio}", flush=True)


def write(study: Study, folder: Path) -> None:
    path = folder / "bench.nc"
    with store.opened(path, study.template, study.identity) as sink:
        compute(study, sink)
        sink.finish(range(study.sweep.chunks))
    path.unlink()


def cold(folder: Path, *more: str) -> float:
    """A whole command: start of Python, imports, compilation, file."""
    command = [
        sys.executable,
        "-m",
        "life_jax.sweep",
        "hw=v100",
        "engine=ideal",
        "out=cold.nc",
        "overwrite=true",
        *more,
    ]
    return timed(lambda: subprocess.run(command, cwd=folder, check=True, capture_output=True), 3)


def cold_commands(points: float, folder: Path) -> None:
    some = ("axes.batch=geomspace(1,128,100)", "axes.prompt_tokens=geomspace(64,4096,100)")
    os.environ["LIFE_JAX_CACHE"] = "off"
    report("cold command, 36 points", cold(folder))
    report("cold command, 1e4 points", cold(folder, *some))
    report(f"cold command, {points:.3g} points", cold(folder, *words(points)[1:]))
    os.environ["LIFE_JAX_CACHE"] = os.fspath(folder / "cache")
    cold(folder, *some)
    report("cold command, 1e4 points, compilations remembered", cold(folder, *some))


MEMORY = """
import resource, sys
import jax, h5py, netCDF4, xarray
from life_jax import sweep
from life_jax.grid.storage import store
from life_jax.studies import evaluation
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
before = peak()
sweep.main()
print((peak() - before) // 1024)
"""


def memory_row(points: float, folder: Path) -> None:
    """Of one command, in a process of its own."""
    command = [sys.executable, "-c", MEMORY, *words(points, *ROOFS["smooth"]), "out=memory.nc", "overwrite=true"]
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    print(f"peak memory above the imports, {points:.3g} points to a file: {done.stdout.split()[-1]} MB")


def roof_rows(roof: str, points: float, folder: Path) -> float:
    """Points/s of the kernel alone."""
    more = ROOFS[roof]
    study = load(words(points, *more))
    n = study.template.points
    function = study.cases[0].forecaster(study.metrics)
    before = kernels.kernel(function).compilations  # roofs differ in the scenario alone, so that they share a kernel
    first = timed(lambda: compute(study, Nowhere()))
    kernel = timed(lambda: compute(study, Nowhere()), 3)
    report(f"{roof}: trace and compile", max(first - kernel, 0.0))
    report(f"{roof}: kernel, {n:.3g} points", kernel, n)
    print(f"{roof}: compilations for all chunks: {kernels.kernel(function).compilations - before}")
    report(f"{roof}: kernel, file, fsync, rename", timed(lambda: write(study, folder), 3), n, n / kernel)
    double = load(words(points / 4, *more, "dtype=float64"))
    compute(double, Nowhere())
    seconds = timed(lambda: compute(double, Nowhere()), 3)
    report(f"{roof}: kernel in float64", seconds, double.template.points, n / kernel)
    for what, reduction in REDUCED.items():
        one = load(words(points, *more, *reduction))
        report(f"{roof}: reduced to {what}", timed(lambda one=one: compute(one, reducer(one))), n, n / kernel)
    elasticity_rows(roof, points, folder)
    return n / kernel


def elasticity_rows(roof: str, points: float, folder: Path) -> None:
    """Beside TTFT and TPOT alone, kernel to kernel: all in turn, the fastest of each by the clock and by the time of
    all cores together (which a busy neighbour disturbs less); and file to file, where every column is bytes."""
    studies = {
        what: load(words(points, *ROOFS[roof], "metrics=[ttft,tpot]", *more)) for what, more in ELASTICITIES.items()
    }
    best = {}
    for what, study in studies.items():
        compute(study, Nowhere())  # compiles
        best[what] = [np.inf, np.inf]
    for _ in range(ROUNDS):
        for what, study in studies.items():
            cores, wall = time.process_time(), timed(lambda study=study: compute(study, Nowhere()))
            best[what] = list(np.minimum(best[what], [wall, time.process_time() - cores]))
    files = {what: timed(lambda study=study: write(study, folder)) for what, study in studies.items()}
    (wall, cores), file = best["nothing else"], files["nothing else"]
    for what, study in studies.items():
        n = study.template.points
        report(f"{roof}: ttft, tpot, {what}", best[what][0], n, n / wall)
        ratios = best[what][0] / wall, best[what][1] / cores, files[what] / file
        print("    times the values: {:.2f} by the clock, {:.2f} of all cores, {:.2f} in a file".format(*ratios))


def small_rows() -> None:
    """Few points of many structures: by NumPy, as a study of this size is evaluated, and compiled."""
    for what, more in SMALL.items():
        study = load([*MANY, *more])
        evaluated = timed(lambda study=study: evaluate(study), 3)
        most, eager.MOST_POINTS = eager.MOST_POINTS, 0
        try:
            compiled = load([*MANY, *more])
            seconds = timed(lambda compiled=compiled: evaluate(compiled))
        finally:
            eager.MOST_POINTS = most
        report(f"{what}, {len(study.cases)} cases: NumPy", evaluated)
        report(f"{what}, {len(study.cases)} cases: traced, compiled and run", seconds)
        print(f"{'':<66}{seconds / evaluated:>9.0f} x")


def numpy_rows(roof: str, kernel: float) -> None:
    """The same formulas on NumPy arrays: the whole grid by broadcasting, and in blocks that stay in the cache."""
    study = load(words(NUMPY_POINTS, *ROOFS[roof], "metrics=[ttft,tpot]"))
    case, n = study.cases[0], study.template.points
    (call,) = case.forecaster(study.metrics).calls
    values = partial(call.part, argument=())
    scenario = tree_map(np.float32, case.scenario)
    axes = [axis.astype(np.float32) for axis in study.axes.values()]

    def naive() -> dict[str, Any]:
        with np.errstate(all="ignore"):
            grids = np.meshgrid(*axes, indexing="ij", sparse=True)
            return dict(values(scenario, dict(zip(study.axes, grids, strict=True))))

    def blocks() -> Iterator[dict[str, Any]]:
        run = max(1, BLOCK * len(axes[2]) // n)
        with np.errstate(all="ignore"):
            for start in range(0, len(axes[2]), run):
                some = [*axes[:2], axes[2][start : start + run], axes[3]]
                grids = np.meshgrid(*some, indexing="ij", sparse=True)
                yield values(scenario, dict(zip(study.axes, grids, strict=True)))

    seconds = timed(naive)
    report(f"{roof}: NumPy, whole grid, {n:.3g} points", seconds, n, kernel)
    report(f"{roof}: NumPy, blocks of {BLOCK} points", timed(lambda: [None for _ in blocks()]), n, kernel)
    ours = dict(zip(("ttft", "tpot"), naive().values(), strict=True))
    apart = max(float(np.abs(ours[m] / load_values(study, m) - 1).max()) for m in ours)
    print(f"{roof}: largest relative difference between NumPy and the kernel: {apart:.1e}")


def load_values(study: Study, metric: str) -> np.ndarray:
    import life_jax

    found = life_jax.evaluate(study)[metric].values
    return found.reshape([len(axis) for axis in study.axes.values()])


def peer_rows(folder: Path | None, kernel: float) -> None:
    script = Path(__file__).with_name("bench_peers.py")
    for name in PEERS:
        python = folder / name / "bin" / "python" if folder else None
        if python is None or not python.exists():
            print(f"{name}: left out, as --peers FOLDER has no {name}/bin/python")
            continue
        done = subprocess.run([python, script, name], check=False, capture_output=True, text=True)
        if done.returncode:
            print(f"{name}: left out: {(done.stderr.strip() or 'failed').splitlines()[-1]}")
            continue
        found = json.loads(done.stdout.splitlines()[-1])
        report(f"{name} ({found['what']}): a point", 1 / found["points_per_s"], 1, kernel)
        print(f"{name}: TTFT {1e3 * found['ttft']:.1f} ms, TPOT {1e3 * found['tpot']:.2f} ms (4 x 512 + 128 tokens)")


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("points", nargs="?", type=float, default=1e7)
    asked.add_argument("--peers", type=Path)
    asked.add_argument("--roofs", nargs="+", choices=ROOFS, default=list(ROOFS))
    said = asked.parse_args()
    kernel = 0.0
    # where that folder is in memory, files cost less than on a disk: set TMPDIR to a folder on one
    with tempfile.TemporaryDirectory(prefix="life_jax-bench-") as name:
        folder = Path(name)
        cold_commands(said.points, folder)
        memory_row(said.points, folder)
        rates = {roof: roof_rows(roof, said.points, folder) for roof in said.roofs}
        small_rows()
        for roof, kernel in rates.items():
            numpy_rows(roof, kernel)
        peer_rows(said.peers, next(iter(rates.values())))


if __name__ == "__main__":
    main()
