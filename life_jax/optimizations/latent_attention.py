"""Latent attention instead of one KV head per head, and the form in which latent attention is computed."""

from dataclasses import replace

from life_jax.core.scenario import Block, Scenario
from life_jax.optimizations.base import Optimization, Refused, change_layers, layers_of

LATENT = ("mla", "mla_sparse", "mla_sparse_reused")
FORMS = ("cheaper", "absorbed", "expanded", "decompressed")


def latent_attention(
    *, q_lora_rank: float, kv_lora_rank: float, qk_nope_head_dim: float, qk_rope_head_dim: float, v_head_dim: float
) -> Optimization:
    """Replace full attention that has as many KV heads as heads by MLA of these sizes [1], with the same heads.

    Raises Refused where heads already share keys and values: such a model has no counterpart.
    """
    sizes = {
        "q_lora_rank": q_lora_rank,
        "kv_lora_rank": kv_lora_rank,
        "qk_nope_head_dim": qk_nope_head_dim,
        "qk_rope_head_dim": qk_rope_head_dim,
        "v_head_dim": v_head_dim,
    }

    def layer(block: Block) -> Block:
        if block.attention_kind != "full":
            return block
        heads, kv_heads = block.attention["num_attention_heads"], block.attention["num_key_value_heads"]
        if heads != kv_heads:
            raise Refused(f"latent attention replaces one KV head per head; here {heads:g} heads share {kv_heads:g}")
        return replace(block, attention_kind="mla", attention={"num_attention_heads": heads, **sizes}, qk_norm="none")

    def change(scenario: Scenario) -> Scenario:
        if not layers_of(scenario, "full"):
            raise Refused("no layer has full attention that latent attention could replace")
        return change_layers(scenario, layer)

    return Optimization(transforms=(change,), sets=dict.fromkeys(sizes, ""))


def latent_form(*, form: str) -> Optimization:
    """Fix the form of latent attention.

    form: cheaper (by time, step by step), absorbed, expanded, or decompressed (keys and values are cached).
    Raises Refused for any other form, and where no layer has latent attention.
    """
    if form not in FORMS:
        raise Refused(f"form is {form}; it must be one of {', '.join(FORMS)}")

    def layer(block: Block) -> Block:
        return replace(block, latent_form=form) if block.attention_kind in LATENT else block

    def change(scenario: Scenario) -> Scenario:
        if not layers_of(scenario, *LATENT):
            raise Refused("no layer has latent attention, so that it has no form")
        return change_layers(scenario, layer)

    return Optimization(transforms=(change,))
