"""A cache of executables on the disk, which saves the next process tracing, lowering and compiling.

Tracing takes a small sweep longer than all else that it does. JAX's own cache of compilations is looked up only after
tracing and lowering, this one before. Its key therefore holds everything that decides what would be traced: the code
of this package, the versions and flags beneath it, the function with the values that it was made of, and structure,
shape and dtype of every argument. A function of which that cannot be told (fingerprint.NoFingerprintError) is
compiled in every process. The cache is off until `keep_in` is called, which command lines do, and works on CPUs.

What is read runs as code of this process. So files are read only if they and their folder are this user's and nobody
else can write them; that is asked of what was opened, not of a path, which may name something else a moment later.
"""

import contextlib
import ctypes
import hashlib
import os
import pickle
from collections.abc import Callable, Hashable, Iterable, Iterator
from pathlib import Path
from typing import Any

from life_jax.core import file_system
from life_jax.core.whole_file import whole_file

DIGEST = hashlib.sha256().digest_size
MOST_READY = 64  # executables of one function in memory: a sweep may have hundreds of structures
MOST_BYTES = 2**28  # of an executable that is read

_folder: Path | None = None
_most = 0
_say: Callable[[str], None] = print
_said: list[str] = []


def keep_in(folder: Path | None, most: int = 0, say: Callable[[str], None] = print) -> None:
    """Keep executables in a folder from now on, the last used of them, up to `most` bytes; None switches it off.

    say: called once with a line where the folder or a file in it is not this user's alone, and so is not read.
    """
    global _folder, _most, _say
    _folder, _most, _say = folder, most, say
    _said.clear()


class CachedFunction:
    """A jitted function whose executables are kept on the disk; it is called with pytrees of arrays and numbers."""

    def __init__(self, jitted: Any, source: Hashable) -> None:
        """jitted: result of jax.jit. source: what it was made of, of which the fingerprint goes into the key."""
        self._jitted, self._source = jitted, source
        self._ready: dict[Hashable, Callable[..., Any]] = {}
        self._let_go = 0  # executables since JAX's own caches were cleared

    def __call__(self, *args: Any) -> Any:
        if _folder is None and not self._ready:
            return self._jitted(*args)
        return self._found(args, lambda: self._jitted)(*args)

    def prepare(self, *args: Any) -> None:
        """Compile what a call with such arguments needs, or read it from the disk, and call nothing."""
        self._found(args, lambda: self._jitted.lower(*args).compile())

    def _found(self, args: tuple[Any, ...], otherwise: Callable[[], Any]) -> Callable[..., Any]:
        """The executable for such arguments; otherwise: makes what is called where none can be kept on the disk."""
        import jax

        leaves, tree = jax.tree.flatten(args)
        key = tree, tuple(jax.typeof(leaf) for leaf in leaves)
        executable = self._ready.get(key)
        if executable is None:
            kept = self._executable(args, *key) if _folder is not None else None
            executable = otherwise() if kept is None else kept
            while len(self._ready) >= MOST_READY:  # the oldest goes
                self._ready.pop(next(iter(self._ready)), None)
                self._let_go += 1
            if self._let_go >= MOST_READY:  # what JAX keeps of them takes more memory than they do
                self._let_go = 0
                jax.clear_caches()  # type: ignore[no-untyped-call]
                _give_memory_back()
            self._ready[key] = executable
        return executable

    @property
    def compilations(self) -> int:
        """How many executables this process has compiled or read from the disk."""
        return max(len(self._ready), int(self._jitted._cache_size()))

    def _executable(self, args: tuple[Any, ...], tree: Any, kinds: Iterable[Any]) -> Callable[..., Any] | None:
        """The executable for such arguments, from the disk or compiled and kept; None where it cannot be kept."""
        import jax
        from jax.experimental import serialize_executable

        from life_jax.grid import fingerprint

        if jax.default_backend() != "cpu":
            return None
        try:
            key = [fingerprint.beneath(), fingerprint.of(self._source), fingerprint.of(tree)]
        except fingerprint.NoFingerprintError:
            return None
        key += [f"{kind.shape} {kind.dtype} {kind.weak_type}" for kind in kinds]
        key.append(str(jax.numpy.result_type(float)))  # differs under jax.enable_x64
        assert _folder is not None
        path = _folder / hashlib.sha256("\n".join(key).encode()).hexdigest()
        try:
            whole = _read(path)
        except _NotPrivateError as error:
            _say_once(f"{error} may be written by others: what is compiled is not kept there (chmod go-w)")
            return None
        if whole is not None:
            try:
                loaded: Callable[..., Any] = serialize_executable.deserialize_and_load(*pickle.loads(whole))
                return loaded
            except Exception:  # whatever the reason that it does not load, it is written anew
                path.unlink(missing_ok=True)
        with _no_other_cache():
            executable: jax.stages.Compiled = self._jitted.lower(*args).compile()
        _write(path, pickle.dumps(serialize_executable.serialize(executable)))
        return executable


