"""Layouts over many devices: identities at one device, sums over ranks, and what more of a link can do."""

import dataclasses
import itertools

import jax
import numpy as np
import pytest
from laws import changed, in_numpy, scenario

import life_jax as life
from life_jax.config.schema.errors import ConfigError
from life_jax.core.schedule import Passes, Step
from life_jax.forecasting import messages
from life_jax.forecasting.breakdown import decode_table, prefill_table
from life_jax.forecasting.layout import is_possible
from life_jax.forecasting.memory import max_batch, memory
from life_jax.forecasting.request import Run
from life_jax.forecasting.step import step_graph
from life_jax.models import decoder
from life_jax.parallelism.layout import share, step_of_one

NUMBERS = ("tensor_parallel", "pipeline_parallel", "data_parallel", "context_parallel", "expert_parallel")
METRICS = ("ttft", "tpot", "throughput", "memory", "kv_memory", "max_batch", "max_context", "energy", "price")
DENSE, EXPERTS = "llama3_8b", "qwen3_30b_a3b"
LAYOUTS = [
    {"tensor_parallel": 4.0}, {"pipeline_parallel": 4.0}, {"data_parallel": 4.0, "expert_parallel": 4.0},
    {"data_parallel": 4.0}, {"context_parallel": 4.0}, {"tensor_parallel": 2.0, "pipeline_parallel": 2.0},
    {"tensor_parallel": 2.0, "data_parallel": 4.0, "expert_parallel": 8.0},
    {"data_parallel": 16.0, "expert_parallel": 16.0},
]  # fmt: skip


def on(model: str, layout: dict[str, float], *words: str, batch: float = 32.0):
    s = scenario(f"model={model}", "hw=h100_sxm", "engine=vllm", *words)
    s = changed(s, "workload.batch", batch)
    return changed(s, "engine.parallelism", dataclasses.replace(s.engine.parallelism, **layout))


def metrics(s, names=METRICS):
    with np.errstate(all="ignore"):
        return {name: float(value) for name, value in life.forecast(s, names).items()}


@pytest.mark.parametrize("model", [DENSE, EXPERTS, "deepseek_v2_lite"])
def test_layouts_of_one_device_are_the_identity_also_where_they_are_axes(model):
    alone = metrics(on(model, {}))
    for numbers in itertools.combinations(NUMBERS, 2):
        moved = metrics(on(model, {name: np.array(1.0) for name in numbers}))
        assert moved == pytest.approx(alone, rel=1e-12), numbers


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("step", [Step(32.0, 1.0, 900.0, decoding=True), Step(32.0, 512.0, 0.0)])
def test_all_ranks_together_do_the_products_and_read_the_experts_of_one_device(layout, step):
    for model in (DENSE, EXPERTS) if "expert_parallel" not in layout else (EXPERTS,):
        whole = {op.name: op for op in step_graph(on(model, {}), step)}
        s = on(model, {**layout, "expert_spread": 0.0})
        p = s.engine.parallelism
        for op in step_graph(s, step):
            mine, one = share(op, p), whole[op.name].cost
            if op.kind == "bmm" or op.shape.experts is not None:
                fullest = 1.0 if op.kind == "bmm" else mine.matmul_flops * p.stage / one.matmul_flops
                assert p.stage * mine.matmul_flops == pytest.approx(fullest * one.matmul_flops, rel=1e-9), op.name
                assert 1 <= fullest < 2.5
                # the experts that all tokens touch are read once, in parts
                assert op.kind == "bmm" or p.stage * mine.weight_bytes == pytest.approx(one.weight_bytes, rel=1e-9)
            elif op.name in ("o_proj", "down_proj") and p.context_parallel == 1:
                assert p.stage * mine.matmul_flops == pytest.approx(one.matmul_flops, rel=1e-9)


