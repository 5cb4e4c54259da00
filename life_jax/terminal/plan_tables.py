"""A plan on the terminal: ranked rows, why the others lose, what is nearest, and the front as characters."""

import csv
import math
import sys
from typing import TYPE_CHECKING, Any, TextIO

from life_jax.planner.designs import MEANINGS
from life_jax.terminal import plan_neighbours, tables
from life_jax.terminal.layout import Column

if TYPE_CHECKING:
    from life_jax.studies.plan_result import Plan, Row

USUAL_ROWS = 12
MILLI = 1e-3
LABELLED, MOST_COLOURS = 12, 10  # rows that the picture names, devices that its legend has
MARKS, WIDE, HIGH = "123456789abcdefghijklmnopqrstuvwxyz", 60, 12


def show(plan: "Plan") -> None:
    """Print a plan as text."""
    study = plan.study
    top = study.view.top or (len(plan.rows) if study.view.all_rows else USUAL_ROWS)
    if plan.rows:
        _table(plan, plan.rows[:top], _title(plan))
        if len(plan.rows) > top:
            tables.say(f"{len(plan.rows) - top} more rows meet and are not dominated: top=N, rows=all or format=json")
        _advice(plan)
        plan_neighbours.show(plan)
    elif plan.nearest is not None:
        _table(plan, [plan.nearest], ["NOTHING MEETS what is asked; the nearest design"])
        _relaxed(plan)
    else:
        tables.say("NOTHING of the space can be: no engine, no units or no layout")
    lines = [(str(count), name, MEANINGS[name]) for name, count in plan.rejected.items()]
    print()
    title = f"{len(plan.rows)} of {plan.space} designs are left; {plan.found.forecast} had to be forecast"
    columns = [("designs", "right"), ("out", "left"), ("because", "left")]
    tables.table(columns, lines, title) if lines else tables.say(title)
    if plan.untried:
        counts = ", ".join(f"{name} ({count} designs in question)" for name, count in plan.untried.items())
        tables.say(f"not tried beside the formats: {counts}; also=[{','.join(plan.untried)}] tries them")
    if len(plan.rows) > 2:
        picture(plan, plan.rows[:top])


def _relaxed(plan: "Plan") -> None:
    """What has to be asked, all of it at once, so that the nearest design does."""
    relax = dict(plan.relax)
    if (needed := relax.pop("memory", None)) is not None:
        tables.say(f"nothing fits: this one needs {tables.digits(needed, 3)} times the memory that there is")
    if relax:
        words = " ".join(f"{name}={tables.digits(value)}" for name, value in relax.items())
        tables.say(f"it would do with {words}" if needed is None else f"besides it misses {words}")


def _title(plan: "Plan") -> list[str]:
    asked = plan.found.designs.question
    at = f" p{asked.percentile:g}" if plan.loaded else ""
    parts = [", ".join(dict.fromkeys(row.model for row in plan.rows))]
    parts += [f"{name}{at} <= {tables.digits(limit)} s" for name, limit in asked.targets.items()]
    parts += [f"quality >= {asked.quality:g}"] if asked.quality is not None else []
    parts += [f"{name} <= {limit:g}" for name, limit in asked.budgets.items()]
    parts += [f"at {100 * asked.confidence:g} % confidence"] if asked.confidence != 0.5 else []
    return [*parts, f"by {', '.join(asked.minimize)}"]


def _times(plan: "Plan", row: "Row") -> tuple[float, float]:
    suffix = f"_p{plan.found.designs.question.percentile:g}" if plan.loaded else ""
    return row.metrics[f"ttft{suffix}"], row.metrics[f"tpot{suffix}"]


def _table(plan: "Plan", rows: Any, title: list[str]) -> None:
    def column(heading: str, values: list[float], digits: int = 3, rank: int = 0) -> Column:
        return Column(heading, [tables.digits(value, digits) for value in values], right=True, rank=rank)

    times = [_times(plan, row) for row in rows]
    columns = [
        Column("", [str(row.rank) for row in rows], right=True, key=True),
        Column("design", [_design(plan, row) for row in rows], wraps=True),
        column("TTFT ms", [ttft / MILLI for ttft, _ in times]),
        column("TPOT ms", [tpot / MILLI for _, tpot in times]),
        column("quality", [row.metrics["quality"] for row in rows]),
        column("USD", [row.metrics["price"] for row in rows]),
    ]
    targets = bool(plan.found.designs.question.targets)
    columns += [column("meets", [row.meets for row in rows], 2)] if targets else []
    columns.append(column("memory", [row.metrics["memory_part"] for row in rows], 2, rank=5))
    columns += [column("regret USD", [row.metrics["regret"] for row in rows], 3, rank=6)] if targets else []
    columns.append(column("USD/h", [row.metrics["usd_per_hour"] for row in rows], 3, rank=7))
    if plan.loaded:
        columns.append(column("used", [row.metrics["utilization"] for row in rows], 2, rank=4))
    tables.table(columns, (), title, "format=json has them")


def _design(plan: "Plan", row: "Row") -> str:
    return plan_neighbours.design_name(plan, row.place)


