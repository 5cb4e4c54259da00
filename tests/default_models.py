"""Parameters of the default model of classes of transformers 5.24.0, as torch counts them (scripts/check_models.py).

A config.json that says its model_type alone is read as that model. PUBLISHED: real checkpoints.
"""

from configs import sizes

COUNTS = {
    "bert": 109_514_298,
    "roberta": 124_696_665,
    "camembert": 109_514_298,
    "xlm-roberta": 109_514_298,
    "ernie": 109_514_298,
    "data2vec-text": 109_514_298,
    "roberta-prelayernorm": 124_698_201,
    "megatron-bert": 333_671_808,
    "xlm-roberta-xl": 3_482_741_760,
    "big_bird": 128_111_286,
    "bert-generation": 354_452_662,
    "electra": 13_546_682,
    "rembert": 993_263_548,
    "roformer": 124_197_968,
    "albert": 206_368_944,
    "mpnet": 109_516_991,
    "deberta": 124_685_913,
    "deberta-v2": 879_999_588,
    "distilbert": 66_985_530,
    "xlm": 667_119_041,
    "nomic_bert": 137_354_304,
    "gte": 306_210_496,
    "jina_embeddings_v3": 559_616_146,
    "eurobert": 310_266_624,
    "modernbert": 149_655_232,
    "modernbert-decoder": 149_655_232,
    "t5": 60_506_624,
    "mt5": 172_119_424,
    "umt5": 172_122_112,
    "bart": 406_291_456,
    "plbart": 139_220_736,
    "mvp": 406_293_504,
    "mbart": 406_295_552,
    "blenderbot": 2_696_268_800,
    "blenderbot-small": 85_113_344,
    "pegasus": 406_287_360,
    "marian": 414_307_328,
    "m2m_100": 483_905_536,
    "bigbird_pegasus": 576_891_904,
    "axk1": 518_983_052_288,
    "bitnet": 2_741_155_840,
    "cohere2_moe": 190_004_928_512,
    "diffllama": 1_204_885_504,
    "doge": 403_055_872,
    "dory": 3_975_229_440,
    "hrm_text": 1_447_822_848,
    "gpt_neox_japanese": 2_598_837_760,
    "ctrl": 1_637_964_550,
    "openai-gpt": 116_534_784,
    "cpmant": 9_517_453_312,
    "flint": 39_785_287_456,
    "hyperclovax": 6_738_677_760,
    "kolibri1": 78_103_055_360,
    "moshi": 6_839_083_008,
    "ernie4_5_vl_moe_text": 28_624_635_776,
    "cosmos3_edge_text": 1_946_273_792,
    "mllama_text_model": 9_775_192_080,
    "kosmos_2_text_model": 1_342_289_920,
    "kosmos_2_5_text_model": 846_884_352,
    "molmo2_text": 8_191_259_648,
    "muse_glimmer_text": 27_854_780_928,
    "paddleocr_vl_text": 360_748_032,
    "unlimited_ocr_text": 2_934_734_080,
    "glm4v_text": 9_400_279_040,
    "gemma4_unified_text": 3_010_758_400,
    "beam": 501_267_599_808,
}
# layers that no rule of the class says, and parameters: the layer types of the default model
LAYERS = {
    "lara_mini": (["linear_attention", "sliding_attention", "linear_attention", "full_attention"]
                  + ["sliding_attention", "linear_attention", "sliding_attention", "linear_attention", "full_attention"]
                  * 6, 7_281_684_672),
    "lfm3": (["conv", "conv", "full_attention", "conv", "sliding_attention", "conv", "full_attention"]
             + ["conv", "sliding_attention", "conv", "full_attention"] * 4 + ["conv"], 1_728_801_536),
}  # fmt: skip

BART = {
    "model_type": "bart", "d_model": 1024, "encoder_layers": 12, "decoder_layers": 12, "encoder_attention_heads": 16,
    "decoder_attention_heads": 16, "encoder_ffn_dim": 4096, "decoder_ffn_dim": 4096, "vocab_size": 50265,
    "max_position_embeddings": 1024, "is_encoder_decoder": True, "scale_embedding": False,
}  # fmt: skip


def roberta(kind: str, *shape: int, **more):
    return sizes(kind, *shape, type_vocab_size=1, architectures=["XLMRobertaModel"], **more)


# config -> parameters in the checkpoint, as its hub page or paper counts them; of Ouro counted by hand
PUBLISHED = {
    "bert-base-uncased": (sizes("bert", 768, 12, 12, 3072, 30522, 512, architectures=["BertModel"]), 109_482_240),
    "all-MiniLM-L6-v2": (sizes("bert", 384, 6, 12, 1536, 30522, 512, architectures=["BertModel"]), 22_713_216),
    "bge-m3": (roberta("xlm-roberta", 1024, 24, 16, 4096, 250002, 8194), 567_754_752),
    "roberta-base": (roberta("roberta", 768, 12, 12, 3072, 50265, 514), 124_645_632),
    "distilbert": (
        {"model_type": "distilbert", "dim": 768, "n_layers": 6, "n_heads": 12, "hidden_dim": 3072, "vocab_size": 30522,
         "max_position_embeddings": 512, "architectures": ["DistilBertModel"]}, 66_362_880,
    ),
    "flan-t5-small": (
        {"model_type": "t5", "d_model": 512, "d_ff": 1024, "d_kv": 64, "num_layers": 8, "num_decoder_layers": 8,
         "num_heads": 6, "vocab_size": 32128, "feed_forward_proj": "gated-gelu", "tie_word_embeddings": False},
        76_961_152,
    ),
    "t5-small": (
        {"model_type": "t5", "d_model": 512, "d_ff": 2048, "d_kv": 64, "num_layers": 6, "num_heads": 8,
         "vocab_size": 32128, "n_positions": 512}, 60_506_624,
    ),
    "bart-large": (BART, 406_291_456),
    "LLaDA-8B": (
        {"model_type": "llada", "d_model": 4096, "n_layers": 32, "n_heads": 32, "n_kv_heads": 32, "rope": True,
         "mlp_hidden_size": 12288, "vocab_size": 126464, "max_sequence_length": 4096, "weight_tying": False},
        8_015_581_184,
    ),
    "Ouro-1.4B": (
        sizes("ouro", 2048, 24, 16, 5632, 49152, 65536, num_key_value_heads=16, total_ut_steps=4),
        24 * (4 * 2048**2 + 3 * 2048 * 5632 + 4 * 2048) + 2 * 49152 * 2048 + 2048 + 2049,
    ),
    "Dream-7B": (
        {**sizes("Dream", 3584, 28, 28, 18944, 152064, 131072, num_key_value_heads=4), "architectures": ["DreamModel"]},
        7_615_616_512,
    ),
}  # fmt: skip
