"""Published measurements: rows of a tidy CSV -> scenarios, and their forecasts, vectorized over the rows."""

import csv
import dataclasses
import math
import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jax
import numpy as np

from life_jax.config import names
from life_jax.config.build import build, emulates_bf16
from life_jax.config.compose import option, own_quantization
from life_jax.config.schema import paths
from life_jax.config.schema.engine_file import EngineFile
from life_jax.config.schema.errors import ConfigError
from life_jax.config.schema.files import DeviceFile, PrecisionFile, WorkloadFile
from life_jax.config.schema.model_file import ModelFile
from life_jax.config.words import read_yaml
from life_jax.core.scenario import UNLIMITED, UNPUBLISHED, Engine, Scenario, Workload
from life_jax.forecasting.memory import memory
from life_jax.forecasting.request import Run
from life_jax.optimizations import chain

_NAMES = ("id", "hardware", "model", "weight_format", "engine", "batch")
COLUMNS = (*_NAMES, "prompt_tokens", "output_tokens", "metric", "value")
LLAMA_BENCH_TOKENS = 128.0  # generated where a row does not say: llama-bench's default
# kv_dtype of a row -> options; E5M2 is fp16 without its last byte, which nothing has to convert
KV_FORMATS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("", "auto", "none", "nan", "f16", "fp16", "float16", "bf16", "bfloat16"), ()),
    **dict.fromkeys(("fp8", "fp8_e4m3", "kv_fp8"), ("kv_fp8",)),
    **dict.fromkeys(("int8", "q8_0", "fp8_e5m2", "kv8"), ("kv8",)),
    **dict.fromkeys(("int4", "q4_0", "q4_1", "iq4_nl", "kv4"), ("kv4",)),
}
# metric of a row -> kind of error table, and the row's value from (run, workload)
METRICS: dict[str, tuple[str, Callable[[Run, Workload], Any]]] = {
    "ttft_s": ("TTFT", lambda run, w: run.ttft),
    "prefill_tok_s": ("TTFT", lambda run, w: w.batch * w.prompt_tokens / run.ttft),
    "tpot_s": ("TPOT", lambda run, w: run.tpot),
    "decode_tok_s": ("TPOT", lambda run, w: w.batch / run.tpot),
    "e2e_s": ("TOTAL", lambda run, w: run.e2e),
    "total_tok_s": ("TOTAL", lambda run, w: w.batch * (w.prompt_tokens + w.output_tokens) / run.e2e),
    "output_tok_s": ("TOTAL", lambda run, w: w.batch * w.output_tokens / run.e2e),
}


@dataclass(frozen=True)
class Setting:
    """One understood row: labels of our files, options, and numbers of the workload."""

    id: str
    cell: tuple[str, str, str]
    metric: str
    value: float
    hw: str
    model: str
    stack: tuple[str, ...]
    engine: str
    tensor_parallel: float
    batch: float
    prompt_tokens: float
    output_tokens: float
    past_tokens: float
    distinct_tokens: float = UNLIMITED
    cold: bool = False
    half: str | None = None  # of 16-bit math: another type than the engine's own
    threads: float | None = None
    chunk_tokens: float | None = None

    @property
    def kind(self) -> str:
        return METRICS[self.metric][0]

    @property
    def is_rate(self) -> bool:
        """More is faster."""
        return self.metric.endswith("tok_s")

    def ratio(self, forecast: float) -> float:
        """Forecast time over measured time."""
        return self.value / forecast if self.is_rate else forecast / self.value


def seconds(s: Setting) -> float:
    """The measured time: of the prompt, of an output token, or of the request."""
    tokens = {
        "prefill_tok_s": s.batch * s.prompt_tokens,
        "decode_tok_s": s.batch,
        "total_tok_s": s.batch * (s.prompt_tokens + s.output_tokens),
        "output_tok_s": s.batch * s.output_tokens,
    }
    return tokens[s.metric] / s.value if s.is_rate else s.value


