"""python -m life_jax.explain: where the time of one scenario goes, operator by operator."""

import json
import math
from typing import TYPE_CHECKING

from life_jax.config.schema.errors import ConfigError
from life_jax.config.words import take
from life_jax.terminal import command, tables

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
    study = load(rest, primary="explain")
    if len(study.cases) > 1 or study.axes:
        what = f"axes.{next(iter(study.axes))}" if study.axes else f"{len(study.cases)} cases"
        raise ConfigError(f"explain takes one model, one device and one stack, not {what}; life_jax.sweep takes grids")
    command.warn(study.warnings)
    case = study.cases[0]
    with np.errstate(all="ignore"):
        if form == "json":
            print(
                json.dumps(
                    breakdown.as_json(case.scenario, {"model": case.model, "hw": case.hw, "opt": case.opt}), indent=1
                )
            )
            return
        _text(study)


def _text(study: "Study") -> None:
    from life_jax.forecasting import breakdown
    from life_jax.forecasting.metrics import forecast
    from life_jax.models import decoder

    case = study.cases[0]
    s, w = case.scenario, case.scenario.workload
    weights = float(decoder.weight_bytes(s.architecture, s.precision))
    kv = float(decoder.kv_bytes_per_token(s.architecture, s.precision))
    count = tables.engineering(float(decoder.parameter_count(s.architecture)))
    print(
        f"{case.label}: {count} parameters, {tables.engineering(weights, 'B')} of weights, "
        f"{tables.engineering(kv, 'B')} of KV cache per token"
    )
    _step(f"prefill: {w.batch:g} x {w.prompt_tokens:g} tokens", breakdown.prefill_table(s))
    positions = w.past_tokens + w.prompt_tokens + 1
    _step(f"first decode step: {w.batch:g} x 1 token, attending {positions:g} positions", breakdown.decode_table(s))
    names = ("ttft", "tpot", "tps", "memory", "fits_memory", "max_batch", "max_context")
    whole = {name: float(value) for name, value in forecast(s, names).items()}
    room = s.device.memory * s.engine.memory.utilization
    print(
        f"TTFT {tables.engineering(whole['ttft'], 's')}   TPOT {tables.engineering(whole['tpot'], 's')}   "
        f"TPS {whole['tps']:.4g}   memory {whole['memory'] / 1e9:.4g} GB of {room / 1e9:.4g} GB "
        f"({'fits' if whole['fits_memory'] else 'DOES NOT FIT'}; "
        f"room for batch {whole['max_batch']:.0f} of this length, "
        f"or {whole['max_context']:.0f} positions at this batch)"
    )


def _step(title: str, table: "StepTable") -> None:
    columns = [("operator", "left"), ("repeats", "right"), ("FLOP", "right"), ("read", "right"), ("written", "right")]
    columns += [("dispatches", "right"), ("FLOP/B", "right"), ("time", "right"), ("share", "right"), ("binds", "left")]
    rows = [
        [
            row.name,
            f"{row.repeats:g}",
            tables.engineering(float(row.cost.flops)),
            tables.engineering(float(row.cost.bytes_read), "B"),
            tables.engineering(float(row.cost.bytes_written), "B"),
            f"{float(row.cost.dispatches):g}",
            f"{row.intensity:.3g}",
            tables.engineering(row.seconds, "s"),
            "-" if math.isnan(row.share) else f"{100 * row.share:.1f} %",
            row.bound,
        ]
        for row in table.operators
    ]
    t = table.total
    totals = [
        f"{float(t.flops):.6g}",
        tables.engineering(float(t.bytes_read), "B"),
        tables.engineering(float(t.bytes_written), "B"),
    ]
    rows.append(
        ["whole step", "", *totals, f"{float(t.dispatches):g}", "", tables.engineering(table.seconds, "s"), "", ""]
    )
    tables.table(columns, rows, title)


if __name__ == "__main__":
    main()
