"""The engine of sweeps, which knows no language model: axes, chunks, compiled kernels, blocks, labelled datasets;
sampling, Pareto fronts, reductions, Dask. Its folder `storage` is the disk.

May import: core.
"""