def read(path: Path) -> list[dict[str, str]]:
    """The rows of a tidy CSV; refuses a file without the columns that a forecast needs, or with an id twice."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from None
    if not rows:
        raise ConfigError(f"{path}: no rows; a CSV with a header and the columns {', '.join(COLUMNS)} is needed")
    missing = [column for column in COLUMNS if column not in rows[0]]
    if missing:
        raise ConfigError(f"{path}: no column {', '.join(missing)}; needed are {', '.join(COLUMNS)}")
    seen: set[str] = set()
    for row in rows:
        if row["id"] in seen:
            raise ConfigError(f"{path}: the id '{row['id']}' is there twice")
        seen.add(row["id"])
    return rows


def place(row: Mapping[str, str], engine: str | None = None) -> Setting | str:
    """What a row measures in our words, or why that is not known. engine: ours, instead of what the row's is."""
    try:
        return _placed(row, engine)
    except names.NotUnderstood as reason:
        return str(reason)


def _placed(row: Mapping[str, str], under: str | None) -> Setting:
    if row["metric"] not in METRICS:
        raise names.NotUnderstood(f"metric {row['metric']} is not forecast")
    if row.get("regime") == "serving":
        raise names.NotUnderstood("serving under load is not forecast")
    if row.get("core") == "0":
        raise names.NotUnderstood("core is 0: the file itself marks the row as not to be judged")
    hw = names.device(row["hardware"]) or names.device(row.get("canonical") or "")
    model = names.model(row["model"])
    if hw is None:
        raise names.not_known("device", row["hardware"])
    if model is None:
        raise names.not_known("model", row["model"])
    engine, unfused = names.engine(row["engine"], hw, row.get("date") or "")
    engine = under or engine
    stack = names.stack(row["weight_format"], row["model"], row.get("date") or "", engine, hw)
    cache = (row.get("kv_dtype") or "").strip().lower()
    if cache not in KV_FORMATS:
        raise names.NotUnderstood(f"kv_dtype '{cache}' is not known: {', '.join(name for name in KV_FORMATS if name)}")
    stack += KV_FORMATS[cache]
    if unfused:
        stack += ["eager_attention", "fp32_scores"]
    value = _number(row["value"])
    if not value or value < 0:
        raise names.NotUnderstood("no measured value")
    device = row.get("canonical") or row["hardware"]
    return Setting(
        id=row["id"],
        cell=(device, model, row["engine"]),
        metric=row["metric"],
        value=value,
        hw=hw,
        model=model,
        stack=tuple(stack),
        engine=engine,
        tensor_parallel=_number(row.get("tp") or "") or 1.0,
        batch=_number(row["batch"]) or 1.0,
        past_tokens=_number(row.get("ctx_depth") or "") or 0.0,
        threads=_threads(row, hw),
        chunk_tokens=_number(row.get("ubatch") or ""),
        **names.circumstances(row),
        **_tokens(row),
    )


def _tokens(row: Mapping[str, str]) -> dict[str, Any]:
    kind = METRICS[row["metric"]][0]
    prompt, output = _number(row["prompt_tokens"]) or 0.0, _number(row["output_tokens"]) or 0.0
    if kind != "TPOT" and not prompt:
        raise names.NotUnderstood("no prompt_tokens")
    if kind == "TOTAL" and not output:
        raise names.NotUnderstood("no output_tokens")
    if kind == "TPOT":
        # without a prompt the decode rate is over `output` steps (llama-bench); else the first token is prefill's
        output = max(output, 2.0) if prompt else (output or LLAMA_BENCH_TOKENS) + 1
    return {"prompt_tokens": prompt, "output_tokens": max(output, 1.0)}


def _threads(row: Mapping[str, str], hw: str) -> float | None:
    """Threads of a CPU that computed, by their column or by the words of the note (`8 threads`, `1 thread(s)`)."""
    said = re.search(r"\b(\d+) thread", row.get("note") or "")
    threads = _number(row.get("threads") or (said[1] if said else ""))
    return threads if threads and names.file("hw", hw, DeviceFile).cores else None


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


