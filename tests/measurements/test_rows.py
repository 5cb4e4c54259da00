"""Published measurements -> scenarios -> forecasts, and the validate command."""

import csv
import dataclasses
import re
from fractions import Fraction

import numpy as np
import pytest
from laws import in_numpy
from measured import ROW, placed, row
from places import DATA

import life_jax as life
from life_jax import validate
from life_jax.config import aliases, conf_files
from life_jax.config.rates import emulates_bf16
from life_jax.config.schema.device_file import DeviceFile
from life_jax.config.schema.errors import ConfigError
from life_jax.core.schedule import Step
from life_jax.forecasting.step import step_graph
from life_jax.measurements import accuracy, accuracy_totals, forecasts, sources
from life_jax.measurements import rows as measurements
from life_jax.measurements.rows import MEASURED_TIMES
from life_jax.parallelism import collectives
from life_jax.plotting import parity


def table(path, *rows):
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(ROW))
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_a_row_is_forecast_as_the_sweep_forecasts_its_scenario():
    rows = [placed(metric=m) for m in ("ttft_s", "tpot_s", "e2e_s", "prefill_tok_s", "decode_tok_s", "total_tok_s")]
    ttft, tpot, e2e, prefill, decode, total = forecasts.forecasts(rows)
    words = ["hw=h100_sxm", "model=llama2_7b", "engine=vllm", "workload.prompt_tokens=512", "workload.batch=1"]
    ds = in_numpy(*words, "metrics=[ttft,tpot,e2e]", "dtype=float64").squeeze()
    assert ttft == pytest.approx(float(ds.ttft), rel=1e-9)
    assert tpot == pytest.approx(float(ds.tpot), rel=1e-9)
    assert e2e == pytest.approx(float(ds.e2e), rel=1e-9)
    assert (prefill, decode, total) == pytest.approx((512 / ttft, 1 / tpot, 640 / e2e), rel=1e-9)


def test_rows_of_several_devices_and_models_get_what_each_gets_alone():
    rows = [
        placed(id=str(i), hardware=hw, model=model, metric=metric, batch=str(batch))
        for i, (hw, model, metric, batch) in enumerate([
            ("NVIDIA H100 SXM 80GB", "Llama-2-7B", "ttft_s", 1), ("NVIDIA A40", "Llama-2-7B", "tpot_s", 8),
            ("NVIDIA A40", "mistralai/Mixtral-8x7B-v0.1", "tpot_s", 8), ("NVIDIA H100", "Llama-2-13B", "e2e_s", 4),
        ])
    ]  # fmt: skip
    together = forecasts.forecasts(rows)
    assert np.isfinite(together).all()
    alone = [forecasts.forecasts([one])[0] for one in rows]
    np.testing.assert_allclose(together, alone, rtol=1e-12)


def test_a_decode_rate_without_a_prompt_starts_at_its_depth():
    deep, shallow = (
        placed(metric="tpot_s", prompt_tokens="0", ctx_depth="8192"),
        placed(metric="tpot_s", prompt_tokens="0"),
    )
    assert deep.past_tokens == 8192 and deep.output_tokens == 129
    a, b = forecasts.forecasts([deep, shallow], "ideal")
    extra = 8192 * 524288 / 3350e9  # the KV bytes of the deeper context, over the bandwidth
    assert a - b == pytest.approx(extra, rel=1e-6)


@pytest.mark.parametrize(
    ("engine", "date", "fused"),
    [
        ("llama.cpp CUDA", "2024-01", False), ("llama.cpp CUDA", "2026-01", True), ("llama.cpp CUDA", "", True),
        ("llama.cpp main", "2023-11..2024-02", False), ("llama.cpp-vulkan_radv b6077 fa", "2025-08", True),
        ("vLLM", "2024-01", True),
    ],
)  # fmt: skip
def test_llama_cpp_kept_scores_in_memory_until_flash_attention_was_its_default(engine, date, fused):
    assert ("eager_attention" not in placed(engine=engine, date=date).stack) is fused


