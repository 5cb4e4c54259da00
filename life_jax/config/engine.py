"""An engine's file, and what its class of devices reaches, as the engine of a scenario."""

from collections.abc import Mapping
from typing import Any

from life_jax.config.schema.check import check_number
from life_jax.config.schema.engine_file import EfficiencyFile, EngineFile
from life_jax.config.schema.errors import ConfigError, unknown
from life_jax.core.scenario import UNLIMITED, Engine
from life_jax.core.units import GIGA, MICRO, MILLI, NANO
from life_jax.optimizations.fusion import ALL as FUSIONS
from life_jax.roofline.efficiency_tables import BUCKETS, ROOFS, WIDE, EfficiencyTable, table_of

SPREADS = ("ttft", "tpot", "e2e")


def _reached(own: float | None, of_class: float, quality: float, most: float = UNLIMITED) -> float:
    return min(of_class * quality, most) if own is None else own


def software(file: EngineFile, of_class: EfficiencyFile | None) -> Engine:
    """What the engine reaches: what its file says, else what the device's class reaches with kernels of its quality."""
    for name in file.fusion:
        if name not in FUSIONS:
            raise unknown("engine.fusion", name, FUSIONS)
    reached = {
        name: _reached(getattr(file, name), getattr(of_class, name, 1.0), quality, most)
        for name, quality, most in (
            ("compute_efficiency", file.compute_quality, 1.0),
            ("attention_efficiency", file.attention_quality, 1.0),
            ("memory_efficiency", file.memory_quality, 1.0),
            ("dispatch_factor", file.dispatch_quality, UNLIMITED),
            ("vector_efficiency", 1.0, UNLIMITED),
            ("link_efficiency", 1.0, 1.0),
        )
    }
    allreduce = _reached(file.allreduce_us, getattr(of_class, "allreduce_us", 0.0), file.allreduce_quality)
    core = file.core_bandwidth or getattr(of_class, "core_bandwidth", None)
    smoothness = _reached(file.roof_smoothness, getattr(of_class, "roof_smoothness", 0.0), 1.0)
    return Engine(
        **reached,
        roof_smoothness=smoothness,
        kv_efficiency=file.kv_efficiency,
        kv_reread=file.kv_reread,
        rereads=file.kv_reread > 0,
        compute_8bit=file.compute_8bit,
        compute_4bit=file.compute_4bit,
        compute_experts=file.compute_experts,
        memory_quantized=file.memory_quantized,
        by_format=any(x != 1 for x in (file.compute_8bit, file.compute_4bit, file.memory_quantized)),
        expand_rows=file.expand_rows or 0.0,
        expands=file.expand_rows is not None,
        attention_lanes=file.attention_lanes,
        laned=file.attention_lanes > 0,
        repack_flops=file.repack_flops,
        repacks=file.repack_flops > 0 or file.unpack_work != 1,
        unpack_work=file.unpack_work,
        vector_rows=file.vector_rows,
        expert_vector_tokens=file.expert_vector_tokens,
        gemv=file.vector_rows > 0,
        elementwise_efficiency=file.elementwise_efficiency,
        step=file.step_us * MICRO,
        sequence=file.sequence_us * MICRO,
        request=file.request_ms * MILLI,
        tensor_parallel=file.tensor_parallel,
        threads=file.threads or UNLIMITED,
        core_bandwidth=core or UNLIMITED,
        threaded=file.threads is not None,
        tile_rows=file.tile_rows,
        tiled=file.tile_rows > 0,
        chunk_tokens=file.chunk_tokens or 0.0,
        capped=file.power_cap,
        spreads=_spreads(file, of_class),
        tables=_tables(file.operator_efficiencies),
        chunked=file.chunk_tokens is not None,
        chunk_shared=file.chunk_shared,
        logits=file.logits,
        allreduce_latency=allreduce * MICRO,
        split_step=file.split_step_us * MICRO,
        context=file.context_ns * NANO,
        convert_flops=file.fp8_convert_flops,
        converts=False,  # until the cache is known
        split=file.tensor_parallel > 1,
        memory_utilization=file.memory_utilization,
        runtime_memory=file.runtime_gb * GIGA,
        smooth=smoothness > 0,
        scope=file.roofline_scope,
        fusion=tuple(name for name in FUSIONS if name in file.fusion),
    )


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
        if bucket not in BUCKETS:
            raise unknown("engine.operator_efficiencies: operator", bucket, BUCKETS)
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
