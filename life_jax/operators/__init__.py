"""Operator formulas: keyword-only numbers in, `Cost` of one execution out. One file per family.

May import: core.
"""
