"""Attacks on launch scripts and pages under kills and full disks, other systems, odd checkpoints, crowds of clients."""

import errno
import http.client
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from attack_files import ODD_JSON, csv_files, mutated, tried, yaml_files
from attack_odd import HEAD, ROW
from attack_process import CONF, PATIENCE, Result, run
from attack_verbs import SERVED, _post, _question
from attack_writers import KINDS, Attack, _plants, _seen, at_call, changes, content, full, killed, spread

Failures = list[str]
PLANNED = [*SERVED, "devices=[1,2]", "prompt=64", "output=16", "top=3", "write=launch"]
LOCKS = (".part.journal", ".part", ".new")  # endings of what a killed command leaves beside a name


class Command:
    """A command that writes several files to a folder: what it should write."""

    def __init__(self, verb: str, words: list[str], top: Path) -> None:
        self.verb, self.words, self.top, self.made = verb, words, top, 0
        folder = self.folder()
        done = run(verb, words, folder)
        assert done.status == 0, done.err
        self.whole = content(folder) or {}
        assert self.whole

    def folder(self) -> Path:
        """A new folder."""
        self.made += 1
        folder = self.top / str(self.made)
        folder.mkdir(parents=True)
        return folder

    def completed(self, folder: Path) -> str:
        """Why files are half, or the same command does not complete them; empty if it does."""
        there = content(folder) or {}
        if half := [name for name, data in there.items() if not name.endswith(LOCKS) and data != self.whole.get(name)]:
            return f"half of {half}"
        done = run(self.verb, self.words, folder)
        if done.fault or done.status:
            return f"does not go on: {done.fault or done.err[-200:]}"
        after = {name: data for name, data in (content(folder) or {}).items() if not name.endswith(".part.journal")}
        return "" if after == self.whole else f"other files: {sorted(set(after) ^ set(self.whole)) or 'other bytes'}"

    def broken(self, how: str, then: Callable[[], None], wanted: int) -> tuple[int, Failures]:
        """Do something at its changes of files, and let it go on."""
        failures, places = Failures(), spread(changes(self), wanted)  # type: ignore[arg-type]  # which asks for no more
        for number in places:
            folder = self.folder()
            ended = run(self.verb, self.words, folder, at_call(number, then))
            why = ended.refused() if ended.status not in (0, -signal.SIGKILL) else ""
            if why := why or self.completed(folder):
                failures.append(f"{self.verb} {self.words[-1]}, {how} at change {number}: {why}")
            shutil.rmtree(folder)
        return len(places), failures


def several_files(top: Path, wanted: int) -> tuple[int, Failures]:
    """Kill commands that write several files, fill their disks, and put what is not theirs under their names."""
    done, failures = 0, Failures()
    small = ["hw=v100", "axes.batch=[1,2]", "axes.prompt_tokens=[64,128]", "out=x.nc"]
    commands = {
        "plan": Command("plan", PLANNED, top / "plan"),
        "report": Command("sweep", [*small, "plot=report"], top / "report"),
        "pictures": Command("sweep", [*small, "plot=[roofline,operators]"], top / "pictures"),
    }
    for command in commands.values():
        for how, then in (("killed", killed), ("disk full", full)):
            tried, why = command.broken(how, then, wanted)
            done, failures = done + tried, failures + why
    for place in ("launch", "launch/01", "launch/01/run.sh", "launch/02/run.sh", "launch/01/run.sh.new"):
        for plant in ("link", "link to nothing", "hard link", "folder", "pipe", "file", "link to a folder"):
            done, why = done + 1, _planted(commands["plan"], place, plant)
            failures += [f"plan write=, {plant} at {place}: {why}"] if why else []
    return done, failures


def _planted(command: Command, place: str, plant: str) -> str:
    folder = command.folder()
    (folder / place).parent.mkdir(parents=True, exist_ok=True)
    theirs, behind = dict(_plants(folder)), folder / "behind"
    behind.mkdir()
    theirs["link to a folder"] = lambda path: path.symlink_to(behind, target_is_directory=True)
    theirs[plant](folder / place)
    before = _seen(folder)
    ended = run(command.verb, command.words, folder)
    after = _seen(folder)
    written = [path.name for path in behind.iterdir()]
    shutil.rmtree(folder)
    lost = [name for name, was in before.items() if name != "behind" and after.get(name) != was]
    if written and place != "launch":  # a folder that was named may be a link
        return f"wrote {written} behind it"
    return ended.fault or (f"changed {lost}" if lost else "")


def _as_macos() -> None:
    for name in ("fdatasync", "posix_fallocate", "O_DIRECT"):
        if hasattr(os, name):
            delattr(os, name)


class _Msvcrt:
    """Locks as Windows has them, of one process."""

    LK_NBLCK = 2

    def locking(self, descriptor: int, mode: int, count: int) -> None:
        """Everything is free."""


