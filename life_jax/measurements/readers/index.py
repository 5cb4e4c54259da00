"""Which reader a file has, told by what is in it and not by its name."""

import csv
import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from life_jax.config import names
from life_jax.config.schema.errors import ConfigError
from life_jax.measurements.readers import (
    files,
    guidellm,
    llama_bench,
    llama_logs,
    perf_clients,
    printed_statistics,
    sglang_bench,
    single_batches,
    tables,
    timing_lines,
    trtllm_bench,
    vllm_bench,
)  # fmt: skip
from life_jax.measurements.readers.base import (
    COLUMNS,
    MOST_CELL,
    NUMBERS,
    PROBLEM,
    WORDS,
    Format,
    Row,
    filled,
    positive,
    text,
)

KNOWN_WORDS = tuple(WORDS)


def _llama(record: Mapping[str, Any], identity: str) -> list[Row]:
    return [llama_bench.test(record, int(identity.rstrip("_") or 1))]


# of JSON: whether an object is of the tool, and its rows; the first that knows it
Reader = Callable[[Mapping[str, Any], str], list[Row]]
TOOLS: tuple[tuple[Format, Callable[[Any], bool], Reader], ...] = (
    (llama_bench.FORMAT, llama_bench.knows, _llama),
    (sglang_bench.FORMAT, sglang_bench.knows, sglang_bench.rows),
    (vllm_bench.FORMAT, vllm_bench.knows, vllm_bench.rows),
    (guidellm.FORMAT, guidellm.knows, guidellm.rows),
    (trtllm_bench.FORMAT, trtllm_bench.knows, trtllm_bench.rows),
    (perf_clients.FORMAT, perf_clients.knows, perf_clients.rows),
    (timing_lines.FORMAT, timing_lines.knows, timing_lines.api_rows),
    (llama_logs.FORMAT, llama_logs.knows, llama_logs.api_rows),
    (single_batches.FORMAT, single_batches.knows, single_batches.rows),
    (tables.FORMAT, lambda record: isinstance(record, Mapping) and {"metric", "value"} <= set(record), lambda r, i: []),
)
# of a terminal's output: whether it is of the tool, and its rows
PRINTED: tuple[tuple[Format, Callable[[str], bool], Callable[[Path, str], Iterable[Row]]], ...] = (
    (timing_lines.FORMAT, timing_lines.is_output, timing_lines.rows),
    (llama_logs.FORMAT, llama_logs.is_output, llama_logs.rows),
    (vllm_bench.FORMAT, vllm_bench.is_output, vllm_bench.printed_rows),
    (sglang_bench.FORMAT, sglang_bench.is_output, sglang_bench.printed_rows),
    (printed_statistics.FORMAT, printed_statistics.is_output, printed_statistics.rows),
)
OF_FIELDS = TOOLS[1:3] + TOOLS[-2:-1]  # whose results may be lines of a table
READ = (
    "a table with the columns of life_jax.validate --help; llama-bench as CSV, JSON, JSONL, SQL or Markdown; JSON of "
    "vLLM's, SGLang's and GuideLLM's benchmarks (or what the first two print), GenAI-Perf and AIPerf (or their CSV), "
    "trtllm-bench, OpenVINO's llm_bench, ONNX Runtime GenAI, LMDeploy, optimum-benchmark and LocalScore; "
    "the timings of MLX, Ollama, llama.cpp and LM Studio"
)


def checked(words: Mapping[str, str]) -> dict[str, str]:
    """The words of a command line that fill columns, as a row has them; ConfigError for a name that is not known."""
    fills = {word: value for word, value in words.items() if word in KNOWN_WORDS}
    for word, knows in (("hw", names.device), ("model", names.model)):
        if word in fills and knows(fills[word]) is None:
            raise names.refusal(word, fills[word], where=f"{word}=: ")
    for word in NUMBERS:
        if word in fills and positive(fills[word]) is None:
            raise ConfigError(f"{word}={fills[word]}: a positive number is needed")
    if "opt" in fills:  # one option or a list, as a table's weight_format has them
        fills["opt"] = "+".join(name.strip() for name in fills["opt"].strip("[] ").split(",") if name.strip())
    return fills


