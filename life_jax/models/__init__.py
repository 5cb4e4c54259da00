"""Language models as graphs, by kinds of attention and of feed-forward network:
(Architecture, Step, Precision) -> Graph.

May import: core, operators.
"""
