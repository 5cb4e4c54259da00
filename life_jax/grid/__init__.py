"""The engine of sweeps, which knows no language model: it evaluates any function over axes, in chunks, with compiled
kernels, and labels or reduces the numbers; with sampling, Pareto fronts, Dask, and results on the disk (storage/).

May import: core.
"""
