"""Costs are vectors: they add, and scale."""

from life_jax.core.cost import Cost


def test_costs_add_and_scale():
    a, b = Cost(1, 2, 3, 4, 5, 6, 7, 8), Cost(10, 20, 30, 40, 50, 60, 70, 80)
    assert a + b == Cost(11, 22, 33, 44, 55, 66, 77, 88)
    assert (a + b).times(3) == a.times(3) + b.times(3)
    assert (a.flops, a.bytes_read, a.bytes_written, a.bytes) == (3, 3 + 4 + 6, 5 + 7, 25)
