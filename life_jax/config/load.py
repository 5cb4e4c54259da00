"""The load of a file as the load of a scenario."""

from collections.abc import Mapping, Sequence
from typing import Any

from life_jax.config.schema.errors import ConfigError, unknown
from life_jax.config.schema.files import LoadFile
from life_jax.core.scenario import Load, RequestClass
from life_jax.core.units import UNLIMITED
from life_jax.serving.lengths import LogNormal, Mixture


def requests(file: LoadFile | None) -> Load:
    """The checked load; no load where there is no file. Raises ConfigError for what is no percentile or no table."""
    if file is None:
        return Load()
    percentile: Any = file.percentile
    if isinstance(percentile, bool) or not isinstance(percentile, int | float) or not 0 < percentile < 100:
        raise ConfigError(f"load.percentile is {percentile!r:.60}; it must be a number above 0 and below 100")
    return Load(
        rate=file.rate,
        concurrency=file.concurrency,
        burst=file.burst,
        prompt_cv=file.prompt_cv,
        output_cv=file.output_cv,
        cached=file.cached,
        hits=file.hit_rate,
        replicas=file.replicas,
        prefill_replicas=file.prefill_replicas,
        router=file.router,
        requests=file.requests,
        ttft_limit=file.ttft_limit or UNLIMITED,
        tpot_limit=file.tpot_limit or UNLIMITED,
        prompts=_mixture(file.prompts, "load.prompts"),
        outputs=_mixture(file.outputs, "load.outputs"),
        percentile=file.percentile,
        classes=_classes(file),
        observed=_observed(file),
    )


OF_ALL = {"cached": 0, "hit_rate": 1, "prompt_cv": 0, "output_cv": 0}  # with what they are unless typed
CLASS = ("share", "prompt", "prompt_cv", "output", "output_cv", "cached", "ttft", "tpot")  # numbers of a class


def _classes(file: LoadFile) -> tuple[RequestClass, ...]:
    if not file.classes:
        return ()
    names = [str(name) for name in file.class_names]
    if len(names) != len(file.classes) or len(set(names)) < len(names):
        raise ConfigError(
            f"load.class_names has {', '.join(names) or 'none'}; a name of its own for each class is needed"
        )
    whole = sum(float(row[0]) for row in file.classes)
    return tuple(_class(name, row, whole) for name, row in zip(names, file.classes, strict=True))


def _class(name: str, row: Sequence[float], whole: float) -> RequestClass:
    share, prompt, prompt_cv, output, output_cv, cached, ttft, tpot = map(float, row)
    return RequestClass(
        share=share / whole,
        prompt=LogNormal(prompt, prompt_cv),
        output=LogNormal(output, output_cv),
        cached=cached,
        ttft_limit=ttft or UNLIMITED,
        tpot_limit=tpot or UNLIMITED,
        name=name,
    )


def _observed(file: LoadFile) -> str:
    if file.observed and file.observed not in file.class_names:
        raise unknown("load.of=", file.observed, [str(name) for name in file.class_names])
    return file.observed


def refuse_contradictions(file: LoadFile, axes: Mapping[str, Any], *, needed: bool) -> None:
    """Raise ConfigError where requests arrive by two rules at once, or by none although some are needed.

    axes: values by key, in the unit of the file.
    """
    rate, concurrency = (getattr(file, key) or key in axes for key in ("rate", "concurrency"))
    if rate and concurrency:
        raise ConfigError("load.rate and load.concurrency are both given; requests arrive by one of them")
    if (file.requests or "requests" in axes) and not concurrency:
        raise ConfigError("load.requests is of a benchmark that keeps a number of requests up; give load.concurrency")
    if needed and not (rate or concurrency):
        raise ConfigError(
            "rate=, concurrency= or load.trace= is missing: how do requests arrive? rate=4 is four a second, "
            "concurrency=32 keeps 32 up"
        )
    for key in ("rate", "concurrency"):
        if key in axes and not min(axes[key]) > 0:
            raise ConfigError(f"axes.{key} has {min(axes[key]):g}; with no requests there is nothing to see: above 0")
    for key, usual in OF_ALL.items():
        if file.classes and (key in axes or getattr(file, key) != usual):
            raise ConfigError(f"load.{key}= is of all requests, load.class.NAME.* of each; give it to them")
    for which, rows in (("prompt", file.prompts or file.classes), ("output", file.outputs or file.classes)):
        for key in (f"{which}_tokens", f"{which}_cv"):
            if rows and key in axes:
                given = "classes" if file.classes else f"{which}s"
                raise ConfigError(f"axes.{key} and load.{given} both say how long a {which} is; drop one of them")


def _mixture(rows: Sequence[Sequence[float]], where: str) -> tuple[Mixture, ...]:
    """Lengths of a table [[tokens, part], ...], shortest first; the parts may have any sum."""
    if not rows:
        return ()
    for row in rows:
        if not isinstance(row, list) or len(row) != 2 or not all(isinstance(x, int | float) and x > 0 for x in row):
            raise ConfigError(f"{where} has {row}; [tokens, part] is needed, both above 0")
    whole = sum(part for _, part in rows)
    lengths, parts = zip(*sorted(map(tuple, rows)), strict=True)
    return (Mixture(tuple(map(float, lengths)), tuple(part / whole for part in parts)),)
