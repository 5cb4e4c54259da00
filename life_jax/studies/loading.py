"""Words -> Study: Hydra composes, the schema checks, cases are built."""

import dataclasses
import itertools
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from life_jax.config import ranges
from life_jax.config import words as command_words
from life_jax.config.build import build
from life_jax.config.compose import Composed, compose
from life_jax.config.design_words import design_words
from life_jax.config.engine_fit import AUTO, why_impossible
from life_jax.config.load import refuse_contradictions
from life_jax.config.load_words import LoadWords, load_words, sweep_words, with_trace
from life_jax.config.option_numbers import refuse_dependent, refuse_values
from life_jax.config.options import own_cache, own_quantization
from life_jax.config.other_places import places
from life_jax.config.parameters import parameter_of
from life_jax.config.parts import Parts
from life_jax.config.plan_question import OFFLOAD, defaults, of_options_beside, with_defaults, without_beside
from life_jax.config.schema import axis_table, paths
from life_jax.config.schema.check import check_number
from life_jax.config.schema.errors import ConfigError, ImpossibleError
from life_jax.core.pytree import Absent
from life_jax.forecasting.metrics import METRICS
from life_jax.grid import eager
from life_jax.grid.reduction import Reduction
from life_jax.grid.sampling import Points, Span
from life_jax.studies import forecast_warnings, layouts, sensitivity_columns
from life_jax.studies.case import Case, Keys, Nowhere
from life_jax.studies.qualities import with_quality
from life_jax.studies.study import Study, View, Work

# what a small study has beside TTFT, TPOT and TPS, unless metrics= says what is wanted
USUAL = ("prefill_bound", "decode_bound", "memory", "fits_memory", "extrapolated")


def load(words: Iterable[str] = (), *, primary: str = "sweep", **keywords: Any) -> Study:
    """A checked Study from the words of the command line, such as ["hw=v100", "opt=int4"], from keywords, such as
    hw="v100", opt=["int4"], batch=8, or from both.

    keywords: a mapping stands for the keys below it, workload={"batch": 8} for workload.batch=8; lists may be arrays;
    None is not given. primary: the command whose words they are (sweep, explain, design, serve or plan). Raises
    ConfigError, a ValueError of one line that names what was typed and what would be accepted.
    """
    if isinstance(words, str):
        raise ConfigError("load() takes a list of words, such as load(['hw=v100', 'opt=int4'])")
    words = (*words, *command_words.from_keywords(keywords))
    if primary == "plan":
        words = tuple(with_defaults(words))
    of_load = load_words(words) if primary == "serve" else None
    numbers = sweep_words(words) if primary == "sweep" else design_words(words) if primary == "design" else words
    if primary == "plan":
        numbers = tuple(without_beside(words))
        _check_beside(words, numbers)
    if of_load is not None:
        numbers = with_trace(of_load)
    request = command_words.parse(numbers, verb=primary)
    composed = compose(request, primary=primary)
    if isinstance(composed.settings["out"], str):
        paths.refuse_read(paths.output(composed.settings["out"]), _read(request, of_load))
    settings = composed.settings
    drawn = {key: _span(key, typed) for key, typed in composed.axes.items() if ranges.is_span(typed)}
    simulated = of_load is not None and of_load.method == "simulate"  # which has a seed of its own
    points = ranges.points(settings["sample"], 0 if simulated and not drawn else settings["seed"], drawn)
    grid_axes = {key: _axis_values(key, typed) for key, typed in composed.axes.items() if key not in drawn}
    axes = {**grid_axes, **{key: np.array([span.low, span.high]) for key, span in drawn.items()}}  # for what is checked
    refuse_contradictions(composed.load, axes, needed=primary == "serve")
    settings = _without_dimensions(settings, axes, request)
    _refuse_simulated(of_load, settings)
    cells = tuple(_cells(composed, axes, request))
    possible = tuple(cell for cell in cells if isinstance(cell, Case))
    nowhere = tuple(cell for cell in cells if isinstance(cell, Nowhere))
    if not possible:
        raise nowhere[0].reason
    cases = sensitivity_columns.with_sensitivities(possible, composed, axes)
    _refuse_long_chunks(cases, composed, axes, request)
    _refuse_pools(cases, composed.load.prefill_replicas)
    devices = (*request.hw, *request.beside.values())
    warnings = dict.fromkeys(choice.note for choice in devices if choice.note)
    if primary != "plan":
        warnings.update(_warnings(cases, nowhere, composed, axes, _of_question(settings)))
    metrics = settings["metrics"]
    is_default = "metrics" not in request.plain and settings["reduction"] is None
    if is_default and of_load is None and _is_small(cases, grid_axes, points):
        metrics = (*metrics, *(name for name in USUAL if name not in metrics))
    far = forecast_warnings.range_warnings(cases, axes, metrics, settings["dtype"])
    has_table = primary != "plan" and (primary != "serve" or bool(axes))  # of numbers in the study's dtype
    warnings.update(dict.fromkeys(far if has_table else ()))
    return Study(
        words=words,
        composed=composed,
        cases=cases,
        nowhere={cell.labels: cell.reason.reason for cell in nowhere},
        axes=grid_axes,
        points=points,
        metrics=metrics,
        asked=settings["metrics"],
        dtype=settings["dtype"],
        out=settings["out"],
        overwrite=settings["overwrite"],
        warnings=tuple(warnings),
        reduction=_reduction(settings["reduction"], partial=bool(nowhere)),
        plots=settings["plot"],
        work=Work(**{key: settings[key] for key in ("compress", "lazy", "shard", "executor", "cluster", "workers")}),
        resolved=composed.resolved,
        view=View(**settings["view"]),
        scalars={key: value for key, value in request.scalars.items() if command_words.sets_number(key)},
        primary=primary,
        plan_question=settings.get("plan"),
        typed={group: {c.key: c.name for c in getattr(request, group)} for group in ("model", "hw")},
        stacks=dict(zip(composed.stacks, request.stacks, strict=True)),
        load_words=of_load,
    )


