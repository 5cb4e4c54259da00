"""Published measurements: rows of a tidy CSV -> scenarios, and their forecasts, vectorized over the rows."""

import csv
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from life_jax.config import names
from life_jax.config.schema.errors import ConfigError
from life_jax.config.schema.files import DeviceFile
from life_jax.core.scenario import Workload
from life_jax.core.units import UNLIMITED
from life_jax.forecasting.request import Run

_NAMES = ("id", "hardware", "model", "weight_format", "engine", "batch")
COLUMNS = (*_NAMES, "prompt_tokens", "output_tokens", "metric", "value")
LLAMA_BENCH_TOKENS = 128.0  # generated where a row does not say: llama-bench's default
# kv_dtype of a row -> options; E5M2 is fp16 without its last byte, which nothing has to convert
KV_FORMATS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("", "auto", "none", "nan", "f16", "fp16", "float16", "bf16", "bfloat16"), ()),
    **dict.fromkeys(("fp8", "fp8_e4m3", "kv_fp8"), ("kv_fp8",)),
    **dict.fromkeys(("int8", "fp8_e5m2", "kv8"), ("kv8",)),
    **dict.fromkeys(("int4", "kv4"), ("kv4",)),
    **{name: (f"kv_{name}",) for name in ("q8_0", "q4_0", "q4_1", "q5_0", "q5_1")},
    "iq4_nl": ("kv_q4_0",),  # blocks of the same size
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
