"""What the tests of laws share: everything there is, named once, and scenarios by the words of the command line."""

import contextlib
import dataclasses
import functools
from typing import Any

import jax
import numpy as np
import xarray as xr
from places import CONF

import life_jax as life
from life_jax.config.schema import axis_table
from life_jax.config.schema.errors import ImpossibleError
from life_jax.core.graph import Graph
from life_jax.core.pytree import set_leaf
from life_jax.core.scenario import UNPUBLISHED, Scenario
from life_jax.core.schedule import Step
from life_jax.forecasting.metrics import METRICS
from life_jax.forecasting.step import step_graph


def stems(group: str) -> list[str]:
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


DEVICES, MODELS, ENGINES = stems("hw"), stems("model"), stems("engine")
NEEDS_A_WORD = {
    "speculative": "draft.model=llama3_2_1b",
    "offload": "offload.hw=xeon_gold_6454s",
}  # options that mean nothing by themselves
OPTIONS = [name for name in stems("opt") if name not in NEEDS_A_WORD]
# one of each kind: MHA, GQA, MQA, norm of q and k, parallel, partial rotary, learned, ALiBi, tied, biases
SPREAD = [
    "llama2_7b", "llama3_8b", "qwen3_8b", "gpt_neox_20b", "falcon_7b", "opt_6_7b", "bloom_560m", "gemma_2b",
    "gpt2_small", "phi2", "stablelm_3b", "olmo2_7b",
]  # fmt: skip
# one of each kind of layer beyond full attention and dense MLPs, hybrids among them
KINDS = [
    "gemma3_4b", "gpt_oss_20b", "deepseek_v2_lite", "deepseek_v3_2", "mamba2_2_7b", "nemotron_h_8b", "qwen3_5_27b",
    "llama4_scout",
]  # fmt: skip
# models that have decode steps: all but encoders
GENERATING = [name for name in MODELS if "generation: none" not in (CONF / "model" / f"{name}.yaml").read_text()]
RICH_DEVICE = "b200"  # has units for every activation precision but int4
INT4_DEVICE = "a100"
# options that make sense on some models only
HOME = {
    "mla": ["llama2_7b", "gpt_neox_20b", "stablelm_3b"],
    **{f"mla_{form}": ["deepseek_v2_lite", "deepseek_v3_2"] for form in ("absorbed", "expanded", "decompressed")},
}

NUMBERS = tuple(name for name, metric in METRICS.items() if metric.kind == "number")


# devices on which an engine is tried, one of every kind that it may be bound to first
TRIED = ("v100", "ryzen_9_7950x_cpu", "m3_max", "rx_7900_xtx", "arc_b580", *DEVICES)


@functools.cache
def device_of(engine: str) -> str:
    """The first of TRIED on which the engine (`engine=NAME`, or empty) runs."""
    for device in TRIED if engine else TRIED[:1]:
        with contextlib.suppress(ImpossibleError):
            life.load([f"hw={device}", engine] if engine else [f"hw={device}"])
            return device
    raise AssertionError(engine)


@functools.cache
def case(*words: str) -> Any:
    """The only case of a study, by the words of the command line; v100 and its datasheet unless they say otherwise."""
    engine = next((word for word in words if word.startswith("engine=")), "")
    if not any(word.startswith("hw=") for word in words):
        words = (f"hw={device_of(engine)}", *words)
    if not engine:
        words = ("engine=ideal", *words)
    return life.load(list(words)).cases[0]


def of_model(model: str) -> Any:
    """The case of a model on a rich device."""
    return case(f"hw={RICH_DEVICE}", f"model={model}")


def of_option(option: str) -> list[Any]:
    """The cases of a few models with an option."""
    device = INT4_DEVICE if option == "w4a4kv4" else RICH_DEVICE
    return [case(f"hw={device}", f"model={model}", f"opt={option}") for model in HOME.get(option, SPREAD[::2])]


def scenario(*words: str) -> Scenario:
    return case(*words).scenario


def of(model: str) -> Scenario:
    """A model on a rich device, at the default workload."""
    return of_model(model).scenario


