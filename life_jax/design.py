"""python -m life_jax.design: the cheapest design that meets targets."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from life_jax.config.words import take
from life_jax.terminal import command, result_columns, tables
from life_jax.terminal.layout import Column
from life_jax.terminal.progress import waiting

if TYPE_CHECKING:
    from life_jax.analysis.inverse_design import Design, Problem
    from life_jax.core.scenario import Scenario
    from life_jax.studies.case import Case
    from life_jax.studies.study import Study


def main() -> None:
    """Run the command line."""
    command.guarded(design, "design")


def design(words: list[str]) -> None:
    """Print the cheapest design that meets the targets as tables or (format=json) as one JSON object.

    Several devices, models or stacks get a design each, and the cheapest of them is named. Where no design meets the
    targets, that is printed; it is no error. Raises ConfigError for words that make no sense.
    """
    from life_jax.analysis.design_question import problems
    from life_jax.analysis.inverse_design import cheapest, curve
    from life_jax.studies.loading import load

    form, rest = take(words, "format", command.OUTPUT_FORMATS)
    with waiting("checking the question"):
        study = load(rest, primary="design")
        questions = problems(study)
    command.warn(study.warnings)
    unpriced = dict.fromkeys(key for question in questions for key in not_priced(question))
    if unpriced:
        minimized = study.composed.settings["minimize"]
        command.warn(
            [f"free={','.join(unpriced)}: {minimized} does not depend on it; it is not priced and costs nothing"]
        )
    answers = []
    for number, (case, problem) in enumerate(zip(study.cases, questions, strict=True), 1):
        which = f" {number} of {len(questions)}" if len(questions) > 1 else ""
        with waiting(f"searching the cheapest design{which}: {case.label}"):
            answer = cheapest(problem)
            answers.append((case, answer, curve(problem, known=answer)))
    best = min((a for a in answers if a[1].met), key=lambda a: a[1].cost, default=None)
    if form == "json":
        objects = [_json(*a) for a in answers]
        together = {"best": best and best[0].label, "answers": objects}
        print(json.dumps(together if len(objects) > 1 else objects[0], indent=1))
        return
    for case, answer, line in answers:
        _text(study, case, answer, line)
    if len(answers) > 1:
        print(f"cheapest: {best[0].label}" if best else "NO DESIGN of any of them meets the targets")


def _json(case: "Case", answer: "Design", line: list[tuple[float, "Design"]]) -> dict[str, Any]:
    return {
        "model": case.model, "hw": case.hw, "opt": case.opt,
        "met": answer.met, "minimize": answer.problem.minimize, "cost": answer.cost, "numbers": dict(answer.numbers),
        "not_priced": list(not_priced(answer.problem)),
        "values": dict(answer.values), "shadow": dict(answer.shadow), "at_bound": dict(answer.at_bound),
        "curve": [
            {"factor": factor, "met": d.met, "cost": d.cost, "numbers": dict(d.numbers)} for factor, d in line
        ],
    }  # fmt: skip


def _text(study: "Study", case: "Case", answer: "Design", line: list[tuple[float, "Design"]]) -> None:
    from life_jax.config.schema import axis_table
    from life_jax.forecasting.metrics import forecast

    number = tables.digits
    question = answer.problem
    cost = _with_unit(question.minimize)
    before = float(forecast(question.scenario, (question.minimize,))[question.minimize])
    verdict = "" if answer.met else "NO DESIGN within the ranges meets the targets; nearest:  "
    words = result_columns.constant_words(study, study.case_dimensions)
    title = [case.label, *words, f"{verdict}{cost} {number(answer.cost)} (as the file has it: {number(before)})"]
    free_of_charge = not_priced(question)
    rows: list[tuple[str, ...]] = []
    for parameter, (low, high) in zip(question.parameters, question.ranges, strict=True):
        now = float(parameter.get(question.scenario))
        value, unit = answer.numbers[parameter.key], axis_table.facts(parameter.key).get("unit", "1")
        end = {"low": "lowest", "high": "highest"}.get(answer.at_bound.get(parameter.key, ""), "")
        end = ", ".join(filter(None, (end, "not priced" if parameter.key in free_of_charge else "")))
        ratio = f"{number(value / now, 3)} x" if now else "-"
        allowed = f"{number(low)}..{number(high)}"
        rows.append((
            parameter.key, result_columns.UNITS.get(unit, unit), number(now), number(value, 5), ratio, allowed, end,
        ))  # fmt: skip
    headings = ("number", "unit", "now", "design", "ratio", "allowed", "remark")
    tables.table(_columns(headings, rows, "llrrrrl"), (), title)
    rows = []
    for target in question.targets:
        value = answer.values[target.metric]
        limit = 1.0 if target.metric == "fits_memory" else target.value
        binds = abs(value / limit - 1) < 1e-3
        sign = ">=" if target.sign < 0 and target.metric != "fits_memory" else "<="
        fine = (value - limit) * (-1 if sign == ">=" else 1) <= 1e-3 * limit
        name = "memory needed / there is" if target.metric == "fits_memory" else _with_unit(target.metric)
        state = ("binds" if binds else "slack") if fine else f"missed by {100 * abs(value / limit - 1):.3g} %"
        price = f"{number(answer.shadow[target.metric], 3)}" if answer.met else "-"
        rows.append((name, f"{sign} {number(limit)}", number(value), state, price))
    judged = ("target", "asked", "design", "state", f"{question.minimize} saved % by 1 % of slack")
    tables.table(_columns(judged, rows, "lrrlr"))
    lines = []
    for factor, relaxed in line:
        numbers = [number(relaxed.numbers[parameter.key]) if relaxed.met else "-" for parameter in question.parameters]
        lines.append((f"{factor:g} x", number(relaxed.cost) if relaxed.met else "none", *numbers))
    keys = [parameter.key for parameter in question.parameters]
    tables.table(_columns(("targets as lax", cost, *keys), lines, "r" * (2 + len(keys))))


def not_priced(question: "Problem") -> tuple[str, ...]:
    """Keys of the free numbers on which what is minimized does not depend: more of them costs nothing."""
    from life_jax.forecasting.metrics import forecast

    def cost(scenario: "Scenario") -> float:
        return float(forecast(scenario, (question.minimize,))[question.minimize])

    now = cost(question.scenario)
    changed = {p.key: p.set(question.scenario, 1.5 * float(p.get(question.scenario))) for p in question.parameters}
    return tuple(key for key, scenario in changed.items() if cost(scenario) == now)


def _with_unit(metric: str) -> str:
    from life_jax.forecasting.metrics import METRICS

    unit = METRICS[metric].units
    return f"{result_columns.heading(metric)} {result_columns.UNITS.get(unit, unit)}".strip()


def _columns(headings: Sequence[str], rows: Sequence[Sequence[str]], sides: str) -> list[Column]:
    """sides: r or l for each column; the first says which row it is."""
    return [
        Column(heading, [row[i] for row in rows], sides[i] == "r", key=i == 0) for i, heading in enumerate(headings)
    ]


if __name__ == "__main__":
    main()
