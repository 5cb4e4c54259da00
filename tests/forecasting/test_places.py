"""Parts of a model on another device of the machine, and prompts on devices of their own."""

import json

import laws
import numpy as np
import pytest
from places import DATA

import life_jax as life
from life_jax.config.schema.errors import ConfigError
from life_jax.core.places import HOST
from life_jax.forecasting import breakdown, memory, places
from life_jax.forecasting.request import Run

METRICS = "ttft,tpot,e2e,memory,weight_memory,kv_memory,host_memory,decode_flops,price,decode_energy"
CARD = ("hw=rtx_4090", "engine=llama_cpp_cuda", "model=llama3_70b", "prompt=512", "output=64")
HOSTED = (*CARD, "opt=[q4_k_m,offload]", "offload.hw=ryzen_9_7950x_cpu")
EXPERTS = ("hw=rtx_4080", "engine=ik_llama_cpp", "model=gpt_oss_120b", "prompt=512", "output=64")
THREADRIPPER = ("opt=[mxfp4_experts,offload]", "offload.hw=ryzen_threadripper_pro_5975wx_cpu")


def values(*words, metrics=METRICS):
    found = laws.in_numpy(*words, "batch=1", f"metrics=[{metrics}]").squeeze()
    return {name: found[name].values for name in found}


def test_all_on_the_card_is_no_offload():
    none = values(*CARD, "opt=q4_k_m")
    assert values(*HOSTED) == none
    moved = values(*HOSTED, "axes.cpu_layers=[0,10]", metrics="tpot,memory,ttft")
    for name in moved:
        assert moved[name][0] == pytest.approx(none[name].item(), rel=1e-9), name


def test_all_experts_on_the_card_is_no_offload():
    none = values(*EXPERTS, "opt=mxfp4_experts", metrics="tpot,ttft,memory,decode_flops")
    for number in ("cpu_expert_layers", "cpu_experts"):
        moved = values(*EXPERTS, *THREADRIPPER, f"axes.{number}=[0,0.5]", metrics="tpot,ttft,memory,decode_flops")
        for name in none:
            assert moved[name][0] == pytest.approx(none[name].item(), rel=1e-9), (number, name)


def test_more_layers_on_the_host_are_slower_and_leave_more_room():
    found = values(*HOSTED, "axes.cpu_layers=[1,20,40,79]", metrics=METRICS + ",max_context")
    assert (np.diff(found["tpot"]) > 0).all() and (np.diff(found["ttft"]) > 0).all()
    assert (np.diff(found["memory"]) < 0).all() and (np.diff(found["max_context"]) >= 0).all()
    assert (found["decode_flops"] == found["decode_flops"][0]).all()
    assert (found["price"] > values(*CARD, "opt=q4_k_m")["price"]).all()


def test_weights_and_cache_of_both_places_are_those_of_the_model():
    whole, split = values(*CARD, "opt=q4_k_m"), values(*HOSTED, "opt.offload.cpu_layers=30")
    both = split["weight_memory"] + split["kv_memory"] + split["host_memory"]
    assert both == pytest.approx(whole["weight_memory"] + whole["kv_memory"], rel=1e-9)


def test_everything_on_the_host_takes_the_time_of_the_host():
    numbers = ("opt.offload.cpu_layers=80", "opt.offload.crossing_us=0", "opt.offload.link_gb_per_s=1e6",
               "opt.offload.stream_tokens=1e9")  # fmt: skip
    there = values(*HOSTED, *numbers, metrics="tpot,ttft")
    alone = values("hw=ryzen_9_7950x_cpu", "engine=llama_cpp_cpu", *CARD[2:], "opt=q4_k_m", metrics="tpot,ttft")
    for name in alone:  # the embedding and the last norm stay, and weights are unpacked as the card's engine says
        assert there[name] == pytest.approx(alone[name], rel=0.05), name


def test_a_faster_link_is_never_slower():
    for words in ((*HOSTED, "opt.offload.cpu_layers=40"), (*HOSTED, "opt.offload.cpu_cache=0.5"),
                  (*EXPERTS, *THREADRIPPER, "opt.offload.cpu_expert_layers=36")):  # fmt: skip
        found = values(*words, "axes.link_gb_per_s=[5,25,60,1000]", metrics="ttft,tpot")
        assert (np.diff(found["tpot"]) < 0).all() and (np.diff(found["ttft"]) <= 0).all()


