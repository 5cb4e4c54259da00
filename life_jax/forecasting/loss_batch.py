"""The batch at which speculation turns into a loss."""

from dataclasses import replace
from typing import Any

import numpy as np

from life_jax.core.numerics import Number, exp, log, where
from life_jax.core.pytree import map_leaves
from life_jax.core.scenario import Scenario
from life_jax.forecasting.request import Run
from life_jax.serving.step_law import last_axis

BATCHES = 2.0 ** (np.arange(29) / 2)  # 1 to 16384
ROUNDING = 1e-5  # of the logarithm of a speed-up, in float32


def loss_batch(scenario: Scenario) -> Number:
    """The smallest batch [1] at which drafts make a token slower than none, whatever fits; infinite where they never
    do so up to 16384.

    Between the batches that are tried the logarithm of the speed-up is taken as a line.
    """
    if scenario.speculation.is_off:
        return float("inf") + 0.0 * scenario.workload.batch
    wide: Scenario = map_leaves(last_axis, scenario)
    wide = replace(wide, workload=replace(wide.workload, batch=BATCHES))
    run = Run(wide)
    gain: Any = log(run.plain.tpot / run.tpot)
    gain = where((gain < ROUNDING) & (gain > -ROUNDING), 0.0, gain)
    batch: Number = float("inf") + 0.0 * gain[..., 0]
    for index in reversed(range(len(BATCHES) - 1)):
        low, high = gain[..., index], gain[..., index + 1]
        crosses = (low >= 0) & (high < 0)
        part = low / where(crosses, low - high, 1.0)
        step = np.log(BATCHES[index + 1] / BATCHES[index])
        batch = where(crosses, exp(np.log(BATCHES[index]) + part * step), batch)
    return where(gain[..., 0] < 0, 1.0, batch)
