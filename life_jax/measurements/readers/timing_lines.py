"""What MLX and Ollama print when they are done: a terminal's output, saved.

`mlx_lm.generate` ends with `Prompt: N tokens, X tokens-per-sec` and `Generation: ...`, `mlx_lm.benchmark` with
`Averages: prompt_tps=X, generation_tps=Y` below `Timing with prompt_tokens=...` (mlx_lm/ of ml-explore/mlx-lm).
`ollama run MODEL --verbose` ends with counts and rates of `prompt eval` and `eval`; Ollama's API gives the same as
JSON, in nanoseconds (api.md of ollama/ollama). The model is read from the command where the output begins with it.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from life_jax.measurements.readers import files
from life_jax.measurements.readers.base import MOST_TEXT, Format, Row, positive, stored_as, text, tidy

FORMAT = Format("the output of MLX or Ollama")
API = {"eval_count", "eval_duration"}
_NUMBER = r"([\d.]+)"
_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|[\x08\r]")
_COMMAND = re.compile(r"mlx_(?:lm|vlm)\.\w+\b.*?--model[ =]['\"]?([^\s'\"]+)|ollama run (?:--verbose )?([\w.:/-]+)")
_MLX = re.compile(rf"^(Prompt|Generation): (\d+) tokens, {_NUMBER} tokens-per-sec")
_TIMING = re.compile(r"^Timing with prompt_tokens=(\d+), generation_tokens=(\d+), batch_size=(\d+)")
_AVERAGES = re.compile(rf"^Averages: prompt_tps={_NUMBER}, generation_tps={_NUMBER}")
_OLLAMA = re.compile(rf"^(prompt eval|eval) (count|rate):\s+{_NUMBER}")


def is_output(head: str) -> bool:
    """Whether a text holds such lines."""
    plain = _ESCAPES.sub("", head)
    return any(re.search(one.pattern, plain, re.MULTILINE) for one in (_MLX, _AVERAGES, _OLLAMA))


def rows(path: Path, encoding: str) -> Iterator[Row]:
    """Tidy rows: a prefill and a decode of each run in a terminal's output."""
    model, number = "", 0
    seen: dict[str, str] = {}
    for line in _ESCAPES.sub("", files.whole(path, encoding, MOST_TEXT)).splitlines():
        command, mlx, ollama = _COMMAND.search(line), _MLX.match(line), _OLLAMA.match(line)
        timing, averages = _TIMING.match(line), _AVERAGES.match(line)
        if command:
            model = command[1] or command[2]
        elif timing:
            seen = dict(zip(("prompt", "output", "batch"), timing.groups(), strict=True))
        elif averages and seen:
            number += 1
            yield from _pair(number, "mlx-lm", model, stored_as(model), seen["prompt"], seen["output"],
                             averages[1], averages[2], seen["batch"])  # fmt: skip
            seen = {}
        elif mlx:
            seen |= {mlx[1]: mlx[2], f"{mlx[1]} rate": mlx[3]}
            if mlx[1] == "Generation" and "Prompt" in seen:
                number += 1
                yield from _pair(number, "mlx-lm", model, stored_as(model), seen["Prompt"], mlx[2],
                                 seen["Prompt rate"], mlx[3])  # fmt: skip
                seen = {}
        elif ollama:
            seen[f"{ollama[1]} {ollama[2]}"] = ollama[3]
            if ollama[1] == "eval" and ollama[2] == "rate":
                number += 1
                prompt, prefill = seen.get("prompt eval count"), seen.get("prompt eval rate")
                output = seen.get("eval count")
                yield from _pair(number, "ollama", model, _tagged(model), prompt, output, prefill, ollama[3])
                seen = {}


def knows(record: Any) -> bool:
    """Whether an object is an answer of Ollama's API."""
    return isinstance(record, Mapping) and set(record) >= API


def api_rows(record: Mapping[str, Any], identity: str) -> list[Row]:
    """Tidy rows of an answer of Ollama's API."""
    counts = [positive(record.get(f"{kind}_count")) for kind in ("prompt_eval", "eval")]
    times = [positive(record.get(f"{kind}_duration")) for kind in ("prompt_eval", "eval")]
    rates = [1e9 * count / ns if count and ns else None for count, ns in zip(counts, times, strict=True)]
    model = text(record.get("model"))
    return _pair(identity.rstrip("_"), "ollama", model, _tagged(model), counts[0], counts[1], rates[0], rates[1])


def _pair(
    number: int | str,
    engine: str,
    model: str,
    weights: str,
    prompt: Any,
    output: Any,
    prefill: Any,
    decode: Any,
    batch: Any = 1,
) -> list[Row]:
    """A prefill and a decode of one request; a prompt that was in the cache has no count and no prefill."""
    shape = {"engine": engine, "model": model, "weight_format": weights, "batch": batch, "output_tokens": output}
    found = [tidy(f"{number}_decode", "decode_tok_s", text(decode), prompt_tokens=prompt, **shape)] if decode else []
    if prompt and prefill:
        found.insert(0, tidy(f"{number}_prefill", "prefill_tok_s", text(prefill), prompt_tokens=prompt, **shape))
    return found


def _tagged(model: str) -> str:
    """The weight format in a tag such as llama3.1:8b-instruct-q4_K_M; a tag without one does not tell."""
    match = re.search(r"-(i?q\d\w*|fp16|f16|bf16|mxfp4)$", model.partition(":")[2], re.IGNORECASE)
    return match[1].lower() if match else ""
