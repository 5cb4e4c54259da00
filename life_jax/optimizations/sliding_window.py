"""A sliding window in the layers that attend all positions: less to read, and a cache that stops growing."""

from dataclasses import replace

from life_jax.core.scenario import Block, Scenario
from life_jax.optimizations.base import Optimization, Refused, change_layers, layers_of


def sliding_window(*, window: float) -> Optimization:
    """Attend the last `window` tokens [token], the new token included, in every layer of full attention.

    The answers of a model that was not trained with a window will differ. Raises Refused where no layer has full
    attention.
    """

    def layer(block: Block) -> Block:
        if block.attention_kind != "full":
            return block
        return replace(block, attention_kind="sliding_window", attention={**block.attention, "sliding_window": window})

    def change(scenario: Scenario) -> Scenario:
        if not layers_of(scenario, "full"):
            raise Refused("no layer attends everything, so that there is nothing to give a window")
        return change_layers(scenario, layer)

    return Optimization(transforms=(change,), sets={"sliding_window": ""})
