"""What a family of models is, and the steps that several families share.

A step reads fields and writes keys of ModelFile. facts["layers"] holds one mapping for each layer,
with what differs there; equal layers are put together at the end.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from life_jax.config.checkpoints.config_fields import Fields

Step = Callable[[Fields, dict[str, Any]], None]
Words = Callable[[Fields, int], Sequence[Any]]

SIZES = (
    "num_hidden_layers",
    "hidden_size",
    "num_attention_heads",
    "vocab_size",
    "max_position_embeddings",
    "intermediate_size",
)
NO_WIDTH = SIZES[:-1]  # the width of the feed-forward network is found by a step
ONE_BRANCH = {"norms_per_layer": 1}


@dataclass(frozen=True)
class Family:
    """What one model_type means beyond its config.json."""

    facts: Mapping[str, Any] = field(default_factory=dict)  # keys of ModelFile that never vary
    flags: Mapping[str, str] = field(default_factory=dict)  # a switch of config.json, the keys it sets
    defaults: Mapping[str, Any] = field(default_factory=dict)  # as transformers assumes them
    only: Mapping[str, Any] = field(default_factory=dict)  # switches with the one setting that can be expressed
    ignored: tuple[str, ...] = ()  # fields that change no cost in this family
    steps: tuple[Step, ...] = ()  # what a table cannot say
    sizes: tuple[str, ...] = SIZES
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # words of its own for ours, before all others


def note(facts: dict[str, Any], text: str) -> None:
    """Adds a remark on what the family's shape leaves out."""
    facts["notes"] = f"{facts['notes']}; {text}" if facts.get("notes") else text


def warn(facts: dict[str, Any], *texts: str) -> None:
    """Adds what a study must say: what was assumed, or not understood."""
    facts["warnings"] = [*facts.get("warnings", ()), *texts]


def every(period_name: str, default: int | None, common: str, rare: str) -> Words:
    """Layer words with a `rare` one at the end of each period."""

    def words(read: Fields, layers: int) -> list[str]:
        period = read.count_or_none(period_name) or default
        return [rare if period and (i + 1) % period == 0 else common for i in range(layers)]

    return words


def all_alike(word: str) -> Words:
    """A rule by which every layer has the same word."""
    return lambda read, layers: [word] * layers


def mixers(words: Words, kinds: Mapping[str, Mapping[str, Any]]) -> Step:
    """The mixer of every layer: by layer_types, or by the family's rule where config.json is silent."""

    def step(read: Fields, facts: dict[str, Any]) -> None:
        rule = words(read, len(facts["layers"]))
        said = read.words("layer_types", len(facts["layers"])) or rule
        for layer, word in zip(facts["layers"], said, strict=True):
            if not isinstance(word, str) or word not in kinds:
                raise read.refuse(read.find("layer_types")[0], "a list of " + ", ".join(kinds))
            layer.update(kinds[word])
        _windows(read, facts)

    return step


def _windows(read: Fields, facts: dict[str, Any]) -> None:
    """A window or chunk that reaches as far as the positions do is full attention."""
    for kind, name in (("sliding_window", "sliding_window"), ("chunked", "attention_chunk_size")):
        local = [layer for layer in facts["layers"] if layer.get("attention") == kind]
        switch = "use_sliding_window"
        read.seen.update((name, switch) if kind == "sliding_window" else (name,))
        off = kind == "sliding_window" and read.find(switch)[1] is not None and not read.flag(switch)
        size = None if off or not local else read.whole(name) or read.of_class(name)
        if local and size and size < facts["max_position_embeddings"]:
            facts[name] = size
            continue
        for layer in local:
            del layer["attention"]


LOCAL = {"full_attention": {}, "sliding_attention": {"attention": "sliding_window"}}
window = mixers(all_alike("sliding_attention"), LOCAL)


