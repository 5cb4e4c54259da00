"""Tables of text: separated by commas, semicolons or tabs, as programs, spreadsheets and other locales write them.

Columns go by the names of COLUMNS and OPTIONAL, in any capitals, with spaces or dashes, with a unit behind (`Value
[ms]`), or by what else people call them.
"""

import csv
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from life_jax.config.schema.errors import ConfigError
from life_jax.measurements import cells
from life_jax.measurements.readers import files, wide_tables
from life_jax.measurements.readers.base import (
    COLUMNS,
    MOST_CELL,
    MOST_ROWS,
    OPTIONAL,
    PROBLEM,
    WORDS,
    Format,
    Row,
)  # fmt: skip

FORMAT = Format("a table", is_table=True)
SNIFFED = 200  # rows that tell how the file writes decimals
SEPARATORS = (",", ";", "\t", "|")
ALIASES = {
    "hardware": ("device", "gpu", "hw", "accelerator", "chip", "device_name", "gpu_name"),
    "model": ("model_name", "model_id", "llm"),
    "weight_format": ("quantization", "quant", "weights", "weight_dtype", "precision", "dtype", "weight_type", "opt"),
    "engine": ("framework", "backend", "runtime", "software"),
    "batch": ("batch_size", "bs"),
    "prompt_tokens": ("input_tokens", "prompt_length", "prompt_len", "input_len", "input_length", "isl", "prompt"),
    "output_tokens": ("generated_tokens", "output_len", "output_length", "osl", "n_out", "output"),
    "metric": ("measure", "quantity"),
    "value": ("measured", "measurement", "result"),
    "kv_dtype": ("kv_cache_dtype", "kv_type", "kv_cache", "cache_dtype"),
    "tp": ("tensor_parallel", "tp_size", "tensor_parallel_size"),
    "ctx_depth": ("depth", "context_depth", "n_depth", "past_tokens"),
    "ubatch": ("n_ubatch", "ubatch_size"),
    "threads": ("n_threads", "num_threads"),
    "flash_attention": ("flash_attn", "fa"),
    "concurrency": ("max_concurrency", "num_users", "users", "streams"),
    "request_rate": ("rate_rps", "qps", "rps"),
    "requests": ("num_requests", "num_prompts"),
    "id": ("row", "nr", "no"),
}
# metric as people write it -> ours and the unit that its name carries
_TIMES = {
    "ttft_s": ("ttft", "time_to_first_token", "first_token_latency", "prefill_time", "prompt_eval_time"),
    "tpot_s": ("tpot", "time_per_output_token", "itl", "inter_token_latency", "decode_time_per_token"),
    "e2e_s": ("e2e", "e2el", "e2e_latency", "total_latency", "request_latency", "total_time"),
}
_RATES = {
    "prefill_tok_s": ("prefill", "pp", "prompt_processing", "prompt_eval_rate", "prefill_throughput", "prompt_tps"),
    "decode_tok_s": (
        "decode",
        "tg",
        "generation",
        "eval_rate",
        "decode_throughput",
        "generation_tps",
        "token_generation",
    ),
    "output_tok_s": ("output_throughput",),
    "total_tok_s": ("total_throughput", "total_token_throughput"),
}
_METRICS = {alias: (ours, "") for table in (_TIMES, _RATES) for ours, aliases in table.items() for alias in aliases}
_METRICS |= {
    f"{alias}_{unit}": (ours, unit)
    for ours, aliases in _TIMES.items()
    for alias in (*aliases, ours.removesuffix("_s"))
    for unit in ("s", "ms", "us")
}
_METRICS |= {
    f"{alias}_{unit}": (ours, "tok/s")
    for ours, aliases in _RATES.items()
    for alias in (*aliases, ours.removesuffix("_tok_s"))
    for unit in (
        "tps",
        "t_s",
        "tok_s",
        "toks_s",
        "tokens_s",
        "tok_sec",
        "tokens_sec",
        "tokens_per_s",
        "tokens_per_second",
    )
}
_STATISTICS = {"mean": ("mean", "avg"), "p50": ("median", "p50"), "p90": ("p90",), "p99": ("p99",)}
_METRICS |= {
    f"{spelled}{unit and '_' + unit}": (f"{time}_{p}", unit)
    for time in ("ttft", "tpot")
    for p, words in _STATISTICS.items()
    for word in words
    for spelled in (f"{time}_{word}", f"{word}_{time}")
    for unit in ("", "s", "ms", "us")
}
_METRICS |= {name: (name, "") for name in ("request_rate", "output_rate", "total_rate", "e2e_mean", "itl_p99")}
_METRICS |= {"request_throughput": ("request_rate", "")}
_SAY_A_RATE = ("pp", "tg", "prompt_eval_rate", "eval_rate", "prefill_throughput", "decode_throughput", "prompt_tps",
               "generation_tps", "output_throughput", "total_throughput", "total_token_throughput", "request_rate",
               "output_rate", "total_rate", "request_throughput")  # fmt: skip
