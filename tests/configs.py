"""config.json files of many families, as tests bend them, with published counts of parameters."""

from typing import Any


def sizes(model_type: str, d: int, layers: int, heads: int, f: int, vocab: int, positions: int, **more: Any) -> dict:
    return {
        "model_type": model_type,
        "hidden_size": d,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "intermediate_size": f,
        "vocab_size": vocab,
        "max_position_embeddings": positions,
        **more,
    }


LLAMA = sizes("llama", 4096, 32, 32, 14336, 128256, 8192, num_key_value_heads=8, rope_theta=500000.0, mlp_bias=False)
MISTRAL = sizes("mistral", 4096, 32, 32, 14336, 32000, 32768, num_key_value_heads=8, sliding_window=4096)
QWEN2 = sizes(
    "qwen2", 896, 24, 14, 4864, 151936, 32768, num_key_value_heads=2, tie_word_embeddings=True, sliding_window=4096
)
QWEN3 = sizes("qwen3", 4096, 36, 32, 12288, 151936, 40960, num_key_value_heads=8, head_dim=128)
GEMMA = sizes("gemma", 2048, 18, 8, 16384, 256000, 8192, num_key_value_heads=1, head_dim=256)
PHI2 = sizes("phi", 2560, 32, 32, 10240, 51200, 2048, partial_rotary_factor=0.4)
NEOX = sizes("gpt_neox", 6144, 44, 64, 24576, 50432, 2048, rotary_pct=0.25, use_parallel_residual=True)
OLMO2 = sizes("olmo2", 4096, 32, 32, 11008, 100352, 4096)
GPT2 = {"model_type": "gpt2", "n_embd": 768, "n_layer": 12, "n_head": 12, "n_positions": 1024, "vocab_size": 50257}
GPTJ = {
    "model_type": "gptj",
    "n_embd": 4096,
    "n_layer": 28,
    "n_head": 16,
    "n_inner": None,
    "n_positions": 2048,
    "rotary_dim": 64,
    "tie_word_embeddings": False,
    "vocab_size": 50400,
}
OPT = {
    "model_type": "opt",
    "hidden_size": 4096,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "ffn_dim": 16384,
    "word_embed_proj_dim": 4096,
    "vocab_size": 50272,
    "max_position_embeddings": 2048,
    "do_layer_norm_before": True,
}
BLOOM = {"model_type": "bloom", "n_embed": 14336, "n_layer": 70, "num_attention_heads": 112, "vocab_size": 250880}
FALCON7 = {
    "model_type": "falcon",
    "hidden_size": 4544,
    "num_hidden_layers": 32,
    "num_attention_heads": 71,
    "multi_query": True,
    "parallel_attn": True,
    "new_decoder_architecture": False,
    "alibi": False,
    "bias": False,
    "vocab_size": 65024,
}
FALCON40 = FALCON7 | {
    "hidden_size": 8192,
    "num_hidden_layers": 60,
    "num_attention_heads": 128,
    "num_kv_heads": 8,
    "new_decoder_architecture": True,
}
MPT = {
    "model_type": "mpt",
    "d_model": 4096,
    "n_layers": 32,
    "n_heads": 32,
    "expansion_ratio": 4,
    "max_seq_len": 2048,
    "vocab_size": 50432,
    "no_bias": True,
    "attn_config": {"alibi": True, "attn_impl": "torch", "attn_type": "multihead_attention", "clip_qkv": None},
}
BIGCODE = {
    "model_type": "gpt_bigcode",
    "n_embd": 6144,
    "n_layer": 40,
    "n_head": 48,
    "n_inner": 24576,
    "n_positions": 8192,
    "multi_query": True,
    "vocab_size": 49152,
}
MIXTRAL = sizes("mixtral", 4096, 32, 32, 14336, 32000, 32768, num_key_value_heads=8, num_local_experts=8)
MIXTRAL |= {"num_experts_per_tok": 2, "router_aux_loss_coef": 0.02, "sliding_window": None}
QWEN_MOE = sizes("qwen3_moe", 2048, 48, 32, 6144, 151936, 40960, num_key_value_heads=4, head_dim=128, num_experts=128)
QWEN_MOE |= {"num_experts_per_tok": 8, "moe_intermediate_size": 768, "decoder_sparse_step": 1, "mlp_only_layers": []}
DEEPSEEK = {
    **sizes("deepseek_v3", 7168, 61, 128, 18432, 129280, 163840, moe_intermediate_size=2048, n_routed_experts=256),
    "num_experts_per_tok": 8,
    "n_shared_experts": 1,
    "first_k_dense_replace": 3,
    "moe_layer_freq": 1,
    "q_lora_rank": 1536,
    "kv_lora_rank": 512,
    "qk_nope_head_dim": 128,
    "qk_rope_head_dim": 64,
    "v_head_dim": 128,
    "num_nextn_predict_layers": 1,
}
GEMMA3 = sizes("gemma3_text", 1152, 26, 4, 6912, 262144, 32768, num_key_value_heads=1, sliding_window=512)
GPT_OSS = sizes("gpt_oss", 2880, 24, 64, 2880, 201088, 131072, num_key_value_heads=8, num_local_experts=32)
GPT_OSS |= {
    "num_experts_per_tok": 4,
    "experts_per_token": 4,
    "layer_types": ["sliding_attention", "full_attention"] * 12,
}
LLAMA4 = sizes("llama4_text", 5120, 48, 40, 8192, 202048, 1048576, num_key_value_heads=8, intermediate_size_mlp=16384)
LLAMA4 |= {"num_local_experts": 128, "num_experts_per_tok": 1, "interleave_moe_layer_step": 2, "use_qk_norm": False}
MAMBA2 = {
    "model_type": "mamba2",
    "hidden_size": 4096,
    "num_hidden_layers": 64,
    "vocab_size": 32768,
    "expand": 2,
    "num_heads": 128,
    "head_dim": 64,
    "state_size": 128,
    "n_groups": 8,
    "conv_kernel": 4,
    "chunk_size": 256,
}
NEMOTRON_H = sizes("nemotron_h", 4096, 52, 32, 21504, 131072, 8192, num_key_value_heads=8, attention_head_dim=128)
NEMOTRON_H |= {"mamba_num_heads": 128, "mamba_head_dim": 64, "ssm_state_size": 128, "n_groups": 8, "expand": 2}
NEMOTRON_H |= {"hybrid_override_pattern": "M-M-M-M*-M-M-M-M-M*-M-M-M-M-M*-M-M-M-M-M*-M-M-M-M-M-", "conv_kernel": 4}
GRANITE_SHARED = sizes("granitemoeshared", 64, 2, 4, 32, 100, 64, num_local_experts=4, num_experts_per_tok=2)
GRANITE_SHARED |= {"num_key_value_heads": 2, "shared_intermediate_size": 48}
GRANITE_WINDOWS = sizes("granitemoe_swa", 4096, 32, 32, 11008, 32000, 2048, num_local_experts=8, num_experts_per_tok=2)
QWEN2_5_VL = sizes("qwen2_5_vl_text", 3584, 28, 28, 18944, 152064, 128000, num_key_value_heads=4)
PHI4_TEXT = sizes(
    "phi4_multimodal", 3072, 32, 24, 8192, 200064, 131072, num_key_value_heads=8, tie_word_embeddings=True
)
STEP3 = sizes("step3p5", 4096, 45, 64, 11264, 128896, 65536, num_key_value_heads=8, sliding_window=512)
STEP3 |= {"num_experts": 288, "num_experts_per_tok": 8, "moe_intermediate_size": 1280, "share_expert_dim": 1280}
MINIMAX_M3 = sizes("minimax_m3_vl_text", 6144, 60, 64, 3072, 200064, 1048576, num_local_experts=128)
MINIMAX_M3 |= {"num_experts_per_tok": 4, "mlp_layer_types": ["dense"] * 3 + ["sparse"] * 57, "index_n_heads": 4}
MINIMAX_M3 |= {"layer_types": ["full_attention"] * 3 + ["minimax_m3_sparse"] * 57}
LFM2 = {
    **sizes("lfm2", 2048, 16, 32, 12288, 65536, 128000, num_key_value_heads=8, conv_L_cache=3, conv_bias=False),
    "block_ff_dim": 12288, "block_auto_adjust_ff_dim": True, "block_ffn_dim_multiplier": 1.0,
    "block_multiple_of": 256, "full_attn_idxs": [2, 5, 8, 10, 12, 14], "tie_embedding": True,
}  # fmt: skip
FALCON_H1 = sizes("falcon_h1", 3072, 44, 12, 12288, 130048, 262144, num_key_value_heads=2, head_dim=128)
FALCON_H1 |= {"mamba_d_ssm": 3072, "mamba_n_heads": 24, "mamba_d_head": 128, "mamba_d_state": 256}
FALCON_H1 |= {"mamba_n_groups": 1, "mamba_d_conv": 4, "mamba_rms_norm": False, "mamba_expand": 2}
MINIMAX_01 = sizes("minimax_text_01", 6144, 80, 64, 9216, 200064, 10240000, num_key_value_heads=8, head_dim=128)
MINIMAX_01 |= {"num_local_experts": 32, "num_experts_per_tok": 2, "rotary_dim": 64, "shared_intermediate_size": 0}
MINIMAX_01 |= {"attn_type_list": ([0] * 7 + [1]) * 10}
GRIFFIN = sizes("recurrent_gemma", 2560, 26, 10, 15360, 256000, 8192, num_key_value_heads=1, lru_width=2560)
GRIFFIN |= {"attention_window_size": 2048, "conv1d_width": 4, "block_types": ["recurrent", "recurrent", "attention"]}
ZAMBA2 = sizes("zamba2", 2560, 54, 32, 10240, 32000, 4096, num_mem_blocks=2, n_mamba_heads=80, mamba_ngroups=1)
ZAMBA2 |= {"mamba_d_state": 64, "mamba_d_conv": 4, "mamba_expand": 2, "adapter_rank": 128}
ZAMBA2 |= {"use_shared_attention_adapter": False, "use_mem_rope": False}
KIMI_LINEAR = sizes("kimi_linear", 2304, 27, 32, 9216, 163840, 1048576, num_key_value_heads=32, kv_lora_rank=512)
KIMI_LINEAR |= {"qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128, "num_experts": 256}
KIMI_LINEAR |= {"num_experts_per_token": 8, "num_shared_experts": 1, "moe_intermediate_size": 1024}
KIMI_LINEAR |= {"first_k_dense_replace": 1, "linear_attn_config": {
    "full_attn_layers": [4, 8, 12, 16, 20, 24, 27], "head_dim": 128, "num_heads": 32, "short_conv_kernel_size": 4,
    "kda_layers": [i for i in range(1, 27) if i % 4],
}}  # fmt: skip
KIMI_K3 = KIMI_LINEAR | sizes("kimi_linear", 7168, 93, 96, 33792, 163840, 1048576, num_key_value_heads=96)
KIMI_K3 |= {"num_experts": 896, "num_experts_per_token": 16, "num_shared_experts": 2, "moe_intermediate_size": 3072}
KIMI_K3 |= {"q_lora_rank": 1536, "routed_expert_hidden_size": 3584, "latent_moe_use_norm": True}
KIMI_K3 |= {"mla_use_output_gate": True, "attn_res_block_size": 12, "hidden_act": "situ", "activation_situ_beta": 4.0}
KIMI_K3 |= {"linear_attn_config": {
    "full_attn_layers": [*range(4, 93, 4), 93], "kda_layers": [i for i in range(1, 93) if i % 4], "head_dim": 128,
    "num_heads": 96, "short_conv_kernel_size": 4, "use_full_rank_gate": True, "gate_lower_bound": -5.0,
}}  # fmt: skip
NEMOTRON3 = sizes("nemotron_h", 4096, 8, 32, 2688, 131072, 262144, num_key_value_heads=2, head_dim=128)
NEMOTRON3 |= {"mamba_num_heads": 128, "mamba_head_dim": 64, "ssm_state_size": 128, "n_groups": 8, "conv_kernel": 4}
NEMOTRON3 |= {"hybrid_override_pattern": "MEMEMEM*", "n_routed_experts": 512, "num_experts_per_tok": 22}
NEMOTRON3 |= {"moe_intermediate_size": 2688, "moe_latent_size": 1024, "moe_shared_expert_intermediate_size": 5376}
MIMO = sizes("mimo_v2_flash", 4096, 6, 64, 16384, 152576, 262144, num_key_value_heads=4, head_dim=192, v_head_dim=128)
MIMO |= {"sliding_window_size": 128, "sliding_window": 128, "hybrid_layer_pattern": [0, 1, 1, 1, 1, 0]}
MIMO |= {"swa_num_key_value_heads": 8, "n_routed_experts": 256, "num_experts_per_tok": 8}
MIMO |= {"moe_intermediate_size": 2048, "moe_layer_freq": [0, 1, 1, 1, 1, 1], "add_swa_attention_sink_bias": True}
GEMMA4 = sizes("gemma4_text", 2816, 6, 16, 2112, 262144, 262144, num_key_value_heads=8, head_dim=256)
GEMMA4 |= {"global_head_dim": 512, "num_global_key_value_heads": 2, "attention_k_eq_v": True, "sliding_window": 1024}
GEMMA4 |= {"enable_moe_block": True, "num_experts": 128, "top_k_experts": 8, "moe_intermediate_size": 704}
GEMMA4 |= {"hidden_size_per_layer_input": 0, "num_kv_shared_layers": 0, "tie_word_embeddings": True}
DEEPSEEK_V4 = sizes("deepseek_v4", 4096, 43, 64, 2048, 129280, 1048576, num_key_value_heads=1, head_dim=512)
DEEPSEEK_V4 |= {"moe_intermediate_size": 2048, "n_routed_experts": 256, "n_shared_experts": 1}
DEEPSEEK_V4 |= {"num_experts_per_tok": 6, "q_lora_rank": 1024, "o_lora_rank": 1024, "o_groups": 8, "hc_mult": 4}
DEEPSEEK_V4 |= {"qk_rope_head_dim": 64, "index_head_dim": 128, "index_n_heads": 64, "index_topk": 512}
DEEPSEEK_V4 |= {"sliding_window": 128, "compress_ratios": [0, 0] + [4, 128] * 20 + [4, 0]}
GLM_5 = DEEPSEEK | {"model_type": "glm_moe_dsa", "index_head_dim": 128, "index_n_heads": 32, "index_topk": 2048}
GLM_5 |= {"indexer_types": ["full"] + ["full", "shared", "shared"] * 20}
RWKV7 = {
    "model_type": "rwkv7", "hidden_size": 2048, "num_hidden_layers": 24, "head_dim": 64, "hidden_ratio": 4.0,
    "vocab_size": 65536, "decay_low_rank_dim": 96, "gate_low_rank_dim": 256, "a_low_rank_dim": 96,
    "v_low_rank_dim": 64, "norm_first": True, "norm_bias": True,
}  # fmt: skip
RWKV6 = {"model_type": "rwkv6", "hidden_size": 4096, "num_hidden_layers": 32, "head_size": 64, "vocab_size": 65536}
GEMMA3N = sizes("gemma3n_text", 2048, 35, 8, 16384, 262400, 32768, num_key_value_heads=2, head_dim=256)
GEMMA3N |= {"altup_num_inputs": 4, "laurel_rank": 64, "num_kv_shared_layers": 15, "sliding_window": 512}
GEMMA3N |= {"hidden_size_per_layer_input": 256, "vocab_size_per_layer_input": 262144, "tie_word_embeddings": True}
COUNTS = [
    (RWKV7, 1_527_404_544),
    (GEMMA3N, 6_835_235_568),
    (GRANITE_WINDOWS, 37_039_117_312),
    (QWEN2_5_VL, 7_615_616_512),
    (PHI4_TEXT, 3_836_021_760),
    (STEP3, 195_844_496_640),
    (MINIMAX_M3, 426_174_565_632),
    (LLAMA, 8_030_261_248),
    (MISTRAL, 7_241_732_096),
    (QWEN2, 494_032_768),
    (QWEN3, 8_190_735_360),
    (GEMMA, 2_506_172_416),
    (PHI2, 2_779_683_840),
    (NEOX, 20_554_567_680),
    (OLMO2, 7_298_617_344),
    (GPT2, 124_439_808),
    (GPTJ, 6_050_882_784),
    (OPT, 6_658_473_984),
    (BLOOM, 176_247_271_424),
    (FALCON7, 6_921_720_704),
    (FALCON40, 41_303_293_952),
    (MPT, 6_649_286_656),
    (BIGCODE, 15_517_456_384),
    (MIXTRAL, 46_702_792_704),
    (GRANITE_SHARED, 105_792),
    (QWEN_MOE, 30_532_122_624),
    (DEEPSEEK, 671_026_404_352),
    (GEMMA3, 999_885_952),
    (GPT_OSS, 20_914_757_184),
    (LLAMA4, 400_711_848_960),
    (MAMBA2, 7_285_403_648),
    (NEMOTRON_H, 8_100_852_736),
    (LFM2, 1_170_340_608),
    (FALCON_H1, 7_585_513_568),
    (MINIMAX_01, 456_089_655_296),
    (GRIFFIN, 2_682_862_080),
    (DEEPSEEK_V4, 284_332_230_231),
]
# of the same families or kinds, without a published count
T5 = {
    "model_type": "t5", "d_model": 512, "d_ff": 1024, "d_kv": 64, "num_layers": 8, "num_decoder_layers": 6,
    "num_heads": 6, "vocab_size": 32128, "feed_forward_proj": "gated-gelu", "tie_word_embeddings": False,
    "relative_attention_num_buckets": 32, "n_positions": 512,
}  # fmt: skip
BART = {
    "model_type": "bart", "d_model": 1024, "encoder_layers": 12, "decoder_layers": 6, "encoder_attention_heads": 16,
    "decoder_attention_heads": 8, "encoder_ffn_dim": 4096, "decoder_ffn_dim": 2048, "vocab_size": 50265,
    "max_position_embeddings": 1024,
}  # fmt: skip
ELECTRA = sizes("electra", 256, 12, 4, 1024, 30522, 512, embedding_size=128, type_vocab_size=2)
MODERNBERT = sizes("modernbert", 768, 22, 12, 1152, 50368, 8192, local_attention=128, global_attn_every_n_layers=3)
LLADA = {
    "model_type": "llada", "d_model": 4096, "n_layers": 32, "n_heads": 32, "n_kv_heads": 32, "mlp_hidden_size": 12288,
    "vocab_size": 126349, "embedding_size": 126464, "max_sequence_length": 4096,
}  # fmt: skip
DORY = sizes(
    "dory", 2560, 8, 16, 7168, 131072, 8192, num_key_value_heads=4, head_dim=256, sliding_window=1024,
    layer_types=["sliding_attention", "mlp"] * 3 + ["full_attention", "mlp"], n_input_layers=2, n_output_layers=2,
    n_recurrent_layers=4, n_recurrent_loops=3,
)  # fmt: skip
LING_MINI = sizes(
    "bailing_moe", 2048, 20, 16, 5120, 157184, 32768, num_key_value_heads=4, head_dim=128, num_experts=256,
    num_experts_per_tok=8, num_shared_experts=1, moe_intermediate_size=512, moe_shared_expert_intermediate_size=512,
    first_k_dense_replace=1, use_qk_norm=True, use_qkv_bias=False, use_bias=False, partial_rotary_factor=0.5,
)  # fmt: skip
# whose code lies on a hub beside the checkpoint; totals by the model cards and the indices of the files
REMOTE_COUNTS = [
    (KIMI_K3, 2_779_484_393_568),  # of the shapes of its tensors
    (  # of Qwen3-30B-A3B, from which it was trained further
        sizes("sdar_moe", 2048, 48, 32, 6144, 151936, 32768, num_key_value_heads=4, head_dim=128, num_experts=128,
              num_experts_per_tok=8, moe_intermediate_size=768, norm_topk_prob=True, tie_word_embeddings=False),
        30.53e9,
    ),
    (sizes("internlm", 4096, 32, 32, 11008, 103168, 2048, bias=True), 7.32e9),
    (sizes("orion", 5120, 40, 40, 15360, 84608, 4096), 14.50e9),
    (sizes("aquila", 4096, 32, 32, 11008, 100008, 2048), 7.30e9),
    (sizes("Yi", 4096, 32, 32, 11008, 64000, 4096, num_key_value_heads=4), 6.06e9),
    (sizes("internlm2", 6144, 48, 48, 16384, 92544, 4096, num_key_value_heads=8, bias=False), 19.86e9),
    (sizes("baichuan", 5120, 40, 40, 13696, 125696, 4096, tie_word_embeddings=False), 13.90e9),
    (
        sizes("minicpm", 2304, 40, 36, 5760, 122753, 4096, scale_emb=12, scale_depth=1.4, dim_model_base=256),
        2.72e9,
    ),
    (
        {"model_type": "chatglm", "hidden_size": 4096, "num_layers": 28, "num_attention_heads": 32, "kv_channels": 128,
         "ffn_hidden_size": 13696, "padded_vocab_size": 65024, "multi_query_attention": True, "rmsnorm": True,
         "multi_query_group_num": 2, "seq_length": 32768, "add_qkv_bias": True, "add_bias_linear": False,
         "post_layer_norm": True, "original_rope": True},
        6.24e9,
    ),
    (
        sizes("arctic", 7168, 35, 56, 4864, 32000, 4096, num_key_value_heads=8, num_local_experts=128,
              num_experts_per_tok=2, moe_layer_frequency=1, use_residual=True, parallel_attn_mlp_res=True),
        478.6e9,
    ),
    (
        sizes("git", 8192, 64, 64, 32768, 131072, 131072, num_key_value_heads=8, num_local_experts=8, head_dim=128,
              num_experts_per_tok=2, moe_intermediate_size=16384, residual_moe=True, sliding_window_size=-1,
              architectures=["Grok1ForCausalLM"], global_attn_every_n=1),
        269.5e9,
    ),
    (
        sizes("hunyuan", 6400, 64, 80, 18304, 129024, 131072, num_key_value_heads=8, num_experts=16, moe_topk=1,
              num_shared_expert=1, use_mixed_mlp_moe=True, use_cla=True, cla_share_factor=2, use_qk_norm=True,
              attention_head_dim=80, tie_word_embeddings=True),
        389e9,
    ),
    (LING_MINI, 16.26e9),
    (LING_MINI | {"model_type": "llada2_moe", "block_size": 32}, 16.26e9),
    (
        sizes("sdar", 4096, 36, 32, 12288, 151936, 32768, num_key_value_heads=8, head_dim=128, block_size=4,
              fuse_cross_entropy=True),
        8.19e9,
    ),
    (
        sizes("Fast_dLLM_Qwen", 3584, 28, 28, 18944, 152064, 32768, num_key_value_heads=4, bd_size=32),
        7.616e9,
    ),
    (sizes("cohere", 12288, 64, 96, 33792, 256000, 4096, num_key_value_heads=8, use_qk_norm=True), 103.8e9),
    (sizes("stablelm", 5120, 40, 32, 13824, 100352, 4096, num_key_value_heads=8, qk_layernorm=True,
           use_parallel_residual=True, tie_word_embeddings=False), 12.14e9),
    (
        {"model_type": "nomic_bert", "n_embd": 768, "n_head": 12, "n_layer": 12, "n_inner": 3072, "n_positions": 8192,
         "vocab_size": 30528, "type_vocab_size": 2, "qkv_proj_bias": False, "mlp_fc1_bias": False, "prenorm": False,
         "mlp_fc2_bias": False, "architectures": ["NomicBertModel"]},
        137e6,
    ),
]  # fmt: skip
OTHERS = [T5, BART, ELECTRA, MODERNBERT, LLADA, DORY]
MORE = [RWKV6, ZAMBA2, KIMI_LINEAR, NEMOTRON3, MIMO, GEMMA4, GLM_5, *OTHERS, *(config for config, _ in REMOTE_COUNTS)]
