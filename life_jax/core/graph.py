"""The operators of one step, as a list that rewrites change before anything is computed."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeVar

from life_jax.core.cost import Cost
from life_jax.core.numerics import Number, is_fixed_at, is_nothing
from life_jax.core.places import HERE
from life_jax.core.scenario import WeightFormat
from life_jax.core.units import UNLIMITED

OUTSIDE = -1  # block index of what is not in a layer: embedding, final norm, head
PIPES = ("linear", "head", "attention", "vector")
# what an operator is: a product with weights (gemm), a product of two activations (bmm), or work on every element
KINDS = ("gemm", "bmm", "softmax", "rope", "norm", "activation", "elementwise", "embedding", "other")
Formula = TypeVar("Formula", bound=Callable[..., Cost])


@dataclass(frozen=True)
class Experts:
    """Routing of a product with experts: each token goes to `chosen` of `count` experts.

    distinct [token]: number of tokens that choose independently, at most.
    """

    count: Number
    chosen: Number
    distinct: Number


@dataclass(frozen=True)
class Shape:
    """Sizes of an operator; None where it has no such size. All [1].

    m, k, n: of a product [m, k] x [k, n]; m rows and n columns for an operator on elements
    batch: number of products of this shape
    heads, kv_heads: of attention
    cache_parts: parts into which devices can divide the cache, where it is not kept by KV heads (1 for latents)
    experts: routing of a product with experts
    """

    m: Number | None = None
    n: Number | None = None
    k: Number | None = None
    batch: Number = 1.0
    heads: Number | None = None
    kv_heads: Number | None = None
    cache_parts: Number | None = None
    experts: Experts | None = None

    @property
    def sharing(self) -> Number:
        """Query heads beyond the first that share a head of keys and values [1]; 0 where the heads are not known."""
        return 0.0 if self.heads is None or self.kv_heads is None else self.heads / self.kv_heads - 1


@dataclass(frozen=True)
class Description:
    """What a formula tells about its operator beside the cost.

    kind: one of KINDS
    shape: function from the formula's arguments to the Shape
    rows: whether `shape.m` counts tokens that are multiplied by the same weights
    scores: names of the arguments that count scores; with each of them 1 the formula gives the cost of one score
    weights: function from the formula's arguments to the format of the weights
    with_weights: inverse of `weights`: arguments that change when the weights are stored in another format
    """

    kind: str = "other"
    shape: Callable[..., Shape] | None = None
    rows: bool = False
    scores: tuple[str, ...] = ()
    weights: Callable[..., WeightFormat] | None = None
    with_weights: Callable[..., Mapping[str, Number]] | None = None


_DESCRIPTIONS: dict[Callable[..., Cost], Description] = {}
_UNKNOWN = Description()


def describe(
    kind: str,
    *,
    shape: Callable[..., Shape] | None = None,
    rows: bool = False,
    scores: tuple[str, ...] = (),
    weights: Callable[..., WeightFormat] | None = None,
    with_weights: Callable[..., Mapping[str, Number]] | None = None,
) -> Callable[[Formula], Formula]:
    """Make a decorator that registers a Description of a formula; its parameters are those of Description.

    The formula itself stays unchanged.
    """
    assert kind in KINDS, kind

    def register(formula: Formula) -> Formula:
        _DESCRIPTIONS[formula] = Description(kind, shape, rows, scores, weights, with_weights)
        return formula

    return register


@dataclass(frozen=True)
class Op:
    """`formula(**args)`, executed `repeats` times in a step.

    pipe: the matrix rate at which it runs: linear, head or attention; `vector` for an operator without matrix work
    block: index of the kind of layer that it belongs to
    grows: whether its cost depends on the context length; it does so affinely, but for a bend where `bend` tokens are
    cached (a full window)

    Only the file of the formula reads `args` by name; all other code uses `kind`, `shape` and `weights`.
    """

    name: str
    formula: Callable[..., Cost]
    args: Mapping[str, Number]
    repeats: Number = 1.0
    pipe: str = "vector"
    block: int = OUTSIDE
    grows: bool = False
    bend: Number | None = None
    resident: Number = 0.0  # bytes that it keeps in memory beside the model's own weights
    executed: Number = 1.0  # matrix work over useful matrix work, where tiles are padded
    more_dispatches: Number = 0.0
    parts: Number = UNLIMITED  # into which tensor parallelism can divide it; 1 where every device executes all of it
    place: int = HERE  # of the devices that execute it
    pairs: Number | None = None  # of unfused scores: what a fused kernel would count of the rectangle

    @property
    def cost(self) -> Cost:
        """Counts of one execution."""
        cost = self.formula(**self.args)
        if is_fixed_at(self.executed, 1) and is_nothing(self.more_dispatches):
            return cost
        return replace(
            cost, matmul_flops=cost.matmul_flops * self.executed, dispatches=cost.dispatches + self.more_dispatches
        )

    @property
    def _description(self) -> Description:
        return _DESCRIPTIONS.get(self.formula, _UNKNOWN)

    @property
    def kind(self) -> str:
        """What the operator is: one of KINDS."""
        return self._description.kind

    @property
    def shape(self) -> Shape:
        """Sizes of the operator."""
        shape = self._description.shape
        return Shape() if shape is None else shape(**self.args)

    @property
    def has_rows(self) -> bool:
        """Whether `shape.m` counts tokens, each of which meets the same weights."""
        return self._description.rows

    @property
    def weights(self) -> WeightFormat | None:
        """Storage format of the weights that the operator reads; None where it reads none."""
        weights = self._description.weights
        return None if weights is None else weights(**self.args)

    def with_weights(self, weights: WeightFormat) -> "Op":
        """This operator on weights of another format; unchanged where its formula does not depend on the format."""
        change = self._description.with_weights
        return self if change is None else replace(self, args={**self.args, **change(weights)})

    @property
    def score_cost(self) -> Cost | None:
        """Counts of one (query, key) score of attention; None for any other operator."""
        names = [name for name in self._description.scores if name in self.args]
        return self.formula(**{**self.args, **dict.fromkeys(names, 1.0)}) if names else None


@dataclass(frozen=True)
class Graph:
    """An ordered tuple of operators. Every change returns a new graph."""

    ops: tuple[Op, ...]

    def __iter__(self) -> Iterator[Op]:
        return iter(self.ops)

    @property
    def cost(self) -> Cost:
        """Counts of the whole step, repeats included."""
        total = Cost()
        for op in self.ops:
            total = total + op.cost.times(op.repeats)
        return total

    @cached_property
    def _names(self) -> frozenset[str]:
        return frozenset([op.name for op in self.ops])

    def select(self, keep: Callable[[Op], bool]) -> "Graph":
        """The operators for which `keep` is true."""
        return Graph(tuple(op for op in self.ops if keep(op)))

    def replace(self, change: Callable[[Op], Op]) -> "Graph":
        """A graph in which every operator is replaced by `change(operator)`."""
        return Graph(tuple(change(op) for op in self.ops))

    def merge(self, names: tuple[str, ...], make: Callable[[tuple[Op, ...]], Op | None]) -> "Graph":
        """Replace operators of the given names by a single one, in each kind of layer that has all of them.

        `make` gets the operators in the order of `names`; what it returns stands where the last of them stood. Where it
        returns None, they stay as they are.
        """
        if not self._names.issuperset(names):
            return self
        ops = list(self.ops)
        for block in dict.fromkeys(op.block for op in self.ops):
            by_name = {op.name: op for op in ops if op.block == block and op.name in names}
            merged = make(tuple(by_name[name] for name in names)) if len(by_name) == len(names) else None
            if merged is None:
                continue
            last = max(i for i, op in enumerate(ops) if any(op is merging for merging in by_name.values()))
            ops[last] = merged
            ops = [op for op in ops if not any(op is old for old in by_name.values())]
        return Graph(tuple(ops))

    def beside(self, other: "Graph", join: Callable[[Op, Op], Op | None]) -> "Graph":
        """The operators of one pass for the sequences of both graphs.

        Operators of the same name in the same kind of layer run as one where `join` makes one of them, else one after
        the other; what only one graph has stays as it is. The order is that of this graph.
        """
        ops = list(self.ops)
        end = 0
        for theirs in other.ops:
            at = next(
                (i for i in range(end, len(ops)) if (ops[i].name, ops[i].block) == (theirs.name, theirs.block)), None
            )
            both = None if at is None else join(ops[at], theirs)
            if at is not None and both is not None:
                ops[at] = both
                end = at + 1
            else:
                end = end if at is None else at + 1
                ops.insert(end, theirs)
                end += 1
        return Graph(tuple(ops))