def test_benchmarks_that_repeat_one_word_are_known_by_their_source():
    """LLM-Inference-Bench: one word for every sequence under TensorRT-LLM, random tokens under vLLM."""
    source, model = "github:argonne-lcf/LLM-Inference-Bench@0:Plots/All_results.csv", "mistralai/Mixtral-8x7B-v0.1"
    alike, random, elsewhere = (
        placed(engine=engine, source=source, model=model, batch="64", metric="tpot_s")
        for engine, source in (("TensorRT-LLM", source), ("vLLM", source), ("TensorRT-LLM", "github:other"))
    )
    assert alike.distinct_tokens == 1 and random.distinct_tokens == elsewhere.distinct_tokens > 1e9
    assert not (alike.cold or random.cold or elsewhere.cold)
    fast, slow = forecasts.forecasts([alike, elsewhere])
    assert fast < 0.7 * slow


def test_the_mean_over_several_prompts_is_that_of_their_tokens_and_of_their_pairs():
    """LocalScore's result of a machine is the mean over nine tests, its longest prompt thrice the mean one."""
    prompts = [1024, 4096, 2048, 2048, 1024, 1280, 384, 64, 16]
    of = {"engine": "LocalScore (llamafile 0.9, 2025) CUDA", "metric": "ttft_s", "batch": "1", "ctx_depth": "0"}
    mean = placed(**of, prompt_tokens="1332")
    pairs = mean.prompt_tokens * mean.past_tokens + mean.prompt_tokens**2 / 2
    assert pairs == pytest.approx(sum(n**2 / 2 for n in prompts) / len(prompts), rel=1e-3)
    assert placed(**of, prompt_tokens="1024").past_tokens == 0  # of a single test
    each = forecasts.forecasts([placed(**of, prompt_tokens=str(n)) for n in prompts])
    assert forecasts.forecasts([mean])[0] == pytest.approx(np.mean(each), rel=0.05)  # prompts of 16 are not linear


def test_threads_of_a_cpu_are_a_column_or_in_the_words_of_the_note():
    cpu = {"hardware": "ryzen_9_7950x_cpu", "engine": "llama.cpp CPU", "weight_format": "q4_0"}
    assert placed(**cpu).threads is None
    assert placed(**cpu, threads="4").threads == 4
    assert placed(**cpu, note="LUT; 12 thread(s)").threads == 12
    assert placed(**cpu, note="8 threads", threads="4").threads == 4
    assert placed(note="8 threads").threads is None  # a GPU: its host's
    few, every = placed(**cpu, threads="4"), placed(**cpu)
    ratio = forecasts.forecasts([few])[0] / forecasts.forecasts([every])[0]
    like = [
        in_numpy("hw=ryzen_9_7950x_cpu", f"model={few.model}", "engine=llama_cpp_cpu", "opt=q4_0", *w,
                                 "workload.batch=1",
                                 f"workload.prompt_tokens={few.prompt_tokens}",
                                 f"workload.output_tokens={few.output_tokens}").squeeze()
        for w in (["engine.threads=4"], [])
    ]  # fmt: skip
    name = {"TTFT": "ttft", "TPOT": "tpot", "TOTAL": "e2e"}[few.kind]
    expected = float(like[0][name] / like[1][name])
    assert ratio == pytest.approx(1 / expected if few.is_rate else expected, rel=1e-3)


def test_a_first_call_takes_what_the_engine_needs_to_warm_up():
    """DeepSpeed-MII in LLM-Inference-Bench was called once; nobody else's first token waits for that."""
    source = "github:argonne-lcf/LLM-Inference-Bench@0:Plots/All_results.csv"
    first, usual = (placed(engine="Deepspeed-MII", source=s) for s in (source, "github:other"))
    file = conf_files.engine_file("deepspeed")
    a, b = forecasts.forecasts([first, usual])
    assert first.cold and not usual.cold
    assert a - b == pytest.approx((file.cold_request_ms - file.request_ms) * 1e-3, rel=1e-6)


def test_first_calls_on_the_max_1550_are_told_by_their_ids():
    """Of one setting the mean of three calls is published as well as the first one."""
    of = {"hardware": "Intel Data Center GPU Max 1550", "engine": "vLLM", "metric": "e2e_s", "output_tokens": "128"}
    of["source"] = "github:argonne-lcf/LLM-Inference-Bench@0:Plots/All_results.csv"
    rows = [placed(**of, id=f"llminferencebe-{number}") for number in ("01405", "01428", "01429", "01505", "01506")]
    assert [one.cold for one in rows] == [False, False, True, True, False]
    file = conf_files.engine_file("vllm_intel")
    mean, *_, first, _ = forecasts.forecasts(rows)
    assert first - mean == pytest.approx((file.cold_request_ms - file.request_ms) * 1e-3, rel=1e-6)


