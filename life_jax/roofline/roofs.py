"""Seconds on each roof -> time of an operator and of a step, its division among the roofs, and the roof that binds.

Nothing here depends on what an operator is.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields

from life_jax.core.numerics import Number, is_nothing, larger, sqrt, where


def roof(a: Number, b: Number, smoothness: Number) -> Number:
    """(a + b + sqrt((a - b)^2 + s^2 a b)) / 2: s = 0 is max(a, b), s = 2 is a + b.

    Homogeneous of degree one. At a plain 0 the roof is hard and has no square root, whose gradient at a = b does not
    exist.
    """
    return larger(a, b) if is_nothing(smoothness) else (a + b + root(a, b, smoothness)) / 2


def root(a: Number, b: Number, smoothness: Number) -> Number:
    """sqrt((a - b)^2 + s^2 a b), the bent part of the roof.

    Factors that are constant along a grid's hardware stand together, and TINY (see numerics.sqrt) is added where it
    costs no operation.
    """
    difference = a - b
    return sqrt(difference * difference, smoothness * smoothness * b * a)


def exceeds_roof(seconds: Number, a: Number, b: Number, smoothness: Number) -> Number:
    """Whether seconds are more than roof(a, b, smoothness) [bool], without its square root.

    The roof is the larger solution r of (r - a) (r - b) = s^2 a b / 4.
    """
    above_both = (seconds > a) & (seconds > b)
    if is_nothing(smoothness):
        return above_both
    return above_both & ((seconds - a) * (seconds - b) > smoothness * smoothness * a * b / 4)


@dataclass(frozen=True)
class Terms:
    """Seconds [s] of one execution on each roof, before the roofs are joined; `repeats` executions in a step.

    mix [1]: vector over matrix seconds, where they are the same in every pass, so that their joined seconds grow evenly
    cache [s]: the part of `memory` that is traffic of the KV cache
    pipe: the rate that `matmul` runs at
    """

    matmul: Number
    vector: Number
    memory: Number
    dispatch: Number
    repeats: Number = 1.0
    grows: bool = False
    mix: Number | None = None
    cache: Number = 0.0
    pipe: str = "vector"

    def roofed(self, smoothness: Number) -> Number:
        """roof(roof(matmul, vector), memory) [s], in this order, which matters by about 1 % where the roof is
        smooth."""
        return joined((self.matmul, self.vector, self.memory), smoothness)

    def seconds(self, smoothness: Number) -> Number:
        """Seconds [s] of one execution: dispatch and the roofs."""
        return self.dispatch + self.roofed(smoothness)

    @property
    def compute(self) -> Number:
        """The longer of matrix and vector seconds [s]."""
        return larger(self.matmul, self.vector)


@dataclass(frozen=True)
class Sides:
    """Seconds [s] under the roofs, divided among the sides of the roofs: the part of a side a is a d(roof)/da.

    The parts add up, because the roof is homogeneous: matmul + vector + memory = seconds. cache: part of the memory's
    part.
    """

    seconds: Number = 0.0
    matmul: Number = 0.0
    vector: Number = 0.0
    memory: Number = 0.0
    cache: Number = 0.0

    def __add__(self, other: "Sides") -> "Sides":
        return Sides(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    def times(self, n: Number) -> "Sides":
        """The seconds of `n` executions [1]."""
        return Sides(*(getattr(self, f.name) * n for f in fields(self)))


def sides(t: Terms, smoothness: Number) -> Sides:
    """The seconds of one execution without dispatch, divided among matrix work, vector work and memory traffic."""
    compute, of_matmul, of_vector = _roof_and_sides(t.matmul, t.vector, smoothness)
    seconds, of_compute, of_memory = _roof_and_sides(compute, t.memory, smoothness)
    matmul, vector = of_compute(of_matmul(t.matmul)), of_compute(of_vector(t.vector))
    return Sides(seconds, matmul, vector, of_memory(t.memory), of_memory(t.cache))


def _roof_and_sides(
    a: Number, b: Number, smoothness: Number
) -> tuple[Number, Callable[[Number], Number], Callable[[Number], Number]]:
    """The roof of a and b; a function that multiplies by its slope in a; and such a function for b.

    Where a and b are equal, the hard roof has the slope 1 in b.
    """
    if is_nothing(a) or is_nothing(b):
        only_a = is_nothing(b)
        return (a if only_a else b), (lambda x: x if only_a else 0.0), (lambda x: 0.0 if only_a else x)
    # what is nothing stays nothing, so that sums leave it out
    if is_nothing(smoothness):
        above = a > b
        return where(above, a, b), _unless(lambda x: where(above, x, 0.0)), _unless(lambda x: where(above, 0.0, x))
    difference, s2 = a - b, smoothness * smoothness
    root = sqrt(difference * difference + s2 * a * b)
    per_root = 0.25 / root
    return (
        (a + b + root) / 2,
        _unless(lambda x: x * (0.5 + (2 * difference + s2 * b) * per_root)),
        _unless(lambda x: x * (0.5 + (s2 * a - 2 * difference) * per_root)),
    )


def _unless(function: Callable[[Number], Number]) -> Callable[[Number], Number]:
    """The function, but a plain 0 for a plain 0, so that sums leave it out."""
    return lambda x: 0.0 if is_nothing(x) else function(x)


def roofed_sum(terms: Iterable[Terms], smoothness: Number) -> Number:
    """Sum over operators of the seconds [s] of one execution under the roofs.

    Sides of smooth roofs and their roots are summed separately: most sides depend on few axes of a grid, so that their
    sums are computed once for many points.
    """
    if is_nothing(smoothness):
        return sum(t.roofed(smoothness) for t in terms)
    alone: list[Number] = [0.0]
    compute, memory, roots = [], [], []
    for t in terms:
        *some, last = [term for term in (t.matmul, t.vector, t.memory) if not is_nothing(term)] or [0.0]
        if not some:
            alone.append(last)
            continue
        compute.append(joined(some, smoothness))
        memory.append(last)
        roots.append(root(compute[-1], last, smoothness))
    return sum(alone) + (sum(compute) + sum(memory) + sum(roots)) / 2


def joined(terms: Iterable[Number], smoothness: Number) -> Number:
    """The roof of these seconds [s], joined from left to right."""
    some = [term for term in terms if not is_nothing(term)]
    if not some:
        return 0.0
    seconds = some[0]
    for term in some[1:]:
        seconds = roof(seconds, term, smoothness)
    return seconds


def step_seconds(terms: list[Terms], smoothness: Number) -> Number:
    """Time of a step [s]: operators run one after another."""
    return sum(
        repeats * (sum(t.dispatch for t in some) + roofed_sum(some, smoothness)) for repeats, some in by_repeats(terms)
    )


def by_repeats(terms: Iterable[Terms]) -> list[tuple[Number, list[Terms]]]:
    """Groups of operators that are repeated equally often, as (repeats, terms).

    A group needs a single multiplication, and its dispatches add up before it.
    """
    groups: dict[int, tuple[Number, list[Terms]]] = {}
    for t in terms:
        groups.setdefault(id(t.repeats), (t.repeats, []))[1].append(t)
    return list(groups.values())


BOUNDS = ("compute", "memory", "link", "dispatch", "host")


@dataclass(frozen=True)
class Shares:
    """Seconds [s] of a step by what binds: an operator's time under the roofs counts for its longest roof.

    link: messages between devices, but for what is hidden behind computation; host: its time for steps and requests
    """

    compute: Number = 0.0
    memory: Number = 0.0
    link: Number = 0.0
    dispatch: Number = 0.0
    host: Number = 0.0

    def __add__(self, other: "Shares") -> "Shares":
        return Shares(*(getattr(self, bound) + getattr(other, bound) for bound in BOUNDS))

    def times(self, n: Number) -> "Shares":
        """The seconds of `n` steps [1]."""
        return Shares(*(getattr(self, bound) * n for bound in BOUNDS))

    @property
    def bound(self) -> Number:
        """The place in BOUNDS of the largest share; of equal shares the first."""
        most, place = self.compute, where(self.compute >= self.memory, 0, 1)
        most = larger(most, self.memory)
        for index, bound in enumerate(BOUNDS):
            seconds = getattr(self, bound)
            if index > 1 and not is_nothing(seconds):
                place, most = where(most >= seconds, place, index), larger(most, seconds)
        return place


def shares(terms: list[Terms], smoothness: Number) -> Shares:
    """Seconds of a step's operators by what binds each: compute or memory, and dispatch apart."""
    total = Shares()
    for t in terms:
        by_compute = t.compute > t.memory
        seconds = t.repeats * t.roofed(smoothness)
        total = total + Shares(
            compute=where(by_compute, seconds, 0.0),
            memory=where(by_compute, 0.0, seconds),
            dispatch=t.repeats * t.dispatch,
        )
    return total
