"""What is composed without Hydra is what Hydra composes, in the same order; the rest is left to it."""

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from places import CONF

from life_jax.config import composition, conf_files, words
from life_jax.config.conf_files import UnusualError
from life_jax.config.schema import paths
from life_jax.config.schema.errors import ConfigError

LINES = [
    "hw=v100",
    "hw=[v100,h100_sxm] model=[llama3_8b,qwen3_8b] opt=[int4,kv8,lora] opt.lora.rank=4 opt.lora.targets=[router]",
    "hw=v100 engine=vllm engine.tensor_parallel=4 engine.half_units=[fp16] workload.batch=1 dtype=float64",
    "hw=h100 hw.h100.peak_tflops.fp16=3e2 hw.h100.memory_gb=12.5 model.llama2_7b.num_key_value_heads=8",
    "hw=a100 axes.peak_tflops.fp16=[1,2.5e3] axes.batch=geomspace(1,8,4) axes.opt=[[],[int4],[unfused,kv4]]",
    "hw=v100 engine=ideal convention=life_paper metrics=[ttft,memory] elasticity=true out=a/b.nc workload.batch=1e-3",
    "hw=v100 pareto=[ttft,tps] limit.ttft=1 by=[opt] quantiles=[0.1,0.9] workload.image_tokens=5 cost.usd_base=5",
    "hw=v100 model=llama3.1:8b-q4_K_M engine=llama.cpp workload.prompt_tokens=null",
    "hw=v100 axes.opt=[[int4],[kv8]] opt.kv8.bits=7",
    *(f"study={name}" for name in ("first_look", "bandwidth_or_compute", "life_table10")),
]


def both(request, primary="sweep"):
    ours = composition.without_hydra(request, primary)
    return repr(ours), repr(composition.by_hydra(request, primary))  # types and order too


@pytest.mark.parametrize("line", LINES)
def test_words_are_merged_as_hydra_merges_them(line):
    request = words.parse(line.split())
    ours, hydras = both(dataclasses.replace(request, stacks=request.stacks[:3]))
    assert ours == hydras


numbers = st.integers(-5, 10**20) | st.floats(allow_nan=False) | st.booleans() | st.none()
values = st.recursive(
    numbers | st.text("ab '\"\\é:{}[],.-~1", max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=2),
    max_leaves=5,
)
KEYS = [
    "hw.v100.memory_gb", "hw.v100.peak_tflops.fp16", "hw.v100.peak_tflops", "hw.v100.new.one", "model.llama2_7b.b",
    "opt.int4.group_size", "opt.other.bits", "engine.spreads", "engine.spreads.ttft", "cost.price_factor.other",
    "workload.batch", "precision.kv_bits", "axes.batch", "axes.peak_tflops.fp16", "metrics", "limit", "limit.ttft",
    "target.tpot", "out", "workload.batch.deep", "hw.v100.source.deep", "engine.half_units.deep",
]  # fmt: skip


@given(st.dictionaries(st.sampled_from(KEYS), values, max_size=4), st.sampled_from(["sweep", "explain", "design"]))
@settings(max_examples=15, deadline=None)
def test_drawn_values_are_merged_as_hydra_merges_them(overrides, primary):
    request = words.parse(["hw=v100", "opt=int4"], verb=primary)
    scalars = {key: value for key, value in overrides.items() if not key.startswith("axes.")}
    axes = {key.removeprefix("axes."): value for key, value in overrides.items() if key.startswith("axes.")}
    request = dataclasses.replace(request, scalars=scalars, axes=axes)
    try:
        ours, hydras = both(request, primary)
    except (UnusualError, ConfigError):
        return  # left to Hydra, or wrong there too
    assert ours == hydras


@pytest.mark.parametrize("primary", ["explain", "design"])
def test_other_verbs_begin_from_their_own_file(primary):
    ours, hydras = both(words.parse(["hw=v100", "opt=int4"], verb=primary), primary)
    assert ours == hydras


@pytest.mark.slow
@pytest.mark.parametrize("group", ["hw", "model", "opt", "engine", "workload", "cost"])
def test_every_shipped_file_is_read_alike(group):
    """By OmegaConf, which Hydra reads files with; none of ours begins from another."""
    from omegaconf import OmegaConf

    for label, file in paths.choices(group).items():
        hydras = OmegaConf.to_container(OmegaConf.load(file), resolve=True)
        assert repr(conf_files.content(group, label)) == repr(hydras), label


@pytest.fixture
def mine(tmp_path):
    """A folder of the user's own, written file by file: mine("hw/fast", text) -> words that name the folder."""

    def write(name, text):
        file = tmp_path / f"{name}.yaml"
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
        return ["--config-dir", str(tmp_path)]

    return write


@pytest.mark.parametrize("defaults", ["[v100]", "[v100, _self_]", "[_self_, v100]", "[a100_sxm_80gb, t4]"])
def test_a_file_of_the_user_begins_from_others_as_in_hydra(mine, defaults):
    folder = mine("hw/fast", f"defaults: {defaults}\nmemory_gb: 55\npeak_tflops: {{fp16: 7}}\n")
    ours, hydras = both(words.parse(["hw=fast", *folder, "hw.fast.peak_tflops.fp32=2"]))
    assert ours == hydras


@pytest.mark.parametrize("group, label", [("hw", "v100_sxm2_32gb"), ("workload", "default"), ("opt", "int4")])
def test_a_file_of_the_user_comes_before_ours_of_that_name(mine, group, label):
    text = (CONF / group / f"{label}.yaml").read_text() + "\nmine: 5\n"
    request = words.parse(["hw=v100", "opt=int4", *mine(f"{group}/{label}", text)])
    ours, hydras = both(request)
    assert ours == hydras and "'mine': 5" in ours


def test_a_file_that_begins_from_itself_is_refused(mine):
    mine("hw/a", "defaults: [b]\n")
    with pytest.raises(ConfigError, match="lead back"):
        composition.composed(words.parse(["hw=a", *mine("hw/b", "defaults: [a]\n")]), "sweep")


def test_what_only_hydra_understands_is_left_to_it(mine):
    for text in (
        "# @package hw.odd\ndefaults: [v100]\nmemory_gb: 9\n",
        "defaults:\n  - v100\n  - optional /workload@extra: none_such\nmemory_gb: 9\n",
    ):
        request = words.parse(["hw=odd", *mine("hw/odd", text)])
        with pytest.raises(UnusualError):
            composition.without_hydra(request, "sweep")
        config, _ = composition.composed(request, "sweep")
        assert config["hw"]["odd"]["memory_gb"] == 9
        assert config["hw"]["odd"]["bandwidth_gb_per_s"] == 900
        assert conf_files.composed("hw", "odd", request.folders) == config["hw"]["odd"]


@pytest.mark.parametrize(
    "word",
    ["hydra.verbose=true", "engine.spreads={1: 2}", "hw.v100.memory_gb.deep=1"],
)
def test_unusual_words_are_left_to_hydra(word):
    with pytest.raises(UnusualError):
        composition.without_hydra(words.parse(["hw=v100", word]), "sweep")


def test_what_is_composed_is_the_callers_own():
    """A changed config changes no later one."""
    request = words.parse(["hw=v100", "model=gpt_oss_20b", "opt=int4"])
    before = repr(composition.composed(request, "sweep"))

    def spoil(value):
        for item in list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else ():
            spoil(item)
        if isinstance(value, dict | list):
            value.clear()

    config, stacks = composition.composed(request, "sweep")
    spoil(config)
    for stack in stacks:
        spoil(stack)
    assert repr(composition.composed(request, "sweep")) == before
