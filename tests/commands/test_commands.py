"""The commands of the contract, word for word: what they print, what they leave, and what xarray reads."""

import json
import numbers
import os
import shutil
import subprocess
import sys
import sysconfig
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from conftest import files

from life_jax.config.schema import paths
from life_jax.terminal.command import commands

SCRIPTS = Path(sysconfig.get_path("scripts"))
PROMPTS, BATCHES = [64, 128, 256, 512, 1024, 2048], [1, 2, 4, 8, 16, 32]
DEFAULT_AXES = {"prompt_tokens": PROMPTS, "batch": BATCHES}
ONE_POINT = ("workload.prompt_tokens=512", "workload.batch=1")
LLAMA2_7B = """{
"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu", "torch_dtype": "float16",
"hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32, "vocab_size": 32000,
"num_attention_heads": 32, "num_key_value_heads": 32, "max_position_embeddings": 4096,
"rms_norm_eps": 1e-05, "tie_word_embeddings": false}"""
MINE = """
name: My card
vendor: me
device_class: gpu_dc
source: my desk
peak_tflops: {fp16: 100, fp32: 20}
bandwidth_gb_per_s: 1000
memory_gb: 24
dispatch_us: 5
"""
FIRST_LOOK = {"prompt_tokens": [512, 2048, 8192], "batch": [1, 8, 64]}
CONTRACT = {
    "+hw=v100 +opt=int4": (["llama2_7b"], ["v100"], ["int4"], DEFAULT_AXES),
    "hw=v100 opt=int4": (["llama2_7b"], ["v100"], ["int4"], DEFAULT_AXES),
    "hw=[v100,h100_sxm] opt=[int4,kv8,lora] model=[llama3_8b,qwen3_8b]": (
        ["llama3_8b", "qwen3_8b"],
        ["v100", "h100_sxm"],
        ["int4+kv8+lora"],
        DEFAULT_AXES,
    ),
    "hw=v100 model=path/to/config.json axes.prompt_tokens=[128,2048] axes.bandwidth_gb_per_s=geomspace(100,4000,256)": (
        ["to"],
        ["v100"],
        ["none"],
        {"prompt_tokens": [128, 2048], "batch": BATCHES, "bandwidth_gb_per_s": np.geomspace(100, 4000, 256)},
    ),
    "hw=v100 axes.opt=[[],[int4],[int4,kv8]]": (["llama2_7b"], ["v100"], ["none", "int4", "int4+kv8"], DEFAULT_AXES),
    "study=first_look": (["llama3_1_8b"], ["v100", "a100", "h100"], ["none", "int4", "int4+kv8"], FIRST_LOOK),
}


def read(outcome):
    """The dataset that a successful command names in its last line, and nothing else is left."""
    assert outcome.status == 0, outcome.err
    assert outcome.file.is_file()
    assert not [name for name in files(outcome.folder) if ".part" in name or name.endswith("journal")]
    return xr.load_dataset(outcome.file)


def assert_described(ds):
    for name, variable in {**ds.data_vars, **ds.coords}.items():
        assert variable.attrs["long_name"], name
        assert variable.dtype.kind in "OU" or variable.attrs["units"], name
    for name, value in ds.attrs.items():
        assert isinstance(value, str | numbers.Number | np.number), name
    assert {"config", "convention", "life_jax_version", "git_revision", "date"} <= set(ds.attrs)


@pytest.mark.parametrize("words", CONTRACT)
def test_each_command_of_the_contract_writes_a_labelled_file(shell, tmp_path, words):
    models, devices, stacks, axes = CONTRACT[words]
    if "lora" in words and "lora" not in paths.choices("opt"):
        pytest.skip("no option lora yet")
    (tmp_path / "path" / "to").mkdir(parents=True)
    (tmp_path / "path" / "to" / "config.json").write_text(LLAMA2_7B)
    outcome = shell("sweep", *words.split())
    ds = read(outcome)
    assert list(ds.ttft.dims) == ["model", "hw", "opt", *axes]
    assert [list(ds[name].values) for name in ("model", "hw", "opt")] == [models, devices, stacks]
    for name, values in axes.items():
        np.testing.assert_allclose(ds[name], values, rtol=1e-15)
    asked = list(ds.data_vars)[:3]
    assert asked == ["ttft", "tpot", "tps"]
    assert [ds[name].attrs["units"] for name in asked] == ["s", "s", "token s-1"]
    assert all(np.isfinite(ds[name]).all() and (ds[name] > 0).all() for name in asked)
    assert_described(ds)
    assert all(line.startswith("warning: ") for line in outcome.err.splitlines())  # no progress, it is no terminal
    assert outcome.file.parent == tmp_path / "sweeps" / "out"


