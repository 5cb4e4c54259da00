"""Which measurement of a machine would tell most next: the one that narrows forecasts of usual requests most.

A row narrows what is not known of the constants (posterior.py) before anybody measures it, since how it goes with them
is known. Usual requests are short and long prompts, decode at short and long contexts and of a batch, of the models and
formats that were measured.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from life_jax.config.schema.errors import ConfigError
from life_jax.measurements import calibration, calibration_priors, forecasts
from life_jax.measurements.posterior import narrowing, posterior
from life_jax.measurements.rows import Setting

PROMPTS = (128.0, 512.0, 4096.0)  # tokens
DECODES = ((1.0, 512.0), (1.0, 8192.0), (8.0, 512.0))  # sequences, tokens of context of each
OUTPUT = 128.0  # tokens of a decode row
MOST_MODELS = 3  # and formats, of those that were measured
LEAST = 0.005  # of a deviation: what narrows it by less is not worth a measurement
HEAD = "measure next"


@dataclass(frozen=True)
class NextRow:
    """A measurement: what it would be, and the deviation of the logarithm of forecasts of usual requests that comes
    from constants, on average, before and after it."""

    setting: Setting
    before: float
    after: float

    def __str__(self) -> str:
        s = self.setting
        on = " ".join((s.model, *s.stack))
        if s.kind == "TTFT":
            what = f"the prefill of {s.prompt_tokens:.0f} tokens"
        elif s.batch > 1:
            what = f"decode of {s.batch:.0f} sequences at {s.prompt_tokens:.0f} tokens of context"
        else:
            what = f"decode at {s.prompt_tokens:.0f} tokens of context"
        return f"{HEAD}: {what} ({on}); what is not known of this machine falls from {_of(self.before)} to " + _of(
            self.after
        )


def _of(deviation: float) -> str:
    return f"{100 * float(np.expm1(deviation)):.0f} %"


def usual_requests(settings: Sequence[Setting]) -> list[Setting]:
    """Rows of usual requests of the models and formats of some rows, which fit in the device's memory."""
    builds = list({(s.model, s.stack): s for s in reversed(settings)}.values())[::-1][:MOST_MODELS]
    found = []
    for s in builds:
        alone = replace(s, batch=1.0, past_tokens=0.0, output_tokens=1.0, value=1.0, load=None)
        prompts = [replace(alone, id="next", metric="ttft_s", prompt_tokens=n) for n in PROMPTS]
        decodes = [
            replace(alone, id="next", metric="tpot_s", batch=batch, prompt_tokens=context, output_tokens=OUTPUT)
            for batch, context in DECODES
        ]
        found += prompts + decodes
    fits = forecasts.fits(found)
    return [s for s, fitting in zip(found, fits, strict=True) if fitting]


def next_row(settings: Sequence[Setting]) -> NextRow | None:
    """The usual request whose measurement would narrow the others' forecasts most; None where none would.

    settings: rows of one device under one engine, one or more.
    """
    prior = calibration_priors.deviations(settings[0].hw, settings[0].engine)
    most = calibration.ceilings(calibration.start_of(settings[0]))
    fit = posterior(calibration.Residuals(settings).linear, prior, most, calibration_priors.errors(settings))
    usual = usual_requests(settings)
    if not usual or not np.isfinite(fit.covariance).all():
        return None
    _, slopes = calibration.Residuals(usual).linear(fit.mean)
    known = np.isfinite(slopes).all(axis=1)
    usual, slopes = [s for s, k in zip(usual, known, strict=True) if k], slopes[known]
    if not usual:
        return None
    variance = calibration_priors.errors(usual).variance
    after = np.sqrt(narrowing(slopes, slopes, fit.covariance, variance)).mean(axis=1)
    before = float(np.sqrt(np.einsum("ij,jk,ik->i", slopes, fit.covariance, slopes)).mean())
    best = int(after.argmin())
    return NextRow(usual[best], before, float(after[best])) if before - after[best] > LEAST else None


def of_one_machine(settings: Sequence[Setting]) -> NextRow | None:
    """The same of a table, where its rows are of one device and engine and none runs beside others; else None."""
    alone = [s for s in settings if s.load is None]
    if not alone or len({(s.hw, s.engine) for s in alone}) > 1:
        return None
    try:
        of = calibration.Residuals(alone)(np.zeros(len(calibration_priors.CONSTANTS)))
        known = [s for s, residual in zip(alone, of, strict=True) if np.isfinite(residual)]
        return next_row(known) if known else None
    except (ConfigError, np.linalg.LinAlgError):
        return None