@cache
def scenario(
    hw: str,
    model: str,
    stack: tuple[str, ...],
    engine: str,
    tensor_parallel: float,
    cold: bool = False,
    threads: float | None = None,
    chunk_tokens: float | None = None,
    half: str | None = None,
) -> Scenario:
    """The scenario of a row's labels, at the default workload; cold: of a first call, if the engine's file knows it;
    chunk_tokens: instead of the engine's own; half: of 16-bit math, of an engine that leaves it to a checkpoint."""
    file = dataclasses.replace(names.engine_file(engine), tensor_parallel=tensor_parallel)
    if threads is not None:
        file = dataclasses.replace(file, threads=threads)
    if chunk_tokens is not None:
        file = dataclasses.replace(file, chunk_tokens=chunk_tokens)
    if cold and file.cold_request_ms is not None:
        file = dataclasses.replace(file, request_ms=file.cold_request_ms)
    file = _in_half(file, half)
    device, shape = names.file("hw", hw, DeviceFile), names.file("model", model, ModelFile)
    options = (option(name, read_yaml(paths.choices("opt")[name])) for name in stack)
    return build(
        model=shape,
        device=device,
        stack=chain(*options),
        workload=WorkloadFile(),
        precision=PrecisionFile(),
        engine=file,
        labels={"model": model, "hw": hw},
        own=own_quantization(shape),
        efficiency=names.efficiency(hw) if file.efficiency == "class" else None,
    ).scenario


def _in_half(file: EngineFile, half: str | None) -> EngineFile:
    """The engine with 16-bit math of that type, if it leaves it to the checkpoint: if it would be bf16."""
    if half is None or "bf16" not in file.half_units[:1]:
        return file
    return dataclasses.replace(file, half_units=[half], attention_units=[half])


def emulates(s: Setting) -> bool:
    """Whether the row was measured in bf16 on a device that has no units for it."""
    file = _in_half(names.engine_file(s.engine), s.half)
    return emulates_bf16(file.half_units, names.file("hw", s.hw, DeviceFile))


Groups = list[tuple[np.ndarray, Scenario]]


def scenarios(settings: Sequence[Setting], engine: str | None = None) -> Groups:
    """Rows of one structure together: (their indices, one scenario whose leaves are arrays over them).

    engine: instead of each row's own.
    """
    groups: dict[Any, list[int]] = defaultdict(list)
    built: list[Scenario] = []
    for index, s in enumerate(settings):
        name = engine or s.engine
        told = s.tensor_parallel, s.cold, s.threads, _chunk(s, names.engine_file(name).chunk_tokens), s.half
        one = scenario(s.hw, s.model, s.stack, name, *told)
        built.append(one)
        groups[jax.tree.structure(one)].append(index)
    found = []
    for rows in groups.values():
        stacked = jax.tree.map(lambda *leaves: np.array(leaves), *(built[i] for i in rows))
        # what rows do not say (images) is as a workload has it by default
        said = [f.name for f in dataclasses.fields(Workload) if f.name in Setting.__dataclass_fields__]
        numbers = {name: np.array([getattr(settings[i], name) for i in rows]) for name in said}
        found.append((np.array(rows), dataclasses.replace(stacked, workload=Workload(**numbers))))
    return found


def _chunk(s: Setting, own: float | None) -> float | None:
    """Tokens that are prefilled at once, if the engine chunks at all."""
    return None if own is None else s.chunk_tokens or own


def forecasts(
    settings: Sequence[Setting], engine: str | None = None, change: Callable[[Engine], Engine] = lambda engine: engine
) -> np.ndarray:
    """Forecast of every row in the row's own unit; float64, NaN where nothing can be said.

    The formulas run on arrays over the rows: no compilation, however many structures there are.
    change: applied to every engine, for baselines.
    """
    found = np.full(len(settings), np.nan)
    with np.errstate(all="ignore"):
        for rows, group in scenarios(settings, engine):
            one = dataclasses.replace(group, engine=change(group.engine))
            run = Run(one)
            for metric in {settings[i].metric for i in rows}:
                values = np.broadcast_to(METRICS[metric][1](run, one.workload), len(rows))
                mine = np.array([settings[i].metric == metric for i in rows])
                found[rows[mine]] = values[mine]
    return np.where(np.isfinite(found) & (found > 0) & (found < UNPUBLISHED), found, np.nan)


def fits(settings: Sequence[Setting]) -> np.ndarray:
    """Whether the devices of a row can hold its model, its cache and its activations at once [bool]."""
    found = np.ones(len(settings), bool)
    with np.errstate(all="ignore"):
        for rows, group in scenarios(settings, "ideal"):
            found[rows] = np.broadcast_to(memory(group).fits, len(rows))
    return found
