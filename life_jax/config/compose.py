"""The configs that a Request names, composed and checked."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from life_jax.config import conf_files
from life_jax.config.choices import Choice
from life_jax.config.composition import composed
from life_jax.config.engine_fit import AUTO
from life_jax.config.engine_fit import automatic as automatic_engine
from life_jax.config.options import stack as stack_of
from life_jax.config.ranges import is_span
from life_jax.config.schema import axis_table, paths, yaml_files
from life_jax.config.schema.check import check
from life_jax.config.schema.device_file import DeviceFile
from life_jax.config.schema.efficiency_file import OTHER_CLASS, EfficiencyFile
from life_jax.config.schema.engine_file import EngineFile
from life_jax.config.schema.errors import ConfigError, unknown
from life_jax.config.schema.files import CostFile, LoadFile, PrecisionFile, WorkloadFile
from life_jax.config.schema.model_file import ModelFile
from life_jax.config.settings import only_under_load
from life_jax.config.settings import settings as read_settings
from life_jax.config.study_words import sets_number
from life_jax.config.vocabulary import DEFAULT_ENGINE, DRAFT, OFFLOAD, PREFILL
from life_jax.config.words import Request
from life_jax.core.speculation import MODEL
from life_jax.grid.reduction import Reduction
from life_jax.optimizations import Optimization

OF_REQUESTS = ("workload", "load")  # sections of what requests bring, which no designer chooses


@dataclass(frozen=True)
class Composed:
    """Checked files and stacks by labels of ours, and the plain settings.

    labels: group (hw, model, opt; engine where several are compared) -> label of ours -> the word as typed.
    engines: files by label of ours, or path. engine_words: word as typed -> label, path or auto. automatic: what auto
    means on a device (label) under a stack (label). kinds: of options, by label. efficiency: files by class of device,
    where an engine asks for them. draft: the model that drafts; beside: devices
    by the word that names them (offload.hw, prefill.hw). resolved: all of it as data.
    """

    labels: Mapping[str, Mapping[str, str]]
    hw: Mapping[str, DeviceFile]
    model: Mapping[str, ModelFile]
    stacks: Mapping[str, Optimization]
    workload: WorkloadFile
    load: LoadFile
    precision: PrecisionFile
    engines: Mapping[str, EngineFile]
    engine_words: Mapping[str, str]
    automatic: Mapping[tuple[str, str], str]
    kinds: Mapping[str, str]
    cost: CostFile
    efficiency: Mapping[str, EfficiencyFile]
    draft: ModelFile | None
    beside: Mapping[str, DeviceFile]
    axes: Mapping[str, Any]
    settings: Mapping[str, Any]
    resolved: Mapping[str, Any]

    def __repr__(self) -> str:
        """How many files of each group there are."""
        return f"<Composed: {len(self.model)} models, {len(self.hw)} devices, {len(self.stacks)} stacks of options>"


def compose(request: Request, *, primary: str = "sweep") -> Composed:
    """Every file that the request names, on top of conf/PRIMARY.yaml, and checked. Raises ConfigError."""
    base, of_stacks = composed(request, primary)
    files = {g: {c.key: _read(g, c, base, request.folders) for c in getattr(request, g)} for g in ("hw", "model")}
    _refuse_unused_labels(request, base)
    names = ["+".join(stack) or "none" for stack in request.stacks]
    # a number of an option that is not in this stack is for another one
    options = [
        {name: content for name, content in contents.items() if name in stack}
        for contents, stack in zip(of_stacks, request.stacks, strict=True)
    ]
    axes = _axes(base, request)
    dims = (axis_table.dimension(key) for key, values in axes.items() if not is_span(values))
    names_of = ("model", "hw", "opt", *(["engine"] * request.compares_engines))
    requests = _of_requests(axes)
    of_hardware = (values for key, values in axes.items() if axis_table.dimension(key) not in requests)
    compared = (request.model, request.hw, names, request.engines if request.compares_engines else ())
    has_choice = any(len(labels) > 1 for labels in compared) or any(map(_is_several, of_hardware))
    settings = read_settings(base, (*names_of, *dims), requests, has_choice=has_choice)
    convention = settings["convention"]
    stacks = {name: stack_of(chosen, convention) for name, chosen in zip(names, options, strict=True)}
    _refuse_two_formats(request, stacks)
    draft = _draft(request, options)
    beside = _beside(request, options)
    hw = {label: check(content, DeviceFile, f"hw.{label}") for label, content in files["hw"].items()}
    others = {word: check(content, DeviceFile, word) for word, content in beside.items()}
    engine_words = request.engines or {DEFAULT_ENGINE: DEFAULT_ENGINE}
    automatic = _automatic(engine_words, hw, request, options, names)
    contents = _engines(engine_words, automatic, request, primary, base)
    engines = {label: check(content, EngineFile, "engine") for label, content in contents.items()}
    in_classes = any(engine.efficiency == "class" for engine in engines.values())
    efficiency = _efficiency({**hw, **others}, request.folders) if in_classes or others else {}
    return Composed(
        labels={
            **{g: {choice.key: choice.label for choice in getattr(request, g)} for g in ("hw", "model")},
            "opt": dict(zip(names, request.stack_labels, strict=True)),
            **({"engine": {word: word for word in engine_words}} if request.compares_engines else {}),
        },
        hw=hw,
        model={label: check(content, ModelFile, f"model.{label}") for label, content in files["model"].items()},
        stacks=stacks,
        workload=check(base["workload"], WorkloadFile, "workload"),
        load=check(base["load"], LoadFile, "load"),
        precision=check(base["precision"], PrecisionFile, "precision"),
        engines=engines,
        engine_words=engine_words,
        automatic=automatic,
        kinds={label: str(of.get("kind")) for contents in options for label, of in contents.items()},
        cost=check(base["cost"], CostFile, "cost"),
        efficiency={name: check(content, EfficiencyFile, f"efficiency.{name}") for name, content in efficiency.items()},
        draft=None if draft is None else check(draft, ModelFile, DRAFT),
        beside=others,
        axes=axes,
        settings=settings,
        resolved={
            **files,
            **({"beside": beside} if beside else {}),
            **({} if draft is None else {"draft": draft}),
            "opt": dict(zip(names, options, strict=True)),
            **{
                key: base[key]
                for key in ("workload", "load", "precision", "engine", "cost", "convention", "dtype", "metrics")
            },
            **({"engines": contents} if len(contents) > 1 else {}),
            **({"auto": {f"{hw} {opt}": label for (hw, opt), label in automatic.items()}} if automatic else {}),
            **({"axes.engine": list(engine_words.values())} if request.compares_engines else {}),
            **{key: settings[key] for key in ("elasticity", "gains", "gradients") if settings[key]},
            **_reduced(settings["reduction"]),
            **({key: settings[key] for key in ("sample", "seed")} if settings["sample"] is not None else {}),
            **({"efficiency": efficiency} if efficiency else {}),
            **({"plan": dataclasses.asdict(settings["plan"])} if "plan" in settings else {}),
            "axes": axes,
        },
    )


KIND_OF_WORD = {OFFLOAD: ("offload", "offload"), PREFILL: ("disaggregation", "disaggregated or opt=hybrid")}


def _beside(request: Request, options: list[dict[str, Any]]) -> dict[str, Any]:
    """The content of the files of offload.hw= and prefill.hw=; refused where no stack has an option that takes them."""
    contents = {}
    for word, choice in request.beside.items():
        kind, example = KIND_OF_WORD[word]
        if not any(of.get("kind") == kind for stack in options for of in stack.values()):
            raise ConfigError(f"{word}= is for an option that takes a device; give opt={example}")
        contents[word] = choice.content("hw", request.folders)
    return contents


def _draft(request: Request, options: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The content of the file of draft.model=; refused where no stack has an option that takes it."""
    if request.draft is None:
        return None
    taken = (of.get("drafter") == MODEL for contents in options for of in contents.values())
    if not any(taken):
        raise ConfigError(f"{DRAFT}= is for an option whose drafts come from a model; give opt=speculative")
    return request.draft.content("model", request.folders)


