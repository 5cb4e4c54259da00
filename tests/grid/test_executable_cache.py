"""Executables remembered from one process to the next: the same numbers, and never those of another question."""

import hashlib
import os
import pickle
from itertools import combinations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr

from life_jax.core import file_system
from life_jax.grid import executable_cache, fingerprint
from life_jax.studies import loading

# so many points that the grid is compiled
WORDS = ("hw=v100", "axes.prompt_tokens=linspace(128,512,1025)", "axes.batch=linspace(1,4,512)", "overwrite=true")
COMPILED = "Compiling jit(<lambda>)"
QUESTIONS = (
    ("hw=v100",),
    ("hw=v100", "model=llama3_8b"),
    ("hw=v100", "model=mixtral_8x7b"),
    ("hw=v100", "opt=int4"),
    ("hw=v100", "engine=ideal"),
    ("hw=v100", "metrics=[ttft]"),
    ("hw=v100", "axes.weight_bits=[4,8]"),
    ("hw=v100", "elasticity=true"),
)


@pytest.fixture
def run(shell, tmp_path):
    """run(*words) -> what the command did, with its own folder of executables."""

    def sweep(*words):
        env = os.environ | {"LIFE_JAX_CACHE": "cache", "JAX_LOG_COMPILES": "1", "JAX_PLATFORMS": "cpu"}
        env.pop("JAX_COMPILATION_CACHE_DIR", None)
        return shell("sweep", *WORDS, *words, env=env)

    return sweep


@pytest.fixture
def kept(tmp_path):
    before = executable_cache._folder, executable_cache._most
    executable_cache.keep_in(tmp_path / "kept", 10**9)
    yield tmp_path / "kept"
    executable_cache.keep_in(*before)


def values(outcome):
    assert outcome.status == 0, outcome.err
    with xr.open_dataset(outcome.file) as ds:
        return {name: ds[name].values.tobytes() for name in ("ttft", "tpot", "tps")}


def files(folder):
    return sorted(folder.glob("cache/*/executables/*"))


def test_a_second_process_compiles_nothing_and_finds_the_same(run, life):
    first, second = run("out=first.nc"), run("out=second.nc")
    assert COMPILED in first.err
    assert COMPILED not in second.err
    assert values(life("sweep", *WORDS, "out=plain.nc")) == values(first) == values(second)


@pytest.mark.slow
def test_what_jax_itself_remembers_does_not_get_in_the_way(run, tmp_path):
    first = values(run("out=first.nc"))
    for path in files(tmp_path):
        path.unlink()
    assert [values(run(f"out=again{n}.nc")) for n in range(2)] == [first, first]  # written, then read
    assert files(tmp_path)


def test_a_text_is_shared_only_by_the_same_question():
    def asked(words):
        function, base = loading.load(words).sweep.cases[0]
        return (*(call.part for call in function.calls), jax.tree.structure(base))

    every = [(asked(words), asked(words)) for words in QUESTIONS]
    assert all([fingerprint.of(x) for x in one] == [fingerprint.of(x) for x in same] for one, same in every)
    alike = [
        (fingerprint.of(one) == fingerprint.of(other), one == other) for (one, _), (other, _) in combinations(every, 2)
    ]
    assert all(text == question for text, question in alike)
    assert {text for text, _ in alike} == {True, False}  # models of one structure share


@pytest.mark.parametrize("value", [lambda x: x, np.sin, jnp, object(), (1, object()), {"a": print.__self__}])
def test_what_cannot_be_said_is_refused(value):
    with pytest.raises(fingerprint.NoFingerprintError):
        fingerprint.of(value)


def test_sets_and_numbers_say_what_they_are():
    assert fingerprint.of(frozenset("ab")) == fingerprint.of(frozenset("ba"))
    assert len({fingerprint.of(one) for one in (1, 1.0, True, "1", (1,), [1], {1: 1})}) == 7


def scaled(tag):
    """A jitted function, said to be `tag`, that counts how often it is traced."""
    traced = []

    def function(x, y):
        traced.append(tag)
        return tag * x + y

    return executable_cache.CachedFunction(jax.jit(function), tag), traced


def test_another_function_shape_or_kind_is_another_executable(kept):
    first, traced = scaled(2)
    assert float(first(jnp.float32(3), 1.0)) == 7
    again, traced_again = scaled(2)
    assert float(again(jnp.float32(3), 1.0)) == 7
    assert (len(traced), len(traced_again)) == (1, 0)
    assert again(jnp.ones(4), 1.0).shape == (4,)
    assert int(again(jnp.int32(3), jnp.int32(1))) == 7
    assert len(traced_again) == 2
    assert again.compilations == 3
    other, traced_other = scaled(3)
    assert float(other(jnp.float32(3), 1.0)) == 10
    assert len(traced_other) == 1
    assert len(list(kept.iterdir())) == 4


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b[:-1] + bytes([b[-1] ^ 1]), lambda b: b""])
def test_a_damaged_file_is_written_anew(kept, damage):
    scaled(2)[0](1.0, 2.0)
    (path,) = kept.iterdir()
    path.write_bytes(damage(path.read_bytes()))
    for traces in (1, 0):
        again, traced = scaled(2)
        assert float(again(1.0, 2.0)) == 4
        assert len(traced) == traces
    assert list(kept.iterdir()) == [path]


