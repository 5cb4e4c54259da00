"""How far forecasts of rows that a fit has not seen are off: what is left out, and what that says.

Each scheme leaves out groups of rows one after the other: devices, sources (publishers), or a regime on purpose
(longest contexts, largest batches, mixtures of experts). Rows of a group are forecast with constants by class and by
engine that were fitted to the others. Nothing is known of single devices.
"""

import numpy as np

from life_jax.config import conf_files
from life_jax.config.schema.model_file import ModelFile

NOISE, SOFT = 0.20, 0.10  # of the logarithm of a cell's mean; where the loss turns from square to absolute
LARGE_SOURCE = 12  # cells from which on a source is left out alone
SMALL_FOLDS = 4  # of all other sources
LONG_CONTEXT, LARGE_BATCH, BEYOND_SHORT = 4096, 16, 1024
RESAMPLED = 2000


def without_devices(panel, x):
    """The constants of a forecast: nothing is known of single devices."""
    own = sum(panel.sizes[4:])
    return np.concatenate([x[:-own], panel.prior[-own:]])


def left_out(panel, start, groups):
    """Seconds of all rows, those of each group by a fit to the rows of the other groups; groups: label of each row,
    "" where a row is never left out."""
    held = np.full(len(panel.measured), np.nan)
    for group in sorted(set(groups) - {""}):
        test = groups == group
        x = panel.fit(panel.weight(~test), noise=NOISE, soft=SOFT, start=start)
        held[test] = panel.time(without_devices(panel, x))[test]
    return held


def by_device(panel, folds):
    """Folds of devices."""
    devices = sorted(set(panel.devices))
    return np.array([f"{devices.index(d) % folds}" for d in panel.devices])


def by_source(panel):
    """Sources, of which small ones are left out together."""
    sources = panel.rows.sources
    cells = {source: len({c for c, s in zip(panel.cells, sources, strict=True) if s == source}) for source in sources}
    small = sorted(source for source, count in cells.items() if count < LARGE_SOURCE)
    fold = {source: f"small {i % SMALL_FOLDS}" for i, source in enumerate(small)}
    return np.array([fold.get(source, source) for source in sources])


def regimes(panel):
    """Rows of a regime that is left out on purpose, by its name."""
    settings = panel.settings
    context = np.array([s.past_tokens + s.prompt_tokens for s in settings])
    large = np.array([s.batch > LARGE_BATCH for s in settings])
    experts = np.array([_has_experts(s.model) for s in settings])
    return {
        f"contexts over {LONG_CONTEXT}": context > LONG_CONTEXT,
        f"batches over {LARGE_BATCH}": large,
        "mixtures of experts": experts,
        f"contexts over {BEYOND_SHORT}": context > BEYOND_SHORT,
    }


def _has_experts(model):
    file = conf_files.file("model", model, ModelFile)
    return bool(file.num_experts)


def balanced_errors(ratio, device, pair, cell):
    """Mean over pairs of device and engine of their cells' errors [%], and its 5 and 95 % quantiles when devices are
    drawn anew; all by row: forecast over measured time, device, pair and cell."""
    errors = {}
    for name in sorted(set(pair)):
        rows = pair == name
        cells = [np.mean(np.abs(ratio[rows & (cell == c)] - 1)) for c in sorted(set(cell[rows]))]
        errors.setdefault(device[rows][0], []).append(100 * np.mean(cells))
    sums = np.array([[np.sum(e), len(e)] for e in errors.values()])
    random = np.random.default_rng(0)
    drawn = sums[random.integers(0, len(sums), (RESAMPLED, len(sums)))].sum(1)
    low, high = np.quantile(drawn[:, 0] / drawn[:, 1], (0.05, 0.95))
    return sums[:, 0].sum() / sums[:, 1].sum(), low, high
