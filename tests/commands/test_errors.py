"""Likely mistakes: one line that names the wish and what is accepted, status 2, and nothing is written."""

import os
import shutil
import stat

import numpy as np
import pytest
import xarray as xr
from conftest import files

from life_jax.config.schema import paths

RANGES = "linspace(first,last,count)"

# words -> what the first line must say: the wish, and an accepted alternative where there is one
MISTAKES = {
    "": ["hw=", "v100"],
    "hw=v1000": ["v1000", "v100"],
    "hw=V1OO": ["V1OO", "v100"],
    "hw=v100,h100": ["hw=[v100,h100]"],
    "hw=[]": ["hw="],
    "hw=[v100,v100]": ["v100", "twice"],
    "hw=": ["hw="],
    "hw=no/such.yaml": ["no/such.yaml"],
    "hw=bad.yaml": ["bad.yaml"],
    "hw=list.yaml": ["list.yaml", "mapping"],
    "hw=v100 hw=h100": ["hw=", "twice"],
    "hw=v100 model=lama3_8b": ["lama3_8b", "llama3_8b"],
    "hw=v100 model=no/config.json": ["no/config.json"],
    "hw=v100 model=bad.json": ["bad.json"],
    "hw=v100 opt=int5": ["int5", "int4"],
    "hw=v100 opt=[int4,int4]": ["int4", "twice"],
    "hw=v100 opt=int4 axes.opt=[[],[int4]]": ["opt=", "axes.opt="],
    "hw=v100 axes.opt=[]": ["axes.opt", "[int4]"],
    "hw=v100 axes.opt=[int4,kv8]": ["axes.opt", "[[],[int4]"],
    "hw=v100 engine=ideel": ["ideel", "ideal"],
    "hw=v100 workload=defalt": ["defalt", "default"],
    "study=first_loook": ["first_loook", "first_look"],
    "hw=v100 metrics=[tftt]": ["tftt", "ttft"],
    "hw=v100 metrics=[]": ["metrics="],
    "hw=v100 convention=exactly": ["exactly", "exact"],
    "hw=v100 dtype=float16": ["float16", "float32"],
    "hw=v100 overwrite=perhaps": ["perhaps", "true"],
    "hw=v100 format=xml": ["format=", "csv"],
    "hw=v100 devise=h100": ["devise"],
    "hw=v100 workload.promt_tokens=5": ["promt_tokens", "prompt_tokens"],
    "hw=v100 +workload.promt_tokens=5": ["promt_tokens", "prompt_tokens"],
    "hw=v100 ++precision.weigth_bits=5": ["weigth_bits", "weight_bits"],
    "hw=v100 hw.v100.bandwith=3": ["hw.v100", "bandwith", "bandwidth_gb_per_s"],
    "hw=v100 hw.v10.memory_gb=3": ["hw.v10", "v100"],
    "hw=v100 bandwidth_gb_per_s=900": ["bandwidth_gb_per_s", "axes.bandwidth_gb_per_s"],
    "hw=v100 target.memory=1": ["target", "memory"],
    "hw=v100 axes.bandwidth=[1]": ["bandwidth", "bandwidth_gb_per_s"],
    "hw=v100 axes.batch=[]": ["axes.batch", "empty"],
    "hw=v100 axes.batch=arange(4,4,1)": ["axes.batch", "empty"],
    "hw=v100 axes.batch=[1,0]": ["axes.batch", "0", "above 0"],
    "hw=v100 axes.batch=[-2]": ["axes.batch", "-2", "above 0"],
    "hw=v100 axes.batch=[nan]": ["axes.batch", "nan", "finite"],
    "hw=v100 axes.batch=[1,inf]": ["axes.batch", "inf", "finite"],
    "hw=v100 axes.batch=[many]": ["axes.batch", "many", RANGES],
    "hw=v100 axes.batch=[true]": ["axes.batch", "number"],
    "hw=v100 axes.roof_smoothness=[0,3]": ["axes.roof_smoothness", "3", "at most 2"],
    "hw=v100 workload.batch=0": ["workload.batch", "0", "above 0"],
    "hw=v100 workload.batch=-1": ["workload.batch", "-1", "above 0"],
    "hw=v100 workload.prompt_tokens=nan": ["workload.prompt_tokens", "nan", "finite"],
    "hw=v100 workload.batch=inf": ["workload.batch", "inf", "finite"],
    "hw=v100 workload.batch=many": ["workload.batch", "many", "number"],
    "hw=v100 workload.batch=true": ["workload.batch", "number"],
    "hw=v100 workload.batch=[1,2]": ["workload.batch", "number"],
    "hw=v100 hw.v100.peak_tflops.fp16=-3": ["hw.v100.peak_tflops.fp16", "-3", "above 0"],
    "hw=v100 hw.v100.peak_tflops.fp17=3": ["fp17", "fp16"],
    "hw=v100 axes.batch=logspace(1,2,3)": ["axes.batch", "logspace(1,2,3)", "geomspace"],
    "hw=v100 axes.batch=geomspace(0,2,3)": ["axes.batch", "geomspace", "above 0"],
    "hw=v100 axes.batch=linspace(1,2)": ["axes.batch", "linspace(1,2)", RANGES],
    "hw=v100 axes.batch=linspace(1,2,2.5)": ["axes.batch", "2.5", RANGES],
    "hw=v100 axes.batch=arange(1,2,0)": ["axes.batch", "step", "arange"],
    "hw=v100 axes.batch=[1,2": ["axes.batch=[1,2"],
    "hw=v100 axes.batch=[1,8] workload.batch=4": ["axes.batch", "workload.batch"],
    "hw=v100 hw.v100.bandwidth_gb_per_s=1 axes.bandwidth_gb_per_s=[1]": ["hw.v100.bandwidth", "axes.bandwidth"],
    "hw=v100 opt=int4 axes.weight_bits=[4,8]": ["axes.weight_bits", "opt.int4"],
    "hw=v100 opt=kv8 precision.kv_bits=4": ["precision.kv_bits", "opt.kv8"],
    "hw=v100 opt=w8a8": ["hw.v100 has no int8 matrix rate", "fp16", "opt.w8a8"],
    "hw=v100 axes.peak_tflops.fp8=[1,2]": ["axes.peak_tflops.fp8", "peak_tflops.fp16"],
    "hw=v100 axes.max_position_embeddings=[1]": ["axes.max_position_embeddings"],
    "hw=v100 out=foreign.nc": ["foreign.nc", "overwrite=true"],
    "hw=v100 out=facts": ["facts", "folder"],
    "hw=v100 out=foreign.nc/x.nc": ["foreign.nc"],
    "hw=v100 --config-dir nowhere": ["nowhere"],
    "hw=v100 -m": ["multirun", "axes."],
    "--multirun hw=v100": ["multirun", "axes."],
    "v100": ["'v100'", "hw=v100"],
    "--verbose hw=v100": ["--verbose"],
    "~workload hw=v100": ["~workload"],
    "hw=v100 --resolve": ["--resolve"],
}
SPAWNED = [
    "",
    "hw=v1000",
    "hw=v100 workload.promt_tokens=5",
    "hw=v100 opt=w8a8",
    "hw=v100 out=foreign.nc",
    "hw=v100 -m",
    "--cfg job hw=v1000",
]
TOO_LARGE = "axes.batch=linspace(1,2,1000000) axes.prompt_tokens=linspace(1,2,1000000)"


