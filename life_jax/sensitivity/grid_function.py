"""The function that a grid evaluates at each point: metrics, and their sensitivities to numbers, as columns by name.

Its parts are computed separately: see grid/function.py.
"""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from life_jax.core.numerics import Number, imag, real
from life_jax.core.parameter import Parameter
from life_jax.core.pytree import Leaf, register_with_jax
from life_jax.core.scenario import Scenario
from life_jax.forecasting.attribution import FIXED, HELD
from life_jax.forecasting.metrics import BOUNDS, METRICS, derive, direct
from life_jax.forecasting.request import Run
from life_jax.grid.function import Call, Sum
from life_jax.sensitivity import elasticities
from life_jax.sensitivity.columns import ALL, Changed, Forecast, Held, Slope, Tangent, column
from life_jax.sensitivity.elasticities import Atoms

GAINS = {"change_10pct": 1.1, "change_2x": 2.0}


@dataclass(frozen=True)
class Sensitivity:
    """Numbers that metrics are differentiated by, and results beyond the elasticity.

    metrics: to differentiate; parameters: leaves by key; atoms: of these parameters
    shares: whether the part of each side of the roofs is a result, which needs every rate, bandwidth and fixed time
    among the parameters
    gains: whether the metrics at 1.1 and 2 times each number are results
    slopes: parameters by key whose derivatives in the units of the files are results; None where nothing depends on the
    key
    ledger: whether times are sums of operators, so that they are attributed to leaves without a derivative
    """

    metrics: tuple[str, ...]
    parameters: tuple[tuple[str, tuple[Leaf, ...]], ...]
    atoms: Atoms
    shares: bool = False
    gains: bool = False
    slopes: tuple[tuple[str, Parameter | None], ...] = ()
    ledger: bool = False


@dataclass(frozen=True)
class NoForecast:
    """NaN for every number of a combination that cannot be; -1 for bounds, false for flags.

    columns: (name, whether it is a number) of all columns of the grid.
    """

    columns: tuple[tuple[str, bool], ...]

    def __call__(self, base: object, values: Mapping[str, Number]) -> dict[str, Number]:
        """The columns, whatever the point."""
        kinds = {name: METRICS[name].kind if name in METRICS else "number" for name, _ in self.columns}
        return {
            name: float("nan") if is_number else -1.0 if kinds[name] == "bound" else 0.0
            for name, is_number in self.columns
        }


