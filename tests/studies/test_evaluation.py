"""The same bytes whoever computes them: one process, shards that are merged, a Dask cluster, a run that was killed."""

import os
import random
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import xarray as xr
from conftest import files

import life_jax
from life_jax.grid import dask_cluster, labels, plan
from life_jax.studies import evaluation
from life_jax.studies.loading import load

# 16 chunks: two stacks of options times eight runs of rows
WORDS = ["hw=v100", "engine=ideal", "axes.opt=[[],[int4]]", "axes.prompt_tokens=[64,512,1024]", "axes.batch=[1,8]",
         "axes.bandwidth_gb_per_s=geomspace(100,4000,700)", "axes.peak_tflops.fp16=geomspace(10,1000,900)"]  # fmt: skip
REDUCED = [*WORDS, "pareto=[ttft,throughput]", "best=[tpot]", "quantiles=[0.1,0.9]", "histogram=8", "by=[opt]",
           "limit.ttft=1", "free=[prompt,batch]"]  # fmt: skip


@pytest.fixture(autouse=True)
def same_date(monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Bytes of what one process writes."""
    folder = tmp_path_factory.mktemp("whole")
    env = {**os.environ, "SOURCE_DATE_EPOCH": "0"}
    found = {}
    for name, words in (("stored", WORDS), ("reduced", REDUCED)):
        command = [sys.executable, "-m", "life_jax.sweep", *words, "out=one.nc", "overwrite=true"]
        subprocess.run(command, cwd=folder, env=env, check=True, capture_output=True, timeout=120)
        found[name] = (folder / "one.nc").read_bytes()
    return found


@pytest.mark.parametrize(("kind", "words"), [("stored", WORDS), ("reduced", REDUCED)])
def test_shards_merge_to_the_bytes_of_one_process(life, tmp_path, whole, kind, words):
    suffix = "nc" if kind == "stored" else "npz"
    for i in (3, 1):
        one = life("sweep", *words, "out=x.nc", f"shard={i}/3")
        assert one.status == 0, one.err
        assert one.file.name == f"x.shard-{i}-of-3.{suffix}"
    early = life("merge", *words, "out=x.nc")
    assert early.status == 2 and "2/3" in early.error and "missing" in early.error
    assert not (tmp_path / "x.nc").exists()
    life("sweep", *words, "out=x.nc", "shard=2/3")
    again = life("sweep", *words, "out=x.nc", "shard=2/3")
    assert again.status == 0
    other = life("merge", *words, "out=x.nc", "workload.output_tokens=7")
    assert other.status == 2 and "another question" in other.error
    merged = life("merge", *words, "out=x.nc")
    assert merged.status == 0, merged.err
    assert (tmp_path / "x.nc").read_bytes() == whole[kind]
    assert files(tmp_path) == ["x.nc", *(f"x.shard-{i}-of-3.{suffix}" for i in (1, 2, 3))]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["shard=3/2"], "from 1/N to N/N"),
        (["shard=0/2"], "from 1/N to N/N"),
        (["shard=half"], "I/N is needed"),
        (["shard=1/17"], "only 16 chunks"),
        (["executor=ray"], "dask"),
        (["workers=2"], "executor=dask"),
        (["executor=dask", "cluster=here"], "address"),
        (["executor=dask", "workers=0"], "1 or more"),
        (["compress=gzip"], "zstd"),
        (["out=x.zarr", "reduce=count"], "small"),
        (["compress=zstd", "reduce=count"], "small"),
    ],
)
def test_work_that_makes_no_sense_is_refused_and_nothing_written(life, tmp_path, words, reason):
    done = life("sweep", *WORDS, *words)
    assert (done.status == 2 and reason in done.err.splitlines()[-1]) or reason in done.error
    assert files(tmp_path) == []


def test_a_merge_is_told_what_is_not_there(life, tmp_path):
    assert "no such files" in life("merge", *WORDS, "out=x.nc").error
    assert "without shard=" in life("merge", *WORDS, "out=x.nc", "shard=1/2").error
    assert files(tmp_path) == []


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "words", "times"), [("stored", WORDS, 2), ("reduced", REDUCED, 1)])
def test_a_killed_run_resumes_to_the_same_bytes(tmp_path, whole, kind, words, times):
    """Killed at a random time after the work has begun, once or again."""
    command = [sys.executable, "-c", SLOWLY, *words, "out=x.nc"]
    env = {**os.environ, "SOURCE_DATE_EPOCH": "0"}
    rng = random.Random(os.urandom(8))
    kills = 0
    for _ in range(times):
        process = subprocess.Popen(command, cwd=tmp_path, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        deadline = time.monotonic() + 60
        while not (tmp_path / "x.nc.part.journal").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(rng.uniform(0, 1.5))
        process.send_signal(signal.SIGKILL)
        _, err = process.communicate(timeout=60)
        kills += process.returncode == -signal.SIGKILL
        assert process.returncode in (0, -signal.SIGKILL), err
    assert kills, "it was over before it was killed"
    done = subprocess.run(command, cwd=tmp_path, env=env, check=True, capture_output=True, text=True, timeout=120)
    assert done.stdout.splitlines()[-1] == "x.nc"
    assert (tmp_path / "x.nc").read_bytes() == whole[kind]
    assert files(tmp_path) == ["x.nc"]


SLOWLY = """
import sys, time
from life_jax import sweep
from life_jax.grid import plan
from life_jax.grid.storage import reducer_checkpoint, store
store.SYNC_SECONDS = reducer_checkpoint.SAVE_SECONDS = 0
whole = plan.Sweep._block
plan.Sweep._block = lambda *given: time.sleep(0.15) or whole(*given)
sys.argv = ["sweep", *sys.argv[1:]]
sweep.main()
"""


def test_a_reduced_run_that_was_interrupted_does_not_begin_again(life, tmp_path, whole, monkeypatch):
    computed = []
    real = plan.Sweep._block

    def block(sweep, index, *rest):
        computed.append(index)
        if len(computed) == 6:
            raise KeyboardInterrupt
        return real(sweep, index, *rest)

    monkeypatch.setattr(plan.Sweep, "_block", block)
    assert life("sweep", *REDUCED, "out=x.nc").status == 130
    assert files(tmp_path) == ["x.nc.part", "x.nc.part.journal"]
    other = life("sweep", *REDUCED, "out=x.nc", "workload.output_tokens=7")
    assert other.status == 2 and "another question" in other.error
    del computed[6:]
    assert life("sweep", *REDUCED, "out=x.nc").status == 0
    assert computed[6:] == list(range(5, 16))
    assert (tmp_path / "x.nc").read_bytes() == whole["reduced"]


@pytest.fixture(scope="module")
def dask():
    return pytest.importorskip("distributed")


@pytest.mark.slow
def test_a_dask_cluster_reduces_to_the_bytes_of_one_process(dask, life, tmp_path, whole):
    """A cluster that the sweep starts here; SLURM's, below, stores."""
    done = life("sweep", *REDUCED, "out=x.nc", "executor=dask", "workers=2")
    assert done.status == 0, done.err
    assert (tmp_path / "x.nc").read_bytes() == whole["reduced"]


@pytest.mark.slow
def test_a_killed_worker_costs_its_chunk_and_no_more(dask):
    study = load(WORDS)
    expected = life_jax.evaluate(study)
    got, taken = labels.InMemory(study.template), []
    with dask.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50) as workers:
        pids = [worker.pid for worker in workers.workers.values()]

        class Sink:
            def put(self, block):
                taken.append(block.chunk)
                got.put(block)
                if len(taken) == 3:
                    os.kill(pids[0], signal.SIGKILL)

        plan.run(study.sweep, Sink(), executor=dask_cluster.Cluster(workers.scheduler_address, 2).blocks)
        assert pids[0] not in [worker.pid for worker in workers.workers.values()]
    assert sorted(taken) == list(range(study.sweep.chunks))
    xr.testing.assert_identical(got.to_xarray(), expected)


