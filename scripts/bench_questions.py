"""What the questions that people ask cost, as ratios in one run: python scripts/bench_questions.py [PARTS] [options].

Whole commands in processes of their own, in CPU seconds of user and system together, which a busy machine disturbs less
than the clock; beside each what `import numpy` costs, and as points of other public forecasters (bench_peers.py) where
--peers FOLDER has their environments. --base FOLDER is a checkout of another commit, whose kernels are timed in turn
with ours. PARTS, by default all: commands, kinds, catalogue, plan, grids, disk.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PEERS = ("genz-llm", "llm-analysis", "aiconfigurator-core")
DEVICES = "hw=[v100,a100,h100_sxm,h200,b200,mi300x,l4,rtx_4090,m3_max,a10]"
MODELS = (
    "model=[llama2_7b,llama3_8b,qwen3_8b,mixtral_8x7b,gpt_oss_20b,deepseek_v3,gemma2_9b,phi2,falcon_7b,mamba2_2_7b]"
)
STACKS = "axes.opt=[[],[int4],[int8],[int4,kv8]]"
QUESTION = (DEVICES, MODELS, STACKS, "axes.prompt_tokens=geomspace(64,4096,6)", "axes.batch=[1,2,4,8,16,32]")
CASES, POINTS = 400, 14_400
# one of each kind of layer: dense, windowed, experts, latent, sparse latent, state space, hybrids
KINDS = (
    "llama2_7b", "gemma3_4b", "mixtral_8x7b", "gpt_oss_120b", "deepseek_v3", "deepseek_v3_2", "mamba2_2_7b",
    "nemotron_h_8b", "qwen3_5_27b", "llama4_scout",
)  # fmt: skip
GRIDS = {
    "dense, workload axes inside": ("model=llama2_7b", "opt=int4"),
    "mixture of experts, workload axes inside": ("model=gpt_oss_20b",),
}
SIDE = 64  # of the two axes of hardware of these grids
ONE = ("hw=v100", "engine=ideal", "engine.roof_smoothness=0.5")  # one structure, a long inner axis
ROUNDS = 3


def spent(command: Sequence[str], cwd: Path, **env: str) -> tuple[float, float, str]:
    """CPU seconds, peak memory in MB and stdout of a command. Raises CalledProcessError where it fails."""
    with tempfile.TemporaryFile("w+") as out:
        process = subprocess.Popen(
            command, cwd=cwd, env=os.environ | env, stdout=out, stderr=subprocess.PIPE, text=True
        )
        assert process.stderr is not None
        errors = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, command, stderr=errors)
        out.seek(0)
        return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1e3, out.read()


def python(*words: str) -> list[str]:
    return [sys.executable, *words]


def sweep(folder: Path, *words: str) -> tuple[float, float]:
    """CPU seconds and peak memory of a whole command, with nothing remembered, and its file deleted."""
    command = python("-m", "life_jax.sweep", *words, "out=bench.nc", "overwrite=true")
    seconds, memory, _ = spent(command, folder, LIFE_JAX_CACHE="off", PYTHONPATH=os.fspath(ROOT))
    return seconds, memory


def least(work: Callable[[], float]) -> float:
    return min(work() for _ in range(ROUNDS))


def row(what: str, seconds: float, than: float = 0.0, of: str = "") -> None:
    print(f"{what:<66}{seconds:>9.3f} CPU s" + (f"  {seconds / than:.3g} x {of}" if than else ""), flush=True)


def commands(folder: Path, peers: dict[str, float]) -> float:
    """CPU seconds of the default command, beside `import numpy`; the 400 cases beside it and beside the peers."""
    imported = least(lambda: spent(python("-c", "import numpy"), folder)[0])
    row("import numpy", imported)
    usual = least(lambda: sweep(folder, "hw=v100", "opt=int4")[0])
    row("the default command, cold", usual, imported, "import numpy")
    many = least(lambda: sweep(folder, *QUESTION)[0])
    row(f"{CASES} cases, {POINTS} points, cold", many, usual, "the default command")
    for name, rate in peers.items():
        row(f"    {name}, as many points in a process that has begun", POINTS / rate, many, "ours")
    return usual


def kinds(folder: Path, usual: float) -> None:
    """One number of a model of each kind, on one device, cold."""
    for model in KINDS:
        words = ("hw=h100_sxm", f"model={model}", "workload.prompt_tokens=512", "workload.batch=1")
        row(f"one number of {model}, cold", least(lambda words=words: sweep(folder, *words)[0]), usual, "the default")


CATALOGUE = """
import resource, sys, time
from life_jax.studies.evaluation import compute
from life_jax.studies.loading import load
start = time.process_time()
study = load([*sys.argv[1:], "axes.opt=[[],[int4]]", "workload.prompt_tokens=512", "workload.batch=1"])
loaded = time.process_time()
class Nowhere:
    def put(self, block): pass
