"""What llama.cpp's other programs print: the timings of llama-cli and llama-server, llama-batched-bench, LM Studio.

Sources: tools/ and common/ of ggml-org/llama.cpp (`prompt eval time = ... ms / N tokens`, the object `timings` of the
server's answers, the table of llama-batched-bench), the REST API of LM Studio (`stats`).
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from life_jax.config.weight_format_names import split_format
from life_jax.measurements.readers import files
from life_jax.measurements.readers.base import MOST_TEXT, Format, Row, first, inside, positive, text, tidy

FORMAT = Format("llama.cpp's timings")
ENGINE = "llama.cpp"
_TIME = re.compile(r"\b(prompt eval|eval) time =\s*([\d.]+) ms /\s*(\d+) (?:tokens|runs)")
_MODEL = re.compile(r"([^\s'\"=]+\.gguf)")
_BATCHED = re.compile(r"^\|\s*PP\s*\|\s*TG\s*\|\s*(?:B|N_KV)\s*\|.*T_PP s.*T_TG s", re.MULTILINE)
BATCHED = {"pp": "PP", "tg": "TG", "pl": "B", "t_pp": "T_PP s", "t_tg": "T_TG s"}  # of its JSONL -> of its table


def is_output(head: str) -> bool:
    """Whether a text holds such lines."""
    return _TIME.search(head) is not None or _BATCHED.search(head) is not None


def rows(path: Path, encoding: str) -> Iterator[Row]:
    """Tidy rows: a prefill and a decode of each run of a terminal's output or of a table's line."""
    content = files.whole(path, encoding, MOST_TEXT)
    named = _MODEL.search(content)
    model = re.split(r"[/\\]", named[1])[-1] if named else ""
    yield from _batched(content, model) if _BATCHED.search(content) else _timed(content, model)


def _timed(content: str, model: str) -> Iterator[Row]:
    prompt: tuple[str, str] | None = None
    number = 0
    for kind, ms, count in _TIME.findall(content):
        if kind == "prompt eval":
            prompt = ms, count
            continue
        number += 1
        yield from _run(str(number), model, prompt, (ms, count))
        prompt = None


def _run(identity: str, model: str, prompt: tuple[Any, Any] | None, generated: tuple[Any, Any]) -> list[Row]:
    """A prefill and a decode; each as milliseconds and tokens. A single evaluation says nothing of a rate."""
    found = []
    of = {"engine": ENGINE, "model": model, "weight_format": split_format(model)[1], "batch": 1}
    lengths = {"prompt_tokens": prompt[1] if prompt else None, "output_tokens": generated[1]}
    for name, metric, one in ((f"{identity}_prefill", "prefill_tok_s", prompt), (f"{identity}_decode", "decode_tok_s",
                                                                               generated)):  # fmt: skip
        ms, tokens = (positive(number) for number in one or (None, None))
        if ms and tokens and tokens > 1:
            found.append(tidy(name, metric, 1e3 * tokens / ms, **of, **lengths))
    return found


def _batched(content: str, model: str) -> Iterator[Row]:
    """Lines of llama-batched-bench, or of ik_llama.cpp's llama-sweep-bench (one sequence, N_KV tokens before it)."""
    header: list[str] = []
    number = 0
    for line in content.splitlines():
        record = [cell.strip() for cell in line.strip().strip("|").split("|")] if line.lstrip().startswith("|") else []
        if record[:2] == ["PP", "TG"] and {"T_PP s", "T_TG s"} <= set(record):
            header = record
        elif header and len(record) == len(header) and record[0].isdecimal():
            number += 1
            yield from _batch(str(number), model, dict(zip(header, record, strict=True)))


def _batch(identity: str, model: str, cell: Mapping[str, Any]) -> Iterator[Row]:
    """PP tokens of each of B sequences in T_PP seconds, then TG tokens of each in T_TG."""
    of = {"engine": ENGINE, "model": model, "weight_format": split_format(model)[1], "batch": cell.get("B", 1),
          "prompt_tokens": cell["PP"], "output_tokens": cell["TG"]}  # fmt: skip
    prefill, decode, steps = (positive(cell[name]) for name in ("T_PP s", "T_TG s", "TG"))
    if "B" not in cell:
        of["ctx_depth"] = cell["N_KV"]
        tokens = positive(cell["PP"])
        if prefill and tokens:
            yield tidy(f"{identity}_prefill", "prefill_tok_s", tokens / prefill, **of)
        if decode and steps:
            yield tidy(f"{identity}_decode", "decode_tok_s", steps / decode, **{**of, "prompt_tokens": 0})
        return
    if prefill:
        yield tidy(f"{identity}_ttft_s", "ttft_s", prefill, **of)
    if decode and steps:
        yield tidy(f"{identity}_tpot_s", "tpot_s", decode / steps, **of)


def knows(record: Any) -> bool:
    """Whether an object is an answer of llama-server or of LM Studio, or a line of llama-batched-bench's JSONL."""
    if isinstance(record, Mapping) and set(BATCHED) <= set(record):
        return True
    return isinstance(inside(record, "timings", "predicted_ms"), int | float) or (
        isinstance(inside(record, "stats", "tokens_per_second"), int | float) and "usage" in record
    )


def api_rows(record: Mapping[str, Any], identity: str) -> list[Row]:
    """Tidy rows of an answer, or of a line of llama-batched-bench."""
    if set(BATCHED) <= set(record):
        cell = {theirs: record[name] for name, theirs in BATCHED.items()}
        return list(_batch(identity.rstrip("_") or "1", "", cell))
    model, number = text(record.get("model")), identity.rstrip("_") or "1"
    if "timings" in record:
        of = record["timings"]
        prompt = (of.get("prompt_ms"), of.get("prompt_n"))
        return _run(number, model, prompt, (of.get("predicted_ms"), of.get("predicted_n")))
    stats, usage = record["stats"], record["usage"]
    quant = text(first(inside(record, "model_info", "quant"), split_format(model)[1], ""))
    is_mlx = "mlx" in f"{inside(record, 'model_info', 'format')} {inside(record, 'runtime', 'name')}".lower()
    of = {"engine": "LM Studio MLX" if is_mlx else "LM Studio", "model": model, "weight_format": quant, "batch": 1,
          "prompt_tokens": usage.get("prompt_tokens"), "output_tokens": usage.get("completion_tokens")}  # fmt: skip
    found = [tidy(f"{number}_decode", "decode_tok_s", text(stats["tokens_per_second"]), **of)]
    if positive(stats.get("time_to_first_token")):
        found.insert(0, tidy(f"{number}_ttft_s", "ttft_s", text(stats["time_to_first_token"]), **of))
    return found
