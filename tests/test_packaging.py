"""How the house hangs together: imports go downwards, importing is cheap, and the wheel stands alone."""

import ast
import importlib.util
import os
import subprocess
import sys
import zipfile
from functools import cache
from pathlib import Path

import pytest

import life_jax

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "life_jax"

# A module imports only what stands before it; a package (operators, models, optimizations) is one entry.
ORDER = (
    "units",
    "numerics",
    "cost",
    "specs",
    "graph",
    "schedule",
    "operators",
    "models",
    "optimizations",
    "conventions",
    "efficiency",
    "cores",
    "roofs",
    "roofline",
    "context",
    "parallel",
    "energy",
    "pipeline",
    "ledger",
    "memory",
    "metrics",
    "gradients",
    "breakdown",
    "crossings",
    "plotting",
    "report",
    "drawing",
    "fingerprints",
    "remembered",
    "kernels",
    "grid",
    "dataset",
    "fronts",
    "volumes",
    "reduction",
    "answers",
    "journal",
    "direct",
    "packing",
    "store",
    "checkpoint",
    "shards",
    "cluster",
    "samples",
    "config.errors",
    "config.paths",
    "config.ranges",
    "config.quantities",
    "config.model_schema",
    "config.schema",
    "config.engine_schema",
    "config.check",
    "config.axes",
    "config.fields",
    "config.families_base",
    "config.families_quantized",
    "config.families_moe",
    "config.families_hybrid",
    "config.families_layers",
    "config.families_sparse",
    "config.families_rwkv",
    "config.families_variants",
    "config.families_recurrent",
    "config.families_dense",
    "config.families",
    "config.vision",
    "config.huggingface",
    "config.door",
    "config.shape",
    "config.software",
    "config.build",
    "config.gguf_file",
    "config.knobs",
    "config.settings",
    "config.compose",
    "version",
    "parts",
    "forecaster",
    "search",
    "inverse",
    "case",
    "sensitivity",
    "advice",
    "study",
    "posing",
    "work",
    "lazy",
    "variance",
    "names",
    "measurements",
    "calibration",
    "cli",
    "results",
)
COMMANDS = ("sweep", "merge", "explain", "catalog", "validate", "design", "calibrate")
OF_LANGUAGE_MODELS = {
    "operators",
    "models",
    "optimizations",
    "pipeline",
    "ledger",
    "metrics",
    "memory",
    "context",
    "breakdown",
}


def dotted(path):
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix("__init__").rstrip(".")


MODULES = {dotted(path): path for path in sorted(PACKAGE.rglob("*.py")) if dotted(path)}


def entry(module):
    """The entry of ORDER that a module belongs to: models.decoder belongs to models."""
    parts = module.split(".")
    return module if parts[0] == "config" else parts[0]


@cache
def imported(module):
    """The modules of this package that a module names in an import, wherever in the file."""
    found = set()
    for node in ast.walk(ast.parse(MODULES[module].read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: imports are absolute"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            inner = name.removeprefix("life_jax.")
            if inner != name:
                found.add(inner if inner in MODULES else inner.rpartition(".")[0])
    return found - {""}


def reached(module):
    """Everything that importing the module imports."""
    found, todo = set(), [module]
    while todo:
        new = imported(todo.pop()) - found
        found |= new
        todo += new
    return found


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_what_stands_above_it(module):
    if module == "config":
        assert not imported(module)
        return
    known = (*ORDER, *COMMANDS)
    assert entry(module) in known, "a new module: give it its place in ORDER"
    above = ORDER[: ORDER.index(entry(module))] if entry(module) in ORDER else ORDER
    assert {entry(name) for name in imported(module)} - {entry(module)} <= set(above)


@pytest.mark.parametrize("package", ["operators", "models", "optimizations"])
def test_the_members_of_a_package_do_not_import_each_other_in_a_circle(package):
    for module in MODULES:
        if module.startswith(f"{package}."):
            assert module not in reached(module)


@pytest.mark.parametrize("module", ["grid", "store"])
def test_grid_and_store_know_nothing_of_language_models(module):
    assert not {entry(name) for name in reached(module)} & OF_LANGUAGE_MODELS


def test_a_public_name_is_never_the_name_of_a_submodule():
    submodules = {module.split(".")[0] for module in MODULES}
    assert not set(life_jax.__all__) & submodules
    assert all(getattr(life_jax, name) is getattr(life_jax, name) for name in life_jax.__all__)


def python(*words, **options):
    return subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False, timeout=120, **options)


def test_importing_life_jax_imports_nothing_heavy(tmp_path):
    heavy = ("jax", "hydra", "omegaconf", "xarray", "matplotlib", "numpy", "netCDF4", "h5py")
    code = f"import sys, life_jax; print([name for name in {heavy} if name in sys.modules])"
    done = python("-c", code, cwd=tmp_path)
    assert done.stdout.strip() == "[]", done.stderr


def test_loading_a_study_leaves_hydra_and_jax_as_they_were(tmp_path):
    code = (
        "import jax; from hydra.core.global_hydra import GlobalHydra; import life_jax as life; "
        "life.evaluate(life.load(['hw=v100', 'dtype=float64', 'axes.batch=[1]', 'axes.prompt_tokens=[8]'])); "
        "print(GlobalHydra.instance().is_initialized(), jax.config.jax_enable_x64)"
    )
    done = python("-c", code, cwd=tmp_path)
    assert done.stdout.split() == ["False", "False"], done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    if importlib.util.find_spec("hatchling") is None:
        pytest.skip("no hatchling")
    folder = tmp_path_factory.mktemp("wheel")
    done = python("-m", "hatchling", "build", "-t", "wheel", "-d", str(folder), cwd=ROOT)
    assert done.returncode == 0, done.stderr
    (found,) = folder.glob("*.whl")
    return found


def test_the_wheel_holds_the_package_its_facts_and_its_questions_and_nothing_else(wheel):
    names = [name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name]
    facts = [path.relative_to(ROOT) for path in [*(ROOT / "conf").rglob("*.yaml"), *(ROOT / "sweeps").glob("*.yaml")]]
    code = [path.relative_to(ROOT) for path in PACKAGE.rglob("*.py")]
    assert sorted(names) == sorted([*(path.as_posix() for path in code), *(f"life_jax/{f.as_posix()}" for f in facts)])


def test_an_unpacked_wheel_sweeps_from_anywhere(wheel, tmp_path):
    (tmp_path / "site").mkdir()
    (tmp_path / "empty").mkdir()
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "site")}
    where = python("-c", "import life_jax; print(life_jax.__file__)", cwd=tmp_path / "empty", env=environment)
    assert Path(where.stdout.strip()).is_relative_to(tmp_path)
    words = ("study=first_look", "axes.prompt_tokens=[512]", "axes.opt=[[int4]]", "hw=v100")
    done = python("-m", "life_jax.sweep", *words, cwd=tmp_path / "empty", env=environment)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "empty" / done.stdout.split()[-1]).is_file()
