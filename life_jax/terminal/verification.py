"""What a forecast rests on, and the command of somebody else's program that measures the same."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from life_jax.config import engine_fit, support
from life_jax.config.aliases import table
from life_jax.terminal import tables

if TYPE_CHECKING:
    from life_jax.core.scenario import Scenario
    from life_jax.studies.case import Case

# beginning of an engine's label -> command that times a batch of equal prompts, of which MODEL is a file or a name.
# Source: --help and documentation of each program, which life-jax validate reads the output of.
COMMANDS = {
    "llama_cpp": "llama-bench -m MODEL.gguf -p {prompt} -n {output} -d {past} -fa 1 -o json",
    "ik_llama_cpp": "llama-bench -m MODEL.gguf -p {prompt} -n {output} -fa 1 -o json",
    "vllm": "vllm bench latency --model MODEL --input-len {prompt} --output-len {output} --batch-size {batch}"
    " --tensor-parallel-size {devices} --output-json FILE.json",
    "sglang": "python -m sglang.bench_one_batch --model-path MODEL --input-len {prompt} --output-len {output}"
    " --batch-size {batch} --tp {devices} --result-filename FILE.jsonl",
    "mlx": "mlx_lm.benchmark --model MODEL -p {prompt} -g {output} -b {batch}",
}
ONE_SEQUENCE = ("llama_cpp", "ik_llama_cpp")  # whose command times a single sequence


def basis(case: "Case", engine: str, values: dict[str, float]) -> Iterator[str]:
    """Sentences on the basis of a forecast.

    engine: label of ours, or a path. values: ttft and tpot with the ends of their intervals [s].
    """
    if values["tpot_low"] == values["tpot_low"]:  # not NaN
        ends = (
            f"{name.upper()} {tables.engineering(values[f'{name}_low'], 's')} to "
            f"{tables.engineering(values[f'{name}_high'], 's')}"
            for name in ("ttft", "tpot")
            if values[name] == values[name]
        )
        yield f"80 % of measurements on devices that no constant has seen lie within {', '.join(ends)}."
    unlike = extrapolated(case)
    if unlike:
        yield f"Never measured: {'; '.join(unlike)}. This is an extrapolation, with a wider interval."
    fit = engine_fit.fits().get(engine)
    if fit is not None:
        device = str(table("hardware").get(case.keys.hw, case.keys.hw))
        here = "measured on this device too" if device in fit["devices"] else "never measured on this device"
        yield f"{engine} was {here}, and on {len(fit['devices'])} in all{_errors(fit)}."
    command = measures(engine, case.scenario)
    if command:
        yield f"To measure it: {command}; life-jax validate reads what that writes."


def extrapolated(case: "Case") -> list[str]:
    """What nothing like it was measured of; nothing of an engine that was not fitted to a class of devices."""
    w = case.scenario.workload
    if not case.scenario.engine.support:
        return []
    lengths = float(w.past_tokens + w.prompt_tokens), float(w.output_tokens)
    return support.sentences(case.built.likeness, lengths, float(w.batch))


def _errors(fit: dict[str, list[float]]) -> str:
    means = [f"{name} {fit[key][0]:g} %" for key, name in (("ttft", "TTFT"), ("tpot", "TPOT")) if key in fit]
    return f"; devices left out of the fit were off by {', '.join(means)}" if means else ""


def measures(engine: str, scenario: "Scenario") -> str:
    """The command that measures a scenario; empty where none is known for the engine."""
    start = next((name for name in COMMANDS if engine.startswith(name)), "")
    w, devices = scenario.workload, scenario.engine.parallelism
    plain = float(devices.devices) == float(devices.tensor_parallel)
    if not start or not plain or (start in ONE_SEQUENCE and float(w.batch) != 1):
        return ""
    numbers = {"prompt": w.prompt_tokens, "output": w.output_tokens, "past": w.past_tokens, "batch": w.batch}
    command = COMMANDS[start].format(
        **{name: f"{float(n):g}" for name, n in numbers.items()}, devices=f"{float(devices.tensor_parallel):g}"
    )
    return command.replace(" -d 0", "").replace(" --tensor-parallel-size 1", "").replace(" --tp 1", "")
