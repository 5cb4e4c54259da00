"""What command lines share: one-line errors, flags, tables, progress, the results of a sweep.

May import: core, config, grid, forecasting, studies, analysis, plotting.
"""