@pytest.fixture
def folder(tmp_path):
    """Files to stumble over."""
    (tmp_path / "facts").mkdir()
    (tmp_path / "foreign.nc").write_text("someone else's")
    (tmp_path / "bad.json").write_text('{"hidden_size": ')
    (tmp_path / "bad.yaml").write_text("peak_tflops: {fp16: 1\nname: [")
    (tmp_path / "list.yaml").write_text("- 1\n- 2\n")
    return tmp_path


def assert_refused(outcome, says):
    lines = outcome.err.splitlines()
    assert outcome.status == 2, outcome.err
    assert lines[0].startswith("error: ")
    assert len(lines) <= 11
    assert "Traceback" not in outcome.err
    assert outcome.out == ""
    for part in says:
        assert part in lines[0]


@pytest.mark.parametrize("words", MISTAKES)
def test_a_mistake_ends_in_one_line_and_writes_nothing(life, folder, words):
    before = files(folder)
    assert_refused(life("sweep", *words.split()), MISTAKES[words])
    assert files(folder) == before
    assert (folder / "foreign.nc").read_text() == "someone else's"


@pytest.mark.parametrize("words", SPAWNED)
def test_the_same_in_a_process_of_its_own(shell, folder, words):
    before = files(folder)
    assert_refused(shell("sweep", *words.split()), MISTAKES.get(words, []))
    assert files(folder) == before


def test_no_device_lists_the_devices_and_how_to_see_the_rest(life):
    lines = life("sweep").err.splitlines()
    assert len(lines) == 11
    assert "python -m life_jax.catalog hw" in lines[-1]


