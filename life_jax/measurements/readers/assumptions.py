"""What a tool's file leaves out and is taken for it, each time with a line that says so.

A benchmark is taken as run on this machine, where its file does not name another; by software that is not known as
`generic`; an Ollama model without a format in its tag as the library's own, 4-bit.
"""

import atexit
import shutil
import tempfile
from collections.abc import Mapping
from functools import cache
from itertools import islice
from pathlib import Path

import yaml

from life_jax.config import this_machine
from life_jax.config.schema.errors import ConfigError
from life_jax.core.whole_file import whole_file
from life_jax.measurements.readers import files, index
from life_jax.measurements.readers.base import PROBLEM, WORDS, Row

LOOKED_AT = 1000  # rows that tell what a file leaves out
GENERIC = "generic"
TAG_OF_OLLAMA = {
    "gpt-oss": "mxfp4",
    "": "q4_k_m",
}  # beginning of a model's name -> format of its default tag (recalled)


def assumed(path: Path, words: Mapping[str, str]) -> tuple[Row, list[str]]:
    """Cells by column for the rows that lack them, and lines that say what was taken.

    words: of the command line, as index.rows takes them. A table has its own columns and nothing is taken for them.
    Raises ConfigError as index.rows does; a machine that does not say what it is leaves the device out.
    """
    head, encoding = files.head(path)
    form, found = index.reader(path, head, encoding, words)
    if form.is_table:
        return {}, []
    said = {WORDS[word] for word in words}
    rows = [row for row in islice(found, LOOKED_AT) if PROBLEM not in row]
    lacks = {
        column: [row for row in rows if not row.get(column)]
        for column in ("hardware", "engine", "weight_format")
        if column not in said
    }
    cells: Row = {}
    lines: list[str] = []
    if lacks.get("hardware") and (device := here()):
        cells["hardware"], name = device
        lines.append(
            f"{path.name} does not say its device: taken as measured on this machine, {name}; hw=NAME says else"
        )
    if lacks.get("engine"):
        cells["engine"] = GENERIC
        lines.append(f"{path.name} does not say the software: engine={GENERIC} is taken; engine=NAME says which")
    of_ollama = [row for row in lacks.get("weight_format", ()) if row.get("engine") == "ollama" and row.get("model")]
    if of_ollama:
        model = of_ollama[0]["model"].rpartition("/")[2]
        tag = next(form for start, form in TAG_OF_OLLAMA.items() if model.startswith(start))
        cells["weight_format"] = tag
        lines.append(
            f"{path.name} does not say how {model} is stored: {tag}, Ollama's own, is taken; opt=FORMAT says else"
        )
    return cells, lines


@cache
def here() -> tuple[str, str] | None:
    """This machine as a label of ours, or the path of a file of it that lasts as long as the process; its name."""
    try:
        machine = this_machine.device(())
    except ConfigError:
        return None
    if machine.label:
        return machine.label, machine.label
    folder = Path(tempfile.mkdtemp(prefix="life_jax_"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with whole_file(folder / "here.yaml") as new:
        new.write_text(yaml.safe_dump(dict(machine.content)), encoding="utf-8")
    return str(folder / "here.yaml"), str(machine.content["name"])
