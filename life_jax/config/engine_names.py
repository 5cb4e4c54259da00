"""Reads names of engines by the rules of conf/alias/engine.yaml: a program runs other kernels on other devices."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from life_jax.config import conf_files
from life_jax.config.aliases import rules
from life_jax.config.engine_fit import runs_on
from life_jax.config.names import Folders, is_file, pieces_of, refusal, words_of
from life_jax.config.schema import paths
from life_jax.config.schema.device_file import DeviceFile
from life_jax.config.schema.errors import ConfigError
from life_jax.config.support import middle

# words behind an engine's name that say nothing of which engine it is: tools around it, builds, drivers, libraries
NOT_TELLING = (
    "llm", "lm", "mii", "cli", "serve", "server", "bench", "genie", "transformers", "main", "master", "latest", "api",
    "tensor", "llama", "batched", "nightly", "nightlies", "fa", "fa0", "fa1", "hipblaslt", "hblt0", "mma", "radv",
    "performance", "wsl2", "cpu", "gpu", "npu", "turbomind", "qnn", "context", "binary", "pytorch", "compile", "chunk",
    "prefill", "ibm", "tgi", "fork", "nvcr", "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct",
    "nov", "dec",
)  # fmt: skip
# programs around llama.cpp, by the rule that does not say the backend; words for backends, as rules write them
AROUND = ("llama.cpp", "llama.cpp main", "llama-cpp", "llamacpp", "llama-server", "llama-bench", "llamafile", "ollama",
          "LM Studio", "lmstudio", "KoboldCpp", "GPT4All", "Lemonade")  # fmt: skip
BACKENDS = {
    "vulkan": "Vulkan", "radv": "Vulkan", "amdvlk": "vulkan_amdvlk", "rocm": "ROCm", "hip": "HIP", "cuda": "CUDA",
    "metal": "Metal", "opencl": "OpenCL", "sycl": "SYCL", "cpu": "CPU", "openblas": "OpenBLAS",
}  # fmt: skip
VERSION = re.compile(r"(?:[vbr]|pr|rocm)?\d[\w.]*|[0-9a-f]{7,}")


def engine_of_row(name: str, hw: str, date: str = "") -> tuple[str, bool]:
    """Our engine for an engine's name in a table of measurements, and whether its attention is unfused.

    name: also our label, or the path of the user's file. hw: label or path of the device that it ran on. Both may
    depend on a row's date. What no rule knows is `generic`.
    """
    if _is_own_engine(name):
        return name, False
    rule = _rule(name, date) or {"engine": "generic"}
    unfused = rule.get("unfused") or (bool(date) and date < str(rule.get("fused_since", "")))
    return _on(rule, conf_files.file("hw", hw, DeviceFile)), bool(unfused)


def build_of(label: str, year: float, devices: Iterable[DeviceFile]) -> str:
    """The engine that a program was in a year, such as 2024 or 2024.25, of its label today.

    By the dates of the rules for names in tables: what came before a date is another engine. A label that names its
    year, and one without other builds, is itself.
    """
    date = f"{int(year)}-{int(12 * (middle(year) - int(year))) + 1:02d}"
    for rule in rules("engine"):
        now = _first_rule(str(rule["name"]), "") if "until" in rule else None
        for device in () if now is None else devices:
            earlier = _on(rule, device)
            if now is None or _on(now, device) != label or not runs_on(conf_files.engine_file(earlier).runs_on, device):
                continue
            before = date < str(rule["until"])
            own = f"{label}_{int(year)}"
            named = own in paths.choices("engine") and (before or int(year) > int(str(rule["until"])[:4]))
            return own if named else earlier if before else label
    return label


def _on(rule: Mapping[str, Any], on: DeviceFile) -> str:
    """The engine of a rule on a device: by CPU, else by vendor, where the rule tells them apart."""
    ours = rule["engine"]
    if not isinstance(ours, Mapping):
        return str(ours)
    return str(ours.get("CPU" if on.device_class == "cpu" and "CPU" in ours else on.vendor, ours["other"]))


def typed_engine(name: str, devices: Mapping[str, DeviceFile], folders: Folders = ()) -> str:
    """The label of the engine that engine=NAME means on these devices (by the word that chose each), or the path of
    the user's own file.

    A label of ours is itself on every device. What stands behind a program's name may be a version or repeat the label,
    but not say more than we know of. Raises ConfigError for a name that is none, or several engines.
    """
    labels = paths.choices("engine", folders)
    if name in labels or is_file("engine", name):
        return name
    pieces = pieces_of(words_of(name, ()))
    rule = _rule(name, "") or _alike(pieces)
    ours = _by_device(rule, devices) if rule else {}
    if rule and ours and all(_is_told(_rest(name, rule), engine) for engine in ours):
        return _only(name, rule, ours)
    same = [label for label in labels if pieces and pieces_of(words_of(label, ())) == pieces]
    if len(same) != 1:
        raise refusal("engine", name, folders)
    return same[0]


def _by_device(rule: Mapping[str, Any], devices: Mapping[str, DeviceFile]) -> dict[str, list[str]]:
    """Engine that a rule means -> the devices on which it does; without devices every engine of the rule."""
    if not isinstance(rule["engine"], Mapping):
        return {str(rule["engine"]): list(devices)}
    by_engine: dict[str, list[str]] = {str(engine): [] for engine in rule["engine"].values()} if not devices else {}
    for label, device in devices.items():
        by_engine.setdefault(_on(rule, device), []).append(label)
    return by_engine


def _only(name: str, rule: Mapping[str, Any], by_engine: Mapping[str, list[str]]) -> str:
    """The engine of a rule, where it is one, or ConfigError."""
    first = next(iter(by_engine))
    if len(by_engine) > 1:
        meant = ", ".join(f"{engine} on {on[0]}" if on else engine for engine, on in by_engine.items())
        raise ConfigError(f"engine '{name}' is ambiguous here: {meant}; give one label, such as engine={first}")
    if rule.get("unfused"):
        raise ConfigError(
            f"engine '{name}' keeps attention scores in memory: give engine={first} 'opt=[eager_attention,fp32_scores]'"
        )
    return first


def _is_told(rest: list[str], engine: str) -> bool:
    """Whether the words behind a program's name say nothing that the engine's label does not."""
    known = words_of(engine, ())
    return all(word in known or word in NOT_TELLING or VERSION.fullmatch(word) for word in rest)


def _rest(name: str, rule: Mapping[str, Any]) -> list[str]:
    """Words of an engine's name behind the beginning that the rule knows."""
    known = str(rule["name"]).lower()
    around = next((start for start in AROUND if name.lower().startswith(start.lower())), "")
    told = _backend(name[len(around) :]) if around else ""  # which the rule then has
    rest = name.lower()[len(known if name.lower().startswith(known) else around) :]
    words = (word.strip(".") for word in re.split(r"[^a-z0-9.]+", rest))
    return [word for word in words if word and not (told and word in BACKENDS)]


