"""Charts, pictures saved beside a result, the report, and the parity plot of forecasts and measurements.

May import: core, grid, roofline, forecasting, measurements.
"""
