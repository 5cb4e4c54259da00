"""Reads names: which of our files a device, a model, an option or an engine stands for. Every command asks here
(what an engine's name means depends on the device: engine_names.py).

A name is understood in four ways: as a label of ours (the name of a file of conf or of a folder of the user); as a name
declared in conf/alias, where drivers, hubs, Ollama and published measurements are written down; as either of them in
other capitals, dashes, dots, spaces or order of words; as the path of a file of the user. A name that could be several
of ours is refused with the candidates.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache, lru_cache
from pathlib import Path

from life_jax.config import conf_files, device_spellings, model_spellings
from life_jax.config.aliases import TABLES, rules, table
from life_jax.config.checkpoints.model_files import has_header
from life_jax.config.device_spellings import Spelling, count
from life_jax.config.schema import paths, yaml_files
from life_jax.config.schema.errors import MOST_NEAR, ConfigError, closest, columns, guess
from life_jax.config.schema.yaml_files import YAML
from life_jax.config.weight_format_names import UNREAD, split_format

Folders = tuple[Path, ...]
Words = tuple[str, ...]
SUFFIXES = {"hw": YAML, "model": (".json", ".gguf", *YAML), "engine": YAML}
MOST_CHARACTERS = 300  # of a device's name that is taken apart
MOST_NAMES = 2**13  # that are remembered: more than measurements have, and no more in a process that never ends
KINDS = {"hw": "device", "model": "model", "opt": "option", "engine": "engine"}
# words of a name that say who made a chip, or what was done to a model, but not which it is
MAKERS = ("nvidia", "geforce", "amd", "radeon", "instinct", "tesla", "apple", "intel", "generation")
VARIANTS = ("instruct", "chat", "it", "hf", "gguf", "mlx", "awq", "gptq", "4bit", "8bit", "bf16", "fp16", "fp8")
CACHE = frozenset(("kv", "cache", "kvcache", "ctk", "ctv"))  # words of an option that say that it is of the KV cache
RELEASES = ("meta", "base", "thinking", "preview", "[48]k", r"v\d\.\d", r"\d{4}")
DROPPED = {"hw": (MAKERS,), "model": (VARIANTS, (*VARIANTS, *RELEASES)), "opt": ((),), "engine": ((),)}


def device(name: str, folders: Folders = ()) -> str | None:
    """The label of the device of this name, or the path of the user's own file; None where it is none or several."""
    return _label("hw", name, folders)


def model(name: str, folders: Folders = ()) -> str | None:
    """The label of the model of this name, whatever weight format the name carries, or the path of the user's own
    config.json, .gguf or YAML; None where it is none or several."""
    return _label("model", name, folders)


def _label(group: str, name: str, folders: Folders) -> str | None:
    declared = table(TABLES[group])
    if name in paths.choices(group, folders) or is_file(group, name):
        return name
    for exact in (name, split_format(name)[0]) if group == "model" else (name,):
        if exact in declared:
            return str(declared[exact])
    meant = _meant(group, name, tuple(paths.own_choices(group, folders)))
    if not meant and group in WITHIN:
        meant = WITHIN[group](name[:MOST_CHARACTERS], folders)
    return meant[0] if len(meant) == 1 else None


@lru_cache(MOST_NAMES)
def _device_within(name: str, folders: Folders) -> Words:
    """Labels of the devices that a name means: of a cloud's instance, of a code name, or without what systems put
    around it (device_spellings.py)."""
    declared, own = table(TABLES["hw"]), tuple(paths.own_choices("hw", folders))
    rented = next((str(rule["hw"]) for rule in rules("instance") if re.fullmatch(rule["name"], name, re.I)), "")
    if rented:
        return (rented,)
    plain = " ".join(words_of(name, MAKERS))
    if coded := next((rule["hw"] for rule in rules("code_name") if re.fullmatch(rule["name"], plain)), ()):
        return tuple(map(str, coded))
    for spelling in device_spellings.spellings(name):
        meant = (str(declared[spelling.name]),) if spelling.name in declared else _meant("hw", spelling.name, own)
        agreeing = tuple(label for label in meant if _agrees(spelling, label, folders))
        if agreeing:
            return agreeing
    listed = (device(card, folders) for card in device_spellings.alternatives(name))
    return tuple(dict.fromkeys(label for label in listed if label is not None))


def _agrees(spelling: Spelling, label: str, folders: Folders) -> bool:
    if not spelling.memory and not spelling.is_cpu:
        return True
    device = conf_files.composed("hw", label, folders)
    return spelling.agrees(float(device["memory_gb"]), str(device["device_class"]))


@lru_cache(MOST_NAMES)
def _model_within(name: str, folders: Folders) -> Words:
    """Labels of the models that a name means without its tag, folder or shard, or of which it says to be made
    (model_spellings.py)."""
    declared, own = table(TABLES["model"]), tuple(paths.own_choices("model", folders))
    last = name
    for last in (name, *model_spellings.spellings(name)):
        meant = (str(declared[last]),) if last in declared else _meant("model", last, own)
        if meant:
            return meant
    if UNREAD.search(split_format(last)[0]):  # weights in a format that is not understood are not at 16 bit
        return ()
    dropped = DROPPED["model"][0]
    ours, others = (_pieces_of_models(dropped, names) for names in (own, None))
    return model_spellings.made_of(words_of(last, dropped), ours, others)


