"""A command of life_jax in a forked process: what it did, and a place to break it.

Everything is imported once, before the fork, so that a command takes a tenth of a second. Results are small: chunks
are of CHUNK points and reducers save after each, so that there is something to interrupt.
"""

import dataclasses
import importlib
import os
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

# limits of one command: address space [byte], time of processors [s], and time by the clock [s], after which it waits
# for something; a loaded machine is slow by the clock alone
MEMORY, SECONDS, PATIENCE = 6 * 2**30, 30, 300
CHUNK = 2**8
CONF = Path(__file__).resolve().parents[1] / "conf"
TIMED_OUT, CRASHED = "timed out", "traceback"


@dataclasses.dataclass(frozen=True)
class Result:
    """What a command did: exit status (negative: the signal that ended it), what it printed, seconds."""

    status: int
    out: str
    err: str
    seconds: float

    @property
    def fault(self) -> str:
        """Why this is no way to end; empty for success, and for one error line with status 2."""
        if self.seconds > PATIENCE or self.status == -signal.SIGXCPU:
            return TIMED_OUT
        if "Traceback" in self.err or self.status not in (0, 2):
            return f"{CRASHED if 'Traceback' in self.err else 'status'} {self.status}: {self.err[-200:]!r}"
        if self.status == 2 and sum(line.startswith("error: ") for line in self.err.splitlines()) != 1:
            return f"status 2 without one error line: {self.err[-200:]!r}"
        return ""

    def refused(self, word: str = "") -> str:
        """Why this is no refusal in one line (with a word in it); empty if it is one."""
        if self.fault or self.status != 2 or word not in self.err:
            return self.fault or f"status {self.status}, {self.err[-200:]!r}"
        return ""


def imported() -> None:
    """Import what commands need, before the first fork; JAX starts no backend."""
    os.environ |= {"LIFE_JAX_CACHE": "off", "SOURCE_DATE_EPOCH": "0", "JAX_PLATFORMS": "cpu", "COLUMNS": "100"}
    modules = ("netCDF4", "h5py", "jax", "rich.table", "rich.progress", "hydra", "zarr", "dask.array", "scipy.sparse")
    ours = ("studies.lazy", "studies.loading", "studies.evaluation", "grid.plan", "grid.reduced_dataset", "calibrate")
    storage = tuple(f"grid.storage.{name}" for name in ("shards", "store", "reducer_checkpoint"))
    verbs = ("sweep", "merge", "explain", "validate", "catalog", "design", "serve", "plan")
    for name in (*modules, *(f"life_jax.{name}" for name in (*ours, *storage, *verbs))):
        importlib.import_module(name)
    import xarray as xr

    from life_jax.core.own_code import code_hash

    code_hash()  # the same for all, should somebody edit meanwhile
    with tempfile.TemporaryDirectory() as folder:  # xarray imports more when it is used
        xr.Dataset({"y": ("x", [1.0])}, {"x": ["a"]}).to_netcdf(f"{folder}/x.nc", engine="netcdf4")


def start(verb: str, words: list[str], folder: Path, before: Callable[[], None] = lambda: None) -> tuple[int, Path]:
    """Start a command in a folder; its process, and the path where its output goes (with .out and .err behind it).

    before: called in the new process, to break something.
    """
    folder.mkdir(parents=True, exist_ok=True)
    log = folder.parent / f"{folder.name}-{time.monotonic_ns()}"
    child = os.fork()
    if child:
        return child, log
    status = 1
    try:
        for number, end in ((1, ".out"), (2, ".err")):
            os.dup2(os.open(f"{log}{end}", os.O_WRONLY | os.O_CREAT, 0o600), number)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.chdir(folder)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, 2 * SECONDS))
        sys.argv = [f"life-jax-{verb}", *words]
        _small_chunks()
        before()
        importlib.import_module(f"life_jax.{verb}").main()
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    except BaseException:
        sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]
    finally:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except (OSError, ValueError):
                status = status or 1
        os._exit(status)


def _small_chunks() -> None:
    from life_jax.grid import plan
    from life_jax.grid.storage import reducer_checkpoint, store

    plan.POINTS_PER_CHUNK, plan.LONGEST_INNER = CHUNK, CHUNK
    store.SYNC_SECONDS = reducer_checkpoint.SAVE_SECONDS = 0.0


def ended(child: int, log: Path, begun: float, kill_after: float = PATIENCE) -> Result:
    """Wait for a command, and kill it after so many seconds by the clock."""
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            break
        if time.monotonic() - begun > kill_after:
            os.kill(child, signal.SIGKILL)
            _, status = os.waitpid(child, 0)
            break
        time.sleep(0.002)
    texts = []
    for end in (".out", ".err"):
        path = Path(f"{log}{end}")
        texts.append(path.read_text(encoding="utf-8", errors="replace") if path.exists() else "")
        path.unlink(missing_ok=True)
    return Result(os.waitstatus_to_exitcode(status), texts[0], texts[1], time.monotonic() - begun)


def run(
    verb: str,
    words: list[str],
    folder: Path,
    before: Callable[[], None] = lambda: None,
    kill_after: float = PATIENCE,
) -> Result:
    """Run a command to its end, or until it is killed after so many seconds by the clock."""
    begun = time.monotonic()
    return ended(*start(verb, words, folder, before), begun, kill_after)
