"""How a model and its messages are split over devices and nodes.

May import: core, operators.
"""