def test_experts_on_the_host_read_the_bytes_of_the_oracle():
    scenario = laws.scenario(*EXPERTS, *THREADRIPPER, "opt.offload.cpu_expert_layers=36", "batch=1")
    run = Run(scenario)
    read = sum(op.repeats * op.cost.weight_bytes for op in run.graph(run.decode.first) if op.place == HOST)
    biases = 36 * 4 * (3 * 2880) * 2
    assert read - biases == pytest.approx(1_903_564_800, rel=1e-12)  # 4 experts x 36 layers x 3 d f x 4.25 bit
    assert read == pytest.approx(places.streamed_bytes(scenario, run.here.graph(run.decode.first)))


@pytest.mark.data
def test_streaming_all_experts_takes_the_seconds_of_the_oracle():
    oracles = json.loads((DATA / "serving" / "oracles_serving.json").read_text())["oracles"]
    words = (*EXPERTS[:3], "prompt=4096", "output=64", "engine.chunk_tokens=4096", "batch=1")
    scenario = laws.scenario(*words, *THREADRIPPER, "opt.offload.cpu_expert_layers=36", "opt.offload.stream_part=1")
    run = Run(scenario)
    step = run.prefill[-1]
    stream = places.streamed_bytes(scenario, run.here.graph(step.first)) / scenario.offload.stream
    biases = 36 * 128 * (3 * 2880) * 2 / 25e9
    expected = oracles["offload_prefill_stream_s_gpt_oss_120b_4096"]["value"]
    assert stream - biases == pytest.approx(expected, rel=1e-9)
    assert run.streams(step)
    assert not run.streams(run.decode)


def test_weights_of_a_mapped_file_come_more_slowly_than_page_locked_ones():
    words = (*EXPERTS[:3], "prompt=4096", "output=64", "engine.chunk_tokens=4096", "batch=1", *THREADRIPPER,
             "opt.offload.cpu_expert_layers=36")  # fmt: skip
    mapped, locked = (Run(laws.scenario(*words, *part)).ttft for part in ((), ("opt.offload.stream_part=1",)))
    copied = 36 * 128 * 3 * 2880 * (2880 * 4.25 / 8 + 2) / 25e9
    assert mapped - locked == pytest.approx(copied * (1 / 0.77 - 1), rel=1e-6)


@pytest.mark.parametrize("number", ["link_gb_per_s", "stream_part"])
def test_a_link_without_speed_is_refused(number):
    with pytest.raises(ConfigError, match=f"{number} is 0; it can be any number above 0"):
        values(*HOSTED, "opt.offload.cpu_layers=40", f"opt.offload.{number}=0", metrics="tpot")


def test_weights_are_copied_and_multiplied_in_turn_unless_copies_are_hidden():
    words = (*EXPERTS[:3], "prompt=4096", "output=64", *THREADRIPPER, "opt.offload.cpu_expert_layers=36", "batch=1",
             "opt.offload.stream_part=1")  # fmt: skip
    turns, half, hidden = (
        Run(laws.scenario(*words, f"opt.offload.stream_overlap={part}")).ttft for part in (0, 0.5, 1)
    )
    here = Run(laws.scenario(*EXPERTS[:3], "prompt=4096", "output=64", "opt=mxfp4_experts", "batch=1")).ttft
    chunks = 8  # of 512 tokens
    copied = chunks * 36 * 128 * 3 * 2880 * (2880 * 4.25 / 8 + 2) / 25e9
    assert turns == pytest.approx(here + copied, rel=0.01)  # and activations that cross
    assert turns - half == pytest.approx(half - hidden, rel=1e-9)
    assert copied < hidden < half


DISK = ("hw=ryzen_9_7950x_cpu", "engine=llama_cpp_cpu", "model=llama3_70b", "prompt=512", "output=64")