_BEHIND = re.compile(r"^(.*?)\s*[\[(]\s*([^\])]*?)\s*[\])]\s*$")


def rows(path: Path, encoding: str, words: Mapping[str, str]) -> Iterator[Row]:
    """Rows of text by our own column names, numbers in plain notation; PROBLEM where a row cannot be read.

    Args:
        path, encoding: of the file.
        words: of the command line; what they fill needs no column.

    Raises:
        ConfigError: no rows, a column missing or twice, an id twice, too many rows or too long a cell.
    """
    table = _records(path, encoding)
    header = next(table, None)
    if header is None:
        raise ConfigError(f"{path}: no rows; a CSV with a header and the columns {', '.join(COLUMNS)} is needed")
    named, unit = columns(header, path)
    header, table = wide_tables.lengthened(header, table, named, _is_metric)
    named, unit = columns(header, path)
    filled = {WORDS[word] for word in words}
    optional = (
        ("id", "batch") if {"concurrency", "request_rate"} & {*named, *filled} else ("id",)
    )  # requests make the batch
    missing = [column for column in COLUMNS if column not in named and column not in filled and column not in optional]
    if missing:
        hints = [f"{word}=" for word, column in WORDS.items() if column in missing]
        raise ConfigError(
            f"{path}: no column {', '.join(missing)}; needed are {', '.join(COLUMNS)}"
            + (f"; {' '.join(hints)} on the command line hold for every row" if hints else "")
        )
    start = list(itertools.islice(table, SNIFFED))
    if not start:
        raise ConfigError(f"{path}: no rows below the header")
    at = [named.index(column) for column in cells.NUMBERS if column in named]
    decimal = cells.decimal_mark(record[i] for record in start for i in at if i < len(record))
    seen: set[int] = set()
    for number, record in enumerate(itertools.chain(start, table), 1):
        if number > MOST_ROWS:
            raise ConfigError(f"{path}: more than {MOST_ROWS:,} rows; split the file")
        if record == header:  # files put together
            continue
        row = _row(named, record, str(number))
        if hash(row["id"]) in seen:
            raise ConfigError(f"{path}: the id '{row['id']}' is there twice")
        seen.add(hash(row["id"]))
        yield _read(row, unit, decimal)


def columns(header: Sequence[str], path: Path) -> tuple[list[str], dict[str, str]]:
    """Our name of every column ("" for what is not read), and the unit that a header carries."""
    plain, unit = [], {}
    for cell in header:
        behind = _BEHIND.match(cell.strip())
        name = _plain(behind[1] if behind else cell)
        plain.append(name)
        if behind:
            unit[name] = behind[2]
    known = (*COLUMNS, *OPTIONAL)
    named = [name if name in known else "" for name in plain]
    for column, aliases in ALIASES.items():
        if column not in named:
            there = [i for alias in aliases for i, name in enumerate(plain) if name == alias and not named[i]]
            if there:
                named[there[0]] = column
    for column in known:
        if named.count(column) > 1:
            raise ConfigError(f"{path}: the column {column} is there twice")
    value_in = re.fullmatch(r"value_(\w+)", next((name for name in plain if name.startswith("value_")), ""))
    if "value" not in named and value_in:
        named[plain.index(value_in[0])] = "value"
        unit["value"] = {"tok_s": "tok/s", "t_s": "tok/s"}.get(value_in[1], value_in[1])
    return named, {named[i]: unit[name] for i, name in enumerate(plain) if name in unit and named[i]} | {
        name: text for name, text in unit.items() if name == "value"
    }


def _plain(name: str) -> str:
    return re.sub(r"[\s\-/.]+", "_", name.strip().strip("\"'").lower()).strip("_")