def upper_windows(read: Fields, layers: int) -> list[str]:
    """Qwen2: a window in the layers from max_window_layers on."""
    first = read.whole("max_window_layers")
    first = layers if first is None else first
    return ["sliding_attention" if i >= first else "full_attention" for i in range(layers)]


window_above = mixers(upper_windows, LOCAL)


def unrotated(keep: Callable[[Fields, dict[str, Any], int], bool]) -> Step:
    """No positions in the layers that `keep` refuses."""

    def step(read: Fields, facts: dict[str, Any]) -> None:
        for i, layer in enumerate(facts["layers"]):
            if not keep(read, facts, i):
                layer["position"] = "none"

    return step


def no_rope_layers(read: Fields, facts: dict[str, Any]) -> None:
    """Smollm3, Llama 4: one word a layer, 1 for rotated; every fourth is not by default."""
    layers = facts["layers"]
    period = read.count_or_none("no_rope_layer_interval") or 4
    said = read.words("no_rope_layers", len(layers)) if read.config.get("no_rope_layers") else None
    read.seen.add("no_rope_layers")
    for i, (layer, rotated) in enumerate(zip(layers, said or [True] * len(layers), strict=True)):
        if not rotated or (said is None and (i + 1) % period == 0):
            layer["position"] = "none"


def experts(
    sparse: Words | None = None, *, shared: str = "", width: str = "moe_intermediate_size", gate: bool = False
) -> Step:
    """Routed experts where `sparse` is true; shared ones are said by their `number`, or by their `width` together."""

    def step(read: Fields, facts: dict[str, Any]) -> None:
        each = read.count_or_none(width) or read.of_class(width) or read.count("intermediate_size")
        facts.setdefault("intermediate_size", each)
        facts["num_experts"], facts["num_experts_per_tok"] = (
            read.count("num_experts"),
            read.count("num_experts_per_tok"),
        )
        if facts["num_experts_per_tok"] > facts["num_experts"]:
            raise read.refuse(read.find("num_experts_per_tok")[0], f"at most the {facts['num_experts']} experts")
        _groups(read, facts)
        facts["moe_intermediate_size"] = each
        if shared == "number":
            facts["shared_expert_intermediate_size"] = _stated(read, "shared_experts") * each
        elif shared == "width":
            facts["shared_expert_intermediate_size"] = _stated(read, "shared_width")
        facts["shared_expert_gate"] = gate
        where = sparse(read, len(facts["layers"])) if sparse else [True] * len(facts["layers"])
        for layer, chosen in zip(facts["layers"], where, strict=True):
            if chosen:
                layer["ffn"] = "moe"
        if all(where):
            read.seen.add("intermediate_size")  # of dense layers, of which there is none

    return step


def _groups(read: Fields, facts: dict[str, Any]) -> None:
    """Groups of experts of which a token takes some alone, where the router says so (DeepSeek, arXiv:2412.19437)."""
    groups, taken = (read.config.get(name) for name in ("n_group", "topk_group"))
    if type(groups) is int and type(taken) is int and 1 <= taken < groups and facts["num_experts"] % groups == 0:
        facts["expert_groups"], facts["expert_groups_per_tok"] = groups, taken


def _stated(read: Fields, name: str) -> int:
    """A number that may be 0: config.json's, else that of the class."""
    value = read.whole(name)
    return (read.of_class(name) or 0) if value is None else value


def after_first(read: Fields, layers: int) -> list[bool]:
    """DeepSeek, GLM: dense first, then a mixture in every moe_layer_freq-th layer, or as mlp_layer_types says."""
    said = read.words("mlp_layer_types", layers)
    read.seen.update(("first_k_dense_replace", "moe_layer_freq"))
    if said is not None:
        if any(word not in ("dense", "sparse") for word in said):
            raise read.refuse("mlp_layer_types", "a list of dense, sparse")
        return [word == "sparse" for word in said]
    if isinstance(read.find("moe_layer_freq")[1], list):
        listed = read.words("moe_layer_freq", layers) or []
        if any(type(one) is not int or one not in (0, 1) for one in listed):
            raise read.refuse("moe_layer_freq", "a number, or 0 or 1 for each layer")
        return [one == 1 for one in listed]
    first, period = read.whole("first_k_dense_replace") or 0, read.count_or_none("moe_layer_freq") or 1
    return [i >= first and i % period == 0 for i in range(layers)]


