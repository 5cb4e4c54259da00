"""What should I run: layouts of a space of designs, bounds that discard most of it, the front, chances and regrets.

May import: core, grid, models, serving, forecasting, config.
"""
