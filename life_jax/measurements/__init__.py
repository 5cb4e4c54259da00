"""Published measurements: rows, what is known of their sources, forecasts beside them, accuracy, calibration.

May import: core, grid, optimizations, forecasting, config.
"""