def sparse_step(read: Fields, layers: int) -> list[bool]:
    """Qwen: every decoder_sparse_step-th layer but those of mlp_only_layers."""
    period, dense = read.count_or_none("decoder_sparse_step") or 1, read.indices("mlp_only_layers", layers)
    return [(i + 1) % period == 0 and i not in dense for i in range(layers)]


def latent(read: Fields, facts: dict[str, Any]) -> None:
    """Sizes of latent attention; head_dim is that of queries and keys."""
    facts["q_lora_rank"] = read.count_or_none("q_lora_rank") or read.of_class("q_lora_rank") or 0
    for name in ("kv_lora_rank", "qk_nope_head_dim", "v_head_dim"):
        facts[name] = read.count(name)
    rotated = read.whole("qk_rope_head_dim")
    facts["qk_rope_head_dim"] = read.count("qk_rope_head_dim") if rotated is None else rotated
    facts["head_dim"] = facts["qk_nope_head_dim"] + facts["qk_rope_head_dim"]
    facts["num_key_value_heads"] = facts["num_attention_heads"]


def indexer(read: Fields, facts: dict[str, Any]) -> None:
    """Sparse latent attention: sizes of the indexer, and the layers that take the choice of the one before them."""
    for name in ("index_n_heads", "index_head_dim", "index_topk"):
        facts[name] = read.count(name)
    said = read.words("indexer_types", len(facts["layers"])) or _indexer_pattern(read, len(facts["layers"]))
    if said[0] != "full" or any(word not in ("full", "shared") for word in said):
        raise read.refuse("indexer_types", "a list of full and shared, the first of them full")
    for layer, word in zip(facts["layers"], said, strict=True):
        layer["attention"] = "mla_sparse" if word == "full" else "mla_sparse_reused"


def _indexer_pattern(read: Fields, layers: int) -> list[str]:
    """GLM-5.2: F and S in index_topk_pattern; or a selection of its own in every index_topk_freq-th layer from
    index_skip_topk_offset on, and in all before it."""
    pattern = read.words("index_topk_pattern", layers)
    period, offset = read.count_or_none("index_topk_freq") or 1, read.whole("index_skip_topk_offset") or 0
    if pattern is not None:
        return [{"F": "full", "S": "shared"}.get(str(one), str(one)) for one in pattern]
    return ["full" if max(i - offset + 1, 0) % period == 0 else "shared" for i in range(layers)]


def grouped(facts: dict[str, Any]) -> None:
    """Equal layers together; what all of them say moves to the model's own keys.

    facts["order"]: for each layer, which of the kinds it is.
    """
    layers = [dict(sorted(layer.items())) for layer in facts.pop("layers")]
    for key in {key for layer in layers for key in layer}:
        values = [layer.get(key) for layer in layers]
        if all(value == values[0] for value in values):
            facts[key] = values[0]
            for layer in layers:
                del layer[key]
    for key, default in (("attention", "full"), ("ffn", "gated")):
        if any(key in layer for layer in layers):
            for layer in layers:
                layer.setdefault(key, facts.get(key, default))
    kinds: list[dict[str, Any]] = []
    repeats: list[int] = []
    facts["order"] = []
    for layer in layers:
        if layer in kinds:
            repeats[kinds.index(layer)] += 1
        else:
            kinds.append(layer)
            repeats.append(1)
        facts["order"].append(kinds.index(layer))
    if len(kinds) > 1:
        order = ("attention", "ffn")
        named = [{key: kind[key] for key in order if key in kind} | kind for kind in kinds]
        facts["layers"] = [{"repeats": n, **kind} for n, kind in zip(repeats, named, strict=True)]
