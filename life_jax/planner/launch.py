"""What is typed for a design: the command that launches it, its files, and the line that measures it, by conf/launch.

Every name is quoted for the shell; flags are data with the versions and the documents that they are from.
"""

import math
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from life_jax.config.engine_fit import file_formats
from life_jax.config.schema import paths
from life_jax.config.schema.yaml_files import as_yaml, read_yaml
from life_jax.planner.space import Layout

HUB = re.compile(r"config\.json of ([\w.-]+/[\w.-]+)")
ALL_LAYERS = 99  # of -ngl: more than any model has
ROUND = 256  # tokens to which a context is rounded up
REQUESTS = 200  # of a benchmark
# options that say nothing of how a checkpoint's weights are stored
BESIDE = ("mtp", "eagle", "eagle3", "medusa", "ngram", "speculative", "offload", "disk", "disaggregated", "hybrid")


@dataclass(frozen=True)
class Launch:
    """Facts of a design that commands are made of.

    engine: label. hub: name of the checkpoint, or a path. stack: labels of options; kinds: their kinds. on_gpu: whether
    a llama.cpp build has layers on a GPU; target: of OpenVINO. sequences: that run together at most; budget: tokens of
    a step, 0 where the engine's own holds; rate, concurrency: of the load, 0 without. running: mean of sequences.
    words: that tell `validate` what was measured. layers: of the model; cpu_layers: of them, that a CPU has whole;
    cpu_expert_layers: further ones of which it has the experts. draft_tokens: that are drafted in a step; draft: name
    of what drafts them on its hub, empty where nobody has published one.
    """

    engine: str
    hub: str
    stack: tuple[str, ...]
    kinds: Mapping[str, str]
    layout: Layout
    prompt: float
    output: float
    sequences: int
    budget: int
    rate: float
    concurrency: float
    running: float
    on_gpu: bool
    target: str
    words: tuple[str, ...]
    layers: int = 0
    cpu_layers: int = 0
    cpu_expert_layers: int = 0
    draft_tokens: int = 0
    draft: str = ""


def hub_name(label: str, source: str) -> str:
    """The name that a model has on its hub, from the source of its file; its label where that does not say it."""
    match = HUB.search(source)
    return match[1] if match else label


@cache
def programs() -> dict[str, dict[str, Any]]:
    """conf/launch by name of the file."""
    folder = paths.conf_dir() / "launch"
    return {path.stem: read_yaml(path) for path in sorted(folder.glob("*.yaml"))}


def command(launch: Launch) -> str | None:
    """The line that launches a design, None where nothing is known of its engine."""
    program = next((p for p in programs().values() if launch.engine in p["engines"]), None)
    return None if program is None else shlex.join(_words(program, launch, _facts(program, launch)))


def files(launch: Launch, about: str) -> dict[str, str]:
    """Files that launch a design and measure it, by name: run.sh and bench.sh of its engine, and of programs that run
    the same (run_NAME.sh).

    about: a line on the design.
    """
    found: dict[str, str] = {}
    for name, program in programs().items():
        if launch.engine in program["engines"]:
            found |= _files(program, launch, about, "")
        elif launch.engine in program.get("beside", ()):
            found |= _files(program, launch, about, f"_{name}")
    return found


def _files(program: Mapping[str, Any], launch: Launch, about: str, suffix: str) -> dict[str, str]:
    facts = _facts(program, launch)
    head = [
        "#!/bin/sh",
        f"# {_one_line(about)}",
        f"# flags of {program['name']} {program['version']}: {program['source']}",
    ]
    if suffix:
        head.append(f"# the same layout and limits; the forecast is of {launch.engine}")
    missing = [o for o in launch.stack if o not in (*program["made"], *BESIDE) and o not in _file_type(launch)]
    if missing and program["weights"] != "gguf":
        head.append(f"# {facts['model']}: a checkpoint whose weights are {', '.join(missing)}; give yours")
    environment = dict(program.get("environment") or {})
    for option in launch.stack:
        environment |= (program.get("environments") or {}).get(option, {})
    exports = [f"export {key}={shlex.quote(value.format(**facts))}" for key, value in environment.items()]
    before = [shlex.join([word.format(**facts) for word in line]) for line in program.get("before") or ()]
    start = shlex.join(_words(program, launch, facts))
    bench = [word.format(**facts) for word in program["bench"]]
    own = [option for option in launch.stack if option in program.get("bench_options", ())]
    bench += [word.format(**facts) for option in own for word in program["options"][option]]
    for key in program.get("bench_flags", ()):
        bench += [word.format(**facts) for word in program["flags"][key] if facts[key]]
    for key in ("rate", "concurrency"):
        if getattr(launch, key) and key in program:
            bench += [word.format(**facts) for word in program[key]]
    measured = shlex.join(bench) + (f" > {program['bench_to']}" if "bench_to" in program else "")
    read = program.get("read", "").format(words=shlex.join(launch.words))
    found = {
        f"run{suffix}.sh": "\n".join([*head, "set -eu", *exports, *before, f"exec {start}", ""]),
        f"bench{suffix}.sh": "\n".join([*head, "set -eu", measured, *([read] if read else []), ""]),
    }
    if "modelfile" in program:
        found["Modelfile"] = program["modelfile"].format(**facts)
    if "config" in program:
        found["config.yaml"] = as_yaml(_config(program["config"], launch.stack, facts))
    return found


