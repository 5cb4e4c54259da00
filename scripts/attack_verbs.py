"""Attacks on serve, plan, explore and reports: launch scripts under hostile names, odd numbers, bombs, questions."""

import http.client
import json
import os
import random
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from attack_process import CONF, PATIENCE, SECONDS, run

Failures = list[str]
MARK = "PWNED"
# file names that a shell, a comment, a Modelfile, YAML or HTML might take for something else
HOSTILE = [
    f"a$(echo>{MARK})b", f"a`echo>{MARK}`b", f"a;echo>{MARK};b", f"a'\necho>{MARK}\n'b", f"a\necho>{MARK}\nb",
    f'a"\necho>{MARK}\n"b', f"-a;echo>{MARK}", "--trust-remote-code", f"a|echo>{MARK}", f"a&&echo>{MARK}",
    "a b  c", "a{model}b", "a%sb", f"a\recho>{MARK}\rb", "a\tb", "a: [b, &c", "!!python",
    "<img src=x onerror=alert(1)>", "a]]>b", "a\\\nb", "~root",
    f"a\u2028echo>{MARK}", "\u202egnp.a",
]  # fmt: skip
CONFIG = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 64, "intermediate_size": 128,
    "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 96, "hidden_act": "silu",
    "max_position_embeddings": 512, "tie_word_embeddings": False,
}  # fmt: skip
PLANNED = ["devices=[1]", "prompt=64", "output=16", "top=8", "write=launch"]
ENGINES = {"llama_cpp_cuda": "rtx_4090", "vllm": "h100_sxm"}


