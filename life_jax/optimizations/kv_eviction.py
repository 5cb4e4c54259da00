"""KV eviction: decode steps keep and attend a budget of positions, while prefill attends all of them."""

from dataclasses import replace

from life_jax.core.numerics import is_nothing
from life_jax.core.scenario import Block, Scenario
from life_jax.optimizations.base import Optimization, Refused, below, change_layers, layers_of


def kv_eviction(*, budget_tokens: float, score_flops: float = 0) -> Optimization:
    """Keep `budget_tokens` [token] per sequence and layer.

    score_flops [FLOP]: per kept position and query head of each decode step, for policies that weigh positions by
    attention (0 for sinks and a recent window).
    Raises Refused where the budget is below 1, or no layer has full attention.
    """

    def layer(block: Block) -> Block:
        if block.attention_kind != "full":
            return block
        numbers = {"kv_budget": budget_tokens, **({} if is_nothing(score_flops) else {"kv_score_flops": score_flops})}
        return replace(block, attention={**block.attention, **numbers})

    def change(scenario: Scenario) -> Scenario:
        if below(budget_tokens, 1):
            raise Refused(f"budget_tokens is {budget_tokens:g}; at least 1 is needed")
        if not layers_of(scenario, "full"):
            raise Refused("no layer keeps the keys and values of every position, so that nothing is evicted")
        return change_layers(scenario, layer)

    return Optimization(transforms=(change,))
