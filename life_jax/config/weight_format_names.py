"""The weight format that a model's name carries, as hubs, Ollama, files of weights and llama-bench write it."""

import re

# options of weights whose inputs are as narrow -> the same weights alone, for devices without such units
WEIGHTS_ALONE = {"w8a8_fp8": "fp8"}
# what a file of weights or an Ollama tag adds to its model's name: `-Q4_K_M`, `:8b-q4_0`, `-UD-IQ2_XXS.gguf`, `@q8_0`
_TYPES = (
    r"(?:ud[-_])?(?:i?q\d\w*|tq[12]_0|mxfp4(?:_moe)?|mxfp8|nvfp4(?:a16)?|nf4|w\da\d\d?|int[2348]|f16|fp16|bf16|fp[48]|awq|"
    r"gptq(?:model)?|mlx|bnb|hqq|aqlm|exl[23]|auto-?round|dwq|[1-8]bit|\d(?:\.\d\d?)?bpw)"
)
FILE_TYPE = re.compile(rf"[-_:. @(]({_TYPES})\)?$", re.IGNORECASE)
# what llama-bench prints behind it: `Q4_K - Medium`, `IQ2_XXS - 2.0625 bpw`, `MXFP4 MoE`
BENCH_TYPE = re.compile(
    r"\s(i?q\d\w*|tq[12]_0|mxfp4)(?: moe)?(?: - (small|medium|large|[\d.]+ bpw))?(?: - [\d.]+ bpw)?(?: ternary)?$",
    re.IGNORECASE,
)
# which part of a model's files it is, what made it or of what run, behind its format: they say nothing of the weights
BEHIND = re.compile(
    r"(?:[-_. ](?:\d{5}-of-\d{5}|gguf|ggml|i1|imat(?:rix)?|dynamic|static|dyn|block|unsloth|g\d{2,3}|h\d|inc|sym|asym|"
    r"symmetric|channel|per-?channel|\dx1[0-9]|hf|kv|\d{6}|v[2-9]|"
    r"ov|openvino|onnx|torchao|litert|hybrid|npu|cpu|gpu|cuda|int4-?block|rtn|preview|marlin)|[:-](?:latest|cloud))$",
    re.IGNORECASE,
)
QUANTIZED = re.compile(r"[-_.]quantized(?=\.(w\da\d))", re.IGNORECASE)
# a word in the middle of a name that says a format, or a mix of formats that is not known
UNREAD = re.compile(rf"(?:^|[-_:. @(])(?:{_TYPES}|dq\d\w*)(?=$|[-_:. @)])", re.IGNORECASE)
MADE_WITH = ("mlx", "bnb", "gptq", "awq", "hqq", "aqlm")
LONGEST = 400  # characters of a name that is taken apart


def split_format(name: str) -> tuple[str, str]:
    """The name of a model without its weight format, and the format in small letters, "" where it carries none.

    `qwen3:8b-q4_K_M`, `Qwen2.5-7B-Instruct-GPTQ-Int4`, `llama 8B Q4_K - Medium`, `model-UD-Q4_K_XL.gguf`.
    """
    if len(name) > LONGEST:
        return name, ""
    plain = re.sub(r"\.gguf$", "", name, flags=re.IGNORECASE)
    if bench := BENCH_TYPE.search(plain):
        size = (bench[2] or "").lower()
        mix = f"_{size[0]}" if size in ("small", "medium", "large") else ""
        return plain[: bench.start()], bench[1].lower() + mix
    plain = QUANTIZED.sub("", plain)
    types: list[str] = []
    left = plain
    while len(types) < 4:
        if ending := FILE_TYPE.search(left):
            types.insert(0, ending[1].lower().replace("ud_", "ud-"))
            left = plain = left[: ending.start()]
        elif behind := BEHIND.search(left):
            if types and behind[0].lower().endswith("unsloth"):  # which stands before the format that it made
                plain = left[: behind.start()]
            left = left[: behind.start()]
        else:
            break
    return plain, _one_format(types)


def _one_format(types: list[str]) -> str:
    """The format that the words at the end of a name say together: [gptq, int4] is int4-gptq, [4bit, mlx] mlx-4bit."""
    types = [word for word in dict.fromkeys(types) if word != "dwq"]  # weights that were distilled after rounding
    types = [word.replace("gptqmodel", "gptq").replace("auto-round", "autoround") for word in types]
    if types[:1] == ["mxfp4"] and len(types) == 2 and re.fullmatch(r"q[48]", types[1]):
        return "-".join(types)  # MLX: experts MXFP4, all else in 4 or 8 bit
    if len(types) < 2:
        return "" if types and types[0] in ("mlx", "exl2", "exl3") else "".join(types)
    for method in ("awq", "gptq", "exl2", "exl3", "autoround"):
        if method in types:
            left = [word for word in types if word not in (method, "mlx", "4bit")]
            return "-".join((*left, method) if method in ("awq", "gptq") else (method, *left))
    if any(word in types for word in MADE_WITH):
        return "-".join(sorted(types, key=lambda word: word not in MADE_WITH))
    return types[-1]
