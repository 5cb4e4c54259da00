"""Expansion and unpacking of quantized weights before they are multiplied, as effects that change the operators of a
step."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from life_jax.core.engine import Engine
from life_jax.core.graph import Graph, Op
from life_jax.core.numerics import Number, is_fixed_at, is_nothing, where
from life_jax.core.pytree import neutral, pytree
from life_jax.core.scenario import PLAIN_BITS, WeightFormat
from life_jax.core.units import UNLIMITED
from life_jax.operators.linear import expansion_of

PIPES = ("linear", "head")


class GraphEffect:
    """A frozen dataclass of numbers, each with a neutral value at which the effect leaves a graph unchanged."""

    def on_graph(self, graph: Graph) -> Graph:
        """The operators of a step after this effect."""
        return graph


@pytree
class WeightExpansion(GraphEffect):
    """rows [1]: in products of more rows, quantized weights are first written out at 16 bit.

    Experts are expanded on the fly in any case: each of them has few rows.
    """

    rows: Number = neutral(default=UNLIMITED)

    def on_graph(self, graph: Graph) -> Graph:
        """Add before each product of quantized weights an operator that expands them; the product then reads 16 bit.

        Up to `rows` rows that operator costs nothing, and the product reads the stored format.
        """
        if is_fixed_at(self.rows, UNLIMITED):
            return graph
        return Graph(tuple(new for op in graph for new in self._expanded(op)))

    def _expanded(self, op: Op) -> Iterator[Op]:
        weights = op.weights
        if op.pipe in PIPES and weights is not None and not _is_plain(weights) and op.shape.experts is None:
            from_rows = where(weights.bits < PLAIN_BITS, self.rows, float("inf"))
            large = op.shape.m > from_rows  # type: ignore[operator]
            yield expansion_of(op, from_rows)
            bits, flops = where(large, float(PLAIN_BITS), weights.bits), where(large, 0.0, weights.dequant_flops)
            op = op.with_weights(replace(weights, bits=bits, dequant_flops=flops))
        yield op


def _is_plain(weights: WeightFormat) -> bool:
    """Whether weights are used as they are stored, at 16 bit."""
    return is_nothing(weights.dequant_flops)


@pytree
class WeightUnpacking(GraphEffect):
    """work [1]: vector work to unpack quantized weights over that of their formats; repack_flops [FLOP]: further vector
    work for each weight that a product reads, once for every tile of rows, in kernels that rearrange weights at every
    call."""

    work: Number = neutral(default=1.0)
    repack_flops: Number = neutral(default=0.0)

    def on_graph(self, graph: Graph) -> Graph:
        """Change the unpacking work of each product's weights."""
        if is_fixed_at(self.work, 1) and is_nothing(self.repack_flops):
            return graph
        return graph.replace(self._repacked)

    def _repacked(self, op: Op) -> Op:
        weights = op.weights
        if op.pipe not in PIPES or weights is None:
            return op
        return op.with_weights(replace(weights, dequant_flops=weights.dequant_flops * self.work + self.repack_flops))


GRAPH_EFFECTS: Mapping[str, type[GraphEffect]] = {
    "weight_expansion": WeightExpansion,
    "weight_unpacking": WeightUnpacking,
}


def on_graph(graph: Graph, engine: Engine) -> Graph:
    """The operators of a step after all effects of the engine on them."""
    for name in GRAPH_EFFECTS:
        if name in engine.effects:
            graph = engine.effects[name].on_graph(graph)
    return graph