def launch_scripts(top: Path) -> tuple[int, Failures]:
    """Plan with models and devices whose files have hostile names; run what is written, with programs that do nothing.

    A script must start its program once, and no name may become a command, a line or an option.
    """
    done, failures = 0, Failures()
    for number, (name, what) in enumerate((name, what) for name in HOSTILE for what in ("model", "hw")):
        engine = list(ENGINES)[number % len(ENGINES)]
        folder = top / "launch" / str(number)
        folder.mkdir(parents=True)
        if what == "model":
            (folder / f"{name}.json").write_text(json.dumps(CONFIG))
            words = [f"hw={ENGINES[engine]}", f"model={_quoted(f'./{name}.json')}"]
        else:
            text = (CONF / "hw" / f"{ENGINES[engine]}.yaml").read_text(encoding="utf-8")
            (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
            words = [f"hw={_quoted(f'./{name}.yaml')}", "model=llama3_2_1b"]
        ended = run("plan", [*words, f"engine={engine}", *PLANNED, "format=json"], folder)
        done += 1
        if why := ended.fault or _launched(folder):
            failures.append(f"launch, {what} {name!r}: {why}")
        shutil.rmtree(folder)
    return done, failures


def _quoted(text: str) -> str:
    return f'"{text}"' if "'" in text else f"'{text}'"


def _launched(folder: Path) -> str:
    """Why the scripts in a folder do more than start their program; empty if they do not."""
    bare = folder / "bin"
    bare.mkdir()
    for script in sorted((folder / "launch").rglob("*.sh")):
        words = shlex.split(script.read_text(encoding="utf-8"), comments=True)
        if options := [word for word in words if word.startswith("-") and (MARK in word or "trust" in word)]:
            return f"{script.name} has the option {options[0]!r}"
        ended = subprocess.run(
            ["/bin/sh", str(script)], cwd=folder, env={"PATH": str(bare)}, capture_output=True, text=True, check=False
        )
        if ended.returncode != 127:  # its program is not there
            return f"{script.name} ends with {ended.returncode}: {ended.stderr[-200:]!r}"
    if any(path.name.startswith(MARK) for path in folder.rglob("*")):
        return "a name ran as a command"
    for path in (folder / "launch").rglob("Modelfile"):
        lines = path.read_text(encoding="utf-8").splitlines()
        if others := [line for line in lines if line.split(" ", 1)[0] not in ("FROM", "PARAMETER")]:
            return f"a Modelfile with the line {others[0]!r}"
    return ""


NUMBERS = [
    "0", "-1", "1e308", "1e400", "nan", "inf", "-inf", "1e-300", "9" * 40, "9" * 5000, "[]", "[1,2]", "true", "null",
    "''", "1.5", "1e12", "geomspace(1,2,1e12)", "linspace(1,2,99999999999)", "arange(0,1e18,1)", "arange(1,2,1e-300)",
    "[[1,2],[3,4]]", "[[1,nan]]", "[[1,-1]]", "[[0,1]]", "lognormal(1e308,1e308)", "lognormal(nan,1)",
    "'lognormal(1,1'", "'benchmark(1e15)'", "'benchmark(-1)'", "benchmark(0)", "../../etc/passwd", "{a: 1}",
    "${oc.env:HOME}",
]  # fmt: skip
SERVED = ["hw=h100_sxm", "model=llama3_2_1b", "engine=vllm"]
TURNED = {
    "serve": [
        "rate", "concurrency", "load.burst", "load.prompt_tokens", "load.output_tokens", "load.cached", "load.protocol",
        "load.replicas", "load.trace", "target.ttft", "target.percentile", "engine.token_budget",
        "engine.max_sequences", "tp", "pp", "dp", "ep", "cp", "prompt", "output", "axes.rate", "axes.tp",
        "axes.load.burst",
    ],
    "plan": [
        "rate", "concurrency", "devices", "quality", "confidence", "budget.usd", "budget.usd_per_hour", "budget.watt",
        "minimize", "top", "write", "target.ttft", "target.percentile", "prompt", "tp", "hw", "out",
    ],
    "sweep": [
        "tp", "pp", "ep", "dp", "cp", "rate", "concurrency", "axes.tp", "axes.batch", "axes.rate", "draft.model",
        "axes.draft_tokens", "axes.acceptance", "axes.prompt", "metrics", "out", "hw.h100_sxm.memory_gb", "context",
    ],
}  # fmt: skip
REST = {
    "serve": [*SERVED, "format=json"],
    "plan": [*SERVED, "devices=[1]", "prompt=64", "output=16", "format=json"],
    "sweep": [*SERVED, "opt=speculative", "draft.model=llama3_2_1b", "axes.batch=[1]", "axes.prompt_tokens=[64]"],
}


def odd_numbers(top: Path, count: int, seed: int = 0) -> tuple[int, Failures]:
    """Give serve, plan and sweep numbers that make no sense, bombs of axes, and what is no number at all."""
    chance, failures = random.Random(seed), Failures()
    every = [(verb, key, value) for verb, keys in TURNED.items() for key in keys for value in NUMBERS]
    chance.shuffle(every)
    for number, (verb, key, value) in enumerate(every[:count]):
        rest = [word for word in REST[verb] if word.split("=")[0].removeprefix("axes.") != key.removeprefix("axes.")]
        load = ["rate=1"] if verb == "serve" and key.split(".")[-1] not in ("rate", "concurrency", "trace") else []
        folder = top / "numbers" / str(number)
        ended = run(verb, [*rest, *load, f"{key}={value}"], folder)
        if why := ended.fault or _said(ended.out, verb, ended.status) or _outside(folder):
            failures.append(f"{verb} {key}={value[:60]}: {why}")
        shutil.rmtree(folder)
    return min(count, len(every)), failures


def _said(text: str, verb: str, status: int) -> str:
    """Why printed JSON is none, or has numbers that JSON has not."""
    if status or verb == "sweep":
        return ""

    def refuse(name: str) -> None:
        raise ValueError(name)

    try:
        json.loads(text, parse_constant=refuse)
    except ValueError as error:
        return f"no JSON: {error}"
    return ""


def _outside(folder: Path) -> str:
    others = {path.name for path in folder.parent.iterdir()} - {folder.name}
    return f"wrote {sorted(others)} beside its folder" if others else ""


def trace_files(chance: random.Random, count: int) -> Iterator[bytes]:
    """Traces of requests with a cell, a row or bytes wrong."""
    from attack_files import ODD, mutated

    head = "arrival_s,input_tokens,output_tokens,cached_tokens,block_ids"
    odd = [*ODD[:12], "1e308", "1e-320", "-0", "9" * 30, "0x10", "1_0", " 5 ", "\uff15", '"', "x" * 200_000, "1e18"]
    for _ in range(count):
        rows = [[str(0.5 * i), "100", "10", "5", "a b c"] for i in range(4)]
        for _ in range(chance.choice((1, 1, 3))):
            rows[chance.randrange(4)][chance.randrange(5)] = chance.choice(odd)
        whole = "\n".join([head, *map(",".join, rows)]).encode("utf-8", "surrogatepass")
        yield mutated(whole, chance) if chance.random() < 0.3 else whole


def reports(top: Path) -> tuple[int, Failures]:
    """Write reports of models whose files have hostile names; none of them becomes a part of the page."""
    done, failures = 0, Failures()
    for number, name in enumerate(HOSTILE):
        folder = top / "reports" / str(number)
        folder.mkdir(parents=True)
        (folder / f"{name}.json").write_text(json.dumps(CONFIG))
        words = ["hw=v100", f"model={_quoted(f'./{name}.json')}", "axes.batch=[1,2]", "axes.prompt_tokens=[64]"]
        ended = run("sweep", [*words, "out=x.nc", "plot=report"], folder)
        done += 1
        pages = list(folder.glob("*.html"))
        if why := ended.fault or ("" if len(pages) == 1 else f"{len(pages)} pages, {ended.err[-200:]!r}"):
            failures.append(f"report, model {name!r}: {why}")
        elif len(re.findall(rb"<script", pages[0].read_bytes())) != 2 or b"<img" in pages[0].read_bytes():
            failures.append(f"report, model {name!r}: a name became a part of the page")
        shutil.rmtree(folder)
    return done, failures


WORDS = [
    "batch", "prompt", "output", "context", "rate", "hw.v100.memory_gb", "axes.bandwidth_gb_per_s",
    "engine.memory_efficiency",
]  # fmt: skip
NAMES = [
    "v100", "all", "*", "class:gpu_consumer", "here", "/etc/passwd", "../x", "a.yaml", "", "x" * 300, "<img src=x>",
    "\x00", "~", "llama3_2_1b", "none", "int4", "${oc.env:HOME}", "C:\\x", "h100_sxm\nhw=v100", "hydra.run.dir=x", "1",
    "\u00e9",
]  # fmt: skip
VIEWS = [
    "fits", "compare", "along", "curve", "where", "elasticity", "number", "trade", "load", "goodput", "plan", "menus",
    "x", "../x",
]  # fmt: skip
VALUES = [
    0, -1, 1, 64, 1e308, -1e308, 10**400, True, None, "1", [], [1], [1] * 300, [[1]], {}, {"a": 1}, "x" * 5000, 0.5,
    1e-320,
]  # fmt: skip
SETTINGS = [
    "key", "word", "values", "contexts", "batches", "rates", "ttft", "tpot", "percentile", "devices", "minimize",
    "free", "rate", "quality", "usd",
]  # fmt: skip
LEAKS = (b"/tmp/", b"/root", b"/home", b"site-packages", b"Traceback")


def questions(top: Path, count: int, seed: int = 0) -> tuple[int, Failures]:
    """Ask an explorer hostile questions: none is a fault of it, none of its answers has a path, and it lives on."""
    folder = top / "explorer"
    folder.mkdir(parents=True)
    environment = os.environ | {"PYTHONPATH": str(CONF.parent)}
    server = subprocess.Popen(
        [sys.executable, "-m", "life_jax.explore", "hw=v100"], cwd=folder, env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    failures, chance = Failures(), random.Random(seed)
    try:
        assert server.stdout is not None
        _, _, host, token, _ = server.stdout.readline().strip().split("/")
        for _ in range(count):
            view, body = chance.choice(VIEWS), _question(chance)
            before = _used(server.pid)
            try:
                status, answer = _post(host, f"/{token}/{view}", body)
            except OSError as error:
                failures.append(f"explorer, {view} {body[:300]!r}: {error}")
                if server.poll() is not None:
                    break
                continue
            seconds = _used(server.pid) - before
            if status not in (200, 400, 404, 405) or any(leak in answer for leak in LEAKS) or seconds > SECONDS:
                failures.append(f"explorer, {view} {body[:300]!r}: status {status}, {seconds:.0f} s, {answer[-200:]!r}")
        if _post(host, f"/{token}/compare", b'{"question": {"hw": ["v100"]}}')[0] != 200:
            failures.append("explorer: answers no more")
    finally:
        server.kill()
        server.communicate()
    if left := [path.name for path in folder.iterdir()]:
        failures.append(f"explorer: wrote {left}")
    return count, failures


def _used(process: int) -> float:
    """Time of processors that a process has used [s], as Linux says it."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _question(chance: random.Random) -> bytes:
    """A question with a few parts wrong."""
    question: dict[str, object] = {
        "hw": ["v100"], "model": ["llama3_2_1b"], "opt": [[]], "engine": ["generic"],
        "numbers": {"prompt": 64, "output": 16, "batch": 1, "context": 0},
    }  # fmt: skip
    settings: dict[str, object] = {"key": "batch", "word": "batch", "values": [1, 2], "rates": [0.5, 1], "devices": 1}
    for _ in range(chance.choice((0, 1, 2))):
        how = chance.randrange(4)
        if how == 0:
            question[chance.choice(["hw", "model", "engine", "opt"])] = [chance.choice(NAMES)] * chance.choice(
                (1, 1, 70)
            )
        elif how == 1:
            question[chance.choice([*question, "x"])] = chance.choice(VALUES)
        elif how == 2 and isinstance(question.get("numbers"), dict):
            question["numbers"] |= {chance.choice([*WORDS, *NAMES]): chance.choice(VALUES)}  # type: ignore[operator]
        else:
            settings[chance.choice(SETTINGS)] = chance.choice([*VALUES, *NAMES])
    body = json.dumps({"question": question, "settings": settings}).encode("utf-8", "surrogatepass")
    if chance.random() < 0.1:
        at = chance.randrange(len(body))
        return body[:at] + chance.randbytes(2) + body[at + chance.randrange(9) :]
    return body


def _post(host: str, path: str, body: bytes) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(host, timeout=PATIENCE)
    try:
        connection.request("POST", path, body, {"Content-Type": "application/json"})
        reply = connection.getresponse()
        return reply.status, reply.read()
    finally:
        connection.close()
