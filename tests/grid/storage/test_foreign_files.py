"""Whose file lies where a result would be: torn ones of ours are begun again, those of others are left alone."""

import os

import numpy as np
import pytest
from conftest import files
from grid.storage.test_store import fill, template, values

from life_jax.grid import plan as grid
from life_jax.grid.reduction import Reducer, Reduction
from life_jax.grid.storage import reducer_checkpoint, store


def reduce(path, chunks=range(10), *, question="one", overwrite=False, say=print):
    """Reduces these points of ten into the state of a shard; finishes, or stops with the state on the disk."""
    reducer = Reducer(template(question=question), Reduction(count=True), {})
    with reducer_checkpoint.reducing(path, reducer, question, overwrite=overwrite, say=say) as sink:
        begun = sink.next
        for chunk in range(begun, chunks.stop):
            sink.put(grid.ResultBlock(chunk, chunk, 1, {"y": np.ones(1, np.float32)}))
        sink.finish(10) if chunks.stop == 10 else sink.save()
    return begun


KINDS = {
    "plain": ("x.nc", lambda path, chunks, **how: fill(path, chunks=chunks, finish=chunks.stop == 10, **how)),
    "reduced": ("x.npz", reduce),
}
TORN = {
    "empty": lambda whole: b"",
    "cut": lambda whole: whole[:100],
    "beginning": lambda whole: whole[:3],
    "long": lambda whole: whole[: len(whole) * 3 // 4],
    "zeros": lambda whole: bytes(len(whole)),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("torn", TORN)
def test_what_a_power_cut_has_torn_is_begun_again_with_a_line_that_says_so(tmp_path, kind, torn):
    name, write = KINDS[kind]
    path, lines = tmp_path / name, []
    write(path, range(5))
    part = tmp_path / f"{name}.part"
    part.write_bytes(TORN[torn](part.read_bytes()))
    write(path, range(10), say=lines.append)
    assert len(lines) == 1 and "torn" in lines[0] and "begun again" in lines[0]
    assert files(tmp_path) == [name]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_whole_goes_on_without_a_line(tmp_path, kind):
    name, write = KINDS[kind]
    lines = []
    write(tmp_path / name, range(5))
    begun = write(tmp_path / name, range(10), say=lines.append)
    assert lines == [] and begun in (None, 5)


@pytest.mark.parametrize("kind", KINDS)
def test_a_journal_without_a_layout_is_begun_again(tmp_path, kind):
    """A power cut between the journal's first line and its second."""
    name, write = KINDS[kind]
    write(tmp_path / name, range(5))
    journal = tmp_path / f"{name}.part.journal"
    journal.write_text(journal.read_text().splitlines()[0] + "\n")
    write(tmp_path / name, range(10))
    assert files(tmp_path) == [name]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "content", [b"hello", b"[]\n", b"{}\n", b"\x80\xff\n" * 9, b'{"identity": "one"}\n', b"[" * 9999]
)
@pytest.mark.parametrize("beside", [b"theirs", None])
def test_a_journal_that_is_not_ours_is_refused_in_a_line(tmp_path, kind, content, beside):
    name, write = KINDS[kind]
    journal, part = tmp_path / f"{name}.part.journal", tmp_path / f"{name}.part"
    journal.write_bytes(content)
    if beside is not None:
        part.write_bytes(beside)
    with pytest.raises(store.StoreError, match=r"journal is not ours; move it away, or overwrite=true") as raised:
        write(tmp_path / name, range(10))
    assert len(str(raised.value).splitlines()) == 1
    assert journal.read_bytes() == content and (beside is None or part.read_bytes() == beside)
    write(tmp_path / name, range(10), overwrite=True)
    assert files(tmp_path) == [name]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("ours_before", [True, False])
def test_an_unfinished_result_that_is_not_ours_is_never_removed(tmp_path, kind, ours_before):
    name, write = KINDS[kind]
    part = tmp_path / f"{name}.part"
    if ours_before:
        write(tmp_path / name, range(5))
    part.write_text("the only copy of something")
    with pytest.raises(store.StoreError, match=r"\.part is there and not ours"):
        write(tmp_path / name, range(10))
    assert part.read_text() == "the only copy of something"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("ending", ["", ".part", ".part.journal"])
@pytest.mark.parametrize("plant", ["link", "folder", "pipe"])
@pytest.mark.parametrize("overwrite", [False, True])
def test_links_folders_and_pipes_are_never_followed_or_replaced(tmp_path, kind, ending, plant, overwrite):
    name, write = KINDS[kind]
    (tmp_path / "victim").write_text("precious")
    path = tmp_path / f"{name}{ending}"
    if plant == "link":
        path.symlink_to(tmp_path / "victim")
    else:
        path.mkdir() if plant == "folder" else os.mkfifo(path)
    before = files(tmp_path)
    with pytest.raises(store.StoreError, match=r"x\.n") as raised:
        write(tmp_path / name, range(10), overwrite=overwrite)
    assert len(str(raised.value).splitlines()) == 1
    assert files(tmp_path) == before
    assert (tmp_path / "victim").read_text() == "precious"


@pytest.mark.parametrize("kind", KINDS)
def test_what_other_code_has_begun_is_not_gone_on_with(tmp_path, kind):
    name, write = KINDS[kind]
    write(tmp_path / name, range(5), question="one@aaaa")
    with pytest.raises(store.StoreError, match=r"begun by other code; overwrite=true begins anew"):
        write(tmp_path / name, range(10), question="one@bbbb")
    with pytest.raises(store.StoreError, match=r"another question; overwrite=true begins anew"):
        write(tmp_path / name, range(10), question="two@aaaa")
    write(tmp_path / name, range(10), question="one@bbbb", overwrite=True)
    of = store.identity_of if kind == "plain" else reducer_checkpoint.identity_of
    assert of(tmp_path / name) == "one@bbbb"


def test_a_vanished_journal_costs_what_was_computed_and_no_more(tmp_path):
    fill(tmp_path / "x.nc", chunks=range(5), finish=False)
    (tmp_path / "x.nc.part.journal").unlink()
    fill(tmp_path / "x.nc", value=2.0)
    assert values(tmp_path / "x.nc") == [2.0] * 10


def test_a_result_that_appears_meanwhile_is_not_replaced(tmp_path):
    path = tmp_path / "x.nc"
    with pytest.raises(store.StoreError, match="exists"), store.opened(path, template(), "one") as sink:
        for chunk in range(10):
            sink.put(grid.ResultBlock(chunk, chunk, 1, {"y": np.ones(1, np.float32)}))
        path.write_text("of somebody else")
        sink.finish(range(10))
    assert path.read_text() == "of somebody else"
    path.unlink()
    fill(path, chunks=[])  # all of it was kept
    assert values(path) == [1.0] * 10


def test_a_small_result_takes_the_lock_of_a_running_sweep(tmp_path):
    path = tmp_path / "x.nc"
    with store.opened(path, template(), "one"):
        for overwrite in (False, True):
            with pytest.raises(store.StoreError, match="another process"):
                store.save(template_dataset(), path, "two", overwrite=overwrite)
    fill(path, chunks=range(5), finish=False)
    with pytest.raises(store.StoreError, match="unfinished result of another question"):
        store.save(template_dataset(), path, "two")
    fill(path, chunks=range(5, 10))
    assert values(path) == [1.0] * 10
    with pytest.raises(store.StoreError, match="exists"):
        store.save(template_dataset(), path, "two")
    store.save(template_dataset(), path, "two", overwrite=True)
    assert store.identity_of(path) == "two" and files(tmp_path) == ["x.nc"]


def template_dataset():
    import xarray as xr

    return xr.Dataset(attrs={"identity": "two"})
