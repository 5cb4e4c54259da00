"""What transformers fills in where a config.json is silent: sizes by model_type, the text model of a wrapper.

Written by scripts/class_defaults.py from the classes of transformers 5.24.0 (models/*/configuration_*.py).
"""

# fmt: off

SIZES: dict[str, dict[str, int]] = {
    "afmoe": {
        "global_attn_every_n_layers": 4, "head_dim": 128, "hidden_size": 2048, "intermediate_size": 6144,
        "max_position_embeddings": 16384, "moe_intermediate_size": 1408, "num_attention_heads": 16,
        "num_dense_layers": 1, "num_experts": 64, "num_experts_per_tok": 6, "num_hidden_layers": 32,
        "num_shared_experts": 2, "sliding_window": 1024, "vocab_size": 200192,
    },
    "albert": {
        "embedding_size": 128, "hidden_size": 4096, "inner_group_num": 1, "intermediate_size": 16384,
        "max_position_embeddings": 512, "num_attention_heads": 64, "num_hidden_groups": 1, "num_hidden_layers": 12,
        "type_vocab_size": 2, "vocab_size": 30000,
    },
    "apertus": {
        "hidden_size": 4096, "intermediate_size": 14336, "max_position_embeddings": 65536,
        "num_attention_heads": 32, "num_hidden_layers": 32, "vocab_size": 131072,
    },
    "apertus1p5_text": {
        "hidden_size": 4096, "intermediate_size": 14336, "max_position_embeddings": 65536,
        "num_attention_heads": 32, "num_hidden_layers": 32, "vocab_size": 266752,
    },
    "arcee": {
        "hidden_size": 2560, "intermediate_size": 18432, "max_position_embeddings": 4096, "num_attention_heads": 32,
        "num_hidden_layers": 32, "vocab_size": 32000,
    },
    "aria_text": {
        "hidden_size": 4096, "intermediate_size": 4096, "max_position_embeddings": 2048, "moe_num_experts": 8,
        "moe_num_shared_experts": 2, "moe_topk": 2, "num_attention_heads": 32, "num_hidden_layers": 32,
        "vocab_size": 32000,
    },
    "axk1": {
        "hidden_size": 7168, "intermediate_size": 18432, "kv_lora_rank": 512, "max_position_embeddings": 32768,
        "moe_intermediate_size": 2048, "n_routed_experts": 192, "n_shared_experts": 1, "num_attention_heads": 64,
        "num_experts_per_tok": 8, "num_hidden_layers": 61, "num_key_value_heads": 64, "q_lora_rank": 1536,
        "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128, "vocab_size": 163840,
    },
    "axk2": {
        "gated_norm_rank": 16, "head_dim": 64, "hidden_size": 2048, "index_head_dim": 128, "index_n_heads": 16,
        "index_topk": 2048, "intermediate_size": 5120, "kv_lora_rank": 128, "max_position_embeddings": 131072,
        "moe_intermediate_size": 512, "n_routed_experts": 128, "n_shared_experts": 1, "num_attention_heads": 32,
        "num_experts_per_tok": 8, "num_hidden_layers": 48, "num_key_value_heads": 32, "q_lora_rank": 384,
        "qk_nope_head_dim": 64, "qk_rope_head_dim": 32, "v_head_dim": 64, "vocab_size": 163840,
    },
    "bailing_hybrid": {
        "first_k_dense_replace": 2, "head_dim": 128, "hidden_size": 2560, "intermediate_size": 6144,
        "kv_lora_rank": 512, "layer_group_size": 6, "max_position_embeddings": 262144, "moe_intermediate_size": 768,
        "n_shared_experts": 1, "num_attention_heads": 32, "num_experts_per_tok": 8, "num_hidden_layers": 42,
        "num_key_value_heads": 32, "num_local_experts": 512, "num_mtp_layers": 1, "qk_nope_head_dim": 128,
        "qk_rope_head_dim": 64, "short_conv_kernel_size": 4, "v_head_dim": 128, "vocab_size": 157184,
    },
    "bamba": {
        "hidden_size": 4096, "intermediate_size": 14336, "mamba_d_conv": 4, "mamba_d_state": 256, "mamba_expand": 2,
        "mamba_n_groups": 1, "mamba_n_heads": 128, "max_position_embeddings": 262144, "num_attention_heads": 32,
        "num_hidden_layers": 32, "num_key_value_heads": 8, "vocab_size": 128000,
    },
    "bart": {
        "d_model": 1024, "decoder_attention_heads": 16, "decoder_ffn_dim": 4096, "decoder_layers": 12,
        "encoder_attention_heads": 16, "encoder_ffn_dim": 4096, "encoder_layers": 12,
        "max_position_embeddings": 1024, "vocab_size": 50265,
    },
    "beam": {
        "head_dim": 128, "hidden_size": 5120, "intermediate_size": 20480, "max_position_embeddings": 8192,
        "moe_intermediate_size": 2560, "num_attention_heads": 48, "num_experts": 256, "num_experts_per_tok": 8,
        "num_hidden_layers": 52, "num_key_value_heads": 8, "sliding_window": 512, "vocab_size": 151936,
    },
    "bert": {
        "hidden_size": 768, "intermediate_size": 3072, "max_position_embeddings": 512, "num_attention_heads": 12,
        "num_hidden_layers": 12, "type_vocab_size": 2, "vocab_size": 30522,
    },
    "bert-generation": {
        "hidden_size": 1024, "intermediate_size": 4096, "max_position_embeddings": 512, "num_attention_heads": 16,
        "num_hidden_layers": 24, "vocab_size": 50358,
    },
    "big_bird": {
        "block_size": 64, "hidden_size": 768, "intermediate_size": 3072, "max_position_embeddings": 4096,
        "num_attention_heads": 12, "num_hidden_layers": 12, "num_random_blocks": 3, "type_vocab_size": 2,
        "vocab_size": 50358,
    },
    "bigbird_pegasus": {
        "block_size": 64, "d_model": 1024, "decoder_attention_heads": 16, "decoder_ffn_dim": 4096,
        "decoder_layers": 16, "encoder_attention_heads": 16, "encoder_ffn_dim": 4096, "encoder_layers": 16,
        "max_position_embeddings": 4096, "num_random_blocks": 3, "vocab_size": 96103,
    },
    "biogpt": {
        "hidden_size": 1024, "intermediate_size": 4096, "max_position_embeddings": 1024, "num_attention_heads": 16,
        "num_hidden_layers": 24, "vocab_size": 42384,
    },
    "bitnet": {
        "hidden_size": 2560, "intermediate_size": 6912, "max_position_embeddings": 2048, "num_attention_heads": 20,
        "num_hidden_layers": 30, "num_key_value_heads": 5, "vocab_size": 128256,
    },
    "blenderbot": {
        "d_model": 2560, "decoder_attention_heads": 32, "decoder_ffn_dim": 10240, "decoder_layers": 24,
        "encoder_attention_heads": 32, "encoder_ffn_dim": 10240, "encoder_layers": 2,
        "max_position_embeddings": 128, "vocab_size": 8008,
    },
    "blenderbot-small": {
        "d_model": 512, "decoder_attention_heads": 16, "decoder_ffn_dim": 2048, "decoder_layers": 8,
        "encoder_attention_heads": 16, "encoder_ffn_dim": 2048, "encoder_layers": 8, "max_position_embeddings": 512,
        "vocab_size": 50265,
    },
    "blip_text_model": {
        "encoder_hidden_size": 768, "hidden_size": 768, "intermediate_size": 3072, "max_position_embeddings": 512,
        "num_attention_heads": 8, "num_hidden_layers": 12, "projection_dim": 768, "vocab_size": 30524,
    },
    "bloom": {
        "hidden_size": 64, "n_head": 8, "n_layer": 2, "vocab_size": 250880,
    },
    "camembert": {
        "hidden_size": 768, "intermediate_size": 3072, "max_position_embeddings": 512, "num_attention_heads": 12,
        "num_hidden_layers": 12, "type_vocab_size": 2, "vocab_size": 30522,
    },
    "chameleon": {
        "hidden_size": 4096, "intermediate_size": 11008, "max_position_embeddings": 4096, "model_parallel_size": 1,
        "num_attention_heads": 32, "num_hidden_layers": 32, "num_key_value_heads": 32, "vocab_size": 65536,
    },
    "codegen": {
        "n_ctx": 2048, "n_embd": 4096, "n_head": 16, "n_layer": 28, "n_positions": 2048, "rotary_dim": 64,
        "vocab_size": 50400,
    },
    "cohere": {
        "hidden_size": 8192, "intermediate_size": 22528, "max_position_embeddings": 8192, "num_attention_heads": 64,
        "num_hidden_layers": 40, "vocab_size": 256000,
    },
    "cohere2": {
        "hidden_size": 8192, "intermediate_size": 22528, "max_position_embeddings": 8192, "num_attention_heads": 64,
        "num_hidden_layers": 40, "sliding_window": 4096, "vocab_size": 256000,
    },
    "cohere2_moe": {
        "head_dim": 128, "hidden_size": 8192, "intermediate_size": 22528, "max_position_embeddings": 8192,
        "num_attention_heads": 64, "num_experts": 8, "num_experts_per_tok": 2, "num_hidden_layers": 40,
        "num_shared_experts": 0, "prefix_dense_sliding_window_pattern": 1, "sliding_window": 4096,
        "sliding_window_pattern": 4, "vocab_size": 256000,
    },
    "cohere_compass_text": {
        "hidden_size": 8192, "intermediate_size": 22528, "max_position_embeddings": 8192, "num_attention_heads": 64,
        "num_hidden_layers": 40, "sliding_window": 4096, "vocab_size": 256000,
    },
    "cosmos3_edge_text": {
        "head_dim": 128, "hidden_size": 2048, "intermediate_size": 9216, "max_position_embeddings": 131072,
        "num_attention_heads": 16, "num_hidden_layers": 28, "num_key_value_heads": 8, "vocab_size": 131072,
    },
    "cpmant": {
        "dim_ff": 10240, "dim_head": 128, "hidden_size": 4096, "num_attention_heads": 32, "num_hidden_layers": 48,
        "position_bias_max_distance": 2048, "position_bias_num_buckets": 512, "prompt_length": 32,
        "prompt_types": 32, "segment_types": 32, "vocab_size": 30720,
    },
    "ctrl": {
        "dff": 8192, "n_embd": 1280, "n_head": 16, "n_layer": 48, "n_positions": 256, "vocab_size": 246534,
    },
    "cwm": {
        "head_dim": 128, "hidden_size": 6144, "intermediate_size": 21504, "max_position_embeddings": 131072,
        "num_attention_heads": 48, "num_hidden_layers": 64, "num_key_value_heads": 8, "sliding_window": 8192,
        "vocab_size": 128256,
    },
    "data2vec-text": {
        "hidden_size": 768, "intermediate_size": 3072, "max_position_embeddings": 512, "num_attention_heads": 12,
        "num_hidden_layers": 12, "type_vocab_size": 2, "vocab_size": 30522,
    },
    "dbrx": {
        "d_model": 2048, "max_seq_len": 2048, "n_heads": 16, "n_layers": 24, "vocab_size": 32000,
    },
    "deberta": {
        "hidden_size": 768, "intermediate_size": 3072, "max_position_embeddings": 512, "num_attention_heads": 12,
        "num_hidden_layers": 12, "type_vocab_size": 0, "vocab_size": 50265,
    },
    "deberta-v2": {
        "hidden_size": 1536, "intermediate_size": 6144, "max_position_embeddings": 512, "num_attention_heads": 24,
        "num_hidden_layers": 24, "type_vocab_size": 0, "vocab_size": 128100,
    },
    "deepseek_ocr2_text": {
        "hidden_size": 4096, "intermediate_size": 11008, "max_position_embeddings": 2048,
        "moe_intermediate_size": 1407, "n_routed_experts": 64, "n_shared_experts": 2, "num_attention_heads": 32,
        "num_hidden_layers": 32, "vocab_size": 102400,
    },
    "deepseek_v2": {
        "first_k_dense_replace": 0, "hidden_size": 4096, "intermediate_size": 11008, "kv_lora_rank": 512,
        "max_position_embeddings": 2048, "moe_intermediate_size": 1407, "n_routed_experts": 64,
        "n_shared_experts": 2, "num_attention_heads": 32, "num_hidden_layers": 32, "q_lora_rank": 1536,
        "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128, "vocab_size": 102400,
    },
    "deepseek_v3": {
        "first_k_dense_replace": 3, "hidden_size": 7168, "intermediate_size": 18432, "kv_lora_rank": 512,
        "max_position_embeddings": 4096, "moe_intermediate_size": 2048, "n_routed_experts": 256,
        "n_shared_experts": 1, "num_attention_heads": 128, "num_experts_per_tok": 8, "num_hidden_layers": 61,
        "num_key_value_heads": 128, "num_mtp_layers": 1, "q_lora_rank": 1536, "qk_nope_head_dim": 128,
        "qk_rope_head_dim": 64, "v_head_dim": 128, "vocab_size": 129280,
    },
    "deepseek_v32": {
        "first_k_dense_replace": 3, "head_dim": 64, "hidden_size": 7168, "index_head_dim": 128, "index_n_heads": 64,
        "index_topk": 2048, "intermediate_size": 18432, "kv_lora_rank": 512, "max_position_embeddings": 163840,
        "moe_intermediate_size": 2048, "n_routed_experts": 256, "n_shared_experts": 1, "num_attention_heads": 128,
        "num_experts_per_tok": 8, "num_hidden_layers": 61, "num_key_value_heads": 128, "q_lora_rank": 1536,
        "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128, "vocab_size": 129280,
    },
    "deepseek_v4": {
        "hc_mult": 4, "hc_sinkhorn_iters": 20, "head_dim": 512, "hidden_size": 4096, "index_head_dim": 128,
        "index_n_heads": 64, "index_topk": 512, "max_position_embeddings": 1048576, "moe_intermediate_size": 2048,
        "n_routed_experts": 256, "n_shared_experts": 1, "num_attention_heads": 64, "num_experts_per_tok": 6,
        "num_hidden_layers": 43, "num_key_value_heads": 1, "o_groups": 8, "o_lora_rank": 1024, "q_lora_rank": 1024,
        "sliding_window": 128, "vocab_size": 129280,
    },
    "diffllama": {
        "hidden_size": 2048, "intermediate_size": 8192, "max_position_embeddings": 2048, "num_attention_heads": 32,
        "num_hidden_layers": 16, "vocab_size": 32000,
    },
    "distilbert": {
        "dim": 768, "hidden_dim": 3072, "max_position_embeddings": 512, "n_heads": 12, "n_layers": 6,
        "vocab_size": 30522,
    },
    "doge": {
        "hidden_size": 1024, "intermediate_size": 2048, "keep_window_size": 2048, "max_position_embeddings": 2048,
        "num_attention_heads": 8, "num_experts": 16384, "num_experts_per_tok": 64, "num_hidden_layers": 32,
        "vocab_size": 32768,
    },
    "dory": {
        "head_dim": 256, "hidden_size": 2560, "intermediate_size": 7168, "max_position_embeddings": 8192,
        "n_input_layers": 8, "n_output_layers": 8, "n_recurrent_loops": 2, "num_attention_heads": 16,
        "num_hidden_layers": 36, "num_key_value_heads": 4, "sliding_window": 1024, "vocab_size": 131072,
    },
    "dots1": {
        "first_k_dense_replace": 0, "hidden_size": 4608, "intermediate_size": 10944,
        "max_position_embeddings": 2048, "max_window_layers": 62, "moe_intermediate_size": 1408,
        "num_attention_heads": 32, "num_hidden_layers": 62, "num_key_value_heads": 32, "sliding_window": 4096,
        "vocab_size": 152064,
    },
    "dots3_note_text": {
        "head_dim": 256, "hidden_size": 5120, "index_head_dim": 128, "index_n_heads": 64, "index_topk": 2048,
        "intermediate_size": 13824, "kv_lora_rank": 512, "max_position_embeddings": 524288,
        "moe_intermediate_size": 1536, "n_routed_experts": 256, "n_shared_experts": 1, "num_attention_heads": 128,
        "num_experts_per_tok": 8, "num_hidden_layers": 46, "num_key_value_heads": 128, "q_lora_rank": 1024,
        "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "shared_experts_intermediate_size": 1536,
        "v_head_dim": 128, "vocab_size": 152064,
    },
    "electra": {
        "embedding_size": 128, "hidden_size": 256, "intermediate_size": 1024, "max_position_embeddings": 512,
        "num_attention_heads": 4, "num_hidden_layers": 12, "type_vocab_size": 2, "vocab_size": 30522,
    },
    "emu3_text_model": {
        "hidden_size": 4096, "intermediate_size": 14336, "max_position_embeddings": 9216, "num_attention_heads": 32,
        "num_hidden_layers": 32, "num_key_value_heads": 8, "vocab_size": 184622,
    },
    "ernie": {
        "hidden_size": 768, "intermediate_size": 3072, "max_position_embeddings": 512, "num_attention_heads": 12,
        "num_hidden_layers": 12, "task_type_vocab_size": 3, "type_vocab_size": 2, "vocab_size": 30522,
    },
    "ernie4_5": {
        "head_dim": 128, "hidden_size": 1024, "intermediate_size": 3072, "max_position_embeddings": 131072,
        "num_attention_heads": 16, "num_hidden_layers": 18, "num_key_value_heads": 2, "vocab_size": 103424,
    },
    "ernie4_5_moe": {
        "hidden_size": 2560, "intermediate_size": 12288, "max_position_embeddings": 131072,
        "moe_intermediate_size": 1536, "moe_k": 6, "moe_layer_interval": 1, "moe_layer_start_index": 1,
        "moe_num_experts": 64, "moe_num_shared_experts": 2, "num_attention_heads": 20, "num_hidden_layers": 28,
        "num_key_value_heads": 4, "vocab_size": 103424,
    },
    "ernie4_5_vl_moe_text": {
        "hidden_size": 2560, "intermediate_size": 12288, "max_position_embeddings": 131072, "moe_k": 6,
        "moe_num_experts": 64, "moe_num_shared_experts": 2, "num_attention_heads": 20, "num_hidden_layers": 28,
        "num_key_value_heads": 4, "vocab_size": 103424,
    },
    "eurobert": {
        "hidden_size": 768, "intermediate_size": 3072, "max_position_embeddings": 8192, "num_attention_heads": 12,
        "num_hidden_layers": 12, "vocab_size": 128256,
    },
    "exaone": {
        "hidden_size": 4096, "intermediate_size": 14336, "max_position_embeddings": 4096, "num_attention_heads": 32,
        "num_hidden_layers": 32, "num_key_value_heads": 8, "vocab_size": 102400,
    },
    "exaone4": {
        "hidden_size": 4096, "intermediate_size": 16384, "max_position_embeddings": 2048, "num_attention_heads": 32,
        "num_hidden_layers": 32, "num_key_value_heads": 32, "sliding_window": 4096, "sliding_window_pattern": 4,
        "vocab_size": 102400,
    },
    "exaone_moe": {
        "first_k_dense_replace": 1, "hidden_size": 4096, "intermediate_size": 16384,
        "max_position_embeddings": 2048, "moe_intermediate_size": 1024, "num_attention_heads": 32,
        "num_experts": 64, "num_experts_per_tok": 8, "num_hidden_layers": 32, "num_key_value_heads": 32,
        "num_shared_experts": 1, "sliding_window": 4096, "sliding_window_pattern": 4, "vocab_size": 102400,
    },
    "falcon": {
        "hidden_size": 4544, "max_position_embeddings": 2048, "num_attention_heads": 71, "num_hidden_layers": 32,
        "vocab_size": 65024,
    },
    "falcon_h1": {
        "hidden_size": 4096, "intermediate_size": 14336, "mamba_d_conv": 4, "mamba_d_ssm": 1024,
        "mamba_d_state": 256, "mamba_expand": 2, "mamba_n_groups": 1, "mamba_n_heads": 128,
        "max_position_embeddings": 8192, "num_attention_heads": 32, "num_hidden_layers": 32,
        "num_key_value_heads": 8, "vocab_size": 128000,
    },
    "falcon_mamba": {
        "conv_kernel": 4, "expand": 2, "hidden_size": 768, "num_hidden_layers": 32, "state_size": 16,
        "vocab_size": 50280,
    },
    "flex_olmo": {
        "hidden_size": 4096, "intermediate_size": 11008, "max_position_embeddings": 4096, "num_attention_heads": 32,
        "num_experts": 7, "num_experts_per_tok": 5, "num_hidden_layers": 32, "vocab_size": 100352,
    },
    "flint": {
        "decoder_sparse_step": 1, "head_dim": 128, "hidden_size": 2048, "intermediate_size": 6144,
        "max_position_embeddings": 262144, "moe_intermediate_size": 512, "num_attention_heads": 32,
        "num_experts": 256, "num_experts_per_tok": 6, "num_hidden_layers": 49, "num_key_value_heads": 4,
        "shared_expert_intermediate_size": 1024, "sliding_window": 513, "vocab_size": 150144,
    },
    "gemma": {
        "head_dim": 256, "hidden_size": 3072, "intermediate_size": 24576, "max_position_embeddings": 8192,
        "num_attention_heads": 16, "num_hidden_layers": 28, "num_key_value_heads": 16, "vocab_size": 256000,
    },
    "gemma2": {
        "head_dim": 256, "hidden_size": 2304, "intermediate_size": 9216, "max_position_embeddings": 8192,
        "num_attention_heads": 8, "num_hidden_layers": 26, "num_key_value_heads": 4, "sliding_window": 4096,
        "vocab_size": 256000,
    },
    "gemma3": {
        "mm_tokens_per_image": 256,
    },
    "gemma3_text": {
        "head_dim": 256, "hidden_size": 2304, "intermediate_size": 9216, "max_position_embeddings": 131072,
        "num_attention_heads": 8, "num_hidden_layers": 26, "num_key_value_heads": 4, "sliding_window": 4096,
        "vocab_size": 262208,
    },
    "gemma3n": {
        "audio_soft_tokens_per_image": 188, "vision_soft_tokens_per_image": 256,
    },
    "gemma3n_text": {
        "altup_active_idx": 0, "altup_num_inputs": 4, "head_dim": 256, "hidden_size": 2048,
        "hidden_size_per_layer_input": 256, "intermediate_size": 16384, "laurel_rank": 64,
        "max_position_embeddings": 32768, "num_attention_heads": 8, "num_hidden_layers": 35,
        "num_key_value_heads": 2, "num_kv_shared_layers": 15, "sliding_window": 512, "vocab_size": 262400,
        "vocab_size_per_layer_input": 262144,
    },
    "gemma4_text": {
        "head_dim": 256, "hidden_size": 2304, "hidden_size_per_layer_input": 256, "intermediate_size": 9216,
        "max_position_embeddings": 131072, "num_attention_heads": 8, "num_hidden_layers": 30,
        "num_key_value_heads": 4, "num_kv_shared_layers": 0, "sliding_window": 512, "vocab_size": 262144,
        "vocab_size_per_layer_input": 262144,
    },
    "gemma4_unified_text": {
        "head_dim": 256, "hidden_size": 2304, "intermediate_size": 9216, "max_position_embeddings": 262144,
        "num_attention_heads": 8, "num_hidden_layers": 30, "num_key_value_heads": 4, "num_kv_shared_layers": 0,
        "sliding_window": 1024, "vocab_size": 262144,
    },
    "git": {
        "hidden_size": 768, "intermediate_size": 3072, "max_position_embeddings": 1024, "num_attention_heads": 12,
        "num_hidden_layers": 6, "vocab_size": 30522,
    },
    "glm": {
        "head_dim": 128, "hidden_size": 4096, "intermediate_size": 13696, "max_position_embeddings": 131072,
        "num_attention_heads": 32, "num_hidden_layers": 40, "num_key_value_heads": 2, "vocab_size": 151552,
    },
    "glm4": {
        "head_dim": 128, "hidden_size": 4096, "intermediate_size": 13696, "max_position_embeddings": 131072,
        "num_attention_heads": 32, "num_hidden_layers": 40, "num_key_value_heads": 2, "vocab_size": 151552,
    },
    "glm4_moe": {
        "first_k_dense_replace": 1, "hidden_size": 4096, "intermediate_size": 10944,
        "max_position_embeddings": 131072, "moe_intermediate_size": 1408, "n_routed_experts": 128,
        "n_shared_experts": 1, "num_attention_heads": 96, "num_experts_per_tok": 8, "num_hidden_layers": 46,
        "num_key_value_heads": 8, "num_mtp_layers": 1, "vocab_size": 151552,
    },
    "glm4_moe_lite": {
        "hidden_size": 2048, "intermediate_size": 10240, "kv_lora_rank": 512, "max_position_embeddings": 202752,
        "moe_intermediate_size": 1536, "n_routed_experts": 64, "n_shared_experts": 1, "num_attention_heads": 20,
        "num_experts_per_tok": 4, "num_hidden_layers": 47, "num_key_value_heads": 20, "q_lora_rank": 768,
        "qk_nope_head_dim": 192, "qk_rope_head_dim": 64, "v_head_dim": 256, "vocab_size": 154880,
    },
    "glm4v_moe_text": {
        "first_k_dense_replace": 1, "hidden_size": 4096, "intermediate_size": 10944,
        "max_position_embeddings": 65536, "moe_intermediate_size": 1408, "n_routed_experts": 128,
        "n_shared_experts": 1, "num_attention_heads": 96, "num_experts_per_tok": 8, "num_hidden_layers": 46,
        "num_key_value_heads": 8, "vocab_size": 151424,
    },
    "glm4v_text": {
        "hidden_size": 4096, "intermediate_size": 13696, "max_position_embeddings": 32768,
        "num_attention_heads": 32, "num_hidden_layers": 40, "num_key_value_heads": 2, "vocab_size": 151552,
    },
    "glm5_next_text": {
        "hc_mult": 4, "hc_sinkhorn_iters": 20, "head_dim": 0, "hidden_size": 4096, "index_head_dim": 128,
        "index_kpool": 16, "index_n_heads": 32, "index_topk": 2048, "intermediate_size": 12288, "kv_lora_rank": 512,
        "linear_conv_kernel_dim": 4, "linear_head_dim": 128, "linear_num_heads": 64,
        "max_position_embeddings": 1048576, "moe_intermediate_size": 2048, "n_routed_experts": 288,
        "n_shared_experts": 1, "num_attention_heads": 64, "num_experts_per_tok": 8, "num_hidden_layers": 45,
        "num_key_value_heads": 64, "q_lora_rank": 1536, "qk_nope_head_dim": 256, "qk_rope_head_dim": 0,
        "v_head_dim": 256, "vocab_size": 154880,
    },
    "glm_moe_dsa": {
        "first_k_dense_replace": 3, "head_dim": 64, "hidden_size": 6144, "index_head_dim": 128, "index_n_heads": 32,
        "index_topk": 2048, "intermediate_size": 12288, "kv_lora_rank": 512, "max_position_embeddings": 202752,
        "moe_intermediate_size": 2048, "n_routed_experts": 256, "n_shared_experts": 1, "num_attention_heads": 64,
        "num_experts_per_tok": 8, "num_hidden_layers": 78, "num_key_value_heads": 64, "q_lora_rank": 2048,
        "qk_nope_head_dim": 192, "qk_rope_head_dim": 64, "v_head_dim": 256, "vocab_size": 154880,
    },
    "glm_ocr_text": {
        "hidden_size": 1024, "intermediate_size": 4096, "max_position_embeddings": 131072,
        "num_attention_heads": 16, "num_hidden_layers": 16, "num_key_value_heads": 8, "vocab_size": 59392,
    },
    "gpt-sw3": {
        "n_embd": 768, "n_head": 12, "n_layer": 12, "n_positions": 1024, "vocab_size": 50257,
    },
    "gpt2": {
        "n_embd": 768, "n_head": 12, "n_layer": 12, "n_positions": 1024, "vocab_size": 50257,
    },
    "gpt_bigcode": {
        "n_embd": 768, "n_head": 12, "n_layer": 12, "n_positions": 1024, "vocab_size": 50257,
    },
    "gpt_neo": {
        "hidden_size": 2048, "max_position_embeddings": 2048, "num_heads": 16, "num_layers": 24,
        "vocab_size": 50257, "window_size": 256,
    },
    "gpt_neox": {
        "hidden_size": 6144, "intermediate_size": 24576, "max_position_embeddings": 2048, "num_attention_heads": 64,
        "num_hidden_layers": 44, "vocab_size": 50432,
    },
    "gpt_neox_japanese": {
        "hidden_size": 2560, "intermediate_multiple_size": 4, "max_position_embeddings": 2048,
        "num_attention_heads": 32, "num_hidden_layers": 32, "vocab_size": 32000,
    },
    "gpt_oss": {
        "head_dim": 64, "hidden_size": 2880, "intermediate_size": 2880, "max_position_embeddings": 131072,
        "num_attention_heads": 64, "num_experts_per_tok": 4, "num_hidden_layers": 36, "num_key_value_heads": 8,
        "num_local_experts": 128, "sliding_window": 128, "vocab_size": 201088,
    },
    "gptj": {
        "n_embd": 4096, "n_head": 16, "n_layer": 28, "n_positions": 2048, "rotary_dim": 64, "vocab_size": 50400,
    },
    "granite": {
        "hidden_size": 4096, "intermediate_size": 11008, "max_position_embeddings": 2048, "num_attention_heads": 32,
        "num_hidden_layers": 32, "vocab_size": 32000,
    },
    "granite4_vision_text": {
        "hidden_size": 4096, "intermediate_size": 11008, "max_position_embeddings": 2048, "num_attention_heads": 32,
        "num_hidden_layers": 32, "vocab_size": 32000,
    },
    "granite_docling_text": {
        "hidden_size": 1024, "intermediate_size": 2048, "max_position_embeddings": 32768, "num_attention_heads": 16,
        "num_hidden_layers": 28, "num_key_value_heads": 4, "vocab_size": 133800,
    },
    "granite_swa": {
        "hidden_size": 2560, "intermediate_size": 8192, "max_position_embeddings": 8192, "num_attention_heads": 20,
        "num_hidden_layers": 24, "num_key_value_heads": 4, "sliding_window": 128, "vocab_size": 100352,
    },
    "granitemoe": {
        "hidden_size": 4096, "intermediate_size": 11008, "max_position_embeddings": 2048, "num_attention_heads": 32,
        "num_experts_per_tok": 2, "num_hidden_layers": 32, "num_local_experts": 8, "vocab_size": 32000,
    },
    "granitemoe_swa": {
        "hidden_size": 4096, "intermediate_size": 11008, "max_position_embeddings": 2048, "num_attention_heads": 32,
        "num_experts_per_tok": 2, "num_hidden_layers": 32, "num_local_experts": 8, "shared_intermediate_size": 0,
        "sliding_window": 128, "vocab_size": 32000,
    },
    "granitemoehybrid": {
        "hidden_size": 4096, "intermediate_size": 11008, "mamba_d_conv": 4, "mamba_d_state": 256, "mamba_expand": 2,
        "mamba_n_groups": 1, "mamba_n_heads": 128, "max_position_embeddings": 2048, "num_attention_heads": 32,
        "num_experts_per_tok": 2, "num_hidden_layers": 32, "num_local_experts": 8, "shared_intermediate_size": 1024,
        "vocab_size": 32000,
    },
    "granitemoeshared": {
        "hidden_size": 4096, "intermediate_size": 11008, "max_position_embeddings": 2048, "num_attention_heads": 32,
        "num_experts_per_tok": 2, "num_hidden_layers": 32, "num_local_experts": 8, "shared_intermediate_size": 0,
        "vocab_size": 32000,
    },
    "gte": {
        "hidden_size": 768, "intermediate_size": 3072, "max_position_embeddings": 8192, "num_attention_heads": 12,
        "num_hidden_layers": 12, "type_vocab_size": 1, "vocab_size": 250048,
    },
    "helium": {
        "head_dim": 128, "hidden_size": 2560, "intermediate_size": 7040, "max_position_embeddings": 4096,
        "num_attention_heads": 20, "num_hidden_layers": 24, "num_key_value_heads": 20, "vocab_size": 48000,
    },
    "hrm_text": {
        "H_cycles": 2, "L_cycles": 3, "head_dim": 128, "hidden_size": 1536, "intermediate_size": 4096,
        "max_position_embeddings": 2048, "num_attention_heads": 12, "num_hidden_layers": 16, "vocab_size": 151808,
    },
    "hunyuan_v1_dense": {
        "hidden_size": 4096, "intermediate_size": 11008, "max_position_embeddings": 2048, "num_attention_heads": 32,
        "num_hidden_layers": 32, "vocab_size": 290943,
    },
    "hunyuan_v1_moe": {
        "hidden_size": 4096, "intermediate_size": 11008, "max_position_embeddings": 2048, "moe_topk": 1,
        "num_attention_heads": 32, "num_experts": 1, "num_hidden_layers": 32, "vocab_size": 290943,
    },
    "hunyuan_vl_text": {
        "hidden_size": 4096, "intermediate_size": 11008, "max_position_embeddings": 2048, "num_attention_heads": 32,
        "num_hidden_layers": 32, "vocab_size": 290943,
    },
    "hy_v3": {
        "head_dim": 128, "hidden_size": 4096, "intermediate_size": 13312, "max_position_embeddings": 131072,
        "moe_intermediate_size": 1536, "num_attention_heads": 64, "num_experts": 192, "num_experts_per_tok": 8,
        "num_hidden_layers": 80, "num_key_value_heads": 8, "num_shared_experts": 1, "vocab_size": 120832,
    },
    "hy_v4": {
        "hc_mult": 4, "head_dim": 256, "hidden_size": 2816, "index_head_dim": 128, "index_n_heads": 16,
        "index_topk": 2048, "intermediate_size": 6912, "kv_lora_rank": 512, "max_position_embeddings": 262144,
        "moe_intermediate_size": 768, "n_routed_experts": 256, "n_shared_experts": 1, "num_attention_heads": 32,
        "num_experts_per_tok": 8, "num_hidden_layers": 34, "num_key_value_heads": 32, "q_lora_rank": 1536,
        "qk_nope_head_dim": 192, "qk_rope_head_dim": 64, "v_head_dim": 256, "vocab_size": 120832,
    },
    "hy_v4_vl_text": {
        "hc_mult": 4, "head_dim": 256, "hidden_size": 6144, "index_head_dim": 128, "index_n_heads": 32,
        "index_topk": 2048, "intermediate_size": 18432, "kv_lora_rank": 512, "max_position_embeddings": 262144,
        "moe_intermediate_size": 2048, "n_routed_experts": 256, "n_shared_experts": 1, "num_attention_heads": 64,
        "num_experts_per_tok": 8, "num_hidden_layers": 78, "num_key_value_heads": 32, "q_lora_rank": 2048,
        "qk_nope_head_dim": 192, "qk_rope_head_dim": 64, "v_head_dim": 256, "vocab_size": 120832,
    },
    "hyperclovax": {
        "hidden_size": 4096, "intermediate_size": 11008, "max_position_embeddings": 2048, "num_attention_heads": 32,
        "num_hidden_layers": 32, "vocab_size": 32000,
    },
    "idefics": {
        "additional_vocab_size": 0, "cross_layer_interval": 1, "hidden_size": 4096, "intermediate_size": 11008,
        "max_position_embeddings": 2048, "num_attention_heads": 32, "num_hidden_layers": 32, "vocab_size": 32000,
    },
    "inkling2_loop_text": {
        "conv_kernel_size": 4, "d_rel": 16, "head_dim": 128, "hidden_size": 2304, "log_scaling_n_floor": 8192,
        "loop_gate_rank": 64, "loop_layer_index_end": 18, "loop_layer_index_start": 6, "loop_num_passes": 3,
        "max_position_embeddings": 1048576, "moe_intermediate_size": 1152, "n_layers_per_attn_res_block": 6,
        "n_routed_experts": 128, "num_attention_heads": 24, "num_experts_per_tok": 8, "num_hidden_layers": 24,
        "num_key_value_heads": 8, "rel_extent": 1024, "sliding_window_size": 1024, "swa_head_dim": 128,
        "swa_num_attention_heads": 24, "swa_num_key_value_heads": 8, "unpadded_vocab_size": 200058,
        "vocab_size": 201024,
    },
    "inkling2_text": {
        "conv_kernel_size": 4, "d_rel": 16, "head_dim": 128, "hidden_size": 4608, "log_scaling_n_floor": 128000,
        "max_position_embeddings": 1048576, "moe_intermediate_size": 2304, "n_layers_per_attn_res_block": 6,
        "n_routed_experts": 384, "num_attention_heads": 48, "num_experts_per_tok": 8, "num_hidden_layers": 48,
        "num_key_value_heads": 8, "rel_extent": 1024, "sliding_window_size": 1024, "swa_head_dim": 128,
        "swa_num_attention_heads": 48, "swa_num_key_value_heads": 8, "unpadded_vocab_size": 200058,
        "vocab_size": 201024,
    },
    "inkling_text": {
        "conv_kernel_size": 4, "d_rel": 16, "head_dim": 128, "hidden_size": 6144, "intermediate_size": 24576,
        "max_position_embeddings": 131072, "moe_intermediate_size": 3072, "n_routed_experts": 256,
        "n_shared_experts": 2, "num_attention_heads": 64, "num_experts_per_tok": 6, "num_hidden_layers": 66,
        "num_key_value_heads": 8, "rel_extent": 1024, "sliding_window_size": 512, "swa_head_dim": 128,
        "swa_num_attention_heads": 64, "swa_num_key_value_heads": 16, "vocab_size": 201024,
    },
    "internlm3": {
        "head_dim": 128, "hidden_size": 4096, "intermediate_size": 10240, "max_position_embeddings": 32768,
        "num_attention_heads": 32, "num_hidden_layers": 48, "num_key_value_heads": 2, "vocab_size": 128512,
    },
    "iquestcoder": {
        "head_dim": 128, "hidden_size": 5120, "intermediate_size": 27648, "max_position_embeddings": 131072,
        "num_attention_heads": 40, "num_hidden_layers": 80, "num_key_value_heads": 8, "vocab_size": 76800,
    },
    "jais2": {
        "hidden_size": 3328, "intermediate_size": 26624, "max_position_embeddings": 8192, "num_attention_heads": 26,
        "num_hidden_layers": 32, "vocab_size": 150272,
    },
    "jamba": {
        "attn_layer_offset": 4, "attn_layer_period": 8, "expert_layer_offset": 1, "expert_layer_period": 2,
        "hidden_size": 4096, "intermediate_size": 14336, "mamba_d_conv": 4, "mamba_d_state": 16, "mamba_expand": 2,
        "max_position_embeddings": 262144, "num_attention_heads": 32, "num_experts": 16, "num_experts_per_tok": 2,
        "num_hidden_layers": 32, "num_key_value_heads": 8, "vocab_size": 65536,
    },
    "jetmoe": {
        "hidden_size": 2048, "intermediate_size": 5632, "kv_channels": 128, "max_position_embeddings": 4096,
        "num_experts_per_tok": 2, "num_hidden_layers": 12, "num_key_value_heads": 16, "num_local_experts": 8,
        "vocab_size": 32000,
    },
    "jina_embeddings_v3": {
        "hidden_size": 1024, "intermediate_size": 4096, "max_position_embeddings": 8194, "num_attention_heads": 16,
        "num_hidden_layers": 24, "type_vocab_size": 1, "vocab_size": 250002,
    },
    "kimi_linear": {
        "hidden_size": 2304, "intermediate_size": 9216, "kv_lora_rank": 512, "linear_conv_kernel_dim": 4,
        "linear_head_dim": 128, "linear_num_heads": 32, "max_position_embeddings": 1048576,
        "moe_intermediate_size": 1024, "n_shared_experts": 1, "num_attention_heads": 32, "num_experts_per_tok": 8,
        "num_hidden_layers": 27, "num_key_value_heads": 32, "num_local_experts": 256, "qk_nope_head_dim": 128,
        "qk_rope_head_dim": 64, "v_head_dim": 128, "vocab_size": 163840,
    },
    "kolibri1": {
        "head_dim": 128, "hidden_size": 2560, "max_position_embeddings": 262144, "moe_intermediate_size": 512,
        "num_attention_heads": 48, "num_experts": 384, "num_experts_per_tok": 6, "num_hidden_layers": 50,
        "num_key_value_heads": 4, "shared_expert_intermediate_size": 512, "sliding_window": 513,
        "vocab_size": 128000,
    },
    "kosmos_2_5_text_model": {
        "attention_heads": 16, "embed_dim": 1536, "ffn_dim": 6144, "layers": 24, "max_position_embeddings": 4096,
        "vocab_size": 108481,
    },
    "kosmos_2_text_model": {
        "attention_heads": 32, "embed_dim": 2048, "ffn_dim": 8192, "layers": 24, "max_position_embeddings": 2048,
        "vocab_size": 65037,
    },
    "laguna": {
        "head_dim": 128, "hidden_size": 2048, "intermediate_size": 8192, "max_position_embeddings": 131072,
        "moe_intermediate_size": 512, "num_attention_heads": 48, "num_experts": 256, "num_experts_per_tok": 8,
        "num_hidden_layers": 40, "num_key_value_heads": 8, "shared_expert_intermediate_size": 512,
        "sliding_window": 512, "vocab_size": 100352,
    },
    "lara_mini": {
        "head_dim": 128, "hidden_size": 1024, "linear_conv_kernel_dim": 4, "linear_key_head_dim": 128,
        "linear_num_key_heads": 8, "linear_num_value_heads": 16, "linear_value_head_dim": 128,
        "max_position_embeddings": 131072, "moe_intermediate_size": 512, "num_attention_heads": 16,
        "num_experts": 128, "num_experts_per_tok": 4, "num_hidden_layers": 34, "num_key_value_heads": 4,
        "shared_expert_intermediate_size": 512, "sliding_window": 512, "vocab_size": 151936,
    },
    "lfm2": {
        "block_multiple_of": 256, "conv_L_cache": 3, "hidden_size": 2560, "intermediate_size": 12288,
        "max_position_embeddings": 128000, "num_attention_heads": 32, "num_hidden_layers": 32,
        "num_key_value_heads": 8, "vocab_size": 65536,
    },
    "lfm2_moe": {
        "conv_L_cache": 3, "hidden_size": 2048, "intermediate_size": 7168, "max_position_embeddings": 128000,
        "moe_intermediate_size": 1792, "num_attention_heads": 32, "num_dense_layers": 2, "num_experts": 32,
        "num_experts_per_tok": 4, "num_hidden_layers": 32, "num_key_value_heads": 8, "vocab_size": 65536,
    },
    "lfm3": {
        "conv_L_cache": 7, "head_dim": 128, "hidden_size": 2048, "intermediate_size": 7680,
        "max_position_embeddings": 128000, "num_attention_heads": 16, "num_hidden_layers": 24,
        "num_key_value_heads": 4, "sliding_window": 256, "vocab_size": 128000,
    },
    "llama": {
        "hidden_size": 4096, "intermediate_size": 11008, "max_position_embeddings": 2048, "num_attention_heads": 32,
        "num_hidden_layers": 32, "vocab_size": 32000,
    },
    "llama4_text": {
        "attention_chunk_size": 8192, "head_dim": 128, "hidden_size": 5120, "interleave_moe_layer_step": 1,
        "intermediate_size": 8192, "intermediate_size_mlp": 16384, "max_position_embeddings": 131072,
        "no_rope_layer_interval": 4, "num_attention_heads": 40, "num_experts_per_tok": 1, "num_hidden_layers": 48,
        "num_key_value_heads": 8, "num_local_experts": 16, "vocab_size": 202048,
    },
    "longcat_flash": {
        "expert_ffn_hidden_size": 2048, "ffn_hidden_size": 12288, "head_dim": 64, "hidden_size": 6144,
        "kv_lora_rank": 512, "max_position_embeddings": 131072, "moe_topk": 12, "n_routed_experts": 512,
        "num_attention_heads": 64, "num_layers": 28, "q_lora_rank": 1536, "qk_nope_head_dim": 128,
        "qk_rope_head_dim": 64, "v_head_dim": 128, "vocab_size": 131072, "zero_expert_num": 256,
    },
    "m2m_100": {
        "d_model": 1024, "decoder_attention_heads": 16, "decoder_ffn_dim": 4096, "decoder_layers": 12,
        "encoder_attention_heads": 16, "encoder_ffn_dim": 4096, "encoder_layers": 12,
        "max_position_embeddings": 1024, "vocab_size": 128112,
    },
    "mamba": {
        "conv_kernel": 4, "expand": 2, "hidden_size": 768, "num_hidden_layers": 32, "state_size": 16,
        "vocab_size": 50280,
    },
    "mamba2": {
        "conv_kernel": 4, "expand": 2, "head_dim": 64, "hidden_size": 4096, "n_groups": 8, "num_heads": 128,
        "num_hidden_layers": 64, "state_size": 128, "vocab_size": 32768,
    },
    "marian": {
        "d_model": 1024, "decoder_attention_heads": 16, "decoder_ffn_dim": 4096, "decoder_layers": 12,
        "encoder_attention_heads": 16, "encoder_ffn_dim": 4096, "encoder_layers": 12,
        "max_position_embeddings": 1024, "vocab_size": 58101,
    },
    "mbart": {
        "d_model": 1024, "decoder_attention_heads": 16, "decoder_ffn_dim": 4096, "decoder_layers": 12,
        "encoder_attention_heads": 16, "encoder_ffn_dim": 4096, "encoder_layers": 12,
        "max_position_embeddings": 1024, "vocab_size": 50265,
    },
    "megatron-bert": {
        "hidden_size": 1024, "intermediate_size": 4096, "max_position_embeddings": 512, "num_attention_heads": 16,
        "num_hidden_layers": 24, "type_vocab_size": 2, "vocab_size": 29056,
    },
    "mellum": {
        "head_dim": 128, "hidden_size": 2304, "intermediate_size": 7168, "max_position_embeddings": 131072,
        "moe_intermediate_size": 896, "num_attention_heads": 32, "num_experts": 64, "num_experts_per_tok": 8,
        "num_hidden_layers": 28, "num_key_value_heads": 4, "sliding_window": 1024, "vocab_size": 98304,
    },
    "mimo_v2_flash": {
        "head_dim": 192, "hidden_size": 4096, "intermediate_size": 16384, "max_position_embeddings": 131072,
        "moe_intermediate_size": 2048, "n_routed_experts": 256, "num_attention_heads": 64, "num_experts_per_tok": 8,
        "num_hidden_layers": 48, "num_key_value_heads": 4, "sliding_window": 129, "v_head_dim": 128,
        "vocab_size": 152576,
    },
    "minicpm3": {
        "dim_model_base": 256, "hidden_size": 2560, "intermediate_size": 6400, "kv_lora_rank": 256,
        "max_position_embeddings": 32768, "num_attention_heads": 40, "num_hidden_layers": 62,
        "num_key_value_heads": 40, "q_lora_rank": 768, "qk_nope_head_dim": 64, "qk_rope_head_dim": 32,
        "scale_emb": 12, "vocab_size": 73448,
    },
    "minimax": {
        "block_size": 256, "full_attn_alpha_factor": 1, "full_attn_beta_factor": 1, "hidden_size": 4096,
        "intermediate_size": 14336, "linear_attn_alpha_factor": 1, "linear_attn_beta_factor": 1,
        "max_position_embeddings": 131072, "mlp_alpha_factor": 1, "mlp_beta_factor": 1, "num_attention_heads": 32,
        "num_experts_per_tok": 2, "num_hidden_layers": 32, "num_key_value_heads": 8, "num_local_experts": 8,
        "vocab_size": 32000,
    },
    "minimax_m2": {
        "head_dim": 128, "hidden_size": 3072, "intermediate_size": 1536, "max_position_embeddings": 196608,
        "num_attention_heads": 48, "num_experts_per_tok": 8, "num_hidden_layers": 62, "num_key_value_heads": 8,
        "num_local_experts": 256, "vocab_size": 200064,
    },
    "minimax_m3_vl": {
        "projector_hidden_size": 6144,
    },
    "minimax_m3_vl_text": {
        "dense_intermediate_size": 12288, "head_dim": 128, "hidden_size": 6144, "index_block_size": 128,
        "index_head_dim": 128, "index_local_blocks": 1, "index_n_heads": 4, "index_topk_blocks": 16,
        "intermediate_size": 3072, "max_position_embeddings": 524288, "num_attention_heads": 64,
        "num_experts_per_tok": 4, "num_hidden_layers": 60, "num_key_value_heads": 4, "num_local_experts": 128,
        "rotary_dim": 64, "shared_intermediate_size": 3072, "vocab_size": 200064,
    },
    "ministral": {
        "hidden_size": 4096, "intermediate_size": 14336, "max_position_embeddings": 131072,
        "num_attention_heads": 32, "num_hidden_layers": 32, "num_key_value_heads": 8, "sliding_window": 4096,
        "vocab_size": 32000,
    },
    "ministral3": {
        "head_dim": 128, "hidden_size": 4096, "intermediate_size": 14336, "max_position_embeddings": 262144,
        "num_attention_heads": 32, "num_hidden_layers": 34, "num_key_value_heads": 8, "vocab_size": 131072,
    },
    "mistral": {
        "hidden_size": 4096, "intermediate_size": 14336, "max_position_embeddings": 131072,
        "num_attention_heads": 32, "num_hidden_layers": 32, "num_key_value_heads": 8, "sliding_window": 4096,
        "vocab_size": 32000,
    },
    "mistral4": {
        "first_k_dense_replace": 0, "hidden_size": 4096, "intermediate_size": 12288, "kv_lora_rank": 256,
        "max_position_embeddings": 1048576, "moe_intermediate_size": 2048, "n_routed_experts": 128,
        "n_shared_experts": 1, "num_attention_heads": 32, "num_experts_per_tok": 4, "num_hidden_layers": 36,
        "num_key_value_heads": 32, "q_lora_rank": 1024, "qk_nope_head_dim": 64, "qk_rope_head_dim": 64,
        "v_head_dim": 128, "vocab_size": 131072,
    },
    "mistral_large4_text": {
        "first_k_dense_replace": 1, "head_dim": 64, "hidden_size": 6144, "index_head_dim": 128, "index_n_heads": 32,
        "index_topk": 2048, "intermediate_size": 24576, "kv_lora_rank": 512, "max_position_embeddings": 1048576,
        "moe_intermediate_size": 6144, "n_routed_experts": 128, "n_shared_experts": 1, "num_attention_heads": 64,
        "num_experts_per_tok": 4, "num_hidden_layers": 72, "num_key_value_heads": 64, "qk_nope_head_dim": 64,
        "qk_rope_head_dim": 64, "v_head_dim": 128, "vocab_size": 204800,
    },
    "mixtral": {
        "hidden_size": 4096, "intermediate_size": 14336, "max_position_embeddings": 131072,
        "num_attention_heads": 32, "num_experts_per_tok": 2, "num_hidden_layers": 32, "num_key_value_heads": 8,
        "num_local_experts": 8, "vocab_size": 32000,
    },
    "mllama_text_model": {
        "hidden_size": 4096, "intermediate_size": 14336, "max_position_embeddings": 131072,
        "num_attention_heads": 32, "num_hidden_layers": 40, "num_key_value_heads": 8, "vocab_size": 128256,
    },
    "modernbert": {
        "hidden_size": 768, "intermediate_size": 1152, "local_attention": 128, "max_position_embeddings": 8192,
        "num_attention_heads": 12, "num_hidden_layers": 22, "vocab_size": 50368,
    },
    "modernbert-decoder": {
        "hidden_size": 768, "intermediate_size": 1152, "local_attention": 128, "max_position_embeddings": 8192,
        "num_attention_heads": 12, "num_hidden_layers": 22, "vocab_size": 50368,
    },
    "molmo2_text": {
        "additional_vocab_size": 128, "head_dim": 128, "hidden_size": 4096, "intermediate_size": 12288,
        "max_position_embeddings": 36864, "num_attention_heads": 32, "num_hidden_layers": 36,
        "num_key_value_heads": 8, "vocab_size": 151936,
    },
    "moshi": {
        "ffn_dim": 22528, "hidden_size": 4096, "max_position_embeddings": 3000, "num_attention_heads": 32,
        "num_codebooks": 8, "num_hidden_layers": 32, "sliding_window": 3000, "vocab_size": 32000,
    },
    "mpnet": {
        "hidden_size": 768, "intermediate_size": 3072, "max_position_embeddings": 512, "num_attention_heads": 12,
        "num_hidden_layers": 12, "relative_attention_num_buckets": 32, "vocab_size": 30527,
    },
    "mpt": {
        "d_model": 2048, "expansion_ratio": 4, "max_seq_len": 2048, "n_heads": 16, "n_layers": 24,
        "vocab_size": 50368,
    },
    "mt5": {
        "d_ff": 1024, "d_kv": 64, "d_model": 512, "num_heads": 6, "num_layers": 8,
        "relative_attention_max_distance": 128, "relative_attention_num_buckets": 32, "vocab_size": 250112,
    },
    "muse_glimmer_text": {
        "head_dim": 128, "hidden_size": 6656, "intermediate_size": 19968, "max_position_embeddings": 131072,
        "num_attention_heads": 32, "num_hidden_layers": 52, "num_key_value_heads": 2, "sliding_window": 2048,
        "vocab_size": 202048,
    },
    "muse_spark_text": {
        "head_dim": 64, "hidden_size": 8192, "intermediate_size": 16384, "max_position_embeddings": 1048576,
        "moe_hidden_size": 4096, "moe_intermediate_size": 4096, "num_attention_heads": 128,
        "num_experts_per_tok": 8, "num_hidden_layers": 62, "num_key_value_heads": 16, "num_local_experts": 256,
        "sliding_window": 2048, "vocab_size": 202048,
    },
    "mvp": {
        "d_model": 1024, "decoder_attention_heads": 16, "decoder_ffn_dim": 4096, "decoder_layers": 12,
        "encoder_attention_heads": 16, "encoder_ffn_dim": 4096, "encoder_layers": 12,
        "max_position_embeddings": 1024, "prompt_length": 100, "prompt_mid_dim": 800, "vocab_size": 50267,
    },
    "nanochat": {
        "hidden_size": 768, "intermediate_size": 8192, "max_position_embeddings": 2048, "num_attention_heads": 6,
        "num_hidden_layers": 12, "vocab_size": 50304,
    },
    "nemotron": {
        "hidden_size": 6144, "intermediate_size": 24576, "max_position_embeddings": 4096, "num_attention_heads": 48,
        "num_hidden_layers": 32, "vocab_size": 256000,
    },
    "nemotron_h": {
        "conv_kernel": 4, "expand": 2, "head_dim": 128, "hidden_size": 4096, "intermediate_size": 21504,
        "mamba_head_dim": 64, "mamba_num_heads": 128, "max_position_embeddings": 4096,
        "moe_intermediate_size": 7688, "moe_shared_expert_intermediate_size": 7688, "n_groups": 8,
        "n_routed_experts": 8, "n_shared_experts": 1, "num_attention_heads": 32, "num_experts_per_tok": 2,
        "num_key_value_heads": 8, "ssm_state_size": 128, "vocab_size": 131072,
    },
    "nomic_bert": {
        "hidden_size": 768, "intermediate_size": 3072, "max_position_embeddings": 2048, "num_attention_heads": 12,
        "num_hidden_layers": 12, "type_vocab_size": 2, "vocab_size": 30528,
    },
    "olmo": {
        "hidden_size": 4096, "intermediate_size": 11008, "max_position_embeddings": 2048, "num_attention_heads": 32,
        "num_hidden_layers": 32, "vocab_size": 50304,
    },
    "olmo2": {
        "hidden_size": 4096, "intermediate_size": 11008, "max_position_embeddings": 2048, "num_attention_heads": 32,
        "num_hidden_layers": 32, "vocab_size": 50304,
    },
    "olmo3": {
        "hidden_size": 4096, "intermediate_size": 11008, "max_position_embeddings": 2048, "num_attention_heads": 32,
        "num_hidden_layers": 32, "sliding_window": 4096, "vocab_size": 50304,
    },
    "olmo_hybrid": {
        "hidden_size": 3840, "intermediate_size": 11008, "linear_conv_kernel_dim": 4,
        "max_position_embeddings": 65536, "num_attention_heads": 30, "num_hidden_layers": 32, "vocab_size": 100352,
    },
    "olmoe": {
        "hidden_size": 2048, "intermediate_size": 2048, "max_position_embeddings": 4096, "num_attention_heads": 16,
        "num_experts": 64, "num_experts_per_tok": 8, "num_hidden_layers": 16, "vocab_size": 50304,
    },
    "openai-gpt": {
        "n_embd": 768, "n_head": 12, "n_layer": 12, "n_positions": 512, "vocab_size": 40478,
    },
    "opt": {
        "ffn_dim": 3072, "hidden_size": 768, "max_position_embeddings": 2048, "num_attention_heads": 12,
        "num_hidden_layers": 12, "vocab_size": 50272,
    },
    "paddleocr_vl_text": {
        "head_dim": 128, "hidden_size": 1024, "intermediate_size": 3072, "max_position_embeddings": 131072,
        "num_attention_heads": 16, "num_hidden_layers": 18, "num_key_value_heads": 2, "vocab_size": 103424,
    },
    "pegasus": {
        "d_model": 1024, "decoder_attention_heads": 16, "decoder_ffn_dim": 4096, "decoder_layers": 12,
        "encoder_attention_heads": 16, "encoder_ffn_dim": 4096, "encoder_layers": 12,
        "max_position_embeddings": 1024, "vocab_size": 50265,
    },
    "persimmon": {
        "hidden_size": 4096, "intermediate_size": 16384, "max_position_embeddings": 16384,
        "num_attention_heads": 64, "num_hidden_layers": 36, "vocab_size": 262144,
    },
    "phi": {
        "hidden_size": 2048, "intermediate_size": 8192, "max_position_embeddings": 2048, "num_attention_heads": 32,
        "num_hidden_layers": 24, "vocab_size": 51200,
    },
    "phi3": {
        "hidden_size": 3072, "intermediate_size": 8192, "max_position_embeddings": 4096, "num_attention_heads": 32,
        "num_hidden_layers": 32, "vocab_size": 32064,
    },
    "phi4_multimodal": {
        "hidden_size": 3072, "intermediate_size": 8192, "max_position_embeddings": 131072,
        "num_attention_heads": 32, "num_hidden_layers": 32, "num_key_value_heads": 8, "vocab_size": 200064,
    },
    "phimoe": {
        "hidden_size": 4096, "intermediate_size": 6400, "max_position_embeddings": 131072,
        "num_attention_heads": 32, "num_experts_per_tok": 2, "num_hidden_layers": 32, "num_key_value_heads": 8,
        "num_local_experts": 16, "vocab_size": 32064,
    },
    "pix2struct_text_model": {
        "d_ff": 2048, "d_kv": 64, "hidden_size": 768, "num_heads": 12, "num_layers": 12,
        "relative_attention_max_distance": 128, "relative_attention_num_buckets": 32, "vocab_size": 50244,
    },
    "plbart": {
        "d_model": 768, "decoder_attention_heads": 12, "decoder_ffn_dim": 3072, "decoder_layers": 6,
        "encoder_attention_heads": 12, "encoder_ffn_dim": 3072, "encoder_layers": 6,
        "max_position_embeddings": 1024, "vocab_size": 50005,
    },
    "pp_formulanet_text": {
        "d_model": 512, "decoder_attention_heads": 16, "decoder_ffn_dim": 2048, "decoder_layers": 8,
        "encoder_attention_heads": 16, "encoder_layers": 12, "max_position_embeddings": 2560, "vocab_size": 50000,
    },
    "qwen2": {
        "hidden_size": 4096, "intermediate_size": 22016, "max_position_embeddings": 32768, "max_window_layers": 28,
        "num_attention_heads": 32, "num_hidden_layers": 32, "num_key_value_heads": 32, "sliding_window": 4096,
        "vocab_size": 151936,
    },
    "qwen2_5_omni_text": {
        "hidden_size": 3584, "intermediate_size": 18944, "max_position_embeddings": 32768, "max_window_layers": 28,
        "num_attention_heads": 28, "num_hidden_layers": 28, "num_key_value_heads": 4, "sliding_window": 32768,
        "vocab_size": 152064,
    },
    "qwen2_5_vl_text": {
        "hidden_size": 8192, "intermediate_size": 29568, "max_position_embeddings": 32768, "max_window_layers": 80,
        "num_attention_heads": 64, "num_hidden_layers": 80, "num_key_value_heads": 8, "sliding_window": 4096,
        "vocab_size": 152064,
    },
    "qwen2_moe": {
        "decoder_sparse_step": 1, "hidden_size": 2048, "intermediate_size": 5632, "max_position_embeddings": 32768,
        "max_window_layers": 28, "moe_intermediate_size": 1408, "num_attention_heads": 16, "num_experts": 60,
        "num_experts_per_tok": 4, "num_hidden_layers": 24, "num_key_value_heads": 16,
        "shared_expert_intermediate_size": 5632, "sliding_window": 4096, "vocab_size": 151936,
    },
    "qwen2_vl_text": {
        "hidden_size": 8192, "intermediate_size": 29568, "max_position_embeddings": 32768, "max_window_layers": 80,
        "num_attention_heads": 64, "num_hidden_layers": 80, "num_key_value_heads": 8, "sliding_window": 4096,
        "vocab_size": 152064,
    },
    "qwen3": {
        "head_dim": 128, "hidden_size": 4096, "intermediate_size": 22016, "max_position_embeddings": 32768,
        "max_window_layers": 28, "num_attention_heads": 32, "num_hidden_layers": 32, "num_key_value_heads": 32,
        "sliding_window": 4096, "vocab_size": 151936,
    },
    "qwen3_5_moe_text": {
        "head_dim": 256, "hidden_size": 2048, "linear_conv_kernel_dim": 4, "linear_key_head_dim": 128,
        "linear_num_key_heads": 16, "linear_num_value_heads": 32, "linear_value_head_dim": 128,
        "max_position_embeddings": 32768, "moe_intermediate_size": 512, "num_attention_heads": 16,
        "num_experts": 256, "num_experts_per_tok": 8, "num_hidden_layers": 40, "num_key_value_heads": 2,
        "shared_expert_intermediate_size": 512, "vocab_size": 248320,
    },
    "qwen3_5_text": {
        "head_dim": 256, "hidden_size": 4096, "intermediate_size": 12288, "linear_conv_kernel_dim": 4,
        "linear_key_head_dim": 128, "linear_num_key_heads": 16, "linear_num_value_heads": 32,
        "linear_value_head_dim": 128, "max_position_embeddings": 32768, "num_attention_heads": 16,
        "num_hidden_layers": 32, "num_key_value_heads": 4, "vocab_size": 248320,
    },
    "qwen3_moe": {
        "decoder_sparse_step": 1, "hidden_size": 2048, "intermediate_size": 6144, "max_position_embeddings": 32768,
        "moe_intermediate_size": 768, "num_attention_heads": 32, "num_experts": 128, "num_experts_per_tok": 8,
        "num_hidden_layers": 24, "num_key_value_heads": 4, "sliding_window": 4096, "vocab_size": 151936,
    },
    "qwen3_next": {
        "decoder_sparse_step": 1, "head_dim": 256, "hidden_size": 2048, "intermediate_size": 5632,
        "linear_conv_kernel_dim": 4, "linear_key_head_dim": 128, "linear_num_key_heads": 16,
        "linear_num_value_heads": 32, "linear_value_head_dim": 128, "max_position_embeddings": 32768,
        "moe_intermediate_size": 512, "num_attention_heads": 16, "num_experts": 512, "num_experts_per_tok": 10,
        "num_hidden_layers": 48, "num_key_value_heads": 2, "shared_expert_intermediate_size": 512,
        "vocab_size": 151936,
    },
    "qwen3_omni_moe_text": {
        "decoder_sparse_step": 1, "hidden_size": 2048, "intermediate_size": 18944, "max_position_embeddings": 32768,
        "moe_intermediate_size": 768, "num_attention_heads": 28, "num_experts": 128, "num_experts_per_tok": 8,
        "num_hidden_layers": 28, "num_key_value_heads": 4, "vocab_size": 3584,
    },
    "qwen3_vl_moe_text": {
        "decoder_sparse_step": 1, "hidden_size": 2048, "intermediate_size": 5632, "max_position_embeddings": 128000,
        "moe_intermediate_size": 1408, "num_attention_heads": 16, "num_experts": 60, "num_experts_per_tok": 4,
        "num_hidden_layers": 24, "num_key_value_heads": 16, "vocab_size": 151936,
    },
    "qwen3_vl_text": {
        "head_dim": 128, "hidden_size": 4096, "intermediate_size": 22016, "max_position_embeddings": 128000,
        "num_attention_heads": 32, "num_hidden_layers": 32, "num_key_value_heads": 32, "vocab_size": 151936,
    },
    "recurrent_gemma": {
        "attention_window_size": 2048, "conv1d_width": 4, "hidden_size": 2560, "intermediate_size": 7680,
        "num_attention_heads": 10, "num_hidden_layers": 26, "vocab_size": 256000,
    },
    "rembert": {
        "hidden_size": 1152, "input_embedding_size": 256, "intermediate_size": 4608, "max_position_embeddings": 512,
        "num_attention_heads": 18, "num_hidden_layers": 32, "type_vocab_size": 2, "vocab_size": 250300,
    },
    "roberta": {
        "hidden_size": 768, "intermediate_size": 3072, "max_position_embeddings": 512, "num_attention_heads": 12,
        "num_hidden_layers": 12, "type_vocab_size": 2, "vocab_size": 50265,
    },
    "roberta-prelayernorm": {
        "hidden_size": 768, "intermediate_size": 3072, "max_position_embeddings": 512, "num_attention_heads": 12,
        "num_hidden_layers": 12, "type_vocab_size": 2, "vocab_size": 50265,
    },
    "roc_bert": {
        "hidden_size": 768, "intermediate_size": 3072, "max_position_embeddings": 512, "num_attention_heads": 12,
        "num_hidden_layers": 12, "pronunciation_embed_dim": 768, "pronunciation_vocab_size": 910,
        "shape_embed_dim": 512, "shape_vocab_size": 24858, "type_vocab_size": 2, "vocab_size": 30522,
    },
    "roformer": {
        "hidden_size": 768, "intermediate_size": 3072, "max_position_embeddings": 1536, "num_attention_heads": 12,
        "num_hidden_layers": 12, "type_vocab_size": 2, "vocab_size": 50000,
    },
    "rwkv": {
        "context_length": 1024, "hidden_size": 4096, "num_hidden_layers": 32, "rescale_every": 6,
        "vocab_size": 50277,
    },
    "sarvam_mla": {
        "first_k_dense_replace": 1, "hidden_size": 4096, "intermediate_size": 16384, "kv_lora_rank": 512,
        "max_position_embeddings": 4096, "moe_intermediate_size": 2048, "n_routed_experts": 128,
        "n_shared_experts": 1, "num_attention_heads": 64, "num_experts_per_tok": 8, "num_hidden_layers": 32,
        "num_mtp_layers": 0, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128,
        "vocab_size": 262144,
    },
    "sarvam_moe": {
        "first_k_dense_replace": 1, "head_dim": 64, "hidden_size": 4096, "intermediate_size": 8192,
        "max_position_embeddings": 131072, "moe_intermediate_size": 1024, "n_routed_experts": 128,
        "n_shared_experts": 1, "num_attention_heads": 64, "num_experts_per_tok": 6, "num_hidden_layers": 19,
        "num_key_value_heads": 4, "num_mtp_layers": 0, "vocab_size": 262144,
    },
    "seed_oss": {
        "head_dim": 128, "hidden_size": 4096, "intermediate_size": 27648, "max_position_embeddings": 524288,
        "num_attention_heads": 80, "num_hidden_layers": 64, "num_key_value_heads": 8, "vocab_size": 155136,
    },
    "smollm3": {
        "hidden_size": 2048, "intermediate_size": 11008, "max_position_embeddings": 32768,
        "no_rope_layer_interval": 4, "num_attention_heads": 16, "num_hidden_layers": 36, "num_key_value_heads": 4,
        "vocab_size": 128256,
    },
    "solar_open": {
        "head_dim": 128, "hidden_size": 4096, "max_position_embeddings": 131072, "moe_intermediate_size": 1280,
        "n_routed_experts": 128, "n_shared_experts": 1, "num_attention_heads": 64, "num_experts_per_tok": 8,
        "num_hidden_layers": 48, "num_key_value_heads": 8, "vocab_size": 196608,
    },
    "stablelm": {
        "hidden_size": 2560, "intermediate_size": 6912, "max_position_embeddings": 4096, "num_attention_heads": 32,
        "num_hidden_layers": 32, "num_key_value_heads": 32, "vocab_size": 50304,
    },
    "starcoder2": {
        "hidden_size": 3072, "intermediate_size": 12288, "max_position_embeddings": 4096, "num_attention_heads": 24,
        "num_hidden_layers": 30, "num_key_value_heads": 2, "vocab_size": 49152,
    },
    "step3p5": {
        "head_dim": 128, "hidden_size": 4096, "intermediate_size": 11264, "max_position_embeddings": 128000,
        "moe_intermediate_size": 1280, "n_routed_experts": 288, "num_attention_heads": 64, "num_experts_per_tok": 8,
        "num_hidden_layers": 45, "num_key_value_heads": 8, "num_local_experts": 128, "share_expert_dim": 1280,
        "vocab_size": 128815,
    },
    "t5": {
        "d_ff": 2048, "d_kv": 64, "d_model": 512, "num_heads": 8, "num_layers": 6,
        "relative_attention_max_distance": 128, "relative_attention_num_buckets": 32, "vocab_size": 32128,
    },
    "trocr": {
        "d_model": 1024, "decoder_attention_heads": 16, "decoder_ffn_dim": 4096, "decoder_layers": 12,
        "max_position_embeddings": 512, "vocab_size": 50265,
    },
    "udop": {
        "d_ff": 4096, "d_kv": 64, "d_model": 1024, "image_size": 224, "max_2d_position_embeddings": 1024,
        "num_channels": 3, "num_heads": 16, "num_layers": 24, "patch_size": 16,
        "relative_attention_max_distance": 128, "relative_attention_num_buckets": 32, "vocab_size": 33201,
    },
    "umt5": {
        "d_ff": 1024, "d_kv": 64, "d_model": 512, "num_heads": 6, "num_layers": 8,
        "relative_attention_max_distance": 128, "relative_attention_num_buckets": 32, "vocab_size": 250112,
    },
    "unlimited_ocr_text": {
        "hidden_size": 1280, "intermediate_size": 6848, "max_position_embeddings": 32768,
        "moe_intermediate_size": 896, "n_routed_experts": 64, "n_shared_experts": 2, "num_attention_heads": 10,
        "num_experts_per_tok": 6, "num_hidden_layers": 12, "num_key_value_heads": 10, "sliding_window": 128,
        "vocab_size": 129280,
    },
    "vaultgemma": {
        "head_dim": 256, "hidden_size": 2304, "intermediate_size": 9216, "max_position_embeddings": 8192,
        "num_attention_heads": 8, "num_hidden_layers": 26, "num_key_value_heads": 4, "sliding_window": 4096,
        "vocab_size": 256000,
    },
    "whisper": {
        "classifier_proj_size": 256, "d_model": 384, "decoder_attention_heads": 6, "decoder_ffn_dim": 1536,
        "decoder_layers": 4, "encoder_attention_heads": 6, "encoder_ffn_dim": 1536, "encoder_layers": 4,
        "mask_feature_length": 10, "mask_feature_min_masks": 0, "mask_time_length": 10, "mask_time_min_masks": 2,
        "max_source_positions": 1500, "max_target_positions": 448, "median_filter_width": 7, "num_mel_bins": 80,
        "vocab_size": 51865,
    },
    "xglm": {
        "attention_heads": 16, "d_model": 1024, "ffn_dim": 4096, "max_position_embeddings": 2048, "num_layers": 24,
        "vocab_size": 256008,
    },
    "xlm": {
        "emb_dim": 2048, "end_n_top": 5, "lang_id": 0, "mask_index": 5, "max_position_embeddings": 512,
        "n_heads": 16, "n_langs": 1, "n_layers": 12, "start_n_top": 5, "unk_index": 3, "vocab_size": 30145,
    },
    "xlm-roberta": {
        "hidden_size": 768, "intermediate_size": 3072, "max_position_embeddings": 512, "num_attention_heads": 12,
        "num_hidden_layers": 12, "type_vocab_size": 2, "vocab_size": 30522,
    },
    "xlm-roberta-xl": {
        "hidden_size": 2560, "intermediate_size": 10240, "max_position_embeddings": 514, "num_attention_heads": 32,
        "num_hidden_layers": 36, "type_vocab_size": 1, "vocab_size": 250880,
    },
    "xlnet": {
        "d_inner": 4096, "d_model": 1024, "end_n_top": 5, "mem_len": 512, "n_head": 16, "n_layer": 24,
        "start_n_top": 5, "vocab_size": 32000,
    },
    "xlstm": {
        "ffn_round_up_to_multiple_of": 64, "hidden_size": 4096, "max_inference_chunksize": 16384, "num_heads": 8,
        "num_hidden_layers": 32, "vocab_size": 50304,
    },
    "xmod": {
        "adapter_reduction_factor": 2, "hidden_size": 768, "intermediate_size": 3072,
        "max_position_embeddings": 512, "num_attention_heads": 12, "num_hidden_layers": 12, "type_vocab_size": 2,
        "vocab_size": 30522,
    },
    "youtu": {
        "hidden_size": 2048, "intermediate_size": 6144, "kv_lora_rank": 512, "max_position_embeddings": 131072,
        "num_attention_heads": 16, "num_hidden_layers": 32, "num_key_value_heads": 16, "q_lora_rank": 1536,
        "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128, "vocab_size": 128256,
    },
    "zamba": {
        "attn_layer_offset": 4, "attn_layer_period": 6, "hidden_size": 3712, "intermediate_size": 14848,
        "mamba_d_conv": 4, "mamba_d_state": 16, "mamba_expand": 2, "max_position_embeddings": 4096,
        "n_mamba_heads": 2, "num_attention_heads": 16, "num_hidden_layers": 76, "num_key_value_heads": 16,
        "vocab_size": 32000,
    },
    "zamba2": {
        "adapter_rank": 128, "hidden_size": 2560, "mamba_d_conv": 4, "mamba_d_state": 64, "mamba_expand": 2,
        "mamba_ngroups": 1, "max_position_embeddings": 4096, "n_mamba_heads": 8, "num_attention_heads": 32,
        "num_hidden_layers": 54, "num_mem_blocks": 1, "vocab_size": 32000,
    },
    "zaya": {
        "cca_time0": 2, "cca_time1": 2, "head_dim": 128, "hidden_size": 2048, "max_position_embeddings": 131072,
        "moe_intermediate_size": 2048, "num_attention_heads": 8, "num_experts": 16, "num_experts_per_tok": 1,
        "num_hidden_layers": 40, "num_key_value_heads": 2, "router_hidden_size": 256, "vocab_size": 262272,
    },
}
TEXT_MODEL: dict[str, str] = {
    "apertus1p5": "apertus1p5_text", "aria": "aria_text", "audioflamingo3": "qwen2", "aya_vision": "cohere2",
    "blip": "blip_text_model", "blip-2": "opt", "cohere2_vision": "cohere2",
    "cohere_compass": "cohere_compass_text", "cosmos3_edge": "cosmos3_edge_text", "cosmos3_omni": "qwen3_vl_text",
    "deepseek_ocr2": "deepseek_ocr2_text", "deepseek_vl": "llama", "deepseek_vl_hybrid": "llama",
    "dots3_note": "dots3_note_text", "emu3": "emu3_text_model", "ernie4_5_vl_moe": "ernie4_5_vl_moe_text",
    "exaone4_5": "exaone4", "fast_vlm": "qwen2", "florence2": "bart", "fun_asr_nano": "qwen3", "fuyu": "persimmon",
    "gemma4_unified": "gemma4_unified_text", "gemma4_unified_assistant": "gemma4_unified_text",
    "glm46v": "glm4v_text", "glm4v": "glm4v_text", "glm4v_moe": "glm4v_moe_text", "glm5_next": "glm5_next_text",
    "glm_ocr": "glm_ocr_text", "glmasr": "llama", "glmga": "glm4v_text", "got_ocr2": "qwen2",
    "granite4_vision": "granite4_vision_text", "granite_docling": "granite_docling_text",
    "granite_speech": "granite", "granite_speech_plus": "granite", "grounding-dino": "bert",
    "hunyuan_vl": "hunyuan_vl_text", "hy_v4_vl": "hy_v4_vl_text", "hyperclovax_vision_v2": "hyperclovax",
    "idefics2": "mistral", "idefics3": "llama", "inkling2": "inkling2_text", "inkling2_loop": "inkling2_loop_text",
    "inkling_mm_model": "inkling_text", "instructblip": "opt", "instructblipvideo": "opt", "internvl": "qwen2",
    "janus": "llama", "jev": "qwen3_5_text", "kimi_k25": "deepseek_v3", "kosmos-2": "kosmos_2_text_model",
    "kosmos-2.5": "kosmos_2_5_text_model", "lfm2_vl": "lfm2", "lfm3_vl": "lfm3", "lighton_ocr": "qwen3",
    "llava": "llama", "llava_next": "llama", "llava_next_video": "llama", "llava_onevision": "qwen2",
    "minicpm_ocr": "qwen3_5_text", "minicpmv4_6": "qwen3_5_text", "minicpmv4_7": "qwen3_5_text",
    "mistral3": "mistral", "mistral_large4": "mistral_large4_text", "mllama": "mllama_text_model",
    "mm-grounding-dino": "bert", "modernvbert": "modernbert", "molmo2": "molmo2_text",
    "moss_transcribe_diarize": "qwen3", "muse_glimmer": "muse_glimmer_text", "muse_spark": "muse_spark_text",
    "musicflamingo": "qwen2", "nemo_speechlm": "nemotron_h", "nemotron_h_omni": "nemotron_h", "omniasr": "llama",
    "ovis2": "qwen2", "paddleocr_vl": "paddleocr_vl_text", "paligemma": "gemma", "pe_audio": "modernbert",
    "pe_audio_video": "modernbert", "pe_video": "modernbert", "perception_lm": "llama",
    "pix2struct": "pix2struct_text_model", "pp_chart2table": "qwen2", "pp_formulanet": "pp_formulanet_text",
    "qianfan_ocr": "qwen3", "qwen2_5_omni": "qwen2_5_omni_text", "qwen2_5_omni_thinker": "qwen2_5_omni_text",
    "qwen2_audio": "qwen2", "qwen3_asr": "qwen3", "qwen3_omni_moe": "qwen3_omni_moe_text",
    "qwen3_omni_moe_thinker": "qwen3_omni_moe_text", "qwen3_vl": "qwen3_vl_text",
    "qwen3_vl_moe": "qwen3_vl_moe_text", "shieldgemma2": "gemma3_text", "smolvlm": "llama",
    "unlimited_ocr": "unlimited_ocr_text", "vibevoice": "qwen2", "vibevoice_asr": "qwen2", "video_llama_3": "qwen2",
    "video_llava": "llama", "vipllava": "llama", "vision-text-dual-encoder": "bert", "voxtral": "llama",
}
