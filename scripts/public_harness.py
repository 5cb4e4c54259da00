"""Flags with which a public harness ran the rows whose lengths are uniform: InferenceX, once InferenceMAX.

Rows say neither caches, budgets nor drafts. The harness's scripts and its log of changes do
(github.com/SemiAnalysisAI/InferenceX, benchmarks/NAME.sh and perf-changelog.yaml at 000de6df8af0), by model, engine,
device, version and date:

* gpt-oss runs as its checkpoint is stored, experts in mxfp4; gptoss_fp4_b200 (from November 2025 on) and
  gptoss_fp4_b200_trt keep the cache in fp8, the latter with 20000 tokens a step.
* dsr1_*_b200 and dsr1_*_b200_trt keep the cache in fp8; under TensorRT-LLM a step has 8192 tokens or a prompt and a
  token of each request.
* dsr1-fp4-b200-trt-mtp and dsr1-fp8-b200-trt-mtp (pull 392, January 2026) draft three tokens, and a step has one prompt
  beside the drafts (dsr1_fp4_b200_trt_mtp.sh). They moved from 1.1.0rc2.post2 to 1.2.0rc6.post3 (pulls 632, 642), the
  others, from the same, to 1.2.0rc6.post2 (594, 620): which tells rows apart.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

MTP_SINCE = "2026-01"  # of the first results with drafts
BLACKWELL = "NVIDIA B200 SXM"


@dataclass(frozen=True)
class Flags:
    """options: beside the format; format: in place of that which the row's label says; drafts [token]: of each sequence
    in a step; budget [token]: of a step, 0 where it is the engine's; whole: whether that is 8192, or a prompt and a
    token of each request where they are more."""

    options: tuple[str, ...] = ()
    format: str = ""
    drafts: float = 0.0
    budget: float = 0.0
    whole: bool = False

    def token_budget(self, prompt: np.ndarray, concurrency: np.ndarray) -> np.ndarray | float:
        """Tokens of a step [n], or 0 where these flags leave them to the engine. prompt [token]: the longest of each
        row; concurrency [1]."""
        if self.drafts:
            return prompt + 64 + (self.drafts + 1) * concurrency
        return np.maximum(prompt + 64 + concurrency, 8192.0) if self.whole else self.budget


NO_FLAGS = Flags()


def flags_of(row: Mapping[str, str]) -> Flags:
    """The flags of a row of uniform lengths; those of none for another row."""
    if "uniform" not in row["input_spread"]:
        return NO_FLAGS
    engine, model, blackwell = row["engine"], row["model"], row["hardware"] == BLACKWELL
    cache = ("kv_fp8",)
    if "gpt-oss" in model:
        in_fp8 = blackwell and (engine == "tensorrt_llm" or row["date"] >= "2025-11-15")
        budget = 20000.0 if engine == "tensorrt_llm" else 0.0
        return Flags(cache if in_fp8 else (), "mxfp4_experts", budget=budget)
    if "DeepSeek" in model and engine == "sglang":
        return Flags(cache)
    if "DeepSeek" in model and engine == "tensorrt_llm":
        drafts = row["version"].endswith("rc6.post3") or (
            row["version"] == "1.1.0rc2.post2" and row["date"] >= MTP_SINCE
        )
        if drafts:
            return Flags((*cache, "mtp"), drafts=3.0)
        return Flags(cache, whole=True)
    return NO_FLAGS