@pytest.mark.data
def test_digits_tell_means_of_three_calls_from_single_ones():
    """perf_counter counts nanoseconds: three times the mean of three calls is a whole number of them, and so is one."""

    def off(seconds):
        return abs(seconds * 10**9 - round(seconds * 10**9))

    apart = {False: [], True: []}
    for one in measurements.read(DATA / "measurements_dev.csv"):
        if one["canonical"] == "Intel Data Center GPU Max 1550" and one["tp"] == "1" and one["engine"] == "vLLM":
            latency = Fraction(re.search(r"latency_s=([\d.]+)", one["note"])[1])
            apart[bool(sources.circumstances(one).get("cold"))].append((off(latency), off(3 * latency)))
    (means, thirds), (single, _) = (np.median(np.array(apart[cold], float), axis=0) for cold in (False, True))
    assert len(apart[False]) == 24 and means > 0.25 and thirds < 0.1 and single < 0.1


@pytest.mark.parametrize(
    ("note", "tokens"),
    [
        ("context_length 1024 graph; decode position not stated", 1024.0),
        ("range min; prompt processor runs 128-token chunks (max/min=32.00, ctx/128=32)", 4096.0),
        ("llama-bench", None),
    ],
)
def test_a_note_says_for_how_many_positions_a_program_was_compiled(note, tokens):
    assert sources.circumstances({"note": note}).get("graph_tokens") == tokens


def emulates(s):
    """Whether the row was measured in bf16 on a device that has no units for it."""
    file = forecasts.in_half(conf_files.engine_file(s.engine), s.half)
    return emulates_bf16(file.half_units, conf_files.file("hw", s.hw, DeviceFile))


def test_files_of_mlx_until_early_2025_are_fp16_which_m1_and_m2_compute_faster():
    row = {"engine": "mlx-lm", "weight_format": "4bit", "prompt_tokens": "512", "metric": "ttft_s"}
    old, new = (
        placed(**row, model=name, hardware="apple_m1") for name in ("Llama-3.2-3B-Instruct-4bit", "Qwen3-4B-4bit")
    )
    assert (old.half, new.half) == ("fp16", None)
    assert emulates(new) and not emulates(old)
    assert not emulates(dataclasses.replace(new, hw="apple_m3"))
    assert not emulates(dataclasses.replace(new, engine="llama_cpp_metal"))
    slow, fast = forecasts.forecasts([new, dataclasses.replace(new, half="fp16")])
    assert 1.2 < slow / fast < 1.6
    same = forecasts.forecasts([dataclasses.replace(new, hw="apple_m3", half=half) for half in (None, "fp16")])
    assert same[0] == same[1]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"hardware": "Abacus"}, "device 'Abacus'"),
        ({"model": "GPT-9"}, "model 'GPT-9'"),
        ({"weight_format": "roman"}, "weight format 'roman'"),
        ({"metric": "power_w"}, "metric power_w"),
        ({"prompt_tokens": ""}, "no prompt_tokens"),
        ({"value": "0"}, "no measured value"),
    ],
)
def test_what_is_not_understood_says_why(changes, reason):
    assert reason in measurements.place(row(**changes))


@pytest.mark.parametrize(
    ("name", "hw"),
    [
        ("RTX 4090", "rtx_4090"), ("NVIDIA RTX 4090", "rtx_4090"), ("GeForce RTX 4060", "rtx_4060"),
        ("NVIDIA H100 PCIe", "h100_pcie"), ("NVIDIA L4", "l4"), ("AMD Instinct MI325X", "mi325x"),
        ("Radeon RX 9070 XT", "rx_9070_xt"), ("Apple M1 Pro", "apple_m1_pro"), ("h100_sxm", "h100_sxm"),
    ],
)  # fmt: skip
def test_devices_are_known_without_their_maker(name, hw):
    assert placed(hardware=name).hw == hw


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("meta-llama/Llama-3.1-8B-Instruct", "llama3_1_8b"), ("Qwen/Qwen3-8B-FP8", "qwen3_8b"),
        ("Qwen3-235B-A22B", "qwen3_235b_a22b"), ("llama2_7b", "llama2_7b"), ("google/gemma-3-27b-it", "gemma3_27b"),
        ("Llama-3.1-405B-Instruct", "llama3_1_405b"),
    ],
)  # fmt: skip
def test_models_are_known_whatever_was_done_to_them(name, model):
    assert placed(model=name).model == model


