"""python -m life_jax.catalog [KIND [WORD]] [format=json|csv|md]: what there is, one line on each."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from life_jax.config import engine_fit
from life_jax.config.aliases import TABLES, aliases
from life_jax.config.conf_files import composed
from life_jax.config.many import labels
from life_jax.config.schema import axis_table, paths
from life_jax.config.schema.check import check
from life_jax.config.schema.device_file import DeviceFile
from life_jax.config.schema.errors import ConfigError, unknown
from life_jax.config.schema.files import PrecisionFile
from life_jax.config.schema.model_file import ModelFile
from life_jax.config.schema.yaml_files import read_yaml
from life_jax.config.words import read_words, take, take_folders
from life_jax.terminal import command, engine_constants, result_rows, tables
from life_jax.terminal.layout import Column
from life_jax.terminal.progress import waiting
from life_jax.terminal.result_rows import FORMATS

if TYPE_CHECKING:
    from life_jax.core.scenario import Architecture

Row = tuple[str, ...]
FITTED = (
    "compute_quality", "compute_8bit", "compute_4bit", "compute_experts", "bf16_emulation", "attention_quality",
    "memory_quality", "memory_quantized", "kv_efficiency", "fp8_convert_flops", "kv_reread", "elementwise_efficiency",
    "dispatch_quality", "tile_rows", "step_us", "split_step_us", "sequence_us", "context_ns", "request_ms",
    "cold_request_ms", "allreduce_quality", "serial_part", "block_work", "score_work",
)  # fmt: skip
# what people call the kinds
KINDS = {
    "device": "hw", "devices": "hw", "hardware": "hw", "models": "model", "option": "opt", "options": "opt",
    "engines": "engine", "costs": "cost", "workloads": "workload", "studies": "study", "metrics": "metric",
    "axes": "axis", "gpu": "hw", "gpus": "hw", "cpus": "hw", "llms": "model", "quantizations": "opt",
    "backends": "engine",
}  # fmt: skip
USAGE = "python -m life_jax.catalog [KIND [WORD]] [format=json|csv|md] [--config-dir DIR]"


# columns that are left out where a terminal is narrow: the higher, the earlier
RANKS = {
    "dense TFLOP/s or TOPS": 4, ">dispatch us": 5, "check": 3, "class": 2,
    ">state": 5, ">heads/kv": 4, "kinds": 3, ">layers": 2,
    "constants from": 4, "reads": 3, "runs on": 2, "its numbers: axes.NUMBER": 2,
}  # fmt: skip


def main() -> None:
    """Run the command line."""
    command.guarded(catalog, "sweep", str(__doc__))


def catalog(words: list[str]) -> None:
    """Without a word the kinds and how many there are; with one its members; a second word filters them, also as hw=
    and model= have it: a class, a glob.

    A device, model, option or engine is found by its declared names too. format=json prints a list with an object for
    each member: its cells by heading, as numbers where they are, and the declared names as `names`.
    """
    words, folders = take_folders(words)
    form, words = take(words, "format", FORMATS)
    plain, _ = read_words(words, (), USAGE)
    if not plain:
        if form == "json":
            print(json.dumps({kind: len(rows_of(folders)) for kind, (_, _, rows_of) in LISTINGS.items()}, indent=1))
            return
        for kind, (_, meaning, rows_of) in LISTINGS.items():
            print(f"{kind:<10}{len(rows_of(folders)):>5}  {meaning}")
        print("python -m life_jax.catalog KIND [WORD] lists them")
        return
    kind, word = KINDS.get(plain[0], plain[0]), " ".join(plain[1:])
    if kind not in LISTINGS:
        raise unknown("kind", kind, LISTINGS)
    headings, _, rows_of = LISTINGS[kind]
    names = aliases(kind) if kind in TABLES else {}
    with waiting(f"reading {kind}"):
        whole = rows_of(folders)
    texts = {row: (*row, *names.get(row[0], ())) for row in whole}
    chosen = labels(kind, word, folders) if kind in ("hw", "model") else None  # as hw= takes them: class:laptop, h100*
    rows = [row for row in whole if (_mentions(word.lower(), texts[row]) if chosen is None else row[0] in chosen)]
    if not rows:  # as a whole; its words apart
        rows = [row for row in whole if all(_mentions(part, texts[row]) for part in word.lower().split())]
    if not rows:
        raise ConfigError(f"no {kind} with '{word}'; python -m life_jax.catalog {kind} lists all")
    columns = [_column(heading, [row[i] for row in rows], i == 0) for i, heading in enumerate(headings)]
    if form == "csv":
        cells = {column.heading: list(column.cells) for column in columns}
        result_rows.write_csv(sys.stdout, list(cells), iter([cells]))
        return
    if form == "md":
        result_rows.write_markdown(sys.stdout, columns)
        return
    if form == "json":
        print(json.dumps([_object(headings, row, names.get(row[0], [])) for row in rows], indent=1, ensure_ascii=False))
        return
    tables.table(columns, (), "", "format=csv or json has them")
    if kind == "engine" and len(rows) == 1 and "told_by" in engine_fit.fits().get(rows[0][0], {}):
        engine_constants.show(rows[0][0], _constants(rows[0][0], folders), engine_fit.fits()[rows[0][0]]["told_by"])


def _constants(engine: str, folders: tuple[Path, ...]) -> dict[str, float]:
    """The numbers of an engine's file that scripts/fit_efficiency.py fits."""
    content = composed("engine", engine, folders)
    return {key: content[key] for key in FITTED if content.get(key) is not None}


