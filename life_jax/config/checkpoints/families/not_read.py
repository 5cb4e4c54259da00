"""Model types of transformers that are not read, each with the reason."""

_AUDIO = "its input is sound, whose encoder is not counted"

NOT_READ = {
    **dict.fromkeys(("musicgen", "musicgen_melody", "speecht5", "kyutai_speech_to_text"), _AUDIO),
    "vision-encoder-decoder": "its encoder and decoder are configurations of their own",
    "evolla": "its input is a protein, whose encoder is not counted",
    "pi0": "it makes actions of a robot, by flow matching",
    "blt": "it reads patches of bytes, whose number depends on the text",
    "reformer": "its attention to hashes is not counted",
    "prophetnet": "it computes streams of n-grams, which are not counted",
    "longt5": "its local and global attention is not counted",
    "led": "its windows with global tokens are not counted",
    "longformer": "its windows with global tokens are not counted",
    "qwen4_exp_text": "its residual streams and tables of n-grams are not counted",
    "diffusion_gemma_text": "it denoises a canvas of several hundred tokens behind a cache",
    "t5gemma": "its encoder and decoder are configurations of their own",
    "t5gemma2": "its encoder and decoder are configurations of their own",
}  # fmt: skip
