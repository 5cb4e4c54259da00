"""Experts on several devices: where tokens go, how many bytes travel, and how full the fullest device is."""

from life_jax.core.numerics import Number, is_fixed_at, larger, log, smaller, sqrt, where

SCALED = 128.0  # elements with one fp32 scale, where tokens travel in fewer than 16 bit (DeepEP)
SCALE_BITS = 32.0
PLAIN_BITS = 16.0
MOST = 24  # experts that a token chooses; of known models Qwen3.5's 22 are the most


def imbalance(*, ranks: Number, rows: Number, experts: Number, spread: Number) -> Number:
    """Load of the fullest rank over the mean [1]: by chance, and by experts that are chosen more often than others.

    ranks [1]; rows [1]: (token, expert) pairs of a rank, their mean; experts [1] of the layer; spread [1]: standard
    deviation of an expert's popularity over its mean, 0 where replicas even it out.
    Reference: [derived], Gumbel's mean of the largest of `ranks` Poisson numbers; up to 7 % above a Monte Carlo
    simulation.
    """
    most = 2 * log(ranks)
    chance = 1 + sqrt(most / larger(rows, 1e-9)) if not is_fixed_at(ranks, 1) else 1.0
    chance = smaller(chance, larger(ranks, 1.0))  # one rank has all at worst
    if is_fixed_at(spread, 0):
        return chance
    return smaller(chance * (1 + spread * sqrt(most * ranks / experts)), larger(ranks, 1.0))


def distinct_ranks(*, ranks: Number, experts: Number, chosen: Number) -> Number:
    """Expected number of distinct ranks [1] that hold at least one of the experts that a token chooses, uniformly.

    R (1 - C(E - E/R, k) / C(E, k)), the quotient as a product over the k choices, of which MOST at most are counted;
    ranks R, experts E, chosen k [1]. Reference: [derived].
    """
    part = experts / ranks
    missed: Number = 1.0
    for drawn in range(MOST):
        left = larger(experts - drawn, 1.0)
        missed = missed * where(drawn < chosen, larger(left - part, 0.0) / left, 1.0)
    return ranks * (1 - missed)


def reached_ranks(*, ranks: Number, experts: Number, chosen: Number, groups: Number, taken: Number) -> Number:
    """The same where a router divides the experts into groups [1], and a token's are of `taken` of them [1].

    Ranks that are parts of a group share what such a group has, and ranks that are several groups are as many as these
    are on; never more than without the limit. Reference: DeepSeek-V3, arXiv:2412.19437, section 2.1.2; [derived].
    """
    free = distinct_ranks(ranks=ranks, experts=experts, chosen=chosen)
    part = taken / groups
    of_parts = distinct_ranks(ranks=larger(ranks * part, 1.0), experts=experts * part, chosen=chosen)
    of_several = distinct_ranks(ranks=smaller(ranks, groups), experts=groups, chosen=taken)
    return smaller(free, where(ranks > groups, of_parts, of_several))


def row_bytes(*, width: Number, bits: Number) -> Number:
    """Bytes [byte] of one token on its way: `width` elements [1] of `bits` [bit], with scales where they are narrow."""
    scales = where(bits < PLAIN_BITS, SCALE_BITS / SCALED, 0.0)
    return width * (bits + scales) / 8