compute(study, Nowhere())
print(len(study.cases), loaded - start, time.process_time() - loaded)
"""


def catalogue(folder: Path) -> None:
    """Every shipped model on every shipped device under two stacks, at one workload; results thrown away."""
    names = {group: sorted(path.stem for path in (ROOT / "conf" / group).glob("*.yaml")) for group in ("hw", "model")}
    words = [f"{group}=[{','.join(of)}]" for group, of in names.items()]
    _, memory, out = spent(python("-c", CATALOGUE, *words), folder, PYTHONPATH=os.fspath(ROOT))
    cases, loading, computing = map(float, out.split())
    row(f"all models x all devices x 2 stacks, {cases:.0f} cases: words and checks", loading)
    row("    computing", computing)
    print(f"    {1e3 * (loading + computing) / cases:.3f} ms of CPU a case, peak memory {memory:.0f} MB", flush=True)


PLAN = """
import sys, time
from life_jax.studies.loading import load
from life_jax.studies.planning import plan
start, clock = time.process_time(), time.perf_counter()
study = load(sys.argv[1:], primary="plan")
loaded = time.process_time()
result = plan(study)
print(loaded - start, time.process_time() - loaded, time.perf_counter() - clock, result.space, result.found.forecast)
"""
UNDER_TARGETS = ("target.ttft=1", "target.tpot=0.05", "target.percentile=90", "confidence=0.8")
PLANS = {  # question -> words, seconds that are asked of it on two cores [s]
    "one user, formats alone": (("also=none",), 5), "one user": ((), 5),
    "8 requests/s, formats alone": (("rate=8", "also=none"), 15), "8 requests/s": (("rate=8",), 15),
    "8 requests/s, formats alone, within targets": (("rate=8", "also=none", *UNDER_TARGETS), 15),
}  # fmt: skip


def plans(folder: Path) -> None:
    """What one model should run on, of the whole catalogue, in a process that has begun."""
    for what, (words, asked) in PLANS.items():
        command = python("-c", PLAN, "model=llama3_1_8b", *words)
        found = [list(map(float, spent(command, folder, PYTHONPATH=os.fspath(ROOT))[2].split())) for _ in range(ROUNDS)]
        loading, searching, clock, space, forecast = min(found, key=lambda one: one[0] + one[1])
        row(f"plan, {what}", loading + searching, asked, f"the {asked} s that are asked")
        print(f"    words and checks {loading:.2f}, search {searching:.2f} CPU s; {clock:.1f} s by the clock; "
              f"{space:.0f} designs, {100 * forecast / space:.2g} % of them forecast", flush=True)  # fmt: skip


KERNEL = """
import sys, time
try:
    from life_jax.studies.evaluation import compute
    from life_jax.studies.loading import load
except ImportError:  # as modules were called before they had rooms
    from life_jax.study import load
    from life_jax.work import compute
study = load(sys.argv[2:])
class Nowhere:
    def put(self, block): pass
