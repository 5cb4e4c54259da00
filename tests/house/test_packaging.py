"""How the house hangs together: imports go downwards, importing is cheap, and the wheel stands alone."""

import ast
import importlib.util
import os
import re
import subprocess
import sys
import zipfile
from functools import cache
from pathlib import Path

import pytest
from places import ROOT

import life_jax

PACKAGE = ROOT / "life_jax"

COMMANDS = ("sweep", "merge", "explain", "catalog", "validate", "design", "calibrate", "serve", "plan", "explore")
TOP = {"__init__", "__main__", *COMMANDS}
MAY_IMPORT = re.compile(r"^May import: (.*?)\.$", re.MULTILINE | re.DOTALL)


def dotted(path):
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix("__init__").rstrip(".")


MODULES = {dotted(path): path for path in sorted(PACKAGE.rglob("*.py")) if dotted(path)}


def package(module):
    """The package on top of life_jax that a module belongs to; a command is its own."""
    return module.split(".")[0]


PACKAGES = sorted({package(module) for module in MODULES} - TOP)


def may_import(name):
    """The packages that the docstring of a package allows it to import."""
    found = MAY_IMPORT.search(ast.get_docstring(ast.parse((PACKAGE / name / "__init__.py").read_text("utf-8"))))
    assert found, f"life_jax/{name}/__init__.py: a sentence 'May import: a, b.' is missing"
    words = " ".join(found[1].split())
    return [] if words == "nothing of this package" else words.split(", ")


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


def test_only_commands_stand_beside_the_packages():
    assert {path.stem for path in PACKAGE.glob("*.py")} == TOP


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_imports_only_what_its_docstring_names(name):
    found = {package(other) for module in MODULES if package(module) == name for other in imported(module)} - {name}
    assert found <= set(may_import(name))
    assert set(may_import(name)) <= set(PACKAGES) - {name}


def test_packages_import_each_other_in_no_circle():
    levels = []
    left = {name: set(may_import(name)) for name in PACKAGES}
    while left:
        free = {name for name, needs in left.items() if not needs & set(left)}
        assert free, f"a circle among {sorted(left)}"
        levels.append(free)
        left = {name: needs for name, needs in left.items() if name not in free}


def test_nobody_imports_a_command():
    assert not [module for module in MODULES if imported(module) & set(COMMANDS)]


@pytest.mark.parametrize("module", MODULES)
def test_modules_import_each_other_in_no_circle(module):
    assert module not in reached(module)


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
    page = (PACKAGE / "explorer" / "assets").iterdir()
    code = [path.relative_to(ROOT) for path in [*PACKAGE.rglob("*.py"), *page, PACKAGE / "py.typed"]]
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