def test_pytorch_has_other_kernels_on_cpus():
    hf = {"engine": "HF transformers 5.24.0", "weight_format": "bf16"}
    assert placed(**hf, hardware="ryzen_9_7950x_cpu").engine == "hf_eager_cpu"
    assert placed(**hf).engine == "hf_eager"


def test_llama_cpp_prefills_as_many_tokens_at_once_as_a_row_says():
    row = {"engine": "llama.cpp CUDA", "date": "2025-10", "hardware": "rtx_4090", "weight_format": "q4_0"}
    of = {"prompt_tokens": "2048", "metric": "ttft_s"}
    usual, small, shared = (
        forecasts.scenarios([placed(**row, **of, **said)])[0][1].engine
        for said in ({}, {"ubatch": "128"}, {"ubatch": "2048", "batch": "8"})
    )
    assert usual.chunks.shared
    assert [float(e.chunks.tokens[0]) for e in (usual, small, shared)] == [512, 128, 2048]
    whole = forecasts.scenarios([placed(**of, ubatch="128")])[0][1].engine  # vLLM of 2024 did not
    assert whole.chunks.tokens == 0
    slow, fast = forecasts.forecasts([placed(**row, **of, ubatch=n) for n in ("16", "512")])
    assert slow > 2 * fast


def test_scores_of_llama_cpp_without_flash_attention_are_fp32():
    assert placed(engine="llama.cpp main", date="2024-02").stack == ("eager_attention", "fp32_scores")
    eager, wide = (
        {op.name: op.cost for op in step_graph(life.load(["hw=h100_sxm", "model=llama2_7b", f"opt={o}"]).scenario,
                                               Step(batch=1.0, new=512.0, past=512.0))}
        for o in ("eager_attention", "[eager_attention,fp32_scores]")
    )  # fmt: skip
    assert wide["softmax"].bytes == 2 * eager["softmax"].bytes
    assert wide["attention_qk"].activations_written == 2 * eager["attention_qk"].activations_written
    assert wide["o_proj"] == eager["o_proj"]


def test_volta_multiplies_quantized_weights_on_its_fp16_units():
    """ggml_cuda_should_use_mmq: of NVIDIA's devices without int8 matrix units, those with fp16 ones take cuBLAS."""
    for hw, dtype in (("v100_sxm2_32gb", "fp16"), ("tesla_p40", "int8_dp4a"), ("rtx_4090", "int8")):
        device = life.load([f"hw={hw}", "model=llama2_7b", "opt=q4_0", "engine=llama_cpp_cuda"]).scenario.device
        assert device.rates["linear"] == conf_files.file("hw", hw, DeviceFile).peak_tflops[dtype] * 1e12


def test_formats_may_be_written_in_capitals():
    assert placed(weight_format="Q4_K_M").stack == placed(weight_format="q4_k_m").stack == ("q4_k_m",)


def test_every_alias_leads_to_a_file():
    from life_jax.config.schema import paths

    for name, group in (("hardware", "hw"), ("model", "model")):
        assert set(aliases.table(name).values()) <= set(paths.choices(group))
    for found in aliases.table("format").values():
        for stack in found.values() if isinstance(found, dict) else [found]:
            assert set(stack) <= set(paths.choices("opt"))
    for one in aliases.rules("engine"):
        engines = one["engine"].values() if isinstance(one["engine"], dict) else [one["engine"]]
        assert set(engines) <= set(paths.choices("engine"))


def test_every_class_of_device_has_efficiencies():
    from life_jax.config.schema import paths

    for hw in paths.choices("hw"):
        if "life_" not in hw:
            assert conf_files.efficiency_class(hw) in paths.choices("efficiency"), hw


def test_no_engine_is_faster_than_the_datasheet_allows():
    rows = [placed(id=m, metric=m, batch="16") for m in ("ttft_s", "tpot_s")]
    bound = forecasts.forecasts(rows, "ideal")
    for engine in ("generic", "vllm", "tensorrt_llm", "hf_eager"):
        assert (forecasts.forecasts(rows, engine) > bound).all()


