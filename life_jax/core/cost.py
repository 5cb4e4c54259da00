"""Counts of an operator before any hardware is known: FLOP, bytes by stream, and kernels."""

from dataclasses import fields

from life_jax.core.numerics import Number
from life_jax.core.pytree import pytree


@pytree
class Cost:
    """Work of one execution of an operator. Costs add up, and scale with `times`.

    matmul_flops     [FLOP] on the matrix units; a multiply-add is 2
    vector_flops     [FLOP] on the vector units (norms, softmax, dequantization, ...)
    weight_bytes     [byte] parameters read, embedding rows included
    kv_read          [byte] KV cache read
    kv_written       [byte] KV cache written
    activations_read [byte] activations read
    activations_written [byte] activations written
    dispatches       [1]    kernels started
    """

    matmul_flops: Number = 0.0
    vector_flops: Number = 0.0
    weight_bytes: Number = 0.0
    kv_read: Number = 0.0
    kv_written: Number = 0.0
    activations_read: Number = 0.0
    activations_written: Number = 0.0
    dispatches: Number = 0.0

    @property
    def flops(self) -> Number:
        """Matrix and vector work together [FLOP]."""
        return self.matmul_flops + self.vector_flops

    @property
    def bytes_read(self) -> Number:
        """Parameters, KV cache and activations read [byte]."""
        return self.weight_bytes + self.kv_read + self.activations_read

    @property
    def bytes_written(self) -> Number:
        """KV cache and activations written [byte]."""
        return self.kv_written + self.activations_written

    @property
    def bytes(self) -> Number:
        """All bytes moved, read and written [byte]."""
        return self.bytes_read + self.bytes_written

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    def times(self, n: Number) -> "Cost":
        """The cost of `n` executions [1]."""
        return Cost(*(getattr(self, f.name) * n for f in fields(self)))
