"""Which code computes: a hash of the source files of this package."""

import functools
import hashlib
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]


@functools.cache
def code_hash() -> str:
    """SHA-256 of all source files of the package, in hexadecimal; the same in a clone and in an installed wheel."""
    code = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*.py")):
        code.update(f"{path.relative_to(PACKAGE).as_posix()} {path.stat().st_size}\n".encode() + path.read_bytes())
    return code.hexdigest()
