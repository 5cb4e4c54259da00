"""What is known of how published measurements were made (conf/alias/source.yaml)."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from life_jax.config.aliases import rules
from life_jax.measurements.row_numbers import number

CIRCUMSTANCES = ("distinct_tokens", "cold", "half")  # fields of a Setting
# what notes say of the length that a program was compiled for, in tokens or in chunks of the prompt
GRAPH = re.compile(r"\bcontext_length (\d{1,7}) graph|\bctx/(\d{1,7})=(\d{1,7})\b")
NEAR = 1.0  # token, by which a mean that a file rounds differs from it


def circumstances(row: Mapping[str, str]) -> dict[str, Any]:
    """Fields of a Setting that the source of a row tells, though its columns do not; the first rule that fits.

    distinct_tokens: tokens of a step that choose their experts independently, at most; cold: the measured call was the
    first; half: type of 16-bit math; past_tokens: before a prompt that stands for several, see `same_pairs`;
    graph_tokens: positions that a program was compiled for, by the row's note.
    """
    cells = {key: row.get(key) or "" for key in ("source", "engine", "hardware", "model")}
    cells["hardware"] = row.get("canonical") or cells["hardware"]
    rule = next((rule for rule in rules("source") if _fits(rule, cells, row.get("id") or "")), {})
    told = {key: rule[key] for key in CIRCUMSTANCES if key in rule}
    prompts = rule.get("mean_of_prompts")
    if prompts and row.get("metric") == "ttft_s" and abs((number(row, "prompt_tokens") or 0.0) - _mean(prompts)) < NEAR:
        told["past_tokens"] = same_pairs(prompts)
    compiled = GRAPH.search(row.get("note") or "")
    if compiled:
        whole, chunk, chunks = compiled.groups()
        told["graph_tokens"] = float(whole or int(chunk) * int(chunks))
    return told


def same_pairs(prompts: Sequence[float]) -> float:
    """Tokens before a prompt of the mean length with which it attends as many pairs as the prompts do on average.

    prompts [token]: lengths, of which a row tells the mean time alone. Work that goes by tokens is that of their mean
    m; (query, key) pairs of a prompt of n tokens after d are n d + n**2 / 2 [derived], so that d is half of what the
    mean of n**2, over m, exceeds m by [token].
    """
    mean = _mean(prompts)
    return (sum(n**2 for n in prompts) / len(prompts) / mean - mean) / 2


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _fits(rule: Mapping[str, Any], cells: Mapping[str, str], row_id: str) -> bool:
    """Whether all cells begin as the rule says, and the row is in its range of ids (first, last) where it has one."""
    begins = all(cell.startswith(rule.get(key, "")) for key, cell in cells.items())
    return begins and ("ids" not in rule or rule["ids"][0] <= row_id <= rule["ids"][1])
