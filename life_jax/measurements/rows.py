"""A tidy row of measurements -> what it measures in our words, and the QUANTITIES that are forecast."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from life_jax.config import conf_files, names
from life_jax.config.engine_names import engine_of_row
from life_jax.config.schema.device_file import DeviceFile
from life_jax.config.schema.errors import ConfigError
from life_jax.config.schema.model_file import ModelFile
from life_jax.config.weight_format_names import WEIGHTS_ALONE
from life_jax.core.scenario import Workload
from life_jax.core.units import UNLIMITED
from life_jax.forecasting.request import Run
from life_jax.measurements import cells, loads
from life_jax.measurements.readers import index
from life_jax.measurements.readers.base import COLUMNS, PROBLEM
from life_jax.measurements.row_numbers import NotUnderstood, at_least_1, number, positive
from life_jax.measurements.sources import circumstances

__all__ = ["COLUMNS", "KV_FORMATS", "QUANTITIES", "Setting", "place", "read", "seconds"]
FORMULA = re.compile(r"[=@\t\r]|[+-](?![\d.]*$)")
LLAMA_BENCH_TOKENS = 128.0  # generated where a row does not say: llama-bench's default
# kv_dtype of a row -> options; E5M2 is fp16 without its last byte, which nothing has to convert
KV_FORMATS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("", "auto", "none", "nan", "f16", "fp16", "float16", "bf16", "bfloat16"), ()),
    **dict.fromkeys(("fp8", "fp8_e4m3", "kv_fp8"), ("kv_fp8",)),
    **dict.fromkeys(("int8", "q8", "fp8_e5m2", "kv8"), ("kv8",)),
    **dict.fromkeys(("int4", "q4", "kv4"), ("kv4",)),
    # llama.cpp's own types, which hold scales besides
    **{name: (f"kv_{name}",) for name in ("q8_0", "q4_0", "q4_1", "q5_0", "q5_1")},
    "iq4_nl": ("kv_q4_0",),  # blocks of the same size
}
# kind of time that a row measures -> the forecast metric that it is, which spreads (NAME_spread) go by
MEASURED_TIMES = {"TTFT": "ttft", "TPOT": "tpot", "TOTAL": "e2e"}
# column `metric` of a row -> kind of time, and the row's value from (run, workload)
QUANTITIES: dict[str, tuple[str, Callable[[Run, Workload], Any]]] = {
    "ttft_s": ("TTFT", lambda run, w: run.ttft),
    "prefill_tok_s": ("TTFT", lambda run, w: w.batch * w.prompt_tokens / run.ttft),
    "tpot_s": ("TPOT", lambda run, w: run.tpot),
    "decode_tok_s": ("TPOT", lambda run, w: w.batch / run.tpot),
    "e2e_s": ("TOTAL", lambda run, w: run.e2e),
    "total_tok_s": ("TOTAL", lambda run, w: w.batch * (w.prompt_tokens + w.output_tokens) / run.e2e),
    "output_tok_s": ("TOTAL", lambda run, w: w.batch * w.output_tokens / run.e2e),
    **loads.QUANTITIES,
}
KINDS = (*MEASURED_TIMES, *loads.KINDS)


@dataclass(frozen=True)
class Setting:
    """An understood row: labels of our files, options, and numbers of the workload.

    cell: (device, model, engine) that errors are averaged over. value: in the unit of the metric [s, s-1, token s-1].
    half: type of 16-bit math, where it is another than the engine's own; graph_tokens: of a compiled
    program. load: of requests that run beside others.
    date: of the measurement, such as 2025-06-11, empty where the row does not say it.
    """

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
    half: str | None = None
    threads: float | None = None
    chunk_tokens: float | None = None
    graph_tokens: float | None = None
    load: loads.Served | None = None
    date: str = ""

    @property
    def kind(self) -> str:
        """Kind of time that it measures, one of KINDS."""
        return QUANTITIES[self.metric][0]

    @property
    def is_rate(self) -> bool:
        """Whether the value is a rate, of which more is faster."""
        return self.metric.endswith(("tok_s", "_rate"))

    def ratio(self, forecast: float) -> float:
        """Forecast time over measured time [1], of a forecast in the row's own unit."""
        return self.value / forecast if self.is_rate else forecast / self.value


def seconds(s: Setting) -> float:
    """The measured time [s]: of the prompt, of an output token, of the request; under load between two of a rate."""
    tokens = {
        "prefill_tok_s": s.batch * s.prompt_tokens,
        "decode_tok_s": s.batch,
        "total_tok_s": s.batch * (s.prompt_tokens + s.output_tokens),
        "output_tok_s": s.batch * s.output_tokens,
    }
    return tokens.get(s.metric, 1.0) / s.value if s.is_rate else s.value


def read(path: Path, words: Mapping[str, str] | None = None) -> list[dict[str, str]]:
    """The rows of a file of measurements that life_jax.measurements.readers knows; words: of the command line.

    Raises ConfigError for a file that no reader knows, or that lacks what a forecast needs.
    """
    return list(index.rows(path, words))


def place(row: Mapping[str, str], engine: str | None = None) -> Setting | str:
    """What a row measures in our labels, or the reason why that is not known.

    engine: a label of ours that stands in for the row's own engine.
    """
    try:
        return _placed(row, engine)
    except (NotUnderstood, ConfigError) as reason:
        return str(reason)
    except (OSError, RuntimeError) as error:  # a name that is taken for a path, of another user or of any length
        return f"a name cannot be read: {str(error)[:80]}"


