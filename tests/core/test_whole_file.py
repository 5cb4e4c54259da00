"""A file under its final name is whole, whatever happens while it is written."""

import ast
import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import files

import life_jax
from life_jax.core import file_system
from life_jax.core.whole_file import NameLock, StoreError, publish, whole_file

PACKAGE = Path(life_jax.__file__).parent
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def opened(descriptor):
    """The path of an open file."""
    return Path(f"/proc/self/fd/{descriptor}").readlink()


def write(path, text="new"):
    with whole_file(path, overwrite=True) as temporary:
        temporary.write_text(text)


def content(path):
    return path.read_text() if path.exists() else None


@pytest.fixture(params=["old", None], ids=["over an older file", "where no file was"])
def path(request, tmp_path):
    file = tmp_path / "x.txt"
    if request.param is not None:
        file.write_text(request.param)
    return file


def test_a_written_file_replaces_the_older_one_and_leaves_nothing_else(path, tmp_path):
    write(path)
    assert path.read_text() == "new"
    assert files(tmp_path) == ["x.txt"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, OSError(errno.ENOSPC, "full"), SystemExit])
def test_an_error_half_way_leaves_what_was_there_before(path, tmp_path, error):
    before = content(path), files(tmp_path)
    with (
        pytest.raises(error if isinstance(error, type) else type(error)),
        whole_file(path, overwrite=True) as temporary,
    ):
        temporary.write_text("ha")
        raise error
    assert (content(path), files(tmp_path)) == before


def test_a_disk_that_is_full_when_the_bytes_are_flushed_leaves_what_was_there_before(path, tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, "no space left")

    before = content(path), files(tmp_path)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        write(path)
    assert (content(path), files(tmp_path)) == before


def test_a_process_that_is_killed_half_way_never_touches_the_final_name(path):
    before = content(path)
    code = (
        "import os, sys; from pathlib import Path; from life_jax.core.whole_file import whole_file\n"
        "with whole_file(Path(sys.argv[1]), overwrite=True) as new:\n"
        "    new.write_text('ha'); os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", code, path], check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    assert content(path) == before


@pytest.mark.parametrize("by_caller", [False, True], ids=["locks itself", "under the lock of its caller"])
def test_a_temporary_file_of_a_killed_process_does_not_stand_in_the_way(tmp_path, by_caller):
    name = tmp_path / "name"
    killed = NameLock(name)
    killed.take()
    killed.note()
    (tmp_path / "name.new").mkdir()
    (tmp_path / "name.new" / "left").write_text("ha")
    killed.release()
    lock = NameLock(name) if by_caller else None
    if lock is not None:
        lock.take()
    with whole_file(name, lock=lock) as again:
        again.write_text("new")
    if lock is not None:
        lock.release(remove=True)
    assert files(tmp_path) == ["name"] and name.read_text() == "new"


def test_bytes_are_flushed_before_the_rename_and_the_name_after_it(tmp_path, monkeypatch):
    events = []
    fsync, replace = os.fsync, Path.replace

    def synced(descriptor):
        events.append(opened(descriptor))
        fsync(descriptor)

    def replaced(temporary, path):
        events.append("rename")
        return replace(temporary, path)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", replaced)
    with whole_file(tmp_path / "x.txt") as temporary:
        temporary.write_text("new")
    assert events[-3:] == [temporary, "rename", tmp_path]


def test_a_folder_is_flushed_with_all_that_is_in_it_and_replaces_another(tmp_path, monkeypatch):
    synced, fsync = set(), os.fsync

    def noted(descriptor):
        synced.add(opened(descriptor).name)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    (tmp_path / "x.zarr").mkdir()
    (tmp_path / "x.zarr" / "zarr.json").write_text("old")
    with whole_file(tmp_path / "x.zarr", overwrite=True) as temporary:
        (temporary / "inner").mkdir(parents=True)
        (temporary / "inner" / "new").write_text("new")
    assert files(tmp_path) == ["x.zarr", "x.zarr/inner", "x.zarr/inner/new"]
    assert {"inner", "new", temporary.name, tmp_path.name} <= synced


@pytest.mark.parametrize("code", file_system.NO_FOLDER_SYNC)
@pytest.mark.parametrize("call", ["open", "fsync"])
def test_a_system_that_flushes_no_folders_gets_its_file_all_the_same(tmp_path, monkeypatch, code, call):
    real = getattr(os, call)

    def refused(target, *flags):
        is_folder = (Path(target) if call == "open" else opened(target)).is_dir()
        if is_folder:
            raise OSError(code, "not for folders")
        return real(target, *flags)

    monkeypatch.setattr(os, call, refused)
    write(tmp_path / "x.txt")
    assert (tmp_path / "x.txt").read_text() == "new"


