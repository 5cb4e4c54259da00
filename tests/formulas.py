"""Every formula of life_jax.operators, found by inspection, with sample numbers under which no term vanishes."""

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from typing import Any

from life_jax import operators
from life_jax.core.cost import Cost
from life_jax.core.numerics import Number

# by the name of an argument
SAMPLES: dict[str, int] = {
    "absorbed": 1, "activation_bits": 16, "adapters": 3, "batch": 2, "best": 3, "bias": 1, "bias_bits": 32,
    "bias_flops": 1, "bits_per_channel": 16, "branches": 2, "channels": 8, "chosen": 2, "chunk": 6, "d_in": 5,
    "d_out": 7, "degree": 3, "dequant_flops": 4, "dispatches": 1, "distinct": 2, "elements": 6, "entries": 8,
    "entry": 3, "experts": 12, "flops": 7, "from_rows": 8, "groups": 2, "head_dim": 16, "heads": 4, "inner": 8,
    "input_bits": 8, "k": 5, "kernel": 4, "key_dim": 8, "key_heads": 2, "key_width": 2, "kv_bits": 8,
    "kv_dequant_flops": 2, "kv_heads": 2, "kv_scale_bits": 16, "learned_positions": 1, "m": 3, "mixes": 5, "n": 7,
    "nope": 16, "output_bits": 16, "pairs": 21, "past": 2, "positions": 8, "queries": 3, "query_width": 6, "rank": 8,
    "rate": 4, "read_bytes": 30, "reads": 1, "rope": 2, "rotated": 4, "rows": 300, "score_flops": 2, "scores": 6,
    "skew": 1, "state": 4, "streams": 4, "table": 40, "tokens": 3, "value": 12, "value_dim": 16, "value_heads": 4,
    "vectors": 2, "weight_bits": 4, "weights": 16, "width": 8, "window": 6, "writes": 1, "written_bytes": 42,
}  # fmt: skip
# where another number is needed: a window that is longer than the queries cuts nothing off, and so on
OTHERWISE: dict[str, dict[str, int]] = {
    "attention.causal_pairs": {"past": 5},
    "attention.chunk_pairs": {"queries": 7},
    "attention.chunk_positions": {"queries": 7},
    "attention.window_pairs": {"queries": 7},
    "attention.window_positions": {"queries": 7},
    "compressed_attention.best_entry_pairs": {"queries": 7, "past": 9},
    "compressed_attention.compress": {"tokens": 8, "width": 6},
    "compressed_attention.entry_pairs": {"queries": 7, "past": 9},
    "elementwise.add_norm": {"weight_bits": 32},
    "elementwise.embedding": {"weight_bits": 16},
    "elementwise.norm": {"weight_bits": 32},
    "latent_attention.absorbed_is_cheaper": {"past": 5},
    "latent_attention.index_scores": {"past": 5},
    "latent_attention.latent_append": {"width": 10},
    "linear.expand_weights": {"tokens": 9},
}
# of formulas that hand some of their arguments on by **: what those are called
_SCORES = (
    "batch", "queries", "positions", "heads", "head_dim", "activation_bits", "kv_heads", "kv_bits", "kv_scale_bits",
    "kv_dequant_flops",
)  # fmt: skip
_ELEMENTS = ("tokens", "width", "activation_bits")
HANDED_ON: dict[str, tuple[str, ...]] = {
    "attention.attention_scores": _SCORES,
    "attention.attention_values": _SCORES,
    "life_paper.polynomial": _ELEMENTS,
    "life_paper_counts.add_norm": ("weights", "weight_bits"),
    "life_paper_counts.rope_append": (
        "tokens", "query_width", "key_width", "table", "activation_bits", "reads", "writes",
    ),
    "rope_append.rope_append": (
        "tokens", "activation_bits", "kv_heads", "head_dim", "value_dim", "kv_bits", "kv_scale_bits",
    ),
    "life_paper.polynomial_gate": (*_ELEMENTS, "reads", "writes"),
}  # fmt: skip


def name(formula: Callable[..., Any]) -> str:
    return f"{formula.__module__.rsplit('.', 1)[-1]}.{formula.__name__}"


def _is_formula(function: Callable[..., Any]) -> bool:
    """Numbers by keyword in, a cost or a number out; what else stands beside formulas arranges their arguments."""
    signature = inspect.signature(function)
    by_keyword = all(one.kind in (one.KEYWORD_ONLY, one.VAR_KEYWORD) for one in signature.parameters.values())
    return by_keyword and signature.return_annotation in (Cost, Number)


def _public() -> list[Callable[..., Any]]:
    modules = [
        importlib.import_module(f"{operators.__name__}.{found.name}")
        for found in pkgutil.iter_modules(operators.__path__)
    ]
    return [
        function
        for module in modules
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__ and not name.startswith("_") and _is_formula(function)
    ]


FORMULAS = _public()


def sample(formula: Callable[..., Any]) -> dict[str, int]:
    """Numbers for all arguments of a formula."""
    parameters = inspect.signature(formula).parameters.values()
    names = [parameter.name for parameter in parameters if parameter.kind is not parameter.VAR_KEYWORD]
    if len(names) < len(parameters):
        assert name(formula) in HANDED_ON, (
            f"say in HANDED_ON of {__name__}.py what {name(formula)} takes beyond {names}"
        )
        names += [more for more in HANDED_ON[name(formula)] if more not in names]
    numbers = SAMPLES | OTHERWISE.get(name(formula), {})
    unknown = [argument for argument in names if argument not in numbers]
    assert not unknown, f"{name(formula)}: add a sample number for {', '.join(unknown)} to SAMPLES of {__name__}.py"
    return {argument: numbers[argument] for argument in names}
