"""What every reader shares: the columns of a tidy row, words that fill them, limits, numbers out of JSON."""

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from life_jax.config import names
from life_jax.config.schema.errors import ConfigError
from life_jax.config.weight_format_names import split_format

NAMES = ("id", "hardware", "model", "weight_format", "engine", "batch")
COLUMNS = (*NAMES, "prompt_tokens", "output_tokens", "metric", "value")
OPTIONAL = (
    "canonical", "kv_dtype", "tp", "ctx_depth", "ubatch", "threads", "regime", "date", "note", "source", "core",
    "flash_attention", "gpu_layers", "concurrency", "request_rate", "requests", "burst", "prompt_cv", "output_cv",
    "statistic",
)  # fmt: skip
PROBLEM = "problem"  # a cell of a row that holds why the row is not read

MOST_ROWS = 10_000_000  # of one table
MOST_LINE = 2**20  # characters
MOST_CELL = 100_000  # characters
MOST_JSON = 32 * 2**20  # bytes of a JSON document, which is held in memory as a whole
MOST_TEXT = 4 * 2**20  # bytes of a terminal's output

Row = dict[str, str]
# a word of the command line -> the column that it fills; those of REPLACED hold for every row, whatever a file says
# (under which engine a row is forecast is said to the forecast; its own name stays that of its cell)
WORDS = {
    "hw": "hardware", "model": "model", "engine": "engine", "opt": "weight_format", "batch": "batch",
    "prompt": "prompt_tokens", "output": "output_tokens", "tp": "tp", "concurrency": "concurrency",
    "rate": "request_rate",
}  # fmt: skip
NUMBERS = ("batch", "prompt", "output", "tp", "concurrency", "rate")  # words that are numbers
REPLACED = ("hw", "model", "opt")
SERVERS = ("vLLM", "SGLang", "TensorRT-LLM", "LMDeploy", "transformers")  # which run a hub's checkpoint as it is
NEEDED = {"hardware": "hw=NAME", "model": "model=NAME", "engine": "engine=NAME", "weight_format": "opt=FORMAT"}


@dataclass(frozen=True)
class Format:
    """A kind of file. name: as its users call it. is_table: its own columns name device, model, format and engine."""

    name: str
    is_table: bool = False


def filled(
    rows: Iterable[Row], words: Mapping[str, str], form: Format, where: str, assumed: Mapping[str, str]
) -> Iterator[Row]:
    """Rows with what the words of the command line say.

    Args:
        rows: of one file.
        words: values by word of WORDS.
        form: of the file; one that is no table names what it lacks and ends the reading.
        where: the file, for errors.
        assumed: cells by column, for rows of a tool's file that lack them.
    """
    replaced = {WORDS[word]: value for word, value in words.items() if word in REPLACED}
    others = {WORDS[word]: value for word, value in words.items() if word not in REPLACED}
    for row in rows:
        for column, value in others.items():
            if not row.get(column):
                row[column] = value
        row.update(replaced)
        for column, value in assumed.items() if not form.is_table else ():
            row[column] = row.get(column) or value
        if not form.is_table and not row.get("weight_format"):  # of a name that the command line gave
            carried = split_format(row.get("model", ""))[1]
            row["weight_format"] = stored_as(row["model"]) if row.get("engine") in SERVERS else carried
        if "hardware" in replaced:
            row["canonical"] = ""
        if not form.is_table and PROBLEM not in row:
            missing = [word for column, word in NEEDED.items() if not row.get(column)]
            missing += [f"{word}=N" for word in others_missing(row)]
            if missing:
                raise ConfigError(
                    f"{where}: {form.name} does not say all that a forecast needs: give {' '.join(missing)}"
                )
        yield row


def others_missing(row: Row) -> list[str]:
    """Words for numbers that the metric needs and the row lacks."""
    wanted = {"ttft_s": ("batch", "prompt"), "e2e_s": ("batch", "prompt", "output"), "tpot_s": ("batch", "output")}
    if row.get("regime") == "serving":
        missing = [word for word in ("prompt", "output") if not row.get(WORDS[word])]
        return missing if row.get("concurrency") or row.get("request_rate") else [*missing, "concurrency"]
    return [word for word in wanted.get(row["metric"], ()) if not row.get(WORDS[word])]