def test_the_ring_moves_the_bytes_of_the_reference():
    # modelling reference, section 10: 158.4895 us for 8 ranks, 32 MiB, 450 GB/s, of which 28 us are 14 hops of 2 us
    found = collectives.all_reduce(devices=8.0, message=2.0**25, latency=0.0, bandwidth=450e9)
    assert found * 1e6 == pytest.approx(158.4895 - 28, abs=1e-4)
    assert collectives.all_reduce(devices=1.0, message=2.0**25, latency=1e-6, bandwidth=450e9) == 0


def test_tensor_parallel_divides_the_work_and_adds_two_all_reduces_a_layer():
    words = [
        "engine=ideal",
        "hw=h100_sxm",
        "model=llama2_7b",
        "workload.prompt_tokens=4096",
        "dtype=float64",
        "metrics=[ttft]",
    ]
    one = float(in_numpy(*words, "workload.batch=1").ttft.squeeze())
    two = float(in_numpy(*words, "workload.batch=1", "engine.tensor_parallel=2").ttft.squeeze())
    messages = 64 * (4096 * 4096 * 2) / 450e9  # 2 (n - 1) / n is 1
    # element-wise operators run on both
    assert one / 2 + messages < two < one / 1.5 + messages


def test_validate_writes_every_understood_row_and_its_bounds(tmp_path):
    measured = table(
        tmp_path / "m.csv", row(), row(id="b", metric="decode_tok_s", value="120"), row(id="c", hardware="x")
    )
    r = accuracy.report(measurements.read(measured))
    assert [s.id for s in r.settings] == ["a", "b"] and sum(r.skipped.values()) == 1
    assert ((r.low < r.forecast) & (r.forecast < r.high)).all()
    with validate.written(tmp_path / "f.csv") as add:
        add(r)
    written = list(csv.DictReader((tmp_path / "f.csv").open()))
    assert [one["id"] for one in written] == ["a", "b"]
    assert float(written[1]["forecast"]) == pytest.approx(r.forecast[1], rel=1e-5)
    parity.plot(r, tmp_path / "p.png")
    assert (tmp_path / "p.png").stat().st_size > 10_000


def test_a_row_faster_than_the_datasheet_is_reported_apart(tmp_path):
    r = accuracy.report([row(), row(id="b", value="0.0001")])
    assert r.impossible.tolist() == [False, True]
    assert accuracy_totals.macro(r, r.forecast)["TTFT"][2] == 1


def test_errors_are_of_the_time_and_cells_weigh_the_same():
    r = accuracy.report(
        [row(id=str(i), value=v) for i, v in enumerate(("0.03", "0.03", "0.03"))] + [row(id="z", model="Llama-2-13B")]
    )
    forecast = np.array([0.06, 0.06, 0.06, 0.03])
    mean, median, cells = accuracy_totals.macro(dataclasses.replace(r, impossible=np.zeros(4, bool)), forecast)["TTFT"]
    assert (mean, median, cells) == (pytest.approx(50), pytest.approx(50), 2)


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "no rows"), ("id,hardware\n1,2\n", "no column model"), (None, "cannot be read")],
)
def test_a_file_that_is_no_table_of_measurements_is_refused(tmp_path, text, said):
    path = tmp_path / "m.csv"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigError, match=said):
        measurements.read(path)


@pytest.mark.data
def test_the_panel_is_understood_and_beats_the_baselines():
    rows = {one["id"]: one for one in measurements.read(DATA / "measurements_dev.csv")}
    panel = [rows[one["id"]] for one in csv.DictReader((DATA / "panel_dev.csv").open(newline=""))]
    r = accuracy.report(panel)
    assert len(r.settings) >= 0.95 * len(panel)
    ours = accuracy_totals.macro(r, r.forecast)
    for baseline in r.baselines.values():
        theirs = accuracy_totals.macro(r, baseline)
        for kind in MEASURED_TIMES:
            assert ours[kind][0] < theirs[kind][0]
    # intervals are those of sources that no constant has seen, wider than this panel asks for
    assert 0.8 <= accuracy_totals.coverage(r)[0] <= 0.99


@pytest.mark.parametrize("name", ["=1+1", "@SUM(A1)", "+cmd|x", "-2+3", "\t=1"])
def test_an_id_that_a_spreadsheet_would_compute_is_no_id(name):
    assert "formula" in measurements.place(row(id=name))
    assert not isinstance(measurements.place(row(id="-12.5")), str)
