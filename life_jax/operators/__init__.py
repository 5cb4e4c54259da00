"""Operator formulas: keyword-only numbers in, `Cost` of one execution out. One file per family.

Arguments that recur have these meanings and units everywhere: tokens [token] of all sequences of a step; batch [1]
sequences; queries [token] new tokens per sequence; past [token] cached tokens per sequence; positions [token] cached
positions that are read per sequence; width, d_in, d_out [1] elements; *_bits [bit] per element; *_dim [1] elements of a
head.

May import: core.
"""