@pytest.mark.parametrize("ranks", [2.0, 3.0, 8.0])
def test_ranks_that_share_a_context_have_all_its_tokens_and_pairs_and_all_of_its_cache(ranks):
    p = on(DENSE, {"context_parallel": ranks}).engine.parallelism
    for prompt in (Step(2.0, 960.0, 0.0), Step(1.0, 512.0, 300.0)):
        mine = step_of_one(prompt, p)
        assert ranks * mine.tokens == pytest.approx(prompt.tokens)
        pairs = [s.new * s.past + s.new * (s.new + 1) / 2 for s in (mine, prompt)]
        assert ranks * pairs[0] == pytest.approx(pairs[1])
    step = Step(4.0, 1.0, 999.0, decoding=True)
    assert ranks * step_of_one(step, p).context == pytest.approx(step.context)


@pytest.mark.parametrize("model", [DENSE, EXPERTS])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_all_devices_together_hold_the_weights_at_least_once(model, layout):
    if model == DENSE and "expert_parallel" in layout:
        return
    s = on(model, layout)
    whole = float(decoder.weight_bytes(s.architecture, s.precision))
    p = s.engine.parallelism
    assert float(memory(s).weights) * p.devices >= whole * (1 - 1e-9)
    assert float(memory(s).weights) <= whole
    most = float(max_batch(s))
    assert memory(changed(s, "workload.batch", most)).fits
    assert not memory(changed(s, "workload.batch", most + 1)).fits


def test_the_cache_of_a_stage_and_of_a_group_by_hand():
    one = float(memory(on(DENSE, {})).kv)
    for layout in ({"pipeline_parallel": 4.0}, {"data_parallel": 4.0}, {"context_parallel": 4.0}):
        assert float(memory(on(DENSE, layout)).kv) == pytest.approx(one / 4)
    # 32 layers in 5 stages: the largest has 7
    assert float(memory(on(DENSE, {"pipeline_parallel": 5.0})).kv) == pytest.approx(one * 7 / 32)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_faster_links_are_never_slower_and_longer_latencies_never_faster(layout):
    s = on(EXPERTS, layout)
    before = metrics(s, ("ttft", "tpot"))
    for leaf, factor in (("device.interconnect", 4.0), ("device.network", 4.0), ("device.node", 4.0),
                         ("engine.parallelism.network_latency", 0.25), ("engine.parallelism.exchange_latency", 0.25),
                         ("engine.parallelism.allreduce_latency", 0.25)):  # fmt: skip
        value = s
        for key in leaf.split("."):
            value = getattr(value, key)
        after = metrics(changed(s, leaf, float(value) * factor), ("ttft", "tpot"))
        for name, seconds in after.items():
            assert seconds <= before[name] * (1 + 1e-12), (leaf, name)


@pytest.mark.parametrize("stages", [2.0, 4.0, 8.0])
def test_one_prompt_in_one_chunk_gains_nothing_from_a_pipeline_and_no_token_comes_sooner(stages):
    alone, piped = (metrics(on(DENSE, {"pipeline_parallel": n}, batch=1.0), ("ttft", "tpot")) for n in (1.0, stages))
    assert piped["ttft"] > alone["ttft"]
    assert piped["tpot"] > alone["tpot"]


def test_chunks_of_one_prompt_fill_a_pipeline():
    words = ("engine.chunk_tokens=256", "workload.prompt_tokens=4096")
    alone, piped = (metrics(on(DENSE, {"pipeline_parallel": n}, *words, batch=1.0), ("ttft",)) for n in (1.0, 4.0))
    assert alone["ttft"] / 4 < piped["ttft"] < alone["ttft"] / 2  # 16 chunks: 19 of 64 stage times, and messages


@pytest.mark.parametrize("stages", [2.0, 4.0])
def test_a_token_beyond_a_chunk_never_comes_sooner(stages):
    """A last chunk that is small waits behind the full one before it, in every stage."""
    times = [
        metrics(
            on(DENSE, {"pipeline_parallel": stages}, "engine.chunk_tokens=256", f"prompt={n}", batch=1.0), ("ttft",)
        )
        for n in (256, 257, 300, 511, 512, 513, 1024, 1025)
    ]
    seconds = [float(time["ttft"]) for time in times]
    assert seconds == sorted(seconds)


