"""Exact multipliers between the units of datasheets and the base units of the core.

The core counts FLOP, byte, second, FLOP/s, byte/s, token and watt; files for people use the datasheet's unit and name
it in the key. 1 GB is 1e9 bytes.
"""

TERA = 1e12
GIGA = 1e9
MILLI = 1e-3
PICO = 1e-12
MICRO = 1e-6
NANO = 1e-9
BITS_PER_BYTE = 8

UNLIMITED = 1e30  # stands for any number of tokens, rows, threads or watts; infinity would make gradients NaN