def test_a_folder_that_really_fails_to_be_flushed_is_reported(tmp_path, monkeypatch):
    real = os.fsync

    def failing(descriptor):
        if opened(descriptor).is_dir():
            raise OSError(errno.EIO, "broken disk")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(OSError, match="broken disk"):
        write(tmp_path / "x.txt")


def test_two_processes_never_write_one_name(tmp_path):
    with whole_file(tmp_path / "x.txt") as first:
        first.write_text("first")
        with pytest.raises(StoreError, match=r"x\.txt is being written by another process"):
            write(tmp_path / "x.txt")
    assert files(tmp_path) == ["x.txt"] and (tmp_path / "x.txt").read_text() == "first"


def test_a_file_is_replaced_only_where_that_was_asked_for(tmp_path):
    (tmp_path / "x.txt").write_text("old")
    with pytest.raises(StoreError, match=r"x\.txt exists; overwrite=true replaces it"), whole_file(tmp_path / "x.txt"):
        raise AssertionError("never gets here")
    with pytest.raises(StoreError, match="exists"), whole_file(tmp_path / "y.txt") as new:
        new.write_text("new")
        (tmp_path / "y.txt").write_text("of somebody else, meanwhile")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "x.txt": "old",
        "y.txt": "of somebody else, meanwhile",
    }


def link(path):
    path.symlink_to(path.parent / "victim")


def link_to_nothing(path):
    path.symlink_to(path.parent / "nothing")


def hard_link(path):
    path.hardlink_to(path.parent / "victim")


def folder(path):
    path.mkdir()
    (path / "theirs").write_text("theirs")


def everything(top):
    """What every name below a folder is and holds."""

    def what(path):
        if path.is_symlink():
            return path.readlink()
        return path.read_text() if path.is_file() else path.stat().st_mode

    return {str(path.relative_to(top)): what(path) for path in top.rglob("*")}


def text(path):
    path.write_text("theirs")


@pytest.mark.parametrize("plant", [link, link_to_nothing, hard_link, folder, os.mkfifo, text])
@pytest.mark.parametrize("ending", ["", ".new", ".part.journal"])
@pytest.mark.parametrize("overwrite", [False, True])
def test_what_is_not_ours_is_never_touched_and_a_link_never(tmp_path, plant, ending, overwrite):
    (tmp_path / "victim").write_text("precious")
    plant(tmp_path / f"x.txt{ending}")
    before = everything(tmp_path)
    # of a hard link one name goes, and the file stays, unless we would have to write to it
    if overwrite and (plant is text or (plant is hard_link and ending != ".part.journal")):
        write(tmp_path / "x.txt")
        assert everything(tmp_path) == {"victim": "precious", "x.txt": "new"}
        return
    with (
        pytest.raises(StoreError, match=r"x\.txt") as raised,
        whole_file(tmp_path / "x.txt", overwrite=overwrite) as new,
    ):
        new.write_text("new")
    assert len(str(raised.value).splitlines()) == 1
    assert everything(tmp_path) == before


def test_what_was_never_written_gets_no_final_name(path, tmp_path):
    before = content(path), files(tmp_path)
    with pytest.raises(FileNotFoundError), whole_file(path, overwrite=True):
        pass
    with pytest.raises(FileNotFoundError):
        publish(tmp_path / "nothing", path, overwrite=True)
    assert (content(path), files(tmp_path)) == before


def renames(text):
    """Lines of a module's text that give a file another name: Path.replace(path), os.replace(a, b), rename."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and not node.keywords:
            owner, called = getattr(node.func.value, "id", ""), node.func.attr
            if called == "rename" or (called == "replace" and (owner == "os" or len(node.args) == 1)):
                yield node.lineno


def test_no_other_module_gives_a_file_its_final_name():
    texts = {path.relative_to(PACKAGE).as_posix(): path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py")}
    found = {name: list(renames(text)) for name, text in texts.items() if "import os" in text or "pathlib" in text}
    assert found.pop("core/whole_file.py")  # so that the search sees what it looks for
    assert not {name: lines for name, lines in found.items() if lines}


def test_a_folder_replaces_a_file_where_that_is_asked_for(tmp_path):
    made, there = tmp_path / "made", tmp_path / "x.zarr"
    made.mkdir()
    (made / "chunk").write_text("numbers")
    there.write_text("of somebody else")
    with pytest.raises(StoreError):
        publish(made, there)
    assert there.read_text() == "of somebody else"
    publish(made, there, overwrite=True)
    assert (there / "chunk").read_text() == "numbers" and [path.name for path in tmp_path.iterdir()] == ["x.zarr"]
