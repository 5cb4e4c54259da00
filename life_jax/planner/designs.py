"""The designs of a space as columns: which case, which layout, what they cost, and why those are out that are out."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from life_jax.config.plan_question import PlanQuestion
from life_jax.config.schema.device_file import DeviceFile
from life_jax.config.schema.engine_file import EngineFile
from life_jax.core.parameter import Parameter
from life_jax.core.pytree import Leaf
from life_jax.core.scenario import Scenario
from life_jax.forecasting import energy, layout, memory, speculation
from life_jax.forecasting.intervals import factor
from life_jax.models import ffn
from life_jax.planner import rows, space
from life_jax.planner.space import KEYS, Layout

# why a design is out, in the order in which it is looked at
MEANINGS = {
    "engine": "the engine does not run there, or does not read such files",
    "units": "the device has no units for the format",
    "layout": "the engine accepts no such layout, or it does not divide the model",
    "quality": "less quality than asked for, or none known",
    "budget": "beyond the budget",
    "memory": "the model does not fit",
    "needless": "it fits a card as a whole, so that a part on the CPU is slower",
    "saturated": "more requests arrive than it serves",
    "ttft": "TTFT is too long",
    "tpot": "TPOT is too long",
    "e2e": "a request takes too long",
    "dominated": "another row is no worse in price, TTFT, TPOT and quality",
}
REASONS = tuple(MEANINGS)
ALIVE, MEETS = -1, -2
DOMINATED = REASONS.index("dominated")


@dataclass(frozen=True)
class Candidate:
    """A model on a kind of device under a stack and an engine.

    model, hw, opt, engine: labels of ours. scenario: on a single device. fit: what designs have in common that are off
    together. reads: whether the engine reads such weights. addition: what its stack has beside a format
    (planner/additions.py); words: that say its numbers.
    """

    model: str
    hw: str
    opt: str
    engine: str
    scenario: Scenario
    device: DeviceFile
    file: EngineFile
    reads: bool = True
    addition: str = ""
    words: tuple[str, ...] = ()

    @property
    def fit(self) -> tuple[str, str]:
        """Engine and class of devices: a fit is off for all of them alike."""
        return self.engine, self.device.efficiency_class


@dataclass
class Designs:
    """Designs [n] of a space.

    case, layout, point: places in `candidates`, `layouts` and `points`. status: ALIVE, MEETS or the number of a reason.
    price [USD], hourly [USD/h], watt [W], quality [1], memory [1] needed over what there is. points: numbers of axes,
    by key; parameters: how they are set.
    """

    question: PlanQuestion
    candidates: Sequence[Candidate]
    layouts: Sequence[Layout]
    points: Sequence[Mapping[str, float]]
    parameters: Sequence[Parameter]
    case: np.ndarray = field(init=False)
    layout: np.ndarray = field(init=False)
    point: np.ndarray = field(init=False)
    remembered: dict[str, Any] = field(init=False, repr=False, default_factory=dict)  # what others know of them

    def __post_init__(self) -> None:
        """Every candidate under every layout at every point."""
        candidates = self.candidates
        self.candidates = []
        self.case, self.layout, self.point = (np.zeros(0, int) for _ in range(3))
        self.status = np.zeros(0, int)
        self.price, self.memory, self.hourly, self.watt, self.quality = (np.zeros(0) for _ in range(5))
        self.extend(candidates)

    def extend(self, candidates: Sequence[Candidate]) -> None:
        """Further candidates under every layout at every point, behind the others."""
        before, sizes = len(self.candidates), (len(candidates), len(self.layouts), len(self.points))
        case, layout, point = (x.reshape(-1) for x in np.indices(sizes))
        kept = np.array([_known(float(c.scenario.quality.kept)) for c in candidates])[case]
        self.candidates = [*self.candidates, *candidates]
        self.case = np.concatenate([self.case, case + before])
        self.layout, self.point = np.concatenate([self.layout, layout]), np.concatenate([self.point, point])
        self.status = np.concatenate([self.status, np.full(len(case), ALIVE)])
        self.quality = np.concatenate([self.quality, kept])
        unknown = np.full(len(case), np.nan)
        for name in ("price", "memory", "hourly", "watt"):
            setattr(self, name, np.concatenate([getattr(self, name), unknown]))
        if before:
            self.cases.extend([candidate.scenario for candidate in candidates])
        for name in ("scenarios", "devices", "model_numbers"):
            vars(self).pop(name, None)

    @cached_property
    def scenarios(self) -> list[Scenario]:
        """Of the candidates."""
        return [candidate.scenario for candidate in self.candidates]

    @cached_property
    def cases(self) -> rows.Cases:
        """The scenarios, to be stacked."""
        return rows.Cases(self.scenarios)

    @cached_property
    def devices(self) -> np.ndarray:
        """Devices of each design [n]."""
        return np.array([one.devices for one in self.layouts])[self.layout]

    @cached_property
    def model_numbers(self) -> np.ndarray:
        """The number of each candidate's model, in the order in which they come [candidates]."""
        numbers = {name: float(at) for at, name in enumerate(dict.fromkeys(one.model for one in self.candidates))}
        return np.array([numbers[one.model] for one in self.candidates])

    @property
    def several_models(self) -> bool:
        """Whether candidates are of several models."""
        return bool(self.model_numbers.any())

    @property
    def alive(self) -> np.ndarray:
        """Places of the designs that nothing speaks against so far."""
        return np.flatnonzero(self.status == ALIVE)

    def refuse(self, places: np.ndarray, reason: str) -> None:
        """Take designs out for a reason."""
        self.status[places] = REASONS.index(reason)

    def moved(self, places: np.ndarray, *, divided: bool = True) -> dict[Leaf, np.ndarray]:
        """Leaf -> numbers of designs: of their layouts (unless not divided) and of the axes."""
        found: dict[Leaf, Any] = {}
        if divided:
            table = np.array([[getattr(one, key) for key in KEYS] for one in self.layouts], float)
            for column, name in enumerate(KEYS.values()):
                found["engine", "parallelism", name] = table[self.layout[places], column]
        for parameter in self.parameters:
            values = np.array([point[parameter.key] for point in self.points])[self.point[places]]
            found.update(parameter.numbers(values))
        return found

    @cached_property
    def _columns(self) -> dict[Any, np.ndarray]:
        """Of each function its numbers, of as many candidates as there were."""
        return {}

    def of_each(self, function: Callable[[Scenario], Any], *names: str) -> np.ndarray:
        """Numbers [candidates, ..] of a function that looks at these parts of a scenario alone: what candidates have
        in common is looked at once."""
        column = self._columns.get(function)
        if column is None or len(column) < len(self.candidates):
            known: dict[tuple[int, ...], Any] = {}
            found = []
            for scenario in self.scenarios:
                key = tuple([id(getattr(scenario, name)) for name in names])
                if key not in known:
                    known[key] = function(scenario)
                found.append(known[key])
            column = self._columns[function] = np.array(found)
        return column

    @property
    def have_experts(self) -> np.ndarray:
        """Whether the model of each candidate has experts."""
        return self.of_each(_has_experts, "architecture")

    @property
    def generate(self) -> np.ndarray:
        """Whether the model of each candidate generates tokens: an encoder does not, and has no TPOT."""
        return self.of_each(_generates, "architecture")

    @property
    def spreads(self) -> np.ndarray:
        """Standard deviations [candidates, 3] of ln(measured / forecast) of TTFT, TPOT and e2e [1], wider where nothing
        like it was measured, 0 where none is known."""
        return self.of_each(_spreads, "engine", "workload", "speculation")

    def slots(self, places: np.ndarray) -> np.ndarray:
        """Requests that run together in a group of devices at most [n]."""
        found = self.of_each(_slots, "engine")[self.case[places]]
        for parameter in self.parameters:
            if parameter.key == "max_sequences":
                found = np.array([point[parameter.key] for point in self.points])[self.point[places]]
        return found

    def evaluate(self, places: np.ndarray, function: Any, *, divided: bool = True, done: rows.Done) -> rows.Columns:
        """Columns of a function of the scenarios of designs."""
        moved = self.moved(places, divided=divided)
        return self.cases.evaluate(self.case[places], moved, function, done=done)


