"""Attacks with odd values of every key, names that write on terminals, files given twice, shells that lack things."""

import dataclasses
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from attack_process import CONF, PATIENCE, run
from attack_verbs import CONFIG, SERVED

Failures = list[str]
VALUES = [
    "0", "-1", "1e308", "1e400", "nan", "inf", "-inf", "1e-300", "1e-30", "9" * 40, "9" * 5000, "[]", "[1,2]", "[a]",
    "true", "null", "''", "1e12", "abc", "1e30", "-0.0", "0.5", "{a: 1}", "[[1]]",
]  # fmt: skip
SCENARIO = ["hw=h100_sxm", "model=llama3_2_1b", "engine=vllm"]
SMALL = ["axes.batch=[1,2]", "axes.prompt_tokens=[64]"]
WARNED = ("may be inf or NaN", "has no forecast", "it has no", "is needed", "does not")


def keys() -> list[str]:
    """Every key of every kind of file, and of options."""
    from life_jax.config.schema.axis_table import FILES, option_keys

    places = {"hw": "hw.h100_sxm", "model": "model.llama3_2_1b"}
    fields = [
        f"{places.get(kind, kind)}.{f.name}" for kind, schema in FILES.items() for f in dataclasses.fields(schema)
    ]
    rates = [f"hw.h100_sxm.peak_tflops.{dtype}" for dtype in ("fp16", "fp8", "x", "")]
    return [*fields, *rates, *(f"opt.int4.{key}" for key in option_keys())]


def odd_values(top: Path, count: int, seed: int = 0) -> tuple[int, Failures]:
    """Give explain and sweep an odd value of a key: a line, JSON, or a file in which all is finite or warned of."""
    chance, failures = random.Random(seed), Failures()
    cases = [(key, value) for key in keys() for value in VALUES]
    for number, (key, value) in enumerate(chance.sample(cases, min(count, len(cases)))):
        folder = top / "keys" / str(number)
        if number % 2:
            ended = run("explain", [*SCENARIO, "opt=int4", f"{key}={value}", "format=json"], folder)
            why = _constants(ended.out) if ended.status == 0 else ""
        else:
            word = f"axes.{key.rpartition('.')[2]}=[{value},1]" if number % 8 == 0 else f"{key}={value}"
            ended = run("sweep", [*SCENARIO, "opt=int4", *SMALL, word, "out=x.nc"], folder)
            why = "" if ended.status or any(line in ended.err for line in WARNED) else _infinite(folder / "x.nc")
        if why := ended.fault or why or ("a long error" if ended.status and len(ended.err) > 3000 else ""):
            failures.append(f"{key}={value[:60]}: {why}")
        shutil.rmtree(folder)
    return min(count, len(cases)), failures


def _constants(text: str) -> str:
    seen: list[str] = []
    json.loads(text, parse_constant=seen.append)
    return f"{seen[0]} in JSON" if seen else ""


def _infinite(path: Path) -> str:
    """The names of what is not finite in a file; what depends on a power that is not known may be NaN."""
    import numpy as np
    import xarray as xr

    with xr.open_dataset(path) as ds:
        numbers = [name for name, values in ds.data_vars.items() if values.dtype.kind == "f"]
        return ", ".join(str(name) for name in numbers if not np.isfinite(ds[name].values).all())


ESCAPES = "\x1b[31mred\x1b[0m\x07\x9b2J\u202e"
HEAD = "id,hardware,model,weight_format,engine,batch,prompt_tokens,output_tokens,metric,value\n"
ROW = "r1,v100,llama2_7b,fp16,generic,1,512,128,ttft_s,0.2\n"
CONTROLS = {chr(code) for code in (*range(9), *range(11, 32), *range(127, 160), 0x202E)}


