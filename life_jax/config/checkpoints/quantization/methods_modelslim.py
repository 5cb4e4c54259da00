"""Reader of Ascend's msModelSlim, which names the type of every tensor in a file beside config.json.

Sources: the documentation of msModelSlim (quant_model_description.json) and of vLLM Ascend (quantization).
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from life_jax.config.checkpoints.quantization.cache import cache_option
from life_jax.config.checkpoints.quantization.scheme import NotKnown, Scheme, group_size
from life_jax.config.checkpoints.quantization.storage import INT8, INT8_MATH, MXFP4, MXFP8, SCALE, Storage

FOUR_BITS = Storage(4, 0, SCALE)
# type of a tensor -> how it is stored; sizes of groups are said once for the file
TYPES: dict[str, Storage | None] = {
    "FLOAT": None,
    **dict.fromkeys(("W8A8", "W8A8_DYNAMIC", "W8A8_MIX", "W8A8_PDMIX"), INT8_MATH),
    "W8A16": INT8,
    "W4A16": FOUR_BITS,
    "W4A8_DYNAMIC": replace(FOUR_BITS, inputs="int8"),
    **dict.fromkeys(("W4A4_DYNAMIC", "W4A4_FLATQUANT_DYNAMIC"), replace(FOUR_BITS, inputs="int4")),
    "W8A8_MXFP8": replace(MXFP8, inputs="fp8"),
    "W4A4_MXFP4": replace(MXFP4, inputs="fp4"),
    "W4A8_MXFP": replace(MXFP4, inputs="fp8"),
}
CACHES = {"C8": cache_option(8, "int")}
WEIGHT = ".weight"


def modelslim(section: Mapping[str, Any]) -> Scheme:
    """The weights that the file names with a type; all others stay at 16 bit."""
    size = group_size(section, "group_size")
    scheme, listed = Scheme(), dict[Storage, list[str]]()
    for name, said in section.items():
        if not str(name).endswith(WEIGHT):
            continue
        if said not in TYPES:
            raise NotKnown(f"type {str(said)[:40]!r} of {str(name)[:60]}")
        storage = TYPES[said]
        if storage is not None:
            grouped = replace(storage, group=size) if size and replace(storage, inputs="") == FOUR_BITS else storage
            listed.setdefault(grouped, []).append(str(name).removesuffix(WEIGHT))
    for storage, names in listed.items():
        scheme.store(names, storage)
    cache = section.get("kv_quant_type") or section.get("kv_cache_type")
    if cache is not None:
        if cache not in CACHES:
            raise NotKnown(f"kv_quant_type {str(cache)[:40]!r}")
        scheme.cache = CACHES[cache]
    return scheme


READERS: dict[str, Callable[[Mapping[str, Any]], Scheme]] = {"modelslim": modelslim}
