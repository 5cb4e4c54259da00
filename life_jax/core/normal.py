"""The normal distribution on traced and plain numbers: rational approximations without special functions."""

from life_jax.core.numerics import Number, exp, log, smaller, sqrt, where

ROOT_TWO_PI = 2.5066282746310002


def density(z: Number) -> Number:
    """Density of the standard normal distribution at z [1]."""
    return exp(-z * z / 2) / ROOT_TWO_PI


def cumulative(z: Number) -> Number:
    """Probability [1] that a standard normal number is at most z; within 7.5e-8 (Abramowitz and Stegun, Handbook of
    Mathematical Functions, 26.2.17)."""
    positive = where(z > 0, z, -z)
    t = 1 / (1 + 0.2316419 * positive)
    series = t * (0.319381530 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))))
    upper = density(positive) * series
    return where(z > 0, 1 - upper, upper)


def quantile(probability: Number) -> Number:
    """The z [1] that a standard normal number does not exceed with this probability in (0, 1); within 4.5e-4
    (Abramowitz and Stegun, 26.2.23)."""
    tail = smaller(probability, 1 - probability)
    t = sqrt(-2 * log(tail))
    z = t - (2.515517 + t * (0.802853 + t * 0.010328)) / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308)))
    return where(probability > 0.5, z, -z)
