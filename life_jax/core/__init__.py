"""Units, numbers that may be traced, costs, operator graphs, scenarios, steps, parameters; writing whole files.

May import: nothing of this package.
"""