def test_a_disk_holds_what_memory_has_no_room_for_and_is_read_in_every_step():
    names = "ttft,tpot,memory,weight_memory,disk_memory,fits_memory"
    fits, disk = (values(*DISK, f"opt={opt}", metrics=names) for opt in ("q4_k_m", "[q4_k_m,disk]"))
    assert disk == {**fits, "disk_memory": 0.0}
    too_big, read = (values(*DISK, f"opt={opt}", metrics=names) for opt in ("q8_0", "[q8_0,disk]"))
    assert not too_big["fits_memory"] and read["fits_memory"]
    assert read["weight_memory"] + read["disk_memory"] == pytest.approx(too_big["weight_memory"], rel=1e-12)
    # the table of the embedding is not read whole
    assert read["tpot"] - too_big["tpot"] == pytest.approx(read["disk_memory"] / 2.8e9, rel=0.02)
    faster = values(*DISK, "opt=[q8_0,disk]", "axes.disk_gb_per_s=[1,4,16,1e9]", metrics="ttft,tpot")
    assert (np.diff(faster["tpot"]) < 0).all() and (np.diff(faster["ttft"]) < 0).all()
    assert faster["tpot"][-1] == pytest.approx(too_big["tpot"], rel=1e-6)


def test_a_disk_behind_the_host_is_read_for_the_experts_that_a_step_touches():
    from life_jax.forecasting.step_law import step_law
    from life_jax.serving.step_law import StepLoad

    words = (*EXPERTS[:4], "opt=[mxfp4_experts,offload,disk]", "offload.hw=core_i7_8700k_cpu", "batch=1",
             "opt.offload.cpu_expert_layers=36", "output=2")  # fmt: skip
    scenario = laws.scenario(*words)
    run = Run(scenario)
    there, room = memory.on_host(scenario)
    missing = memory.weights.on_disk(scenario)[0]
    assert there == pytest.approx(0.9 * room, rel=1e-9) and memory.fits(scenario)
    read = sum(op.repeats * op.cost.weight_bytes for op in run.graph(run.decode.first) if op.place == HOST)
    table = breakdown.decode_table(scenario)
    assert table.seconds == pytest.approx(sum(row.repeats * row.seconds for row in table.operators), rel=1e-9)
    (disk,) = (row for row in table.operators if row.name == "disk")
    assert disk.seconds == pytest.approx(missing / (there + missing) * read / 2.8e9, rel=1e-9)
    step = run.decode.first
    law = float(step_law(scenario).seconds(StepLoad(1.0, float(step.past + 1))))
    assert law == pytest.approx(float(places_seconds(scenario, step)), rel=1e-3)


def test_threads_are_those_of_the_cpu_beside_the_device():
    words = (*EXPERTS, *THREADRIPPER, "opt.offload.cpu_expert_layers=36")
    few, all_of_them, none = (
        values(*words, *threads, metrics="tpot")["tpot"]
        for threads in (("engine.threads=8",), ("engine.threads=32",), ())
    )
    assert few > 1.3 * none and all_of_them == none
    along = values(*words, "axes.threads=[8,32]", metrics="tpot")["tpot"]
    assert along.tolist() == pytest.approx([few.item(), none.item()], rel=1e-9)
    with pytest.raises(ConfigError, match="has no cores"):
        values(*EXPERTS, "opt=[mxfp4_experts,offload]", "offload.hw=rtx_4090", "engine.threads=8", metrics="tpot")


def test_what_the_processor_reads_replaces_what_its_class_reaches():
    words = (*EXPERTS, *THREADRIPPER, "opt.offload.cpu_expert_layers=36")
    of_class = values(*words, metrics="tpot,ttft")
    at = values(*words, "axes.cpu_gb_per_s=[0,40,80,160]", metrics="tpot,ttft")
    assert at["tpot"][0] == pytest.approx(of_class["tpot"].item(), rel=1e-9)
    read = 1903564800.0  # byte a token: offload_gpt_oss_120b_expert_bytes_per_token of the serving reference
    saved = read / 40e9 - read / 80e9
    assert at["tpot"][1] - at["tpot"][2] == pytest.approx(saved, rel=0.15)
    assert (np.diff(at["tpot"][1:]) < 0).all()


def test_time_is_linear_in_the_share_of_experts_on_the_host():
    found = values(*EXPERTS, *THREADRIPPER, "axes.cpu_experts=[0.25,0.5,0.75,1]", metrics="tpot")["tpot"]
    assert np.diff(found, 2) == pytest.approx(0, abs=1e-9)
    assert found[0] < found[-1]


