"""Operators by their rows: what handles each token alone, and so takes tokens of any sequences together.

A formula of such an operator has an argument `tokens`; attention and recurrences, which differ by sequence, have none.
"""

from dataclasses import replace

from life_jax.core.graph import Op
from life_jax.core.numerics import Number, is_fixed_at

ROWS = ("tokens", "batch")  # arguments that add up where one operator takes the rows of several groups of sequences


def by_token(op: Op) -> bool:
    """Whether an operator handles each token alone, whichever sequence the token belongs to."""
    return "tokens" in op.args


def joined(first: Op, second: Op) -> Op | None:
    """One operator with the rows of both, so that weights are read once; None where they cannot run as one.

    Padded rows are averaged by tokens.
    """
    if first.formula is not second.formula or not by_token(first):
        return None
    args = {key: value + second.args[key] if key in ROWS else value for key, value in first.args.items()}
    if is_fixed_at(first.executed, 1) and is_fixed_at(second.executed, 1):
        return replace(first, args=args)
    part = first.args["tokens"] / args["tokens"]
    return replace(first, args=args, executed=part * first.executed + (1 - part) * second.executed)


def with_rows(op: Op, factor: Number) -> Op:
    """The operator with `factor` times as many tokens [1]."""
    return replace(op, args={**op.args, "tokens": op.args["tokens"] * factor})
