"""Installs the wheel in environments of their own and runs it from an empty folder:
python scripts/check_install.py [PYTHON...]

Each interpreter that is found of python3.11, 3.12 and 3.13 (in PATH, and where pyenv keeps its own), or those that are
named, gets the lowest dependencies that pyproject.toml allows and the newest. The same commands must print the same
forecasts everywhere. It needs a package registry, and no clone of the repository beside the wheel.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VERSIONS = ("3.11", "3.12", "3.13")
SHOWN = ("jax", "numpy", "xarray", "netCDF4", "h5py", "matplotlib", "life_jax")
TOLERANCE = 1e-6  # of float32 forecasts by other builds of NumPy
QUESTION = ("hw=[v100,h100_sxm]", "model=qwen3_30b_a3b", "opt=int4", "format=json", "batch=4")
GRADIENT = (
    "import jax, life_jax as life; s = life.load(hw='v100', opt='int4', batch=1, prompt=512).scenario; "
    "g = jax.grad(lambda x: life.forecast(x)['tpot'])(s); assert g.device.bandwidth < 0; print(life.__version__)"
)
COMMANDS = (
    ("life-jax",),
    ("life-jax", "explain", "hw=v100", "opt=int4", "format=json"),
    ("life-jax", "catalog", "engine", "format=json"),
    ("life-jax-sweep", "hw=v100", "opt=int4", "axes.batch=[1,4,16]", "plot=operators", "out=picture.nc"),
    ("life-jax-sweep", "--cfg", "job"),
    ("python", "-c", GRADIENT),
)


class InstallError(Exception):
    """A command of an environment failed."""


def interpreters(named: Sequence[str]) -> Iterator[str]:
    """Paths of the interpreters to try."""
    if named:
        yield from named
        return
    for version in VERSIONS:
        kept = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python{version}"))
        path = shutil.which(f"python{version}")
        works = path and not subprocess.run([path, "--version"], capture_output=True, check=False).returncode
        if works or kept:
            yield path if path and works else os.fspath(kept[-1])


def lowest(dependencies: Sequence[str]) -> list[str]:
    """Constraints that pin each requirement, such as numpy>=2.1, to the lowest version that it allows."""
    pairs = [re.match(r"([\w.-]+)>=([\w.]+)", line) for line in dependencies]
    return [f"{pair[1]}=={pair[2]}" for pair in pairs if pair]


def run(line: Sequence[str], folder: Path, home: Path | None = None) -> str:
    """What a command prints. home: of an environment, whose programs are used. Raises InstallError where it fails."""
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}
    program = line[0] if home is None else os.fspath(home / "bin" / line[0])
    done = subprocess.run(
        [program, *line[1:]], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise InstallError(f"{' '.join(line)}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
    return done.stdout


def build(folder: Path) -> Path:
    """The wheel, built from the tree."""
    run((sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", os.fspath(folder), os.fspath(ROOT)), folder)
    (wheel,) = folder.glob("*.whl")
    return wheel


def install(python: str, wheel: Path, constraints: Sequence[str], folder: Path) -> Path:
    """A new environment that has the wheel."""
    home = folder / "env"
    run((python, "-m", "venv", os.fspath(home)), folder)
    pins = folder / "constraints.txt"
    pins.write_text("".join(f"{line}\n" for line in constraints), encoding="utf-8")
    binary = ",".join(re.split(r"==", line)[0] for line in constraints)
    only = ("--only-binary", binary) if binary else ()
    run(("python", "-m", "pip", "install", "-q", "-c", os.fspath(pins), *only, os.fspath(wheel)), folder, home)
    return home


def forecasts(home: Path, folder: Path) -> list[float]:
    """Numbers that the question's rows have, after every command has run."""
    empty = folder / "empty"
    empty.mkdir()
    for line in COMMANDS:
        run(line, empty, home)
    rows = json.loads(run(("life-jax", "sweep", *QUESTION), empty, home))
    return [value for row in rows for value in row.values() if isinstance(value, float)]


def check(python: str, wheel: Path, constraints: Sequence[str]) -> list[float]:
    """Install and run; the forecasts. Prints versions."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        home = install(python, wheel, constraints, folder)
        numbers = forecasts(home, folder)
        listed = json.loads(run(("python", "-m", "pip", "list", "--format=json"), folder, home))
        shown = [
            f"{p['name']} {p['version']}" for p in listed if p["name"] in ("jax", "numpy", "xarray", "h5py", "life_jax")
        ]
        print(f"  runs: {', '.join(shown)}", flush=True)
    return numbers


def main() -> None:
    """Check every environment; the exit status is 1 if one fails or forecasts something else."""
    dependencies = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    failed, first = False, None
    with tempfile.TemporaryDirectory() as name:
        wheel = build(Path(name))
        print(wheel.name)
        for python in interpreters(sys.argv[1:]):
            for kind, constraints in (("lowest", lowest(dependencies)), ("newest", [])):
                print(f"{python}, {kind} dependencies", flush=True)
                try:
                    numbers = check(python, wheel, constraints)
                except InstallError as error:
                    print(f"  FAILED: {error}", flush=True)
                    failed = True
                    continue
                first = first or numbers
                off = max(abs(a / b - 1) for a, b in zip(numbers, first, strict=True))
                if off > TOLERANCE:
                    print(f"  FAILED: forecasts differ by {off:.2g}")
                    failed = True
    sys.exit(failed)


if __name__ == "__main__":
    main()
