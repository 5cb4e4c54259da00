"""Published measurements: rows, aliases, forecasts beside them, accuracy, calibration.

May import: core, grid, optimizations, forecasting, config.
"""