def test_a_pipeline_takes_as_many_batches_as_stages_and_waits_with_fewer():
    full, half = (Run(on(DENSE, {"pipeline_parallel": 4.0, "micro_batches": m})) for m in (4.0, 2.0))
    assert (full.micro_batches, half.micro_batches) == (4, 2)
    assert Run(on(DENSE, {"pipeline_parallel": 4.0}, batch=3.0)).micro_batches == 3
    alone = Run(on(DENSE, {}, batch=8.0))  # a micro-batch of 32 sequences
    assert full.decode_seconds == pytest.approx(alone.decode_seconds, rel=0.15)  # the head's stage is the slowest


def test_stages_have_the_layers_that_are_typed():
    words = (f"model={DENSE}", "hw=h100_sxm", "engine=vllm", "batch=8", "prompt=256")
    names = ("ttft", "tpot", "memory", "kv_memory", "weight_memory")
    even, typed, uneven = (
        metrics(scenario(*words, layout), names)
        for layout in ("pp=4", "engine.stage_layers=[8,8,8,8]", "engine.stage_layers=[2,14,14,2]")
    )
    assert typed == even
    assert uneven["kv_memory"] == pytest.approx(even["kv_memory"] * 14 / 8)
    assert all(uneven[name] > even[name] for name in names)
    # the head's stage is the slowest of even ones
    assert metrics(scenario(*words, "engine.stage_layers=[9,8,8,7]"), names)["tpot"] < even["tpot"]
    for layout, reason in (
        ("engine.stage_layers=[20,20]", "has 40 layers together; it has 32"),
        ("engine.stage_layers=[16.5,15.5]", "whole numbers"),
        ("engine.stage_layers=[32,0]", "at least 1"),
    ):
        with pytest.raises(ValueError, match=reason):
            life.load([*words, layout])
    with pytest.raises(ValueError, match=r"has 2 stages, engine\.pipeline_parallel is 4"):
        life.load([*words, "engine.stage_layers=[16,16]", "pp=4"])


def test_a_law_under_load_has_the_stages_that_are_typed():
    from life_jax.forecasting.step_law import step_law
    from life_jax.serving.step_law import StepLoad

    words = (f"model={DENSE}", "hw=h100_sxm", "engine=vllm")
    load = StepLoad(64.0, 64_000.0)
    even, uneven = (
        float(step_law(scenario(*words, layout)).seconds(load)) for layout in ("pp=2", "engine.stage_layers=[24,8]")
    )
    assert 1.3 < uneven / even < 1.5


def test_groups_run_in_lockstep_with_the_fullest():
    p = on(EXPERTS, {"data_parallel": 8.0}).engine.parallelism
    assert step_of_one(Step(64.0, 1.0, 0.0), p).batch == 8
    assert step_of_one(Step(3.0, 1.0, 0.0), p).batch == 1  # some run a dummy
    spread = dataclasses.replace(p, data_spread=1.0)
    assert step_of_one(Step(64.0, 1.0, 0.0), spread).batch == pytest.approx(8 * (1 + (2 * np.log(8) / 8) ** 0.5))


def test_hidden_messages_are_those_of_the_shorter_side():
    s = on(DENSE, {"tensor_parallel": 4.0})
    step = Step(32.0, 1.0, 900.0, decoding=True)
    none, half, all_hidden = (
        Run(changed(s, "engine.parallelism.overlap", x)).mean_seconds(Run(s).decode) for x in (0.0, 0.5, 1.0)
    )
    assert none - half == pytest.approx((none - all_hidden) / 2, rel=1e-9)
    assert none - all_hidden == pytest.approx(messages.seconds(s, step), rel=0.01)


