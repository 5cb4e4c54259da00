"""Files, studies and names from outside are data: nothing in them is run, looked up, or unfolded for ever."""

import json
import os

import pytest

import life_jax as life
from life_jax.config import words
from life_jax.config.compose import compose
from life_jax.config.composition import composed
from life_jax.config.schema import paths, yaml_files
from life_jax.config.schema.check import check_number
from life_jax.config.schema.errors import ConfigError
from life_jax.config.schema.yaml_check import MOST_BYTES, MOST_DEPTH, refuse_bombs

DEVICE = (paths.conf_dir() / "hw" / "v100_sxm2_32gb.yaml").read_text(encoding="utf-8")


def bomb(levels, wide):
    names = [
        f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * wide) if level else '1'}]" for level in range(levels)
    ]
    return "\n".join(names) + "\n"


# a YAML text -> what its error says
HOSTILE = {
    bomb(11, 10): "more than 200,000 values",
    bomb(15, 4): "more than 200,000 values",
    "a: &a [*a]\n": "refers to itself",
    "a: &a {b: {c: *a}}\n": "refers to itself",
    "a: " + "[" * 2000 + "]" * 2000: "nest",
    "a: " + "{b: " * 2000 + "1" + "}" * 2000: "nest",
    "\n".join("  " * depth + "a:" for depth in range(100)): "nested deeper",
    "a: " + "9" * 5000: "cannot be read",
    "a: !!python/object/apply:os.system ['touch ran']\n": "tag",
    "a: !Something {b: 1}\n": "tag",
    "!!python/name:os.system\n": "tag",
    "a: !!binary aGVsbG8=\n": "tag",
    "a: !!timestamp 2024-13-45\n": "tag",
    "a: 1\na: 2\n": "'a' is there twice",
    "a: {b: 1, b: 2}\n": "'b' is there twice",
    "a: [1\n": "cannot be read",
    "a: 1\n---\nb: 2\n": "cannot be read",
    "memory_gb: 1:30\n": "base of 60",
    "a: [1, 12:30:45.5]\n": "base of 60",
    "memory_gb: 010\n": "base of 8",
    "\x00": "cannot be read",
    "a: *nothing\n": "cannot be read",
    "- 1\n": "a mapping",
    "": "a mapping",
    "x" * (MOST_BYTES + 1): "larger than 4 MiB",
}


def test_text_in_quotes_and_plain_numbers_are_what_they_look_like(tmp_path):
    (tmp_path / "x.yaml").write_text("a: '1:30'\nb: 0.5\nc: 0\nd: 1e-3\ne: 10:1x\nf: 08\n")
    values = yaml_files.read_yaml(tmp_path / "x.yaml")
    assert values == {"a": "1:30", "b": 0.5, "c": 0, "d": 1e-3, "e": "10:1x", "f": "08"}


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: repr(text[:30]))
def test_a_hostile_file_ends_in_one_line(tmp_path, text):
    (tmp_path / "x.yaml").write_text(text)
    with pytest.raises(ConfigError) as error:
        yaml_files.read_yaml(tmp_path / "x.yaml")
    assert "x.yaml" in str(error.value) and HOSTILE[text] in str(error.value)
    assert len(str(error.value)) < 400


@pytest.mark.parametrize("content", [b"\xff\xfea\x00", b"a: \xe9\n", b"\x80" * 99])
def test_what_is_no_text_ends_in_one_line(tmp_path, content):
    (tmp_path / "x.yaml").write_bytes(content)
    with pytest.raises(ConfigError, match=r"x\.yaml: cannot be read"):
        yaml_files.read_yaml(tmp_path / "x.yaml")


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_a_pipe_or_a_folder_is_not_waited_for(tmp_path, make):
    make(tmp_path / "x.yaml")
    with pytest.raises(ConfigError, match=r"x\.yaml: cannot be read: is no file|[Ii]s a directory"):
        yaml_files.read_yaml(tmp_path / "x.yaml")


def test_what_usual_files_have_is_read(tmp_path):
    """Anchors, merges, a byte order mark, dates as text, the deepest nesting."""
    deep = "[" * (MOST_DEPTH - 1) + "]" * (MOST_DEPTH - 1)
    (tmp_path / "x.yaml").write_text(
        f"\ufeffa: &a {{b: 1}}\nc: {{<<: *a, d: 2}}\ne: 2024-13-45\nf: !!str 1\ng: {deep}\n", encoding="utf-8"
    )
    content = yaml_files.read_yaml(tmp_path / "x.yaml")
    assert content["c"] == {"b": 1, "d": 2} and content["e"] == "2024-13-45" and content["f"] == "1"


def test_every_file_of_ours_passes_as_one_from_outside():
    for folder in (paths.conf_dir(), paths.studies_dir()):
        for file in folder.rglob("*.yaml"):
            refuse_bombs(file.read_text(encoding="utf-8"))


@pytest.mark.parametrize("value", [10**400, -(10**400), 10**309])
def test_a_whole_number_beyond_all_floats_is_refused(value):
    with pytest.raises(ConfigError, match=r"hw\.x\.memory_gb has .* digits"):
        check_number(value, {"unit": "GB", "low": 0}, "hw.x.memory_gb")


SECRET = "${oc.env:LIFE_JAX_SECRET}"


@pytest.fixture
def secret(monkeypatch):
    monkeypatch.setenv("LIFE_JAX_SECRET", "s3cr3t")
    return "s3cr3t"


def resolved(*typed):
    return repr(composed(words.parse(typed), "sweep"))


