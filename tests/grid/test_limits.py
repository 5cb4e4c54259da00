"""Bounds that hold whatever the grid: memory, compilations; and that the engine sweeps what it has never heard of."""

import subprocess
import sys
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import life_jax as life
from life_jax.grid import kernel, plan
from life_jax.grid.labels import InMemory, Template, Variable, numbers

MOST = 450 * 2**20  # bytes above the imports
HELD = 128 * 2**20  # that the allocator may hold beside them: how much depends on how threads meet

# Once JAX runs, no more memory than MOST and HELD may be taken: the system refuses it.
WITHIN = """
import re, resource, sys
import jax
jax.block_until_ready(jax.numpy.zeros(1) + 1)
from pathlib import Path
from life_jax import sweep
from life_jax.grid.storage import store  # noqa: F401
from life_jax.studies import evaluation, lazy, study  # noqa: F401
import netCDF4, h5py, xarray
def now(what):
    return 1024 * int(re.search(what + r":\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
data, resident = now("VmData"), now("VmHWM")
most = int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_DATA, (data + most, data + most))
sys.argv = ["sweep", *sys.argv[2:]]
sweep.main()
print(now("VmHWM") - resident)
"""
SMOOTH = ["hw=v100", "engine=ideal", "engine.roof_smoothness=0.5", "axes.batch=[1,2,4,8]", "out=x.nc"]


def sized(points):
    """Two more axes, so that there are about so many points."""
    side = round((points / 24) ** 0.5)
    return [f"axes.bandwidth_gb_per_s=geomspace(100,4000,{side})", f"axes.peak_tflops.fp16=geomspace(10,1000,{side})"]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc and sets RLIMIT_DATA")
@pytest.mark.parametrize(
    "words",
    [
        sized(1e6),
        sized(2e7),
        [*sized(4e7), "pareto=[tpot,throughput]", "quantiles=[0.5]", "best=[ttft]"],
        [*sized(2e6), "elasticity=true"],
        ["sample=random(2e6)", "axes.bandwidth_gb_per_s=loguniform(100,4000)", "axes.dispatch_us=uniform(0,9)"],
        ["axes.dispatch_us=linspace(0,9,700000)"],
    ],
    ids=["small", "stored", "reduced", "elasticities", "drawn", "one-long-axis"],
)
def test_memory_is_bounded_whatever_the_grid(tmp_path, words):
    command = [sys.executable, "-c", WITHIN, str(MOST + HELD), *SMOOTH, *words]
    done = subprocess.run(command, cwd=tmp_path, check=False, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout.split()[-1]) <= MOST


class Spring(NamedTuple):
    """Nothing about language models."""

    stiffness: jax.Array
    mass: jax.Array


def oscillation(spring, at):
    omega = jnp.sqrt(spring.stiffness * at["factor"] / spring.mass)
    return {"period": 2 * jnp.pi / omega, "fast": omega > 1}


def test_the_engine_sweeps_a_function_of_any_pytree():
    axes = (plan.Values("factor", np.geomspace(0.1, 10, 300)), plan.Values("unused", np.arange(7.0)))
    outputs = {"period": np.dtype("float64"), "fast": np.dtype("int8")}
    springs = tuple(Spring(np.float64(k), np.float64(2.0)) for k in (1.0, 3.0))
    sweep = plan.Sweep(tuple((oscillation, spring) for spring in springs), plan.plan(axes), outputs, "float64")
    template = Template(
        {"stiffness": numbers(np.array([1.0, 3.0]), "N m-1", "stiffness"),
         **{axis.name: numbers(axis.values, "1", axis.name) for axis in axes}},
        {name: Variable(dtype, {"units": "s"}, is_flag=name == "fast") for name, dtype in outputs.items()}, {},
    )  # fmt: skip
    sink = InMemory(template)
    plan.run(sweep, sink)
    ds = sink.to_xarray()
    omega = np.sqrt(ds.stiffness * ds.factor / 2)
    np.testing.assert_allclose(ds.period.isel(unused=3), 2 * np.pi / omega, rtol=1e-14)
    np.testing.assert_array_equal(ds.fast.isel(unused=0), omega > 1)
    assert kernel.kernel(oscillation).compilations == 1


@pytest.mark.skipif(jax.default_backend() == "cpu", reason="JAX finds no accelerator")
def test_an_accelerator_gives_the_numbers_of_the_processor_within_rounding():
    words = ["hw=v100", "engine=generic", "axes.bandwidth_gb_per_s=geomspace(100,4000,97)", "axes.batch=[1,8,64]"]
    there = life.evaluate(life.load(words))
    with jax.default_device(jax.devices("cpu")[0]):
        here = life.evaluate(life.load(words))
    for name in ("ttft", "tpot", "tps"):
        np.testing.assert_allclose(there[name], here[name], rtol=5e-6)