def _named(text: str) -> Iterator[tuple[str, list[str], dict[str, str]]]:
    """Commands with a text where a name stands: verb, words, and files by name."""
    device = (CONF / "hw" / "v100_sxm2_32gb.yaml").read_text(encoding="utf-8")
    quoted = json.dumps(text)
    yield from (("sweep", ["hw=v100", f"{key}{text}=1"], {}) for key in ("", "axes.", "hw.v100.", "workload."))
    for key in ("hw", "model", "opt", "engine", "metrics", "plot", "out", "study", "convention", "hydra.x"):
        yield "sweep", [*(["hw=v100"] if key != "hw" else []), f"{key}={text}"], {}
    yield from (("catalog", words, {}) for words in ([text], ["hw", text], ["model", f"x={text}"]))
    yield "catalog", ["hw", "--config-dir", "."], {f"hw/{text}.yaml": device}
    yield "explain", ["hw=v100", f"model='./{text}.json'"], {f"{text}.json": json.dumps(CONFIG)}
    for changes in ({"model_type": text}, {"hidden_act": text}, {"quantization_config": {"quant_method": text}}):
        yield "explain", ["hw=v100", "model=c.json"], {"c.json": json.dumps({**CONFIG, **changes})}
    for line in (f"{quoted}: 1", f"device_class: {quoted}", f"name: {quoted}", f"notes: {quoted}"):
        key = line.partition(":")[0]
        rest = "\n".join(other for other in device.splitlines() if not other.startswith(f"{key}:"))
        yield "explain", ["hw=x.yaml"], {"x.yaml": f"{rest}\n{line}\n"}
    for cell in ("r1", "v100", "llama2_7b", "fp16", "generic", "512", "ttft_s"):
        yield "validate", ["m.csv"], {"m.csv": f"{HEAD}{ROW.replace('r1', 'r0')}{ROW.replace(cell, text)}"}
        yield "validate", ["m.csv"], {"m.csv": f"{HEAD}{ROW.replace(cell, text)}"}
    yield "validate", [f"{text}.csv"], {}
    yield "sweep", ["study=s.yaml"], {"s.yaml": f"description: x\nhw: [{quoted}]\n"}
    yield "sweep", ["study=s.yaml"], {"s.yaml": f"description: x\nhw: [v100]\n{quoted}: 1\n"}
    trace = "arrival_s,input_tokens,output_tokens\n"
    yield "serve", [*SERVED, "load.trace=t.csv"], {"t.csv": f"{trace}0,{text},1\n"}
    yield "serve", [*SERVED, "load.trace=t.csv"], {"t.csv": trace.replace("input", text) + "0,1,1\n"}


def names(top: Path) -> tuple[int, Failures]:
    """Give names with control characters and lines: none is printed as it is, and an error is one line."""
    done, failures = 0, Failures()
    for text in (ESCAPES, "a\nerror: b", "x" * 20_000, "[" * 5000):
        for verb, words, files in _named(text):
            folder = top / "names" / str(done)
            folder.mkdir(parents=True)
            done += 1
            try:
                for name, content in files.items():
                    (folder / name).parent.mkdir(exist_ok=True)
                    (folder / name).write_text(content, encoding="utf-8")
            except OSError:  # too long for a name
                shutil.rmtree(folder)
                continue
            ended = run(verb, words, folder)
            printed = sorted(CONTROLS & set(ended.out + ended.err))
            if why := ended.fault or (f"prints {printed}" if printed else ""):
                failures.append(f"{verb} {[word[:60] for word in words]}, {text[:20]!r}: {why}")
            shutil.rmtree(folder)
    return done, failures


def read_and_written(top: Path) -> tuple[int, Failures]:
    """Name a file that is read as one that is written, with overwrite=true: it stays as it is."""
    device = (CONF / "hw" / "v100_sxm2_32gb.yaml").read_text(encoding="utf-8")
    files = {
        "m.csv": HEAD + ROW, "x.yaml": device, "c.json": json.dumps(CONFIG),
        "t.csv": "arrival_s,input_tokens,output_tokens\n0,64,8\n1,64,8\n",
    }  # fmt: skip
    cases = [
        ("validate", ["m.csv", f"{word}={name}"]) for word in ("out", "share", "plot") for name in ("m.csv", "./m.csv")
    ]
    cases += [("calibrate", ["m.csv", "hw=x.yaml", f"out={name}"]) for name in ("m.csv", "x.yaml")]
    cases += [("sweep", [f"hw={hw}", *SMALL, "out=x.yaml"]) for hw in ("x.yaml", "[v100,x.yaml]")]
    cases += [("sweep", ["hw=v100", "model=c.json", *SMALL, "out=c.json"])]
    cases += [("serve", [*SERVED, "load.trace=t.csv", "out=t.csv"]), ("plan", ["hw=x.yaml", "out=x.yaml"])]
    failures = Failures()
    for number, (verb, words) in enumerate(cases):
        folder = top / "twice" / str(number)
        folder.mkdir(parents=True)
        for name, content in files.items():
            (folder / name).write_text(content, encoding="utf-8")
        ended = run(verb, [*words, "overwrite=true"], folder)
        changed = [name for name, content in files.items() if (folder / name).read_text(encoding="utf-8") != content]
        if why := ended.refused() or (f"{changed} changed" if changed else ""):
            failures.append(f"{verb} {words}: {why}")
        shutil.rmtree(folder)
    return len(cases), failures