def _records(path: Path, encoding: str) -> Iterator[list[str]]:
    """The filled lines of a table, cell by cell, without comments above it."""
    lines = (line for line in files.lines(path, encoding))
    first = next((line for line in lines if line.strip() and not line.startswith("#")), None)
    if first is None:
        return
    first = first.removeprefix("\ufeff")
    declared = re.fullmatch(r"\"?sep=(.)\"?", first.strip(" \r\n"), re.IGNORECASE)  # Excel's own first line
    if declared:
        first = next(lines, "")
    separator = declared[1] if declared else _separator(first)
    csv.field_size_limit(MOST_CELL)
    try:
        for record in csv.reader(itertools.chain([first], lines), delimiter=separator, skipinitialspace=True):
            if any(cell and not cell.isspace() for cell in record):
                yield record
    except csv.Error as error:
        raise ConfigError(f"{path}: cannot be read: {error} (a cell has {MOST_CELL:,} characters at most)") from None


def _separator(header: str) -> str:
    """What a header's cells are separated by: what gives the most columns that are known."""
    known = {*COLUMNS, *OPTIONAL, *(alias for aliases in ALIASES.values() for alias in aliases)}

    def columns_known(separator: str) -> int:
        split = next(csv.reader([header], delimiter=separator, skipinitialspace=True), [])
        return sum(_plain(_BEHIND.sub(r"\1", cell)) in known for cell in split)

    return max(SEPARATORS, key=columns_known)


def _row(named: Sequence[str], record: Sequence[str], number: str) -> Row:
    row = {column: cell.strip() for column, cell in zip(named, record, strict=False) if column}
    if not row.get("id"):
        row["id"] = number
    for column in COLUMNS:
        row.setdefault(column, "")
    width = len(named)
    while width and not named[width - 1]:  # empty columns at the end
        width -= 1
    if len(record) < width:
        row[PROBLEM] = f"has {len(record)} cells of {width}"
    elif any(cell.strip() for cell in record[len(named) :]):
        row[PROBLEM] = f"has {len(record)} cells, more than there are columns"
    return row


def _read(row: Row, unit: Mapping[str, str], decimal: str) -> Row:
    """The row with its metric by our name and its numbers as programs write them, or with what is wrong."""
    written = row["metric"]
    row["metric"], carried = metric(written)
    column = ""
    try:
        for column in cells.NUMBERS:
            text = row.get(column) or ""
            of = unit.get(column) or (carried if column == "value" else "")
            if column == "value" and not of and _needs_unit(written) and not text[-1:].isalpha():
                raise cells.Unreadable(f"{text!r}: metric {written} does not say its unit")
            if of or not ((text.isdecimal() and text.isascii()) or cells.is_empty(text)):
                row[column] = repr(_number(text, column, row["metric"], decimal, of)) if text else ""
    except cells.Unreadable as reason:
        row.setdefault(PROBLEM, f"{column} {reason}")
    return row


def cleaned(record: Mapping[str, str], number: int) -> Row:
    """The tidy row of an object whose keys are columns."""
    named, unit = columns(list(record), Path(f"row {number}"))
    row = {column: cell for column, cell in zip(named, record.values(), strict=True) if column}
    row = {**dict.fromkeys(COLUMNS, ""), **row}
    row["id"] = row["id"] or str(number)
    return _read(row, unit, cells.SURE)


def _is_metric(name: str) -> bool:
    """Whether a header is a metric that says its unit."""
    return metric(name)[0] in (*_TIMES, *_RATES) and not (_needs_unit(name) and not metric(name)[1])


def _needs_unit(name: str) -> bool:
    plain = _plain(name)
    return plain in _METRICS and not _METRICS[plain][1] and plain not in _SAY_A_RATE


def _number(text: str, column: str, of_metric: str, decimal: str, unit: str) -> float:
    """A cell's number in the column's own unit; a cell without a unit has the header's."""
    if unit.lower() in ("", "1", "#", "count", "n"):
        return cells.number(text, column, of_metric, decimal)
    own = text.strip()[-1:]
    return cells.number(text if own.isalpha() else f"{text} {unit}", column, of_metric, decimal)


def metric(name: str) -> tuple[str, str]:
    """Our name of a metric, and the unit that its own name carries, such as ms of `ttft_ms`."""
    behind = _BEHIND.match(name)
    ours, unit = _METRICS.get(_plain(behind[1] if behind else name), ("", ""))
    plain = _plain(name)
    return ours or (plain if plain in (*_TIMES, *_RATES) else name), behind[2] if behind else unit
