"""A low-rank KV cache: keys and values are cached in fewer dimensions and rebuilt in every step."""

from dataclasses import replace

from life_jax.core.scenario import Block, Scenario
from life_jax.optimizations.base import Optimization, Refused, change_layers, layers_of


def low_rank_kv(*, part: float) -> Optimization:
    """Cache a `part` [1] of the width of keys and of values (0.5 halves the cache).

    Raises Refused for a part outside (0, 1), beside eviction, and where no layer has full attention.
    Reference: Chang et al. 2024, arXiv:2407.21118 (see operators/low_rank.py).
    """
    if isinstance(part, int | float) and not 0 < part < 1:
        raise Refused(f"part is {part:g}; it must be above 0 and below 1, or nothing is saved")

    def layer(block: Block) -> Block:
        a = block.attention
        if block.attention_kind != "full":
            return block
        if "kv_budget" in a:
            raise Refused("a low-rank KV cache is not modelled together with eviction")
        rank = part * a["num_key_value_heads"] * a["head_dim"]
        return replace(block, attention_kind="low_rank", attention={**a, "kv_rank": rank})

    def change(scenario: Scenario) -> Scenario:
        if not layers_of(scenario, "full"):
            raise Refused("no layer caches the keys and values of every position in full; latent ones are low-rank")
        return change_layers(scenario, layer)

    return Optimization(transforms=(change,), sets={"kv_rank": ""})