@dataclass(frozen=True)
class Forecaster:
    """Metrics and, where there is a Sensitivity, their sensitivities. Hashable, so that one compilation serves all
    cases."""

    parameters: tuple[Parameter, ...]
    metrics: tuple[str, ...]
    sensitivity: Sensitivity | None = None

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash((self.parameters, self.metrics, self.sensitivity))

    @cached_property
    def calls(self) -> tuple[Call, ...]:
        """The parts that are computed separately, with their arguments."""
        if "jax" in sys.modules:  # also in a process that unpickled this one
            register_with_jax()
        s = self.sensitivity
        valued = tuple(m for m in direct(self.metrics) if m not in self._timed)
        calls = [Call(Forecast(self.parameters, valued), valued)] if valued else []
        for index in range(0, len(self._groups), 2):
            part = Held(self.parameters, self._timed, self._groups[index : index + 2])
            calls.append(Call(part, tuple(column("held", metric, str(index // 2)) for metric in self._timed)))
        if s is not None:
            calls += [*self._tangents(s), *self._changed(s)]
            calls += [
                self._call(Slope(self.parameters, direct(s.metrics), parameter), "slope", key)
                for key, parameter in s.slopes
                if parameter is not None
            ]
        return tuple(calls)

    @cached_property
    def _timed(self) -> tuple[str, ...]:
        """The metrics that are attributed to leaves."""
        s = self.sensitivity
        if s is None or not s.ledger or not s.parameters:
            return ()
        return tuple(m for m in direct(s.metrics) if METRICS[m].ledger is not None)

    @cached_property
    def _groups(self) -> tuple[tuple[Leaf, ...], ...]:
        """Groups of leaves to which seconds under roofs are attributed.

        ALL, and the leaves of each part whose seconds do not follow from the others.
        """
        if self.sensitivity is None or not self._timed:
            return ()
        a = self.sensitivity.atoms
        under = (p for i, p in enumerate(a.parts) if i != a.free and HELD.issuperset(p) and not FIXED.issuperset(p))
        return (ALL, *under)

    def _tangents(self, s: Sensitivity) -> Iterator[Call]:
        for index, leaves in enumerate(s.atoms.parts):
            differentiated = tuple(
                m
                for m in direct(s.metrics)
                if not (index == s.atoms.free and elasticities.obeys_law(m))
                and not (m in self._timed and HELD.issuperset(leaves))
            )
            if differentiated:
                yield self._call(Tangent(self.parameters, differentiated, leaves), "tangent", str(index))

    def _changed(self, s: Sensitivity) -> Iterator[Call]:
        if not s.gains:
            return
        every = tuple(dict.fromkeys(path for _, leaves in s.parameters for path in leaves))
        part = Changed(self.parameters, direct(s.metrics), every)
        for key, leaves in s.parameters:
            for name, factor in GAINS.items() if leaves else ():
                yield self._call(part, name, key, tuple(factor if path in leaves else 1.0 for path in every))

    def _call(self, part: Tangent | Changed | Slope, what: str, key: str, argument: tuple[float, ...] = ()) -> Call:
        return Call(part, tuple(column(f"{what} of", name, key) for name in part.metrics), argument)

    @cached_property
    def aliases(self) -> dict[str, Sum]:
        """Columns that are sums of other columns with signs, whatever the numbers. A time is the first number of its
        pair."""
        s = self.sensitivity
        sums = {m: Sum(((column("held", m, "0"), 1),)) for m in self._timed if m in self.metrics}
        for metric in s.metrics if s is not None else ():
            by_parts: dict[tuple[int, ...], str] = {}
            for key, parts in s.atoms.parameters:  # type: ignore[union-attr]
                name = column("elasticity", metric, key)
                if by_parts.setdefault(parts, name) != name:
                    sums[name] = Sum(((by_parts[parts], 1),))
            self._by_law(metric, by_parts, sums)
            if s is not None and s.shares and elasticities.obeys_law(metric):
                for bound, of in elasticities.sums(s.atoms).items():
                    if all((i,) in by_parts for i, _ in of):
                        parts = [(sums.get(by_parts[i,], Sum(((by_parts[i,], 1),))), sign) for i, sign in of]
                        signed = [part if sign == 1 else part.negative() for part, sign in parts]
                        terms = tuple(term for part in signed for term in part.terms)
                        sums[column("bound_share", metric, bound)] = Sum(terms, sum(part.constant for part in signed))
        return sums

    def _by_law(self, metric: str, by_parts: Mapping[tuple[int, ...], str], sums: dict[str, Sum]) -> None:
        """Add the column of the free part: e(free) = -1 - e(other rates) + e(fixed times), where each of those is a
        column."""
        atoms = self.sensitivity.atoms  # type: ignore[union-attr]
        free = atoms.free
        if free is None or (free,) not in by_parts or not elasticities.obeys_law(metric):
            return
        others = [(i, sign) for i, sign in enumerate(atoms.signs()) if i != free and sign]
        if not all((i,) in by_parts for i, _ in others):
            return
        total = Sum(tuple((by_parts[i,], sign) for i, sign in others), -1.0)
        for name, column_sum in sums.items():
            if column_sum == Sum(((by_parts[free,], 1),)):
                sums[name] = total
        sums[by_parts[free,]] = total

    @cached_property
    def derived(self) -> tuple[str, ...]:
        """Names of the columns that `derive` returns."""
        names = [m for m in self.metrics if METRICS[m].of is not None or m in self._timed]
        s = self.sensitivity
        if s is not None:
            keys = [key for key, _ in s.parameters]
            names += [column("elasticity", m, key) for m in s.metrics for key in keys]
            names += [column("bound_share", m, bound) for m in s.metrics for bound in BOUNDS if s.shares]
            names += [column(gain, m, key) for gain in (GAINS if s.gains else ()) for m in s.metrics for key in keys]
            names += [column("slope_of", m, key) for m in s.metrics for key, _ in s.slopes]
        return tuple(name for name in names if name not in self.aliases)

    def derive(
        self, columns: Mapping[str, Number], scenario: Scenario, axes: Mapping[str, Number]
    ) -> dict[str, Number]:
        """Columns that are functions of other columns, and of terms that take no loop over operators under roofs.

        columns: of all calls, by name; scenario: of the case; axes: values of the axes by key.
        """
        seconds = {m: real(columns[column("held", m, "0")]) for m in self._timed}
        values = {**columns, **seconds}
        values.update(derive(values, self.metrics))
        results = {name: values[name] for name in self.metrics if name not in columns}
        s = self.sensitivity
        if s is None:
            return results
        run = Run(Forecast(self.parameters, ()).at(scenario, axes))
        for metric in s.metrics:
            chain = _Chain(metric, values)
            law = elasticities.obeys_law(chain.of)
            by_part = elasticities.completed(
                s.atoms, self._numerators(chain.of, columns, run), values[chain.of], law=law
            )
            for key, parts in s.atoms.parameters:
                # every column divides by itself: a quotient that several share would be kept in memory
                total = sum(by_part[i] for i in parts) / values[chain.of] if parts else 0 * values[metric]
                results[column("elasticity", metric, key)] = chain.elasticity(total)
            if s.shares:
                shares = elasticities.bound_shares(s.atoms, by_part, values[chain.of])
                for bound, share in shares.items():
                    results[column("bound_share", metric, bound)] = share if law else share * float("nan")
            for gain in GAINS if s.gains else ():
                for key, leaves in s.parameters:
                    changed = columns[column(f"{gain} of", chain.of, key)] if leaves else values[chain.of]
                    results[column(gain, metric, key)] = chain.value(changed) / values[metric] - 1
            for key, parameter in s.slopes:
                d = columns[column("slope of", chain.of, key)] if parameter is not None else 0 * values[chain.of]
                results[column("slope_of", metric, key)] = chain.slope(d)
        return {name: results[name] for name in self.derived}

    def _numerators(self, metric: str, columns: Mapping[str, Number], run: Run) -> dict[int, Number]:
        """Elasticities times the metric by index of the part, but for the free part."""
        s = self.sensitivity
        assert s is not None
        results: dict[int, Number] = {}
        ledger = METRICS[metric].ledger(run) if metric in self._timed else None  # type: ignore[misc]
        for i, leaves in enumerate(s.atoms.parts):
            if (name := column("tangent of", metric, str(i))) in columns:
                results[i] = columns[name]
            elif ledger is not None and FIXED.issuperset(leaves):
                results[i] = elasticities.sign(leaves[0]) * ledger.of(leaves)
            elif ledger is not None and leaves in self._groups:
                at = self._groups.index(leaves)
                both = columns[column("held", metric, str(at // 2))]
                held = imag(both) if at % 2 else real(both)
                results[i] = 0 - held
        return results


class _Chain:
    """A metric that is a function of another metric, whose slopes it inherits; any other metric stands for itself."""

    def __init__(self, metric: str, values: Mapping[str, Number]) -> None:
        self._metric, self._values = metric, values
        self.of = METRICS[metric].of or metric
        self._function = METRICS[metric].function if METRICS[metric].of else lambda value: value

    def value(self, of: Number) -> Number:
        """The metric, from the value of the other metric."""
        return self._function(of)

    def slope(self, d_of: Number) -> Number:
        """The metric's derivative, from that of the other metric."""
        if self.of == self._metric:
            return d_of
        return METRICS[self._metric].slope(self._values[self.of]) * d_of  # type: ignore[misc]

    def elasticity(self, of: Number) -> Number:
        """The metric's elasticity, x f'(x) / f(x) times that of the other metric."""
        if self.of == self._metric:
            return of
        return self.slope(of * self._values[self.of]) / self._values[self._metric]
