"""The operators of one step as a list that rewrites can change before anything is computed."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from life_jax.core.cost import Cost
from life_jax.core.numerics import Number
from life_jax.core.scenario import WeightFormat

OUTSIDE = -1  # block index of what is not in a layer: embedding, final norm, head
PIPES = ("linear", "head", "attention", "vector")
# what an operator is: a product with weights (gemm), a product of two activations (bmm), or work on every element
KINDS = ("gemm", "bmm", "softmax", "rope", "norm", "activation", "elementwise", "embedding", "other")
Formula = TypeVar("Formula", bound=Callable[..., Cost])


@dataclass(frozen=True)
class Experts:
    """Routing of a product of experts: `count` experts, `chosen` of them for each token; at most `distinct` tokens
    choose independently."""

    count: Number
    chosen: Number
    distinct: Number


@dataclass(frozen=True)
class Shape:
    """Sizes of an operator; None where it has no such size.

    m, k, n [1]: of a product [m, k] x [k, n]; m rows and n columns of an operator on elements.
    batch [1]: how many products of this shape. heads, kv_heads [1]: of attention. experts: of a product of experts.
    """

    m: Number | None = None
    n: Number | None = None
    k: Number | None = None
    batch: Number = 1.0
    heads: Number | None = None
    kv_heads: Number | None = None
    experts: Experts | None = None

    @property
    def sharing(self) -> Number:
        """Query heads beyond the first that share one head of keys and values; 0 where that is not known."""
        return 0.0 if self.heads is None or self.kv_heads is None else self.heads / self.kv_heads - 1


@dataclass(frozen=True)
class Description:
    """What a formula says of its operator beside the cost.

    kind: one of KINDS. shape: a function of the formula's arguments. rows: its m counts tokens that are multiplied by
    the same weights. scores: arguments that count scores, so that with each of them 1 the formula gives the cost of
    one score. weights: a function of the arguments that gives how weights are stored, with its inverse.
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
    """A decorator of formulas: see Description. The formula itself stays as it is."""
    assert kind in KINDS, kind

    def register(formula: Formula) -> Formula:
        _DESCRIPTIONS[formula] = Description(kind, shape, rows, scores, weights, with_weights)
        return formula

    return register


@dataclass(frozen=True)
class Op:
    """`formula(**args)` executed `repeats` times a step.

    pipe: which rate its matrix work runs at (linear, head, attention; vector has none of its own).
    block: index of the kind of layer it belongs to. grows: its cost depends on the context length,
    affinely but for a bend where `bend` tokens are cached (a full window).
    Only the formula's own file reads `args` by name: everybody else asks for `kind`, `shape` and `weights`.
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
    pairs: Number | None = None  # of unfused scores: what a fused kernel would count of the rectangle

    @property
    def cost(self) -> Cost:
        """Counts of one execution."""
        cost = self.formula(**self.args)
        if isinstance(self.executed, float) and self.executed == 1.0:
            return cost
        return replace(
            cost, matmul_flops=cost.matmul_flops * self.executed, dispatches=cost.dispatches + self.more_dispatches
        )

    @property
    def _description(self) -> Description:
        return _DESCRIPTIONS.get(self.formula, _UNKNOWN)

    @property
    def kind(self) -> str:
        """What it is: one of KINDS."""
        return self._description.kind

    @property
    def shape(self) -> Shape:
        """Its sizes."""
        shape = self._description.shape
        return Shape() if shape is None else shape(**self.args)

    @property
    def has_rows(self) -> bool:
        """Whether `shape.m` counts tokens, each of which meets the same weights."""
        return self._description.rows

    @property
    def weights(self) -> WeightFormat | None:
        """How the weights that it reads are stored; None where it reads none."""
        weights = self._description.weights
        return None if weights is None else weights(**self.args)

    def with_weights(self, weights: WeightFormat) -> "Op":
        """The same operator on weights that are stored so; unchanged where its formula cannot tell formats apart."""
        change = self._description.with_weights
        return self if change is None else replace(self, args={**self.args, **change(weights)})

    @property
    def score_cost(self) -> Cost | None:
        """Counts of one (query, key) score of attention; None where that has no meaning."""
        names = [name for name in self._description.scores if name in self.args]
        return self.formula(**{**self.args, **dict.fromkeys(names, 1.0)}) if names else None


@dataclass(frozen=True)
class Graph:
    """An ordered tuple of operators. Every change gives a new graph."""

    ops: tuple[Op, ...]

    def __iter__(self) -> Iterator[Op]:
        return iter(self.ops)

    @property
    def cost(self) -> Cost:
        """Total of the step, repeats included."""
        total = Cost()
        for op in self.ops:
            total = total + op.cost.times(op.repeats)
        return total

    def select(self, keep: Callable[[Op], bool]) -> "Graph":
        """The operators that `keep` accepts."""
        return Graph(tuple(op for op in self.ops if keep(op)))

    def replace(self, change: Callable[[Op], Op]) -> "Graph":
        """Every operator changed by `change`."""
        return Graph(tuple(change(op) for op in self.ops))

    def merge(self, names: tuple[str, ...], make: Callable[[tuple[Op, ...]], Op | None]) -> "Graph":
        """In each kind of layer that has all `names`, put `make(those)` where the last of them stands.

        `make` gets them in the order of `names` and may return None to leave them as they are.
        """
        ops = list(self.ops)
        for block in dict.fromkeys(op.block for op in self.ops):
            by_name = {op.name: op for op in ops if op.block == block and op.name in names}
            merged = make(tuple(by_name[name] for name in names)) if len(by_name) == len(names) else None
            if merged is None:
                continue
            last = max(ops.index(op) for op in by_name.values())
            ops[last] = merged
            ops = [op for op in ops if not any(op is old for old in by_name.values())]
        return Graph(tuple(ops))
