"""The law of steps against the steps themselves, for every kind of model."""

from dataclasses import replace

import numpy as np
import pytest
from laws import KINDS, scenario

from life_jax.core.schedule import Step, engine_step
from life_jax.forecasting.request import Run
from life_jax.forecasting.step import seconds
from life_jax.forecasting.step_law import energy_law, step_law
from life_jax.serving import scalar_law
from life_jax.serving.step_law import StepLoad

# attention within pieces of the context (Llama 4) is a sawtooth, of which a law for unequal contexts takes the mean
MODELS = ["llama3_8b", "qwen3_30b_a3b", *(model for model in KINDS if model != "llama4_scout")]
STEPS = 40
FIELDS = ("decoding", "contexts", "prompts", "pairs", "prefilling", "ended")
# of the median step, and of the worst: small contexts beside large tiles, selections of the context (DeepSeek V3.2)
MEDIAN, WORST = 6e-4, 2e-2


def _drawn(seed: int) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(seed)
    chunk = np.round(np.exp(draw.uniform(0, np.log(2048), STEPS)))
    prompts = draw.choice([1.0, 2.0, 4.0], STEPS)
    return {
        "sequences": np.round(np.exp(draw.uniform(0, np.log(256), STEPS))),
        "context": np.round(np.exp(draw.uniform(np.log(16), np.log(30_000), STEPS))),
        "prefill_tokens": chunk * prompts,
        "past": np.round(draw.choice([0.0, 1.0], STEPS) * np.exp(draw.uniform(0, np.log(20_000), STEPS))),
        "prompts": prompts,
        "ending": draw.choice([0.0, 1.0], STEPS),
    }


def _load(drawn: dict[str, np.ndarray]) -> StepLoad:
    chunk = drawn["prefill_tokens"] / drawn["prompts"]
    return StepLoad(
        decoding=drawn["sequences"],
        contexts=drawn["sequences"] * (drawn["context"] + 1),
        prompts=drawn["prefill_tokens"],
        pairs=drawn["prefill_tokens"] * (drawn["past"] + (chunk + 1) / 2),
        prefilling=drawn["prompts"],
        ended=drawn["prompts"] * drawn["ending"],
    )


@pytest.mark.parametrize("words", [("model=llama3_8b",), ("model=qwen3_30b_a3b", "dp=2"), ("model=llama3_8b", "pp=2")])
def test_the_law_on_plain_numbers_is_the_law(words):
    """Step by step, with a power limit, with experts that groups share, and where it is left to arrays."""
    s = scenario("hw=h100_sxm", "engine=vllm", *words)
    law, drawn = step_law(s), _drawn(3)
    drawn["prefill_tokens"][::3] = 0.0
    of_all = _load(drawn)
    seconds_of_one = scalar_law.seconds_of(law)
    for index, expected in enumerate(law.seconds(of_all)):
        one = StepLoad(*(float(x[index]) for x in (getattr(of_all, name) for name in FIELDS)))
        assert seconds_of_one(one) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("words", [("model=llama3_8b",), ("model=qwen3_30b_a3b", "cp=2")])
def test_a_step_without_prompts_or_without_decoding_is_that_of_arrays_of_none(words):
    """What is left out of it for a plain 0 is what an array of zeros would bring."""
    law, drawn = step_law(scenario("hw=h100_sxm", "engine=vllm", *words)), _drawn(5)
    of, nothing = _load(drawn), np.zeros(STEPS)
    decoding = StepLoad(of.decoding, of.contexts), StepLoad(of.decoding, of.contexts, nothing, nothing, nothing)
    prompts = of.prompts, of.pairs, of.prefilling, of.ended
    prefilling = StepLoad(0.0, 0.0, *prompts), StepLoad(nothing, nothing, *prompts)
    for plain, arrays in (decoding, prefilling):
        assert np.array_equal(law.seconds(plain), law.seconds(arrays))


@pytest.mark.parametrize("model", MODELS)
def test_the_law_is_the_pipelines_step(model):
    s = scenario(f"model={model}", "hw=h100_sxm", "engine=vllm")
    drawn = _drawn(1)
    law = step_law(s)
    decode = Step(drawn["sequences"], 1.0, drawn["context"], decoding=True)
    alone = StepLoad(drawn["sequences"], drawn["sequences"] * (drawn["context"] + 1), ended=0.0)
    for load, step in ((_load(drawn), engine_step(**drawn)), (alone, decode)):
        off = np.abs(law.seconds(load) / seconds(s, step) - 1)
        assert np.median(off) < MEDIAN
        assert off.max() < WORST