def _has_experts(scenario: Scenario) -> bool:
    return any(ffn.experts(scenario.architecture))


def _generates(scenario: Scenario) -> bool:
    return scenario.architecture.generation != "none"


def _slots(scenario: Scenario) -> float:
    return float(scenario.engine.scheduler.slots)


def _spreads(scenario: Scenario) -> list[float]:
    known, limits = scenario.engine.spreads, scenario.engine.support
    wider = {name: float(factor(of, scenario.workload, name)) for name, of in limits.items()}
    found = {name: float(known.get(name, 0.0)) * wider.get(name, 1.0) for name in ("ttft", "tpot", "e2e")}
    if not (drafts := scenario.speculation).is_off and float(drafts.spread) > 0:
        texts = float(speculation.relative_spread(drafts))  # texts differ in what is accepted
        found |= {name: math.hypot(found[name], texts) for name in ("tpot", "e2e")}
    return list(found.values())


def _known(number: float) -> float:
    return number if number > 0 else float("nan")


def settle(designs: Designs, done: rows.Done, first: int = 0) -> None:
    """Take out what needs no time to be forecast: layouts, quality, budgets and memory; sets prices and memory.

    first: number of the first candidate that is looked at.
    """
    unread = np.array([not c.reads for c in designs.candidates])
    designs.refuse(np.flatnonzero(unread[designs.case] & (designs.status == ALIVE)), "engine")
    _by_layout(designs, first)
    alive = designs.alive
    if not len(alive):
        return
    found = designs.evaluate(alive, _at_rest, done=done)
    designs.price[alive], designs.memory[alive] = found["price"], found["memory"]
    designs.hourly[alive], designs.watt[alive] = found["hourly"], found["watt"]
    designs.refuse(alive[~(found["possible"] > 0)], "layout")
    floor = designs.question.quality
    if floor is not None:
        still = designs.status[alive] == ALIVE
        designs.refuse(alive[still & ~(designs.quality[alive] >= floor)], "quality")
    over = np.zeros(len(alive), bool)
    for name, limit in designs.question.budgets.items():
        over |= ~(found[{"usd": "price", "usd_per_hour": "hourly", "watt": "watt"}[name]] <= limit)
    still = designs.status[alive] == ALIVE
    designs.refuse(alive[still & over], "budget")
    designs.refuse(alive[still & ~over & ~(found["fits"] > 0)], "memory")


