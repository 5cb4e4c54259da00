"""Prompts by how many tokens are computed at once, from tables in llama.cpp's pull requests.

No fit has seen these rows: from #22298 one prior and one constant were read (`EXPERTS` of scripts/fit_priors.py,
`TILE_OF_TOKENS`), from #15802 the prior of the vector units of GeForce cards and `unpack_work` of CUDA kernels, from
#17576 the prior of `tile_rows` on HIP, from steps of 8 and 16 tokens of #17505 that on CUDA.
The other tables nothing was taken from.
"""

import numpy as np
import pytest

from life_jax.measurements import forecasts, rows

RTX, STRIX = "NVIDIA GeForce RTX 3090", "AMD Radeon 8060S Graphics"
# (source, device, model, weights, engine, prompt tokens, cached before, mean error of the logarithm allowed):
# {tokens at once: tokens/s}
TABLES = {
    ("#15802", RTX, "llama3_8b", "q4_0", "llama_cpp_cuda", 512, 0, 0.15):
        {1: 156.56, 2: 279.89, 3: 390.96, 4: 470.48, 5: 509.70, 6: 541.57, 7: 559.30, 8: 583.77},
    ("#17505", RTX, "llama3_8b", "q4_0", "llama_cpp_cuda", 512, 32768, 0.15):
        {2: 170.31, 4: 303.46, 8: 439.54, 16: 874.15, 32: 1194.99, 64: 1495.43, 128: 1617.77, 256: 1697.92,
         512: 1448.12},
    ("#15131", RTX, "llama3_8b", "f16", "llama_cpp_cuda", 512, 0, 0.12): {8: 423.63, 16: 764.17},
    ("#12014", RTX, "phi2", "f16", "llama_cpp_cuda", 16384, 0, 0.2):
        {12: 811.75, 16: 1073.04, 32: 1998.59, 64: 3623.37, 128: 4917.37, 256: 6405.33, 512: 6622.56},
    ("#22298", RTX, "gemma4_26b_a4b", "q4_k_m", "llama_cpp_cuda", 2048, 0, 0.1):
        {16: 889.45, 32: 1245.73, 64: 1564.59, 128: 1727.16, 256: 2496.96, 512: 3488.13, 1024: 4387.83, 2048: 5172.07},
    ("#22298", RTX, "gpt_oss_20b", "mxfp4", "llama_cpp_cuda", 2048, 0, 0.25): {16: 1098.97, 32: 1582.25},
    ("#17576", STRIX, "llama3_8b", "q4_1", "llama_cpp_hip", 2048, 0, 0.17):
        {1: 36.52, 2: 71.24, 4: 132.17, 8: 274.38, 16: 486.38, 32: 623.27, 64: 791.80, 128: 815.73},
    ("#17576, before", STRIX, "llama3_8b", "q4_1", "llama_cpp_hipblas_2025", 2048, 0, 0.15):
        {1: 36.48, 2: 71.08, 4: 131.92, 8: 219.34, 16: 341.72, 32: 491.51, 64: 241.80, 128: 420.49, 256: 589.14},
}  # fmt: skip


@pytest.mark.parametrize("table", TABLES, ids=lambda t: f"{t[0]} {t[2]} {t[3]}")
def test_prompts_in_steps_take_what_llama_cpp_measured(table) -> None:
    _, hardware, model, weights, engine, prompt, past, allowed = table
    settings = [
        rows.place(
            {
                "id": str(tokens), "hardware": hardware, "model": model, "weight_format": weights, "engine": engine,
                "batch": "1", "prompt_tokens": str(prompt), "output_tokens": "1", "metric": "prefill_tok_s",
                "value": str(rate), "ubatch": str(tokens), "ctx_depth": str(past),
            }
        )
        for tokens, rate in TABLES[table].items()
    ]  # fmt: skip
    logs = np.log([s.ratio(f) for s, f in zip(settings, forecasts.forecasts(settings), strict=True)])
    assert np.abs(logs).mean() < allowed, np.exp(logs).round(2)
