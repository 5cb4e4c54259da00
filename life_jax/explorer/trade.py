"""What devices, models, stacks and batches trade against each other: speed, price, energy and quality."""

from collections.abc import Mapping
from typing import Any

from life_jax.explorer.evaluation import evaluated
from life_jax.explorer.plain_data import command, labels, number_list, plain, reason, study_of
from life_jax.explorer.questions import Question

TRADED = (
    "ttft", "tpot", "tps", "throughput", "e2e", "price", "cost_per_mtoken", "energy_per_token", "quality", "memory",
    "fits_memory",
)  # fmt: skip
BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256)


def trade(question: Question, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Metrics of every combination at several batches, a point each. settings: batches, numbers of sequences."""
    batches = number_list(settings, "batches", BATCHES)
    words = question.words({"batch": batches}, metrics=TRADED)
    study = study_of(words)
    values = evaluated(study, TRADED)
    (at,) = [i for i, axis in enumerate(study.axes) if axis == "batch"]
    points = []
    for cell, case in enumerate(study.cells):
        if case is None:
            continue
        of = {name: column[cell].swapaxes(0, at).reshape(len(batches), -1)[:, 0] for name, column in values.items()}
        named = labels(study, cell)
        points += [
            {**named, "batch": batch, **{name: plain(name, float(column[i])) for name, column in of.items()}}
            for i, batch in enumerate(batches)
        ]
    return {
        "points": points,
        "cannot": [f"{' '.join(labels(study, cell).values()).strip()}: {reason(study, cell)}"
                   for cell, case in enumerate(study.cells) if case is None],
        "warnings": list(study.warnings),
        "commands": [command(words)],
    }  # fmt: skip