def _by_layout(designs: Designs, first: int) -> None:
    known: dict[Any, np.ndarray] = {}
    fits = np.zeros((len(designs.candidates), len(designs.layouts)), bool)
    whole, alone = (np.array([getattr(one, key) == 1 for one in designs.layouts]) for key in ("ep", "devices"))
    experts = designs.have_experts
    for place, c in enumerate(designs.candidates[first:], start=first):
        node = space.is_single(c.hw, c.device), c.device.node_devices, id(c.file)
        if node not in known:
            known[node] = np.array([space.accepted(one, c.hw, c.device, c.file) for one in designs.layouts])
        fits[place] = known[node]
        if not experts[place]:
            fits[place] &= whole
        if not c.scenario.offload.is_off:  # several devices of a machine would share one CPU, which nothing forecasts
            fits[place] &= alone
    designs.refuse(~fits[designs.case, designs.layout] & (designs.status == ALIVE), "layout")


def _at_rest(scenario: Scenario) -> dict[str, Any]:
    """What a design is before it serves anything."""
    m, possible = memory.memory(scenario), layout.is_possible(scenario)
    every = (scenario, *energy.others(scenario))  # those that prefill, or a CPU beside a card, draw power too
    price, power = energy.price(scenario), sum(one.engine.parallelism.devices * one.device.power for one in every)
    return {
        "possible": 1.0 if possible is None else 1.0 * possible,
        "fits": 1.0 * memory.fits(scenario),
        "memory": m.filled,
        "price": price,
        "hourly": energy.usd_per_hour(scenario),
        "watt": power,
    }
