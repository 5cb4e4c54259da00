"""A scenario -> its steps -> seconds, bytes and joules -> METRICS; and the attribution of a time to the numbers behind
it.

May import: core, operators, models, optimizations, parallelism, roofline, serving.
"""
