"""Words and YAML files -> checked, unit-converted scenarios. All that can be refused is refused here.

May import: core, grid, models, optimizations, roofline, serving, forecasting.
"""