def test_plus_signs_make_no_difference(life):
    words = ("hw=v100", "opt=int4", "model=llama3_8b", "axes.batch=[1,2]", "workload.prompt_tokens=100")
    found = {life("sweep", *(plus + word for word in words)).file for plus in ("", "+", "++")}
    assert len(found) == 1


def test_a_complete_file_is_reported_and_not_computed_again(shell, life):
    first = shell("sweep", "hw=v100", *ONE_POINT)
    before = first.file.stat().st_mtime_ns
    again = life("sweep", "hw=v100", *ONE_POINT)
    assert again.file == first.file
    assert "complete" in again.out
    assert first.file.stat().st_mtime_ns == before


def test_out_names_the_file_and_overwrite_replaces_it(life, tmp_path):
    words = ("hw=v100", *ONE_POINT, "out=my/own.nc")
    read(life("sweep", *words))
    assert files(tmp_path) == ["my", "my/own.nc"]
    (tmp_path / "my" / "own.nc").write_text("not a result")
    ds = read(life("sweep", *words, "overwrite=true"))
    assert ds.ttft.shape == (1, 1, 1)
    before = (tmp_path / "my" / "own.nc").stat().st_mtime_ns
    read(life("sweep", *words, "overwrite=true"))
    assert (tmp_path / "my" / "own.nc").stat().st_mtime_ns > before


def test_flags_and_bounds_say_what_they_mean(life):
    words = ("hw=v100", "workload.batch=1", "axes.prompt_tokens=[128,1e6]")
    ds = read(life("sweep", *words, "metrics=[ttft,memory,fits_memory,bound]"))
    assert ds.fits_memory.dtype == bool
    assert list(ds.fits_memory.values.ravel()) == [True, False]
    meanings = ds.bound.attrs["flag_meanings"].split()
    assert len(meanings) == len(ds.bound.attrs["flag_values"]) >= 3
    assert set(np.unique(ds.bound)) <= set(ds.bound.attrs["flag_values"])
    assert_described(ds)


def test_a_scalar_replaces_a_default_axis(life):
    ds = read(life("sweep", "hw=v100", "workload.batch=4"))
    axis = read(life("sweep", "hw=v100", "axes.batch=[4]"))
    assert ds.ttft.dims == ("model", "hw", "opt", "prompt_tokens")
    np.testing.assert_array_equal(ds.ttft, axis.ttft.squeeze("batch"))


def test_a_rate_of_the_device_is_an_axis_without_a_dot(life):
    ds = read(life("sweep", "hw=v100", *ONE_POINT, "axes.peak_tflops.fp16=[100,200]"))
    assert ds.ttft.dims == ("model", "hw", "opt", "peak_tflops_fp16")
    assert ds.peak_tflops_fp16.attrs["units"] == "TFLOP s-1"
    assert ds.ttft.values.ravel()[0] > ds.ttft.values.ravel()[1]


def test_a_device_of_ones_own_is_a_file_or_a_name_in_a_folder(life, tmp_path):
    (tmp_path / "facts" / "hw").mkdir(parents=True)
    (tmp_path / "facts" / "hw" / "mine.yaml").write_text(MINE)
    by_file = read(life("sweep", "hw=facts/hw/mine.yaml", *ONE_POINT, "out=a.nc"))
    by_name = read(life("sweep", "--config-dir", "facts", "hw=[v100,mine]", *ONE_POINT, "out=b.nc"))
    assert list(by_file.hw.values) == ["mine"]
    np.testing.assert_array_equal(by_file.ttft.sel(hw="mine"), by_name.ttft.sel(hw="mine"))
    shown = life("catalog", "--config-dir", "facts", "hw", "mine")
    assert (shown.status, "My card" in shown.out) == (0, True)


COUNTS = ["matmul_flops", "flops", "bytes_read", "bytes_written", "dispatches"]
OF_AN_OPERATOR = {"name", "repeats", "flops", "bytes_read", "bytes_written", "dispatches", "seconds", "bound"}


