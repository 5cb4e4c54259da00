"""Commands and the files that lie there already: of other code, of somebody else, of another question."""

import os

import pytest
import xarray as xr
from conftest import files

import life_jax
from life_jax.core import own_code
from life_jax.studies import study

WORDS = ("hw=v100", "axes.batch=[1,2]", "axes.prompt_tokens=[64]", "out=x.nc")


@pytest.fixture
def other_code(monkeypatch):
    """other_code() makes this the code of another version."""
    return lambda name="other": monkeypatch.setattr(study, "code_hash", lambda: name * 16)


def test_a_result_of_other_code_is_said_to_be_so_and_computed_anew_only_when_asked_for(life, other_code):
    first = life("sweep", *WORDS)
    before = first.file.read_bytes()
    other_code()
    again = life("sweep", *WORDS)
    assert again.status == 0 and again.out.splitlines()[-1] == "x.nc"
    assert (
        f"computed by other code ({life_jax.__version__}" in again.out
        and "overwrite=true computes it anew" in again.out
    )
    assert "TTFT" not in again.out  # our numbers are not shown as the file's
    assert first.file.read_bytes() == before
    anew = life("sweep", *WORDS, "overwrite=true")
    assert "TTFT" in anew.out
    with xr.open_dataset(first.file) as ds:
        assert ds.attrs["identity"].endswith("@" + ("other" * 16)[:16])


def test_the_name_of_a_result_does_not_depend_on_the_code(life, other_code):
    first = life("sweep", *WORDS[:-1]).file
    other_code()
    assert life("sweep", *WORDS[:-1]).file == first


def test_shards_of_other_code_are_not_joined(life, other_code):
    assert life("sweep", *WORDS, "shard=1/1").status == 0
    other_code()
    refused = life("merge", *WORDS)
    assert refused.status == 2 and "was computed by other code" in refused.error


def test_the_hash_of_the_code_tells_every_change(tmp_path, monkeypatch):
    own_code.code_hash.cache_clear()
    (tmp_path / "a.py").write_text("x = 1\n")
    monkeypatch.setattr(own_code, "PACKAGE", tmp_path)
    hashes = [own_code.code_hash.__wrapped__()]
    for change in (
        lambda: (tmp_path / "a.py").write_text("x = 2\n"),
        (tmp_path / "b.py").touch,
        lambda: (tmp_path / "b.py").rename(tmp_path / "c.py"),
    ):
        change()
        hashes.append(own_code.code_hash.__wrapped__())
    assert len(set(hashes)) == len(hashes)


@pytest.mark.parametrize("form", ["png", "svg", "pdf"])
def test_a_picture_is_drawn_again_by_its_own_question_alone(life, tmp_path, form):
    words, picture = (*WORDS, f"plot=devices.{form}"), tmp_path / f"x_devices.{form}"
    assert life("sweep", *words).status == 0 and picture.exists()
    assert life("sweep", *words).status == 0
    picture.write_bytes(b"the only picture of something")
    before = files(tmp_path)
    refused = life("sweep", *words)
    assert refused.status == 2 and "exists; overwrite=true replaces it" in refused.error
    (tmp_path / "x.nc").unlink()
    assert life("sweep", *words).status == 2  # before anything is computed
    assert files(tmp_path) == [name for name in before if name != "x.nc"]
    assert picture.read_bytes() == b"the only picture of something"
    assert life("sweep", *words, "overwrite=true").status == 0


def test_a_picture_is_not_drawn_through_a_link(life, tmp_path):
    (tmp_path / "victim").write_text("precious")
    (tmp_path / "x_devices.png").symlink_to(tmp_path / "victim")
    for more in ((), ("overwrite=true",)):
        refused = life("sweep", *WORDS, "plot=devices", *more)
        assert refused.status == 2 and "is a link" in refused.error
    assert (tmp_path / "victim").read_text() == "precious" and not (tmp_path / "x.nc").exists()


@pytest.mark.parametrize("out", ["pipe.nc", "folder.nc", "folder.zarr"])
@pytest.mark.parametrize("more", [(), ("overwrite=true",)])
def test_pipes_and_folders_are_refused_in_a_line(life, tmp_path, out, more):
    os.mkfifo(tmp_path / out) if out.startswith("pipe") else (tmp_path / out).mkdir()
    (tmp_path / "folder.zarr" / "theirs").write_text("theirs") if out == "folder.zarr" else None
    before = files(tmp_path)
    refused = life("sweep", *WORDS[:-1], f"out={out}", *more)
    assert refused.status == 2 and len(refused.err.splitlines()) == 1 and out in refused.error
    assert files(tmp_path) == before


def test_tables_and_engines_are_not_written_over_or_through_links(life, tmp_path):
    (tmp_path / "rows.csv").write_text(
        "id,hardware,model,weight_format,engine,batch,prompt_tokens,output_tokens,metric,value\n"
        "a,v100,llama2_7b,fp16,generic,1,512,128,ttft_s,0.2\n"
    )
    (tmp_path / "victim").write_text("precious")
    for name in ("link.csv", "link.yaml"):
        (tmp_path / name).symlink_to(tmp_path / "victim")
    (tmp_path / "pipe.csv.new").write_text("theirs")
    for words in (
        ("validate", "rows.csv", "out=victim"),
        ("validate", "rows.csv", "out=link.csv", "overwrite=true"),
        ("validate", "rows.csv", "out=pipe.csv"),
        ("calibrate", "rows.csv", "hw=v100", "out=link.yaml", "overwrite=true"),
    ):
        before = files(tmp_path)
        refused = life(*words)
        assert refused.status == 2 and len(refused.err.splitlines()) == 1, words
        assert files(tmp_path) == before
    assert (tmp_path / "victim").read_text() == "precious" and (tmp_path / "pipe.csv.new").read_text() == "theirs"
