"""What stands around the name of a model: each spelling of a name without more of it, and what it was made of.

Ollama adds a tag, files of weights a folder and a shard, hubs the kind of file. A model that was trained further is
named after the one that it was made of: Hermes-3-Llama-3.1-8B has the shape of Llama-3.1-8B.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from life_jax.config.weight_format_names import BEHIND, split_format

FOLDER = re.compile(r"^.*\\(?=[^\\]*$)|^.*/(?=[^/]+\.gguf$)", re.IGNORECASE)
HUB = re.compile(r"^(?:https?://)?(?:huggingface\.co|hf\.co|modelscope\.cn/models|ollama\.com/library)/", re.IGNORECASE)
# the longest context that its makers trained, the data and the form: shapes are those of the model without them
BESIDE = re.compile(
    r"[-_ ](?:[1-9]m|10m|\d+k|text|text-only|qat|pt|rl|sft|dpo|reasoning|thinking|latest)(?=[-_ :.]|$)",
    re.IGNORECASE,
)
POINT = re.compile(r"(?<=[a-z]\d)p(?=\d)", re.IGNORECASE)  # llama-v3p1-70b
V = re.compile(r"(?<=[a-z]-)v(?=\d)", re.IGNORECASE)
# words of a model that has another shape than the one that its name begins with
OTHER_SHAPE = re.compile(
    r"eagle|eagle2|eagle3|medusa|mtp|draft|drafter|dspark|speculator|lora|adapter|mmproj|vl|vision|omni|"
    r"audio|moe|mamba|embedding|multimodal|flash|pruned|slim|minitron|reap|frankenmerge|upscaled|ocr|tts|"
    r"asr|vla|image|video|tiny|nano|mini|micro|lite|next"
)
PIECE = re.compile(r"[a-z]+|\d+")
SIZE = re.compile(r"(?:^| )(?:\d+ )*(?:\d+ x )?\d+ (?:m|b)(?: |$)")


def spellings(name: str) -> Iterator[str]:
    """The name with less and less of what stands around it; not as it is written."""
    shown = {name}
    now = name
    for rule in (
        lambda text: HUB.sub("", FOLDER.sub("", text)),
        _without_ending,
        lambda text: V.sub("", POINT.sub(".", text)),
        lambda text: BESIDE.sub("", text),
        _without_ending,
    ):
        now = rule(now).strip()
        if now and now not in shown:
            shown.add(now)
            yield now


def _without_ending(name: str) -> str:
    """Without its weight format and what stands behind a name without one."""
    left = split_format(name)[0]
    left = re.sub(r"\.gguf$", "", left, flags=re.IGNORECASE)
    for _ in range(4):
        ending = BEHIND.search(left)
        if ending is None:
            break
        left = left[: ending.start()]
    return left


Known = Iterable[tuple[tuple[str, ...], str]]
ACTIVE = re.compile(r"(?<![a-z\d])a\d+b")  # parameters of a mixture that a token meets


def made_of(words: Sequence[str], *known: Known) -> tuple[str, ...]:
    """Labels whose words stand in these, one after another, of the longest that do; none where one says another shape.

    words: of a name. known: lists of (letters and digits, label), of which the first wins where names in several are as
    long. Only names that say a size count, and of a mixture how much of it a token meets.
    """
    pieces: list[str] = []
    starts: set[int] = set()
    for word in words:
        starts.add(len(pieces))
        pieces += PIECE.findall(word)
    if any(OTHER_SHAPE.fullmatch(piece) for piece in (*pieces, *words)):
        return ()
    ends, longest = {*starts, len(pieces)}, 2  # words that say too little
    best: tuple[str, ...] = ()
    for names in known:
        by_start: dict[str, list[tuple[tuple[str, ...], str]]] = {}
        for own, label in names:
            if len(own) > longest and own[0] in pieces:
                by_start.setdefault(own[0], []).append((own, label))
        inside = [
            (len(own), label)
            for start in starts
            for own, label in by_start.get(pieces[start] if start < len(pieces) else "", ())
            if tuple(pieces[start : start + len(own)]) == own and start + len(own) in ends and _says_size(own)
        ]
        if inside:
            longest = max(length for length, _ in inside)
            best = tuple(dict.fromkeys(label for length, label in inside if length == longest))
    active = {word for word in words if ACTIVE.fullmatch(word)}
    return tuple(label for label in best if not active or set(ACTIVE.findall(label)) <= active)


def _says_size(words: Sequence[str]) -> bool:
    return SIZE.search(" ".join(words)) is not None
