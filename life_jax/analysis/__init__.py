"""Analyses of a Study or of its Dataset: inverse design, Sobol indices, crossover maps.

May import: core, roofline, forecasting, config, studies.
"""
