"""llama.cpp file types: which tensor gets which block format, and what a block costs.

Rule: `llama_tensor_get_type` of llama.cpp. Where only some layers get the wider type, the
tensor's format is their mean, weighted by layers: the bytes are exact.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from life_jax.models import attention, ffn
from life_jax.optimizations.base import Optimization
from life_jax.specs import Architecture, Block, Scenario, WeightFormat, set_leaf

# bits per weight = 8 * bytes of a block / weights in it
BLOCK = {
    "F32": (4, 1), "F16": (2, 1), "BF16": (2, 1),
    "Q4_0": (18, 32), "Q4_1": (20, 32), "Q5_0": (22, 32), "Q5_1": (24, 32), "Q8_0": (34, 32), "Q8_1": (36, 32),
    "Q2_K": (84, 256), "Q3_K": (110, 256), "Q4_K": (144, 256), "Q5_K": (176, 256), "Q6_K": (210, 256),
    "Q8_K": (292, 256),
    "IQ1_S": (50, 256), "IQ1_M": (56, 256), "IQ2_XXS": (66, 256), "IQ2_XS": (74, 256), "IQ2_S": (82, 256),
    "IQ3_XXS": (98, 256), "IQ3_S": (110, 256), "IQ4_NL": (18, 32), "IQ4_XS": (136, 256),
    "TQ1_0": (54, 256), "TQ2_0": (66, 256), "MXFP4": (17, 32),
}  # fmt: skip
# a row that 256 does not divide cannot hold a super-block
FALLBACK = {
    **dict.fromkeys(("Q2_K", "Q3_K", "IQ2_XXS", "IQ2_S", "IQ3_XXS", "IQ3_S", "IQ4_XS"), "IQ4_NL"),
    "Q4_K": "Q5_0", "Q5_K": "Q5_1", "Q6_K": "Q8_0",
}  # fmt: skip
# vector FLOP to expand one weight [assumption]: unpack and scale; K- and i-quants have scales of scales
DEQUANT_FLOPS = {"F32": 0.0, "F16": 0.0, "BF16": 0.0, "Q8_0": 2.0, "Q4_0": 4.0, "Q4_1": 4.0, "Q5_0": 4.0, "Q5_1": 4.0}
DEQUANT_FLOPS_OF_K_QUANTS = 8.0


def bits_per_weight(block: str) -> float:
    """Exact bits per weight of a GGUF block format."""
    size, weights = BLOCK[block]
    return 8 * size / weights


@dataclass(frozen=True)
class Layer:
    """Where a tensor stands: layer `index` of `count`; query heads per KV head; routed experts."""

    index: int
    count: int
    sharing: float
    experts: int = 0

    @property
    def more_bits(self) -> bool:
        """llama.cpp's use_more_bits: the first and last eighth, and every third layer between."""
        eighth = self.count // 8
        return self.index < eighth or self.index >= 7 * self.count // 8 or (self.index - eighth) % 3 == 2


@dataclass(frozen=True)
class FileType:
    """The default block format, and the exceptions: tensor name -> f(layer) -> format; embedding: "" as default."""

    default: str
    output: str = "Q6_K"
    embedding: str = ""
    rules: Mapping[str, Callable[[Layer], str]] = field(default_factory=dict)

    def type_of(self, tensor: str, layer: Layer) -> str:
        """Block format of a tensor; experts follow the rule of the dense tensor of that name."""
        name = tensor.removeprefix("experts_").removeprefix("shared_expert_")
        if layer.experts == 8 and name in EIGHT_EXPERTS and self.default in SMALL:
            return EIGHT_EXPERTS[name]
        found = self.rules[name](layer) if name in self.rules else self.default
        # In 70B-class models eight query heads share V, so that wider weights cost little.
        is_70b = layer.count == 80 and layer.sharing == 8
        return "Q5_K" if name == "v_proj" and is_70b and found in ("Q3_K", "Q4_K") else found


# In 8-expert models attention is a small part of the file, and gets more bits
EIGHT_EXPERTS = {"k_proj": "Q8_0", "v_proj": "Q8_0", "o_proj": "Q5_K"}
SMALL = ("Q2_K", "Q3_K", "Q4_K")