def _check_beside(words: tuple[str, ...], left: tuple[str, ...]) -> None:
    """Raise ConfigError for words of options beside formats that make no sense, whether a design needs them or not."""
    folders = [f"--config-dir={folder}" for folder in command_words.take_folders(words)[1]]
    for option, typed in of_options_beside(words, left).items():
        named = {pair[0] for word in typed if (pair := command_words.key_and_text(word)) is not None}
        place = [] if option != OFFLOAD or f"{OFFLOAD}.hw" in named else [f"{OFFLOAD}.hw={defaults()[OFFLOAD]['hw']}"]
        one = [f"hw={defaults()[OFFLOAD]['hw']}", f"opt={option}", *place, *typed, *folders]
        compose(command_words.parse(one), primary="sweep")


def _read(request: command_words.Request, of_load: LoadWords | None) -> Iterator[str | Path]:
    """Files that the words name; names of ours, which are none, among them."""
    chosen = (*request.hw, *request.model, *request.beside.values(), *((request.draft,) if request.draft else ()))
    yield from (choice.name for choice in chosen)
    yield from (*request.groups.values(), *request.engines.values())
    yield from (label for stack in request.stacks for label in stack)
    if of_load is not None and of_load.trace is not None:
        yield of_load.trace


def _warnings(
    cases: tuple[Case, ...],
    nowhere: tuple[Nowhere, ...],
    composed: Composed,
    axes: Mapping[str, np.ndarray],
    metrics: tuple[str, ...],
) -> dict[str, None]:
    """Lines for the user, each once, in their order. Raises ConfigError where no layout of the study is possible."""
    impossible = layouts.impossible(cases, axes)
    warnings: dict[str, None] = dict.fromkeys(w for case in cases for w in case.built.warnings)
    warnings.update(dict.fromkeys(forecast_warnings.nowhere_warnings(nowhere)))
    warnings.update(dict.fromkeys(forecast_warnings.pair_warnings(cases)))
    warnings.update(dict.fromkeys(forecast_warnings.support_warnings(cases, axes)))
    warnings.update(dict.fromkeys(impossible))
    warnings.update(dict.fromkeys(forecast_warnings.position_warnings(composed, axes)))
    warnings.update(dict.fromkeys(forecast_warnings.table_warnings(cases, axes)))
    warnings.update(dict.fromkeys(forecast_warnings.under_load_warnings(cases, composed, axes, metrics)))
    warnings.update(dict.fromkeys(forecast_warnings.power_warnings(cases, axes, metrics)))
    return warnings


