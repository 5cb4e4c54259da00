"""Writes the tables of GLOSSARY.md that say what the schema says: python scripts/make_glossary.py.

Key, unit, meaning, bounds and default of every number of a file are stated once, in life_jax/config/schema. A table
stands between two comments, `<!-- table of SECTION: ... -->` and `<!-- end of table -->`; the text around them is
written by hand. tests/house/test_documents.py fails where the committed tables are not those of the schema.
"""

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from life_jax.config.schema.axis_table import FILES
from life_jax.config.schema.check import bounds

GLOSSARY = Path(__file__).resolve().parents[1] / "GLOSSARY.md"
HEAD = "| key | unit | meaning | values | default |\n|---|---|---|---|---|\n"
TABLE = re.compile(r"(<!-- table of (\w+):[^>]*-->\n).*?(<!-- end of table -->)", re.DOTALL)


def rows(schema: type[Any]) -> Iterator[str]:
    """A line for each number of the schema, and for each word that is out of a short list."""
    for field in dataclasses.fields(schema):
        facts = field.metadata
        if facts.get("number"):
            meaning, values = facts["name"], bounds(facts)
        elif "options" in facts:
            meaning, values = "see below", " or ".join(f"`{option}`" for option in facts["options"])
        else:
            continue
        yield f"| `{field.name}` | {facts.get('unit', '')} | {meaning} | {values} | {_default(field)} |\n"


def _default(field: "dataclasses.Field[Any]") -> str:
    if field.default is dataclasses.MISSING:
        return "must be given"
    return "" if field.default is None else f"{field.default:g}" if field.metadata.get("number") else field.default


def rewritten(text: str) -> str:
    """The text with every table made anew."""

    def table(found: re.Match[str]) -> str:
        first, section, last = found.groups()
        return f"{first}{HEAD}{''.join(rows(FILES[section]))}{last}"

    return TABLE.sub(table, text)


def main() -> None:
    GLOSSARY.write_text(rewritten(GLOSSARY.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
