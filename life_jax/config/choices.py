"""What the words hw, model, opt and engine choose: files of conf or of the user, whatever name they are called by."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from life_jax.config import conf_files, many, names, this_machine
from life_jax.config.aliases import TABLES, table
from life_jax.config.checkpoints import model_files
from life_jax.config.engine_fit import AUTO
from life_jax.config.engine_names import build_of, typed_engine
from life_jax.config.names import KINDS, Folders
from life_jax.config.schema import paths
from life_jax.config.schema.check import check
from life_jax.config.schema.device_file import DeviceFile
from life_jax.config.schema.errors import ConfigError, columns, unknown
from life_jax.config.schema.yaml_files import names_file, read_yaml
from life_jax.config.weight_format_names import WEIGHTS_ALONE, split_format

LISTING = "python -m life_jax.catalog"
NO_OPTION = "none"  # the label of the empty stack, which may also be typed
HERE = "here"  # this machine, by what its system says of it
MORE_WORDS = {"design": " target.tpot=0.02", "serve": " rate=1"}  # that a command needs beside hw=
# devices that most questions are about, which lists begin with
USUAL = (
    "h100_sxm", "h200_sxm", "b200", "a100_sxm_80gb", "l40s", "mi300x", "rtx_3090", "rtx_4090", "rtx_5090", "apple_m4",
    "apple_m4_pro", "apple_m4_max_40c", "ryzen_ai_max_395_igpu_8060s", "gb10_dgx_spark", "v100_sxm2_32gb", "t4",
)  # fmt: skip
CPU, OTHER_PARTS = "_cpu", ("igpu", "npu")  # ends of the labels of the parts of a chip
NOT_OF_A_LABEL = re.compile(r"[^A-Za-z0-9_]+")


@dataclass(frozen=True)
class Choice:
    """A device or a model that was chosen.

    label: the word as typed, which results show; of a path its stem. name: our config file, where `is_ours`. built: the
    content of a device that has no file. note: what it is made of there, or which part of a chip was taken.
    key: the label of ours that words (hw.KEY.memory_gb=16), the config and file names have. weights: the options that
    the format in a model's name stands for, in order of preference; format: that format as typed.
    """

    label: str
    name: str
    key: str
    file: Path | None = None
    built: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""
    format: str = ""
    weights: tuple[tuple[str, ...], ...] = ()

    @property
    def words(self) -> tuple[str, ...]:
        """What may stand for it in SECTION.LABEL.KEY, the key first."""
        return self.key, NOT_OF_A_LABEL.sub("_", self.label), self.name

    @property
    def is_ours(self) -> bool:
        """Whether a file of conf or of the user's folders has it, by its name."""
        return self.file is None and not self.built

    def content(self, group: str, folders: Folders) -> dict[str, Any]:
        """What the file has that it stands for; the caller's own. Raises ConfigError where it cannot be read."""
        if self.file is not None:
            return conf_files.merged(self.file, group, folders)
        return dict(self.built) if self.built else conf_files.composed(group, self.name, folders)

    @property
    def stored(self) -> list[Any]:
        """How the weights of a model are stored whose name says it, as its file would have it: options, or stacks."""
        return [stack[0] if len(stack) == 1 else list(stack) for stack in self.weights]


def devices_and_models(group: str, typed: Any, folders: Folders, engine: str = "") -> tuple[Choice, ...]:
    """The choices of hw= or model= (`group`), from one name or a list of names. engine: label, for models' formats."""
    listed = [str(name) for name in (typed if isinstance(typed, list) else [typed])]
    if not listed:
        raise ConfigError(f"{group}= is an empty list; give at least one {KINDS[group]}")
    chosen: list[Choice] = []
    of_many: set[str] = set()  # labels that all, a glob or a class has brought
    for name in listed:
        several = many.labels(group, name, folders)
        more = [Choice(label, label, label) for label in several or ()]
        if group == "hw" and name == HERE and HERE not in paths.choices("hw", folders):
            more = [_here(folders)]
        more = more or [_choice(group, name, folders, engine)]
        chosen += [
            c for c in more if c.key not in of_many and (several is None or c.key not in {x.key for x in chosen})
        ]
        of_many.update(several or ())
    keys = [choice.key for choice in chosen]
    # several formats of one model are several models
    chosen = [
        replace(choice, key=NOT_OF_A_LABEL.sub("_", f"{choice.key}_{choice.format}"))
        if choice.format and keys.count(choice.key) > 1
        else choice
        for choice in chosen
    ]
    by_key: dict[str, str] = {}
    for choice in chosen:
        if choice.key in by_key:
            other = by_key[choice.key]
            same = f"'{other}' and '{choice.label}' are one {KINDS[group]}, {choice.key}: it"
            what = same if other != choice.label else f"{KINDS[group]} '{choice.label}'"
            raise ConfigError(f"{group}=: {what} is listed twice")
        by_key[choice.key] = choice.label
    return tuple(chosen)