def _alike(pieces: list[str]) -> Mapping[str, Any] | None:
    """The rule whose whole name has these pieces."""
    whole = (rule for rule in rules("engine") if "until" not in rule and not str(rule["name"]).endswith("-"))
    return next((rule for rule in whole if pieces and pieces_of(words_of(str(rule["name"]), ())) == pieces), None)


def knows_engine(name: str) -> bool:
    """Whether a table's name of an engine is ours or known by a rule."""
    return _is_own_engine(name) or _rule(name, "") is not None


def _is_own_engine(name: str) -> bool:
    return name in paths.choices("engine") or is_file("engine", name)


def _rule(name: str, date: str) -> Mapping[str, Any] | None:
    """The rule for a name; where it only says llama.cpp, or a program around it, by the backend behind the build."""
    found = _first_rule(name, date)
    backend = _backend(name[len(str(found["name"])) :]) if found and found["name"] in AROUND else ""
    return _first_rule(f"llama.cpp {backend}", date) if backend else found


def _first_rule(name: str, date: str) -> Mapping[str, Any] | None:
    """The first rule for the name, as it is written or else in any capitals."""
    dated = [rule for rule in rules("engine") if "until" not in rule or "" < date < str(rule["until"])]
    written = (rule for rule in dated if name.startswith(rule["name"]))
    folded = (rule for rule in dated if name.lower().startswith(rule["name"].lower()))
    return next(written, None) or next(folded, None)


def _backend(rest: str) -> str:
    """The backend of llama.cpp that stands behind a build, a date or a version; none where several do."""
    words = {word for word in re.split(r"[^a-z0-9]+", rest.lower()) if word in BACKENDS}
    told = {BACKENDS[word] for word in words}
    told -= {"Vulkan"} if "vulkan_amdvlk" in told else set()  # which is one of its drivers
    return told.pop() if len(told) == 1 else ""