@pytest.mark.usefixtures("hydra")
def test_an_interpolation_is_text_wherever_it_comes_from(tmp_path, secret):
    """A device by path, an engine by path, a study, a folder of configs (read by us, and by Hydra), a word."""
    (tmp_path / "hw").mkdir()
    for name, first in {"usual": "", "odd": "# @package hw.odd\n"}.items():
        (tmp_path / "hw" / f"{name}.yaml").write_text(f"{first}defaults: [v100]\nnotes: '{SECRET}'\n")
    (tmp_path / "mine.yaml").write_text(f"{DEVICE.split(chr(10) + 'notes:')[0]}\nnotes: '{SECRET}'\n")
    (tmp_path / "engine.yaml").write_text(f"notes: '{SECRET}'\n")
    (tmp_path / "study.yaml").write_text(f"hw: v100\nhw.v100.notes: '{SECRET}'\n")
    folder = f"--config-dir={tmp_path}"
    for typed in (
        ("hw=usual", folder),
        ("hw=odd", folder),
        ("hw=v100", f"engine={tmp_path / 'engine.yaml'}"),
        (f"study={tmp_path / 'study.yaml'}",),
        ("hw=v100", f"hw.v100.notes='{SECRET}'"),
        ("hw=v100", "hydra.verbose=false", f"hw.v100.notes='{SECRET}'"),
    ):
        config = resolved(*typed)
        assert secret not in config and "oc.env" in config, typed
    by_path = compose(words.parse([f"hw={tmp_path / 'mine.yaml'}"]))
    assert secret not in repr(by_path.resolved) and "oc.env" in repr(by_path.resolved)


def test_interpolated_defaults_are_refused(tmp_path, secret):
    (tmp_path / "hw").mkdir()
    (tmp_path / "hw" / "odd.yaml").write_text("defaults:\n  - /workload@x: ${oc.env:LIFE_JAX_SECRET}\n")
    with pytest.raises(ConfigError) as error:
        resolved("hw=odd", f"--config-dir={tmp_path}")
    assert secret not in str(error.value)


@pytest.mark.parametrize("text", [bomb(11, 10), "a: " + "[" * 2000 + "]" * 2000, "a: !!python/name:os.system\n"])
def test_a_hostile_file_in_a_folder_of_configs_does_not_reach_hydra(tmp_path, text):
    (tmp_path / "hw").mkdir()
    (tmp_path / "hw" / "odd.yaml").write_text("# @package hw.odd\ndefaults: [v100, bad]\n")
    (tmp_path / "hw" / "bad.yaml").write_text(text)
    with pytest.raises(ConfigError, match=r"bad\.yaml: cannot be read"):
        resolved("hw=odd", f"--config-dir={tmp_path}")


@pytest.mark.parametrize("out", ["../evil.nc", "/tmp/evil.nc", "a/../../evil.nc", "~/evil.nc", "link/evil.nc"])
def test_a_study_writes_nothing_outside_the_working_folder(tmp_path, monkeypatch, out):
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    (tmp_path / "work" / "link").symlink_to(tmp_path)
    (tmp_path / "work" / "study.yaml").write_text(json.dumps({"hw": "v100", "out": out}))
    with pytest.raises(ConfigError, match="outside the working folder; type out= yourself"):
        words.parse(["study=study.yaml"])
    assert words.parse(["study=study.yaml", "out=mine.nc"]).plain["out"] == "mine.nc"


@pytest.mark.parametrize("folder", ["../evil", "/tmp/evil", "a/../../evil", "~/evil", "link", "link/evil"])
def test_a_study_writes_no_launch_scripts_outside_the_working_folder(tmp_path, monkeypatch, folder):
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    (tmp_path / "work" / "link").symlink_to(tmp_path)
    (tmp_path / "work" / "study.yaml").write_text(json.dumps({"hw": "v100", "write": folder}))
    with pytest.raises(ConfigError, match="outside the working folder; type write= yourself"):
        words.parse(["study=study.yaml"], verb="plan")
    assert words.parse(["study=study.yaml", "write=../mine"], verb="plan").plain["write"] == "../mine"


@pytest.mark.parametrize(
    "key, value", [("overwrite", True), ("executor", "dask"), ("cluster", "tcp://evil:1"), ("workers", 9)]
)
def test_a_study_neither_overwrites_nor_chooses_who_computes(tmp_path, key, value):
    (tmp_path / "study.yaml").write_text(json.dumps({"hw": "v100", key: value}))
    with pytest.raises(ConfigError, match=f"type {key}="):
        words.parse([f"study={tmp_path / 'study.yaml'}"])


@pytest.mark.parametrize(
    "out", ["a\x01.nc", "a\nb.nc", "bad\udce9.nc", "http://x/y.nc", "a\\b.nc", "a\x00.nc", "/", ".."]
)
def test_what_cannot_be_the_name_of_a_result_is_refused_in_a_line(out):
    with pytest.raises(ConfigError, match="out=") as error:
        paths.output(out)
    assert len(str(error.value).splitlines()) == 1
    str(error.value).encode("utf-8")  # can be printed


@pytest.mark.parametrize("out", ["~.nc", "~nobody_of_that_name/x.nc"])
def test_a_tilde_that_is_no_home_is_a_name(out):
    assert str(paths.output(out)) == out


@pytest.mark.parametrize(
    "content", ["[]x", "3", '{"a": 1}', '["hydra.searchpath=[x]"]', '["+hydra.run.dir=x"]', "[1]", "[" * 9999]
)
def test_the_words_of_a_lazy_file_are_words(tmp_path, content):
    import xarray as xr

    xr.Dataset(attrs={"words": content, "identity": "x"}).to_netcdf(tmp_path / "x.nc", engine="netcdf4")
    with pytest.raises(ConfigError, match=r"x\.nc"):
        life.reopen(tmp_path / "x.nc")