@pytest.mark.parametrize(
    ("model", "layout", "reason"),
    [
        (DENSE, "engine.pipeline_parallel=64", "64 stages are more than its 32 layers"),
        (DENSE, "engine.expert_parallel=2", "has no experts"),
        (
            EXPERTS,
            "engine.expert_parallel=3",
            "3 parts do not divide 128 experts and the 1 devices .*; expert_parallel can be 1$",
        ),
        (DENSE, "engine.data_parallel=1.5", "data_parallel is 1.5; a whole number"),
        (
            EXPERTS,
            "engine.data_parallel=5",
            "^[^;]*5 devices cannot share moe_intermediate_size 768 evenly; data_parallel can be 1, 2, 3, 4, 6, 8, ",
        ),
        ("qwen3_0_6b", "engine.tensor_parallel=7", "7 devices cannot share .*intermediate_size 3072 evenly; "),
    ],
)
def test_layouts_that_do_not_divide_a_model_are_refused_with_what_does(model, layout, reason):
    with pytest.raises(ValueError, match=reason):
        life.load([f"model={model}", "hw=h100_sxm", layout])


def test_a_sweep_of_layouts_is_nan_where_they_do_not_divide_and_equals_its_points():
    words = [f"model={EXPERTS}", "hw=h100_sxm", "engine=vllm", "workload.prompt_tokens=256", "dtype=float64",
             "axes.batch=[1,64]", "axes.tensor_parallel=[1,2]", "axes.data_parallel=[1,4]",
             "axes.expert_parallel=[1,4,8]", "axes.pipeline_parallel=[1,2]", "metrics=[tpot,ttft,memory]"]  # fmt: skip
    ds = life.evaluate(life.load(words)).squeeze()
    for tp, dp, ep, pp in itertools.product((1, 2), (1, 4), (1, 4, 8), (1, 2)):
        point = ds.sel(batch=64, tensor_parallel=tp, data_parallel=dp, expert_parallel=ep, pipeline_parallel=pp)
        assert bool(np.isnan(point.tpot)) == bool(tp * dp % ep)
        if not tp * dp % ep:
            layout = dict(zip(NUMBERS, map(float, (tp, pp, dp, 1, ep)), strict=True))
            plain = changed(on(EXPERTS, layout, batch=64.0), "workload.prompt_tokens", 256.0)
            assert metrics(plain, ("tpot", "ttft", "memory")) == pytest.approx(
                {name: float(point[name]) for name in ("tpot", "ttft", "memory")}, rel=1e-6
            )


def test_experts_too_wide_to_share_can_each_be_on_a_device_of_their_own():
    """Five devices cannot share a width of 768 or hold a fifth of 128 experts; 128 can hold one of them each."""
    divided = {"data_parallel": 128.0, "expert_parallel": 128.0}
    assert not is_possible(on(EXPERTS, {"data_parallel": 5.0}))
    assert not is_possible(on(EXPERTS, {"data_parallel": 512.0}))
    assert is_possible(on(EXPERTS, divided))


def test_layouts_compile_and_have_finite_gradients_by_links():
    s = on(EXPERTS, {"tensor_parallel": 2.0, "data_parallel": 8.0, "expert_parallel": 16.0, "pipeline_parallel": 2.0})

    def of(network):
        return life.forecast(changed(s, "device.network", network), ("tpot",))["tpot"]

    with jax.enable_x64(True):
        at = float(s.device.network)
        slope = float(jax.jit(jax.grad(of))(at))
        assert slope == pytest.approx(float(of(at * 1.001) - of(at * 0.999)) / (0.002 * at), rel=1e-4)
        assert slope < 0


def test_the_tables_of_a_pipeline_sum_to_its_times():
    s = on(DENSE, {"pipeline_parallel": 4.0, "tensor_parallel": 2.0})
    run = Run(s)
    for table, seconds in ((prefill_table(s), run.ttft), (decode_table(s), run.in_stages(Passes(run.decode.first)))):
        assert table.seconds == pytest.approx(float(seconds), rel=1e-9)
        assert sum(row.repeats * row.seconds for row in table.operators) == pytest.approx(table.seconds, rel=1e-6)
        assert {row.name for row in table.operators} >= {"pipeline", "host", "link"}


EIGHT = (
    "model=qwen3_30b_a3b", "engine=vllm", "prompt=2000", "axes.batch=[1,8,64,512]", "axes.tp=[1,2,4,8]",
    "axes.pp=[1,2,4,8]", "axes.dp=[1,2,4,8]", "axes.ep=[1,2,4,8]",
)  # fmt: skip