def rows(path: Path, words: Mapping[str, str] | None = None, assumed: Mapping[str, str] | None = None) -> Iterator[Row]:
    """Tidy rows of a file of measurements, one after the other.

    Args:
        path: the file.
        words: of the command line, by KNOWN_WORDS: what the file does not say, or what holds instead.
        assumed: cells by column for rows of a tool's file that lack them (assumptions.py).

    Raises:
        ConfigError: a file that no reader knows, that is too large, or that lacks what a forecast needs.
    """
    words = dict(words or {})
    head, encoding = files.head(path)
    form, found = reader(path, head, encoding, words)
    yield from filled(found, words, form, str(path), assumed or {})


def reader(path: Path, head: str, encoding: str, words: Mapping[str, str]) -> tuple[Format, Iterator[Row]]:
    """The kind of a file, told by its beginning, and its rows."""
    for form, is_output, printed in PRINTED:
        if is_output(head):
            return form, iter(printed(path, encoding))
    if head.lstrip().startswith(("{", "[")):
        return _of_json(path, encoding)
    if read := _llama_bench_text(head):
        return llama_bench.FORMAT, read(path, encoding)
    if perf_clients.is_csv(head):
        return perf_clients.FORMAT, iter(perf_clients.csv_rows(path, encoding, words))
    if tool := _of_fields(head):
        return tool[0], _records(path, encoding, tool[1])
    return tables.FORMAT, tables.rows(path, encoding, words)


def _of_fields(head: str) -> tuple[Format, Reader] | None:
    """The tool whose results a table's columns are (vLLM's sweeps, tables made of JSON); None where it is no tool's."""
    first = next((line for line in head.splitlines() if line.strip()), "").removeprefix("\ufeff")
    header = [cell.strip().strip('"') for cell in re.split("[,;\t]", first)]
    fields: Mapping[str, Any] = dict.fromkeys(header)
    if len(header) < 3 or {"metric", "value"} <= set(header):
        return None
    return next(((form, read) for form, knows, read in OF_FIELDS if knows(fields)), None)


def _records(path: Path, encoding: str, read: Reader) -> Iterator[Row]:
    """Rows of a table whose lines are results of a tool."""
    lines = files.lines(path, encoding)
    first = next((line for line in lines if line.strip()), "").removeprefix("\ufeff")
    separator = max(",;\t", key=first.count)
    csv.field_size_limit(MOST_CELL)
    try:
        for number, record in enumerate(csv.DictReader(itertools.chain([first], lines), delimiter=separator), 1):
            said = {str(key): cell for key, cell in record.items() if isinstance(cell, str) and cell.strip()}
            yield from read({**dict.fromkeys(map(str, record)), **said}, f"{number}_")
    except csv.Error as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from None


def _llama_bench_text(head: str) -> Callable[[Path, str], Iterator[Row]] | None:
    """The reader of llama-bench's SQL, Markdown or CSV, whatever its log says before."""
    lines = head.splitlines()
    if "INSERT INTO" in head.upper() and "avg_ts" in head:
        return llama_bench.sql_rows
    if any("|" in line and "t/s" in line and "test" in line for line in lines):
        return llama_bench.markdown_rows
    if any(all(field in line for field in llama_bench.FIELDS) for line in lines):
        return llama_bench.csv_rows
    return None


def _of_json(path: Path, encoding: str) -> tuple[Format, Iterator[Row]]:
    """The tool of the first object that one knows, and the rows of all objects."""
    records = [one for document in files.documents(path, encoding) for one in _objects(document)]
    tools = [
        next(((form, read) for form, knows, read in TOOLS if isinstance(record, Mapping) and knows(record)), None)
        for record in records
    ]
    form = next((tool[0] for tool in tools if tool), None)
    if form is None:
        raise ConfigError(f"{path}: is JSON of a tool that is not read here; read are {READ}")
    return form, _json_rows(records, tools)


def _json_rows(records: list[Any], tools: list[Any]) -> Iterator[Row]:
    one = len(records) == 1
    for number, (record, tool) in enumerate(zip(records, tools, strict=True), 1):
        if tool is None:
            yield {**dict.fromkeys(COLUMNS, ""), "id": str(number), PROBLEM: "is no result of a tool that is read here"}
        elif tool[0].is_table:
            yield tables.cleaned({str(key): text(value) for key, value in record.items()}, number)
        else:
            yield from tool[1](record, "" if one else f"{number}_")


def _objects(document: Any) -> list[Any]:
    return document if isinstance(document, list) else [document]
