"""How one weight matrix is stored."""

from dataclasses import dataclass
from typing import Any

SCALE = 16  # bits of a scale in a checkpoint of 16-bit weights
TENSOR = -1  # a group that is the whole matrix: what is stored once does not count


@dataclass(frozen=True)
class Storage:
    """Bits of a stored weight matrix.

    bits [bit] of a weight. group: weights along the input that share `scale` and `zero` [bit]; 0 for one pair of an
    output channel, TENSOR for one of the matrix. matrix [bit]: stored once for each matrix (codebooks).
    inputs: data type of the quantized inputs (fp8, int8, fp4), or "" where the inputs stay at 16 bit.
    """

    bits: float
    group: int = 0
    scale: float = 0.0
    zero: float = 0.0
    matrix: float = 0.0
    inputs: str = ""

    def weight_bits(self, d_in: float, d_out: float) -> float:
        """Bits of a weight in a matrix of d_in x d_out, without what is stored for each output channel."""
        groups = -(-d_in // self.group) if self.group > 0 else 0.0
        return self.bits + groups * (self.scale + self.zero) / d_in + self.matrix / (d_in * d_out)

    @property
    def channel_bits(self) -> float:
        """Bits beside each output channel."""
        return 0.0 if self.group else self.scale + self.zero

    @property
    def dequant_flops(self) -> float:
        """Vector FLOP to expand a weight [assumption]: convert and multiply, or unpack, subtract, multiply too."""
        return 2.0 if self.bits >= 8 else 4.0

    def numbers(self) -> dict[str, Any]:
        """The numbers of the option weight_quantization."""
        scales = {"group_size": max(self.group, 0), "scale_bits": self.scale, "zero_bits": self.zero}
        if self.group == TENSOR:
            scales = {"group_size": 0, "scale_bits": 0, "zero_bits": 0}
        return {"bits": self.bits, **scales, "dequant_flops": self.dequant_flops}


FP8 = Storage(8, 0, 32, inputs="fp8")
FP8_WEIGHTS = Storage(8, 0, 32)
INT8 = Storage(8, 0, 16)
INT8_MATH = Storage(8, 0, 16, inputs="int8")
NVFP4 = Storage(4, 16, 8, inputs="fp4")
NVFP4_WEIGHTS = Storage(4, 16, 8)
MXFP4 = Storage(4, 32, 8)
MXFP8 = Storage(8, 32, 8)

# Storage of all linear layers (of the head and the embedding too) -> options, in order of preference
NAMED: dict[Storage, list[Any]] = {
    FP8: ["w8a8_fp8", "fp8"],
    FP8_WEIGHTS: ["fp8_weight_only"],
    INT8: ["int8"],
    INT8_MATH: ["w8a8", "int8"],
    NVFP4: ["w4a4_nvfp4", "nvfp4"],
    NVFP4_WEIGHTS: ["nvfp4"],
    MXFP4: ["mxfp4"],
    MXFP8: ["mxfp8"],
    Storage(4, 128, 16): ["int4"],
    Storage(4, 128, 16, 4): ["int4_zp"],
    Storage(4, 32, 16): ["int4_g32"],
    Storage(4, 32, 16, 4): ["int4_g32_zp"],
}
NAMED_WHOLE: dict[Storage, list[Any]] = {Storage(4, 64, 16, 16): ["mlx_4bit"], Storage(8, 64, 16, 16): ["mlx_8bit"]}