def test_the_closest_names_come_first(life):
    assert life("sweep", "hw=v1000").err.splitlines()[1].split()[0] == "v100"


def test_a_result_too_large_for_the_disk_is_refused_before_anything_is_written(life, folder):
    before = files(folder)
    assert_refused(life("sweep", "hw=v100", *TOO_LARGE.split()), ["GB"])
    assert files(folder) == before


@pytest.mark.parametrize(
    "words, says",
    [
        ("hw=[v100,h100]", ["explain", "sweep"]),
        ("hw=v100 axes.batch=[1,2]", ["axes.batch", "sweep"]),
        ("hw=v100 format=jsn", ["jsn", "json"]),
        ("opt=int4", ["hw=", "v100"]),
    ],
)
def test_explain_refuses_what_is_not_one_scenario(life, words, says):
    assert_refused(life("explain", *words.split()), says)


@pytest.mark.parametrize("words, says", [("hws", ["hws", "hw"]), ("hw nothing_like_it", ["nothing_like_it", "hw"])])
def test_the_catalogue_refuses_what_it_has_not(life, words, says):
    assert_refused(life("catalog", *words.split()), says)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_named(life, folder):
    (folder / "facts").chmod(stat.S_IRUSR | stat.S_IXUSR)
    assert_refused(life("sweep", "hw=v100", "out=facts/x.nc"), ["facts/x.nc"])


def test_a_broken_question_of_ones_own_is_named(life, folder):
    (folder / "mine" / "sweeps").mkdir(parents=True)
    (folder / "mine" / "sweeps" / "q.yaml").write_text("hw: v100\naxes: {promt_tokens: [1]}\n")
    assert_refused(life("sweep", "--config-dir", "mine", "study=q"), ["promt_tokens", "prompt_tokens"])


def test_a_device_without_compute_rate_forecasts_decode_only(life):
    outcome = life("sweep", "hw=life_max395_igpu", "workload.batch=1", "workload.prompt_tokens=512")
    ds = xr.load_dataset(outcome.file)
    assert outcome.status == 0
    assert outcome.err.startswith("warning: hw.life_max395_igpu ")
    assert np.isnan(ds.ttft.item())
    assert ds.tpot.item() > 0


def test_a_prompt_beyond_the_models_positions_is_a_warning_and_an_attribute(life):
    outcome = life("sweep", "hw=v100", "workload.batch=1", "workload.prompt_tokens=100000")
    assert (outcome.status, len(outcome.err.splitlines())) == (0, 1)
    assert outcome.err.startswith("warning: ")
    assert "positions" in xr.load_dataset(outcome.file).attrs["warnings"]


@pytest.mark.parametrize(
    ("verb", "words"),
    [
        ("serve", "hw=h100_sxm model=llama3_2_1b rate=1 load.burst=1e308"),
        ("serve", "hw=h100_sxm model=llama3_2_1b rate=1 target.percentile=[]"),
        ("serve", "hw=h100_sxm model=llama3_2_1b rate=1 target.percentile=benchmark(0)"),
        ("serve", f"hw=h100_sxm model=llama3_2_1b rate={'9' * 5000}"),
        ("explain", f"hw=v100 workload.batch=[{'9' * 5000}]"),
        ("plan", f"hw=h100_sxm model=llama3_2_1b minimize={'9' * 5000}"),
        ("sweep", f"hw=v100 axes.opt={'[' * 3000}{']' * 3000}"),
        ("explain", f"hw=v100 x={'{a:' * 3000}1{'}' * 3000}"),
    ],
)
def test_numbers_beyond_all_measure_end_in_a_line(life, verb, words):
    outcome = life(verb, *words.split(" "))
    assert outcome.status == 2 and outcome.err.startswith("error: ")
    assert len(outcome.err) < 2000 and not outcome.out


HEAD = "id,hardware,model,weight_format,engine,batch,prompt_tokens,output_tokens,metric,value\n"
ESCAPES = "\x1b[31mred\x07\x9b2J\u202e"
ROW = "r1,v100,llama2_7b,fp16,generic,1,512,128,ttft_s,0.2\n"
TWO = ROW + ROW.replace("r1,v100", f"r2,{ESCAPES}")


