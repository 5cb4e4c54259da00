"""Attacks on what commands write: kills, full disks, other people's files, two commands at once.

A kill is placed at the n-th call of the system that changes something, for every n in turn, and after a random time.
"""

import contextlib
import errno
import itertools
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from attack_process import PATIENCE, ended, run, start

GRID = ["hw=v100", "engine=ideal", "axes.batch=geomspace(1,64,32)", "axes.prompt_tokens=geomspace(16,3000,32)"]
SHARDS = 3
# kind of result -> verb, words, name; a shard's file has a name of its own
KINDS = {
    "plain": ("sweep", [*GRID, "out=x.nc"], "x.nc"),
    "reduced": ("sweep", [*GRID, "pareto=[ttft,throughput]", "out=x.nc"], "x.nc"),
    "lazy": ("sweep", [*GRID, "lazy=true", "out=x.nc"], "x.nc"),
    "zstd": ("sweep", [*GRID, "compress=zstd", "out=x.nc"], "x.nc"),
    "zarr": ("sweep", [*GRID, "out=x.zarr"], "x.zarr"),
    "shard": ("sweep", [*GRID, f"shard=2/{SHARDS}", "out=x.nc"], f"x.shard-2-of-{SHARDS}.nc"),
    "csv": ("sweep", [*GRID, "out=x.csv"], "x.csv"),
    "merge": ("merge", [*GRID, "out=x.nc"], "x.nc"),
    "reduced merge": ("merge", [*GRID, "pareto=[ttft,throughput]", "out=x.nc"], "x.nc"),
}
CHANGES = ("open", "write", "pwrite", "replace", "unlink", "fsync", "fdatasync", "ftruncate", "posix_fallocate")
Failures = list[str]


def content(path: Path) -> dict[str, bytes] | None:
    """Bytes by name of a file, or of every file in a folder; None where there is nothing."""
    if path.is_dir():
        return {str(f.relative_to(path)): f.read_bytes() for f in sorted(path.rglob("*")) if f.is_file()}
    return {"": path.read_bytes()} if path.exists() else None


class Attack:
    """One kind of result in a folder of its own: what it should be, and what it needs beside it."""

    def __init__(self, kind: str, top: Path) -> None:
        self.kind, self.top = kind, top / kind.replace(" ", "-")
        self.verb, self.words, self.name = KINDS[kind]
        self.beside: dict[str, bytes] = {}
        self.count = itertools.count()
        if self.verb == "merge":
            folder = self.folder()
            for i in range(1, SHARDS + 1):
                assert run("sweep", [*self.words, f"shard={i}/{SHARDS}"], folder).status == 0
            self.beside = {path.name: path.read_bytes() for path in folder.iterdir()}
        folder = self.folder()
        begun = time.monotonic()
        done = run(self.verb, self.words, folder)
        self.seconds = time.monotonic() - begun
        assert done.status == 0, done.err
        self.whole = content(folder / self.name)
        assert self.whole

    def folder(self) -> Path:
        """A new folder with what the command reads."""
        folder = self.top / str(next(self.count))
        folder.mkdir(parents=True)
        for name, data in self.beside.items():
            (folder / name).write_bytes(data)
        return folder

    def completed(self, folder: Path, *, half: bool = False) -> str:
        """Why the same command does not complete the result in a folder; empty if it does, and leaves nothing else.

        half: whether a result that is there already must be whole.
        """
        there = content(folder / self.name)
        if half and there not in (None, self.whole):
            return "half of a result under the final name"
        done = run(self.verb, self.words, folder)
        if (
            there is not None and self.kind == "csv"
        ):  # which does not say what it answers, so that it is never taken for one
            return done.refused("exists") or ("" if content(folder / self.name) == self.whole else "other bytes")
        if done.status != 0 or done.fault:
            return f"does not go on: {done.fault or done.err[-200:]}"
        if content(folder / self.name) != self.whole:
            return "other bytes"
        left = {path.name for path in folder.iterdir()} - {self.name, *self.beside}
        # a kill between the last rename and what is tidied behind it leaves a journal, or the old folder
        return "" if all(name.startswith(f"{self.name}.part") for name in left) else f"leaves {sorted(left)}"


def at_call(number: int, then: Callable[[], None], count: "itertools.count[int] | None" = None) -> Callable[[], None]:
    """What makes a new process do something before its n-th change (from 0) of a file; count: counts them."""
    calls = itertools.count() if count is None else count

    def before() -> None:
        for name in CHANGES:
            real = getattr(os, name)

            def call(*args: object, real: Callable[..., object] = real, name: str = name, **more: object) -> object:
                writes = name != "open" or (len(args) > 1 and isinstance(args[1], int) and args[1] & os.O_CREAT)
                if writes and not (name == "write" and args[0] in (1, 2)) and next(calls) == number:
                    then()
                return real(*args, **more)

            setattr(os, name, call)

    return before


