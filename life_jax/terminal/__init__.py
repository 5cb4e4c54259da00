"""What command lines share: one-line errors, flags, tables, progress, and the delivery of a sweep's result.

May import: core, config, grid, forecasting, planner, studies, analysis, plotting, explorer.
"""
