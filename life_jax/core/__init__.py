"""Units, numbers that may be traced, costs, operator graphs, scenarios, steps and parameters.

May import: nothing of this package.
"""