def single(group: str, typed: Any, folders: Folders, engine: str, word: str) -> Choice | None:
    """The one choice of a word that names a device or a model (`group`); None where it is not typed."""
    if typed is None:
        return None
    chosen = devices_and_models(group, typed, folders, engine)
    if len(chosen) > 1:
        raise ConfigError(f"{word}= names {len(chosen)} {KINDS[group]}s; one is needed")
    if chosen[0].format:
        raise ConfigError(f"{word}={chosen[0].label}: a name without a weight format is needed")
    return chosen[0]


def _here(folders: Folders) -> Choice:
    machine = this_machine.device(folders)
    if machine.label:
        return Choice(machine.label, machine.label, machine.label)
    return Choice(HERE, HERE, HERE, built=machine.content, note=machine.note)


def _choice(group: str, typed: str, folders: Folders, engine: str) -> Choice:
    if typed in paths.choices(group, folders):
        return Choice(typed, typed, typed)
    path = _path(group, typed)
    if path is not None:
        stem = path.parent.resolve().name if path.name in model_files.IN_FOLDERS else path.stem
        label = NOT_OF_A_LABEL.sub("_", stem)
        return Choice(label, typed, label, path)
    read = {"hw": names.device, "model": names.model}[group]
    ours = read(typed, folders)
    if ours is None:
        if group == "model":
            model_files.refuse_unread(paths.user_path(typed))
        if typed.endswith(names.SUFFIXES[group]):
            raise ConfigError(f"{group}={typed}: no such file (nor a {KINDS[group]} of that name)")
        raise names.refusal(group, typed, folders, f"{group}=: ", f"{LISTING} {group}")
    is_short = typed in table(TABLES[group]) and not NOT_OF_A_LABEL.search(typed)
    choice = Choice(typed, ours, typed if is_short else ours, note=_other_parts(typed, ours) if group == "hw" else "")
    return _with_weights(choice, engine) if group == "model" and not is_short else choice


def _other_parts(typed: str, label: str) -> str:
    """A line where the name of a chip was read as its processor, though other parts of it run models too."""
    chip, is_cpu, _ = label.rpartition(CPU)
    if not is_cpu or "cpu" in typed.lower():
        return ""
    starts = tuple(f"{chip}_{part}" for part in OTHER_PARTS)
    parts = [f"hw={other}" for other in paths.choices("hw") if other.startswith(starts)]
    return f"{typed} is read as its CPU; other parts of the chip: {', '.join(parts)}" if parts else ""


def _path(group: str, typed: str) -> Path | None:
    """The file that is typed; of a folder of a model the one that says its shape."""
    file = paths.user_path(typed)
    if group == "model" and typed not in paths.choices(group) and file.is_dir():
        return model_files.in_folder(file)
    return file if names.is_file(group, typed) else None


def _with_weights(choice: Choice, engine: str) -> Choice:
    """The model with the weight format that its name carries, if any, as the engine understands it."""
    carried = split_format(choice.label)[1]
    if not carried:
        return choice
    options = names.weight_format(carried, engine, choice.label)
    if options is None:
        raise names.refusal("opt", carried, (), f"model={choice.label}: ", f"{LISTING} opt", "weight format")
    alone = tuple(WEIGHTS_ALONE.get(option, option) for option in options)
    return replace(choice, format=carried, weights=tuple(dict.fromkeys(x for x in (options, alone) if x)))


def stacks(
    opt: Any, axis: Any, engine: str, folders: Folders
) -> tuple[tuple[tuple[str, ...], ...], tuple[str, ...], dict[str, str]]:
    """Stacks of options from opt= or axes.opt= (None where not typed): (stacks of labels of ours, the words as typed of
    each stack, the label of ours by the word as typed where that is one option)."""
    if axis is None:
        typed = [[] if opt is None else [opt] if isinstance(opt, str) else opt]
    elif not isinstance(axis, list) or not all(isinstance(stack, list) for stack in axis):
        raise ConfigError("axes.opt= is a list of stacks, such as axes.opt=[[],[int4],[int4,kv8]]")
    elif not axis:
        raise ConfigError("axes.opt is empty; give at least one stack, such as axes.opt=[[],[int4]]")
    else:
        typed = axis
    where = "opt" if axis is None else "axes.opt"
    typed = [[] if stack == [NO_OPTION] else stack for stack in typed]
    ours: dict[str, str] = {}
    read = tuple(_stack(stack, where, engine, folders, ours) for stack in typed)
    if len(set(read)) < len(read):
        raise ConfigError("axes.opt= has the same stack twice")
    return read, tuple("+".join(map(str, stack)) or NO_OPTION for stack in typed), ours