def test_the_rows_of_explain_say_where_they_are_and_sum_to_the_step():
    scenario = laws.scenario(*EXPERTS[:4], "output=2", *THREADRIPPER, "opt.offload.cpu_expert_layers=20", "batch=1")
    table = breakdown.decode_table(scenario)
    assert table.seconds == pytest.approx(float(Run(scenario).decode_seconds), rel=1e-9)
    assert sum(row.share for row in table.operators) == pytest.approx(1)
    assert {row.name for row in table.operators if row.place == HOST} == {
        "experts_gate_up_proj@host", "experts_gate_multiply@host", "experts_down_proj@host",
    }  # fmt: skip
    prefill = breakdown.prefill_table(scenario)
    assert prefill.seconds == pytest.approx(float(Run(scenario).ttft), rel=1e-9)
    assert sum(row.share for row in prefill.operators) == pytest.approx(1)


def test_a_host_too_small_does_not_fit():
    fits = {
        host: bool(memory.fits(laws.scenario(*CARD, "opt=[q4_k_m,offload]", f"offload.hw={host}",
                                             "opt.offload.cpu_layers=70", "batch=1")))
        for host in ("xeon_gold_6454s", "raspberry_pi_5_16gb")
    }  # fmt: skip
    assert fits == {"xeon_gold_6454s": True, "raspberry_pi_5_16gb": False}


def test_prompts_on_other_devices_have_their_ttft_and_pay_the_transfer():
    words = ("engine=vllm", "model=llama3_1_70b", "tp=8", "prompt=4096", "output=64")
    numbers = ("opt.disaggregated.network_gb_per_s=280", "opt.disaggregated.transfer_ms=0")
    apart = values("hw=h20", *words, "opt=disaggregated", "prefill.hw=h100_sxm", *numbers)
    prefill, decode = values("hw=h100_sxm", *words), values("hw=h20", *words)
    assert apart["ttft"] - prefill["ttft"] == pytest.approx(0.004793490285714286)  # 1.342 GB at 280 GB/s
    assert apart["tpot"] == decode["tpot"]
    assert apart["price"] == pytest.approx(prefill["price"] + decode["price"])
    hidden = values("hw=h20", *words, "opt=disaggregated", "prefill.hw=h100_sxm", *numbers,
                    "opt.disaggregated.exposed=0.0125")  # fmt: skip
    assert hidden["ttft"] - prefill["ttft"] == pytest.approx(0.004793490285714286 / 80)


def test_a_hybrid_prefills_on_one_processor_and_decodes_on_the_other():
    words = ("model=llama3_1_8b", "prompt=2048", "output=64")
    hybrid = values("hw=ryzen_hx370_igpu_890m", "engine=llama_cpp_vulkan", *words, "opt=[q4_0,hybrid]",
                    "prefill.hw=ryzen_hx370_npu")  # fmt: skip
    igpu = values("hw=ryzen_hx370_igpu_890m", "engine=llama_cpp_vulkan", *words, "opt=q4_0")
    assert hybrid["tpot"] == igpu["tpot"] and hybrid["ttft"] != igpu["ttft"]
    assert hybrid["price"] == igpu["price"]  # one package
    latents = values("hw=h100_sxm", "engine=vllm", "model=deepseek_v2_lite", "tp=4", "prompt=4096", "output=64",
                     "opt=disaggregated", "opt.disaggregated.network_gb_per_s=10")  # fmt: skip
    one = values("hw=h100_sxm", "engine=vllm", "model=deepseek_v2_lite", "tp=4", "prompt=4096", "output=64")
    sent = (latents["ttft"] - one["ttft"] - 0.38e-3) * 10e9
    assert sent == pytest.approx(4096 * 27 * 576 * 2, rel=1e-6)  # latents travel once