def _advice(plan: "Plan") -> None:
    """What to choose where the forecast may be wrong, and what the next rows bring for their price."""
    first = plan.rows[0]
    known = [row for row in plan.rows if math.isfinite(row.metrics["regret"])]
    if known:
        least = min(known, key=lambda row: (row.metrics["regret"], row.rank))
        if least.rank != first.rank:
            tables.say(
                f"least regret where the forecast is wrong: row {least.rank}, {_design(plan, least)} "
                f"({tables.digits(least.metrics['regret'], 3)} USD on average, row 1 "
                f"{tables.digits(first.metrics['regret'], 3)})"
            )
    price = first.metrics["price"]
    dearer = next((row for row in plan.rows if row.metrics["price"] > price), None)
    if dearer is not None:
        name, at = ("TTFT", 0) if math.isnan(_times(plan, first)[1]) else ("TPOT", 1)
        faster = _times(plan, dearer)[at] / _times(plan, first)[at]
        kept = [tables.digits(row.metrics["quality"], 3) for row in (dearer, first)]
        dear = dearer.metrics["price"] / price
        quality = "the same quality" if kept[0] == kept[1] else f"quality {kept[0]} instead of {kept[1]}"
        tables.say(
            f"row {dearer.rank} costs {dear:.2g} times row 1, with {tables.digits(faster, 3)} times its {name} and "
            f"{quality}"
        )


def picture(plan: "Plan", rows: Any) -> None:
    """Price against TPOT, both in logarithms, or quality against TPOT where all cost the same: a character a row."""
    by_price = len({row.metrics["price"] for row in rows}) > 1
    sides = [math.log(row.metrics["price"]) if by_price else row.metrics["quality"] for row in rows]
    points = [(x, _times(plan, row)[1], row.rank) for x, row in zip(sides, rows, strict=True)]
    points = [(x, y, rank) for x, y, rank in points if math.isfinite(x) and 0 < y < math.inf and rank <= len(MARKS)]
    if len({x for x, _, _ in points}) < 2:
        return
    low_x, high_x = (f(x for x, _, _ in points) for f in (min, max))
    low_y, high_y = (f(math.log(y) for _, y, _ in points) for f in (min, max))
    cells = [[" "] * WIDE for _ in range(HIGH)]
    for x, y, rank in reversed(points):
        column = round((x - low_x) / (high_x - low_x) * (WIDE - 1))
        line = round((high_y - math.log(y)) / ((high_y - low_y) or 1) * (HIGH - 1))
        cells[line][column] = MARKS[rank - 1]
    by = "price in USD (both logarithmic)" if by_price else "quality"
    print(f"TPOT ms of the rows above, by {by}")
    for number, marks in enumerate(cells):
        value = math.exp(high_y - number * (high_y - low_y) / (HIGH - 1)) / MILLI
        label = tables.digits(value, 3) if number in (0, HIGH - 1) else ""
        print(f"{label:>8} |{''.join(marks)}".rstrip())
    ends = [tables.digits(math.exp(x) if by_price else x, 3) for x in (low_x, high_x)]
    print(f"{'':8} +{'-' * WIDE}\n{'':9} {ends[0]}{ends[1]:>{WIDE - len(ends[0])}}")


def figure(plan: "Plan") -> Any:
    """A figure of the rows: TPOT against price, a colour for each device."""
    from matplotlib.figure import Figure

    drawn = Figure(figsize=(8, 5))
    axes = drawn.add_subplot()
    prices = [row.metrics["price"] for row in plan.rows]
    times = [_times(plan, row)[1] / MILLI for row in plan.rows]
    for device in dict.fromkeys(row.hw for row in plan.rows):
        own = [i for i, row in enumerate(plan.rows) if row.hw == device]
        axes.plot([prices[i] for i in own], [times[i] for i in own], "o", label=device, alpha=0.7)
    first = {row.metrics["price"]: row for row in reversed(plan.rows)}  # of each price
    for row in list(first.values())[-LABELLED:]:
        at = row.metrics["price"], _times(plan, row)[1] / MILLI
        text = f"{row.rank}: {row.devices} x {row.opt}"
        axes.annotate(text, at, fontsize=7, textcoords="offset points", xytext=(4, 4))
    axes.set(xscale="log", yscale="log", xlabel="price [USD]", ylabel="TPOT [ms]", title="  |  ".join(_title(plan)))
    if len({row.hw for row in plan.rows}) <= MOST_COLOURS:
        axes.legend(fontsize=8)
    return drawn


def rows(plan: "Plan", form: str, file: TextIO | None = None) -> None:
    """Print or write all rows as csv or md."""
    out = sys.stdout if file is None else file
    names = list(dict.fromkeys(name for row in plan.rows for name in row.metrics))
    head = ["rank", "hw", "devices", "tp", "pp", "ep", "dp", "cp", "engine", "model", "opt", "concurrency", "meets"]
    lines = []
    for row in plan.rows:
        own = [row.rank, row.hw, row.devices, *row.layout, row.engine, row.model, row.opt, row.concurrency, row.meets]
        lines.append([_cell(value) for value in (*own, *(row.metrics[name] for name in names), " ".join(row.words))])
    head += [*names, "words"]
    if form == "csv":
        csv.writer(out, lineterminator="\n").writerows([head, *lines])
        return
    for line in (head, ["---"] * len(head), *lines):
        print("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |", file=out)


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.7g}"
    return str(value)
