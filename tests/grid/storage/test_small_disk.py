"""A disk that really fills up: a file system in memory, of a few megabytes, in a mount namespace of its own."""

import os
import shutil
import subprocess
import sys

import pytest
from conftest import files

# mount SIZE, sweep; then, with more room, the same command again, and what it wrote is taken out
SCRIPT = """
mkdir disk && mount -t tmpfs -o size="$SIZE" tmpfs disk && cd disk || exit 77
"$@"; echo "status $?"
ls -A; echo "--"
mount -o remount,size=99m "$PWD" || exit 77
"$@"; echo "status $?"
ls -A
cp -r "$OUT" ..
"""
WORDS = ["hw=v100", "engine=ideal", "axes.batch=geomspace(1,128,500)", "axes.prompt_tokens=geomspace(64,3900,1000)"]
THREE = "metrics=[ttft,tpot,tps]"  # of a study so small that more is stored otherwise
CASES = [
    ("2m", "x.nc", (), ()),  # refused before the first point
    ("7100k", "x.nc", ("compress=zstd", THREE), ("x.nc.part", "x.nc.part.journal")),
    ("7100k", "x.zarr", (THREE,), ("x.zarr.part", "x.zarr.part.journal")),
    ("12k", "x.nc", ("pareto=[ttft,throughput]",), ("x.nc.part", "x.nc.part.journal")),
    ("12k", "x.nc", ("lazy=true",), ()),
]


def in_namespace(folder, script, *words, **env):
    # a user may mount in a user namespace of his own, where the system allows it; root needs none
    command = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]
    return subprocess.run([*command, "sh", "-c", script, "sh", *words], cwd=folder, env={**os.environ, **env},
                          capture_output=True, text=True, check=False, timeout=120)  # fmt: skip


@pytest.fixture(scope="module")
def _mounts(tmp_path_factory):
    tried = tmp_path_factory.mktemp("tried")
    if shutil.which("unshare") is None or in_namespace(tried, "mount -t tmpfs tmpfs .").returncode:
        pytest.skip("mounting a file system is not allowed here")


@pytest.mark.usefixtures("_mounts")
@pytest.mark.parametrize(("size", "out", "words", "kept"), CASES)
def test_a_full_disk_loses_nothing_and_more_room_completes_it(life, monkeypatch, tmp_path, size, out, words, kept):
    if out.endswith(".zarr"):
        pytest.importorskip("zarr")
    command = [sys.executable, "-m", "life_jax.sweep", *WORDS, *words, f"out={out}"]
    done = in_namespace(tmp_path, SCRIPT, *command, SIZE=size, OUT=out, SOURCE_DATE_EPOCH="0")
    before, after = (part.splitlines() for part in done.stdout.split("--\n"))
    status = before.index("status 2")
    assert sorted(before[status + 1 :]) == sorted(kept), done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1 and ("space" in errors[0] or "free" in errors[0]), done.stderr
    assert "Traceback" not in done.stderr
    assert after[after.index("status 0") + 1 :] == [out], done.stderr
    resumed = (tmp_path / out).rename(tmp_path / "resumed")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    assert life("sweep", *WORDS, *words, f"out={out}").status == 0
    whole = tmp_path / out
    if whole.is_dir():
        assert files(resumed) == files(whole)
        pairs = [(resumed / name, whole / name) for name in files(whole)]
    else:
        pairs = [(resumed, whole)]
    assert all(a.read_bytes() == b.read_bytes() for a, b in pairs if b.is_file())
