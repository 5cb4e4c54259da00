"""Flags of a public harness, by what its rows say."""

import numpy as np
import pytest
from public_harness import Flags, flags_of

ROW = {
    "input_spread": "max; uniform 0.8..1 of it", "engine": "tensorrt_llm", "model": "deepseek-ai/DeepSeek-R1",
    "hardware": "NVIDIA B200 SXM", "version": "1.2.0rc6.post2", "date": "2026-02-03",
}  # fmt: skip


@pytest.mark.parametrize(
    ("version", "date", "drafts"),
    [
        ("1.2.0rc6.post2", "2026-02-03", 0.0),
        ("1.2.0rc6.post3", "2026-02-06", 3.0),
        ("1.1.0rc2.post2", "2025-12-15", 0.0),
        ("1.1.0rc2.post2", "2026-01-14", 3.0),
    ],
)
def test_images_and_dates_tell_rows_with_drafts_from_rows_without(version, date, drafts):
    flags = flags_of({**ROW, "version": version, "date": date})
    assert flags.drafts == drafts and ("mtp" in flags.options) == bool(drafts)


def test_a_step_with_drafts_has_one_prompt_and_one_without_has_the_larger_budget():
    prompt, concurrency = np.array([1024.0, 8192.0]), np.array([4.0, 64.0])
    drafting, plain = flags_of({**ROW, "version": "1.2.0rc6.post3"}), flags_of(ROW)
    assert drafting.token_budget(prompt, concurrency).tolist() == [1024 + 64 + 16, 8192 + 64 + 256]
    assert plain.token_budget(prompt, concurrency).tolist() == [8192, 8192 + 64 + 64]


def test_other_rows_have_no_flags():
    assert flags_of({**ROW, "input_spread": ""}) == Flags() == flags_of({**ROW, "model": "Qwen/Qwen3-32B"})
    assert flags_of({**ROW, "model": "openai/gpt-oss-120b"}).format == "mxfp4_experts"
