"""Why the designs next to the first row of a plan are not it, as a table on the terminal."""

import math
from typing import TYPE_CHECKING

from life_jax.config.plan_question import DISAGGREGATED
from life_jax.planner import misses
from life_jax.planner.neighbours import Neighbour
from life_jax.planner.space import Layout
from life_jax.terminal import tables

if TYPE_CHECKING:
    from life_jax.studies.plan_result import Plan

MILLI = 1e-3
UNITS = {"usd": "USD", "usd_per_hour": "USD/h", "watt": "W"}


def show(plan: "Plan") -> None:
    """Print what speaks against each neighbour of the first row; of several layouts of as many devices, the best."""
    if not plan.rows[0].neighbours:
        return
    lines: dict[tuple[object, ...], tuple[str, str, str]] = {}
    for near in plan.rows[0].neighbours:
        design = plan.design(near.place)
        layout = Layout(**design["layout"])
        key = near.step, design["hw"], layout.devices, design["opt"], design["engine"], design["concurrency"]
        named = design_name(plan, near.place)
        if near.step in plan.study.axes:
            named = f"{near.step}={plan.found.designs.points[plan.found.designs.point[near.place]][near.step]:g}"
        lines.setdefault(key, (near.step, named, why(plan, near)))
    columns = [("differs", "left"), ("instead of row 1", "left"), ("is", "left")]
    print()
    tables.table(columns, list(lines.values()), end="")


def design_name(plan: "Plan", place: int) -> str:
    """2 x l40s tp=2, int4+kv_fp8, vllm; 2+2 where as many devices prefill; with its model where there are several."""
    designs = plan.found.designs
    one, layout = designs.candidates[designs.case[place]], designs.layouts[designs.layout[place]]
    count = f"{layout.devices}+{layout.devices}" if DISAGGREGATED in one.opt.split("+") else str(layout.devices)
    model = f"{one.model} on " if len(plan.study.composed.model) > 1 else ""
    return f"{model}{count} x {' '.join([one.hw, *layout.words])}, {one.opt}, {one.engine}"


def why(plan: "Plan", near: Neighbour) -> str:
    """What a design misses, by how much; else what it costs and brings beside the answer."""
    if near.missed:
        return ", ".join(_missed(plan, word, factor) for word, factor in near.missed.items())
    ratio = {name: tables.digits(value, 2) for name, value in near.ratios.items()}
    said = [f"{ratio['price']} x the price" if near.ratios["price"] != 1 else "the same price"]
    said += [f"{name.upper()} {ratio[name]} x" for name in ("ttft", "tpot") if not math.isnan(near.ratios[name])]
    if near.less and math.isfinite(near.less):
        said.append(f"quality {-near.less:+.2g}")
    rank = next((row.rank for row in plan.rows if row.place == near.place), None)
    return ", ".join(said) + (f": row {rank}" if rank is not None else "")


def _missed(plan: "Plan", word: str, factor: float) -> str:
    """TPOT 61 ms > 50 ms (1.2 x)."""
    question = plan.found.designs.question
    times = f"({tables.digits(factor, 2)} x)"
    if word == misses.RATE:
        return f"saturated: serves {tables.digits(1 / factor, 2)} of the rate"
    if word == "memory":
        return "does not fit " + (times if math.isfinite(factor) else "")
    if word == "quality":
        kept = question.quality / factor if question.quality is not None and math.isfinite(factor) else math.nan
        return f"quality {tables.digits(kept, 3)} < {question.quality:g}"
    kind, _, key = word.partition(".")
    limit = misses.asked(question, word)
    scale, unit = (MILLI, "ms") if kind == "target" else (1.0, UNITS[key])
    surely = f" at {100 * question.confidence:g} %" if kind == "target" and question.confidence != 0.5 else ""
    if math.isinf(factor):
        return f"{key.upper()} without bound{surely}"
    name = key.upper() if kind == "target" else "costs" if key != "watt" else "takes"
    needed, most = (f"{tables.digits(number / scale, 3)} {unit}" for number in (limit * factor, limit))
    return f"{name} {needed}{surely} > {most} {times}"
