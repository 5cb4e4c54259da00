"""A row of published measurements, with columns changed, and the setting that it is placed in."""

from life_jax.measurements import rows as measurements

ROW = {
    "id": "a", "hardware": "NVIDIA H100 SXM 80GB", "model": "Llama-2-7B", "weight_format": "f16", "engine": "vLLM",
    "batch": "1", "prompt_tokens": "512", "output_tokens": "128", "tp": "1", "metric": "ttft_s", "value": "0.03",
    "ctx_depth": "", "kv_dtype": "",
}  # fmt: skip


def row(**changes):
    return {**ROW, **changes}


def placed(**changes):
    found = measurements.place(row(**changes))
    assert not isinstance(found, str), found
    return found
