"""Why the designs next to an answer are not it: one step in device, count, layout, format, engine or a limit."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Any

import numpy as np

from life_jax.planner import misses, rows, times
from life_jax.planner.designs import REASONS, Designs
from life_jax.planner.search import Found
from life_jax.planner.space import Layout

BARRED = tuple(REASONS.index(name) for name in ("engine", "units", "layout"))  # what cannot be is no neighbour


@dataclass(frozen=True)
class Neighbour:
    """A design one step from an answer.

    step: what differs: device, devices (their number), layout, format, addition, engine, or the key of a limit.
    place: in the designs. out: what speaks against it, one of REASONS, empty where it is an answer too. missed: what it
    needs over what is asked [1], by word, of what it misses. ratios: its price, TTFT and TPOT over those of the answer
    [1]; less: quality that it keeps less [1].
    """

    step: str
    place: int
    out: str
    missed: Mapping[str, float]
    ratios: Mapping[str, float]
    less: float

    def as_json(self) -> dict[str, Any]:
        """What it says, for format=json."""
        ratios = {name: value if math.isfinite(value) else None for name, value in self.ratios.items()}
        missed = {word: factor if math.isfinite(factor) else None for word, factor in self.missed.items()}
        less = self.less if math.isfinite(self.less) else None
        return {"step": self.step, "out": self.out, "missed": missed, "ratios": ratios, "quality_less": less}

    @property
    def worst(self) -> float:
        """The largest factor by which it misses anything [1]; 1 where it meets all."""
        return max(self.missed.values(), default=1.0)


def neighbours(found: Found, answers: Sequence[int], done: rows.Done) -> dict[int, tuple[Neighbour, ...]]:
    """Neighbours of answers (their places), those of one step and direction side by side, the nearest to an answer
    first. What only bounds spoke against is forecast."""
    near = _Near(found.designs)
    steps = {answer: list(near.steps(answer)) for answer in answers}
    places = np.unique([place for of in steps.values() for _, place in of] + list(answers)).astype(int)
    misses.forecast(found, places, done)
    over = misses.misses(found, places)
    late = np.isinf(found.mean["tpot"][places])
    if late.any():
        over[misses.RATE] = np.zeros(len(places))
        over[misses.RATE][late] = misses.arriving(found, places[late], done)
    at = {place: i for i, place in enumerate(places.tolist())}
    results = {}
    for answer, of in steps.items():
        own = [{word: float(factors[at[place]]) for word, factors in over.items()} for _, place in of]
        seen = [_neighbour(found, answer, *step, needs) for step, needs in zip(of, own, strict=True)]
        results[answer] = tuple(_nearest_first(seen))
    return results


def _neighbour(found: Found, answer: int, step: str, place: int, over: Mapping[str, float]) -> Neighbour:
    designs = found.designs
    missed = {word: factor for word, factor in over.items() if factor > 1}
    if misses.RATE in missed:  # where requests pile up, times say no more than that
        missed = {word: factor for word, factor in missed.items() if not word.startswith("target.")}
    ratios = {"price": designs.price[place] / designs.price[answer]} | {
        name: found.mean[name][place] / found.mean[name][answer] for name in times.LOADED
    }
    less = float(designs.quality[answer] - designs.quality[place])
    return Neighbour(step, place, _reason(found, place, missed), missed, {k: float(v) for k, v in ratios.items()}, less)


def _reason(found: Found, place: int, missed: Mapping[str, float]) -> str:
    """What speaks against a design, in the order of REASONS; bounds may have said that another one dominates it."""
    if found.designs.status[place] < 0:
        return ""
    words = {"quality": "quality", "memory": "memory", misses.RATE: "saturated"}
    named = {words.get(word, word.removeprefix("target.").partition(".")[0]) for word in missed}
    return next((reason for reason in REASONS if reason in named), "dominated")


def _nearest_first(seen: Sequence[Neighbour]) -> Iterator[Neighbour]:
    """Those of one step behind each other, those that meet first, then by what they miss and what they cost."""
    for _, of in groupby(seen, key=lambda one: one.step):
        yield from sorted(of, key=lambda one: (one.worst, _or_last(one.ratios["price"]), _or_last(one.ratios["tpot"])))


def _or_last(value: float) -> float:
    return float("inf") if np.isnan(value) else value


class _Near:
    """Steps through the designs of a space, which are all candidates under all layouts at all points."""

    def __init__(self, designs: Designs) -> None:
        self.designs = designs

    @cached_property
    def _cases(self) -> dict[tuple[str, str, str], dict[str, int]]:
        """(model, device, stack) -> engine -> number of the candidate."""
        known: dict[tuple[str, str, str], dict[str, int]] = {}
        for number, one in enumerate(self.designs.candidates):
            known.setdefault((one.model, one.hw, one.opt), {})[one.engine] = number
        return known

    def steps(self, answer: int) -> Iterator[tuple[str, int]]:
        """(what differs, place) of the neighbours of a design."""
        designs = self.designs
        case, layout, point = (int(x[answer]) for x in (designs.case, designs.layout, designs.point))
        yield from self._devices(case, layout, point)
        yield from self._layouts(case, layout, point)
        yield from self._formats(case, layout, point)
        yield from self._additions(case, layout, point)
        here = designs.candidates[case]
        for engine, other in self._cases[here.model, here.hw, here.opt].items():
            if engine != here.engine:
                yield from self._if_possible("engine", other, layout, point)
        yield from self._points(case, layout, point)

    def _place(self, case: int, layout: int, point: int) -> int:
        return (case * len(self.designs.layouts) + layout) * len(self.designs.points) + point

    def _if_possible(self, step: str, case: int, layout: int, point: int) -> Iterator[tuple[str, int]]:
        place = self._place(case, layout, point)
        if self.designs.status[place] not in BARRED:
            yield step, place

    def _alike(self, key: tuple[str, str, str], engine: str) -> int:
        """The candidate of a model, device and stack under this engine, or under what is run there."""
        of = self._cases[key]
        return of.get(engine, next(iter(of.values())))

    def _devices(self, case: int, layout: int, point: int) -> Iterator[tuple[str, int]]:
        """The next cheaper device and the next dearer one."""
        here, designs = self.designs.candidates[case], self.designs
        others = [self._alike(key, here.engine) for key in self._cases if key[0] == here.model and key[2] == here.opt]
        places = np.array([self._place(other, layout, point) for other in others])
        price, own = designs.price[places], designs.price[self._place(case, layout, point)]
        can = ~np.isin(designs.status[places], BARRED)
        yield from (("device", place) for place in _next(places[can], price[can], own))

    def _layouts(self, case: int, layout: int, point: int) -> Iterator[tuple[str, int]]:
        """Other layouts of as many devices, and those of the next fewer and the next more of them that differ in no
        more than one number (experts apart)."""
        designs, own = self.designs, self.designs.layouts[layout]
        possible = [
            (number, one) for number, one in enumerate(designs.layouts)
            if number != layout and designs.status[self._place(case, number, point)] not in BARRED
        ]  # fmt: skip
        yield from (("layout", self._place(case, n, point)) for n, one in possible if one.devices == own.devices)
        near = [(n, one) for n, one in possible if _differences(one, own) == 1]
        fewer = max((one.devices for _, one in near if one.devices < own.devices), default=0)
        more = min((one.devices for _, one in near if one.devices > own.devices), default=0)
        yield from (("devices", self._place(case, n, point)) for n, one in near if one.devices in (fewer, more))

    def _formats(self, case: int, layout: int, point: int) -> Iterator[tuple[str, int]]:
        """The stacks that keep the next less and the next more of the quality on this device."""
        here, designs = self.designs.candidates[case], self.designs
        alike = (self._alike(key, here.engine) for key in self._cases if key[:2] == (here.model, here.hw))
        others = [other for other in alike if designs.candidates[other].addition == here.addition]
        places = np.array([self._place(other, layout, point) for other in others])
        kept, own = designs.quality[places], designs.quality[self._place(case, layout, point)]
        can = ~np.isin(designs.status[places], BARRED)
        yield from (("format", place) for place in _next(places[can], kept[can], own))

    def _additions(self, case: int, layout: int, point: int) -> Iterator[tuple[str, int]]:
        """The same format with something beside it, such as drafts, or without."""
        here = self.designs.candidates[case]
        base = here.opt.removesuffix(f"+{here.addition}") if here.addition else here.opt
        for number, one in enumerate(self.designs.candidates):
            same = (one.model, one.hw, one.engine) == (here.model, here.hw, here.engine) and number != case
            if same and base in (one.opt, one.opt.removesuffix(f"+{one.addition}")):
                yield from self._if_possible("addition", number, layout, point)

    def _points(self, case: int, layout: int, point: int) -> Iterator[tuple[str, int]]:
        """The next smaller and the next larger number of each axis."""
        points = self.designs.points
        own = points[point]
        for key in own:
            beside = [i for i, one in enumerate(points) if all(one[k] == own[k] for k in own if k != key)]
            order = sorted(beside, key=lambda i: points[i][key])
            at = order.index(point)
            for near in order[max(at - 1, 0) : at] + order[at + 1 : at + 2]:
                yield from self._if_possible(key, case, layout, near)


def _next(places: np.ndarray, values: np.ndarray, own: float) -> Iterator[int]:
    """Those of the places whose values are the next below and the next above one's own."""
    for side in (values[values < own].max(initial=-np.inf), values[values > own].min(initial=np.inf)):
        yield from map(int, places[values == side])


def _differences(one: Layout, other: Layout) -> int:
    """In how many numbers two layouts differ, parts of the experts apart."""
    return sum(getattr(one, key) != getattr(other, key) for key in one._fields if key != "ep")
