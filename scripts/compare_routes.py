"""Whether NumPy and compiled JAX give the same results.

    python scripts/compare_routes.py [FIRST] [COUNT] [--every N | --uncompiled]

Small studies are evaluated by NumPy, large ones by JAX (life_jax/grid/eager.py). Each of the drawn studies is evaluated
by both. A draw is a number: number n takes the n-th model, device, option and engine, each from the start again after
its last, so that as many draws as there are devices hold every one of them. By default all are drawn, which takes
hours, because nearly every draw is compiled; --every takes one of so many. What differs is printed, with the words that
give it, and at the end the peak memory of the process after so many compilations; status 1 where a difference is none
of those that rounding explains.

--uncompiled compares all models, all devices, all options and all engines in minutes: operations of JAX one by one, in
float64, on stacked cases. What is left to the draws is what the compiler makes of them, and float32.

In float64 numbers agree to 1e-12, elasticities and gains relative to the largest of their metric. Against float32 they
agree to 1e-6, but for steps: where a ceiling, a bound or a limit lies between the two roundings. Those are listed, and
are at most 1 % of the numbers.
"""

import argparse
import contextlib
import dataclasses
import functools
import resource
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import xarray as xr

import life_jax as life
from life_jax.config.schema.errors import ConfigError
from life_jax.grid import eager, trees

CONF = Path(__file__).resolve().parents[1] / "conf"
TOLERANCE = {"float64": 1e-12, "float32": 1e-6}
STEPS = 0.01  # of all numbers of a study in float32, at most
RELATIVE = ("elasticity", "bound_share", "change_10pct", "change_2x")  # to the largest of their metric
METRICS = (
    "metrics=[ttft,tpot,tps,e2e,fits_memory,bound]",
    "metrics=[ttft,tpot,memory,throughput,energy,max_batch]",
    "metrics=[ttft,tpot,e2e,tpot_low,decode_bound,decode_flops]",
    "metrics=[tpot,prefill_memory_time,kv_memory,cost_per_mtoken,prefill_dispatches]",
)
AXES = (
    ("axes.prompt_tokens=[17,512,3000]", "axes.batch=[1,24]"),
    ("axes.bandwidth_gb_per_s=geomspace(50,5000,5)", "axes.past_tokens=[0,9000]"),
    ("axes.output_tokens=[1,300]", "axes.dispatch_us=[0,3]", "axes.memory_gb=[8,100]"),
    ("sample=lhs(7)", "axes.prompt_tokens=loguniform(10,9000)", "axes.batch=uniform(1,40)"),
    ("axes.memory_efficiency=[0.3,0.9]", "axes.roof_smoothness=[0,0.5]", "workload.batch=3"),
    (),
)
SENSITIVITY = (
    ("elasticity=true",),
    (),
    ("elasticity=true", "gains=true"),
    ("elasticity=[weight_bits,batch]", "gradients=[prompt_tokens]"),
)
LAYOUTS = ((), (), ("engine.tensor_parallel=2",), (), ("engine.chunk_tokens=256", "workload.prompt_tokens=600"))
DTYPES = ("float64", "float64", "float32")


NEEDY = ("speculative", "offload")


@functools.cache
def stems(group: str) -> list[str]:
    """Names of the files of a group, without options that need another word beside them."""
    return sorted(path.stem for path in (CONF / group).glob("*.yaml") if path.stem not in NEEDY)


def draws() -> int:
    """How many draws there are, so that each device, model, option and engine is in at least one."""
    return max(len(stems(group)) for group in ("hw", "model", "opt", "engine"))