def test_two_processors_that_read_one_memory_at_once_share_its_bandwidth():
    words = ("hw=ryzen_hx370_igpu_890m", "engine=llama_cpp_vulkan", "model=llama3_1_8b", "prompt=2048", "output=2",
             "opt=[q4_0,hybrid]", "prefill.hw=ryzen_hx370_npu", "batch=1")  # fmt: skip
    alone, both = (laws.scenario(*words, f"opt.hybrid.concurrent={part}") for part in (0, 1))
    names = ("ttft", "tpot")
    none, some = ({name: float(v) for name, v in life.forecast(s, names).items()} for s in (alone, both))
    run = Run(both)
    asked = [float(run.prefilling.prefill_cost.bytes) / float(run.prefilling.ttft),
             float(run.decode_cost.bytes) / none["tpot"]]  # fmt: skip
    slower = sum(asked) / float(both.device.bandwidth * both.engine.efficiency.memory)
    assert slower > 1.001
    assert some["tpot"] == pytest.approx(none["tpot"] * slower, rel=1e-9)
    assert some["ttft"] - none["ttft"] == pytest.approx(float(run.prefilling.ttft) * (slower - 1), rel=1e-6)
    for table, seconds in ((breakdown.decode_table(both), some["tpot"]), (breakdown.prefill_table(both), some["ttft"])):
        assert table.seconds == pytest.approx(seconds, rel=1e-9)
        assert any(row.name == "contention" and row.bound == "memory" for row in table.operators)
    grid = values(*words[:-1], "axes.concurrent=[0,0.5,0.9,1]", metrics="ttft,tpot")
    assert (np.diff(grid["tpot"]) >= 0).all() and (np.diff(grid["ttft"]) >= 0).all()
    assert grid["tpot"][0] == pytest.approx(none["tpot"], rel=1e-9)
    for line in (["opt.disaggregated.concurrent=0.5"], ["axes.concurrent=[0,0.5]"]):
        with pytest.raises(ConfigError, match="concurrent"):
            life.load(["hw=h100_sxm", "model=llama3_8b", "opt=disaggregated", *line])


def test_what_makes_no_sense_is_refused():
    for words, line in (
        (["opt=offload", "opt.offload.cpu_layers=4"], "offload.hw=NAME"),
        (["offload.hw=xeon_gold_6454s"], "opt=offload"),
        (["prefill.hw=h100_sxm"], "opt=disaggregated"),
        (["opt=offload", "offload.hw=xeon_gold_6454s", "opt.offload.cpu_layers=99"], "it has 32 layers"),
        (["opt=offload", "offload.hw=xeon_gold_6454s", "opt.offload.cpu_experts=0.5"], "no experts"),
        (["opt=offload", "offload.hw=xeon_gold_6454s", "opt.offload.cpu_cache=2"], "from 0 to 1"),
        (["opt=offload", "offload.hw=xeon_gold_6454s", "opt.offload.memory=here"], "apart or shared"),
        (["opt=offload", "offload.hw=xeon_gold_6454t"], "did you mean"),
        (["offload.layers=3"], "offload.hw"),
        (["opt=disk", "opt.disk.disk_room=1.5"], "from 0 to 1"),
        (["opt=disk", "opt.disk.disk_gb_per_s=0"], "any speed above"),
        (["opt=[disk,disk]"], "twice"),
    ):
        with pytest.raises(ConfigError, match=line.replace(".", r"\.")):
            life.load(["hw=h100_sxm", "model=llama3_8b", *words])


def test_traced_places_are_those_of_numpy():
    import jax

    scenario = laws.scenario(*HOSTED, "opt.offload.cpu_layers=40", "batch=1")
    with jax.enable_x64(True):
        traced = jax.jit(lambda s: life.forecast(s, ("tpot",)))(scenario)
    assert float(traced["tpot"]) == pytest.approx(float(life.forecast(scenario, ("tpot",))["tpot"]), rel=1e-9)


def test_layers_on_the_host_are_in_the_law_under_load_and_what_is_not_is_said():
    from life_jax.forecasting.step_law import step_law
    from life_jax.serving.step_law import StepLoad

    scenario = laws.scenario(*HOSTED, "opt.offload.cpu_layers=20", "batch=4")
    run = Run(scenario)
    step = run.decode.first
    seconds = float(step_law(scenario).seconds(StepLoad(4.0, 4 * float(step.past + 1))))
    assert seconds == pytest.approx(float(places_seconds(scenario, step)), rel=1e-3)
    load = ["hw=h20", "model=llama3_1_8b", "engine=vllm", "rate=1", "metrics=[tpot_mean]", "batch=1", "prompt=512"]
    study = life.load([*load, "opt=hybrid"])
    assert any("under load" in line for line in study.warnings)
    assert not any("under load" in line for line in life.load([*load, "opt=disaggregated"]).warnings)
    assert not any("under load" in line for line in life.load(load).warnings)


def places_seconds(scenario, step):
    from life_jax.forecasting.step import seconds

    return seconds(scenario, step)
