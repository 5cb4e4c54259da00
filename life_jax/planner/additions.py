"""What a format may have beside it: drafts, parts on a CPU, prompts elsewhere. Bounds of it follow from those without.

Nothing of it changes price or quality but prefill on devices of its own, which are bought too; a step that verifies
drafts takes as long as one without at least, and makes so many tokens at most; so most of it needs no scenario.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from life_jax.config import drafting
from life_jax.config.plan_question import DISAGGREGATED, OFFLOAD, defaults
from life_jax.core.pytree import Leaf, set_leaf
from life_jax.core.scenario import Scenario
from life_jax.forecasting import memory
from life_jax.models import ffn
from life_jax.planner import rows, times
from life_jax.planner.designs import ALIVE, REASONS, Designs
from life_jax.planner.front import Objectives, dominated_by
from life_jax.planner.search import SLACK, Found, sure
from life_jax.planner.space import is_single

HOPELESS = tuple(REASONS.index(name) for name in ("engine", "units", "layout", "quality", "budget"))
MEMORY, NEEDLESS = REASONS.index("memory"), REASONS.index("needless")


@dataclass(frozen=True)
class Addition:
    """An option beside a format.

    option: its label. engines: that run it. tokens: that a step makes at most [1]; devices: that it needs, over those
    of the layout [1].
    """

    option: str
    engines: tuple[str, ...]
    tokens: float = 1.0
    devices: float = 1.0


def additions(names: Sequence[str], model: str, contents: Mapping[str, Mapping[str, Any]]) -> list[Addition]:
    """Those of the names that a model (label) can have. contents: numbers of their options."""
    found = []
    for name in names:
        if name == OFFLOAD:
            found.append(Addition(name, tuple(defaults()["offload"]["engines"])))
        elif name == DISAGGREGATED:
            found.append(Addition(name, tuple(defaults()["disaggregated"]["engines"]), devices=2.0))
        elif drafting.has_drafts(name, model):
            found.append(Addition(name, tuple(drafting.drafts()[name]["engines"]), tokens=_tokens(contents[name])))
    return found


def _tokens(content: Mapping[str, Any]) -> float:
    """Tokens of a step with drafts [1], mean: those that are accepted, and the model's own."""
    drafts, part = round(float(content["draft_tokens"])), float(content["acceptance"])
    return sum(part**n for n in range(drafts + 1))


def weighed(found: Found, addition: Addition) -> np.ndarray:
    """What is known of designs with an addition [n] from those without: ALIVE, or the number of a reason."""
    designs = found.designs
    status = designs.status.copy()
    hopeless = np.isin(status, HOPELESS)
    status[~hopeless] = ALIVE
    others = np.array([c.engine not in addition.engines for c in designs.candidates])
    designs_of = others[designs.case]
    status[designs_of & ~np.isin(status, HOPELESS[:2])] = REASONS.index("engine")
    if addition.option == OFFLOAD:
        _of_offload(designs, status)
        return status
    of_base = designs.status == MEMORY
    status[(status == ALIVE) & of_base] = MEMORY
    limit = designs.question.budgets.get("usd", np.inf)
    status[(status == ALIVE) & (designs.price * addition.devices > limit)] = REASONS.index("budget")
    left = np.flatnonzero(status == ALIVE)
    least = _least(found, addition)
    for name, most in designs.question.targets.items():
        late = sure(found, least, left)[name] > most
        status[left[late]] = REASONS.index(name)
        left = left[~late]
    values = Objectives.of(designs, left, least).values
    values[:, 0] *= addition.devices
    worse = dominated_by(Objectives(values), Objectives.of(designs, found.best, found.mean))
    status[left[worse]] = REASONS.index("dominated")
    return status


def _of_offload(designs: Designs, status: np.ndarray) -> None:
    """A part on the CPU is for one card of a client machine that has no room for all."""
    rule = defaults()["offload"]
    client = np.array([
        c.device.device_class in rule["classes"]
        and not (is_single(c.hw, c.device) and not any(fnmatchcase(c.hw, name) for name in rule["names"]))
        and c.opt.split("+")[0] in rule["formats"]
        for c in designs.candidates
    ])  # fmt: skip
    left = status == ALIVE
    status[left & ~client[designs.case]] = REASONS.index("engine")
    left = status == ALIVE
    status[left & (designs.devices > 1)] = REASONS.index("layout")
    left = status == ALIVE
    status[left & (designs.status != MEMORY)] = NEEDLESS


def _least(found: Found, addition: Addition) -> dict[str, np.ndarray]:
    """Least times of designs with an addition [n] [s], by name."""
    known = {
        name: np.maximum(bound, 0.0 if _loaded(found) else SLACK * np.nan_to_num(found.mean[name], posinf=0.0))
        for name, bound in found.alone.items()
    }
    divisors = {"ttft": 1.0, "tpot": addition.tokens, "e2e": addition.tokens}
    return {name: values / divisors[name] for name, values in known.items()}


def _loaded(found: Found) -> bool:
    return times.is_loaded(found.designs.scenarios[0])


def offloaded(scenarios: Sequence[Scenario], done: rows.Done) -> list[tuple[str, int]]:
    """Of scenarios that have a part on a CPU: the number of their option that makes them fit (layers whose experts are
    there, where the model has experts, else whole layers) and the least value that does; 0 where none does."""
    cases = rows.Cases(scenarios)
    names = ["cpu_expert_layers" if any(ffn.experts(s.architecture)) else "cpu_layers" for s in scenarios]
    found = np.zeros(len(scenarios), int)
    for name in dict.fromkeys(names):
        own = np.array([at for at, other in enumerate(names) if other == name])
        leaf: Leaf = ("offload", "expert_layers" if name == "cpu_expert_layers" else "layers")
        layers = np.array([_layers(scenarios[at], name) for at in own])

        def fits(numbers: np.ndarray, own: np.ndarray = own, leaf: Leaf = leaf) -> np.ndarray:
            moved = {leaf: numbers.astype(float)}
            found = cases.evaluate(own, moved, lambda s: {"fits": 1.0 * memory.memory(s).fits}, done=done)
            return np.asarray(found["fits"] > 0)

        low, high = np.ones_like(layers), layers
        possible = fits(high)
        while (low < high).any():
            middle = (low + high) // 2
            enough = fits(middle)
            low, high = np.where(enough, low, middle + 1), np.where(enough, middle, high)
            low = np.minimum(low, layers)
        found[own] = np.where(possible, high, 0)
    return list(zip(names, found.tolist(), strict=True))


def with_layers(scenario: Scenario, name: str, count: int) -> Scenario:
    """The scenario with so many layers, or layers of experts, on the CPU."""
    here: Scenario = set_leaf(scenario, ("offload", name.removeprefix("cpu_")), float(count))
    return here


def _layers(scenario: Scenario, name: str) -> int:
    """Layers that may be elsewhere, or those that have experts."""
    blocks = scenario.architecture.blocks
    return round(sum(float(b.repeats) for b in blocks if name == "cpu_layers" or "num_experts" in b.ffn))