def _config(parts: Mapping[str, Any], stack: Sequence[str], facts: Mapping[str, Any]) -> dict[str, Any]:
    """The content of a config file: what all have, and what options of the stack put in its place."""
    content = {**parts["plain"]}
    for option in stack:
        content |= parts.get(option, {})
    return {key: _filled(value, facts) for key, value in content.items()}


def _filled(value: Any, facts: Mapping[str, Any]) -> Any:
    """A value of a config file with facts in it; text that is one number is that number."""
    if isinstance(value, Mapping):
        return {key: _filled(part, facts) for key, part in value.items()}
    if not isinstance(value, str):
        return value
    text = value.format(**facts)
    return int(text) if text.isdigit() else text


def _words(program: Mapping[str, Any], launch: Launch, facts: Mapping[str, Any]) -> list[str]:
    words = list(program["command"])
    for key, flags in program["flags"].items():
        if facts[key] > (1 if key in Layout._fields else 0):
            words += flags
    for option in launch.stack:
        words += program["options"].get(option, ())
    return [str(word).format(**facts) for word in words]


def _facts(program: Mapping[str, Any], launch: Launch) -> dict[str, Any]:
    context = math.ceil((launch.prompt + launch.output) / ROUND) * ROUND
    slots = max(1, min(launch.sequences, math.ceil(2 * launch.running)))
    formats = program.get("weight_formats") or {}
    return {
        **launch.layout._asdict(),
        "hub": launch.hub, "model": _model(program, launch), "context": context, "slots": slots,
        "whole_context": context * slots, "sequences": launch.sequences, "budget": launch.budget,
        "prompt": f"{launch.prompt:.0f}", "output": f"{launch.output:.0f}", "requests": REQUESTS,
        "rate": f"{launch.rate:g}", "concurrency": f"{launch.concurrency:.0f}",
        "gpu_layers": _gpu_layers(launch), "target": launch.target,
        # which counts from the first layer on, and those come first that are on the CPU as a whole
        "cpu_experts": launch.cpu_layers + launch.cpu_expert_layers if launch.cpu_expert_layers else 0,
        "draft_tokens": launch.draft_tokens, "draft": _no_option(_one_line(launch.draft)) or f"{launch.hub}-draft",
        "weight_format": next((formats[o] for o in launch.stack if o in formats), "fp16"),
    }  # fmt: skip


def _gpu_layers(launch: Launch) -> int:
    """Layers that llama.cpp puts on the GPU."""
    if not launch.on_gpu:
        return 0
    return launch.layers - launch.cpu_layers if launch.cpu_layers else ALL_LAYERS


def _file_type(launch: Launch) -> Sequence[str]:
    """Options of a stack that are llama.cpp file types."""
    return [option for option in launch.stack if launch.kinds.get(option) == "gguf"]


def _model(program: Mapping[str, Any], launch: Launch) -> str:
    """The checkpoint: by its name on the hub where the program makes what the design needs of it, else a file or a
    folder whose name says what it must hold."""
    hub = _no_option(_one_line(launch.hub))
    base = _no_option(hub.rsplit("/", 1)[-1])
    if program["weights"] == "gguf" or "gguf" in file_formats(launch.stack, launch.kinds):
        kind = next(iter(_file_type(launch)), "f16")
        return f"{base}-{kind.upper()}.gguf"
    needed = [option for option in launch.stack if option not in program["made"] and option not in BESIDE]
    if program.get("before"):
        return f"{base}-openvino"
    return hub if not needed else f"{base}-{'-'.join(needed)}"


def _no_option(name: str) -> str:
    """A path that no program takes for an option."""
    return f"./{name}" if name.startswith("-") else name


def _one_line(name: str) -> str:
    """A name without line breaks and other controls, which would end a comment, or a line of a Modelfile."""
    return "".join(letter if letter.isprintable() else "_" for letter in name)