def _column(heading: str, cells: Sequence[str], is_name: bool) -> Column:
    is_number = heading.startswith(">")
    return Column(heading.lstrip(">"), cells, is_number, is_name, RANKS.get(heading, 0), not is_number and not is_name)


def _object(headings: Sequence[str], row: Row, names: Sequence[str]) -> dict[str, Any]:
    cells: dict[str, Any] = {}
    for heading, text in zip(headings, row, strict=True):
        try:
            cells[heading.lstrip(">")] = float(text) if heading.startswith(">") else text
        except ValueError:  # no number, such as "unpublished"
            cells[heading.lstrip(">")] = text
    return cells | ({"names": list(names)} if names else {})


def _mentions(word: str, texts: Sequence[str]) -> bool:
    return any(word in text.lower() for text in texts)


def _files(group: str, folders: tuple[Path, ...]) -> list[tuple[str, dict[str, Any]]]:
    """(label, content) of a group, sorted."""
    return [(name, composed(group, name, folders)) for name in sorted(paths.choices(group, folders))]


def _devices(folders: tuple[Path, ...]) -> list[Row]:
    rows: list[Row] = []
    for name, content in _files("hw", folders):
        d = check(content, DeviceFile, f"hw.{name}")
        rates = " ".join(f"{dtype}:{rate:g}" for dtype, rate in d.peak_tflops.items()) or "unpublished"
        numbers = (f"{d.bandwidth_gb_per_s:g}", f"{d.memory_gb:g}", f"{d.dispatch_us:g}")
        rows.append((name, d.name, d.device_class, rates, *numbers, d.check))
    return rows


def _models(folders: tuple[Path, ...]) -> list[Row]:
    from life_jax.config.build import bits
    from life_jax.config.checkpoints.architecture import architecture
    from life_jax.models.decoder import active_parameter_count, cache_bytes, kv_bytes_per_token, parameter_count

    rows: list[Row] = []
    for name, content in _files("model", folders):
        file = check(content, ModelFile, f"model.{name}")
        shape = architecture(file, f"model.{name}")
        half = bits(PrecisionFile())
        counts = [tables.engineering(float(count(shape))) for count in (parameter_count, active_parameter_count)]
        caches = [float(kv_bytes_per_token(shape, half)), float(cache_bytes(shape, 0.0, half))]
        kept = [tables.engineering(size, "B") if size else "0" for size in caches]
        heads = f"{file.num_attention_heads:g}/{file.num_key_value_heads:g}"
        layers = f"{file.num_hidden_layers:g}"
        rows.append((name, *counts, layers, heads, *kept, _kinds(shape)))
    return rows


def _kinds(shape: "Architecture") -> str:
    """Layers by kind: 24 mamba2, 24 plain, 4 full; and the vision tower."""
    layers: dict[str, float] = {}
    for block in shape.blocks:
        kind = " ".join(word for word in (block.attention_kind, block.ffn_kind) if word != "none")
        layers[kind] = layers.get(kind, 0.0) + float(block.repeats)
    words = [f"{number:g} {kind}" for kind, number in layers.items()]
    return ", ".join(words + ["vision tower"] * bool(shape.vision))