@pytest.mark.parametrize(
    ("verb", "words", "files"),
    [
        ("sweep", [f"hw={ESCAPES}"], {}),
        ("sweep", ["hw=v100", f"{ESCAPES}=1"], {}),
        ("sweep", ["hw=v1\n00"], {}),
        ("sweep", ["hw=v100", f"hydra.x={ESCAPES}"], {}),
        ("sweep", ["study=x.yaml"], {"x.yaml": 'description: x\nhw: ["\\e[31m"]\n'}),
        ("sweep", ["study=x.yaml"], {"x.yaml": 'description: x\nhw: [v100]\n"\\e[31m": 1\n'}),
        ("validate", ["x.csv"], {"x.csv": HEAD + f"r1,{ESCAPES},llama2_7b,fp16,generic,1,512,128,ttft_s,0.2\n"}),
        ("validate", ["y.csv"], {"y.csv": HEAD + TWO}),
        ("catalog", [ESCAPES], {}),
        ("catalog", ["hw", "--config-dir", "."], {f"hw/{ESCAPES}.yaml": "DEVICE"}),
    ],
)
def test_a_name_writes_nowhere_else_on_a_terminal(life, tmp_path, verb, words, files):
    device = paths.choices("hw")["v100_sxm2_32gb"].read_text(encoding="utf-8")
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text.replace("DEVICE", device), encoding="utf-8")
    outcome = life(verb, *words)
    assert outcome.out or outcome.err.startswith("error: ")
    assert not set(outcome.out + outcome.err) & set("\x1b\x07\x9b\u202e\r")
    assert all(line.startswith(("error: ", "warning: ", "  ")) for line in outcome.err.splitlines())


@pytest.mark.parametrize(
    ("verb", "words"),
    [
        ("validate", ["x.csv", "out=x.csv"]),
        ("validate", ["x.csv", "out=./y/../x.csv"]),
        ("validate", ["x.csv", "share=x.csv"]),
        ("validate", ["x.csv", "plot=x.csv"]),
        ("validate", ["x.csv", "out=y.csv", "share=y.csv"]),
        ("calibrate", ["x.csv", "hw=v100", "out=x.csv"]),
        ("sweep", ["hw=x.yaml", "axes.batch=[1]", "axes.prompt_tokens=[64]", "out=x.yaml"]),
        ("sweep", ["hw=[v100,x.yaml]", "axes.batch=[1]", "axes.prompt_tokens=[64]", "out=x.yaml"]),
        ("serve", ["hw=h100_sxm", "model=llama3_2_1b", "engine=vllm", "load.trace=t.csv", "out=t.csv"]),
    ],
)
def test_no_command_replaces_what_it_reads(life, tmp_path, verb, words):
    (tmp_path / "y").mkdir()
    (tmp_path / "x.csv").write_text(HEAD + "r1,v100,llama2_7b,fp16,generic,1,512,128,ttft_s,0.2\n")
    (tmp_path / "t.csv").write_text("arrival_s,input_tokens,output_tokens\n0,64,8\n1,64,8\n")
    shutil.copy(paths.choices("hw")["v100_sxm2_32gb"], tmp_path / "x.yaml")
    before = {path.name: path.read_bytes() for path in tmp_path.glob("*.*")}
    outcome = life(verb, *words, "overwrite=true")
    assert (outcome.status, outcome.err.count("error: ")) == (2, 1)
    assert {path.name: path.read_bytes() for path in tmp_path.glob("*.*")} == before


@pytest.mark.parametrize("trace", ["/dev/zero", "pipe", ".", "bomb.csv"])
def test_a_trace_that_has_no_end_is_no_trace(life, tmp_path, trace, monkeypatch):
    monkeypatch.setattr("life_jax.config.request_trace.MOST_BYTES", 1000)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "bomb.csv").write_text("arrival_s,input_tokens,output_tokens\n" + "0,1,1\n" * 1000)
    outcome = life("serve", "hw=h100_sxm", "model=llama3_2_1b", "engine=vllm", f"load.trace={trace}")
    assert outcome.status == 2 and "load.trace" in outcome.error


def test_a_picture_of_no_known_kind_is_refused_before_anything_is_written(life, tmp_path):
    (tmp_path / "x.csv").write_text(HEAD + "r1,v100,llama2_7b,fp16,generic,1,512,128,ttft_s,0.2\n")
    outcome = life("validate", "x.csv", "plot=x.xyz")
    assert outcome.status == 2 and ".png" in outcome.error
    assert [path.name for path in tmp_path.iterdir()] == ["x.csv"]


def test_a_bug_of_ours_stays_a_traceback(life, monkeypatch):
    def broken(words):
        raise RuntimeError("ours")

    monkeypatch.setattr("life_jax.sweep.sweep", broken)
    with pytest.raises(RuntimeError, match="ours"):
        life("sweep", "hw=v100")
