"""Questions of a page: words as people type them, and nothing that names a file of the machine."""

import pytest

import life_jax as package
from life_jax.explorer import questions
from life_jax.explorer.questions import Question

FILES = (
    "/etc/passwd", "../secret.yaml", "~/device.yaml", "./x", "device.yaml", "a/b/c", "C:\\x", "file://x", "model.gguf",
    "config.json", "trace.csv", "x\ny", "", " ", "a" * 201,
)  # fmt: skip


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("key", ["hw", "model", "engine", "opt"])
def test_no_question_names_a_file(key, name):
    with pytest.raises(package.ConfigError):
        questions.read({"hw": ["v100"], key: [[name]] if key == "opt" else [name]})


def test_a_folder_that_is_here_is_no_model(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "org" / "mine").mkdir(parents=True)
    (tmp_path / "org" / "mine" / "config.json").write_text("{}")
    assert questions.read({"model": ["org/other"]}).model == ("org/other",)
    with pytest.raises(package.ConfigError, match="folder"):
        questions.read({"model": ["org/mine"]})


def test_a_file_of_the_command_line_may_be_asked_for():
    start, files = questions.of_command_line(["hw=[v100,mine.yaml]", "batch=4", "convention=life_paper"])
    assert files == {"mine.yaml"}
    question = questions.read({"hw": ["mine.yaml"]}, files, start.base)
    assert question.words() == ["convention=life_paper", "hw=mine.yaml"]
    with pytest.raises(package.ConfigError, match="command line"):
        questions.read({"hw": ["other.yaml"]}, files, start.base)


@pytest.mark.parametrize(
    ("words", "same"),
    [
        (["hw=v100", "opt=int4", "batch=8"], ["hw=v100", "opt=int4", "batch=8"]),
        (["hw=[v100,a100]", "axes.opt=[[],[int4,kv8]]"], ["hw=[v100,a100]", "axes.opt=[[],[int4,kv8]]"]),
        (["hw=v100", "engine=vllm", "hw.v100.memory_gb=16"], ["hw=v100", "engine=vllm", "hw.v100.memory_gb=16"]),
        (['hw="Intel(R) Xeon(R) 6980P"'], ["hw=Intel(R) Xeon(R) 6980P"]),
        (["hw=v100", "axes.engine=[vllm,ideal]"], ["hw=v100", "axes.engine=[vllm,ideal]"]),
    ],
)
def test_words_of_the_command_line_are_the_words_of_the_first_question(words, same):
    question, _ = questions.of_command_line(words)
    assert question.words() == same


def test_an_axis_takes_the_place_of_its_number_whatever_it_is_called():
    question = Question(hw=("v100",), numbers={"batch": 8.0, "workload.prompt_tokens": 64.0, "hw.v100.memory_gb": 16.0})
    words = question.words({"batch": [1.0, 2.0], "prompt": [32.0]})
    assert words == ["hw=v100", "hw.v100.memory_gb=16", "axes.batch=[1,2]", "axes.prompt=[32]"]
    assert "hw.v100.memory_gb=16" not in question.words({"memory_gb": [8.0]})


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ([], "object"),
        ({"hardware": ["v100"]}, "hardware"),
        ({"hw": "v100"}, "list"),
        ({"hw": ["v100"] * 65}, "64"),
        ({"hw": [3]}, "names"),
        ({"opt": ["int4"]}, "list"),
        ({"numbers": {"batch": "8"}}, "number"),
        ({"numbers": {"batch": True}}, "number"),
        ({"numbers": {"batch": float("nan")}}, "finite"),
        ({"numbers": {"study": 1}}, "study"),
        ({"numbers": {"out.x": 1}}, "out.x"),
        ({"numbers": {"hydra.run.dir": 1}}, "hydra"),
        ({"numbers": {"executor": 1}}, "executor"),
        ({"numbers": {f"engine.k{i}": 1 for i in range(49)}}, "48"),
    ],
)
def test_what_is_no_question_is_refused_with_a_reason(content, reason):
    with pytest.raises(package.ConfigError, match=reason):
        questions.read(content)
