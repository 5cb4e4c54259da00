"""The explorer: a page that asks this process, or that carries a precomputed grid; its answers and its server.

May import: core, config, models, roofline, serving, forecasting, sensitivity, grid, studies.
"""