SBATCH = """#!/bin/sh
cp "$1" "$JOBS/$$.sh"
setsid sh "$JOBS/$$.sh" > "$JOBS/$$.log" 2>&1 &
echo "Submitted batch job $!"
"""
SCANCEL = """#!/bin/sh
kill -TERM -- "-$1"
"""


@pytest.mark.slow
def test_jobs_that_slurm_is_given_compute_the_bytes_of_one_process(dask, shell, tmp_path, whole):
    """Commands named as SLURM's run the very scripts that would be queued, here."""
    pytest.importorskip("dask_jobqueue")
    jobs = tmp_path / "jobs"
    jobs.mkdir()
    for name, text in (("sbatch", SBATCH), ("scancel", SCANCEL)):
        (jobs / name).write_text(text)
        (jobs / name).chmod(0o755)
    said = {"CORES": "1", "PROCESSES": "1", "MEMORY": "'2GB'", "WALLTIME": "'00:05:00'", "QUEUE": "'short'"}
    env = {**os.environ, "PATH": f"{jobs}:{os.environ['PATH']}", "JOBS": str(jobs),
           **{f"DASK_JOBQUEUE__SLURM__{key}": value for key, value in said.items()}}  # fmt: skip
    done = shell("sweep", *WORDS, "out=x.nc", "executor=dask", "cluster=slurm", "workers=2", env=env)
    assert done.status == 0, done.err
    assert (tmp_path / "x.nc").read_bytes() == whole["stored"]
    scripts = [path.read_text() for path in jobs.glob("*.sh")]
    assert len(scripts) == 2
    for script in scripts:
        assert (
            "#SBATCH -p short" in script and "#SBATCH -t 00:05:00" in script and "#SBATCH --cpus-per-task=1" in script
        )
        assert "distributed.cli.dask_worker tcp://" in script and sys.executable in script


