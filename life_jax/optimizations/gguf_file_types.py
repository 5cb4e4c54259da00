"""llama.cpp's block formats, and which of them each tensor gets in a file of a type.

Rule: `llama_tensor_get_type` of llama.cpp; those of Unsloth's dynamic files are inferred from their sizes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

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
    **dict.fromkeys(("Q2_K", "Q3_K", "IQ3_XXS", "IQ3_S", "IQ4_XS"), "IQ4_NL"),
    **dict.fromkeys(("IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S"), "IQ4_NL"),
    "TQ1_0": "Q4_0", "TQ2_0": "Q4_0", "Q4_K": "Q5_0", "Q5_K": "Q5_1", "Q6_K": "Q8_0",
}  # fmt: skip
# vector FLOP to expand one weight [assumption]: unpack and scale; K- and i-quants have scales of scales
DEQUANT_FLOPS = {"F32": 0.0, "F16": 0.0, "BF16": 0.0, "Q8_0": 2.0, "Q4_0": 4.0, "Q4_1": 4.0, "Q5_0": 4.0, "Q5_1": 4.0}
DEQUANT_FLOPS_OF_K_QUANTS = 8.0


def bits_per_weight(block: str) -> float:
    """Exact bits per weight [bit] of a GGUF block format."""
    size, weights = BLOCK[block]
    return 8 * size / weights


@dataclass(frozen=True)
class Layer:
    """Place of a tensor in a model: layer `index` of `count`.

    sharing [1]: query heads per KV head; experts [1]: routed experts of the model
    mixes: whether the tensor mixes tokens (attention, recurrence); recurrent: whether its layer is recurrent; hybrid:
    whether some layers of the model are
    """

    index: int
    count: int
    sharing: float
    experts: int = 0
    mixes: bool = False
    recurrent: bool = False
    hybrid: bool = False

    @property
    def more_bits(self) -> bool:
        """Whether llama.cpp's use_more_bits holds: the first and last eighth of the layers, and every third layer
        between."""
        eighth = self.count // 8
        return self.index < eighth or self.index >= 7 * self.count // 8 or (self.index - eighth) % 3 == 2


@dataclass(frozen=True)
class FileType:
    """A file type: the default block format, and its exceptions.

    output, embedding: formats of the head and of the embedding table; embedding "" stands for the default
    rules: function from the Layer to the format, by tensor name
    """

    default: str
    output: str = "Q6_K"
    embedding: str = ""
    rules: Mapping[str, Callable[[Layer], str]] = field(default_factory=dict)

    def type_of(self, tensor: str, layer: Layer) -> str:
        """Block format of a tensor; experts follow the rule of the dense tensor of that name."""
        name = tensor.removeprefix("experts_").removeprefix("shared_expert_")
        if layer.experts == 8 and name in EIGHT_EXPERTS and self.default in SMALL:
            return EIGHT_EXPERTS[name]
        block = self.rules[name](layer) if name in self.rules else self.default
        # In 70B-class models eight query heads share V, so that wider weights cost little.
        is_70b = layer.count == 80 and layer.sharing == 8
        return "Q5_K" if name == "v_proj" and is_70b and block in ("Q3_K", "Q4_K") else block

    def ends(self, experts: int) -> tuple[str, str]:
        """Block formats of the output and of the embedding, in a model with so many experts [1]."""
        return self.output, self.embedding or self.default


@dataclass(frozen=True)
class DynamicType(FileType):
    """Unsloth's dynamic files, as they are since Qwen3.5 (March 2026): in models with experts, only routed experts have
    the bits of the name.

    default, rules: of the routed experts; mixers: format of attention and recurrent layers beside them; rest: of all
    else
    dense: file type of models without experts; hybrid: format of tensors that mix tokens in those of them that have
    recurrent layers, or "" for that of `dense`

    The makers publish which tensors suffer from few bits, not which type each gets (unsloth.ai, Qwen3.5 GGUF
    benchmarks): the types are inferred from the sizes that llama-bench prints of such files, which
    tests/optimizations/test_dynamic_files.py lists.
    """

    mixers: str = "Q8_0"
    rest: str = "Q8_0"
    dense: FileType = field(default_factory=lambda: FileType("Q8_0", "Q8_0"))
    hybrid: Callable[[Layer], str] = lambda layer: ""

    def type_of(self, tensor: str, layer: Layer) -> str:
        """Block format of a tensor: of the dense file type without experts; else by whether it is routed, mixes tokens,
        or neither."""
        if not layer.experts:
            own = self.hybrid(layer) if layer.mixes and layer.hybrid else ""
            return own or self.dense.type_of(tensor, layer)
        if tensor in ROUTED:
            return super().type_of(tensor, layer)
        return self.mixers if layer.mixes else self.rest

    def ends(self, experts: int) -> tuple[str, str]:
        """Block formats of the output and of the embedding: `rest` with experts, else those of the dense file type."""
        return (self.rest, self.rest) if experts else self.dense.ends(experts)


# not the projections that all experts share (experts_in_proj of Nemotron 3 Super)
ROUTED = ("experts_gate_proj", "experts_up_proj", "experts_down_proj")


# In 8-expert models attention is a small part of the file, and gets more bits
EIGHT_EXPERTS = {"k_proj": "Q8_0", "v_proj": "Q8_0", "o_proj": "Q5_K"}
SMALL = ("Q2_K", "Q3_K", "Q4_K", "IQ3_S", "IQ4_NL")


def _middle(layer: Layer) -> bool:
    """Whether it is in neither the first nor the last eighth of the layers."""
    return layer.count // 8 <= layer.index < 7 * layer.count // 8


def _first_eighth(layer: Layer) -> bool:
    return layer.index < layer.count // 8


def _many_share(layer: Layer) -> bool:
    """Whether V is small beside the rest: four query heads or more share it, or experts make up the model."""
    return layer.sharing >= 4 or layer.experts >= 4


def _smallest(default: str, wider: str, output: str = "", embedding: str = "Q2_K") -> FileType:
    """The rule of llama.cpp for types of one and two bits: V, the first down projections, o_proj, K of eight experts.

    wider: block format of V where few query heads share it, and of the first down projections; output: of o_proj.
    """
    return FileType(default, "Q5_K", embedding, rules={
        "v_proj": lambda x: "Q4_K" if _many_share(x) else wider,
        "down_proj": lambda x: wider if _first_eighth(x) else default,
        "o_proj": lambda x: "Q5_K" if x.experts == 8 else output or default,
        "k_proj": lambda x: "Q4_K" if x.experts == 8 else default,
    })  # fmt: skip


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
    "Q2_K_S": FileType("Q2_K", rules={
        "v_proj": lambda x: "Q4_K" if x.sharing >= 4 else "Q2_K",
        "down_proj": lambda x: "Q4_K" if _first_eighth(x) else "Q2_K",
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
    "IQ1_S": _smallest("IQ1_S", "Q2_K", "IQ2_XXS"),
    "IQ1_M": _smallest("IQ1_M", "Q2_K", "IQ2_XXS"),
    "IQ2_XS": _smallest("IQ2_XS", "Q2_K"),
    "IQ2_S": _smallest("IQ2_XS", "IQ3_S", "IQ3_S", "IQ3_S"),
    "IQ2_M": _smallest("IQ2_S", "IQ3_S", "IQ3_S", "IQ3_S"),
    "IQ3_XS": FileType("IQ3_S", rules={
        "q_proj": lambda x: "IQ3_XXS", "k_proj": lambda x: "IQ3_XXS",
        "v_proj": lambda x: "Q4_K" if x.sharing >= 4 else "IQ3_S",
        "gate_proj": lambda x: "IQ3_XXS" if _middle(x) else "IQ3_S",
        "up_proj": lambda x: "IQ3_XXS" if _middle(x) else "IQ3_S",
    }),
    "IQ3_S": FileType("IQ3_S", rules={"v_proj": lambda x: "Q4_K" if x.sharing >= 4 else "IQ3_S"}),
    "IQ3_M": FileType("IQ3_S", rules={
        "v_proj": lambda x: "Q4_K", "o_proj": lambda x: "Q4_K",
        "down_proj": lambda x: "Q4_K" if _first_eighth(x) or (x.experts == 8 and x.more_bits) else "IQ3_S",
    }),
    "IQ4_NL": FileType("IQ4_NL", rules={
        "v_proj": lambda x: "Q5_K" if x.sharing >= 4 else "IQ4_NL",
        "down_proj": lambda x: "Q5_K" if _first_eighth(x) else "IQ4_NL",
    }),
    # ternary weights, of models that were trained so (BitNet, TriLM)
    "TQ1_0": FileType("TQ1_0", embedding="Q4_K"),
    "TQ2_0": FileType("TQ2_0", embedding="Q4_K"),
    "IQ4_XS": FileType("IQ4_XS", rules={
        "v_proj": lambda x: "Q5_K" if x.sharing >= 4 or x.experts >= 4 else "IQ4_XS",
        "down_proj": lambda x: "Q5_K" if x.index < x.count // 8 else "IQ4_XS",
    }),
}  # fmt: skip
FILE_TYPES |= {
    "UD_IQ2_XXS": DynamicType("IQ2_XXS", rules={"down_proj": lambda x: "Q2_K"}, dense=FILE_TYPES["IQ2_XXS"]),
    "UD_IQ3_XXS": DynamicType("IQ2_XS", rules={"down_proj": lambda x: "IQ3_XXS"}, dense=FILE_TYPES["IQ3_XXS"]),
    # i-quants in spite of their names: a reader of tensors found IQ2_XS and IQ3_XXS in the experts of UD-Q2_K_XL, with
    # attention in Q5_K and Q6_K, and IQ3_XXS and IQ4_XS in UD-Q3_K_XL
    "UD_Q2_K_XL": DynamicType(
        "IQ2_XS",
        rules={"down_proj": lambda x: "IQ3_XXS"},
        mixers="Q6_K",
        rest="Q6_K",
        dense=FILE_TYPES["Q2_K"],
        hybrid=lambda x: "Q4_K" if x.recurrent else "",
    ),
    "UD_Q3_K_XL": DynamicType(
        "IQ3_XXS",
        rules={"down_proj": lambda x: "IQ4_XS"},
        dense=FILE_TYPES["Q3_K_M"],
        hybrid=lambda x: "Q4_K" if x.recurrent else "",
    ),
    "UD_IQ4_XS": DynamicType("IQ3_S", rules={"down_proj": lambda x: "IQ4_XS"}, dense=FILE_TYPES["IQ4_XS"]),
    "UD_Q3_K_S": DynamicType("IQ3_XXS", dense=FILE_TYPES["Q3_K_S"]),
    "UD_Q4_K_XL": DynamicType(
        "Q4_K",
        rules={"down_proj": lambda x: "Q5_K"},
        dense=FILE_TYPES["Q4_K_M"],
        hybrid=lambda x: "Q6_K" if x.recurrent else "",
    ),
    "UD_Q5_K_XL": DynamicType(
        "Q5_K",
        rules={"down_proj": lambda x: "Q6_K"},
        dense=FILE_TYPES["Q5_K_M"],
        hybrid=lambda x: "Q6_K" if x.recurrent else "",
    ),
    # 78 tensors of Q6_K in 40 layers of Qwen3.5-35B-A3B, gate and up (ikawrakow/ik_llama.cpp#1420)
    "UD_Q6_K_XL": DynamicType(
        "Q6_K",
        rules={"down_proj": lambda x: "Q8_0"},
        dense=FileType("Q6_K", "Q8_0"),
        hybrid=lambda x: "Q8_0",
    ),
    "UD_Q8_K_XL": DynamicType(
        "Q8_0",
        mixers="BF16",
        dense=FileType("Q8_0", "Q8_0", rules={"k_proj": lambda x: "BF16", "v_proj": lambda x: "BF16"}),
        hybrid=lambda x: "BF16",
    ),
}