def in_numpy(*words: str) -> xr.Dataset:
    """What life.evaluate gives for plain metrics, in float64 and without JAX: formulas on arrays of the whole grid.

    tests/forecasting/test_laws.py holds both equal.
    """
    study = life.load(list(words))
    grids = dict(zip(study.axes, np.meshgrid(*study.axes.values(), indexing="ij"), strict=True)) if study.axes else {}
    labels = {name: list(dict.fromkeys(getattr(one, name) for one in study.cases)) for name in ("model", "hw", "opt")}
    coordinates = {**labels, **{axis_table.dimension(key): values for key, values in study.axes.items()}}
    shape = tuple(map(len, coordinates.values()))
    columns: dict[str, list[Any]] = {metric: [] for metric in study.metrics}
    for one in study.cases:
        s = one.scenario
        for parameter in one.parameters:
            s = parameter.set(s, grids[parameter.key].astype(float))
        with np.errstate(all="ignore"):
            for metric, value in life.forecast(s, study.metrics).items():
                columns[metric].append(np.broadcast_to(value, shape[3:]))
    return xr.Dataset(
        {metric: (tuple(coordinates), np.reshape(values, shape)) for metric, values in columns.items()},
        coordinates,
        {"convention": study.resolved["convention"]},
    )


def smooth(s: Scenario, smoothness: float = 0.5) -> Scenario:
    return changed(s, "engine.efficiency.roof_smoothness", smoothness)


def graph(s: Scenario, **step: float) -> Graph:
    """The operators of one step; batch 1, new 1, past 0 unless said."""
    return step_graph(s, Step(**{"batch": 1.0, "new": 1.0, "past": 0.0, **step}))


def named(s: Scenario, **step: float) -> dict[str, Any]:
    """Operators of one step by name."""
    return {op.name: op for op in graph(s, **step)}


def flops(found: Graph, *names: str) -> float:
    """Matmul FLOP of all executions of the operators with these names, all operators without names."""
    chosen = found.select(lambda op: not names or op.name in names)
    return chosen.cost.matmul_flops


def changed(s: Scenario, path: str, value: Any) -> Scenario:
    """A copy with one leaf, written like workload.batch, replaced."""
    return set_leaf(s, tuple(path.split(".")), value)


def scaled(s, c):
    """Rates and bandwidth times c, dispatch over c."""
    device = s.device
    rates = {pipe: c * rate for pipe, rate in device.rates.items()}
    faster = dataclasses.replace(device, rates=rates, bandwidth=c * device.bandwidth, dispatch=device.dispatch / c)
    return dataclasses.replace(s, device=faster)


COSTS = {"cost_per_mtoken", "cost_per_input_mtoken", "cost_per_output_mtoken", "tokens_per_usd", "usd_per_hour"}
DRAWN = {"energy", "prefill_energy", "decode_energy", "energy_per_token", "power", *COSTS}


def check_forecast(one) -> None:
    """Every number finite and positive, but what needs a compute rate or a power that nobody published."""
    leaves = jax.tree.leaves(one.scenario)
    assert all(type(leaf) is float for leaf in leaves)
    with np.errstate(all="ignore"):
        found = life.forecast(one.scenario, NUMBERS)
    unpublished = one.scenario.device.rates["linear"] >= UNPUBLISHED
    unknown = {"ttft", "e2e", "e2e_throughput", "price"} | DRAWN if unpublished else set()
    if not one.scenario.engine.spreads:
        unknown |= {name for name in NUMBERS if name.endswith(("_low", "_high"))}
    if np.isnan(one.scenario.device.power):
        unknown |= DRAWN
    unknown |= {name for name in NUMBERS if METRICS[name].needs in ("load", "quality")}  # it has neither
    model = one.scenario.architecture
    if model.generation == "none":  # nothing is generated
        of_tokens = {
            "tokens_per_step",
            "speedup",
            "tpot",
            "tps",
            "throughput",
            "decode_energy",
            "energy_per_token",
            "e2e_throughput",
        }
        unknown |= {
            *COSTS - {"cost_per_input_mtoken", "usd_per_hour"},
            *of_tokens,
            *(name for name in NUMBERS if name.startswith("tpot")),
        }
    counts = {
        "max_batch",
        "max_context",
        "prefill_kv_bytes_read",
        "decode_kv_bytes_read",
        "loss_batch",
        "host_memory",
        "disk_memory",
    }  # 0 where the model does not fit, endless where its cache does not grow; 0 without one
    if model.generation != "autoregressive":
        counts |= {"kv_memory", *(name for name in NUMBERS if name.startswith("decode_") and name not in unknown)}
    for name, value in found.items():
        if name in unknown:
            assert np.isnan(value), name
        else:
            assert value >= 0 if name in counts else np.isfinite(value) and value > 0, name


def leaf_names(s: Scenario) -> list[str]:
    return [jax.tree_util.keystr(path) for path, _ in jax.tree_util.tree_leaves_with_path(s)]


def fields(cost: Any) -> dict[str, float]:
    return {field.name: getattr(cost, field.name) for field in dataclasses.fields(cost)}