def tidy(identity: str, metric: str, value: float | str, **cells: Any) -> Row:
    """A tidy row; a cell that is None or absent stays empty."""
    row = dict.fromkeys(COLUMNS, "") | {"id": identity, "metric": metric, "value": text(value)}
    return row | {column: text(cell) for column, cell in cells.items() if cell is not None}


def text(value: Any) -> str:
    """A JSON value as a cell of a table; a list or an object has none."""
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, float):
        return f"{value:.12g}"
    return value.strip()[:MOST_CELL] if isinstance(value, str) else str(value) if isinstance(value, int) else ""


def positive(value: Any) -> float | None:
    """A positive finite number, else None."""
    number = finite(value)
    return number if number is not None and number > 0 else None


def finite(value: Any) -> float | None:
    """A number, or text that is one as programs write it; None for all else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def inside(value: Any, *keys: str) -> Any:
    """What stands under keys of nested objects, None where one of them is missing."""
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def first(*values: Any) -> Any:
    """The first value that is there."""
    return next((value for value in values if value not in (None, "", [])), None)


def per(total: Any, count: Any) -> float | None:
    """A mean, None where one of its numbers is missing."""
    whole, of = finite(total), positive(count)
    return None if whole is None or of is None else whole / of


# endings of a model's name on a hub that say how its weights are stored, as conf/alias/format.yaml names them
_STORED = (
    (re.compile(pattern, re.IGNORECASE), name)
    for pattern, name in (
        (r"nvfp4|fp4\b", "nvfp4"), (r"mxfp4", "mxfp4"), (r"fp8", "fp8"), (r"awq", "awq"), (r"gptq", "gptq"),
        (r"w4a16", "w4a16"), (r"w8a8", "w8a8"), (r"\b4-?bit", "4bit"), (r"\b8-?bit", "8bit"),
        (r"\bbf16", "bf16"), (r"\bfp16|\bf16", "fp16"),
    )
)  # fmt: skip
_STORED_AS = tuple(_STORED)
_OTHERWISE = re.compile(r"gguf|bnb|exl\d|hqq|aqlm|int\d|\dbit|w\da\d|quant|bitnet|q\d_", re.IGNORECASE)


def stored_as(model: str) -> str:
    """The weight format that a hub's name of a model carries; bf16 (the checkpoint's own) where it carries none, and
    nothing where it carries one that is not known here."""
    base = model.rsplit("/", 1)[-1]
    known = next((name for pattern, name in _STORED_AS if pattern.search(base)), None)
    return known or ("" if not base or _OTHERWISE.search(base) else "bf16")


def served(
    identity: str,
    *,
    model: str,
    engine: str,
    concurrency: float | None,
    rate: float | None,
    prompt: float | None,
    output: float | None,
    times: Mapping[str, float | None],
    under_load: Mapping[str, float | None],
    requests: float | None = None,
    **cells: Any,
) -> list[Row]:
    """Rows of a benchmark of a server.

    Args:
        identity: beginning of the rows' ids.
        model: a hub's name.
        engine: its name, empty where the file does not say.
        concurrency: most requests at once, None where there was no limit.
        rate: requests a second, None where they were sent as soon as the concurrency let them.
        prompt, output: mean tokens of a request.
        times: metric -> seconds, of one request at a time.
        under_load: metric -> seconds, or rate a second, of requests beside others.
        requests: of the whole benchmark.
        cells: further columns.

    Only one request at a time is a single stream; anything else is serving under load. What a server whose requests
    arrive at a rate gives back in a second says nothing.
    """
    of = {"model": model, "engine": engine, "prompt_tokens": prompt, "output_tokens": output}
    of |= {"weight_format": stored_as(model), **cells}
    if concurrency == 1:
        of = {key: value for key, value in of.items() if key not in ("burst", "prompt_cv", "output_cv")}
        of |= {"batch": 1, "regime": "single_stream"}
        return [tidy(f"{identity}{name}", name, x, **of) for name, x in times.items() if x is not None]
    concurrency = concurrency or (None if rate else requests)  # all of them at once
    of |= {"concurrency": concurrency, "request_rate": rate, "requests": requests, "regime": "serving"}
    return [
        tidy(f"{identity}{name}", name, x, **of)
        for name, x in under_load.items()
        if x is not None and not (rate and name.endswith("_rate"))
    ]


def known_model(names_of_it: Sequence[str]) -> str:
    """The first name that stands for a model that is known, else the first."""
    there = [name for name in names_of_it if name]
    return next((name for name in there if names.model(name)), there[0] if there else "")
