"""Files on other systems, by hiding what they lack: macOS and Windows write the same bytes, and lock as well."""

import errno
import os
from pathlib import Path

import pytest
from conftest import files
from grid.storage.test_foreign_files import reduce
from grid.storage.test_store import fill, values

from life_jax.core import file_system
from life_jax.core.whole_file import StoreError, whole_file
from life_jax.grid.storage.direct_io import Pages

NOT_MACOS = ("fdatasync", "posix_fallocate", "O_DIRECT")
NOT_WINDOWS = (*NOT_MACOS, "pwrite", "pread", "O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "geteuid", "getuid", "fchmod")


def hide(monkeypatch, names):
    for name in names:
        monkeypatch.delattr(os, name, raising=False)


def open_here(path):
    """Whether this process has a file open."""
    found = []
    for link in Path("/proc/self/fd").iterdir():
        try:
            found.append(os.readlink(link))  # noqa: PTH115 - Path.readlink goes through os.readlink
        except OSError:
            continue
    return os.path.abspath(path) in found  # noqa: PTH100


class Msvcrt:
    """Locks of bytes as Windows has them, between descriptors of this process."""

    LK_NBLCK = 2

    def __init__(self):
        self.locked = {}

    def locking(self, descriptor, mode, count):
        assert mode == self.LK_NBLCK and count == 1
        place = (os.fstat(descriptor).st_ino, os.lseek(descriptor, 0, os.SEEK_CUR))
        assert place[1] == file_system.LOCKED_BYTE
        if self.locked.get(place, descriptor) != descriptor:
            raise PermissionError(errno.EACCES, "locked")
        self.locked[place] = descriptor


def as_macos(monkeypatch):
    hide(monkeypatch, NOT_MACOS)
    monkeypatch.setattr(file_system.fcntl, "F_FULLFSYNC", 51, raising=False)
    real = file_system.fcntl.fcntl

    def fcntl(descriptor, command, *rest):
        if command == 51:
            return os.fsync(descriptor)
        return real(descriptor, command, *rest)

    monkeypatch.setattr(file_system.fcntl, "fcntl", fcntl)


def as_windows(monkeypatch):
    msvcrt, close, opening = Msvcrt(), os.close, os.open
    hide(monkeypatch, NOT_WINDOWS)
    monkeypatch.setattr(file_system, "fcntl", None)
    monkeypatch.setattr(file_system, "msvcrt", msvcrt)

    def closing(descriptor):
        for place in [place for place, holder in msvcrt.locked.items() if holder == descriptor]:
            del msvcrt.locked[place]
        close(descriptor)

    def no_folders(path, *rest, **more):
        if Path(path).is_dir():
            raise PermissionError(errno.EACCES, "is a folder")
        return opening(path, *rest, **more)

    def kept_while_open(call):
        def called(path, *rest, **more):
            if open_here(path) or (rest and open_here(rest[0])):
                raise PermissionError(errno.EACCES, "is open", os.fspath(path))
            return call(path, *rest, **more)

        return called

    monkeypatch.setattr(os, "close", closing)
    monkeypatch.setattr(os, "open", no_folders)
    for name in ("unlink", "replace", "rename"):
        monkeypatch.setattr(os, name, kept_while_open(getattr(os, name)))


@pytest.fixture(params=[as_macos, as_windows])
def elsewhere(request, monkeypatch):
    """This process on another system."""
    if not Path("/proc/self/fd").is_dir():
        pytest.skip("reads /proc")
    request.param(monkeypatch)
    return request.param


@pytest.mark.usefixtures("elsewhere")
def test_a_store_is_written_resumed_and_locked(tmp_path):
    path = tmp_path / "x.nc"
    fill(path, chunks=range(5), finish=False)
    with pytest.raises(StoreError, match="another question"):
        fill(path, "two")
    fill(path, chunks=range(5, 10))
    assert values(path) == [1.0] * 10 and files(tmp_path) == ["x.nc"]
    fill(path, "two", overwrite=True, value=2.0)
    assert values(path) == [2.0] * 10


@pytest.mark.usefixtures("elsewhere")
def test_a_reduced_sweep_goes_on(tmp_path):
    reduce(tmp_path / "x.npz", range(5))
    assert reduce(tmp_path / "x.npz", range(10)) == 5
    assert files(tmp_path) == ["x.npz"]


@pytest.mark.usefixtures("elsewhere")
def test_one_name_has_one_writer(tmp_path):
    with whole_file(tmp_path / "x.txt") as first:
        first.write_text("first")
        with pytest.raises(StoreError, match="another process"), whole_file(tmp_path / "x.txt"):
            pass
    assert (tmp_path / "x.txt").read_text() == "first" and files(tmp_path) == ["x.txt"]


@pytest.mark.usefixtures("elsewhere")
def test_a_link_is_not_followed(tmp_path):
    (tmp_path / "victim").write_text("precious")
    (tmp_path / "x.nc.part.journal").symlink_to(tmp_path / "victim")
    with pytest.raises(StoreError, match="is a link"):
        fill(tmp_path / "x.nc")
    assert (tmp_path / "victim").read_text() == "precious"


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize(
    "out, words",
    [("x.nc", ()), ("x.nc", ("pareto=[tpot,throughput]",)), ("x.nc", ("lazy=true",)), ("x.zarr", ()),
     ("x.nc", ("compress=zstd",)), ("x.nc", ("shard=1/1",)), ("x.nc", ("plot=devices",))],
)  # fmt: skip
def test_every_kind_of_result_is_written(life, monkeypatch, out, words):
    if out.endswith(".zarr"):
        pytest.importorskip("zarr")
    done = life("sweep", "hw=v100", "axes.batch=[1,2]", "axes.prompt_tokens=[64]", f"out={out}", *words)
    assert done.status == 0, done.err
    assert not [name for name in files(done.folder) if ".part" in name or ".new" in name]


def test_bytes_land_where_they_belong_without_pwrite(tmp_path, monkeypatch):
    import numpy as np

    hide(monkeypatch, NOT_WINDOWS)
    (tmp_path / "x").write_bytes(bytes(20_000))
    pages = Pages(tmp_path / "x")
    pages.write(np.arange(3000, dtype=np.int32), 5000)
    pages.sync()
    pages.close()
    assert (tmp_path / "x").read_bytes() == bytes(5000) + np.arange(3000, dtype=np.int32).tobytes() + bytes(3000)


@pytest.mark.parametrize("code", file_system.NO_RESERVING)
def test_room_that_cannot_be_reserved_is_length_alone(tmp_path, monkeypatch, code):
    def refused(*_):
        raise OSError(code, "not here")

    monkeypatch.setattr(os, "posix_fallocate", refused, raising=False)
    with (tmp_path / "x").open("wb") as file:
        file_system.reserve(file.fileno(), 5000)
    assert (tmp_path / "x").stat().st_size == 5000


def test_a_system_without_locks_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(file_system, "fcntl", None)
    monkeypatch.setattr(file_system, "msvcrt", None)
    with pytest.raises(OSError, match="no locks"):
        fill(tmp_path / "x.nc")


def test_without_owners_nothing_that_is_compiled_is_kept(monkeypatch, tmp_path):
    from life_jax.terminal import command

    monkeypatch.setenv("LIFE_JAX_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR", raising=False)
    monkeypatch.delattr(os, "geteuid")
    command._remember_compilations()
    assert "JAX_COMPILATION_CACHE_DIR" not in os.environ and not (tmp_path / "cache").exists()


def test_a_long_file_is_refused_before_it_is_read(tmp_path):
    (tmp_path / "x").write_bytes(b"a" * 100)
    with pytest.raises(OSError, match="larger than"):
        file_system.read_regular(tmp_path / "x", 99)
    assert file_system.read_regular(tmp_path / "x", 100) == b"a" * 100


def test_only_this_module_asks_what_a_system_has():
    import life_jax

    package = Path(life_jax.__file__).parent
    own = ("fcntl", "msvcrt", "fdatasync", "posix_fallocate", "os.pwrite", "os.pread", "os.O_DIRECT")
    users = {
        f"{path.relative_to(package)}: {name}"
        for path in package.rglob("*.py")
        for name in own
        if path.name != "file_system.py" and name in path.read_text(encoding="utf-8").replace("O_DIRECTORY", "")
    }
    assert users == set()
