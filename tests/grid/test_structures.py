"""Sweeps of many structures: each is compiled once, ahead of its turn, and let go; what is told of them is true."""

import gc
import os
import subprocess
import sys

import jax
import laws
import numpy as np
import pytest
import xarray as xr

import life_jax as life
from life_jax.grid import eager, executable_cache, kernel, labels, structures
from life_jax.studies import evaluation

# structures that compile fast: the memory of weights alone
MODELS = ("llama2_7b", "gpt2_small", "gemma3_4b", "mamba2_2_7b", "deepseek_v2_lite", "llama3_8b")
WORDS = ["hw=[v100,h100_sxm]", f"model=[{','.join(MODELS)}]", "axes.batch=[1,8]", "metrics=[weight_memory]"]


@pytest.fixture
def study(monkeypatch):
    """A compiled study of many structures."""
    monkeypatch.setattr(eager, "MOST_POINTS", 0)
    study = life.load([*WORDS, "dtype=float64"])
    assert study.route == "jax"
    kernel.kernel.cache_clear()
    return study


class Told:
    """What a sweep tells of its progress."""

    def __init__(self):
        self.order = []

    def __call__(self, points):
        self.order.append(points)

    def structure(self, number, count):
        self.order.append((number, count))


def compilations(study):
    """How often each part of the only function of a study was compiled."""
    (function,) = {case.forecaster(study.metrics) for case in study.cases}
    return [part.compilations for part in kernel.kernel(function)._jitted.values()]


def test_every_structure_is_compiled_once_told_before_its_points_and_gives_what_numpy_gives(study, monkeypatch):
    count = max(structures.numbered(study.sweep.cases, range(len(study.cases))).values())
    assert 5 <= count < len(study.cases)
    told, sink = Told(), labels.InMemory(study.template)
    evaluation.compute(study, sink, done=told)
    assert compilations(study) == [count]
    begun = [event for event in told.order if isinstance(event, tuple)]
    assert begun == [(number, count) for number in range(1, count + 1)]
    points = [event for event in told.order if not isinstance(event, tuple)]
    assert told.order[0] == (1, count) and sum(points) == study.template.points
    monkeypatch.undo()
    small = life.load([*WORDS, "dtype=float64"])
    assert small.route == "numpy"
    xr.testing.assert_allclose(sink.to_xarray().drop_attrs(), life.evaluate(small).drop_attrs(), rtol=1e-12)


def test_few_executables_are_kept_and_none_is_compiled_again(study, monkeypatch, tmp_path):
    """A second process, for which a cleared kernel stands here, reads what the first has compiled."""
    monkeypatch.setattr(executable_cache, "MOST_READY", 2)
    before = executable_cache._folder, executable_cache._most
    executable_cache.keep_in(tmp_path, 10**9)
    try:
        count = max(structures.numbered(study.sweep.cases, range(len(study.cases))).values())
        made = []
        for _ in range(2):
            kernel.kernel.cache_clear()
            evaluation.compute(study, labels.InMemory(study.template))
            assert compilations(study) == [2]
            gc.collect()
            assert sum(isinstance(thing, jax.stages.Compiled) for thing in gc.get_objects()) <= 4
            made.append({path.name: path.stat().st_ino for path in tmp_path.iterdir()})
        assert len(made[0]) == count and made[0] == made[1]
    finally:
        executable_cache.keep_in(*before)


MEMORY = """
import resource, sys
from life_jax.studies.evaluation import compute
from life_jax.studies.loading import load
class Nowhere:
    def put(self, block): pass
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
compute(load(["hw=v100", "model=llama2_7b", "workload.prompt_tokens=512", "workload.batch=1"]), Nowhere())
before = peak()
count = []
class Watch:
    def __call__(self, points): pass
    def structure(self, number, of): count.append(of)
study = load([*sys.argv[1:], "axes.opt=[[],[int4]]", "workload.prompt_tokens=512", "workload.batch=1"])
compute(study, Nowhere(), done=Watch())
assert "jax" not in sys.modules
print(count[-1], len(study.cases), peak() - before)
"""


def test_hundreds_of_structures_take_little_memory():
    """Every shipped model on two devices; above what one case takes, files of models included."""
    words = ["hw=[v100,h100_sxm]", f"model=[{','.join(laws.MODELS)}]"]
    done = subprocess.run([sys.executable, "-c", MEMORY, *words], check=True, capture_output=True, text=True)
    count, cases, megabytes = map(float, done.stdout.split())
    assert count >= 150 and cases == 4 * len(laws.MODELS)
    assert megabytes < 100


def test_a_part_that_cases_share_is_taken_apart_once():
    shared, other = ({"a": 1.0, "b": (2.0, "text")}, {"a": 3.0, "b": (4.0, "text")})
    parts = structures.Parts()
    first, _ = parts.of("function", {"x": shared, "y": 5.0})
    second, places = parts.of("function", {"x": shared, "y": 6.0})
    third, _ = parts.of("function", {"x": other, "y": 6.0})
    assert first == second == third and len(parts.leaves) == 4
    np.testing.assert_array_equal(parts.leaves[places[0]], [1.0, 2.0])
    assert parts.of("other", {"x": shared, "y": 5.0})[0] != first
    assert parts.of("function", {"x": {"a": 1.0, "b": (2.0, "another")}, "y": 5.0})[0] != first


COMPILED = """
import re
from pathlib import Path
import jax.numpy as jnp
import numpy as np
from life_jax.grid import executable_cache, plan
executable_cache.MOST_READY = 16
def resident(): return int(re.search(r"VmRSS:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024
class Roots:
    outputs = ("y",)
    def __call__(self, base, values):
        x = values["x"]
        for number in base.values():
            x = jnp.sqrt(x * number + 1.0)
        return {"y": x}
function = Roots()
def sweep(first):
    cases = tuple((function, {f"{i}_{j}": np.float32(j + 1) for j in range(20)}) for i in range(first, first + 48))
    return plan.Sweep(cases, plan.plan([plan.Values("x", np.linspace(1, 2, 4096))], 1), {"y": np.dtype("float32")})
class Nowhere:
    def put(self, block): pass
marks = []
for first in (0, 48, 96):
    plan.run(sweep(first), Nowhere())
    marks.append(resident())
print(marks[-1] - marks[0])
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_does_not_grow_with_the_structures_that_were_compiled():
    """JAX keeps traces and lowerings of each, 1.7 MB of these small ones, until they go with the executables."""
    environment = {**os.environ, "LIFE_JAX_CACHE": "off"}
    done = subprocess.run([sys.executable, "-c", COMPILED], check=True, capture_output=True, text=True, env=environment)
    assert float(done.stdout) < 60
