"""The time of one scenario by operator, in float64 and from the same formulas as a sweep."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from life_jax.core.cost import Cost
from life_jax.core.graph import Op
from life_jax.core.numerics import Number, is_fixed_at
from life_jax.core.places import HERE
from life_jax.core.scenario import UNPUBLISHED, Scenario
from life_jax.core.schedule import Passes
from life_jax.forecasting import places
from life_jax.forecasting.request import Run
from life_jax.forecasting.step import disk_seconds, host_seconds, overhead
from life_jax.models import decoder
from life_jax.roofline.roofs import Terms


@dataclass(frozen=True)
class OperatorRow:
    """An operator of a step.

    repeats [1]: executions in the step; cost: of one execution; seconds [s]: of one execution; share [1]: part of the
    step's time, all repeats together; bound: the one of BOUNDS that takes longest
    """

    name: str
    repeats: float
    cost: Cost
    seconds: float
    share: float
    bound: str
    place: int = HERE

    @property
    def intensity(self) -> float:
        """Arithmetic intensity [FLOP/byte]: operations per byte moved; 0 where no byte is moved."""
        return float(self.cost.flops / self.cost.bytes) if self.cost.bytes else 0.0


@dataclass(frozen=True)
class StepTable:
    """A step: its operators, their total cost, and its seconds [s].

    Host time, messages between devices, waits of a pipeline and what a power limit adds are rows without cost.
    """

    operators: tuple[OperatorRow, ...]
    total: Cost
    seconds: float


def prefill_table(scenario: Scenario) -> StepTable:
    """The whole prefill, all chunks together; an operator's figures are the mean of its executions.

    Its times are NaN on a device without a published compute rate, as TTFT is.
    """
    run = Run(scenario)
    if scenario.handover.on:
        table = prefill_table(run.prefilling.scenario)
        return _waiting(_beside(table, [], float(run.transfer), "transfer"), float(run.contention[0]))
    in_stages = float(run.ttft) if scenario.engine.parallelism.in_pipeline else None
    table = _table(run, run.prefill, float(scenario.engine.host.request), in_stages)
    if run.drafting is not None:
        draft = run.drafting.run
        table = _beside(table, [(1.0, _table(draft, draft.prefill))])
    if scenario.device.rates["linear"] < UNPUBLISHED:
        return table
    nowhere = tuple(replace(row, seconds=math.nan, share=math.nan) for row in table.operators)
    return replace(table, operators=nowhere, seconds=math.nan)


def decode_table(scenario: Scenario) -> StepTable:
    """The first step after the prompt, which attends past + prompt + 1 positions; with drafts, all that makes and
    verifies them."""
    run = Run(scenario)
    first = Passes(run.decode.first)
    in_stages = float(run.in_stages(first)) if scenario.engine.parallelism.in_pipeline else None
    table = _table(run, (first,), in_stages=in_stages)
    if scenario.speculation.is_off:
        return _waiting(table, float(run.contention[1]))
    drafting = run.drafting
    tables = [] if drafting is None else [
        (float(repeats), _table(drafting.run, (Passes(passes.first),))) for repeats, passes in drafting.passes
    ]  # fmt: skip
    return _waiting(_beside(table, tables, float(run.drafting_host)), float(run.contention[1]))


def _waiting(table: StepTable, seconds: float) -> StepTable:
    """The table with the seconds [s] in which another processor reads the memory that both share."""
    return _beside(table, [], seconds, "contention") if seconds else table


BOUND_OF = {"transfer": "link", "contention": "memory"}


def _beside(
    table: StepTable, drafts: list[tuple[float, StepTable]], host: float = 0.0, name: str = "drafting_host"
) -> StepTable:
    """The table of a step and of the passes of a draft, as (number, table of one); host [s]: of what `name` names."""
    seconds = table.seconds + host + sum(repeats * draft.seconds for repeats, draft in drafts)
    total, rows = table.total, list(table.operators)
    for repeats, draft in drafts:
        total = total + draft.total.times(repeats)
        prefix = "draft" if len(drafts) == 1 else f"draft_{'first' if draft is drafts[0][1] else 'more'}"
        rows += [replace(row, name=f"{prefix}_{row.name}", repeats=repeats * row.repeats) for row in draft.operators]
    if host:
        rows.append(OperatorRow(name, 1.0, Cost(), host, 0.0, BOUND_OF.get(name, "host")))
    shares = [replace(row, share=row.repeats * row.seconds / seconds) for row in rows if row.repeats]
    return StepTable(tuple(shares), total, seconds)


def _table(run: Run, every: tuple[Passes, ...], once: float = 0.0, in_stages: float | None = None) -> StepTable:
    """Table of all these passes together; once [s]: host time of the whole request, which these passes include.

    in_stages [s]: time of all micro-batches in a pipeline, of one of which the operators are; the rest of it, waits for
    stages and messages between them, is a row.
    """
    scenario = run.scenario
    seconds, host, link, disk, waited = once, once, 0.0, 0.0, 0.0
    executions: dict[tuple[str, int, int], list[tuple[float, Op]]] = {}
    total = Cost()
    for passes in (p for p in every if p.count):
        middle = passes.middle
        streams = bool(run.streams(passes))
        graph = run.here.graph(middle) if streams else run.graph(middle)
        seconds += float(passes.count * run.mean_seconds(passes))
        waited += float(passes.count * run.power_wait(passes))
        of_host = float(sum(host_seconds(scenario, middle).values()))
        host += float(passes.count) * (of_host + float(run.launch_wait(passes)))
        beside = run.here.scenario if streams else scenario
        of_disk = float(disk_seconds(scenario, middle))
        disk += float(passes.count) * of_disk
        link += float(passes.count) * (float(overhead(beside, middle)) - of_host - (0.0 if streams else of_disk))
        link += float(passes.count * run.streamed(passes)[1]) if streams else 0.0
        total = total + graph.cost.times(passes.count)
        for op in (op for op in graph if op.repeats):
            executions.setdefault((op.name, op.block, op.place), []).append((float(passes.count * op.repeats), op))
    rest = 0.0 if in_stages is None else in_stages - seconds
    seconds += rest
    halves = _of_halves(run, every) if in_stages is None else 0.0
    rows = [_row(by_shape, scenario, seconds) for by_shape in executions.values()]
    # stages wait for messages and for one another; a power limit slows clocks down
    for name, spent, bound in (
        ("host", host, "host"), ("link", link, "link"), ("disk", disk, "link"), ("pipeline", rest, "link"),
        ("two_batches", halves, "link"), ("power_limit", waited, "compute"),
    ):  # fmt: skip
        if spent:
            rows.append(OperatorRow(name, 1.0, Cost(), spent, spent / seconds, bound))
    return StepTable(tuple(rows), total, seconds)


def _of_halves(run: Run, every: tuple[Passes, ...]) -> float:
    """Seconds [s] that two halves of a batch take beyond the whole of it, one operator after another; negative where
    messages are hidden."""
    if is_fixed_at(run.scenario.engine.parallelism.two_batches, 0):
        return 0.0
    return sum(float(p.count * (run.mean_seconds(p) - run.one_after_another(p))) for p in every if p.count)


def _row(by_shape: list[tuple[float, Op]], scenario: Scenario, total: float) -> OperatorRow:
    """Row of an operator from its executions, (number, operator) by passes of different shapes; total [s]: of the
    step."""
    executions = sum(n for n, _ in by_shape)
    times = [(n, places.terms(scenario, [op])[0]) for n, op in by_shape]
    seconds = sum(n * float(t.seconds(scenario.engine.efficiency.roof_smoothness)) for n, t in times) / executions
    cost = by_shape[0][1].cost
    if len(by_shape) > 1:
        cost = Cost()
        for n, op in by_shape:
            cost = cost + op.cost.times(n / executions)
    most = max(times, key=lambda pair: pair[0])[1]
    op, share = by_shape[0][1], executions * seconds / total
    name = op.name if op.place == HERE else f"{op.name}@host"
    return OperatorRow(name, executions, cost, seconds, share, _binds(most), op.place)


def _binds(t: Terms) -> str:
    """The longest of compute, memory and dispatch."""
    sides = {"compute": float(t.compute), "memory": float(t.memory), "dispatch": float(t.dispatch)}
    return max(sides, key=lambda bound: sides[bound])


def as_json(scenario: Scenario, labels: Mapping[str, str]) -> dict[str, Any]:
    """The object of `explain format=json`: counts as integers, seconds as floats.

    labels: names of device, model and options, which come first.
    """
    model = scenario.architecture
    return {
        **labels,
        "parameters": {
            "total": _whole(decoder.parameter_count(model)),
            "active": _whole(decoder.active_parameter_count(model)),
        },
        "weight_bytes": _whole(decoder.weight_bytes(model, scenario.precision)),
        "kv_bytes_per_token": _whole(decoder.kv_bytes_per_token(model, scenario.precision)),
        "prefill": _step_json(prefill_table(scenario)),
        "decode": _step_json(decode_table(scenario)),
    }


def _step_json(table: StepTable) -> dict[str, Any]:
    return {
        "matmul_flops": _whole(table.total.matmul_flops),
        **_counts(table.total),
        "seconds": _known(table.seconds),
        "operators": [
            {
                "name": row.name,
                "repeats": _number(row.repeats),
                "matmul_flops": _whole(row.cost.matmul_flops),
                **_counts(row.cost),
                "seconds": _known(row.seconds),
                "share": _known(row.share),
                "intensity": _known(row.intensity),
                "bound": row.bound,
                **({"place": "host"} if row.place != HERE else {}),
            }
            for row in table.operators
        ],
    }


def _counts(cost: Cost) -> dict[str, float]:
    return {
        "flops": _whole(cost.flops),
        "bytes_read": _whole(cost.bytes_read),
        "bytes_written": _whole(cost.bytes_written),
        "dispatches": _number(float(cost.dispatches)),
    }


def _known(value: float) -> float | None:
    """The value, or None for NaN and infinity, which JSON does not have."""
    return value if math.isfinite(value) else None


def _whole(value: Number) -> int:
    """The nearest whole number. Raises OverflowError where there is none: numbers too large met on the way."""
    if math.isnan(float(value)):
        raise OverflowError("NaN has no whole number")
    return round(float(value))


def _number(value: float) -> float:
    """A whole number as one. Raises OverflowError for what is not finite."""
    return value if math.isfinite(value) and not float(value).is_integer() else _whole(value)