VERBS = {
    "sweep": ["hw=v100", "model=llama3_2_1b", *SMALL],
    "explain": ["hw=v100", "model=llama3_2_1b"],
    "catalog": ["hw"],
    "serve": [*SERVED, "rate=1", "prompt=64", "output=8"],
    "plan": [*SERVED, "devices=[1]", "prompt=64", "output=16"],
    "design": ["hw=v100", "model=llama3_2_1b", "target.tpot=0.05", "range.bandwidth_gb_per_s=[100,2000]"],
    "validate": ["m.csv"],
    "calibrate": ["m.csv", "hw=v100"],
}
PLACES: dict[str, Mapping[str, str]] = {
    "ASCII": {"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "20 columns": {"TERM": "dumb", "COLUMNS": "20"},
    "columns that are none": {"COLUMNS": "abc"},
    "no temporary folder": {"TMPDIR": "/nonexistent"},
    "a home that cannot be written": {"HOME": "/proc", "XDG_CACHE_HOME": "/proc/x", "LIFE_JAX_CACHE": ""},
    "a cache that is a file": {"LIFE_JAX_CACHE": "/etc/passwd"},
    "a date that is none": {"SOURCE_DATE_EPOCH": "9" * 40},
    "windows that are none": {"MPLBACKEND": "nonsense", "MPLCONFIGDIR": "/proc/x"},
}


def shells(top: Path) -> tuple[int, Failures]:
    """Start commands in places that lack something, with closed or full streams, and stop them: no traceback."""
    done, failures = 0, Failures()
    for verb, words in VERBS.items():
        for where, changes in PLACES.items():
            done, why = done + 1, _started(top, verb, words, changes)
            failures += [f"{verb} with {where}: {why}"] if why else []
        for streams in ((1,), (2,), (0, 1, 2)):
            done, why = done + 1, _started(top, verb, words, before=lambda streams=streams: [*map(os.close, streams)])
            failures += [f"{verb} without streams {streams}: {why}"] if why else []
        for sink in ("/dev/full", ""):
            done, why = done + 1, _started(top, verb, words, sink=sink, statuses=(1, 2))
            failures += [f"{verb} into {sink or 'a pipe that nobody reads'}: {why}"] if why else []
        for number in (signal.SIGINT, signal.SIGTERM):
            stopped = (0, 2, 130, -signal.SIGTERM)
            done, why = done + 1, _started(top, verb, words, stop=number, statuses=stopped)
            failures += [f"{verb} stopped by {number.name}: {why}"] if why else []
    return done, failures


def _started(
    top: Path,
    verb: str,
    words: list[str],
    changes: Mapping[str, str] | None = None,
    *,
    before: Callable[[], Any] | None = None,
    sink: str | None = None,
    stop: signal.Signals | None = None,
    statuses: tuple[int, ...] = (0, 2),
) -> str:
    """Why a command in a process of its own does not end as it should; empty if it does.

    changes: of the environment. before: called in the new process. sink: what stdout is, empty for a pipe that is
    closed at the other end. stop: sent while it runs.
    """
    folder = top / "shells"
    folder.mkdir()
    (folder / "m.csv").write_text(HEAD + ROW + ROW.replace("r1", "r2").replace("512", "1024"), encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": str(CONF.parent)} | dict(changes or {})
    command = [sys.executable, "-m", "life_jax", verb, *words]
    with open(sink or os.devnull, "w", encoding="utf-8") as target:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, preexec_fn=before, stdin=subprocess.DEVNULL,  # noqa: PLW1509
            stdout=target if sink else subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace",
        )  # fmt: skip
        if sink == "" and process.stdout is not None:
            process.stdout.close()
            process.stdout = None
        if stop is not None:
            time.sleep(random.uniform(0.5, 3))  # while it imports, or works
            process.send_signal(stop)
        try:
            _, errors = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            errors = "Traceback: does not end"
    shutil.rmtree(folder)
    if "Traceback" in errors or process.returncode not in statuses:
        return f"status {process.returncode}, {errors[-200:]!r}"
    return ""
