"""Statistics that tools print after a run: one line of name and number each.

TensorRT-LLM's trtllm-bench (its overview), OpenVINO GenAI's benchmark_genai and LM Studio's `lms chat --stats`. The
lines are put together into one request's times; what a tool does not print, the command line says.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from life_jax.measurements.readers import files
from life_jax.measurements.readers.base import MOST_TEXT, Format, Row, positive, tidy

FORMAT = Format("what trtllm-bench, benchmark_genai or LM Studio print")
_NUMBER = r"\s*([\d.,]+)"


@dataclass(frozen=True)
class Tool:
    """engine: its name. lines: what stands before a number, of a metric or a column. scale: of its metrics to seconds
    or to tokens a second. batch: of what it times, None where the command line says it."""

    engine: str
    lines: dict[str, str]
    scale: float = 1.0
    batch: int | None = 1


TOOLS = (
    Tool("TensorRT-LLM", {
        "ttft_s": r"Average time-to-first-token \[TTFT\] \(ms\):", "tpot_s": r"Average time-per-output-token \[TPOT\] "
        r"\(ms\):", "prompt_tokens": r"Average input length \(tokens\):", "output_tokens": r"Average output length "
        r"\(tokens\):",
    }, 1e-3, None),
    Tool("OpenVINO", {"ttft_s": "TTFT:", "tpot_s": "TPOT:", "prompt_tokens": "Input token size:",
                      "output_tokens": "Output token size:"}, 1e-3),
    Tool("LM Studio", {"ttft_s": "Time to First Token:", "decode_tok_s": "Tokens/Second:",
                       "prompt_tokens": "Prompt Tokens:", "output_tokens": "Predicted Tokens:"}),
)  # fmt: skip
METRICS = ("ttft_s", "tpot_s", "decode_tok_s")


def _found(tool: Tool, content: str) -> dict[str, float]:
    """The numbers behind the lines of a tool, the last of each."""
    found: dict[str, float] = {}
    for name, line in tool.lines.items():
        for match in re.finditer(rf"^\s*{line}{_NUMBER}", content, re.MULTILINE):
            number = positive(match[1].replace(",", ""))
            if number is not None:
                found[name] = number
    return found


def _tool(content: str) -> Tool | None:
    """The tool of which every metric is there."""
    wanted = ((tool, {name for name in tool.lines if name in METRICS}) for tool in TOOLS)
    return next((tool for tool, metrics in wanted if metrics <= _found(tool, content).keys()), None)


def is_output(head: str) -> bool:
    """Whether a text holds such lines."""
    return _tool(head) is not None


def rows(path: Path, encoding: str) -> Iterator[Row]:
    """Tidy rows of a terminal's output."""
    content = files.whole(path, encoding, MOST_TEXT)
    tool = _tool(content)
    found = _found(tool, content) if tool else {}
    shape = {name: value for name, value in found.items() if name not in METRICS}
    for name in METRICS if tool else ():
        if tool and name in found:
            yield tidy(name, name, found[name] * tool.scale, engine=tool.engine, batch=tool.batch, **shape)
