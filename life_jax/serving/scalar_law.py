"""The time of one step after another on plain numbers, a tenth of the time that arrays of one number take."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from life_jax.roofline.roofs import roof
from life_jax.serving.law_nodes import CHUNKS, LOW_ENDS, POSITIONS, SEQUENCES, SPANS, STARTS, Nodes
from life_jax.serving.step_law import CappedLaw, Law, StepLoad, TabulatedLaw

Seconds = Callable[[StepLoad], float]
STARTS_OF, LOW_ENDS_OF, SPANS_OF = STARTS.tolist(), LOW_ENDS.tolist(), SPANS.tolist()
VALUES = {nodes: nodes.values.tolist() for nodes in (SEQUENCES, POSITIONS, CHUNKS)}


def seconds_of(law: Law) -> Seconds:
    """A function of steps of plain numbers that gives the law's seconds [s]; the law holds for a single scenario."""
    if isinstance(law, CappedLaw):
        free, joules = seconds_of(law.free), seconds_of(law.joules)
        room, smoothness = float(law.room), float(law.smoothness)
        return lambda load: float(roof(free(load), joules(load) / room, smoothness))
    if isinstance(law, TabulatedLaw) and law.batch == law.more == 0 and law.ranks == 1 and law.stages == 1:
        return _Tabulated.of(law).seconds
    return lambda load: float(law.seconds(load))


@dataclass(frozen=True)
class _Tabulated:
    """TabulatedLaw in lists."""

    low: list[float]
    high: list[float]
    head_low: list[float]
    head_high: list[float]
    decode: list[list[float]]
    prefill: list[list[float]]
    numbers: tuple[float, ...]  # launches, host's step, sequence and context, groups, operators that it starts
    shared: tuple[list[float], list[float]] | None

    @staticmethod
    def of(law: TabulatedLaw) -> "_Tabulated":
        """The lists of a law."""

        def listed(table: Any) -> Any:
            return np.asarray(table, float).tolist()

        names = ("launch_decode", "launch_prefill", "step", "sequence", "context", "groups", "launched")
        return _Tabulated(
            low=listed(law.low),
            high=listed(law.high),
            head_low=listed(law.head_low),
            head_high=listed(law.head_high),
            decode=listed(law.decode),
            prefill=listed(law.prefill),
            numbers=tuple(float(getattr(law, name)) for name in names),
            shared=None if law.shared_low is None else (listed(law.shared_low), listed(law.shared_high)),
        )

    def seconds(self, load: StepLoad) -> float:
        """Time of a step [s]."""
        launch_decode, launch_prefill, step, sequence, context, groups, launched = self.numbers
        decoding, prompts, prefilling = (float(x) for x in (load.decoding, load.prompts, load.prefilling))
        verified = float(load.verified)
        host, total = step + sequence * (decoding + prefilling) + context * float(load.contexts), 0.0
        tokens, rows = verified + prompts, verified + float(load.ended)
        total += _by_tokens(self.low, self.high, tokens)
        if self.shared is not None:
            others = tokens if load.others is None else float(load.others)
            total += _by_tokens(*self.shared, (tokens + (groups - 1) * others) / groups)
        if rows > 0:
            total += _by_tokens(self.head_low, self.head_high, rows)
        if decoding > 0:
            position = float(load.contexts) / decoding - 1
            total += launch_decode + decoding * _between(self.decode, SEQUENCES, decoding, position)
        if prompts > 0:
            chunk = prompts / max(prefilling, 1.0)
            past = max(float(load.pairs) / prompts - (chunk + 1) / 2, 0.0)
            host += context * prefilling * (past + chunk)
            total += launch_prefill + prompts * _between(self.prefill, CHUNKS, chunk, past)
            total = max(total, launched)
        return host + total


def _by_tokens(low: list[float], high: list[float], tokens: float) -> float:
    index = min(max(bisect_left(STARTS_OF, tokens) - 1, 0), len(STARTS_OF) - 1)
    part = min(max((tokens - LOW_ENDS_OF[index]) / SPANS_OF[index], 0.0), 1.0)
    return low[index] + (high[index] - low[index]) * part


def _bracket(nodes: Nodes, value: float) -> tuple[int, float]:
    values = VALUES[nodes]
    index = min(max(bisect_right(values, value) - 1, 0), len(values) - 2)
    return index, max((value - values[index]) / (values[index + 1] - values[index]), 0.0)


def _between(table: list[list[float]], rows: Nodes, row: float, position: float) -> float:
    i, u = _bracket(rows, row)
    j, v = _bracket(POSITIONS, position)
    first, second = table[i], table[i + 1]
    return (1 - u) * ((1 - v) * first[j] + v * first[j + 1]) + u * ((1 - v) * second[j] + v * second[j + 1])