def _automatic(
    words: Mapping[str, str],
    hw: Mapping[str, DeviceFile],
    request: Request,
    options: list[dict[str, Any]],
    names: list[str],
) -> dict[tuple[str, str], str]:
    """(label of a device, label of a stack) -> engine that `auto` means there; empty where it is not asked for."""
    if AUTO not in words.values():
        return {}
    return {
        (label, name): automatic_engine(device, stack, {option: str(of.get("kind")) for option, of in contents.items()})
        for label, device in hw.items()
        for name, stack, contents in zip(names, request.stacks, options, strict=True)
    }


def _engines(
    words: Mapping[str, str],
    automatic: Mapping[tuple[str, str], str],
    request: Request,
    primary: str,
    base: Mapping[str, Any],
) -> dict[str, Any]:
    """Content by label or path of every engine that the words and auto mean, with engine.KEY= of the request."""
    labels = dict.fromkeys([*(label for label in words.values() if label != AUTO), *automatic.values()])
    if list(labels) == [request.groups.get("engine", DEFAULT_ENGINE)]:
        return {next(iter(labels)): base["engine"]}
    alone = dataclasses.replace(
        request, hw=(), model=(), stacks=((),), axes={}, plain={},
        scalars={key: value for key, value in request.scalars.items() if key.startswith("engine.")},
    )  # fmt: skip
    return {
        label: composed(dataclasses.replace(alone, groups={"engine": label}), primary)[0]["engine"] for label in labels
    }


