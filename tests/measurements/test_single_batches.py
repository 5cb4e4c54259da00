"""Results of tools that time one batch at a time, and statistics that tools print."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trials import trials

from life_jax.config.schema.errors import ConfigError
from life_jax.measurements import rows as measurements
from life_jax.measurements.readers import assumptions, index

CARD = {"hw": "rtx_4090", "model": "Qwen3-8B", "opt": "int4"}
SERVER = {"hw": "h100_sxm", "model": "Qwen/Qwen3-8B"}
ONNX = (
    "Batch Size,Prompt Length,Tokens Generated,Prompt Processing Latency (ms),Token Generation Latency (ms)\n"
    "1,128,256,24.3,8.35\n"
)
LMDEPLOY = (
    "batch,prompt_tokens,completion_tokens,1st token latency (min)(s),1st token latency (ave)(s),percentile50(s),"
    "out token throughput(tok/s)\n2,512,128,0.031,0.035,0.0081,120.1\n"
)
OPENVINO = (
    "iteration,model,framework,device,input_size,output_size,latency(ms),1st_latency(ms),2nd_avg_latency(ms),"
    "precision,num_beams,batch_size\n0,qwen3-8b,ov,GPU,512,128,16.4,95.1,15.8,OV_FP16-4BIT_DEFAULT,1,1\n"
    "1,qwen3-8b,ov,GPU,512,128,15.9,90.3,15.5,OV_FP16-4BIT_DEFAULT,1,1\n"
    "avg,qwen3-8b,ov,GPU,512,128,15.9,90.3,15.5,OV_FP16-4BIT_DEFAULT,1,1\n"
)
OPENVINO_JSON = {
    "metadata": {"model": "qwen3-8b", "precision": "OV_FP16-4BIT_DEFAULT", "batch_size": 1, "num_beams": 1},
    "perfdata": {"results": [{"iteration": 1, "input_size": 512, "infer_count": 128, "first_token_latency": 90.3,
                              "second_token_avg_latency": 15.5}]},
}  # fmt: skip
MLXBENCH = "run,prompt_tokens,prompt_tps,generation_tokens,generation_tps,peak_memory_gb\n1,1000,1200.5,100,70.1,5.6\n"
REPORT = {"prefill": {"latency": {"unit": "s", "mean": 0.042}}, "decode": {"throughput": {"value": 36.4}}}
OPTIMUM = {"report": REPORT, "config": {
    "backend": {"model": "Qwen/Qwen3-8B", "torch_dtype": "float16"}, "environment": {"gpu": ["NVIDIA H100 80GB HBM3"]},
    "scenario": {"input_shapes": {"batch_size": 2, "sequence_length": 256}, "generate_kwargs": {"max_new_tokens": 64}},
}}  # fmt: skip
LLM_PERF = (
    "config.backend.model,config.backend.torch_dtype,config.environment.gpu,config.scenario.input_shapes.batch_size,"
    "config.scenario.input_shapes.sequence_length,config.scenario.generate_kwargs.max_new_tokens,report.prefill.latency.mean,report.decode.throughput.value\n"
    "Qwen/Qwen3-8B,float16,['NVIDIA A10G'],1,256,64,0.11,25\n"
)
LOCALSCORE = {"accelerator_info": {"name": "NVIDIA GeForce RTX 4090"}, "results": [{
    "model": {"name": "Qwen3 8B", "quant": "Q4_K - Medium"}, "n_prompt": 1024, "n_gen": 16, "prompt_tps": 6000.0,
    "gen_tps": 120.0}]}  # fmt: skip
LLAMAFILE = (
    "| cpu_info | model_filename | size | test | t/s |\n|---|---|---|---|---|\n"
    "| AMD Ryzen 9 7950X (znver4) | Qwen3-8B-Q4_K_M | 4.6 GiB | pp512 | 100.0 |\n"
)
TRTLLM = (
    "Average input length (tokens):  512.0000\nAverage output length (tokens): 128.0000\n"
    "Average time-to-first-token [TTFT] (ms):          25.0\nAverage time-per-output-token [TPOT] (ms):        6.3\n"
)
GENAI = "Load time: 18507.00 ms\nTTFT: 20.80 ± 0.47 ms\nTPOT: 15.10 ± 0.47 ms\nThroughput : 66.2 ± 1.07 tokens/s\n"
STUDIO = "  Tokens/Second: 71.10\n  Time to First Token: 0.102s\n  Prompt Tokens: 24\n  Predicted Tokens: 512\n"
CASES: list[tuple[Any, dict[str, str], dict[str, float]]] = [
    (ONNX, CARD, {"ttft_s": 0.0243, "tpot_s": 0.00835}),
    (LMDEPLOY, SERVER, {"ttft_s": 0.035, "tpot_s": 0.0081}),
    (OPENVINO, {"hw": "arc_b580"}, {"ttft_s": 0.0903, "tpot_s": 0.0155}),
    (OPENVINO_JSON, {"hw": "arc_b580"}, {"ttft_s": 0.0903, "tpot_s": 0.0155}),
    (MLXBENCH, {"hw": "apple_m4_pro", "model": "Qwen3-8B", "opt": "4bit"}, {"prefill_tok_s": 1200.5,
                                                                            "decode_tok_s": 70.1}),
    (OPTIMUM, {}, {"ttft_s": 0.042, "tpot_s": 2 / 36.4}),
    (LLM_PERF, {}, {"ttft_s": 0.11, "tpot_s": 0.04}),
    (LOCALSCORE, {}, {"prefill_tok_s": 6000, "decode_tok_s": 120}),
    (LLAMAFILE, {}, {"prefill_tok_s": 100}),
    (TRTLLM, {**SERVER, "batch": "1"}, {"ttft_s": 0.025, "tpot_s": 0.0063}),
    (GENAI, {"hw": "arc_b580", "model": "Qwen3-8B", "opt": "int4", "prompt": "512", "output": "128"},
     {"ttft_s": 0.0208, "tpot_s": 0.0151}),
    (STUDIO, {"hw": "apple_m4_pro", "model": "Qwen3-8B", "opt": "4bit"}, {"ttft_s": 0.102, "decode_tok_s": 71.1}),
]  # fmt: skip


def written(folder: Path, content: Any) -> Path:
    path = folder / "results.txt"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


@pytest.mark.parametrize(("content", "words", "expected"), CASES)
def test_times_of_a_batch_are_rows_with_a_forecast(tmp_path, content, words, expected):
    path, fills = written(tmp_path, content), index.checked(words)
    taken, _ = assumptions.assumed(path, fills)
    placed = [measurements.place(row) for row in index.rows(path, fills, taken)]
    assert not [one for one in placed if isinstance(one, str)], placed
    assert {one.metric: one.value for one in placed} == pytest.approx(expected)


def test_a_report_without_its_configuration_says_what_is_missing(tmp_path):
    with pytest.raises(ConfigError, match=r"give .*batch=N"):
        list(index.rows(written(tmp_path, REPORT), index.checked(SERVER)))


def test_several_beams_are_reported_and_not_compared(tmp_path):
    beams = {**OPENVINO_JSON, "metadata": {**OPENVINO_JSON["metadata"], "num_beams": 4}}
    (row,) = index.rows(written(tmp_path, beams), index.checked({**CARD, "batch": "1"}))
    assert "beams" in str(measurements.place(row))


@settings(max_examples=trials(150), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_changed_result_is_read_or_refused_in_one_line(tmp_path, data):
    text = data.draw(st.sampled_from([case[0] for case in CASES]))
    text = text if isinstance(text, str) else json.dumps(text)
    for _ in range(data.draw(st.integers(1, 3))):
        at, cut = data.draw(st.integers(0, len(text))), data.draw(st.integers(0, 30))
        put = data.draw(st.sampled_from(["", ",", "\n", "0", "-1", "nan", "[]", "{", '"', "null", text[at : at + 60]]))
        text = text[:at] + put + text[at + cut :]
    try:
        for row in index.rows(written(tmp_path, text), index.checked({**CARD, "batch": "1", "output": "8"})):
            one = measurements.place(row)
            assert isinstance(one, str) or one.value > 0
    except ConfigError as error:
        assert "\n" not in str(error)