def _of_question(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """Metrics that the question is about: those of a design's targets, and what it minimizes."""
    if "targets" not in settings:
        return settings["metrics"]  # type: ignore[no-any-return]
    return (*(metric for metric, _ in settings["targets"]), settings["minimize"])


def _without_dimensions(
    settings: Mapping[str, Any], axes: Iterable[str], request: command_words.Request
) -> Mapping[str, Any]:
    """The settings without metrics that have the name of an axis, which the file has already; one that was typed is
    refused."""
    dimensions = {axis_table.dimension(key) for key in axes}
    twice = [name for name in settings["metrics"] if name in dimensions]
    judged = settings["reduction"].metrics if settings["reduction"] is not None else ()
    for name in twice:
        if "metrics" in request.plain or name in judged:
            raise ConfigError(f"metrics=: {name} is an axis of this study, which the file holds anyway; leave it out")
    return {**settings, "metrics": tuple(name for name in settings["metrics"] if name not in dimensions)}


def _refuse_simulated(of_load: LoadWords | None, settings: Mapping[str, Any]) -> None:
    """Raise ConfigError for work that a simulation cannot be."""
    if of_load is None or of_load.method != "simulate":
        return
    if settings["lazy"] or settings["executor"] != "local":
        raise ConfigError("method=simulate computes here and now; lazy=true and executor= go with method=formula")
    if settings["elasticity"] or settings["gains"] or settings["gradients"]:
        raise ConfigError("elasticity=, gains= and gradients= are of formulas; give method=formula")


def _is_small(cases: tuple[Case, ...], axes: Mapping[str, np.ndarray], points: Points | None) -> bool:
    """Whether a study is small enough that what usually matters costs nothing beside what was asked for."""
    numbers = [len(values) for values in axes.values()] + ([] if points is None else [len(points)])
    return len(cases) * math.prod(numbers) <= eager.MOST_POINTS


def _reduction(reduction: Reduction | None, *, partial: bool) -> Reduction | None:
    return reduction and dataclasses.replace(reduction, partial=partial)


def _cells(
    composed: Composed, axes: Mapping[str, np.ndarray], request: command_words.Request
) -> Iterator[Case | Nowhere]:
    """In the order of the file's dimensions: model, then hw, then opt, then engine where several are compared."""
    parts = Parts()
    absent: Absent = {}
    settings = composed.settings
    typed_stacks = dict(zip(composed.stacks, request.stacks, strict=True))
    place = _Places(composed, typed_stacks)
    needs_quality = "plan" in settings or any(METRICS[name].needs == "quality" for name in settings["metrics"])
    for model, model_file in composed.model.items():
        own = own_quantization(model_file, request.folders, composed.settings["convention"])
        cache = own_cache(model_file, request.folders, composed.settings["convention"])
        decided = "kv_bits" in axes or "precision.kv_bits" in request.scalars
        for (hw, device_file), (opt, stack), (word, label) in itertools.product(
            composed.hw.items(), composed.stacks.items(), composed.engine_words.items()
        ):
            _refuse_decided(stack.sets, axes, request)
            engine = composed.automatic[hw, opt] if label == AUTO else label
            typed = {name: composed.labels[name][key] for name, key in (("model", model), ("hw", hw), ("opt", opt))}
            named: dict[str, Any] = {**typed, "engine": word if request.compares_engines else ""}
            where = f"{model} on {hw}"
            try:
                place.refuse(hw, opt, engine)
                shared: dict[str, Any] = {
                    "model": model_file, "workload": composed.workload, "load": composed.load,
                    "precision": composed.precision, "own": own, "own_cache": None if decided else cache,
                    "convention": composed.settings["convention"], "cost": composed.cost,
                }  # fmt: skip
                labels = typed_stacks[opt]
                built = build(
                    **shared,
                    device=device_file,
                    stack=stack,
                    draft=composed.draft,
                    beside=places(composed, engine, labels, stack, parts, **shared) if composed.beside else None,
                    engine=composed.engines[engine],
                    labels={"model": model, "hw": hw},
                    efficiency=(
                        composed.efficiency.get(device_file.efficiency_class)
                        if composed.engines[engine].efficiency == "class"
                        else None
                    ),
                    parts=parts,
                )
            except ImpossibleError as reason:
                yield Nowhere(tuple(label for label in named.values() if label), reason)
                continue
            if needs_quality:
                built = with_quality(built, composed, request, (model, hw, opt), axes)
            parameters = tuple(parameter_of(key, built, where) for key in axes)
            for parameter in parameters:
                if parameter.group is not None:
                    refuse_values(parameter.key, axes[parameter.key].tolist(), built.options, where)
            refuse_dependent(parameters, where)
            keys = Keys(model, hw, opt, engine)
            yield Case(**named, built=built, parameters=parameters, keys=keys, absent=absent)


class _Places:
    """Where engines run, and what they read: the same for all devices of a vendor and a class."""

    def __init__(self, composed: Composed, stacks: Mapping[str, tuple[str, ...]]) -> None:
        self._composed, self._stacks = composed, stacks
        self._why: dict[tuple[str, str, str, str], str | None] = {}

    def refuse(self, hw: str, opt: str, engine: str) -> None:
        """Raises ImpossibleError where the engine does not run on the device, or does not read the stack's files."""
        device = self._composed.hw[hw]
        key = engine, device.vendor, device.device_class, opt
        if key not in self._why:
            file = self._composed.engines[engine]
            self._why[key] = why_impossible(file, device, self._stacks[opt], self._composed.kinds)
        if (why := self._why[key]) is not None:
            raise ImpossibleError(f"hw.{hw}", why)


def _refuse_decided(sets: Mapping[str, str], axes: Mapping[str, np.ndarray], request: command_words.Request) -> None:
    """A number that an option decides can be neither an axis nor typed."""
    for key, option in sets.items():
        if key in axes:
            raise ConfigError(f"axes.{key} and opt.{option} both set {key}; drop one of them")
        for typed in (f"precision.{key}", f"engine.{key}"):
            if typed in request.scalars:
                raise ConfigError(f"{typed} and opt.{option} both set {key}; drop one of them")


def _refuse_pools(cases: tuple[Case, ...], prefill_replicas: float) -> None:
    """Raise ConfigError for replicas that prefill where no case has any."""
    if prefill_replicas != 1 and not any(case.built.scenario.handover.on for case in cases):
        raise ConfigError(
            "load.prefill_replicas is of prompts that are prefilled elsewhere (opt=disaggregated); "
            "load.replicas are those of everything"
        )


def _refuse_long_chunks(
    cases: tuple[Case, ...], composed: Composed, axes: Mapping[str, np.ndarray], request: command_words.Request
) -> None:
    """A chunk that was asked for, longer than every prompt of the study, divides none of them."""
    prompts = axes.get("prompt_tokens", np.array([composed.workload.prompt_tokens]))
    typed = "chunk_tokens" in axes or "engine.chunk_tokens" in request.scalars
    for case in cases:
        if not typed and "chunk_tokens" not in composed.stacks[case.keys.opt].sets:
            continue
        least = float(axes["chunk_tokens"].min()) if "chunk_tokens" in axes else case.scenario.engine.chunks.tokens
        if least > prompts.max():
            raise ConfigError(
                f"chunk_tokens is {least:g}, longer than the longest prompt ({prompts.max():g} tokens); "
                f"give a smaller chunk, such as engine.chunk_tokens={max(1, prompts.max() // 2):g}, or a longer prompt"
            )


def _axis_values(key: str, typed: Any) -> np.ndarray:
    where = f"axes.{key}"
    values = ranges.values(typed, where)
    if np.unique(values).size < values.size:
        raise ConfigError(f"{where} has a value twice; every value is a label of the result")
    for value in (values.min(), values.max()):
        check_number(float(value), axis_table.facts(key), where)
    return values


def _span(key: str, typed: str) -> Span:
    where = f"axes.{key}"
    span = ranges.span(typed, where)
    for value in (span.low, span.high):
        check_number(value, axis_table.facts(key), where)
    return span