def _placed(row: Mapping[str, str], under: str | None) -> Setting:
    if row.get(PROBLEM):
        raise NotUnderstood(row[PROBLEM])
    if FORMULA.match(row["id"]):  # ids are written into a CSV again
        raise NotUnderstood("its id begins as a formula does, which a spreadsheet would compute")
    load = loads.load_of(row)
    row = row if load is None else {**row, "metric": loads.metric_of(row)}
    if row["metric"] not in QUANTITIES or (row["metric"] not in loads.QUANTITIES and load is not None):
        raise NotUnderstood(f"metric {row['metric']} is not forecast" + (" under load" if load else ""))
    if row["metric"] in loads.QUANTITIES and load is None:
        raise NotUnderstood(f"metric {row['metric']} is of requests under load: concurrency or rate is missing")
    if row.get("core") == "0":
        raise NotUnderstood("core is 0: the file itself marks the row as not to be judged")
    hw = names.device(row["hardware"]) or names.device(row.get("canonical") or "")
    model = names.model(row["model"])
    if hw is None:
        raise NotUnderstood(_reason("hw", row["hardware"]))
    if model is None:
        raise NotUnderstood(_reason("model", row["model"]))
    engine, unfused = engine_of_row(row["engine"], hw, row.get("date") or "")
    engine = under or engine
    if row.get("flash_attention"):
        unfused = _flag(row["flash_attention"])
    _refuse_part_on_host(row, model)
    stack = _weights(row, engine, hw)
    stack += _cache_options(row)
    if unfused:
        stack += ["eager_attention", "fp32_scores"]
    value = positive(row, "value")
    if value is None:
        raise NotUnderstood("no measured value")
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
        tensor_parallel=at_least_1(row, "tp") or 1.0,
        batch=(at_least_1(row, "batch") or 1.0) if load is None else 1.0,
        threads=_threads(row, hw),
        chunk_tokens=at_least_1(row, "ubatch"),
        load=load,
        date=row.get("date") or "",
        **{"past_tokens": number(row, "ctx_depth") or 0.0} | circumstances(row),
        **_tokens(row),
    )


@cache
def _reason(group: str, name: str, kind: str = "") -> str:
    """Why a name is not understood; a file may have the same one ten thousand times."""
    return str(names.refusal(group, name, kind=kind))


def _weights(row: Mapping[str, str], engine: str, hw: str) -> list[str]:
    """Options that the row's weight format stands for; without units for 8-bit math the weights are widened to 16."""
    options = names.weight_format(row["weight_format"], engine, row["model"], row.get("date") or "")
    if options is None:
        raise NotUnderstood(_reason("opt", row["weight_format"], "weight format"))
    has_units = "fp8" in conf_files.file("hw", hw, DeviceFile).peak_tflops
    return [option if has_units else WEIGHTS_ALONE.get(option, option) for option in options]


def _cache_options(row: Mapping[str, str]) -> list[str]:
    """Options of the type that the cache has; two equal ones, of keys and values, are one."""
    cache = (row.get("kv_dtype") or "").strip().lower()
    keys, _, values = cache.partition("/")
    cache = keys if keys == values else cache
    if cache not in KV_FORMATS:
        raise NotUnderstood(f"kv_dtype '{cache}' is not known: {', '.join(name for name in KV_FORMATS if name)}")
    return list(KV_FORMATS[cache])


def _flag(text: str) -> bool:
    """Whether flash attention is off, by what a row says of it."""
    flags = {**dict.fromkeys(("1", "true", "yes", "on"), False), **dict.fromkeys(("0", "false", "no", "off"), True)}
    if text.strip().lower() not in flags:
        raise NotUnderstood(f"flash_attention '{text:.40}' is neither 0 nor 1")
    return flags[text.strip().lower()]


def _refuse_part_on_host(row: Mapping[str, str], model: str) -> None:
    """llama.cpp counts the head as one layer more; a model that is partly on the host has no forecast."""
    on_gpu = number(row, "gpu_layers")
    if on_gpu is not None and on_gpu <= (layers := conf_files.file("model", model, ModelFile).num_hidden_layers):
        raise NotUnderstood(f"{on_gpu:g} of {layers:g} layers and the head on the GPU: a part is not forecast")


def _tokens(row: Mapping[str, str]) -> dict[str, Any]:
    kind = QUANTITIES[row["metric"]][0]
    prompt = number(row, "prompt_tokens") or 0.0
    if kind == "TTFT":  # whatever is generated afterwards
        output = 1.0 if cells.is_empty(row.get("output_tokens") or "") else number(row, "output_tokens") or 0.0
    else:
        output = positive(row, "output_tokens") or 0.0
    if kind != "TPOT" and not prompt:
        raise NotUnderstood("no prompt_tokens")
    if (kind == "TOTAL" or kind in loads.KINDS) and not output:
        raise NotUnderstood("no output_tokens")
    if kind == "TPOT":
        # without a prompt the decode rate is over `output` steps (llama-bench); else the first token is prefill's
        output = max(output, 2.0) if prompt else (output or LLAMA_BENCH_TOKENS) + 1
    return {"prompt_tokens": prompt, "output_tokens": max(output, 1.0)}


def _threads(row: Mapping[str, str], hw: str) -> float | None:
    """Threads of a CPU that computed, by their column or by the words of the note (`8 threads`, `1 thread(s)`)."""
    if not conf_files.file("hw", hw, DeviceFile).cores:
        return None
    if row.get("threads"):
        return at_least_1(row, "threads")
    match = re.search(r"\b(\d{1,6}) thread", row.get("note") or "")
    return (float(match[1]) or None) if match else None
