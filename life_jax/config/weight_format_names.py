"""The weight format that a model's name carries, as hubs, Ollama, files of weights and llama-bench write it."""

import re

# options of weights whose inputs are as narrow -> the same weights alone, for devices without such units
WEIGHTS_ALONE = {"w8a8_fp8": "fp8"}
# what a file of weights or an Ollama tag adds to its model's name: `-Q4_K_M`, `:8b-q4_0`, `-UD-IQ2_XXS.gguf`, `@q8_0`
_TYPES = r"(?:ud[-_])?(?:i?q\d\w*|mxfp4|nvfp4|w\da\d\d?|int[48]|f16|fp16|bf16|fp8|awq|gptq|mlx|bnb|[2-8]bit)"
FILE_TYPE = re.compile(rf"[-_:. @]({_TYPES})$", re.IGNORECASE)
# what llama-bench prints behind it: `Q4_K - Medium`, `IQ2_XXS - 2.0625 bpw`, `MXFP4 MoE`
BENCH_TYPE = re.compile(
    r"\s(i?q\d\w*|mxfp4)(?: moe)?(?: - (small|medium|large|[\d.]+ bpw))?(?: - [\d.]+ bpw)?$", re.IGNORECASE
)


def split_format(name: str) -> tuple[str, str]:
    """The name of a model without its weight format, and the format in small letters, "" where it carries none.

    `qwen3:8b-q4_K_M`, `Qwen2.5-7B-Instruct-GPTQ-Int4`, `llama 8B Q4_K - Medium`, `model-UD-Q4_K_XL.gguf`.
    """
    plain = re.sub(r"\.gguf$", "", name, flags=re.IGNORECASE)
    if bench := BENCH_TYPE.search(plain):
        size = (bench[2] or "").lower()
        mix = f"_{size[0]}" if size in ("small", "medium", "large") else ""
        return plain[: bench.start()], bench[1].lower() + mix
    types: list[str] = []
    while (ending := FILE_TYPE.search(plain)) and len(types) < 3:
        plain = plain[: ending.start()]
        types.insert(0, ending[1].lower().replace("ud_", "ud-"))
    return plain, _one_format(types)


def _one_format(types: list[str]) -> str:
    """The format that the words at the end of a name say together: [gptq, int4] is int4-gptq, [4bit, mlx] mlx-4bit."""
    if len(types) < 2:
        return "" if types == ["mlx"] else "".join(types)
    for method in ("awq", "gptq"):
        bits = [word for word in types if word not in (method, "mlx", "4bit")]
        if method in types:
            return "-".join((*bits, method))
    if "mlx" in types or "bnb" in types:
        return "-".join(sorted(types, key=lambda word: word not in ("mlx", "bnb")))
    return types[-1]