def test_a_cluster_that_is_not_there_is_one_line(dask, life, tmp_path, monkeypatch):
    monkeypatch.setattr(dask_cluster, "PATIENCE", "1s")
    done = life("sweep", *WORDS, "out=x.nc", "executor=dask", "cluster=tcp://127.0.0.1:9")
    assert done.status == 2
    assert "cannot be reached" in done.error and len(done.err.strip().splitlines()) <= 2
    assert not (tmp_path / "x.nc").exists()


def test_the_default_path_imports_no_extra(tmp_path):
    code = (
        "import sys; from life_jax import sweep; sys.argv = ['s', 'hw=v100', 'engine=ideal', 'out=a.nc']; sweep.main();"
        "assert not {'dask', 'distributed', 'zarr', 'scipy.stats'} & set(sys.modules), sys.modules.keys()"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=False,
                          capture_output=True, text=True, timeout=120)  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("out", ["x.nc", "x.zarr"])
@pytest.mark.parametrize("compress", ["compress=zstd", None])
def test_packed_results_hold_the_same_numbers(life, tmp_path, out, compress):
    if out.endswith("zarr"):
        pytest.importorskip("zarr")
    words = [
        *WORDS,
        f"out={out}",
        "dtype=float64",
        "metrics=[tpot,fits_memory,decode_bound]",
        *filter(None, [compress]),
    ]
    done = life("sweep", *words)
    assert done.status == 0, done.err
    assert files(tmp_path)[0] == out
    assert len([name for name in files(tmp_path) if "/" not in name]) == 1
    expected = life_jax.evaluate(load(words))
    with (xr.open_zarr if out.endswith("zarr") else xr.open_dataset)(tmp_path / out) as ds:
        assert {name: v.dtype for name, v in ds.data_vars.items()} == {
            n: v.dtype for n, v in expected.data_vars.items()
        }
        for name in expected.data_vars:
            np.testing.assert_array_equal(ds[name], expected[name])
            assert ds[name].attrs["long_name"] == expected[name].attrs["long_name"]
        assert list(ds.opt.values) == ["none", "int4"]
        assert ds.attrs["identity"] == expected.attrs["identity"]
    again = life("sweep", *words)
    assert "complete already" in again.out
    assert "another question" in life("sweep", *words, "workload.output_tokens=9").error
    over = life("sweep", *words, "workload.output_tokens=9", "overwrite=true")
    assert over.status == 0, over.err


def test_packing_that_was_killed_packs_again_and_computes_nothing(life, tmp_path, monkeypatch):
    def killed(*given):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("life_jax.grid.storage.compression._pack_netcdf", killed)
        assert life("sweep", *WORDS, "out=x.nc", "compress=zstd").status == 130
    assert files(tmp_path) == ["x.nc.part", "x.nc.part.journal"]
    with monkeypatch.context() as patch:
        patch.setattr(plan.Sweep, "_block", killed)
        assert life("sweep", *WORDS, "out=x.nc", "compress=zstd").status == 0
    assert files(tmp_path) == ["x.nc"]


@pytest.mark.slow
def test_threads_that_load_at_once_wait_for_each_other(hydra):
    """Hydra's state is one for the whole process."""
    found = []
    threads = [threading.Thread(target=lambda: found.extend(load(WORDS) for _ in range(3))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 9


def test_two_threads_that_evaluate_at_once_do_not_mix(whole):
    """The kernel of a function is shared; its buffers are not."""
    words = [word for word in WORDS if "opt" not in word]
    expected = life_jax.evaluate(load(words))
    found = []
    threads = [threading.Thread(target=lambda: found.append(life_jax.evaluate(load(words)))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 3
    for one in found:
        xr.testing.assert_identical(one.drop_attrs(), expected.drop_attrs())


def test_work_has_every_chunk_once():
    study = load(WORDS)
    assert study.sweep.chunks == 16
    for n in (1, 3, 16):
        cut = [load([*WORDS, f"shard={i}/{n}"]) for i in range(1, n + 1)]
        assert [c for one in cut for c in evaluation.chunks(one)] == list(range(16))


def test_a_reduced_result_whose_saving_was_killed_is_saved_again_and_computes_nothing(life, tmp_path, monkeypatch):
    def killed(*given, **options):
        raise KeyboardInterrupt

    words = (*WORDS, "out=x.nc", "pareto=[ttft,throughput]")
    with monkeypatch.context() as patch:
        patch.setattr(xr.Dataset, "to_netcdf", killed)
        assert life("sweep", *words).status == 130
    assert files(tmp_path) == ["x.nc.part", "x.nc.part.journal"]
    with monkeypatch.context() as patch:
        patch.setattr(plan.Sweep, "_block", killed)
        assert life("sweep", *words).status == 0
    assert files(tmp_path) == ["x.nc"]
