"""An engine's file, and what its class of devices reaches, as the engine of a scenario."""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from life_jax.config.schema.check import check_number
from life_jax.config.schema.efficiency_file import EfficiencyFile
from life_jax.config.schema.engine_file import EngineFile
from life_jax.config.schema.errors import ConfigError, unknown
from life_jax.core.engine import Chunks, Counting, Efficiency, Engine, Scheduler
from life_jax.core.graph import KINDS
from life_jax.core.pytree import set_leaf
from life_jax.core.units import UNLIMITED
from life_jax.forecasting.graph_effects import GRAPH_EFFECTS
from life_jax.optimizations.fusion import ALL as FUSIONS
from life_jax.roofline.effects import EFFECTS
from life_jax.roofline.efficiency_tables import ROOFS, WIDE, EfficiencyTable, table_of

SPREADS = ("ttft", "tpot", "e2e")


def software(file: EngineFile, of_class: EfficiencyFile | None) -> Engine:
    """What the engine reaches: what its file says, else what the device's class reaches with kernels of its quality.

    Every number of the file goes to its `leaf`; what the file leaves open stays at its neutral value.
    """
    for name in file.fusion:
        if name not in FUSIONS:
            raise unknown("engine.fusion", name, FUSIONS)
    engine = Engine(
        efficiency=Efficiency(tables=_tables(file.operator_efficiencies)),
        chunks=Chunks(shared=file.chunk_shared),
        scheduler=Scheduler(mixing=file.mixing, admission=file.admission),
        counting=Counting(
            logits=file.logits,
            scope=file.roofline_scope,
            fusion=tuple(name for name in FUSIONS if name in file.fusion),
        ),
        effects={name: effect() for name, effect in {**EFFECTS, **GRAPH_EFFECTS}.items()},
        spreads=_spreads(file, of_class),
    )
    if file.stage_layers:
        engine = set_leaf(engine, ("parallelism", "stage_layers"), tuple(map(float, file.stage_layers)))
    reached = _reached(file, of_class)
    for field in fields(EngineFile):
        value = reached.get(field.name, getattr(file, field.name))
        if "leaf" in field.metadata and value is not None:
            path = tuple(field.metadata["leaf"].split("."))[1:]  # within the engine
            engine = set_leaf(engine, path, value * field.metadata.get("scale", 1.0))
    return engine


def with_matrix_part(file: EngineFile, of_class: EfficiencyFile | None, part: float) -> EngineFile:
    """The engine on a chip whose matrix rate was cut to a part [1] and nothing else: products take longer by that
    alone, so that they reach more of what is left, 1 / (1 + (1 / e - 1) part) instead of e. [derived]

    As it is where the rate is whole, and where its efficiencies are typed or no class says them.
    """
    if part == 1 or of_class is None or file.compute_efficiency is not None or file.attention_efficiency is not None:
        return file
    products = min(of_class.compute_efficiency * file.compute_quality, 1.0)
    attention = min(of_class.attention_efficiency * file.attention_quality, 1.0)
    more = [1 / (1 + (1 / e - 1) * part) for e in (products, attention, products * file.compute_experts)]
    return replace(
        file, compute_efficiency=more[0], attention_efficiency=more[1], compute_experts=more[2] / more[0]
    )  # fmt: skip


def _reached(file: EngineFile, of_class: EfficiencyFile | None) -> dict[str, float | None]:
    """The numbers that a class of devices has too: the file's own, else those of the class times the quality of the
    engine's kernels."""
    values: dict[str, float | None] = {}
    for name, quality, of_none, most in (
        ("compute_efficiency", file.compute_quality, 1.0, 1.0),
        ("attention_efficiency", file.attention_quality, 1.0, 1.0),
        ("memory_efficiency", file.memory_quality, 1.0, 1.0),
        ("dispatch_factor", file.dispatch_quality, 1.0, UNLIMITED),
        ("vector_efficiency", 1.0, 1.0, UNLIMITED),
        ("link_efficiency", 1.0, 1.0, 1.0),
        ("allreduce_us", file.allreduce_quality, 0.0, UNLIMITED),
        ("roof_smoothness", 1.0, 0.0, UNLIMITED),
    ):
        own = getattr(file, name)
        values[name] = min(getattr(of_class, name, of_none) * quality, most) if own is None else own
    values["core_bandwidth"] = file.core_bandwidth or getattr(of_class, "core_bandwidth", None)
    for name in ("meeting_us", "score_work_apart"):
        values[name] = getattr(of_class, name, None) if getattr(file, name) is None else getattr(file, name)
    return values


def _spreads(file: EngineFile, of_class: EfficiencyFile | None) -> dict[str, float]:
    """How far forecasts are off: what was calibrated, else what is known of the class."""
    for name, value in file.spreads.items():
        if name not in SPREADS:
            raise unknown("engine.spreads", name, SPREADS)
        check_number(value, {"low": 0}, f"engine.spreads.{name}")
    found = {name: getattr(of_class, f"{name}_spread") for name in SPREADS} if of_class is not None else {}
    return {**found, **file.spreads}


def _tables(said: Mapping[str, Any]) -> dict[str, EfficiencyTable]:
    """engine.operator_efficiencies: a number by roof, or a list of measured shapes, for each kind of operator."""
    found: dict[str, EfficiencyTable] = {}
    for bucket, content in said.items():
        where = f"engine.operator_efficiencies.{bucket}"
        if bucket not in KINDS:
            raise unknown("engine.operator_efficiencies: operator", bucket, KINDS)
        size = 3 if bucket in WIDE else 2
        rows = [{"shape": [1.0] * size, **content}] if isinstance(content, Mapping) else content
        if not isinstance(rows, list) or not rows or not all(isinstance(row, Mapping) for row in rows):
            raise ConfigError(f"{where} is {content!r}; {{compute: 0.6}} or a list of {{shape: [...], compute: 0.6}}")
        for key in {key for row in rows for key in row} - {"shape", *ROOFS}:
            raise unknown(f"{where} has no key of that name:", str(key), ("shape", *ROOFS))
        for roof in ROOFS:
            measured = [row for row in rows if roof in row]
            if measured:
                found[f"{bucket}.{roof}"] = _table(measured, roof, size, where)
    return found


def _table(rows: list[Mapping[str, Any]], roof: str, size: int, where: str) -> EfficiencyTable:
    above = {"low": 0, "open_low": True}
    shapes = []
    for row in rows:
        shape = row.get("shape")
        if not isinstance(shape, list | tuple) or len(shape) != size:
            raise ConfigError(f"{where}: shape is {shape}; {'m, k, n' if size == 3 else 'rows, width'} are needed")
        shapes.append(tuple(check_number(x, above, f"{where}.shape") for x in shape))
    if len(set(shapes)) < len(shapes):
        raise ConfigError(f"{where} has the same shape twice")
    return table_of(shapes, [check_number(row[roof], {**above, "high": 1}, f"{where}.{roof}") for row in rows])
