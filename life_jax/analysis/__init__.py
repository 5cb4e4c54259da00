"""Questions to a Study or its Dataset: inverse design, Sobol indices, crossover maps.

May import: core, roofline, forecasting, config, studies.
"""
