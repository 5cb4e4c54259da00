"""Requests of a trace or of drawn lengths."""

from typing import Any

from life_jax.core.pytree import pytree


@pytree
class Requests:
    """Requests in order of arrival; all [n].

    arrival [s]: not used by a closed loop
    prompt, output [token]: lengths; an output has at least one token, which the end of the prompt makes
    cached [token]: first tokens of the prompt that the prefix cache holds; fewer than the prompt has
    """

    arrival: Any
    prompt: Any
    output: Any
    cached: Any
