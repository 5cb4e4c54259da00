"""Elasticities of metrics, and the function that a grid evaluates at each point, as columns.

May import: core, grid, forecasting.
"""
