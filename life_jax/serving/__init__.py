"""Serving under load: arrivals and lengths of requests, a law of step times, continuous batching in steady state and by
simulation, goodput.

May import: core, roofline.
"""