def _described(group: str) -> Callable[[tuple[Path, ...]], list[Row]]:
    def rows(folders: tuple[Path, ...]) -> list[Row]:
        return [(name, str(c.get("description", c.get("source", "")))) for name, c in _files(group, folders)]

    return rows


def _options(folders: tuple[Path, ...]) -> list[Row]:
    from life_jax.config.options import numbers

    rows: list[Row] = []
    for name, content in _files("opt", folders):
        own = {key: content.get(key, facts.get("default")) for key, facts in numbers(str(content.get("kind"))).items()}
        numbers_of = ", ".join(f"{key} {value:g}" for key, value in own.items() if value is not None)
        rows.append((name, str(content.get("description", content.get("source", ""))), numbers_of))
    return rows


def _engines(folders: tuple[Path, ...]) -> list[Row]:
    """Where engines run, on how many devices each was measured, and how far forecasts were off on devices left out."""
    rows: list[Row] = []
    for name, content in _files("engine", folders):
        fit = engine_fit.fits().get(name, {})
        errors = [f"{fit[kind][0]:g}" if kind in fit else "-" for kind in ("ttft", "tpot", "total")]
        some = [str(label) for label in fit.get("devices", ())]
        source = str(content.get("description", content.get("source", "")))
        of_none = "a mean of all that were" if "mean of the fitted engines" in source else "nothing"
        measured = ", ".join(some[:4]) + (f" and {len(some) - 4} more" if len(some) > 4 else "") if some else of_none
        places = ", ".join(content.get("runs_on", ())) or "anything"
        rows.append((name, *errors, measured, places, " ".join(content.get("formats", ())) or "any", source))
    return rows


def _workloads(folders: tuple[Path, ...]) -> list[Row]:
    return [(name, ", ".join(f"{k} {v:g}" for k, v in c.items())) for name, c in _files("workload", folders)]


def _studies(folders: tuple[Path, ...]) -> list[Row]:
    return [(name, str(read_yaml(file).get("description", ""))) for name, file in paths.studies(folders).items()]


def _metrics(folders: tuple[Path, ...]) -> list[Row]:
    from life_jax.forecasting.metrics import METRICS

    return [(name, metric.units, metric.long_name) for name, metric in METRICS.items()]


def _axes(folders: tuple[Path, ...]) -> list[Row]:
    rows: list[Row] = [
        ("opt", "", "stacks of options, such as [[],[int4],[int4,kv8]]"),
        ("engine", "", "software, such as [vllm,tensorrt_llm,auto]"),
    ]
    for key in axis_table.axis_keys():
        if key not in axis_table.LABELLED:
            facts: Mapping[str, Any] = axis_table.facts(key)
            rows.append((key, str(facts.get("unit", "1")), f"{facts['name']} ({axis_table.section_of(key)})"))
    return rows


# kind -> headings (">" before those of numbers), meaning, and function from the user's folders to rows
LISTINGS: dict[str, tuple[tuple[str, ...], str, Callable[[tuple[Path, ...]], list[Row]]]] = {
    "hw": (
        ("hw", "device", "class", "dense TFLOP/s or TOPS", ">GB/s", ">GB", ">dispatch us", "check"),
        "devices: hw=NAME",
        _devices,
    ),
    "model": (
        ("model", ">parameters", ">active", ">layers", ">heads/kv", ">KV per token", ">state", "kinds"),
        "language models: model=NAME",
        _models,
    ),
    "opt": (("opt", "what it does", "its numbers: axes.NUMBER"), "optimizations: opt=[NAME,...]", _options),
    "engine": (
        ("engine", ">TTFT off %", ">TPOT off %", ">total off %", "measured on", "runs on", "reads", "constants from"),
        "software: engine=NAME; errors on sources left out of the fit",
        _engines,
    ),
    "cost": (("cost", "where its numbers come from"), "prices and energies: cost=NAME", _described("cost")),
    "workload": (("workload", "numbers"), "workloads: workload=NAME", _workloads),
    "study": (("study", "question"), "ready-made questions: study=NAME", _studies),
    "metric": (("metric", "units", "meaning"), "what a forecast can report: metrics=[NAME,...]", _metrics),
    "axis": (("axis", "unit", "meaning"), "numbers that can be swept: axes.NAME=...", _axes),
}


if __name__ == "__main__":
    main()