def test_a_sweep_over_layouts_of_eight_devices_says_which_wins_at_which_batch():
    study = life.load(
        ["hw=h100_sxm", *EIGHT, "best=[throughput]", "by=[batch]", "limit.devices=8", "limit.fits_memory=true"]
    )
    found = in_numpy("hw=h100_sxm", *EIGHT, "metrics=[throughput,devices,fits_memory]").squeeze()
    allowed = found.throughput.where((found.devices <= 8) & (found.fits_memory == 1))
    best = life.evaluate(study)
    assert best.best_throughput.values.ravel() == pytest.approx(
        allowed.max(["tensor_parallel", "pipeline_parallel", "data_parallel", "expert_parallel"]).values
    )
    numbers = (f"best_{name}_parallel" for name in ("tensor", "pipeline", "data"))
    assert (np.prod([best[name].values for name in numbers], axis=0) == best.best_devices.values).all()
    assert (best.best_devices.values <= 8).all() and best.best_devices.values.ravel()[-1] == 8


@pytest.mark.slow
def test_a_sweep_over_layouts_of_several_devices_compiles_once(monkeypatch):
    from life_jax.grid import eager, kernel

    monkeypatch.setattr(eager, "MOST_POINTS", 0)
    study = life.load(["hw=[h100_sxm,h200_sxm]", *EIGHT, "metrics=[tpot]", "dtype=float64"])
    found = life.evaluate(study)
    assert kernel.kernel(study.cases[0].forecaster(study.metrics)).compilations == 1
    assert len({case.forecaster(study.metrics) for case in study.cases}) == 1
    plain = in_numpy("hw=h200_sxm", *EIGHT, "metrics=[tpot]")
    assert found.tpot.sel(hw="h200_sxm").values.ravel() == pytest.approx(
        plain.tpot.values.ravel(), rel=1e-9, nan_ok=True
    )


def test_sequence_parallelism_divides_what_is_no_product_and_sends_as_much():
    words = ("model=llama3_70b", "hw=h100_sxm", "engine=vllm", "tp=8", "batch=32", "prompt=2000")
    plain, divided = scenario(*words), scenario(*words, "opt=sequence_parallel")
    step = Step(batch=32.0, new=100.0, past=0.0)
    assert messages.seconds(divided, step) == messages.seconds(plain, step)
    for op in step_graph(plain, step):
        mine, theirs = (share(op, s.engine.parallelism) for s in (divided, plain))
        is_divided = op.pipe == "vector" and not op.grows
        assert mine.bytes == pytest.approx(theirs.bytes / 8 if is_divided else theirs.bytes)
        assert mine.dispatches == theirs.dispatches
    assert metrics(divided, ("ttft",))["ttft"] < metrics(plain, ("ttft",))["ttft"]
    alone = ("model=llama3_8b", "hw=h100_sxm", "engine=vllm")
    assert metrics(scenario(*alone, "opt=sequence_parallel")) == metrics(scenario(*alone))


def test_two_batches_hide_messages_of_prefill_and_lose_where_there_are_none_or_few_tokens():
    wide = ("model=deepseek_v3", "hw=h100_sxm", "engine=sglang", "dp=32", "ep=32", "prompt=2000")
    names = ("ttft", "tpot", "energy")
    plain, halves = (metrics(scenario(*wide, "batch=256", *opt), names) for opt in ((), ("opt=two_batch_overlap",)))
    assert 1.05 < plain["ttft"] / halves["ttft"] < 1.6  # published: 1.27 to 1.35
    many = [metrics(scenario(*wide, "batch=16384", *opt), names) for opt in ((), ("opt=two_batch_overlap",))]
    assert plain["tpot"] < halves["tpot"]  # eight tokens a device: the weights are read twice
    assert many[0]["tpot"] / many[1]["tpot"] > 1.2 * plain["tpot"] / halves["tpot"]
    alone = ("model=llama3_8b", "hw=h100_sxm", "engine=vllm", "batch=2", "prompt=64")
    none = [metrics(scenario(*alone, *opt), names) for opt in ((), ("opt=two_batch_overlap",))]
    assert none[1]["tpot"] > none[0]["tpot"] and none[1]["energy"] > none[0]["energy"]
    table = decode_table(scenario(*wide, "batch=256", "output=2", "opt=two_batch_overlap"))
    assert sum(row.share for row in table.operators) == pytest.approx(1)
    assert any(row.name == "two_batches" for row in table.operators)


