"""llama-bench of llama.cpp: its CSV, JSON, JSONL, SQL and Markdown.

All but Markdown have the same fields (tools/llama-bench/README.md of ggml-org/llama.cpp): `n_prompt`, `n_gen` and
`n_depth` say what was timed, `avg_ts` its tokens per second. A test of a prompt is a prefill of one sequence; one of
generation starts at the depth; one of both is their sum. Times hold neither tokenization nor sampling.
"""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from life_jax.config.schema.errors import ConfigError
from life_jax.config.weight_format_names import split_format
from life_jax.measurements.readers import by_parameters, files
from life_jax.measurements.readers.base import (
    MOST_CELL,
    MOST_ROWS,
    MOST_TEXT,
    PROBLEM,
    Format,
    Row,
    finite,
    positive,
    text,
    tidy,
)  # fmt: skip

FORMAT = Format("llama-bench")
FIELDS = {"model_type", "n_prompt", "n_gen", "avg_ts"}  # that no other tool has together
# the builds of 2023 name what they were built for by flags of their own
FLAGS = {"cuda": "CUDA", "metal": "Metal", "vulkan": "Vulkan", "opencl": "OpenCL", "sycl": "SYCL", "kompute": "Kompute"}
# of llama.cpp's builds: number -> month; from dated measurements in public repositories and llama.cpp's releases
BUILDS = (
    (1500, "2023-11"), (2000, "2024-01"), (3000, "2024-05"), (3500, "2024-08"), (4384, "2024-12"), (4914, "2025-03"),
    (6077, "2025-08"), (6400, "2025-09"), (7000, "2025-11"), (7423, "2025-12"), (8038, "2026-02"), (8240, "2026-03"),
    (9049, "2026-05"),
)  # fmt: skip
# what `backends` says -> the engine's name; the first that a build has computes
BACKENDS = {
    "CUDA": "CUDA", "ROCm": "ROCm", "HIP": "HIP", "Metal": "Metal", "MTL": "Metal", "Vulkan": "Vulkan", "SYCL": "SYCL",
    "OpenCL": "OpenCL", "MUSA": "MUSA", "CANN": "CANN", "BLAS": "CPU", "CPU": "CPU",
}  # fmt: skip
_QUANTIZED = re.compile(
    r"\s+(?:mostly\s+|all\s+)?((?:I?Q\d|TQ\d|F16|F32|BF16|MXFP4|NVFP4)[\w]*)(?:\s+(mix|MoE))?"
    r"(?:\s+-\s+(Small|Medium|Large)|\s+-\s+[\d.]+ bpw)?(?:\s+\(guessed\))?$",
    re.IGNORECASE,
)
_MIXES = {"iq3_s": "iq3_m", "iq2_s": "iq2_m"}
_TEST = re.compile(r"(?:pp\s*(?P<pp>\d+))?\s*\+?\s*(?:tg\s*(?P<tg>\d+))?(?:\s*@\s*d\s*(?P<depth>\d+))?")
_DEVICE = re.compile(
    r"(?:Device \d+: (?P<cuda>[^,\n]+), (?:compute capability|gfx|VMM)"
    r"|ggml_vulkan: \d+ = (?P<vulkan>.+?) \([^()]*(?:\([^()]*\))?[^()]*\)\s*\|"
    r"|(?:GPU name:|found device:)\s+(?P<metal>Apple [^\n(]+))"
)
_BUILD = re.compile(r"^build: \w+ \((\d+)\)", re.MULTILINE)
_INSERT = re.compile(r"INSERT INTO \"?(\w+)\"?\s*\(([^()]*)\)\s*VALUES\s*\(", re.IGNORECASE)


def knows(record: Any) -> bool:
    """Whether an object, or a table's header, is of llama-bench."""
    return isinstance(record, Mapping | Sequence | set) and all(field in record for field in FIELDS)


def test(record: Mapping[str, Any], number: int) -> Row:
    """The tidy row of an object with llama-bench's fields; number: which one of its file it is."""
    return _row({str(key): text(value) for key, value in record.items()}, number)


def csv_rows(path: Path, encoding: str) -> Iterator[Row]:
    """Tidy rows of `llama-bench -o csv`; lines of its log between them are passed over."""
    header: list[str] = []
    csv.field_size_limit(MOST_CELL)
    number = 0
    try:
        for record in csv.reader(files.lines(path, encoding)):
            if set(record) >= FIELDS:
                header = [cell.strip() for cell in record]
            elif header and len(record) == len(header):
                number += 1
                if number > MOST_ROWS:
                    raise ConfigError(f"{path}: more than {MOST_ROWS:,} rows; split the file")
                yield _row(dict(zip(header, record, strict=True)), number)
            elif header and len(record) > 3:
                number += 1
                yield {**tidy(str(number), "", ""), PROBLEM: f"has {len(record)} cells of {len(header)}"}
    except csv.Error as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from None


