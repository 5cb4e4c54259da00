"""Attacks life_jax with kills, full disks, other people's files, hostile files, mutated words and laws, and counts.

    python scripts/attack.py [PART ...] [--share 0.1] [--seed N]

Prints a table with how often each thing was tried and how often it failed, then each failure; the exit status is 1
where there is one. The whole takes about ten minutes of two quiet cores, on which two parts run at a time; --share does
a part of it. Parts: kills, dask, disks, links, pairs, files, lines, launch (scripts that plan writes), reports, numbers
(of serve, plan and layouts), keys (of every file), names, twice (files that are read and written), several (files of a
command: kills, full disks, links), systems (macOS and Windows), calibrations (and models that denoise blocks), shells,
explorer, crowd (its many clients), laws, loads (what requests see). `disks` mounts file systems, in a mount namespace
of its own where it may.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import attack_files
import attack_laws
import attack_loads
import attack_newest
import attack_odd
import attack_process
import attack_verbs
import attack_writers
from attack_writers import KINDS, Failures

DRAWS = 2200  # of laws: 200 000 evaluations
Tried = tuple[int, Failures]
LONGEST = ("shells", "kills", "laws", "lines")  # which begin first


def _each(attack: Callable[[str], Tried]) -> Tried:
    """An attack on every kind of result."""
    done, failures = zip(*(attack(kind) for kind in KINDS), strict=True)
    return sum(done), [line for some in failures for line in some]


def _laws(attack: Callable[[int, int], tuple[int, list[attack_laws.Broken]]], draws: float, seed: int) -> Tried:
    evaluations, broken = attack(max(1, round(draws)), seed)
    return evaluations, [str(law) for law in broken]


def parts(top: Path, share: float, seed: int) -> dict[str, Callable[[], Tried]]:
    """Attacks by name. share: of how often each is tried. top: folder for all that is written."""
    kills, disks = max(1, round(30 * share)), max(1, round(8 * share))
    return {
        "kills": lambda: _each(lambda kind: attack_writers.kills(kind, top / "kills", kills, seed)),
        "dask": lambda: attack_writers.dask_kills(top, max(1, round(4 * share))),
        "disks": lambda: _disks(top, disks),
        "links": lambda: _each(lambda kind: attack_writers.foreign_files(kind, top / "links")),
        "pairs": lambda: attack_writers.pairs(top / "pairs"),
        "files": lambda: attack_files.hostile_files(top, round(300 * share), seed),
        "lines": lambda: attack_files.command_lines(top, round(1000 * share), seed),
        "launch": lambda: attack_verbs.launch_scripts(top),
        "reports": lambda: attack_verbs.reports(top),
        "numbers": lambda: attack_verbs.odd_numbers(top, round(600 * share), seed),
        "keys": lambda: attack_odd.odd_values(top, round(600 * share), seed),
        "names": lambda: attack_odd.names(top),
        "twice": lambda: attack_odd.read_and_written(top),
        "several": lambda: attack_newest.several_files(top / "several", disks),
        "systems": lambda: attack_newest.systems(top),
        "calibrations": lambda: attack_newest.calibrations(top, round(180 * share), seed),
        "shells": lambda: attack_odd.shells(top),
        "explorer": lambda: attack_verbs.questions(top, round(300 * share), seed),
        "crowd": lambda: attack_newest.crowd(top, round(240 * share), seed),
        "laws": lambda: _laws(attack_laws.attack, DRAWS * share, seed),
        "loads": lambda: _laws(attack_loads.attack, attack_loads.DRAWS * share, seed),
    }


def _disks(top: Path, wanted: int) -> Tried:
    done, failures = _each(lambda kind: attack_writers.full_disks(kind, top / "full", wanted))
    more, others = _each(lambda kind: attack_writers.small_disks(kind, top / "small"))
    return done + more, failures + others


def main() -> int:
    """Run the parts that are asked for, two at a time, each in a process of its own, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", nargs="*")
    parser.add_argument("--share", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2, help="parts at the same time")
    parser.add_argument("--bare", action="store_true", help="one part, as JSON")
    given = parser.parse_args()
    names = list(parts(Path(), 1, 0))
    if unknown := set(given.part) - set(names):
        parser.error(f"no part is called {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    wanted = [name for name in names if name in given.part or not given.part]
    if given.bare:
        return _alone(wanted[0], given.share, given.seed)
    if "disks" in wanted and "LIFE_JAX_ATTACK_MOUNTS" not in os.environ and shutil.which("unshare"):
        command = ["unshare", "-m" if os.geteuid() == 0 else "-rm"]
        if subprocess.run([*command, "true"], check=False, capture_output=True).returncode == 0:
            os.environ["LIFE_JAX_ATTACK_MOUNTS"] = "1"
            os.execvp(command[0], [*command, sys.executable, *sys.argv])

    def one(name: str) -> tuple[int, Failures, float]:
        words = [name, "--bare", "--share", str(given.share), "--seed", str(given.seed)]
        command = [sys.executable, str(Path(__file__).resolve()), *words]
        ended = subprocess.run(command, check=False, capture_output=True, text=True)
        try:
            tried, failed, spent = json.loads(ended.stdout.splitlines()[-1])
        except (IndexError, ValueError):
            tried, failed, spent = 0, [f"{name}: the attack itself ended with {ended.stderr[-400:]!r}"], 0.0
        print(f"{name}: {tried} tried, {len(failed)} failed", file=sys.stderr, flush=True)
        return tried, failed, spent

    begun = time.monotonic()
    with ThreadPoolExecutor(given.jobs) as pool:
        running = {name: pool.submit(one, name) for name in sorted(wanted, key=lambda name: name not in LONGEST)}
        rows = {name: running[name].result() for name in wanted}
    print(f"{'part':12} {'tried':>8} {'failed':>8} {'CPU s':>8}")
    for name, (tried, failed, spent) in rows.items():
        print(f"{name:12} {tried:8} {len(failed):8} {spent:8.0f}")
    total = [sum(column) for column in zip(*((n, len(f), s) for n, f, s in rows.values()), strict=True)]
    print(f"{'all':12} {total[0]:8} {total[1]:8} {total[2]:8.0f}   {(time.monotonic() - begun) / 60:.1f} minutes")
    failures = [line for _, failed, _ in rows.values() for line in failed]
    print(*failures, sep="\n", end="\n" * bool(failures))
    return bool(failures)


def _alone(name: str, share: float, seed: int) -> int:
    """Run one part in this process, and print what came of it as JSON."""
    attack_process.imported()
    with tempfile.TemporaryDirectory(prefix="life_jax_attack_") as folder:
        before = os.times()
        tried, failed = parts(Path(folder), share, seed)[name]()
        print(json.dumps([tried, failed, sum(os.times()[:4]) - sum(before[:4])]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