def test_elasticities_to_links_and_their_latencies_are_those_of_differences():
    words = ["hw=h200_sxm", "model=deepseek_v3", "engine=sglang", "prompt=2000", "batch=512", "dp=16", "ep=16"]
    keys = "elasticity=[network_gb_per_s,network_us]"
    found = life.evaluate(life.load([*words, "metrics=[tpot]", keys, "dtype=float64"])).elasticity.squeeze()
    s = scenario(*words)
    for key, path in (("network_gb_per_s", "device.network"), ("network_us", "engine.parallelism.network_latency")):
        at = s.device.network if key == "network_gb_per_s" else s.engine.parallelism.network_latency
        more, less = (metrics(changed(s, path, at * factor), ("tpot",))["tpot"] for factor in (1.001, 0.999))
        slope = (np.log(more) - np.log(less)) / (np.log(1.001) - np.log(0.999))
        assert found.sel(parameter=key).item() == pytest.approx(slope, rel=1e-3)
        assert abs(slope) > 0.01


def test_each_device_scales_the_inputs_of_its_own_tokens_for_the_experts_of_all():
    """Eight bits: rows of the scaling kernels are a group's own, wherever their experts are."""
    names = ("quantize_experts_gate_proj_input", "quantize_experts_down_proj_input")
    words = ("model=deepseek_v3", "hw=h100_sxm", "engine=sglang")
    mine = {op.name: op.cost for op in step_graph(scenario(*words), Step(4.0, 1.0, 900.0, decoding=True))}
    s = scenario(*words, "dp=32", "ep=32")
    ops = {op.name: op for op in step_graph(s, Step(128.0, 1.0, 900.0, decoding=True))}
    for name in names:
        assert share(ops[name], s.engine.parallelism) == mine[name]
    eight = scenario("model=qwen3_30b_a3b", "hw=h100_sxm", "engine=sglang", "opt=w8a8", "dp=8", "ep=8")
    own = scenario("model=qwen3_30b_a3b", "hw=h100_sxm", "engine=sglang", "opt=w8a8")
    ops = {op.name: op for op in step_graph(eight, Step(64.0, 1.0, 900.0, decoding=True))}
    mine = {op.name: op.cost for op in step_graph(own, Step(8.0, 1.0, 900.0, decoding=True))}
    for name in names:
        assert share(ops[name], eight.engine.parallelism) == mine[name]


def test_copies_of_experts_divide_where_the_experts_do_not_and_take_memory_and_reads():
    words = ("model=deepseek_v3", "hw=h100_sxm", "engine=sglang")
    with pytest.raises(ConfigError, match="72 parts do not divide 256 experts evenly"):
        scenario(*words, "dp=72", "ep=72")
    with pytest.raises(ConfigError, match="copies of experts need parts to be on"):
        scenario(*words, "engine.redundant_experts=32")
    wide = scenario(*words, "dp=72", "ep=72", "engine.redundant_experts=32")
    assert is_possible(wide)
    none, some = (scenario(*words, "dp=64", "ep=64", f"engine.redundant_experts={n}") for n in (0, 64))
    experts = 58 * 3 * 7168 * 2048  # of one expert in all layers, of a byte each and a scale for each 128 x 128
    more = memory(some).weights - memory(none).weights
    assert more == pytest.approx(experts * (1 + 4 / 128**2), rel=0.01)  # five experts a device instead of four
    step = Step(64.0 * 8, 1.0, 900.0, decoding=True)
    reads = [
        sum(share(op, s.engine.parallelism).weight_bytes * op.repeats for op in step_graph(s, step) if op.shape.experts)
        for s in (none, some)
    ]
    assert reads[1] == pytest.approx(1.25 * reads[0], rel=1e-9)
    assert metrics(some, ("tpot",))["tpot"] > metrics(none, ("tpot",))["tpot"]
