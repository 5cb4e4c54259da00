"""Executables that a process leaves for the next one: tracing costs a small sweep more than all else that it does.

JAX's own cache of compilations is asked after tracing and lowering; this one before. So its key holds all that decides
what would be traced: this package's code, the versions and flags beneath it, the function with what it was made of, and
structure, shape and kind of every argument. A function that cannot be said in full is never remembered. Command lines
switch it on, on CPUs: see terminal/command.py.
"""

import contextlib
import hashlib
import os
import pickle
from collections.abc import Callable, Hashable, Iterable, Iterator
from pathlib import Path
from typing import Any

from life_jax.core.whole_file import whole_file

DIGEST = hashlib.sha256().digest_size

_folder: Path | None = None
_most = 0


def keep_in(folder: Path | None, most: int = 0) -> None:
    """From now on executables are kept in this folder, the newest `most` bytes of them; None: nowhere."""
    global _folder, _most
    _folder, _most = folder, most


class Remembered:
    """A jitted function, called with arrays and numbers; `of` says what it computes."""

    def __init__(self, jitted: Any, of: Hashable) -> None:
        self._jitted, self._of = jitted, of
        self._ready: dict[Hashable, Callable[..., Any]] = {}

    def __call__(self, *given: Any) -> Any:
        if _folder is None:
            return self._jitted(*given)
        import jax

        leaves, tree = jax.tree.flatten(given)
        kinds = tuple(jax.typeof(leaf) for leaf in leaves)
        found = self._ready.get((tree, kinds))
        if found is None:
            found = self._ready[tree, kinds] = self._executable(given, tree, kinds) or self._jitted
        return found(*given)

    @property
    def compilations(self) -> int:
        """Of this process, and what it found compiled."""
        return max(len(self._ready), int(self._jitted._cache_size()))

    def _executable(self, given: tuple[Any, ...], tree: Any, kinds: Iterable[Any]) -> Callable[..., Any] | None:
        import jax
        from jax.experimental import serialize_executable

        from life_jax.grid import fingerprint

        if jax.default_backend() != "cpu":
            return None
        try:
            said = [fingerprint.beneath(), fingerprint.of(self._of), fingerprint.of(tree)]
        except fingerprint.UnsaidError:
            return None
        said += [f"{kind.shape} {kind.dtype} {kind.weak_type}" for kind in kinds]
        said.append(str(jax.numpy.result_type(float)))  # under jax.enable_x64?
        assert _folder is not None
        path = _folder / hashlib.sha256("\n".join(said).encode()).hexdigest()
        if (whole := _read(path)) is not None:
            try:
                loaded: Callable[..., Any] = serialize_executable.deserialize_and_load(*pickle.loads(whole))
                return loaded
            except Exception:  # whatever the reason that it does not load, it is written anew
                path.unlink(missing_ok=True)
        with _afresh():
            executable: jax.stages.Compiled = self._jitted.lower(*given).compile()
        _write(path, pickle.dumps(serialize_executable.serialize(executable)))
        return executable


@contextlib.contextmanager
def _afresh() -> Iterator[None]:
    """Without JAX's own cache: an executable that came from there is serialized without all of its functions (JAX 0.10,
    on a CPU), and the next process would load what it cannot run."""
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


def _read(path: Path) -> bytes | None:
    """What was kept; None if nothing was, or not all of it."""
    try:
        content = path.read_bytes()
        os.utime(path)  # the oldest go first
    except OSError:
        return None
    digest, whole = content[:DIGEST], content[DIGEST:]
    return whole if hashlib.sha256(whole).digest() == digest else None


def _write(path: Path, whole: bytes) -> None:
    """Under its name when complete. A full or a read-only disk keeps nothing, and that is no error."""
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as new:
            new.write_bytes(hashlib.sha256(whole).digest() + whole)
        files = [(file.stat().st_mtime, file.stat().st_size, file) for file in path.parent.iterdir()]
        room = _most
        for _, size, file in sorted(files, reverse=True):
            room -= size
            if room < 0:
                file.unlink()