def _reduced(reduction: Reduction | None) -> dict[str, Any]:
    return {} if reduction is None else {"reduce": dataclasses.asdict(reduction)}


def _efficiency(hw: Mapping[str, DeviceFile], folders: tuple[Path, ...]) -> dict[str, dict[str, Any]]:
    """conf/efficiency/CLASS.yaml of every class among the devices."""
    known = paths.choices("efficiency", folders)
    by_class = {}
    for label, device in hw.items():
        name = device.efficiency_class
        if name not in known and device.efficiency:
            raise unknown(f"hw.{label}.efficiency", name, known)
        by_class[name] = yaml_files.read_yaml(known[name if name in known else OTHER_CLASS])
    return by_class


def _read(group: str, choice: Choice, config: Mapping[str, Any], folders: tuple[Path, ...]) -> dict[str, Any]:
    """The content of a chosen file: as it was composed, or of a path of the user under what is typed."""
    typed = (config.get(group) or {}).get(choice.key) or {}
    if choice.is_ours:
        return dict(typed)
    content = choice.content(group, folders)
    conf_files.merge(content, typed)
    return content


def _refuse_unused_labels(request: Request, config: Mapping[str, Any]) -> None:
    """hw.v1000.memory_gb=16 beside hw=v100 is a mistake, not a new device."""
    for group in ("hw", "model"):
        labels = [choice.key for choice in getattr(request, group)]
        for label in config.get(group) or {}:
            if label not in labels:
                raise unknown(f"{group}.{label}=: no such label beside {group}={','.join(labels)}:", label, labels)
    named_options = {name for stack in request.stacks for name in stack}
    for name in config.get("opt") or {}:
        if name not in named_options:
            raise unknown(f"opt.{name}=: option is in no stack:", name, named_options or {"none"})


def _refuse_two_formats(request: Request, stacks: Mapping[str, Optimization]) -> None:
    """A model whose name carries a format beside another word that says how weights are stored."""
    for choice in request.model:
        if not choice.format:
            continue
        where = f"model={choice.label} says that its weights are {choice.format}"
        for key in ("precision.weight_bits", "axes.weight_bits"):
            if key in request.scalars or key in {f"axes.{axis}" for axis in request.axes}:
                raise ConfigError(f"{where}; drop the format or {key}=")
        for stack, built in zip(request.stacks, stacks.values(), strict=True):
            if "weight_bits" in built.sets and not any(set(named) <= set(stack) for named in choice.weights):
                raise ConfigError(f"{where}; opt={built.sets['weight_bits']} says otherwise: drop one of them")


def _of_requests(axes: Mapping[str, Any]) -> tuple[str, ...]:
    """Dimensions of what requests bring, along which there are several values: axes of the workload and of the load."""
    return tuple(
        axis_table.dimension(key)
        for key, values in axes.items()
        if axis_table.section_of(key) in OF_REQUESTS and not is_span(values) and _is_several(values)
    )


def _is_several(values: Any) -> bool:
    return not (isinstance(values, list) and len(values) == 1)


def _axes(config: Mapping[str, Any], request: Request) -> dict[str, Any]:
    """Default axes without those that a scalar replaced or that no metric depends on, then the request's."""
    flat: dict[str, Any] = {}
    yaml_files.flatten(config.get("axes") or {}, "", flat)
    fixed = {key.split(".", 1)[1] for key in request.scalars if sets_number(key)}
    if only_under_load(config):
        fixed.add("batch")  # there the engine forms batches of the requests that are there
    return {key: value for key, value in flat.items() if key in request.axes or key not in fixed}
