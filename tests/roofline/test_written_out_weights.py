"""Engines that write quantized weights out at 16 bit before large products, on devices that cannot multiply bytes."""

import laws
import numpy as np
import pytest


@pytest.mark.parametrize("model", ["llama3_8b", "gemma3_4b"])
@pytest.mark.parametrize("hw", ["gtx_970", "titan_v", "gtx_1080"])
def test_no_time_falls_where_products_are_large_enough_to_write_weights_out(hw, model):
    """GTX 970 has neither, Titan V tensor cores of fp16 alone, GTX 1080 dot products of bytes."""
    words = [f"hw={hw}", f"model={model}", "opt=q4_0", "engine=llama_cpp_cuda", "metrics=[ttft,tpot]"]
    by_batch = laws.in_numpy(*words, "axes.batch=[1,8,9,32,63,64,65,66,128]", "workload.prompt_tokens=128").squeeze()
    assert (np.diff(by_batch.tpot) > 0).all()
    by_prompt = laws.in_numpy(*words, "axes.prompt_tokens=[1,8,9,32,63,64,65,66,128]", "workload.batch=1").squeeze()
    assert (np.diff(by_prompt.ttft) > 0).all()