def changes(attack: Attack) -> int:
    """How often a command changes a file, as `at_call` counts."""
    count, total = itertools.count(), attack.top / "changes"

    def before() -> None:
        at_call(-1, lambda: None, count)()
        leave = os._exit

        def left(status: int) -> None:
            total.write_text(str(next(count)))
            leave(status)

        os._exit = left  # type: ignore[assignment]

    run(attack.verb, attack.words, attack.folder(), before)
    return int(total.read_text())


def spread(total: int, most: int) -> list[int]:
    """At most so many numbers below a total, evenly: the first and the last among them."""
    return sorted({round(i * (total - 1) / max(1, most - 1)) for i in range(min(most, total))})


def killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def full() -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def kills(kind: str, top: Path, wanted: int, seed: int = 0) -> tuple[int, Failures]:
    """Kill a command at its changes of files, and as often at random moments."""
    attack, done, failures = Attack(kind, top), 0, Failures()
    for number in spread(changes(attack), wanted * 2 // 3):
        folder = attack.folder()
        if run(attack.verb, attack.words, folder, at_call(number, killed)).status == -signal.SIGKILL:
            done += 1
        if why := attack.completed(folder, half=True):
            failures.append(f"{kind}, killed before change {number}: {why}")
        shutil.rmtree(folder)
    chance = random.Random(seed)
    for _ in range(2 * wanted):
        if done >= wanted:
            break
        folder = attack.folder()
        for _ in range(2):  # interrupted again
            ended = run(attack.verb, attack.words, folder, kill_after=chance.uniform(0, attack.seconds))
            done += ended.status == -signal.SIGKILL
        if why := attack.completed(folder, half=True):
            failures.append(f"{kind}, killed at random: {why}")
        shutil.rmtree(folder)
    return done, failures


def dask_kills(top: Path, wanted: int) -> tuple[int, Failures]:
    """Kill a command whose points are computed by a cluster of processes, at random moments."""
    folder, failures, chance, done = top / "dask", Failures(), random.Random(7), 0
    words = [*GRID, "executor=dask", "workers=1", "out=x.nc"]

    def command(kill_after: float) -> int:
        import sys

        folder.mkdir(parents=True, exist_ok=True)
        process = subprocess.Popen(
            [sys.executable, "-m", "life_jax.sweep", *words], cwd=folder, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        try:
            return process.wait(kill_after)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # its workers with it
            return process.wait()

    if command(4 * PATIENCE) != 0:
        return 0, ["dask: does not run"]
    whole = content(folder / "x.nc")
    for _ in range(wanted):
        shutil.rmtree(folder)
        done += command(chance.uniform(4, 14)) == -signal.SIGKILL
        if command(4 * PATIENCE) != 0 or content(folder / "x.nc") != whole:
            failures.append("dask, killed at random: other bytes, or does not go on")
    return done, failures


def full_disks(kind: str, top: Path, wanted: int) -> tuple[int, Failures]:
    """Tell a command at one of its changes of files that the disk is full; then it has room."""
    attack, done, failures = Attack(kind, top), 0, Failures()
    for number in spread(changes(attack), wanted):
        folder = attack.folder()
        ended = run(attack.verb, attack.words, folder, at_call(number, full))
        done += 1
        if why := (ended.refused() if ended.status else "") or attack.completed(folder, half=True):
            failures.append(f"{kind}, disk full at change {number}: {why}")
        shutil.rmtree(folder)
    return done, failures


def small_disks(kind: str, top: Path) -> tuple[int, Failures]:
    """Run a command on file systems in memory of a few sizes. They are mounted: for root in a mount namespace."""
    attack, done, failures = Attack(kind, top), 0, Failures()
    size = sum(map(len, attack.whole.values()))
    for part in (0.1, 0.5, 0.9, 1.3):
        folder = attack.folder()
        kept = max(int(size * part), 8192) + sum(map(len, attack.beside.values()))
        mount = ["mount", "-t", "tmpfs", "-o", f"size={kept}", "tmpfs", str(folder)]
        if subprocess.run(mount, check=False, capture_output=True).returncode:
            return done, failures
        try:
            with contextlib.suppress(OSError):
                for name, data in attack.beside.items():
                    (folder / name).write_bytes(data)
            ended = run(attack.verb, attack.words, folder)
            done += 1
            if why := ended.fault or (ended.status == 0 and content(folder / attack.name) != attack.whole and "bytes"):
                failures.append(f"{kind}, disk of {kept} bytes: {why}")
                continue
            subprocess.run(["mount", "-o", "remount,size=64m", str(folder)], check=True, capture_output=True)
            if why := attack.completed(folder, half=True):
                failures.append(f"{kind}, disk of {kept} bytes: {why}")
        finally:
            subprocess.run(["umount", str(folder)], check=False, capture_output=True)
    return done, failures


def _plants(folder: Path) -> Iterator[tuple[str, Callable[[Path], object]]]:
    victim = folder / "victim"
    victim.write_text("precious")
    yield "link", lambda path: path.symlink_to(victim)
    yield "link to nothing", lambda path: path.symlink_to(folder / "nothing")
    yield "hard link", lambda path: path.hardlink_to(victim)
    yield "folder", lambda path: (path.mkdir(), (path / "theirs").write_text("theirs"))
    yield "pipe", os.mkfifo
    yield "file", lambda path: path.write_text("theirs")


def _seen(folder: Path) -> dict[str, object]:
    return {
        str(path.relative_to(folder)): path.readlink()
        if path.is_symlink()
        else path.read_bytes()
        if path.is_file()
        else path.stat().st_mode
        for path in sorted(folder.rglob("*"))
    }


def foreign_files(kind: str, top: Path) -> tuple[int, Failures]:
    """Put links, folders, pipes and files of somebody else under each name that a command uses."""
    attack, done, failures = Attack(kind, top), 0, Failures()
    names = [name for name, _ in _plants(attack.folder())]
    for ending in ("", ".part", ".part.journal", ".new"):
        for plant in names:
            for more in ([], ["overwrite=true"]) if plant in ("link", "file") else ([],):
                folder = attack.folder()
                dict(_plants(folder))[plant](folder / f"{attack.name}{ending}")
                before = _seen(folder)
                ended = run(attack.verb, [*attack.words, *more], folder)
                done += 1
                where = f"{kind}, {plant} at {ending or 'the result'} {' '.join(more)}"
                after = _seen(folder)
                if why := ended.fault:
                    failures.append(f"{where}: {why}")
                elif ended.status == 2 and after != before:
                    failures.append(f"{where}: refused, but changed {sorted(set(after) ^ set(before))}")
                elif after["victim"] != b"precious":
                    failures.append(f"{where}: the file behind it was written")
                elif ended.status == 0 and not more and any(after.get(name) != was for name, was in before.items()):
                    failures.append(f"{where}: went without being asked for")
                elif ended.status == 0 and more and plant not in ("file", "hard link") and any(
                    after.get(name) != was for name, was in before.items()
                ):  # fmt: skip
                    failures.append(f"{where}: a {plant} was replaced")
                shutil.rmtree(folder)
    return done, failures


def pairs(top: Path) -> tuple[int, Failures]:
    """Two commands on one name, in every pair of kinds: the first stops before it publishes, the second comes."""
    kinds = {kind: Attack(kind, top) for kind in KINDS if KINDS[kind][2] == "x.nc"}
    done, failures = 0, Failures()
    for (one, first), (other, second) in itertools.product(kinds.items(), repeat=2):
        folder = first.folder()
        for name, data in second.beside.items():
            (folder / name).write_bytes(data)

        def waits(folder: Path = folder) -> None:
            from life_jax.core import whole_file

            real = whole_file.publish

            def publish(temporary: Path, path: Path, **how: object) -> None:
                if not path.name.endswith(".part"):
                    (folder.parent / "ready").touch()
                    while not (folder.parent / "go").exists():
                        time.sleep(0.002)
                real(temporary, path, **how)

            from life_jax.grid.storage import journal

            whole_file.publish = journal.publish = publish  # type: ignore[assignment]

        for name in ("ready", "go"):
            (folder.parent / name).unlink(missing_ok=True)
        begun = time.monotonic()
        running = start(first.verb, first.words, folder, waits)
        while not (folder.parent / "ready").exists() and time.monotonic() - begun < PATIENCE:
            time.sleep(0.002)
        for more in ([], ["overwrite=true"]):
            late = run(second.verb, [*second.words, *more], folder)
            done += 1
            if why := late.refused("another process"):
                failures.append(f"{other} {' '.join(more)} while {one} writes: {why}")
        (folder.parent / "go").touch()
        early = ended(*running, begun)
        if early.status or content(folder / first.name) != first.whole:
            failures.append(f"{one}, disturbed by {other}: {early.fault or early.err[-200:] or 'other bytes'}")
        shutil.rmtree(folder)
    return done, failures