compute(study, Nowhere())
best = min(-time.process_time() + [compute(study, Nowhere()), time.process_time()][1] for _ in range(int(sys.argv[1])))
print(study.template.points, best)
"""


def kernel(folder: Path, code: Path, *words: str) -> float:
    """Points per CPU second of the compiled kernel of a checkout; results thrown away."""
    command = python("-c", KERNEL, str(ROUNDS), *words)
    _, _, out = spent(command, folder, PYTHONPATH=os.fspath(code), LIFE_JAX_CACHE=os.fspath(folder / "cache"))
    points, seconds = map(float, out.split())
    return points / seconds


def inside(points: float) -> tuple[str, ...]:
    """Axes of a grid that has those of the workload before those of the hardware: prompts, 8 batches, SIDE x SIDE."""
    return (
        f"axes.prompt_tokens=geomspace(64,4096,{max(2, round(points / 8 / SIDE**2))})",
        "axes.batch=geomspace(1,64,8)",
        f"axes.bandwidth_gb_per_s=geomspace(100,4000,{SIDE})",
        f"axes.peak_tflops.fp16=geomspace(10,1000,{SIDE})",
    )


def grids(folder: Path, points: float, base: Path | None, peers: dict[str, float]) -> None:
    """Compiled kernels of large grids with axes of the workload inside, and of one with a single long inner axis."""
    side = max(1, round((points / 64) ** 0.5))
    one = (
        "axes.prompt_tokens=geomspace(64,4096,8)", "axes.batch=geomspace(1,128,8)",
        f"axes.bandwidth_gb_per_s=geomspace(100,4000,{side})", f"axes.peak_tflops.fp16=geomspace(10,1000,{side})",
    )  # fmt: skip
    studies = {what: ("hw=v100", *words) for what, words in GRIDS.items()}
    for what, words in {**studies, "one structure": ONE}.items():
        axes = one if words is ONE else inside(points)
        ours = kernel(folder, ROOT, *words, *axes)
        line = f"{what}: {ours / 1e6:.3g} million points per CPU second"
        if base is not None:
            line += f", {ours / kernel(folder, base, *words, *axes):.3g} x {base.name}"
        by_numpy = kernel(folder, ROOT, *words, *inside(0))  # so few points are not compiled
        line += f", {ours / by_numpy:.3g} x NumPy on few of its points"
        print(line, *(f"    {ours / rate:.3g} x {name}" for name, rate in peers.items()), sep="\n", flush=True)


def disk(folder: Path, points: float) -> None:
    """A file of a large grid, by the clock, beside the same bytes written without computing, in turn."""
    side = max(1, round(points**0.5))
    words = (*ONE, "workload.prompt_tokens=512", "workload.batch=1",
             f"axes.bandwidth_gb_per_s=geomspace(100,4000,{side})",
             f"axes.peak_tflops.fp16=geomspace(10,1000,{side})")  # fmt: skip
    file, bare = [], []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        sweep(folder, *words)
        file.append(time.perf_counter() - start)
        size = (folder / "bench.nc").stat().st_size
        start = time.perf_counter()
        with (folder / "bare").open("wb", buffering=0) as out:
            for block in _blocks(size):
                out.write(block)
            os.fsync(out.fileno())
        bare.append(time.perf_counter() - start)
        (folder / "bare").unlink()
    ours, theirs = statistics.median(file), statistics.median(bare)
    print(f"{side * side} points to a file, the whole command: {ours:.2f} s; {size / 1e6:.0f} MB written and flushed "
          f"without computing: {theirs:.2f} s, {size / 1e9 / theirs:.2g} GB/s", flush=True)  # fmt: skip


def _blocks(size: int) -> Iterator[bytes]:
    block = os.urandom(2**22)
    for start in range(0, size, len(block)):
        yield block[: size - start]


def rates(folder: Path | None) -> dict[str, float]:
    """Points per second of the other forecasters whose environments are there."""
    found = {}
    for name in PEERS:
        own = folder / name / "bin" / "python" if folder else None
        if own is None or not own.exists():
            continue
        done = subprocess.run(
            [own, Path(__file__).with_name("bench_peers.py"), name], check=False, capture_output=True, text=True
        )
        if done.returncode == 0:
            found[name] = float(json.loads(done.stdout.splitlines()[-1])["points_per_s"])
    return found


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = ("commands", "kinds", "catalogue", "plan", "grids", "disk")
    arguments.add_argument("parts", nargs="*", default=list(parts), metavar="PARTS")
    arguments.add_argument("--points", type=float, default=1e7, help="of a large grid")
    arguments.add_argument("--peers", type=Path, help="folder of environments, as of bench_sweep.py")
    arguments.add_argument("--base", type=Path, help="checkout of another commit")
    arguments.add_argument("--rounds", type=int, default=ROUNDS, help="of each row, of which the least counts")
    typed = arguments.parse_args()
    globals().update(ROUNDS=typed.rounds)
    if wrong := set(typed.parts) - set(parts):
        arguments.error(f"{', '.join(sorted(wrong))}: no part; there are {', '.join(parts)}")
    with tempfile.TemporaryDirectory(prefix="life_jax-bench-") as name:
        folder, usual, peers = Path(name), 0.0, rates(typed.peers)
        if "commands" in typed.parts:
            usual = commands(folder, peers)
        if "kinds" in typed.parts:
            kinds(folder, usual or least(lambda: sweep(folder, "hw=v100", "opt=int4")[0]))
        if "catalogue" in typed.parts:
            catalogue(folder)
        if "plan" in typed.parts:
            plans(folder)
        if "grids" in typed.parts:
            grids(folder, typed.points, typed.base, peers)
        if "disk" in typed.parts:
            disk(folder, typed.points)


if __name__ == "__main__":
    main()
