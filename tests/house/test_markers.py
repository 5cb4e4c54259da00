"""Which tests are of which kind."""

import subprocess
from pathlib import Path

import pytest
from places import ROOT

PACKAGES = sorted(path.parent.name for path in (ROOT / "life_jax").glob("*/__init__.py"))
TESTS = ROOT / "tests"


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_has_quick_tests(request, package):
    """Of a run that has collected tests of the package; at any rate they are there."""
    assert any((TESTS / package).rglob("test_*.py")), f"life_jax/{package} has no tests/{package}"
    own = [item for item in request.session.items if item.path.is_relative_to(TESTS / package)]
    if not own:
        pytest.skip("collected none of its tests")
    assert any(item.get_closest_marker("quick") for item in own)


def test_tests_lie_where_the_package_lies():
    others = {"commands", "scripts", "house"}
    folders = {path.parent.relative_to(TESTS).parts[0] for path in TESTS.rglob("test_*.py")}
    assert folders - others <= set(PACKAGES)
    for path in TESTS.rglob("test_*.py"):
        inner = Path(*path.parent.relative_to(TESTS).parts)
        assert inner.parts[0] in others or (ROOT / "life_jax" / inner).is_dir(), path


def a_helper() -> None:
    subprocess.run(["true"], check=True)


def test_who_reaches_subprocess_is_marked(request):
    assert request.node.get_closest_marker("process")
    a_helper()


def test_who_compiles_nothing_is_quick(request):
    assert request.node.get_closest_marker("quick")
    assert not request.node.get_closest_marker("process")