@pytest.mark.parametrize("opt", ["none", "int4"])
def test_explain_prints_one_object_whose_operators_sum_to_the_totals(life, opt):
    stack = [] if opt == "none" else [f"opt={opt}"]
    outcome = life("explain", "hw=v100", "workload.prompt_tokens=300", *stack, "format=json")
    found = json.loads(outcome.out)
    heads = ["model", "hw", "opt", "parameters", "weight_bytes", "kv_bytes_per_token", "prefill", "decode"]
    assert list(found) == heads
    assert [found[key] for key in heads[:4]] == ["llama2_7b", "v100", opt, {"total": 6738415616, "active": 6738415616}]
    assert found["kv_bytes_per_token"] == 2 * 32 * 4096 * 2
    assert type(found["weight_bytes"]) is int
    for step in (found["prefill"], found["decode"]):
        assert list(step) == [*COUNTS, "seconds", "operators"]
        assert all(type(step[key]) is int for key in COUNTS)
        for key in ("flops", "bytes_read", "bytes_written", "dispatches", "seconds"):
            total = sum(row["repeats"] * row[key] for row in step["operators"])
            assert total == pytest.approx(step[key], rel=1e-12 if opt == "none" else 1e-6), key
        for row in step["operators"]:
            assert set(row) >= OF_AN_OPERATOR
            assert all(type(row[key]) is int for key in ("repeats", "flops", "bytes_read", "bytes_written"))


def test_explain_agrees_with_sweep(life):
    words = ("hw=v100", "opt=int4", *ONE_POINT)
    ds = read(life("sweep", *words, "dtype=float64"))
    found = json.loads(life("explain", *words, "format=json").out)
    assert ds.ttft.item() == pytest.approx(found["prefill"]["seconds"], rel=1e-12)
    text = life("explain", *words).out
    assert all(row["name"] in text for row in found["decode"]["operators"])


def test_explain_of_a_device_without_compute_rate_gives_no_prefill_time(life):
    def refuse(word):
        raise ValueError(f"{word} is not JSON")

    outcome = life("explain", "hw=life_max395_igpu", "format=json")
    found = json.loads(outcome.out, parse_constant=refuse)
    assert found["prefill"]["seconds"] is None  # as ttft in the file is NaN
    assert found["decode"]["seconds"] > 0


def test_the_catalogue_has_a_line_on_each(life):
    assert len(life("catalog").out.splitlines()) >= 8
    for kind in ("hw", "model", "opt", "engine", "workload"):
        shown = life("catalog", kind)
        words = {line.split()[0] for line in shown.out.splitlines() if line.strip()}
        assert (shown.status, set(paths.choices(kind)) - words) == (0, set())
    assert "first_look" in life("catalog", "study").out
    assert json.loads(life("catalog", "format=json").out)["hw"] >= 250
    (t4,) = (device for device in json.loads(life("catalog", "hw", "format=json").out) if device["hw"] == "t4")
    assert "NVIDIA T4" in t4["names"]
    assert 320.0 in t4.values()  # GB/s
    assert "peak_tflops.fp16" in life("catalog", "axis").out
    assert "fits_memory" in life("catalog", "metric").out


@pytest.mark.parametrize("words", ["--help", "--cfg job hw=v100 opt=int4 axes.batch=[3]"])
def test_help_and_config_start_no_jax_and_leave_nothing(shell, tmp_path, words):
    outcome = shell("sweep", *words.split(), flags=("-X", "importtime"))
    imported = {line.rsplit("|", 1)[-1].strip() for line in outcome.err.splitlines()}
    assert outcome.status == 0
    assert words == "--help" or "hydra" in imported
    assert not {"jax", "jaxlib", "xarray", "matplotlib"} & imported
    assert all(shown in outcome.out for shown in (["hw=v100", "int4"] if words == "--help" else ["v100:", "int4:"]))
    assert files(tmp_path) == []


def test_a_few_numbers_of_a_mixture_of_experts_take_no_compilation(shell):
    """Of one structure with its experts, which took XLA most of a minute."""
    words = ("hw=h100_sxm", "model=gpt_oss_120b", "axes.batch=[1,8]", "prompt=512")
    outcome = shell("sweep", *words, flags=("-X", "importtime"))
    assert outcome.status == 0 and "TPOT ms" in outcome.out
    imported = {line.rsplit("|", 1)[-1].strip() for line in outcome.err.splitlines()}
    assert not {"jax", "jaxlib"} & imported