LAYOUTS = [
    (("model=llama3_70b", "tp=4"), 1e-3, 5e-3),
    (("model=llama3_70b", "tp=2", "cp=4"), 2e-2, 8e-2),  # rings of keys beside small prompts
    (
        ("model=qwen3_30b_a3b", "dp=4", "ep=4"),
        5e-3,
        3e-2,
    ),  # tokens beside prompts are sent as these are
    (("model=llama3_8b", "hw.h100_sxm.power_limit_w=200", "engine.power_cap=true"), 5e-4, 5e-3),
    (("model=qwen3_30b_a3b", "tp=2", "engine.prompt_launch_us=53"), 1e-3, 5e-3),
]


@pytest.mark.parametrize(("words", "median", "worst"), LAYOUTS)
def test_the_law_is_the_step_of_layouts_and_under_a_power_limit(words, median, worst):
    s = scenario("hw=h100_sxm", "engine=vllm", *words)
    drawn, groups = _drawn(1), float(s.engine.parallelism.data_parallel)
    of_all = {**drawn, **{key: drawn[key] * groups for key in ("sequences", "prefill_tokens", "prompts")}}
    off = np.abs(step_law(s).seconds(_load(drawn)) / seconds(s, engine_step(**of_all)) - 1)
    assert np.median(off) < median and off.max() < worst


def test_a_pipeline_with_one_request_takes_the_whole_pass_and_a_full_one_its_slowest_stage():
    alone, piped = (scenario("hw=h100_sxm", "engine=vllm", "model=llama3_70b", f"pp={n}") for n in (1, 4))
    one, many = StepLoad(1.0, 1000.0), StepLoad(64.0, 64_000.0)
    laws = [step_law(s) for s in (alone, piped)]
    assert laws[1].seconds(one) == pytest.approx(laws[0].seconds(one), rel=0.01)  # and three messages
    head = 3 * 128256 * 8192 * 2 / 3.35e12  # s, to read the head in the last stage while three others wait
    assert head * 0.8 < laws[1].seconds(many) - laws[0].seconds(many) < head * 2


OTHER_PLACES = [
    ("model=llama3_8b", "opt=offload", "offload.hw=xeon_gold_6454s", "opt.offload.cpu_cache=0.5"),
    ("model=llama3_8b", "opt=offload", "offload.hw=xeon_gold_6454s", "opt.offload.cpu_layers=16"),
    ("model=llama3_70b", "tp=4", "opt=two_batch_overlap"),
    ("model=qwen3_30b_a3b", "dp=4", "ep=4", "opt=two_batch_overlap"),
    ("model=llama3_70b", "tp=4", "opt=two_batch_overlap", "engine.prompt_launch_us=500"),
]


@pytest.mark.parametrize("words", OTHER_PLACES, ids=["cache", "layers", "halves", "of groups", "launched"])
def test_the_law_is_that_of_static_batches_with_caches_elsewhere_and_in_halves(words):
    s = scenario("hw=h100_sxm", "engine=vllm", "prompt=1024", "output=2", *words)
    law, groups = step_law(s), float(s.engine.parallelism.data_parallel)
    for batch in (8.0, 32.0, 64.0):  # of which the last two have weights come over the link
        run = Run(replace(s, workload=replace(s.workload, batch=batch * groups)))
        assert float(law.seconds(StepLoad(batch, batch * 1025))) == pytest.approx(float(run.tpot), rel=2e-3)
        prompts = StepLoad(0.0, 0.0, 1024 * batch, batch * 1024 * 1025 / 2, batch, batch)
        ttft = float(run.ttft) - float(s.engine.host.request)
        # logits of a few rows are computed where the head is, whose weights the static forecast has come over too
        assert float(law.seconds(prompts)) == pytest.approx(ttft, rel=0.08)


def test_halves_have_a_law_of_energy_and_of_steps_that_wait_for_power():
    words = ("hw=h100_sxm", "engine=vllm", "model=llama3_70b", "tp=4", "prompt=1024", "output=2")
    plain, halved = (energy_law(scenario(*words, *more)) for more in ((), ("opt=two_batch_overlap",)))
    load = StepLoad(32.0, 32 * 1025.0)
    assert float(halved.seconds(load)) > 1.2 * float(plain.seconds(load))  # both halves read the weights
    cap = ("opt=two_batch_overlap", "engine.power_cap=true", "hw.h100_sxm.power_limit_w=200")
    capped, free = (step_law(scenario(*words, *more)) for more in (cap, cap[:1]))
    assert float(capped.seconds(load)) > 1.1 * float(free.seconds(load))
    many = StepLoad(np.array([[8.0], [32.0]]), np.array([[8.0], [32.0]]) * 1025.0)
    assert capped.each().seconds(many)[1, 0] == pytest.approx(float(capped.seconds(load)))
