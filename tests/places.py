"""Folders that tests read: the repository, its configs, and published data beside the repository."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CONF = ROOT / "conf"
DATA = ROOT.parent / "shared" / "data"  # not part of the repository: tests that read it skip without it