def words(number: int, model: str | None = None) -> list[str]:
    """The words of a draw, without those that are refused together.

    number: of the draw, from 0. model: instead of the one that is its turn. Of the words that a draw would have, the
    later ones give way: an engine that has no such layout, an option that makes no sense on the model, an elasticity
    of what has no slope.
    """
    hw, turn = (stems(group)[number % len(stems(group))] for group in ("hw", "model"))
    chosen = [
        f"hw={hw}",
        f"model={model or turn}",
        f"dtype={DTYPES[number % len(DTYPES)]}",
        METRICS[number % len(METRICS)],
    ]
    for more in (
        (f"axes.opt=[[],[{stems('opt')[number % len(stems('opt'))]}]]",),
        (f"engine={stems('engine')[number % len(stems('engine'))]}",),
        AXES[number % len(AXES)],
        LAYOUTS[number % len(LAYOUTS)],
        SENSITIVITY[number // 4 % len(SENSITIVITY)],
    ):
        with contextlib.suppress(ConfigError):
            life.load([*chosen, *more])
            chosen += more
    return chosen


@dataclasses.dataclass(frozen=True)
class Difference:
    """Numbers of a variable that two routes give differently.

    largest: difference [1], relative. count: how many numbers differ by more than allowed, of how many in all. step:
    whether they are few enough to be steps of a study in float32.
    """

    variable: str
    largest: float
    count: int
    of: int
    step: bool = False

    def __str__(self) -> str:
        return f"{self.variable}: {self.count} of {self.of} differ, by at most {self.largest:.2g}" + (
            " (steps between roundings)" if self.step else ""
        )


@contextlib.contextmanager
def compiled() -> Iterator[None]:
    """Context in which studies of every size are evaluated by JAX."""
    most, eager.MOST_POINTS = eager.MOST_POINTS, 0
    try:
        yield
    finally:
        eager.MOST_POINTS = most


def by_both(question: list[str]) -> tuple[xr.Dataset, xr.Dataset]:
    """The dataset of a study by NumPy, in float64, and by JAX, in its own dtype."""
    exact = [word for word in question if not word.startswith("dtype=")]
    by_numpy = life.load([*exact, "dtype=float64"])
    with compiled():
        by_jax = life.load(question)
        route = by_jax.route  # chosen here, once
    if (by_numpy.route, route) != ("numpy", "jax"):
        raise ValueError(f"{question} is evaluated by {by_numpy.route} and {route}")
    if by_numpy.warnings != by_jax.warnings:
        raise ValueError(f"{question} warns of {by_numpy.warnings} and of {by_jax.warnings}")
    return life.evaluate(by_numpy), life.evaluate(by_jax)


@contextlib.contextmanager
def uncompiled() -> Iterator[None]:
    """Context in which small studies are evaluated by operations of JAX, one after the other, instead of NumPy's."""
    import jax
    import jax.numpy as jnp

    from life_jax.core.pytree import register_with_jax

    register_with_jax()
    stacked, mesh = eager._Stack.stacked, eager._mesh

    def of_jax(stack: Any, known: Any, dimensions: int) -> Any:
        return trees.mapped(lambda leaf: jnp.asarray(leaf, jnp.float64), stacked(stack, known, dimensions))

    def mesh_of_jax(axes: Any, places: Any) -> dict[str, Any]:
        return {name: jnp.asarray(values) for name, values in mesh(axes, places).items()}

    patches = mock.patch.object(eager._Stack, "stacked", of_jax), mock.patch.object(eager, "_mesh", mesh_of_jax)
    with jax.enable_x64(True), patches[0], patches[1]:
        yield


def everything() -> Iterator[list[str]]:
    """Words of studies that hold every model, device, option and engine, by a few at a time."""
    axes = ["axes.prompt_tokens=[17,3000]", "axes.batch=[1,24]", "dtype=float64", "metrics=[ttft,tpot,tps,e2e,memory]"]
    models, devices = stems("model"), stems("hw")
    for first in range(0, len(models), 16):
        yield ["hw=[h100_sxm,m3_max]", f"model=[{','.join(models[first : first + 16])}]", "axes.opt=[[],[kv8]]", *axes]
    for first in range(0, len(devices), 60):
        yield [f"hw=[{','.join(devices[first : first + 60])}]", "model=[llama3_8b,gpt_oss_20b]", *axes]
    for option in stems("opt"):
        for model in ("llama2_7b", "deepseek_v3"):
            yield ["hw=h100_sxm", f"model={model}", f"opt={option}", *axes]
    for engine in stems("engine"):
        for hw in ("h100_sxm", "m3_max", "ryzen_9_7950x_cpu", "rx_7900_xtx", "arc_b580", "ryzen_ai_7_350_npu"):
            yield [f"hw={hw}", "model=[llama3_8b,mixtral_8x7b]", f"engine={engine}", *axes]


def compare_uncompiled() -> tuple[int, int]:
    """How many cases were compared, and in how many studies something differs, which is printed."""
    cases = failed = 0
    for words_of_study in everything():
        try:
            study = life.load(words_of_study)
        except ConfigError:
            continue  # an option that makes no sense there, an engine that does not run there
        ours = life.evaluate(study)
        with uncompiled():
            theirs = life.evaluate(life.load(words_of_study))
        found = list(differences(ours, theirs, "float64"))
        cases, failed = cases + len(study.cases), failed + bool(found)
        for difference in found:
            print(f"{difference}\n    {' '.join(words_of_study)}", flush=True)
    return cases, failed


def differences(by_numpy: xr.Dataset, by_jax: xr.Dataset, dtype: str) -> Iterator[Difference]:
    """What two routes give differently. dtype: of the one by JAX. Raises AssertionError where labels differ."""
    own = ("identity", "config", "date", "created", "history")  # an attribute may say which question it was
    assert _without(by_numpy.attrs, own) == _without(by_jax.attrs, own)
    assert list(by_numpy.variables) == list(by_jax.variables)
    for name, coordinate in by_numpy.coords.items():
        xr.testing.assert_allclose(coordinate, by_jax.coords[name].astype(coordinate.dtype), rtol=1e-6)
    for name, variable in by_numpy.data_vars.items():
        other = by_jax[name]
        assert variable.dims == other.dims and _same(variable.attrs, other.attrs)
        apart = _apart(variable.values, other.values, to_largest=str(name) in RELATIVE)
        wrong = apart > TOLERANCE[dtype]
        if wrong.any():
            step = dtype == "float32" and wrong.mean() <= STEPS
            yield Difference(str(name), float(apart.max()), int(wrong.sum()), wrong.size, step)


def _apart(ours: np.ndarray, theirs: np.ndarray, *, to_largest: bool) -> np.ndarray:
    """Relative differences; infinite where one is NaN, infinite or a flag and the other is not the same."""
    if ours.dtype.kind not in "f":
        return np.where(ours == theirs, 0.0, np.inf)
    with np.errstate(all="ignore"):
        size = np.abs(ours)
        if to_largest:  # the first dimension is that of metrics
            size = np.stack([np.full_like(part, np.nanmax(part, initial=0.0)) for part in size])
        apart = np.abs(ours - theirs) / np.where(size > 0, size, 1.0)
    same = (ours == theirs) | (np.isnan(ours) & np.isnan(theirs))
    return np.where(same, 0.0, np.where(np.isnan(apart), np.inf, apart))


def _without(attributes: Mapping[Any, Any], names: tuple[str, ...]) -> dict[Any, Any]:
    return {key: value for key, value in attributes.items() if key not in names}


def _same(ours: Mapping[Any, Any], theirs: Mapping[Any, Any]) -> bool:
    return ours.keys() == theirs.keys() and all(np.array_equal(ours[key], theirs[key]) for key in ours)


def compare(number: int, model: str | None = None) -> tuple[list[str], list[Difference]]:
    """The words of a draw, and what differs."""
    question = words(number, model)
    return question, list(differences(*by_both(question), DTYPES[number % len(DTYPES)]))


def _compilations() -> list[float]:
    """A list to which JAX appends the seconds of every compilation from now on."""
    import jax.monitoring

    seconds: list[float] = []

    def listen(event: str, duration: float, **_: object) -> None:
        if event.endswith("backend_compile_duration"):
            seconds.append(duration)

    jax.monitoring.register_event_duration_secs_listener(listen)
    return seconds


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("first", nargs="?", type=int, default=0, help="number of the first draw")
    arguments.add_argument("count", nargs="?", type=int, default=draws(), help="how many draws")
    arguments.add_argument("--uncompiled", action="store_true", help="everything, by operations of JAX one by one")
    arguments.add_argument("--every", type=int, default=1, help="of so many draws, one is tried")
    typed = arguments.parse_args()
    if typed.uncompiled:
        cases, failed = compare_uncompiled()
        print(f"{cases} cases, {failed} studies with differences")
        sys.exit(bool(failed))
    failed = 0
    compiled_in = _compilations()
    numbers = range(typed.first, typed.first + typed.count, typed.every)
    for number in numbers:
        question, found = compare(number)
        failed += any(not difference.step for difference in found)
        for difference in found:
            print(f"draw {number}: {difference}\n    {' '.join(question)}", flush=True)
    print(f"{len(numbers)} draws, {failed} with differences that rounding does not explain")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    print(f"{len(compiled_in)} compilations, peak memory {peak / 1e6:.0f} MB")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
