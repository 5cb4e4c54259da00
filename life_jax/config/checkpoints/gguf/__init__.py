"""GGUF files read as ours.

file: the header, its metadata and tensors. reader: both, layer by layer. mixers, networks, rwkv: what a layer is,
by the tensors that it has. windows: which layers attend a window. tensors: our names of tensors, and their bits.
encoders, t5: kinds of models with a shape of their own. model: all of it -> ModelFile.
"""