def test_every_verb_has_a_console_script():
    names = {script.name for script in metadata.entry_points(group="console_scripts")}
    for verb in ("sweep", "explain", "catalog"):
        assert f"life-jax-{verb}" in names
        assert (SCRIPTS / f"life-jax-{verb}").exists()


def test_the_package_lists_its_commands_and_runs_them(tmp_path):
    def run(*words):
        command = [sys.executable, "-m", "life_jax", *words]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    listed = run()
    assert listed.returncode == 0
    for verb in ("sweep", "explain", "validate"):
        assert f"\n  {verb} " in listed.stdout
    assert run("catalog", "opt", "int4").stdout == run("catalog", "opt", "INT4").stdout != ""
    wrong = run("sweeep", "hw=v100")
    assert wrong.returncode == 2
    assert wrong.stderr.startswith("error: command 'sweeep' is not known; did you mean sweep")


def completed(line, folder):
    """What bash is offered for a line that ends at the cursor."""
    environment = os.environ | {"COMP_LINE": line, "COMP_POINT": str(len(line))}
    command = [SCRIPTS / line.split()[0], "-sc", "query=bash"]
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.split()


@pytest.mark.parametrize(
    "line, offered",
    [("life-jax-sweep hw=v1", "hw=v100"), ("life-jax explain +hw=v1", "+hw=v100"), ("life-jax sw", "sweep")],
)
def test_tab_completion_offers(tmp_path, line, offered):
    assert offered in completed(line, tmp_path)
    assert files(tmp_path) == []


BASH = """
eval "$(life-jax -sc install=bash)"
complete -p life-jax life-jax-design >/dev/null || exit 1
ask() { COMP_LINE="$1"; COMP_POINT=${#COMP_LINE}; COMP_WORDS=($1); COMP_CWORD=1; _life_jax; echo "${COMPREPLY[@]}"; }
compopt() { :; }
ask "life-jax sweep hw=v1"
ask "life-jax sweep 'hw=[a100,v1"
ask "life-jax-design hw=v100 target.tp"
"""


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
def test_the_completion_that_bash_installs_works(tmp_path):
    environment = os.environ | {"PATH": os.pathsep.join([str(SCRIPTS), os.environ["PATH"]])}
    done = subprocess.run(
        ["bash", "-c", BASH], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    plain, quoted, dotted = (line.split() for line in done.stdout.splitlines())
    assert "v100" in plain  # readline replaces what stands behind the equals sign
    assert "hw=[a100,v100" in quoted
    assert {"target.tpot=", "target.tps="} <= set(dotted)


def test_a_reader_who_leaves_early_gets_no_traceback(tmp_path):
    """python -m life_jax.catalog hw | head -1"""
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "life_jax.catalog", "hw"]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, cwd=tmp_path, check=False)
    os.close(writer)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("verb", commands())
def test_every_command_says_how_it_is_used(life, verb):
    done = life(verb, "--help")
    assert done.status in (0, None)
    assert f"life-jax {verb}" in done.out


def test_a_front_without_a_point_that_meets_the_limits_is_empty(life):
    done = life(
        "sweep", "hw=v100", "axes.batch=[1]", "axes.prompt_tokens=[64]", "pareto=[ttft,throughput]", "limit.tpot=0"
    )
    assert done.status == 0, done.err
    with xr.open_dataset(done.file) as ds:
        assert ds.sizes["point"] == 0 and int(ds["count"].sum()) == 0 and ds["hypervolume"].isnull().all()


@pytest.mark.parametrize("streams", [(1,), (2,), (0, 1, 2)])
def test_a_closed_stream_is_no_fault_and_no_file_gets_its_number(shell, tmp_path, streams):
    """python -m life_jax.sweep ... >&-"""
    words = ("hw=v100", "axes.batch=[1,2]", "axes.prompt_tokens=[64]", "out=x.nc")
    done = shell("sweep", *words, preexec_fn=lambda: [os.close(number) for number in streams])
    assert done.status == 0 and "Traceback" not in done.err
    assert xr.load_dataset(tmp_path / "x.nc").sizes["batch"] == 2


def test_what_a_user_has_chosen_for_windows_does_not_reach_pictures(shell, tmp_path):
    words = ("hw=v100", "axes.batch=[1,2]", "axes.prompt_tokens=[64]", "out=x.nc", "plot=roofline")
    done = shell("sweep", *words, env=os.environ | {"MPLBACKEND": "nonsense"})
    assert done.status == 0, done.err
