"""Measures the machine it runs on, and times decoders with random weights on it.

python scripts/measure_host.py FOLDER [--models qwen3_0_6b,llama3_2_1b] [--threads 1] ...

Writes FOLDER/host.yaml, which hw= takes, and a FOLDER/ENGINE.csv for each engine (hf: PyTorch, llama_cpp), which
life_jax.validate and life_jax.calibrate take.
Needs PyTorch and transformers; llama.cpp through xllamacpp: pip install 'life_jax[measure]'. A CUDA device is used
where there is one (PyTorch only); what is committed of it was written for one and not run on one.
"""

import argparse
import csv
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from life_jax.config.schema import paths
from life_jax.config.schema.check import check
from life_jax.config.schema.errors import ConfigError, unknown
from life_jax.config.schema.model_file import ModelFile
from life_jax.config.schema.yaml_files import read_yaml

COLUMNS = (
    "id", "source", "licence", "date", "hardware", "model", "weight_format", "act_dtype", "kv_dtype", "engine", "batch",
    "prompt_tokens", "output_tokens", "ctx_depth", "tp", "n_devices", "metric", "value", "regime", "trust", "core",
    "canonical", "note",
)  # fmt: skip
ENGINES = ("hf", "llama_cpp")


def row(
    timing: Any, hardware: Path, device: str, model: str, weight_format: str, engine: str, note: str
) -> dict[str, str]:
    """A timing as a row of tidy measurements; its hardware is the path of the device's file."""
    said: dict[str, Any] = {
        "source": "scripts/measure_host.py",
        "licence": "own measurement",
        "date": date.today().isoformat(),
        "hardware": hardware,
        "model": model,
        "weight_format": weight_format,
        "act_dtype": "bf16" if weight_format == "bf16" else "",
        "kv_dtype": "bf16" if weight_format == "bf16" else "f16",
        "engine": engine,
        "batch": timing.batch,
        "prompt_tokens": timing.prompt_tokens,
        "output_tokens": timing.output_tokens,
        "ctx_depth": 0,
        "tp": 1,
        "n_devices": 1,
        "metric": timing.metric,
        "value": f"{timing.seconds:.6g}",
        "regime": "single_stream" if timing.batch == 1 else "static_batch",
        "trust": "A",
        "core": 1,
        "canonical": device,
        "note": note,
    }
    of = f"{model}-{weight_format}-b{timing.batch}-p{timing.prompt_tokens}-{timing.metric}"
    return {"id": f"{engine.split(maxsplit=1)[0].lower()}-{of}", **{key: str(value) for key, value in said.items()}}


def write_csv(rows: Iterable[dict[str, str]], path: Path) -> None:
    """The rows under their final name, whole or not at all."""
    part = path.with_name(f"{path.name}.part")
    with part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def write_yaml(content: dict[str, Any], path: Path) -> None:
    import yaml

    part = path.with_name(f"{path.name}.part")
    part.write_text(yaml.safe_dump(content, sort_keys=False, width=1000), encoding="utf-8")
    part.replace(path)


def model_of(label: str) -> ModelFile:
    known = paths.choices("model")
    if label not in known:
        raise unknown("--models", label, known)
    said = read_yaml(known[label])
    if "defaults" in said:
        said = read_yaml(known[str(said["defaults"][0])])
    return check(said, ModelFile, f"model.{label}")


def measure_models(
    models: dict[str, ModelFile], engine: str, asked: argparse.Namespace, hardware: Path, device: str
) -> Iterator[dict[str, str]]:
    import torch
    from host_device import Clock
    from host_models import llama_cpp_timings, transformers_timings, version, write_gguf

    for label, model in models.items():
        if engine == "hf":
            name = f"HF transformers {version('transformers')}"
            note = f"torch {version('torch')}, random weights"
            clock = Clock(torch.cuda.is_available(), asked.repeats)
            for timing in transformers_timings(model, asked.prompts, asked.batches, clock):
                yield row(timing, hardware, device, label, "bf16", name, note)
            continue
        name = f"llama.cpp CPU (xllamacpp {version('xllamacpp')})"
        for weight_format in asked.formats:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "model.gguf"
                write_gguf(path, model, weight_format)
                for timing in llama_cpp_timings(path, asked.prompts, asked.threads, asked.repeats):
                    yield row(timing, hardware, device, label, weight_format, name, "random weights")


def numbers(text: str) -> list[int]:
    found = [int(part) for part in text.split(",")]
    if min(found) < 1:
        raise argparse.ArgumentTypeError(f"{text}: whole numbers above 0 are needed")
    return found


def words(text: str) -> list[str]:
    return text.split(",")


def arguments(given: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--models", type=words, default=[], help="labels of conf/model")
    parser.add_argument("--engines", type=words, default=list(ENGINES), help=", ".join(ENGINES))
    parser.add_argument("--formats", type=words, default=["q4_0", "q4_k_m", "q8_0", "f16"], help="of llama.cpp")
    parser.add_argument("--prompts", type=numbers, default=[])
    parser.add_argument("--batches", type=numbers, default=[], help="of PyTorch; llama.cpp runs one sequence")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=3, help="the least time of so many counts")
    parser.add_argument("--overwrite", action="store_true")
    return parser.parse_args(given)


def main(given: Sequence[str]) -> None:
    asked = arguments(given)
    if wrong := set(asked.engines) - set(ENGINES):
        raise unknown("--engines", sorted(wrong)[0], ENGINES)
    device_file = asked.folder / "host.yaml"
    tables = {engine: asked.folder / f"{engine}.csv" for engine in asked.engines}
    for path in (device_file, *tables.values()):
        if path.exists() and not asked.overwrite:
            raise ConfigError(f"{path} exists; --overwrite replaces it")
    # before PyTorch starts its threads: waiting threads must not take the machine from others
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ["OMP_NUM_THREADS"] = str(asked.threads)
    try:
        import torch
    except ImportError:
        raise ConfigError("PyTorch is needed: pip install 'life_jax[measure]'") from None
    from host_device import host
    from host_models import refuse_other_families

    torch.set_num_threads(asked.threads)
    cuda = torch.cuda.is_available()
    asked.prompts = asked.prompts or ([128, 512, 2048] if cuda else [32, 128, 512])
    asked.batches = asked.batches or ([1, 8, 32] if cuda else [1, 4])
    labels = asked.models or (["llama2_7b", "llama3_8b"] if cuda else ["qwen3_0_6b", "llama3_2_1b"])
    models = {label: model_of(label) for label in labels}
    for label, model in models.items():
        refuse_other_families(label, model)
    asked.folder.mkdir(parents=True, exist_ok=True)
    content = host(asked.threads, asked.repeats)
    write_yaml(content, device_file)
    for engine, table in tables.items():
        if engine == "llama_cpp" and cuda:
            print("llama.cpp is timed on CPUs only: left out", file=sys.stderr)
            continue
        rows = []
        for one in measure_models(models, engine, asked, device_file, content["name"]):
            rows.append(one)
            print(f"{one['id']:60} {float(one['value']) * 1e3:10.2f} ms", file=sys.stderr, flush=True)
            write_csv(rows, table)  # a run that is stopped keeps what it measured
        ours = {"hf": "hf_eager" if cuda else "hf_eager_cpu", "llama_cpp": "llama_cpp_cpu"}[engine]
        print(f"python -m life_jax.validate {table}")
        print(f"python -m life_jax.calibrate {table} hw={device_file} engine={ours}")
    print(device_file)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except ConfigError as error:
        sys.exit(f"error: {error}")