def test_wide_numbers_are_another_executable(kept):
    narrow, _ = scaled(2)
    narrow(np.float32(1), 1e-12)
    with jax.enable_x64(True):
        wide, traced = scaled(2)
        assert wide(np.float64(1), 1e-12) - 2 == pytest.approx(1e-12, rel=1e-3)
    assert len(traced) == 1


def test_the_oldest_make_room(kept):
    for tag in range(3):
        scaled(tag)[0](1.0, 2.0)
    sizes = {path: path.stat().st_size for path in kept.iterdir()}
    for age, path in enumerate(sizes):
        os.utime(path, (1000 + age, 1000 + age))
    executable_cache.keep_in(kept, max(sizes.values()) * 2 + 100)
    scaled(3)[0](1.0, 2.0)
    left = set(kept.iterdir())
    assert len(left) == 2
    assert list(sizes)[2] in left


def test_a_folder_that_cannot_be_written_is_no_error(kept, tmp_path):
    (tmp_path / "file").write_text("")
    executable_cache.keep_in(tmp_path / "file" / "folder", 10**9)
    assert float(scaled(5)[0](1.0, 2.0)) == 7


RAN = "import pathlib; pathlib.Path({path!r}).write_text('ran')"


class Planted:
    """What runs code of somebody else when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return exec, (RAN.format(path=os.fspath(self.path)),)


def plant(folder, ran):
    """Puts code in place of every executable, with a digest that is right; the files."""
    paths = [path for path in folder.iterdir() if path.is_file()]
    for path in paths:
        code = pickle.dumps(Planted(ran))
        path.write_bytes(hashlib.sha256(code).digest() + code)
    return paths


def of_another(path):
    os.chown(path, 65534, 65534)


def of_the_world(path):
    path.chmod(0o666 if path.is_file() else 0o777)


def of_a_group(path):
    path.chmod(0o660 if path.is_file() else 0o770)


@pytest.mark.parametrize("expose", [of_the_world, of_a_group, of_another])
@pytest.mark.parametrize("what", ["folder", "file"])
def test_what_another_account_could_have_written_does_not_run(kept, tmp_path, expose, what):
    if expose is of_another and os.geteuid() != 0:
        pytest.skip("only root gives files away")
    said, ran = [], tmp_path / "ran"
    executable_cache.keep_in(kept, 10**9, said.append)
    assert float(scaled(7)[0](1.0, 2.0)) == 9
    (path,) = plant(kept, ran)
    scaled(7)[0](1.0, 2.0)
    assert ran.exists()  # what the test plants would run, were it ours
    ran.unlink()
    plant(kept, ran)
    expose(path if what == "file" else kept)
    for _ in range(2):
        function, traced = scaled(7)
        assert float(function(1.0, 2.0)) == 9 and traced
    assert not ran.exists()
    assert len(said) == 1 and "may be written by others" in said[0]


def test_a_link_to_an_executable_is_not_followed(kept, tmp_path):
    scaled(8)[0](1.0, 2.0)
    (path,) = kept.iterdir()
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    function, traced = scaled(8)
    assert float(function(1.0, 2.0)) == 10 and traced


def test_what_is_kept_is_for_this_user_alone(kept):
    before = os.umask(0)
    try:
        scaled(9)[0](1.0, 2.0)
    finally:
        os.umask(before)
    (path,) = kept.iterdir()
    assert (kept.stat().st_mode & 0o777, path.stat().st_mode & 0o777) == (0o700, 0o600)


@pytest.mark.parametrize("mode", [0o777, 0o775])
@pytest.mark.parametrize("level", ["the folder", "the one above"])
def test_command_lines_keep_nothing_where_others_could_put_a_folder(shell, tmp_path, mode, level):
    """Neither ours nor what JAX keeps by itself, which runs as well."""
    (tmp_path / "cache").mkdir(mode=0o700)
    (tmp_path / "cache" / "own").mkdir(mode=0o700)
    (tmp_path / "cache" / ("own" if level == "the folder" else ".")).chmod(mode)
    env = {**os.environ, "LIFE_JAX_CACHE": "cache/own"}
    env.pop("JAX_COMPILATION_CACHE_DIR", None)
    done = shell("catalog", "engine", env=env)
    assert done.status == 0
    assert done.err.count("may be written by others") == 1 and len(done.err.splitlines()) == 1
    (tmp_path / "cache" / ("own" if level == "the folder" else ".")).chmod(0o700)
    assert shell("catalog", "engine", env=env).err == ""


def test_a_sticky_folder_such_as_tmp_keeps_names_apart(tmp_path):
    (tmp_path / "shared" / "ours").mkdir(parents=True, mode=0o700)
    (tmp_path / "shared").chmod(0o1777)
    assert file_system.not_private(tmp_path / "shared" / "ours") is None
    (tmp_path / "shared").chmod(0o777)
    assert file_system.not_private(tmp_path / "shared" / "ours") == tmp_path / "shared"
