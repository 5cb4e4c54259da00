"""The tests' stand-in for Hydra gives what Hydra gives, in the same order, and leaves the rest to it."""

import pytest
import yaml
from composition import HYDRA, NotUnderstoodError, composed
from places import CONF

from life_jax.config import hydra_words, words
from life_jax.config.schema import paths

LINES = [
    "hw=v100",
    "hw=[v100,h100_sxm] model=[llama3_8b,qwen3_8b] opt=[int4,kv8,lora] opt.lora.rank=4 opt.lora.targets=[router]",
    "hw=v100 engine=vllm engine.tensor_parallel=4 engine.half_units=[fp16] workload.batch=1 dtype=float64",
    "hw=h100 hw.h100.peak_tflops.fp16=3e2 hw.h100.memory_gb=12.5 model.llama2_7b.num_key_value_heads=8",
    "hw=a100 axes.peak_tflops.fp16=[1,2.5e3] axes.batch=geomspace(1,8,4) axes.opt=[[],[int4],[unfused,kv4]]",
    "hw=v100 engine=ideal convention=life_paper metrics=[ttft,memory] elasticity=true out=a/b.nc workload.batch=1e-3",
    "hw=v100 pareto=[ttft,tps] limit.ttft=1 by=[opt] quantiles=[0.1,0.9] workload.image_tokens=5 cost.usd_base=5",
    *(f"study={name}" for name in paths.choices("study")),
]


def both(line, primary="sweep"):
    request = words.parse(line.split(), verb=primary)
    for stack in request.stacks:
        typed = hydra_words.overrides(request, stack)
        with HYDRA() as compose_one:
            yield composed(primary, typed), compose_one(primary, typed)


def text(config):
    return yaml.safe_dump(config, sort_keys=False)


@pytest.mark.parametrize("line", LINES)
def test_words_are_merged_as_hydra_merges_them(line):
    for ours, hydras in both(line):
        hydras.pop("hydra", None)
        assert text(ours) == text(hydras)


@pytest.mark.parametrize("primary", ["explain", "design"])
def test_other_verbs_begin_from_their_own_file(primary):
    ((ours, hydras),) = both("hw=v100 opt=int4", primary=primary)
    hydras.pop("hydra", None)
    assert text(ours) == text(hydras)


@pytest.mark.slow
@pytest.mark.parametrize("group", ["hw", "model", "opt", "engine"])
def test_files_are_read_alike(group):
    """Some of each group, aliases among them."""
    for name in [path.stem for path in sorted((CONF / group).glob("*.yaml"))][::40]:
        typed = [f"{group}={name}" if group == "engine" else f"+{group}@{group}.x={name}"]
        with HYDRA() as compose_one:
            hydras = compose_one("sweep", typed)
        hydras.pop("hydra", None)
        assert text(composed("sweep", typed)) == text(hydras)


@pytest.mark.parametrize("word", ["hydra.searchpath=['file://x']", "++engine.table={a:1}", "engine=none_such", "~hw"])
def test_what_is_not_understood_is_left_to_hydra(word):
    with pytest.raises(NotUnderstoodError):
        composed("sweep", [word])
