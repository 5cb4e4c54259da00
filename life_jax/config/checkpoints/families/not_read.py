"""Model types of transformers that are not read, each with the reason."""

_AUDIO = "its input is sound, whose encoder is not counted"
_IMAGE = "its decoder attends an encoder of images, which is not counted"
_INKLING = "its convolutions over keys, values and branches are not counted"

NOT_READ = {
    **dict.fromkeys(("whisper", "musicgen", "musicgen_melody", "speecht5", "kyutai_speech_to_text"), _AUDIO),
    **dict.fromkeys(("trocr", "git", "pix2struct_text_model", "pp_formulanet_text", "vision-encoder-decoder",
                     "blip_text_model", "idefics", "udop"), _IMAGE),
    **dict.fromkeys(("inkling_text", "inkling2_text", "inkling2_loop_text"), _INKLING),
    "evolla": "its input is a protein, whose encoder is not counted",
    "blt": "it reads patches of bytes, whose number depends on the text",
    "reformer": "its attention to hashes is not counted",
    "prophetnet": "it computes streams of n-grams, which are not counted",
    "xlnet": "its two streams of relative attention are not counted",
    "xmod": "its adapters of languages are not counted",
    "roc_bert": "its tables of sounds and of shapes are not counted",
    "longt5": "its local and global attention is not counted",
    "led": "its windows with global tokens are not counted",
    "longformer": "its windows with global tokens are not counted",
    "rwkv": "RWKV-4 is not counted (RWKV-6 and RWKV-7 are)",
    "xlstm": "its matrix memory is not counted",
    "zaya": "its attention in a convolved, compressed space is not counted",
    "jetmoe": "its attention is a mixture of experts",
    "longcat_flash": "its layers have two attentions, and experts that compute nothing",
    "bailing_hybrid": "its delta attention has a full decay projection, its latent attention a gate of each head",
    "dots3_note_text": "its windows over latents are not counted",
    "axk2": "its latent attention has a gate, and its norms have one",
    "hy_v4": "its latent attention has a gate, and its residual streams are mixed in another way",
    "hy_v4_vl_text": "its latent attention has a gate, and its residual streams are mixed in another way",
    "glm5_next_text": "its latent attention is not rotated and selects pooled keys",
    "mistral_large4_text": "its latent attention selects without low-rank queries",
    "muse_spark_text": "its experts work in another width behind norms of their own",
    "qwen4_exp_text": "its residual streams and tables of n-grams are not counted",
    "diffusion_gemma_text": "it denoises a canvas of several hundred tokens behind a cache",
    "t5gemma": "its encoder and decoder are configurations of their own",
    "t5gemma2": "its encoder and decoder are configurations of their own",
}  # fmt: skip
