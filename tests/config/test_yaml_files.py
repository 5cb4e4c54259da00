"""YAML is read as Hydra reads it, and words of commands that Hydra does not compose by one reader."""

import pytest
from omegaconf import OmegaConf

from life_jax.config.schema import paths
from life_jax.config.schema.errors import ConfigError
from life_jax.config.schema.yaml_files import read_list, read_yaml
from life_jax.config.words import read_words, take

FILES = [file for group in ("engine", "efficiency", "cost", "opt") for file in paths.choices(group).values()]


def test_a_file_has_the_content_that_hydra_composes_it_with(tmp_path) -> None:
    for file in FILES:
        assert read_yaml(file) == OmegaConf.to_container(OmegaConf.load(file)), file
    file = tmp_path / "numbers.yaml"
    file.write_text("a: 1e-3\nb: 2.5E+3\nc: 1\nd: -.5e1\ne: 1e\nf: e3\ng: '1e3'\n")
    assert read_yaml(file) == OmegaConf.to_container(OmegaConf.load(file))
    assert read_yaml(file)["a"] == 0.001


@pytest.mark.parametrize("text", ["a: 1\nb: 2\na: 3\n", "a: {b: 1, b: 1}\n", "a: [{b: 1, b: 2}]\n"])
def test_a_key_that_is_there_twice_is_refused(tmp_path, text: str) -> None:
    (tmp_path / "twice.yaml").write_text(text)
    with pytest.raises(ConfigError, match=r"twice\.yaml.*'[ab]' is there twice \(line \d\)"):
        read_yaml(tmp_path / "twice.yaml")


def test_a_list_is_no_mapping_and_a_mapping_no_list(tmp_path) -> None:
    (tmp_path / "list.yaml").write_text("- 1\n- {a: 2}\n")
    (tmp_path / "mapping.yaml").write_text("a: 2\n")
    assert read_list(tmp_path / "list.yaml") == [1, {"a": 2}] and read_yaml(tmp_path / "mapping.yaml") == {"a": 2}
    for read, name in ((read_yaml, "list.yaml"), (read_list, "mapping.yaml")):
        with pytest.raises(ConfigError, match="is needed"):
            read(tmp_path / name)


def test_words_of_a_command_are_files_and_values_by_key() -> None:
    words = ["rows.csv", "+out=a=b.csv", "++engine='llama.cpp CUDA'"]
    assert read_words(words, ("out", "engine"), "usage") == (
        ["rows.csv"],
        {"out": "a=b.csv", "engine": "llama.cpp CUDA"},
    )


def test_a_file_with_an_equals_sign_in_its_name_is_a_file(tmp_path, monkeypatch) -> None:
    (tmp_path / "a=b.csv").touch()
    monkeypatch.chdir(tmp_path)
    assert read_words(["a=b.csv"], ("out",), "usage") == (["a=b.csv"], {})


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["owt=a"], "did you mean out"),
        (["out=a", "out=b"], "out= is given twice"),
        (["out="], "no value"),
        (["-x"], "-x"),
    ],
)
def test_other_words_are_refused(words: list[str], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        read_words(words, ("out", "engine"), "usage")


def test_a_word_is_taken_out_of_the_others() -> None:
    assert take(["hw=v100", "+format=json", "opt=int4"], "format", ("text", "json")) == (
        "json",
        ["hw=v100", "opt=int4"],
    )
    assert take(["hw=v100"], "format", ("text", "json")) == ("text", ["hw=v100"])
    with pytest.raises(ConfigError, match="json"):
        take(["format=jsn"], "format", ("text", "json"))