def _as_windows() -> None:
    from life_jax.core import file_system

    _as_macos()
    for name in ("pwrite", "pread", "O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "geteuid", "getuid", "fchmod", "fork"):
        if hasattr(os, name):
            delattr(os, name)
    file_system.fcntl, file_system.msvcrt = None, _Msvcrt()  # type: ignore[assignment]
    real = os.open

    def opened(path: Any, flags: int, *rest: Any, **more: Any) -> int:
        if Path(path).is_dir():
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return real(path, flags, *rest, **more)

    os.open = opened


def systems(top: Path) -> tuple[int, Failures]:
    """Write every kind of result, and launch scripts, as on macOS and Windows: the same bytes."""
    done, failures = 0, Failures()
    for kind in KINDS:
        attack = Attack(kind, top / "systems")
        for name, hides in (("macOS", _as_macos), ("Windows", _as_windows)):
            folder = attack.folder()
            ended = run(attack.verb, attack.words, folder, hides)
            done += 1
            if why := ended.fault or ("" if content(folder / attack.name) == attack.whole else "other bytes"):
                failures.append(f"{kind} on {name}: {why}")
            shutil.rmtree(folder)
    command = Command("plan", PLANNED, top / "planned")
    for name, hides in (("macOS", _as_macos), ("Windows", _as_windows)):
        folder = command.folder()
        ended = run(command.verb, command.words, folder, hides)
        done += 1
        if why := ended.fault or command.completed(folder):
            failures.append(f"plan write= on {name}: {why}")
    return done, failures


def diffusion_files(chance: random.Random, count: int) -> Iterator[bytes]:
    """A config.json of a model that denoises blocks, with a value or bytes wrong."""
    config = {
        "architectures": ["SDARForCausalLM"], "model_type": "sdar", "hidden_size": 64, "intermediate_size": 128,
        "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16, "vocab_size": 96,
        "hidden_act": "silu", "max_position_embeddings": 512, "tie_word_embeddings": False, "block_size": 4,
        "mask_token_id": 95,
    }  # fmt: skip
    for _ in range(count):
        changed = dict(config)
        for _ in range(chance.choice((1, 1, 2))):
            changed[chance.choice(list(changed))] = chance.choice(ODD_JSON)
        whole = json.dumps(changed).encode()
        yield mutated(whole, chance) if chance.random() < 0.2 else whole


def calibrations(top: Path, count: int, seed: int = 0) -> tuple[int, Failures]:
    """Give calibrate hostile rows, commands hostile files that calibrate wrote, and odd models that denoise blocks."""
    chance, each = random.Random(seed), -(-count // 3)
    folder = top / "calibrated"
    folder.mkdir(parents=True)
    rows = HEAD + ROW + ROW.replace("r1", "r2").replace("512", "1024").replace("0.2", "0.4")
    (folder / "m.csv").write_text(rows, encoding="utf-8")
    made = run("calibrate", ["m.csv", "hw=v100", "out=c.yaml"], folder)
    assert made.status == 0, made.err
    calibrated = (folder / "c.yaml").read_text(encoding="utf-8")
    plans: dict[str, tuple[Iterator[bytes], str, str, list[str]]] = {
        "calibrated engine": (yaml_files(chance, each, calibrated), "c.yaml", "explain", ["hw=v100", "engine=c.yaml"]),
        "rows": (csv_files(chance, each), "m.csv", "calibrate", ["m.csv", "hw=v100", "out=c.yaml"]),
        "diffusion": (diffusion_files(chance, each), "c.json", "explain", ["hw=v100", "model=c.json"]),
    }
    return tried(plans, top, lambda ended, folder, verb: _half(ended, folder / "c.yaml", verb))


def _half(ended: Result, path: Path, verb: str) -> str:
    """Why what calibrate wrote is no answer; empty if it is one, or nothing was written."""
    if verb != "calibrate" or not path.exists():
        return ""
    text = path.read_text(encoding="utf-8")
    return f"wrote {text[:60]!r} with status {ended.status}" if ended.status or "nan" in text or "inf\n" in text else ""


def crowd(top: Path, count: int, seed: int = 0, clients: int = 12) -> tuple[int, Failures]:
    """Ask an explorer from many clients at once, of which some leave, send halves or come from elsewhere."""
    folder = top / "crowd"
    folder.mkdir(parents=True)
    server = subprocess.Popen(
        [sys.executable, "-m", "life_jax.explore", "hw=v100"], cwd=folder, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, env=os.environ | {"PYTHONPATH": str(CONF.parent)},
    )  # fmt: skip
    failures = Failures()
    try:
        assert server.stdout is not None
        _, _, host, token, _ = server.stdout.readline().strip().split("/")

        def client(number: int) -> None:
            chance = random.Random((seed + 1) * 1000 + number)
            for _ in range(-(-count // clients)):
                if why := _visited(host, token, chance):
                    failures.append(f"crowd: {why}")

        threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if server.poll() is not None or _post(host, f"/{token}/compare", b'{"question": {"hw": ["v100"]}}')[0] != 200:
            failures.append("crowd: the explorer answers no more")
    finally:
        server.kill()
        server.communicate()
    return -(-count // clients) * clients, failures


def _visited(host: str, token: str, chance: random.Random) -> str:
    """Why a visit of one of the kinds of clients is answered as it should not be."""
    body, view, how = _question(chance), chance.choice(("compare", "load", "fits", "plan")), chance.randrange(5)
    name, _, port = host.partition(":")
    if how == 0:  # leaves before the answer
        with socket.create_connection((name, int(port)), timeout=PATIENCE) as half:
            half.sendall(
                f"POST /{token}/{view} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            )
            half.sendall(body[: chance.randrange(len(body) + 1)])
        return ""
    headers = {"Content-Type": "application/json"}
    if how == 1:  # from elsewhere
        headers[chance.choice(("Host", "Origin"))] = "http://evil.example"
    path = f"/{token}/{view}" if how != 2 else f"/{token[:-1]}/{view}"
    connection = http.client.HTTPConnection(host, timeout=PATIENCE)
    try:
        connection.request("POST", path, body, headers)
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return f"{view} {body[:200]!r}: {error!r}"
    finally:
        connection.close()
    if how in (1, 2):
        return "" if status in (400, 403, 404) else f"a stranger is answered with {status}"
    return "" if status in (200, 400, 404, 429, 503) else f"{view} {body[:200]!r}: status {status}"
