"""Words -> Study -> evaluated into memory or a file, reduced, lazy, or as shards.

May import: core, grid, roofline, serving, forecasting, sensitivity, config.
"""
