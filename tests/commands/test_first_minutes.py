"""What a newcomer met in the first minutes and should not meet again, where no other test has it."""

import json

import pytest

import life_jax as package
from life_jax.analysis.design_question import problems
from life_jax.config.schema import paths
from life_jax.config.schema.errors import ConfigError
from life_jax.design import not_priced

SHIPPED = [name for name in paths.studies() if not name.startswith("life_")]


@pytest.mark.parametrize(
    ("words", "unpriced"),
    [
        (["free=[bandwidth_gb_per_s,interconnect_gb_per_s,dispatch_us]"], {"interconnect_gb_per_s", "dispatch_us"}),
        (["free=[weight_bits]", "range.weight_bits=[3,16]"], {"weight_bits"}),
        (["free=[bandwidth_gb_per_s,memory_gb]"], set()),
        (["free=[weight_bits,dispatch_us]", "range.weight_bits=[3,16]", "minimize=energy_per_token"], set()),
    ],
)
def test_free_numbers_on_which_the_price_does_not_depend_are_said_not_to_be_priced(words, unpriced):
    study = package.load(["hw=h100_sxm", "model=llama3_8b", "target.tpot=0.01", *words], primary="design")
    assert set(not_priced(problems(study)[0])) == unpriced


@pytest.mark.parametrize("study", SHIPPED)
def test_shipped_questions_stay_within_the_positions_of_their_models(study):
    assert [w for w in package.load([f"study={study}"]).warnings if "positions" in w] == []


@pytest.mark.parametrize(
    ("words", "some"),
    [
        ("opt awq", "int4_zp"), ("opt gptq", "int4"), ("engine sglang", "sglang"), ("engine ollama", "llama_cpp_cuda"),
        ("gpus rtx 4090", "rtx_4090"), ("model qwen3 8b", "qwen3_8b"), ("llms llama 70b", "llama3_1_70b"),
        ("engine lmstudio", "llama_cpp_metal"), ("hw laptop", "rtx_4090_laptop"), ("devices h100", "h100_sxm"),
        ("engine generic", "a mean of all"), ("hw RTX 4090 Laptop", "rtx_4090_laptop"),
    ],
)  # fmt: skip
def test_the_catalogue_finds_what_people_call_things(words, some, life):
    assert some in life("catalog", *words.split()).out


@pytest.mark.parametrize(
    ("word", "some", "other"), [("class:laptop", "rtx_4090_laptop", "h100_sxm"), ("gtx_10*", "gtx_1080", "gtx_1650")]
)
def test_the_catalogue_takes_what_hw_takes(word, some, other, life):
    labels = [line.split()[0] for line in life("catalog", "hw", word).out.splitlines() if line.strip()]
    assert some in labels and other not in labels


def test_a_list_of_options_without_brackets_is_told_how_to_be_written(life):
    assert "write a list as opt=[int4,kv8]" in life("sweep", "hw=v100", "opt=int4,kv8").error


def test_names_for_scripts_are_a_list_of_objects(life):
    names = [device["hw"] for device in json.loads(life("catalog", "hw", "h100", "format=json").out)]
    assert {"h100_sxm", "h100_pcie", "h100_nvl"} <= set(names)


def test_sgl_names_an_engine_of_its_own_with_the_times_of_the_same_kernels():
    words = ["hw=h100_sxm", "model=llama3_8b", "prompt=512", "batch=4"]
    ours = package.forecast(package.load([*words, "engine=SGLang"]).scenario)
    assert ours == package.forecast(package.load([*words, "engine=vllm"]).scenario)


def test_python_takes_keywords_and_shows_itself_in_a_line():
    study = package.load(hw="h100_sxm", opt=["int4"], batch=8, prompt=512)
    assert len(repr(study).splitlines()) <= 2 and "1 case " in repr(study)
    assert "Any" not in dir(package) and package.__version__
    with pytest.raises(ConfigError, match="v100"):
        package.load(hw="v10")


def test_a_file_that_is_not_there_is_said_to_be_so_once(life):
    assert life("validate", "nothere.csv").error == "error: nothere.csv: cannot be read: No such file or directory"


def test_a_plan_without_a_target_says_that_slow_is_cheap(life):
    words = ("plan", "model=llama3_8b", "hw=l4", "engine=vllm", "axes.opt=[[]]", "devices=1")
    assert "target.tpot=0.05" in life(*words).err
    assert "no target" not in life(*words, "target.tpot=0.5").err


def test_positions_of_a_model_whose_windows_all_fit_have_no_number(life):
    assert "any number of positions" in life("explain", "hw=rtx_4090", "model=mistral_7b").out
    assert "any number of" not in life("explain", "hw=rtx_4090", "model=llama3_8b").out
