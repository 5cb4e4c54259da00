"""The shape of a model as its file says it; see files.py for what one field states."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from life_jax.config.schema.quantities import choice, count, fraction, number

NORMS = ("rmsnorm", "layernorm", "layernorm_no_bias", "layernorm_no_weight", "rmsnorm_no_weight")
POSITIONS = ("rope", "learned", "alibi", "relative", "none")
GENERATIONS = ("autoregressive", "none", "diffusion", "block_diffusion")
STACKS = ("decoder", "encoder")
QK_NORMS = ("none", "per_head", "full")
KEYS_VALUES = ("own", "shared_projection", "reused")
LAYERS = "architecture.blocks.*"  # a leaf of every kind of layer that has it


@dataclass(kw_only=True)
class ModelFile:
    """conf/model/NAME.yaml: the shape of a decoder, in the words of Hugging Face's config.json."""

    name: str
    family: str
    source: str
    parameters: int | None = None  # as published or counted by somebody else; a test compares
    parameters_source: str = ""
    num_hidden_layers: float = count(name="decoder layers", leaf=f"{LAYERS}.repeats")
    hidden_size: float = count(name="hidden size", leaf="architecture.hidden_size")
    num_attention_heads: float = count(name="query heads", leaf=f"{LAYERS}.attention.num_attention_heads")
    num_key_value_heads: float = count(name="key and value heads", leaf=f"{LAYERS}.attention.num_key_value_heads")
    head_dim: float = count(name="size of one head", leaf=f"{LAYERS}.attention.head_dim")
    intermediate_size: float = count(name="width of the feed-forward network", leaf=f"{LAYERS}.ffn.intermediate_size")
    vocab_size: float = count(name="vocabulary", leaf="architecture.vocab_size")
    max_position_embeddings: float = count(name="positions the model was made for")
    tie_word_embeddings: bool = False
    attention: str = "full"
    ffn: str = "gated"  # gated: gate, up and down matrices; plain: up and down
    norm: str = choice("rmsnorm", NORMS)
    norms_per_layer: int = 2  # 1: attention and MLP share one (only if parallel); 4: also behind both (Gemma 2)
    parallel: bool = False  # attention and MLP read the same input and add to one residual
    position: str = choice("rope", POSITIONS)
    partial_rotary_factor: float = fraction(1.0, name="part of a head that is rotated")
    learned_positions: int = 0  # rows of a learned position table (OPT has 2 more than positions)
    qkv_bias: bool = False
    o_bias: bool = False
    ffn_bias: bool = False
    generation: str = choice("autoregressive", GENERATIONS)  # none: an encoder; diffusion: of everything, or of blocks
    steps_per_token: float = number(
        1.0, low=0, open_low=True, unit="1", name="passes of a diffusion model for each token",
        leaf="architecture.steps_per_token",
    )  # fmt: skip
    stack: str = choice("decoder", STACKS)  # of a kind of layer
    loops: float = number(1.0, low=0, unit="1", name="times that a pass runs each layer", leaf=f"{LAYERS}.loops")
    layer_vectors: float = number(0.0, low=0, unit="1", name="further learned numbers of a layer")
    side_outputs: float = number(0.0, low=0, unit="1", name="outputs of further products of a layer's input")
    vectors: float = number(0.0, low=0, unit="1", name="further learned numbers outside of layers")
    final_norm: bool = True
    embedding_size: float = number(0.0, low=0, unit="1", name="width of the embedding, 0 for hidden_size")
    embedding_bias: bool = False  # of the projection of the embedding to hidden_size
    head_size: float = number(0.0, low=0, unit="1", name="width of a layer before the head, 0 for none")
    head_layer_bias: bool = True
    head_norm: bool = False  # behind the layer before the head
    encoder_positions: float = number(0.0, low=0, unit="1", name="rows of the encoder's table of learned positions")
    encoder_embedding_norm: bool = False
    encoder_final_norm: bool = False
    activation_parameters: int = 0  # learned numbers of an activation in each layer (xIELU has two)
    head_bias: bool = False
    language_head: bool = True  # not in embedding and reward models
    qk_norm: str = choice("none", QK_NORMS)  # per_head: head_dim weights each for q and k; full: heads * head_dim
    embedding_norm: bool = False  # a norm right after the embedding (BLOOM)
    residual_streams: float = count(1.0, name="residual streams", leaf="architecture.streams")
    stream_head: bool = True  # streams are weighed at the end (DeepSeek-V4); else their mean is taken (GLM-5 Next)
    stream_mixing: bool = True  # behind every branch, with each other (DeepSeek-V4); else only added to (Hy 4)
    laurel_rank: float = number(
        0.0, low=0, unit="1", name="rank of a path beside attention", leaf="architecture.laurel_rank"
    )  # with it the residual streams are predicted and corrected (Gemma 3n), without it mixed (DeepSeek-V4)
    per_layer_width: float = number(
        0.0, low=0, unit="1", name="width of the input of each layer", leaf="architecture.per_layer_width"
    )
    per_layer_vocab: float = number(
        0.0, low=0, unit="1", name="rows of the table of inputs of each layer", leaf="architecture.per_layer_vocab"
    )
    sliding_window: float | None = count(
        None, name="positions that a local layer attends", leaf=f"{LAYERS}.attention.sliding_window"
    )
    num_experts: float | None = count(None, name="routed experts", leaf=f"{LAYERS}.ffn.num_experts")
    num_experts_per_tok: float | None = count(
        None, name="routed experts that a token uses", leaf=f"{LAYERS}.ffn.num_experts_per_tok"
    )
    routing_skew: float = number(
        0.0,
        low=0,
        high=2,
        unit="1",
        name="exponent of the power law of routing, 0 uniform",
        leaf=f"{LAYERS}.ffn.routing_skew",
    )
    moe_latent_size: float | None = count(
        None, name="width that the routed experts work in", leaf=f"{LAYERS}.ffn.moe_latent_size"
    )
    # groups into which a router divides the experts, and those that the experts of a token are of, where it limits them
    expert_groups: float | None = count(None, name="groups of experts", leaf=f"{LAYERS}.ffn.expert_groups")
    expert_groups_per_tok: float | None = count(
        None, name="groups that the experts of a token are of", leaf=f"{LAYERS}.ffn.expert_groups_per_tok"
    )
    moe_intermediate_size: float | None = count(
        None, name="width of a routed expert", leaf=f"{LAYERS}.ffn.moe_intermediate_size"
    )
    shared_expert_intermediate_size: float = number(
        0.0,
        low=0,
        unit="1",
        name="width of the shared experts together",
        leaf=f"{LAYERS}.ffn.shared_expert_intermediate_size",
    )
    shared_expert_gate: bool = False  # one more output that scales the shared experts (Qwen2-MoE)
    router_size: float | None = count(
        None, name="width of a router of three products", leaf=f"{LAYERS}.ffn.router_size"
    )
    router_bias: bool = False  # learned; score corrections that are not learned are buffers and not counted
    expert_bias: bool = False
    attention_sinks: bool = False  # one learned logit per head (gpt-oss)
    q_lora_rank: float | None = number(
        None, low=0, unit="1", name="rank of the queries, 0 for full", leaf=f"{LAYERS}.attention.q_lora_rank"
    )
    kv_lora_rank: float | None = count(
        None, name="rank of the latent KV cache", leaf=f"{LAYERS}.attention.kv_lora_rank"
    )
    qk_nope_head_dim: float | None = count(
        None, name="part of a head without position", leaf=f"{LAYERS}.attention.qk_nope_head_dim"
    )
    qk_rope_head_dim: float | None = number(
        None, low=0, unit="1", name="rotated part of a head", leaf=f"{LAYERS}.attention.qk_rope_head_dim"
    )
    v_head_dim: float | None = count(
        None, name="size of a value head, head_dim unless given", leaf=f"{LAYERS}.attention.v_head_dim"
    )
    keys_values: str = choice("own", KEYS_VALUES)  # of one projection; or of an earlier layer, whose cache is read
    attention_head_gate: bool = False  # one more projection that scales the output of each head (Step 3)
    # the query projection makes a gate of its own width too (Qwen3-Next); of latent attention (A.X K2) it then reads
    # the latent before its norm beside that behind it
    attention_output_gate: bool = False
    attention_chunk_size: float | None = count(
        None, name="chunk that a chunked-local layer attends within", leaf=f"{LAYERS}.attention.attention_chunk_size"
    )
    kv_rank: float | None = count(
        None, name="dimensions in which keys, and values, are cached", leaf=f"{LAYERS}.attention.kv_rank"
    )
    index_n_heads: float | None = count(
        None, name="heads of the sparse indexer", leaf=f"{LAYERS}.attention.index_n_heads"
    )
    index_head_dim: float | None = count(
        None, name="size of an indexer head", leaf=f"{LAYERS}.attention.index_head_dim"
    )
    index_topk: float | None = count(
        None, name="positions that the indexer selects", leaf=f"{LAYERS}.attention.index_topk"
    )
    index_block_size: float | None = count(
        None, name="positions of a block that is selected", leaf=f"{LAYERS}.attention.index_block_size"
    )
    index_topk_blocks: float | None = count(
        None, name="blocks that the indexer selects", leaf=f"{LAYERS}.attention.index_topk_blocks"
    )
    compress_rate: float | None = count(
        None, name="tokens of a compressed entry", leaf=f"{LAYERS}.attention.compress_rate"
    )
    o_groups: float | None = count(
        None, name="groups of heads of the output projection", leaf=f"{LAYERS}.attention.o_groups"
    )
    o_lora_rank: float | None = count(
        None, name="rank of the output projection of a group", leaf=f"{LAYERS}.attention.o_lora_rank"
    )
    linear_num_key_heads: float | None = count(
        None, name="key heads of linear attention", leaf=f"{LAYERS}.attention.linear_num_key_heads"
    )
    linear_num_value_heads: float | None = count(
        None, name="value heads of linear attention", leaf=f"{LAYERS}.attention.linear_num_value_heads"
    )
    linear_key_head_dim: float | None = count(
        None, name="size of a key head of linear attention", leaf=f"{LAYERS}.attention.linear_key_head_dim"
    )
    linear_value_head_dim: float | None = count(
        None, name="size of a value head of linear attention", leaf=f"{LAYERS}.attention.linear_value_head_dim"
    )
    ssm_inner_size: float | None = count(
        None, name="inner width of a state-space layer", leaf=f"{LAYERS}.attention.ssm_inner_size"
    )
    ssm_state_size: float | None = count(
        None, name="state per channel of a state-space layer", leaf=f"{LAYERS}.attention.ssm_state_size"
    )
    ssm_num_heads: float | None = count(
        None, name="heads of a state-space layer", leaf=f"{LAYERS}.attention.ssm_num_heads"
    )
    ssm_num_groups: float = count(
        1.0, name="groups of B and C of a state-space layer", leaf=f"{LAYERS}.attention.ssm_num_groups"
    )
    ssm_time_step_rank: float | None = count(
        None, name="rank of the time step of Mamba 1", leaf=f"{LAYERS}.attention.ssm_time_step_rank"
    )
    conv_kernel_size: float = count(
        4.0, name="width of the causal convolution", leaf=f"{LAYERS}.attention.conv_kernel_size"
    )
    conv_bias: bool = True
    conv_channels: float | None = count(
        None, name="channels of a gated short convolution", leaf=f"{LAYERS}.attention.conv_channels"
    )
    decay_rank: float | None = count(None, name="rank of the decay of RWKV", leaf=f"{LAYERS}.attention.decay_rank")
    gate_rank: float | None = count(None, name="rank of the gate of RWKV", leaf=f"{LAYERS}.attention.gate_rank")
    rate_rank: float | None = count(None, name="rank of the rate of RWKV-7", leaf=f"{LAYERS}.attention.rate_rank")
    mix_rank: float | None = count(None, name="rank of the blends of RWKV-6", leaf=f"{LAYERS}.attention.mix_rank")
    value_rank: float = number(
        0.0, low=0, unit="1", name="rank of the residual of values of RWKV-7", leaf=f"{LAYERS}.attention.value_rank"
    )
    channel_receptance: bool = False  # the output of RWKV's channel mixing is gated (RWKV-6)
    shared_blocks: float | None = count(
        None, name="transformer blocks that layers share", leaf=f"{LAYERS}.attention.shared_blocks"
    )
    shared_width: float | None = count(
        None, name="width of the network of a shared block", leaf=f"{LAYERS}.attention.shared_width"
    )
    adapter_rank: float = number(
        0.0,
        low=0,
        unit="1",
        name="rank of each layer's adapters of a shared block",
        leaf=f"{LAYERS}.attention.adapter_rank",
    )
    attention_adapters: bool = False  # of queries, keys and values too (Zamba2-1.2B)
    lru_width: float | None = count(None, name="channels of a linear recurrence", leaf=f"{LAYERS}.attention.lru_width")
    ssm_gate_norm: bool = True  # the gated output of Mamba 2 is normed; not in Falcon-H1
    ssm_inner_norms: bool = False  # norms of the time step, B and C (Jamba)
    # kinds of layer: how many, and what differs in them: [{repeats: 3, ffn: gated}, {repeats: 58, ffn: moe}]
    vision_layers: float = number(0.0, low=0, unit="1", name="layers of the vision tower, 0 for none")
    vision_full_layers: float = number(0.0, low=0, unit="1", name="those of them that attend a whole image")
    vision_hidden_size: float | None = count(
        None, name="width of the vision tower", leaf="architecture.vision.vision_hidden_size"
    )
    vision_heads: float | None = count(None, name="heads of the vision tower", leaf="architecture.vision.vision_heads")
    vision_intermediate_size: float | None = count(
        None, name="width of the networks of the vision tower", leaf="architecture.vision.vision_intermediate_size"
    )
    vision_gated: bool = False
    vision_patch_inputs: float | None = count(
        None, name="numbers of a patch of an image", leaf="architecture.vision.vision_patch_inputs"
    )
    vision_patches_per_token: float = number(
        1.0,
        low=0,
        open_low=True,
        unit="1",
        name="patches that make a token",
        leaf="architecture.vision.vision_patches_per_token",
    )
    vision_window: float = count(1.0, name="patches that a windowed layer of the vision tower attends")
    vision_merger_inputs: float = number(
        0.0, low=0, unit="1", name="inputs of a product that merges patches, 0 for none"
    )
    vision_merger_size: float = number(0.0, low=0, unit="1", name="outputs of the product that merges patches")
    vision_projectors: float = count(1.0, name="projectors to the language model")
    vision_projector_inputs: float | None = count(None, name="inputs of a projector, of a token")
    vision_projector_size: float = number(0.0, low=0, unit="1", name="width of a projector's hidden layer, 0 for none")
    layers: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    # how the checkpoint stores its weights: options (names, or contents with a kind), the first that the
    # device can do; used unless the stack decides weight_bits
    quantization: list[Any] = dataclasses.field(default_factory=list)
    # how it declares its KV cache: options, of which one is used unless the stack or a word decides kv_bits
    kv_cache: list[Any] = dataclasses.field(default_factory=list)
    # what was assumed, or not understood, when another project's file was read; a study says it
    warnings: list[str] = dataclasses.field(default_factory=list)
    # numbers that kinds of attention and of feed-forward network bring themselves, typed flat like all others
    numbers: dict[str, Any] = dataclasses.field(default_factory=dict)
    notes: str = ""

    @staticmethod
    def more_numbers() -> Mapping[str, Mapping[str, Any]]:
        """Facts of the numbers that are no fields, by key."""
        from life_jax.models.numbers import numbers_of_kinds  # which starts JAX

        return numbers_of_kinds()

    def number(self, key: str) -> Any:
        """A number of the file by its key; None where it is not given and has no default."""
        if key in self.numbers or not hasattr(self, key):
            return self.numbers.get(key, self.more_numbers().get(key, {}).get("default"))
        return getattr(self, key)
