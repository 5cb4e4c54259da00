"""python -m life_jax.explain: where the time of one scenario goes, operator by operator."""

import json
import math
from typing import TYPE_CHECKING

from life_jax.config.schema.errors import ConfigError
from life_jax.config.words import take
from life_jax.terminal import command, result_columns, tables, verification
from life_jax.terminal.layout import Column
from life_jax.terminal.progress import waiting

ENDS = ("ttft_low", "ttft_high", "tpot_low", "tpot_high")

if TYPE_CHECKING:
    from life_jax.forecasting.breakdown import StepTable
    from life_jax.studies.study import Study


def main() -> None:
    """Run the command line."""
    command.guarded(explain, "explain")


def explain(words: list[str]) -> None:
    """Print one scenario, operator by operator, as two tables or (format=json) as one JSON object.

    Raises ConfigError for words that make no sense or more than one scenario.
    """
    import numpy as np

    from life_jax.forecasting import breakdown
    from life_jax.studies.loading import load

    form, rest = take(words, "format", command.OUTPUT_FORMATS)
    with waiting("checking the question"):
        study = load(rest, primary="explain")
    if len(study.cases) > 1 or study.axes:
        what = f"axes.{next(iter(study.axes))}" if study.axes else f"{len(study.cases)} cases"
        raise ConfigError(f"explain takes one model, one device and one stack, not {what}; life_jax.sweep takes grids")
    command.warn(study.warnings)
    case = study.cases[0]
    with np.errstate(all="ignore"):
        if form == "json":
            labels = {"model": case.model, "hw": case.hw, "opt": case.opt}
            print(json.dumps(breakdown.as_json(case.scenario, labels), indent=1))
            return
        _text(study)


def _text(study: "Study") -> None:
    from life_jax.forecasting import breakdown
    from life_jax.forecasting.memory import FAR, memory
    from life_jax.forecasting.metrics import forecast
    from life_jax.forecasting.speculation import accepted, verified
    from life_jax.models import decoder

    case = study.cases[0]
    s, w = case.scenario, case.scenario.workload
    weights = float(decoder.weight_bytes(s.architecture, s.precision))
    kv = float(decoder.kv_bytes_per_token(s.architecture, s.precision))
    count = tables.engineering(float(decoder.parameter_count(s.architecture)))
    constant = result_columns.constant_words(study, ("prompt_tokens", "batch"))
    sizes = f"{count} parameters, {tables.engineering(weights, 'B')} of weights"
    tables.heading([*constant, sizes, f"{tables.engineering(kv, 'B')} of KV cache per token"])
    print()
    _step(f"prefill: {w.batch:g} x {w.prompt_tokens:g} tokens", breakdown.prefill_table(s))
    positions = w.past_tokens + w.prompt_tokens + 1
    drafts = s.speculation
    each = (
        "1 token"
        if drafts.is_off
        else f"{float(verified(drafts)):g} tokens, of which {float(accepted(drafts)):.4g} stay"
    )
    _step(f"first decode step: {w.batch:g} x {each}, attending {positions:g} positions", breakdown.decode_table(s))
    names = ("ttft", "tpot", "tps", "memory", "fits_memory", "max_batch", "max_context", *ENDS)
    whole = {name: float(value) for name, value in forecast(s, names).items()}
    room = memory(s).available
    tables.say(
        f"TTFT {tables.engineering(whole['ttft'], 's')}, TPOT {tables.engineering(whole['tpot'], 's')}, "
        f"TPS {tables.digits(whole['tps'])} tok/s, memory {tables.digits(whole['memory'] / 1e9)} GB of "
        f"{tables.digits(float(room) / 1e9)} GB ({'fits' if whole['fits_memory'] else 'DOES NOT FIT'}; "
        f"room for batch {whole['max_batch']:.0f} of this length, "
        f"or {'any number of' if whole['max_context'] >= FAR else round(whole['max_context'])} positions at this batch)"
    )
    for sentence in verification.basis(case, case.keys.engine, whole):
        tables.say(sentence)


def _step(title: str, table: "StepTable") -> None:
    """Print a step, an operator a row; cells have prefixes of their own, since operators differ by powers of ten."""
    number, operators, t = tables.engineering, table.operators, table.total

    def column(heading: str, cells: list[str], total: str, *, rank: int = 0, right: bool = True) -> Column:
        return Column(heading, [*cells, total], right, rank=rank)

    dispatches = [f"{float(row.cost.dispatches):g}" for row in operators]
    shares = ["-" if math.isnan(row.share) else f"{100 * row.share:.1f}" for row in operators]
    columns = [
        Column("operator", [*(row.name for row in operators), "whole step"], key=True, wraps=True),
        column("repeats", [f"{row.repeats:g}" for row in operators], "", rank=2),
        column("FLOP", [number(float(row.cost.flops)) for row in operators], number(float(t.flops)), rank=3),
        column(
            "read", [number(float(r.cost.bytes_read), "B") for r in operators], number(float(t.bytes_read), "B"), rank=4
        ),
        column(
            "written", [number(float(row.cost.bytes_written), "B") for row in operators],
            number(float(t.bytes_written), "B"), rank=5,
        ),
        column("dispatches", dispatches, f"{float(t.dispatches):g}", rank=7),
        column("FLOP/B", [tables.digits(row.intensity, 3) for row in operators], "", rank=6),
        column("time", [number(row.seconds, "s") for row in operators], number(table.seconds, "s")),
        column("share %", shares, ""),
        column("binds", [row.bound for row in operators], "", right=False),
    ]  # fmt: skip
    tables.table(columns, (), title, "format=json has them")


if __name__ == "__main__":
    main()