def sql_rows(path: Path, encoding: str) -> Iterator[Row]:
    """Tidy rows of `llama-bench -o sql`: one INSERT a row, every value in quotes."""
    content = files.whole(path, encoding, MOST_TEXT)
    for number, match in enumerate(_INSERT.finditer(content), 1):
        names = [name.strip().strip('"') for name in match[2].split(",")]
        values = _values(content, match.end())
        if len(values) != len(names) or not set(names) >= FIELDS:
            yield {**tidy(str(number), "", ""), PROBLEM: f"an INSERT has {len(values)} values for {len(names)} columns"}
        else:
            yield _row(dict(zip(names, values, strict=True)), number)


def _values(content: str, start: int) -> list[str]:
    """Values of an INSERT from behind its opening parenthesis: in quotes, which are doubled inside, or plain."""
    value = re.compile(r"\s*(?:'((?:[^']|'')*)'|([^',()]*))\s*([,)])")
    found, at = [], start
    while match := value.match(content, at):
        found.append(match[1].replace("''", "'") if match[1] is not None else match[2].strip())
        at = match.end()
        if match[3] == ")":
            break
    return found


def markdown_rows(path: Path, encoding: str) -> Iterator[Row]:
    """Tidy rows of llama-bench's table for people, with the device and the build that stand around it."""
    content = files.whole(path, encoding, MOST_TEXT)
    build = _BUILD.search(content)
    devices = [first for match in _DEVICE.finditer(content) if (first := next(filter(None, match.groups())).strip())]
    header: list[str] = []
    number = 0
    for line in content.splitlines():
        record = [cell.strip() for cell in line.strip().strip("|").split("|")] if "|" in line else []
        if {"test", "t/s"} <= set(record):
            header = record
        elif header and len(record) == len(header) and not set(line) <= set("|-: "):
            number += 1
            yield _markdown_row(dict(zip(header, record, strict=True)), number, devices, build[1] if build else "")


def _markdown_row(cell: Mapping[str, str], number: int, devices: Sequence[str], build: str) -> Row:
    test, speed = _TEST.fullmatch(cell["test"]), re.match(r"[\d.]+", cell["t/s"])
    if test is None or speed is None or not (test["pp"] or test["tg"]):
        return {**tidy(str(number), "", ""), PROBLEM: f"test '{cell['test']}' with {cell['t/s']} t/s is not understood"}
    record = {
        "model_type": cell.get("model", ""),
        "model_filename": cell.get("model_filename", ""),  # of llamafile-bench, which names the processor too
        "cpu_info": cell.get("cpu_info", ""),
        "model_n_params": cell.get("params", ""),
        "backends": cell.get("backend", "CPU" if cell.get("cpu_info") else ""),
        "gpu_info": next((cell[key] for key in ("device", "gpu", "hardware") if cell.get(key)), ", ".join(devices)),
        "n_gpu_layers": cell.get("ngl", "-1"),
        "n_threads": cell.get("threads", ""),
        "n_ubatch": cell.get("n_ubatch", ""),
        "n_batch": cell.get("n_batch", ""),
        "type_k": cell.get("type_k", "f16"),
        "type_v": cell.get("type_v", "f16"),
        "flash_attn": cell.get("fa", ""),
        "split_mode": cell.get("sm", "layer"),
        "tensor_buft_overrides": cell.get("ot", ""),
        "no_kv_offload": cell.get("nkvo", "0"),
        "n_cpu_moe": cell.get("n_cpu_moe", "0"),
        "build_number": build,
        "n_prompt": test["pp"] or "0",
        "n_gen": test["tg"] or "0",
        "n_depth": test["depth"] or "0",
        "avg_ts": speed[0],
    }
    return _row(record, number)


def _row(record: Mapping[str, str], number: int) -> Row:
    """A test by our columns, with PROBLEM where its layout is one that has no forecast."""
    counts = [finite(record.get(key) or 0) for key in ("n_prompt", "n_gen", "n_depth")]
    prompt, generated, depth = (-1.0 if count is None else count for count in counts)
    speed = positive(record.get("avg_ts"))
    test = "+".join(f"{name}{n:g}" for name, n in (("pp", prompt), ("tg", generated)) if n)
    test += f"@d{depth:g}" if depth else ""
    if min(prompt, generated, depth) < 0 or not (prompt or generated) or speed is None:
        numbers = ", ".join(f"{key} {record.get(key)!r:.40}" for key in ("n_prompt", "n_gen", "n_depth", "avg_ts"))
        return {**tidy(str(number), "", ""), PROBLEM: f"a test without its numbers: {numbers}"}
    engine, hardware = _device(record)
    file, kind = record.get("model_filename", ""), record.get("model_type", "")
    stem = re.sub(r"(-\d{5}-of-\d{5})?\.gguf$", "", re.split(r"[/\\]", file)[-1], flags=re.IGNORECASE)
    metric, value = ("prefill_tok_s", speed) if prompt else ("decode_tok_s", speed)
    if prompt and generated:
        metric, value = "e2e_s", (prompt + generated) / speed
        generated += 1  # all generated tokens are steps of their own; elsewhere the first one comes with the prompt
    parameters = by_parameters.stated(record.get("model_n_params", ""))
    row = tidy(
        f"{number}_{test}", metric, value, hardware=hardware, engine=engine, batch=1,
        model=by_parameters.model([stem, _QUANTIZED.sub("", kind)], parameters),
        weight_format=weight_format(kind) or split_format(stem)[1],
        prompt_tokens=prompt, output_tokens=generated, ctx_depth=depth, kv_dtype=_cache(record),
        ubatch=_ubatch(record), threads=record.get("n_threads") if engine == "llama.cpp CPU" else None,
        date=_date(record), flash_attention=_flash(record), gpu_layers=_layers(record, engine), note=f"{test} {kind}",
    )  # fmt: skip
    apart = _apart(record)
    return {**row, PROBLEM: apart} if apart else row