@lru_cache(64)
def _pieces_of_models(dropped: Words, own: Words | None) -> list[tuple[Words, str]]:
    """Letters and digits of our labels, or (without `own`) of the declared names of models."""
    return [(tuple(pieces_of(words)), label) for words, label in _index("model", dropped, own)]


WITHIN: dict[str, Callable[[str, Folders], Words]] = {"hw": _device_within, "model": _model_within}


def is_file(group: str, name: str) -> bool:
    """Whether the name is the path of a file of the user, of a kind that the group reads."""
    if group == "model" and has_header(name):
        return paths.user_path(name).is_file()
    return yaml_files.is_file(name, SUFFIXES[group])


@lru_cache(MOST_NAMES)
def _meant(group: str, name: str, own: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Labels that the name may stand for: those of the first comparison that has any.

    Labels come before declared names, the same order of words before any order. Capitals, organisation, punctuation
    and words that do not tell which it is (DROPPED) are left out. own: labels of the user's folders.
    """
    plain = split_format(name)[0] if group == "model" else name
    for dropped in DROPPED[group]:
        words = words_of(plain, dropped)
        if not words or (dropped is not DROPPED[group][0] and not any(map(str.isdigit, "".join(words)))):
            continue  # DeepSeek-V2.5 without its release is no DeepSeek-V3
        for names in (own, None):
            for same, form in SAME.items():
                labels = _by_words(group, dropped, names, same).get(form(words))
                if labels:
                    return labels
    return ()


# ways in which words are the same: as they are, with letters and digits apart, in any order
SAME: dict[str, Callable[[Words], Words]] = {
    "words": lambda words: words,
    "pieces": lambda words: tuple(pieces_of(words)),
    "order": lambda words: tuple(sorted(words)),
}


@lru_cache(64)
def _by_words(group: str, dropped: Words, own: Words | None, same: str) -> dict[Words, Words]:
    """Words (in a form of SAME) -> the labels that they stand for."""
    labels: dict[Words, dict[str, None]] = {}
    for words, label in _index(group, dropped, own):
        labels.setdefault(SAME[same](words), {})[label] = None
    return {words: tuple(of) for words, of in labels.items()}


@cache
def _index(group: str, dropped: Words, own: Words | None = None) -> list[tuple[Words, str]]:
    """(words, label) of our labels and those of `own`; without `own`, of the declared names."""
    names = table(TABLES[group]) if own is None else {name: name for name in (*own, *paths.choices(group))}
    return [(words_of(name, dropped), str(label)) for name, label in names.items()]


@lru_cache(MOST_NAMES)
def words_of(name: str, dropped: tuple[str, ...]) -> tuple[str, ...]:
    """Words of a name in small letters, without its organisation (ORGANISATION/NAME) and without the dropped ones."""
    plain = re.sub(r"^\S*/(?=\S)", "", re.sub(r"\((r|tm)\)|[®™]", "", name.lower()))
    split = re.split(r"[^a-z0-9.]+", plain)
    kept = (word for word in split if not any(re.fullmatch(pattern, word) for pattern in dropped))
    return tuple(part for word in kept for part in word.split(".") if part)


def pieces_of(words: Iterable[str]) -> list[str]:
    """Letters and digits apart: RTX4090 is RTX 4090, but OPT-1.3B is not OPT-13B."""
    return re.findall(r"[a-z]+|\d+", " ".join(words))


def refusal(
    group: str, name: str, folders: Folders = (), where: str = "", listing: str = "", kind: str = ""
) -> ConfigError:
    """Why a name is not understood: it may be several things of ours (all are named), or none (the closest are).

    where: what stands before the message, such as `hw=: `; listing: the command that lists the group; kind: what the
    name is of, where it is not what the group is of.
    """
    kind = kind or KINDS[group]
    labels = list(paths.choices(group, folders))
    candidates, near = _candidates(group, name, tuple(paths.own_choices(group, folders)))
    if group == "hw" and len(several := _device_within(name[:MOST_CHARACTERS], folders)) > 1:
        candidates = several
    if len(candidates) > 1:
        first = ", ".join(candidates[:MOST_NEAR])
        rest = f" and {len(candidates) - MOST_NEAR} more" if len(candidates) > MOST_NEAR else ""
        return ConfigError(
            f"{where}{kind} '{name}' is ambiguous: it is not known which of {first}{rest} is meant",
            columns(list(candidates), listing),
        )
    if group == "hw" and (number := count(name)) > 1:
        return ConfigError(f"{where}{kind} '{name}' says {number} devices: name one of them, and say tp={number}")
    rest_of = [label for label in sorted(labels) if label not in near]
    return ConfigError(
        f"{where}{kind} '{name}' is not known{guess(list(near[:3]))}", columns([*near, *rest_of], listing)
    )


@lru_cache(MOST_NAMES)
def _candidates(group: str, name: str, own: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Labels of which the name says a part, and the names that look most like it."""
    meant = _meant(group, name, own) if group in ("hw", "model") else ()
    if group in ("hw", "model") and not meant:
        dropped = DROPPED[group][0]
        plain = split_format(name)[0] if group == "model" else name
        pieces = pieces_of(words_of(plain, dropped))
        parts = {label: None for words, label in _index(group, dropped, own) if _is_part(pieces, pieces_of(words))}
        meant = tuple(parts) if any(piece.isalpha() and len(piece) > 1 for piece in pieces) else ()
    declared = [str(rule["name"]) for rule in rules("engine")] if group == "engine" else table(TABLES[group])
    names = (*own, *paths.choices(group), *declared)
    return meant, tuple(dict.fromkeys((*meant, *closest(name, names, MOST_NEAR))))[:MOST_NEAR]


def _is_part(pieces: list[str], of: list[str]) -> bool:
    """Whether all pieces are among the others, in their order."""
    rest = iter(of)
    return bool(pieces) and all(piece in rest for piece in pieces)


# Unsloth's dynamic files before were near the plain type of their name: Qwen3-30B-A3B has 4.64 bits as UD-Q4_K_XL
DYNAMIC_SINCE = "2026-03"
OF_DYNAMIC, BITS_OF_TYPE = re.compile(r"-UD-[A-Z]*Q(\d)"), re.compile(r"q(\d)")


def weight_format(name: str, engine: str, model: str = "", date: str = "") -> tuple[str, ...] | None:
    """The options that a weight format's name stands for under an engine (a label), None where it is not known.

    Some engines mean their own format by a word (conf/alias/format.yaml). model: a name that may say that the file is
    one of Unsloth's dynamic ones, whose recipe depends on the date (YYYY-MM..., today unless said). Options of ours
    joined by + are themselves.
    """
    known, small = table("format"), name.lower()
    plain = small.removeprefix("ud-")
    is_dynamic = plain != small or plain.endswith("_xl") or _is_dynamic_file(model, plain)
    is_today = is_dynamic and not "" < date < DYNAMIC_SINCE
    keys = (f"ud-{plain}", plain) if is_today else (plain,) if is_dynamic else (name, small)
    options = next((known[key] for key in keys if key in known), None)
    own, ours = name.split("+"), paths.choices("opt")
    if options is None:
        return tuple(own) if all(option in ours for option in own) else None
    if isinstance(options, Mapping):
        options = next((named for start, named in options.items() if engine.startswith(start)), options["other"])
    return tuple(options)


def _is_dynamic_file(model: str, plain: str) -> bool:
    """Whether a model's name says a dynamic file of as many bits as a type, such as -UD-Q4_K_XL and q4_k_m."""
    of_file, of_type = OF_DYNAMIC.search(model), BITS_OF_TYPE.search(plain)
    return of_file is not None and of_type is not None and of_file[1] == of_type[1]


def options(name: str, engine: str, folders: Folders = ()) -> tuple[str, ...] | None:
    """The options that a word of opt= stands for under an engine, None where it is not known.

    A label of ours in any capitals is that option, whatever an engine means by the word; then come declared formats
    (`AWQ`, `4-bit`, `fp16`: no option), then labels in other punctuation. A + joins several.
    """
    ours = paths.choices("opt", folders)
    if name in ours:
        return (name,)
    folded = [label for label in ours if label.lower() == name.lower()]
    if len(folded) == 1:
        return (folded[0],)
    if "+" in name:
        parts = [options(part, engine, folders) for part in name.split("+")]
        return None if None in parts else tuple(option for part in parts if part for option in part)
    cache = _of_cache(name)
    if cache:  # of the KV cache, never a format of weights that is called so
        known = (cache,) if cache in ours else weight_format(cache, engine)
        return known if known is not None else _only(_meant_option(name, tuple(ours)))
    for spelled in (name, split_format(f"model {name}")[1]):
        if spelled and (known := weight_format(spelled, engine)) is not None:
            return known
    return _only(_meant_option(name, tuple(ours)))


def _only(labels: tuple[str, ...]) -> tuple[str, ...] | None:
    return labels if len(labels) == 1 else None


def _of_cache(name: str) -> str:
    """kv_FORMAT for a name with a word for the KV cache (`q8_0 KV`, `ctk_q8_0`), "" for one without."""
    words = [word for word in re.split(r"[\s_-]+", name.lower()) if word]
    left = [word for word in words if word not in CACHE]
    return "_".join(("kv", *left)) if left and len(left) < len(words) else ""


def _meant_option(name: str, labels: tuple[str, ...]) -> tuple[str, ...]:
    words = words_of(name, ())
    return tuple(label for label in labels if words and pieces_of(words_of(label, ())) == pieces_of(words))
