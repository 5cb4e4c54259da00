"""Pictures: charts, those saved beside a file, the report, the parity of forecasts and measurements.

May import: core, roofline, forecasting, measurements.
"""
