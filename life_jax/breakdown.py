"""Where the time of one scenario goes, operator by operator. In float64, from the same formulas."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from life_jax import schedule
from life_jax.cost import Cost
from life_jax.graph import Op
from life_jax.models import decoder
from life_jax.pipeline import overhead, step_graph
from life_jax.roofline import BOUNDS, Terms, step_seconds, step_terms, terms
from life_jax.schedule import Step
from life_jax.specs import UNPUBLISHED, Scenario


@dataclass(frozen=True)
class OperatorRow:
    """One operator: cost and seconds of one execution; `share` of the step's time, all repeats together."""

    name: str
    repeats: float
    cost: Cost
    seconds: float
    share: float
    bound: str

    @property
    def intensity(self) -> float:
        """FLOP per byte moved."""
        return float(self.cost.flops / self.cost.bytes) if self.cost.bytes else 0.0


@dataclass(frozen=True)
class StepTable:
    """One step: its operators (host time and collectives are one, without cost), total cost, and seconds."""

    operators: tuple[OperatorRow, ...]
    total: Cost
    seconds: float


def step_table(scenario: Scenario, step: Step, once: float = 0.0) -> StepTable:
    """once: seconds of the host that this step bears for the whole request."""
    graph = step_graph(scenario, step)
    device, engine = scenario.device, scenario.engine
    host = float(overhead(scenario, step)) + once
    seconds = float(step_seconds(step_terms(graph, device, engine), engine)) + host
    rows = [_row(op, scenario, seconds) for op in graph if op.repeats]
    if host:
        rows.append(OperatorRow("host_and_collectives", 1.0, Cost(), host, host / seconds, "dispatch"))
    return StepTable(tuple(rows), graph.cost, seconds)


def prefill_table(scenario: Scenario) -> StepTable:
    """Its times are NaN on a device without a published compute rate, as TTFT is."""
    table = step_table(scenario, schedule.prefill(scenario.workload), float(scenario.engine.request))
    if scenario.device.rates["linear"] < UNPUBLISHED:
        return table
    nowhere = tuple(replace(row, seconds=math.nan, share=math.nan) for row in table.operators)
    return replace(table, operators=nowhere, seconds=math.nan)


def decode_table(scenario: Scenario) -> StepTable:
    """The first step after the prompt: it attends past + prompt + 1 positions."""
    return step_table(scenario, schedule.decode(scenario.workload, 0.0))


def _row(op: Op, scenario: Scenario, total: float) -> OperatorRow:
    t = terms(op, scenario.device, scenario.engine)
    seconds = float(t.seconds(scenario.engine))
    return OperatorRow(op.name, float(op.repeats), op.cost, seconds, float(op.repeats) * seconds / total, _binds(t))


def _binds(t: Terms) -> str:
    sides = (float(t.compute), float(t.memory), float(t.dispatch))
    return BOUNDS[sides.index(max(sides))]


def as_json(scenario: Scenario, labels: Mapping[str, str]) -> dict[str, Any]:
    """The object of `explain format=json`: counts as integers, seconds as floats."""
    model = scenario.architecture
    return {
        **labels,
        "parameters": {
            "total": round(float(decoder.parameter_count(model))),
            "active": round(float(decoder.active_parameter_count(model))),
        },
        "weight_bytes": round(float(decoder.weight_bytes(model, scenario.precision))),
        "kv_bytes_per_token": round(float(decoder.kv_bytes_per_token(model, scenario.precision))),
        "prefill": _step_json(prefill_table(scenario)),
        "decode": _step_json(decode_table(scenario)),
    }


def _step_json(table: StepTable) -> dict[str, Any]:
    return {
        "matmul_flops": round(float(table.total.matmul_flops)),
        **_counts(table.total),
        "seconds": _known(table.seconds),
        "operators": [
            {
                "name": row.name,
                "repeats": _number(row.repeats),
                "matmul_flops": round(float(row.cost.matmul_flops)),
                **_counts(row.cost),
                "seconds": _known(row.seconds),
                "share": _known(row.share),
                "intensity": row.intensity,
                "bound": row.bound,
            }
            for row in table.operators
        ],
    }


def _counts(cost: Cost) -> dict[str, float]:
    return {
        "flops": round(float(cost.flops)),
        "bytes_read": round(float(cost.bytes_read)),
        "bytes_written": round(float(cost.bytes_written)),
        "dispatches": _number(float(cost.dispatches)),
    }


def _known(value: float) -> float | None:
    """JSON has no NaN."""
    return None if math.isnan(value) else value


def _number(value: float) -> float:
    return int(value) if value == int(value) else value