def weight_format(kind: str) -> str:
    """Our name of the file type at the end of llama.cpp's name of a model, such as `llama 8B Q4_K - Medium`."""
    match = _QUANTIZED.search(f" {kind}")
    if match is None:
        return ""
    name = match[1].lower()
    if (match[2] or "").lower() == "mix":
        name = _MIXES.get(name, name)
    return f"{name}_{match[3][0].lower()}" if match[3] else name


def _device(record: Mapping[str, str]) -> tuple[str, str]:
    """The engine's name and the device that computed."""
    backends = [part.strip() for part in record.get("backends", "").split(",") if part.strip()]
    backends += [name for flag, name in FLAGS.items() if record.get(flag) in ("1", "true")]
    backend = next((ours for name, ours in BACKENDS.items() if name in backends), "")
    if not backends and "backends" not in record:
        backend = "CPU"
    on_cpu = backend == "CPU"
    names = [name.strip() for name in record.get("gpu_info", "").split(",") if name.strip()]
    cpu = record.get("cpu_info", "").strip()
    return f"llama.cpp {backend}".strip(), cpu if on_cpu else names[0] if names else ""


def _apart(record: Mapping[str, str]) -> str:
    """Why a test's layout has no forecast; empty if it has one."""
    devices = [name for name in record.get("gpu_info", "").split(",") if name.strip()]
    split = record.get("split_mode", "layer")
    chosen = [name for name in record.get("devices", "auto").split("/") if name.strip()]
    several = len(devices) > 1 and split != "none" and (len(chosen) > 1 or chosen in ([], ["auto"]))
    reasons = {
        f"{len(devices)} devices with split_mode {split}": several,
        "experts on the CPU (n_cpu_moe)": (positive(record.get("n_cpu_moe")) or 0) > 0,
        "a cache beside the GPU (no_kv_offload)": record.get("no_kv_offload") in ("1", "true"),
        "tensors moved to other memory (override-tensor)": record.get("tensor_buft_overrides", "none")
        not in ("", "none"),
        "devices of other machines (RPC)": "RPC" in record.get("backends", ""),
        "embeddings": record.get("embeddings") in ("1", "true"),
    }
    return next((f"{reason}: not forecast" for reason, holds in reasons.items() if holds), "")


def _layers(record: Mapping[str, str], engine: str) -> str | None:
    """Layers on the GPU, where a GPU could hold fewer than all; all of them is -1."""
    layers = record.get("n_gpu_layers", "")
    return None if engine == "llama.cpp CPU" or layers in ("", "-1") else layers


def _ubatch(record: Mapping[str, str]) -> str | None:
    """Tokens computed at once: no more than are submitted at once."""
    sizes = [size for key in ("n_ubatch", "n_batch") if (size := positive(record.get(key)))]
    return f"{min(sizes):g}" if sizes and record.get("n_ubatch") else None


def _cache(record: Mapping[str, str]) -> str:
    """The type of the cache; f16 of both is llama.cpp's own."""
    types = [record.get(key, "f16").lower() or "f16" for key in ("type_k", "type_v")]
    if record.get("f16_kv") in ("0", "false"):
        types = ["f32", "f32"]
    return types[0] if types[0] == types[1] else "/".join(types)


def _flash(record: Mapping[str, str]) -> str | None:
    """1 with flash attention, 0 without, None where llama.cpp chose."""
    return {"1": "1", "true": "1", "on": "1", "0": "0", "false": "0", "off": "0"}.get(
        record.get("flash_attn", "").lower()
    )


def _date(record: Mapping[str, str]) -> str:
    """When the build was made: the month of its number, else the day of the test."""
    build = positive(record.get("build_number"))
    months = [month for number, month in BUILDS if build and number <= build]
    day = record.get("test_time", "")[:10]
    return months[-1] if months else day if re.fullmatch(r"\d{4}-\d\d-\d\d", day) else ""
