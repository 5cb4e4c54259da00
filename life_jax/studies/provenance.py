"""The version and the commit of life_jax that computed a result."""

import datetime
import os
import subprocess
from functools import lru_cache
from importlib import metadata
from pathlib import Path


@lru_cache(maxsize=1)
def version() -> str:
    """The version of the installed package. Where it is not installed, such as in a clone on PYTHONPATH, below all
    versions and with the commit: 0+gdc642dcb1f00, with .dirty where it was changed; 0+unknown without git."""
    try:
        return metadata.version("life_jax")
    except metadata.PackageNotFoundError:
        commit = git_revision()
        return f"0+g{commit.replace('-', '.')}" if commit else "0+unknown"


@lru_cache(maxsize=1)
def git_revision() -> str:
    """The commit of a clone, with -dirty if it was changed; empty for an installed wheel."""
    top = Path(__file__).resolve().parents[2]
    if not (top / ".git").exists():
        return ""
    command = ["git", "-C", str(top), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=5, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


def provenance() -> dict[str, str]:
    """Attributes of a file: version, revision, date (SOURCE_DATE_EPOCH, if set, so that files can be reproduced)."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    when = datetime.datetime.fromtimestamp(int(epoch), datetime.UTC) if epoch.isdecimal() else None
    now = (when or datetime.datetime.now(datetime.UTC)).isoformat(timespec="seconds")
    return {"life_jax_version": version(), "git_revision": git_revision() or "none", "date": now}
