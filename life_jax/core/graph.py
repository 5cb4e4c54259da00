"""The operators of one step as a list that rewrites can change before anything is computed."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from life_jax.core.cost import Cost
from life_jax.core.numerics import Number

OUTSIDE = -1  # block index of what is not in a layer: embedding, final norm, head
PIPES = ("linear", "head", "attention", "vector")


@dataclass(frozen=True)
class Op:
    """`formula(**args)` executed `repeats` times a step.

    pipe: which rate its matrix work runs at (linear, head, attention; vector has none of its own).
    block: index of the kind of layer it belongs to. grows: its cost depends on the context length,
    affinely but for a bend where `bend` tokens are cached (a full window).
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
        cost = self.formula(**self.args)
        if isinstance(self.executed, float) and self.executed == 1.0:
            return cost
        return replace(
            cost, matmul_flops=cost.matmul_flops * self.executed, dispatches=cost.dispatches + self.more_dispatches
        )

    def with_args(self, **changes: Number) -> "Op":
        return replace(self, args={**self.args, **changes})


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
        return Graph(tuple(op for op in self.ops if keep(op)))

    def replace(self, change: Callable[[Op], Op]) -> "Graph":
        return Graph(tuple(change(op) for op in self.ops))

    def insert_before(self, name: str, make: Callable[[Op], Op]) -> "Graph":
        """`make(op)` in front of every operator of that name."""
        return Graph(tuple(new for op in self.ops for new in ((make(op), op) if op.name == name else (op,))))

    def merge(self, names: tuple[str, ...], make: Callable[[tuple[Op, ...]], Op | None]) -> "Graph":
        """In each kind of layer that has all `names`, put `make(those)` where the last of them stands.

        `make` gets them in the order of `names` and may return None to leave them as they are.
        """
        ops = list(self.ops)
        for block in dict.fromkeys(op.block for op in self.ops):
            found = {op.name: op for op in ops if op.block == block and op.name in names}
            merged = make(tuple(found[name] for name in names)) if len(found) == len(names) else None
            if merged is None:
                continue
            last = max(ops.index(op) for op in found.values())
            ops[last] = merged
            ops = [op for op in ops if not any(op is old for old in found.values())]
        return Graph(tuple(ops))
