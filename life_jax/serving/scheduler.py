"""Rules by which an engine fills its steps."""

from life_jax.core.numerics import Number, is_fixed_at
from life_jax.core.pytree import pytree, static
from life_jax.core.units import UNLIMITED

# how prompts and decoding sequences share steps: in one step, or prompts alone before any decoding goes on
MIXED, PREFILL_FIRST = "mixed", "prefill_first"
# what a request needs of the cache to start: room for its prompt and whole output, or for its prompt alone, in which
# case the youngest request is thrown out and computed anew when the cache is full
RESERVE, PREEMPT = "reserve", "preempt"


@pytree
class Scheduler:
    """Rules by which an engine fills its steps.

    budget [token]: tokens of a step, at most; slots [1]: requests that run together, at most
    cache [token]: room in the KV cache
    mixing: MIXED or PREFILL_FIRST; admission: RESERVE or PREEMPT
    """

    budget: Number
    slots: Number
    cache: Number = UNLIMITED
    mixing: str = static(default=MIXED)
    admission: str = static(default=RESERVE)


def is_unlimited(tokens: Number) -> bool:
    """Whether a number of tokens is the plain UNLIMITED, so that nothing has to be compared with it."""
    return is_fixed_at(tokens, UNLIMITED)
