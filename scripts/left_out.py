"""Rows that a fit had not seen (HELD.csv of scripts/fit_efficiency.py), and what was measured like them in that fit."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
from accuracy_page import Held
from judge_fit import by_source
from measured_ranges import context, has_experts, ranges
from panel_rows import load

from life_jax.config import conf_files, support
from life_jax.config.support import BATCH, CONTEXT, EXPERTS, Build
from life_jax.measurements.rows import MEASURED_TIMES

# columns of regimes that were left out on purpose -> the reason for which a forecast of them is extrapolated
REGIMES = {"regime_0": CONTEXT, "regime_1": BATCH, "regime_2": EXPERTS}


class LeftOut:
    """The rows with their settings, folds of sources, and the reasons for which the fit to the other folds had nothing
    like them."""

    def __init__(self, held: Path, data: Path) -> None:
        self.held = Held(held)
        rows = load(data)
        of = {s.id: (s, cell) for s, cell in zip(rows.settings, rows.cells, strict=True)}
        gone = [name for name in self.held.text["id"] if name not in of]
        if gone:
            raise SystemExit(f"{held}: rows such as {gone[0]} are not in {data}, or are not understood any more")
        self.settings = [of[name][0] for name in self.held.text["id"]]
        self.kind, self.classes = self.held.text["kind"], self.held.text["class"]
        cells = [of[name][1] for name in self.held.text["id"]]
        self.fold = by_source(SimpleNamespace(rows=SimpleNamespace(sources=self.held.text["source"]), cells=cells))
        self.supports = self._supports()

    def _supports(self) -> list[tuple[str, ...]]:
        """Reasons of each row."""
        found: list[tuple[str, ...]] = [()] * len(self.settings)
        for fold in sorted(set(self.fold)):
            of = ranges(s for s, f in zip(self.settings, self.fold, strict=True) if f != fold)
            for i in np.flatnonzero(self.fold == fold):
                found[i] = tuple(self._reasons(i, of))
        return found

    def _reasons(self, i: int, of: support.Fits) -> list[str]:
        s, time = self.settings[i], MEASURED_TIMES[self.kind[i]]
        build = Build(s.engine, conf_files.efficiency_class(s.hw), has_experts(s.model), support.year_of(s.date))
        limits = support.support(build, time, of, {})
        return [
            *support.reasons(build, time, of),
            *[CONTEXT] * (context(s, self.kind[i]) > limits.context),
            *[BATCH] * (s.batch > limits.batch),
        ]

    def factors(self, widening: dict[str, dict[str, float]]) -> np.ndarray:
        """By how much the interval of each row is wider than that of its class [1]."""
        times = [MEASURED_TIMES[kind] for kind in self.kind]
        return np.array(
            [
                max([support.factor(reason, time, widening) for reason in reasons], default=1.0)
                for reasons, time in zip(self.supports, times, strict=True)
            ]
        )
