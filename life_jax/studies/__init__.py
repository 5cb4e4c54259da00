"""Words -> Study -> evaluated into memory or a file, reduced, lazy, or as shards.

May import: core, grid, roofline, models, serving, forecasting, sensitivity, config, planner.
"""
