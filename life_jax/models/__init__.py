"""Decoders assembled from attention kinds and ffn kinds."""
