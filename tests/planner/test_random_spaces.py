"""Over small spaces by chance, with what goes beside formats: plans are those of brute force, and obey their laws."""

import numpy as np
import pytest
from brute_force import brute_force, planned

import life_jax as life
from life_jax.studies.planning import _designs

DEVICES = ("l4", "a10", "rtx_4090", "rtx_3090", "h100_sxm", "l40s", "a100_pcie_80gb", "mi300x")
FORMATS = ("fp8", "int4", "int8", "nvfp4", "")  # of vLLM, which runs all that goes beside them
MODELS = ("llama3_1_8b", "qwen3_8b", "qwen3_30b_a3b")
SEEDS = [0, 1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 8))]


def axis(stacks):
    return f"axes.opt=[{','.join('[' + ','.join(stack) + ']' for stack in stacks)}]"


def space(seed):
    """Words of a space but its formats; its formats; targets; what goes beside them."""
    rng = np.random.default_rng(seed)
    formats = [[name] if name else [] for name in rng.choice(FORMATS, 3, replace=False)]
    devices = rng.choice(DEVICES, 3, replace=False)
    words = [
        f"model={rng.choice(MODELS)}",
        "engine=vllm",
        f"hw=[{','.join(devices)}]",
        f"devices=[1,{rng.integers(2, 5)}]",
    ]
    loaded = bool(seed % 2)
    if loaded:
        words += [
            f"rate={rng.uniform(0.5, 6):.2f}",
            f"prompt={rng.integers(100, 3000)}",
            f"output={rng.integers(20, 300)}",
        ]
    targets = {"ttft": rng.uniform(0.3, 3), "tpot": rng.uniform(0.02, 0.1)}
    return words, formats, targets, "disaggregated" if loaded else "eagle3"


def said(targets):
    return [f"target.{name}={value:.4f}" for name, value in targets.items()]


def keys(designs, places):
    found = set()
    for place in places:
        candidate, layout = designs.candidates[designs.case[place]], designs.layouts[designs.layout[place]]
        found.add((candidate.hw, candidate.opt, layout, candidate.engine))
    return found


@pytest.mark.parametrize("seed", SEEDS)
def test_a_plan_is_that_of_brute_force(seed):
    words, formats, targets, beside = space(seed)
    typed = [*words, *said(targets), axis([*formats, *([*one, beside] for one in formats)])]
    study = life.load(typed, primary="plan")
    every = keys(_designs(study), brute_force(study))
    result = planned(*words, *said(targets), axis(formats), f"also={beside}")
    assert {(row.hw, row.opt, row.layout, row.engine) for row in result.rows} == every
    assert len(result.rows) + sum(result.rejected.values()) == result.space


@pytest.mark.parametrize("seed", SEEDS)
def test_laxer_targets_never_cost_more_and_larger_budgets_are_never_worse(seed):
    words, formats, targets, beside = space(seed)
    words = [*words, axis(formats), f"also={beside}"]
    least = []
    for factor in (0.5, 1, 2):
        rows = planned(*words, *said({name: factor * value for name, value in targets.items()})).rows
        least.append(rows[0].metrics["price"] if rows else np.inf)
    assert least == sorted(least, reverse=True)
    best = []
    for usd in (1500, 6000, 60000):
        rows = planned(*words, f"budget.usd={usd}", "minimize=tpot").rows
        name = next((n for n in ("tpot", "tpot_p50") if rows and n in rows[0].metrics), "")
        best.append(rows[0].metrics[name] if rows else np.inf)
    assert best == sorted(best, reverse=True)


def test_a_plan_is_the_same_every_time():
    words, formats, targets, beside = space(1)
    words = [*words, *said(targets), axis(formats), f"also={beside}"]
    assert planned(*words).as_json() == planned(*words).as_json()