FILE_TYPES = {
    "F16": FileType("F16", "F16"),
    "BF16": FileType("BF16", "BF16"),
    "Q8_0": FileType("Q8_0", "Q8_0"),
    "Q4_0": FileType("Q4_0"),
    "Q4_1": FileType("Q4_1"),
    "Q5_0": FileType("Q5_0"),
    "Q5_1": FileType("Q5_1"),
    "Q2_K": FileType("Q2_K", rules={
        "v_proj": lambda x: "Q4_K" if x.sharing >= 4 else "Q3_K",
        "o_proj": lambda x: "Q3_K",
        "down_proj": lambda x: "Q3_K",
    }),
    "Q3_K_S": FileType("Q3_K"),
    "Q3_K_M": FileType("Q3_K", rules={
        "v_proj": lambda x: "Q5_K" if x.index < 2 else "Q4_K",
        "o_proj": lambda x: "Q4_K",
        "down_proj": lambda x: "Q5_K" if x.index < x.count // 16 else "Q4_K",
    }),
    "Q3_K_L": FileType("Q3_K", rules={
        "v_proj": lambda x: "Q5_K", "o_proj": lambda x: "Q5_K", "down_proj": lambda x: "Q5_K",
    }),
    "Q4_K_S": FileType("Q4_K", rules={
        "v_proj": lambda x: "Q5_K" if x.index < 4 else "Q4_K",
        "down_proj": lambda x: "Q5_K" if x.index < x.count // 8 else "Q4_K",
    }),
    "Q4_K_M": FileType("Q4_K", rules={
        "v_proj": lambda x: "Q6_K" if x.more_bits else "Q4_K", "down_proj": lambda x: "Q6_K" if x.more_bits else "Q4_K",
    }),
    "Q5_K_S": FileType("Q5_K"),
    "Q5_K_M": FileType("Q5_K", rules={
        "v_proj": lambda x: "Q6_K" if x.more_bits else "Q5_K", "down_proj": lambda x: "Q6_K" if x.more_bits else "Q5_K",
    }),
    "Q6_K": FileType("Q6_K"),
    # i-quants, quantized with an importance matrix
    "IQ2_XXS": FileType("IQ2_XXS", "Q5_K", "Q2_K", rules={
        "v_proj": lambda x: "Q4_K" if x.sharing >= 4 or x.experts >= 4 else "Q2_K",
        "down_proj": lambda x: "Q2_K" if x.index < x.count // 8 else "IQ2_XXS",
    }),
    "IQ3_XXS": FileType("IQ3_XXS", "Q5_K", "IQ3_S", rules={
        "q_proj": lambda x: "IQ2_S", "k_proj": lambda x: "IQ2_S", "o_proj": lambda x: "IQ3_S",
        "v_proj": lambda x: "Q4_K" if x.sharing >= 4 or x.experts >= 4 else "IQ3_XXS",
    }),
    "IQ4_XS": FileType("IQ4_XS", rules={
        "v_proj": lambda x: "Q5_K" if x.sharing >= 4 or x.experts >= 4 else "IQ4_XS",
        "down_proj": lambda x: "Q5_K" if x.index < x.count // 8 else "IQ4_XS",
    }),
}  # fmt: skip


def _format(types: list[str], row: int) -> WeightFormat:
    """Mean format of a tensor over its layers; `row` is its input width."""
    fitting = [FALLBACK.get(t, t) if row % 256 and BLOCK[t][1] == 256 else t for t in types]
    bits = sum(bits_per_weight(t) for t in fitting) / len(fitting)
    flops = sum(DEQUANT_FLOPS.get(t, DEQUANT_FLOPS_OF_K_QUANTS) for t in fitting) / len(fitting)
    return WeightFormat(bits, 0.0, flops)


def tensor_formats(file_type: str, model: Architecture) -> dict[str, WeightFormat]:
    """Format of every linear tensor by name, averaged over the layers that have it, and of the roles."""
    kind = FILE_TYPES[file_type]
    layers = int(sum(block.repeats for block in model.blocks))
    types: dict[str, list[str]] = {}
    rows: dict[str, int] = {}
    start = 0
    for block in model.blocks:
        found = (
            *attention.INDEX[block.attention_kind].tensors(block, model.hidden_size),
            *ffn.INDEX[block.ffn_kind].tensors(block, model.hidden_size),
        )
        for tensor in (t for t in found if t.role == "linear"):
            rows[tensor.name] = int(tensor.d_in)
            where = [_layer(block, start + i, layers) for i in range(int(block.repeats))]
            types.setdefault(tensor.name, []).extend(kind.type_of(tensor.name, layer) for layer in where)
        start += int(block.repeats)
    hidden = int(model.hidden_size)
    output = "Q8_0" if hidden % 256 and kind.output == "Q6_K" else kind.output
    return {
        **{name: _format(each, rows[name]) for name, each in types.items()},
        "linear": _format([kind.default], hidden),
        "head": _format([output], hidden),
        # a tied table is the output
        "embedding": _format([output if model.tied else kind.embedding or kind.default], hidden),
        "router": WeightFormat(32.0),
    }


def _layer(block: Block, index: int, count: int) -> Layer:
    heads = block.attention.get("num_attention_heads", 1.0)  # recurrent layers have none that share
    return Layer(
        index,
        count,
        sharing=heads / block.attention.get("num_key_value_heads", heads),
        experts=int(block.ffn.get("num_experts", 0)),
    )


def gguf(*, file_type: str) -> Optimization:
    """The weights of a llama.cpp file of that type; norms and biases are stored as F32."""

    def change(scenario: Scenario) -> Scenario:
        scenario = set_leaf(scenario, ("precision", "weights"), tensor_formats(file_type, scenario.architecture))
        return set_leaf(scenario, ("precision", "other_bits"), 32.0)

    return Optimization(transforms=(change,), sets={"weight_bits": ""})
