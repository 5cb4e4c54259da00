"""What is known of how published measurements were made (conf/alias/source.yaml)."""

from collections.abc import Mapping
from typing import Any

from life_jax.config.aliases import rules

CIRCUMSTANCES = ("distinct_tokens", "cold", "half")  # fields of a Setting


def circumstances(row: Mapping[str, str]) -> dict[str, Any]:
    """Fields of a Setting that the source of a row tells, though its columns do not; the first rule that fits.

    distinct_tokens: tokens of a step that choose their experts independently, at most; cold: the measured call was the
    first; half: type of 16-bit math.
    """
    cells = {key: row.get(key) or "" for key in ("source", "engine", "hardware", "model")}
    cells["hardware"] = row.get("canonical") or cells["hardware"]
    rule = next((rule for rule in rules("source") if _fits(rule, cells, row.get("id") or "")), {})
    return {key: rule[key] for key in CIRCUMSTANCES if key in rule}


def _fits(rule: Mapping[str, Any], cells: Mapping[str, str], row_id: str) -> bool:
    """Whether all cells begin as the rule says, and the row is in its range of ids (first, last) where it has one."""
    begins = all(cell.startswith(rule.get(key, "")) for key, cell in cells.items())
    return begins and ("ids" not in rule or rule["ids"][0] <= row_id <= rule["ids"][1])
