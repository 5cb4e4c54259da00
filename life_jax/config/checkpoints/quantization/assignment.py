"""Scheme and modules -> options: the format of each of our tensors, averaged over layers so that bytes stay exact."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from life_jax.config.checkpoints.quantization.modules import Module
from life_jax.config.checkpoints.quantization.patterns import Patterns
from life_jax.config.checkpoints.quantization.scheme import Rule, Scheme
from life_jax.config.checkpoints.quantization.storage import MXFP4, NAMED, NAMED_WHOLE, TENSOR, Storage

PLAIN = 16.0  # bits of what is not quantized
# modules that no forecast counts by name: other towers, heads of multi-token prediction, norms, small parts
ELSEWHERE = re.compile(
    r"vis|image|img|video|audio|speech|project(or|ion)|mm_|multi_modal|mtp|nextn|eagle|draft|merger|resampler|aligner|"
    r"perceiver|talker|token2wav|connector|rotary|norm|conv|router|gate|embed|wte|lm_head|score|pooler|classifier|"
    r"output|sinks|adapter|eh_proj|shared_head|deepstack|patch|indexer|dt_|x_proj|a_log|in_proj_[ab]",
    re.IGNORECASE,
)
LAYER = re.compile(r"(?:layers|h|blocks)\\?\.(\d+)")

Parts = list[tuple[float, Storage | None]]


def options(scheme: Scheme, modules: Sequence[Module]) -> tuple[list[Any], list[str]]:
    """The options in order of preference (none where all is at 16 bit), and what was not understood."""
    rules = [(rule, Patterns(rule.patterns, rule.dialect)) for rule in scheme.rules]
    only = None if scheme.only is None else Patterns(scheme.only, "names")
    for rule, patterns in rules:
        if rule.skips:
            patterns.take_parts(modules)
    if only is not None and not any(only.share(module) for module in modules):
        scheme.unknown.append(f"none of the blocks to quantize, {_few(only.listed)}, is known: all of them are")
        only = None
    stored = [(module, _parts(module, scheme, rules, only)) for module in modules]
    unknown = [*scheme.unknown, *_unmatched(rules, modules)]
    found = _options(stored)
    if not found and (scheme.linear is not None or any(rule.storage for rule in scheme.rules)):
        unknown.append("its quantization leaves every weight that is counted at 16 bit")
    return found, unknown


def _parts(module: Module, scheme: Scheme, rules: Sequence[tuple[Rule, Patterns]], only: Patterns | None) -> Parts:
    """How parts of a module are stored: (part, storage); the parts sum to 1."""
    found: Parts = []
    left = 1.0
    if only is not None and module.role in ("linear", "experts"):
        inside = only.share(module)
        if inside < 1:
            found.append((1 - inside, None))
        left = inside
    for rule, patterns in rules:
        if left <= 0:
            break
        share = patterns.share(module) * left
        if share:
            found.append((share, rule.storage))
            left -= share
    if left > 0:
        found.append((left, _by_role(module, scheme)))
    return found


def _by_role(module: Module, scheme: Scheme) -> Storage | None:
    if module.role == "experts":
        return scheme.linear
    if module.role == "linear":
        return None if scheme.experts_alone else scheme.linear
    return {"head": scheme.head, "embedding": scheme.embedding, "router": scheme.router}[module.role]


def _unmatched(rules: Sequence[tuple[Rule, Patterns]], modules: Sequence[Module]) -> list[str]:
    """Patterns that cannot be read, and those that name no module of the model nor one beside it."""
    wrong = [pattern for _, patterns in rules for pattern in patterns.wrong]
    layers = {int(number) for module in modules for number in LAYER.findall(module.paths[0])}
    others = [
        pattern
        for rule, patterns in rules
        for pattern in patterns.unmatched
        if not ELSEWHERE.search(pattern) and not _beyond(pattern, layers)
    ]
    found = []
    if wrong:
        found.append(f"its quantization names modules in a way that cannot be read: {_few(wrong)}")
    if others:
        found.append(f"its quantization names modules that the model has not: {_few(others)}")
    return found


def _beyond(pattern: str, layers: set[int]) -> bool:
    """A layer behind the last one, as heads of multi-token prediction are."""
    numbers = [int(number) for number in LAYER.findall(pattern) if len(number) < 9]
    return bool(numbers) and all(number not in layers for number in numbers)


def _few(patterns: Sequence[str]) -> str:
    shown = ", ".join(pattern[:60] for pattern in patterns[:3])
    return shown if len(patterns) <= 3 else f"{shown} and {len(patterns) - 3} more"


def _options(stored: Sequence[tuple[Module, Parts]]) -> list[Any]:
    by_role: dict[str, set[Storage | None]] = defaultdict(set)
    for module, parts in stored:
        by_role[module.role].update(storage for _, storage in parts)
    if not any(storage for found in by_role.values() for storage in found):
        return []
    linear, experts = by_role["linear"], by_role["experts"]
    others = {role: by_role[role] or {None} for role in ("head", "embedding", "router")}
    if experts == {MXFP4} and linear <= {None} and all(found == {None} for found in others.values()):
        return ["mxfp4_experts"]
    whole = linear | experts
    if len(whole) == 1 and None not in whole and all(len(found) == 1 for found in others.values()):
        (storage,) = whole
        roles = [role for role, found in others.items() if found == {storage}]
        if (
            storage is not None
            and not storage.matrix
            and all(found in ({None}, {storage}) for found in others.values())
        ):
            return _uniform(storage, ["linear", *roles], tied=not by_role["head"])
    return _mixed(stored)


def _uniform(storage: Storage, roles: list[str], tied: bool) -> list[Any]:
    """All linear layers alike; the head, the embedding and routers perhaps too."""
    if roles == ["linear"]:
        if storage in NAMED:
            return list(NAMED[storage])
        weights = {"kind": "weight_quantization", **storage.numbers()}
        if not storage.inputs:
            return [weights]
        return [{"kind": "activation_quantization", **_math(storage)}, weights]
    # a tied table is stored once, as the head is
    roles = ["head" if role == "embedding" and tied else role for role in roles]
    if (
        "router" not in roles
        and set(roles) >= {"linear", "head"}
        and storage in NAMED_WHOLE
        and (tied or "embedding" in roles)
    ):
        return list(NAMED_WHOLE[storage])
    return [{"kind": "weight_quantization", **storage.numbers(), "roles": roles}]


def _math(storage: Storage) -> dict[str, Any]:
    scales = {"group_size": max(storage.group, 0), "scale_bits": 0.0 if storage.group == TENSOR else storage.scale}
    inputs = {"fp8": 8.0, "int8": 8.0, "fp4": 4.5, "int4": 4.0}[storage.inputs]
    return {"dtype": storage.inputs, "weight_bits": storage.bits, "input_bits": inputs, **scales}


def _mixed(stored: Sequence[tuple[Module, Parts]]) -> list[Any]:
    """Each tensor by its name; those that are wholly at 16 bit are left to their role."""
    sums: dict[str, list[float]] = defaultdict(lambda: [0.0] * 5)  # weights, bits, outputs, bits of outputs, FLOP
    math: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for module, parts in stored:
        name = {"lm_head": "head"}.get(module.tensor, module.tensor)
        weights, outputs = module.copies * module.d_in * module.d_out, module.copies * module.d_out
        for part, storage in parts:
            total = sums[name]
            total[0] += part * weights
            total[1] += part * weights * (storage.weight_bits(module.d_in, module.d_out) if storage else PLAIN)
            total[2] += part * outputs
            total[3] += part * outputs * (storage.channel_bits if storage else 0.0)
            total[4] += part * weights * (storage.dequant_flops if storage else 0.0)
            if module.role in ("linear", "experts"):
                math[name][storage.inputs if storage else ""] += part * weights
    tied = "head" not in sums
    if tied and "embedding" in sums:
        sums["head"] = sums["embedding"]
    quantized = {name: total for name, total in sums.items() if total[3] or abs(total[1] / total[0] - PLAIN) > 1e-9}
    found: dict[str, Any] = {
        "kind": "tensor_formats",
        "bits": {name: total[1] / total[0] for name, total in quantized.items()},
        "channel_bits": {name: total[3] / total[2] for name, total in quantized.items() if total[3]},
        "dequant_flops": {name: total[4] / total[0] for name, total in quantized.items()},
    }
    found["description"] = f"{len(quantized)} kinds of tensor in formats of their own"
    return [*_with_math(found, math), found]


def _with_math(found: dict[str, Any], math: dict[str, dict[str, float]]) -> list[dict[str, Any]]:
    """The same with narrow math in the tensors whose inputs are quantized, by the type that most weights meet."""
    totals: dict[str, float] = defaultdict(float)
    for shares in math.values():
        for dtype, weights in shares.items():
            totals[dtype] += weights
    narrow = {dtype: weights for dtype, weights in totals.items() if dtype}
    if not narrow:
        return []
    dtype = max(narrow, key=lambda key: narrow[key])
    at_16_bit = sorted(name for name, shares in math.items() if shares.get(dtype, 0.0) < sum(shares.values()) / 2)
    if len(at_16_bit) == len(math):
        return []
    inputs = _math(replace(MXFP4, inputs=dtype))["input_bits"]
    return [{**found, "dtype": dtype, "input_bits": inputs, "at_16_bit": at_16_bit}]
