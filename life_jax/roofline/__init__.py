"""Cost x Device x Engine -> seconds on each roof, joined, and averaged over decode steps.

May import: core, parallelism.
"""
