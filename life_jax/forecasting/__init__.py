"""A scenario -> its steps -> seconds, bytes and joules -> METRICS; and which number holds how much of the time.

May import: core, operators, models, optimizations, parallelism, roofline.
"""