def _give_memory_back() -> None:
    """Let the system have what is free of this process's memory, where its library of C can (glibc)."""
    with contextlib.suppress(OSError, AttributeError, TypeError):  # no glibc
        ctypes.CDLL(None).malloc_trim(0)


def _say_once(line: str) -> None:
    if not _said:
        _said.append(line)
        _say(line)


@contextlib.contextmanager
def _no_other_cache() -> Iterator[None]:
    """Context without JAX's own cache of compilations.

    An executable that came from there is serialized without all of its functions (JAX 0.10, on a CPU), so that the
    next process could load it but not run it.
    """
    import jax
    from jax.experimental.compilation_cache import compilation_cache

    before = jax.config.jax_enable_compilation_cache  # type: ignore[attr-defined]
    jax.config.update("jax_enable_compilation_cache", False)  # type: ignore[no-untyped-call]
    compilation_cache.reset_cache()
    try:
        yield
    finally:
        jax.config.update("jax_enable_compilation_cache", before)  # type: ignore[no-untyped-call]
        compilation_cache.reset_cache()


class _NotPrivateError(Exception):
    """Error for a folder or a file that somebody else may write."""


def _read(path: Path) -> bytes | None:
    """The bytes that were kept under a name; None if there are none, or the digest shows that they are damaged.

    Raises _NotPrivateError if somebody else could have written them.
    """
    if not file_system.has_owners():
        raise _NotPrivateError(path.parent)
    try:
        with _opened(path.parent, os.O_RDONLY | os.O_DIRECTORY) as folder, _opened(path, os.O_RDONLY, folder) as file:
            content = file_system.read_all(file, MOST_BYTES)
            os.utime(file)  # what was not used for the longest time is deleted first
    except OSError:
        return None
    digest, whole = content[:DIGEST], content[DIGEST:]
    return whole if hashlib.sha256(whole).digest() == digest else None


@contextlib.contextmanager
def _opened(path: Path, flags: int, folder: int | None = None) -> Iterator[int]:
    """Context with the descriptor of a private file or folder, opened as it is called in an open folder."""
    flags |= os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    descriptor = os.open(path if folder is None else path.name, flags, dir_fd=folder)
    try:
        if not file_system.is_private(os.fstat(descriptor)):
            raise _NotPrivateError(path)
        yield descriptor
    finally:
        os.close(descriptor)


def _write(path: Path, whole: bytes) -> None:
    """Keep bytes with their digest, and delete the oldest files. On a full or read-only disk nothing is kept."""
    with contextlib.suppress(OSError):
        make_private(path.parent)
        with whole_file(path, overwrite=True) as new:
            new.touch(mode=0o600)
            new.write_bytes(hashlib.sha256(whole).digest() + whole)
        files = [(file.stat().st_mtime, file.stat().st_size, file) for file in path.parent.iterdir()]
        room = _most
        for _, size, file in sorted(files, reverse=True):
            room -= size
            if room < 0:
                file.unlink()


def make_private(folder: Path) -> None:
    """Make a folder, and those above it that are missing, which nobody else can enter. Raises OSError."""
    missing = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    for above in reversed(missing):
        above.mkdir(mode=0o700, exist_ok=True)
