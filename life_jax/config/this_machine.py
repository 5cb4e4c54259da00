"""The device of this machine (hw=here), by what the system says of it: a GPU if it has one, else the processor."""

import os
import platform
import subprocess
from collections.abc import Iterator
from pathlib import Path

from life_jax.config import names
from life_jax.config.names import Folders
from life_jax.config.schema.errors import ConfigError

SECONDS = 10.0  # that a program may take to answer


def device(folders: Folders) -> str:
    """The label of the device that this machine is. Raises ConfigError where none of its names is known."""
    said = list(dict.fromkeys(facts()))
    for name in said:
        label = names.device(name, folders)
        if label is not None:
            return label
    if not said:
        raise ConfigError("hw=here: the system does not say what it is; give hw=NAME, or the file of a device")
    raise names.refusal("hw", said[0], folders, "hw=here: this machine's ", "python -m life_jax.catalog hw")


def facts() -> Iterator[str]:
    """Names of this machine's devices as the system gives them, the likeliest to be meant first."""
    yield from _lines("nvidia-smi", "--query-gpu=name", "--format=csv,noheader")
    if platform.system() == "Darwin":
        yield from _of_mac()
        return
    for file in sorted(Path("/sys/class/drm").glob("card*/device/product_name")):
        yield from _text(file)
    yield from _lines("rocm-smi", "--showproductname", "--csv", column=1)
    yield from _of_processor()


def _of_mac() -> Iterator[str]:
    """Apple M3 Max 40-core GPU 64 GB, then with less of it."""
    chip = next(_lines("sysctl", "-n", "machdep.cpu.brand_string"), "")
    if not chip:
        return
    size = next(_lines("sysctl", "-n", "hw.memsize"), "")
    memory = f"{int(size) / 2**30:.0f}GB" if size.isdigit() else ""
    said = _lines("system_profiler", "SPDisplaysDataType")
    cores = next((line.split(":")[1].strip() for line in said if "Number of Cores" in line), "")
    for words in ((chip, f"{cores}c" if cores else "", memory), (chip, "", memory), (chip, f"{cores}c", ""), (chip,)):
        yield " ".join(filter(None, words))


def _of_processor() -> Iterator[str]:
    if platform.system() == "Windows":
        yield from _lines("wmic", "cpu", "get", "name", skip=1)
        return
    keys = ("model name", "Model", "Hardware")
    lines = _text(Path("/proc/cpuinfo"))
    values = dict(line.split(":", 1) for line in lines if ":" in line)
    by_key = {key.strip(): value.strip() for key, value in values.items()}
    yield from (by_key[key] for key in keys if by_key.get(key))
    yield from _text(Path("/sys/firmware/devicetree/base/model"))


def _text(file: Path) -> list[str]:
    try:
        return [line.strip("\0 \t") for line in file.read_text(encoding="utf-8").splitlines() if line.strip("\0 \t")]
    except (OSError, UnicodeDecodeError):
        return []


def _lines(*command: str, skip: int = 0, column: int | None = None) -> Iterator[str]:
    """Lines that a program prints, none where it is not there, fails or takes long."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=SECONDS, check=False, stdin=subprocess.DEVNULL,
            env={**os.environ, "LC_ALL": "C"},
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return
    if done.returncode:
        return
    for line in done.stdout.splitlines()[skip:]:
        text = line.split(",")[column] if column is not None and line.count(",") >= column else line
        if text.strip():
            yield text.strip()