def _stack(typed: Any, where: str, engine: str, folders: Folders, ours: dict[str, str]) -> tuple[str, ...]:
    """One stack in labels of ours; `ours` learns the label of each word that is one option."""
    if not isinstance(typed, list):
        raise ConfigError(f"{where}={typed}: a stack is a list of options, such as [int4,kv8]")
    stack: list[str] = []
    for word in map(str, typed):
        if word == NO_OPTION:
            raise ConfigError(f"{where}=: none is the stack without options: it stands alone or is left out")
        options = names.options(word, engine, folders)
        if options is None:
            raise names.refusal("opt", word, folders, f"{where}=: ", f"{LISTING} opt")
        for option in options:
            if option in stack:
                also = "" if option == word else f" ('{word}' is {'+'.join(options)})"
                raise ConfigError(f"{where}=: option '{option}' is twice in one stack{also}")
            stack.append(option)
        if len(options) == 1:
            ours[NOT_OF_A_LABEL.sub("_", word)] = options[0]
    return tuple(stack)


def engine(typed: str, hw: Sequence[Choice], folders: Folders) -> str:
    """The engine that engine=NAME means on the chosen devices: a label of ours, or the path of the user's own file.

    Raises ConfigError, also where a path is no YAML mapping.
    """
    if names_file(typed):
        read_yaml(paths.user_path(typed))
        return typed
    if typed in paths.choices("engine", folders):
        return typed
    try:
        return typed_engine(typed, _Devices(hw, folders), folders)
    except ConfigError as error:
        raise ConfigError(f"engine=: {error}", error.more) from None


def engines(one: Any, axis: Any, hw: Sequence[Choice], folders: Folders) -> dict[str, str]:
    """Word as typed -> engine's label of ours, path, or `auto`, from engine= or axes.engine= (None where not typed)."""
    if one is not None and axis is not None:
        raise ConfigError("engine= and axes.engine= are both given; axes.engine= compares engines: use one")
    if axis is None:
        return {} if one is None else {str(one): _engine(str(one), hw, folders)}
    if not isinstance(axis, list) or not axis or not all(isinstance(name, str) for name in axis):
        raise ConfigError("axes.engine= is a list of engines, such as axes.engine=[vllm,tensorrt_llm]")
    read = {name: _engine(name, hw, folders) for name in axis}
    if len(set(read.values())) < len(axis):
        raise ConfigError("axes.engine= has the same engine twice")
    return read


def as_of(engines: dict[str, str], year: Any, hw: Sequence[Choice], folders: Folders) -> dict[str, str]:
    """The same with the builds of a year (engine.year=), where it is a number; the schema refuses what is none."""
    if isinstance(year, bool) or not isinstance(year, int | float):
        return engines
    devices = _Devices(hw, folders)
    return {word: build_of(label, float(year), devices.values()) for word, label in engines.items()}


def _engine(typed: str, hw: Sequence[Choice], folders: Folders) -> str:
    return AUTO if typed == AUTO else engine(typed, hw, folders)


class _Devices(Mapping[str, DeviceFile]):
    """The files of chosen devices by label, read when they are looked at: few engines need to know the device."""

    def __init__(self, hw: Sequence[Choice], folders: Folders) -> None:
        self._by_label, self._folders = {choice.label: choice for choice in hw}, folders

    def __getitem__(self, label: str) -> DeviceFile:
        choice = self._by_label[label]
        content = choice.content("hw", self._folders)
        return check(content, DeviceFile, f"hw.{choice.key}")

    def __iter__(self) -> Any:
        return iter(self._by_label)

    def __len__(self) -> int:
        return len(self._by_label)


def file_of_group(group: str, typed: str, folders: Folders) -> str:
    """The label of a workload or cost, or the path of the user's own file."""
    known = paths.choices(group, folders)
    if names_file(typed):
        read_yaml(paths.user_path(typed))
        return typed
    if typed not in known:
        raise unknown(group, typed, known, f"{LISTING} {group}")
    return typed


def no_device(verb: str, folders: Folders) -> ConfigError:
    """The error of a command without hw=, which lists the devices, those first that people have."""
    usual = [label for label in USUAL if label in paths.choices("hw", folders)]
    others = [label for label in paths.choices("hw", folders) if label not in usual]
    example = f"python -m life_jax.{verb} hw=v100{MORE_WORDS.get(verb, '')}"
    return ConfigError(
        f"no device is given: hw=NAME is needed, such as {example}; hw=here is this machine",
        columns([*usual, *others], f"{LISTING} hw"),
    )
