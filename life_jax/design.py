"""python -m life_jax.design: the cheapest design that meets targets."""

import json
from typing import TYPE_CHECKING, Any

from life_jax.config.words import take
from life_jax.terminal import command, tables

if TYPE_CHECKING:
    from life_jax.analysis.inverse_design import Design
    from life_jax.studies.case import Case


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
    study = load(rest, primary="design")
    questions = problems(study)
    command.warn(study.warnings)
    answers = [(case, cheapest(problem), curve(problem)) for case, problem in zip(study.cases, questions, strict=True)]
    best = min((a for a in answers if a[1].met), key=lambda a: a[1].cost, default=None)
    if form == "json":
        objects = [_json(*a) for a in answers]
        together = {"best": best and best[0].label, "answers": objects}
        print(json.dumps(together if len(objects) > 1 else objects[0], indent=1))
        return
    for case, answer, line in answers:
        _text(case, answer, line)
    if len(answers) > 1:
        print(f"cheapest: {best[0].label}" if best else "NO DESIGN of any of them meets the targets")


def _json(case: "Case", answer: "Design", line: list[tuple[float, "Design"]]) -> dict[str, Any]:
    return {
        "model": case.model, "hw": case.hw, "opt": case.opt,
        "met": answer.met, "minimize": answer.problem.minimize, "cost": answer.cost, "numbers": dict(answer.numbers),
        "values": dict(answer.values), "shadow": dict(answer.shadow), "at_bound": dict(answer.at_bound),
        "curve": [
            {"factor": factor, "met": d.met, "cost": d.cost, "numbers": dict(d.numbers)} for factor, d in line
        ],
    }  # fmt: skip


def _text(case: "Case", answer: "Design", line: list[tuple[float, "Design"]]) -> None:
    from life_jax.config.schema import axis_table
    from life_jax.forecasting.metrics import METRICS, forecast

    question = answer.problem
    unit = METRICS[question.minimize].units
    before = float(forecast(question.scenario, (question.minimize,))[question.minimize])
    verdict = "" if answer.met else "NO DESIGN within the ranges meets the targets; nearest:  "
    title = f"{case.label}  |  {verdict}{question.minimize} {answer.cost:.4g} {unit} (as the file has it: {before:.4g})"
    rows: list[tuple[str, ...]] = []
    for parameter, (low, high) in zip(question.parameters, question.ranges, strict=True):
        now = float(parameter.get(question.scenario))
        number, its_unit = answer.numbers[parameter.key], axis_table.facts(parameter.key).get("unit", "1")
        end = {"low": "lowest allowed", "high": "highest allowed"}.get(answer.at_bound.get(parameter.key, ""), "")
        ratio = f"{number / now:.3g} x" if now else "-"
        rows.append((parameter.key, its_unit, f"{now:.5g}", f"{number:.5g}", ratio, f"{low:.4g} .. {high:.4g}", end))
    columns = [("number", "left"), ("unit", "left"), ("now", "right"), ("design", "right"), ("", "right")]
    tables.table([*columns, ("range", "right"), ("", "left")], rows, title)
    rows = []
    for target in question.targets:
        value = answer.values[target.metric]
        limit = 1.0 if target.metric == "fits_memory" else target.value
        binds = abs(value / limit - 1) < 1e-3
        sign = ">=" if target.sign < 0 and target.metric != "fits_memory" else "<="
        fine = (value - limit) * (-1 if sign == ">=" else 1) <= 1e-3 * limit
        name = "memory needed / there is" if target.metric == "fits_memory" else target.metric
        state = ("binds" if binds else "slack") if fine else f"missed by {100 * abs(value / limit - 1):.3g} %"
        price = f"{answer.shadow[target.metric]:.3g} %" if answer.met else "-"
        rows.append((name, sign, f"{limit:.4g}", f"{value:.4g}", state, price))
    heading = f"1 % of slack saves, {question.minimize}"
    columns = [("target", "left"), ("", "left"), ("asked", "right"), ("design", "right"), ("", "left")]
    tables.table([*columns, (heading, "right")], rows)
    lines = []
    for factor, relaxed in line:
        numbers = [f"{relaxed.numbers[parameter.key]:.4g}" if relaxed.met else "-" for parameter in question.parameters]
        lines.append((f"{factor:g} x", f"{relaxed.cost:.4g}" if relaxed.met else "none", *numbers))
    keys = [(parameter.key, "right") for parameter in question.parameters]
    tables.table([("targets as lax", "right"), (f"{question.minimize} [{unit}]", "right"), *keys], lines)


if __name__ == "__main__":
    main()
