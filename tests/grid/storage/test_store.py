"""Nothing is lost and nothing is wrong: kills, full disks, two writers; and the grid equals a loop."""

import itertools
import signal
import subprocess
import sys
from types import SimpleNamespace

import netCDF4
import numpy as np
import pytest
from conftest import files

from life_jax.grid import kernel
from life_jax.grid import plan as grid
from life_jax.grid.labels import Template, Variable, numbers
from life_jax.grid.reduction import Reducer, Reduction
from life_jax.grid.storage import journal, reducer_checkpoint, store
from life_jax.grid.storage.direct_io import BUFFER, Pages

# A sweep of a function of our own: 80 chunks of 500 points. Prints each chunk that is done, then waits.
JOB = """
import resource, sys, time
from pathlib import Path
import numpy as np
from life_jax.grid import plan
from life_jax.grid.labels import Template, Variable, numbers
from life_jax.grid.storage import store
from life_jax.terminal import command

plan.POINTS_PER_CHUNK, plan.LONGEST_INNER, store.SYNC_SECONDS = 500, 500, 0
AXES = (plan.Values("x", np.arange(80.0)), plan.Values("y", np.linspace(0, 9, 500)))


def wave(base, at):
    return {"wave": base * at["x"] + at["y"] ** 2, "far": at["x"] > at["y"]}


def job(words):
    question, pause, most_bytes = words[0], float(words[1]), int(words[2])
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))
    coordinates = {axis.name: numbers(axis.values, "1", axis.name) for axis in AXES}
    kinds = {"wave": np.dtype("float32"), "far": np.dtype("int8")}
    template = Template(coordinates, {name: Variable(kind, {"units": "1"}) for name, kind in kinds.items()},
                        {"identity": question})
    with store.opened(Path("waves.nc"), template, question) as sink:
        def done(block):
            print(block.chunk, flush=True)
            command.stop_if_interrupted()
            time.sleep(pause)
        sweep = plan.Sweep(((wave, 3.0),), plan.plan(AXES), kinds)
        plan.run(sweep, sink, [chunk for chunk in range(sweep.chunks) if chunk not in sink.done], done)
        sink.finish(range(sweep.chunks))


command.guarded(job, "sweep")
"""
CHUNKS = 80


@pytest.fixture
def job(tmp_path):
    """job(pause, most_bytes) starts the sweep in a process of its own; no file there may grow beyond most_bytes."""
    (tmp_path / "job.py").write_text(JOB)
    started = []

    def start(pause=0.0, most_bytes=-1):
        command = [sys.executable, "job.py", "one", str(pause), str(most_bytes)]
        started.append(
            subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        )
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def interrupted_after(process, chunks, how):
    """Signals the process when it has done that many chunks; (status, stderr)."""
    for _ in range(chunks):
        assert process.stdout.readline(), process.stderr.read()
    process.send_signal(how)
    _, err = process.communicate(timeout=60)
    return process.returncode, err


def computed(process):
    """How many chunks a run to the end computes."""
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return len(out.split())


def assert_right(path):
    with netCDF4.Dataset(path) as file:
        x, y = np.meshgrid(file["x"][:], file["y"][:], indexing="ij")
        np.testing.assert_allclose(file["wave"][:], 3 * x + y**2, rtol=1e-6)
        np.testing.assert_array_equal(file["far"][:], x > y)


@pytest.mark.parametrize("how, status", [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGINT, 130)])
def test_an_interrupted_sweep_resumes_to_the_same_bytes(job, tmp_path, how, status):
    assert computed(job()) == CHUNKS
    whole = (tmp_path / "waves.nc").read_bytes()
    (tmp_path / "waves.nc").unlink()
    ended, err = interrupted_after(job(pause=0.05), 10, how)
    assert ended == status
    assert err.strip() == ("interrupted" if how == signal.SIGINT else "")
    assert files(tmp_path) == ["job.py", "waves.nc.part", "waves.nc.part.journal"]
    assert computed(job()) <= CHUNKS - 10 + grid.RING  # those in flight are computed again
    assert files(tmp_path) == ["job.py", "waves.nc"]
    assert (tmp_path / "waves.nc").read_bytes() == whole
    assert_right(tmp_path / "waves.nc")


def test_a_second_writer_is_refused_and_the_first_goes_on(job, tmp_path):
    first = job(pause=0.15)
    first.stdout.readline()
    second = job()
    _, err = second.communicate(timeout=60)
    assert second.returncode == 2
    assert err.startswith("error: ") and "another process" in err and len(err.splitlines()) == 1
    computed(first)
    assert_right(tmp_path / "waves.nc")


def test_a_full_disk_ends_in_one_line_and_no_result(job, tmp_path):
    process = job(most_bytes=100_000)  # of the 200 000 that the result has
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2, err
    assert err.startswith("error: ") and "space" in err and len(err.splitlines()) == 1
    assert not (tmp_path / "waves.nc").exists()
    computed(job())
    assert_right(tmp_path / "waves.nc")


def template(points=10, question="one"):
    return Template(
        {"x": numbers(np.arange(float(points)), "1", "x")},
        {"y": Variable(np.dtype("float32"), {"units": "1"})},
        {"identity": question},
    )


def fill(path, question="one", chunks=range(10), *, overwrite=False, value=1.0, finish=True, say=print):
    """Writes these points of ten; finishes, or stops with all of them on the disk."""
    with store.opened(path, template(question=question), question, overwrite=overwrite, say=say) as sink:
        for chunk in chunks:
            sink.put(grid.ResultBlock(chunk, chunk, 1, {"y": np.full(1, value, np.float32)}))
        sink.finish(range(10)) if finish else sink.sync()


def values(path):
    with netCDF4.Dataset(path) as file:
        return list(file["y"][:])


def test_an_unfinished_result_of_another_question_is_refused_unless_overwritten(tmp_path):
    path = tmp_path / "x.nc"
    fill(path, "one", range(5), finish=False)
    with pytest.raises(store.StoreError, match=r"another question; overwrite=true"):
        fill(path, "two")
    fill(path, "two", overwrite=True, value=2.0)
    assert values(path) == [2.0] * 10
    assert store.identity_of(path) == "two"


def test_a_chunk_that_was_never_put_keeps_the_final_name_away(tmp_path):
    with pytest.raises(RuntimeError, match="1 chunks are missing"):
        fill(tmp_path / "x.nc", chunks=range(9))
    assert files(tmp_path) == ["x.nc.part", "x.nc.part.journal"]
    fill(tmp_path / "x.nc", chunks=[9])
    assert values(tmp_path / "x.nc") == [1.0] * 10


def test_overwriting_does_not_take_the_files_of_a_running_writer(tmp_path):
    path = tmp_path / "x.nc"
    with (
        store.opened(path, template(question="one"), "one"),
        pytest.raises(store.StoreError, match="another process"),
        store.opened(path, template(question="two"), "two", overwrite=True),
    ):
        pass
    assert files(tmp_path) == ["x.nc.part", "x.nc.part.journal"]


def test_a_torn_line_of_the_journal_vouches_for_no_chunk(tmp_path):
    path, journal = tmp_path / "x.nc", tmp_path / "x.nc.part.journal"
    fill(path, chunks=[0], finish=False)
    journal.write_text(journal.read_text() + "1")
    fill(path, chunks=[2], finish=False)
    with store.opened(path, template(), "one") as sink:
        assert sink.done == {0, 2}


def test_a_result_too_large_for_the_disk_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(journal.shutil, "disk_usage", lambda folder: SimpleNamespace(free=1000))
    with pytest.raises(store.StoreError, match="GB"):
        fill(tmp_path / "new" / "x.nc")
    assert files(tmp_path) == []


class Memory:
    def __init__(self, points, outputs):
        self.arrays = {name: np.full(points, -1, kind) for name, kind in outputs.items()}

    def put(self, block):
        for name, values in block.columns.items():
            self.arrays[name][block.start : block.start + block.count] = values


def evaluated(function, base, plan, outputs, dtype="float32"):
    """The whole grid of one case in memory."""
    found = Memory(plan.points, outputs)
    grid.run(grid.Sweep(((function, base),), plan, outputs, dtype), found)
    return found.arrays


def mixed(base, at):
    """Every axis counts differently, so that a mixed-up order is seen."""
    total = base + sum((10.0**-k) * value for k, value in enumerate(at.values()))
    return {"total": total, "large": total > 5}


OUTPUTS = {"total": np.dtype("float32"), "large": np.dtype("int8")}


def axes_of(sizes):
    return [grid.Values(f"a{k}", np.linspace(k, k + 3, size)) for k, size in enumerate(sizes)]


def assert_grid_is_loop(sizes):
    axes = axes_of(sizes)
    plan = grid.plan(axes)
    found = evaluated(mixed, 2.0, plan, OUTPUTS)
    loop = [
        mixed(2.0, dict(zip((axis.name for axis in axes), point, strict=True)))
        for point in itertools.product(*(axis.values for axis in axes))
    ]
    np.testing.assert_allclose(found["total"], [float(one["total"]) for one in loop], rtol=1e-6)
    np.testing.assert_array_equal(found["large"], [bool(one["large"]) for one in loop])


@pytest.mark.parametrize("sizes", [(), (1,), (7,), (2, 3), (1, 1, 1), (5, 1, 4), (3, 4, 5, 6)])
def test_the_grid_equals_a_loop(sizes):
    assert_grid_is_loop(sizes)


@pytest.mark.parametrize("sizes", [(23,), (7, 3), (3, 23), (2, 23, 4), (5, 5, 5), (1, 11)])
def test_the_grid_equals_a_loop_whatever_the_chunks(sizes, monkeypatch):
    """Chunks that do not divide the grid: rows padded, axes cut into pieces."""
    monkeypatch.setattr(grid, "LONGEST_INNER", 10)
    monkeypatch.setattr(grid, "POINTS_PER_CHUNK", 20)
    assert_grid_is_loop(sizes)


@pytest.mark.parametrize("sizes", [(2 * grid.LONGEST_INNER + 17,), (3, grid.LONGEST_INNER + 1), (300_000, 2)])
def test_a_long_axis_is_cut_and_every_point_is_computed_once(sizes):
    plan = grid.plan(axes_of(sizes))
    assert plan.chunks > 1
    cut = [plan.chunk(index) for index in range(plan.chunks)]
    assert [c.start for c in cut] == list(np.cumsum([0, *(c.count for c in cut)])[:-1])
    found = evaluated(mixed, 2.0, plan, OUTPUTS)
    points = np.meshgrid(*(axis.values for axis in plan.axes), indexing="ij")
    total = 2.0 + sum((10.0**-k) * values for k, values in enumerate(points))
    np.testing.assert_allclose(found["total"], total.ravel(), rtol=1e-6)


def test_one_compilation_serves_all_chunks_and_every_base(monkeypatch):
    monkeypatch.setattr(grid, "LONGEST_INNER", 10)
    monkeypatch.setattr(grid, "POINTS_PER_CHUNK", 20)

    def product(base, at):
        return {"product": base["scale"] * at["a0"] * at["a1"]}

    plan, outputs = grid.plan(axes_of((9, 7))), {"product": np.dtype("float32")}
    assert plan.chunks > 2
    for scale in (1.0, 2.0, 3.0):
        found = evaluated(product, {"scale": np.float32(scale)}, plan, outputs)
        a0, a1 = (axis.values for axis in plan.axes)
        np.testing.assert_allclose(found["product"], scale * np.outer(a0, a1).ravel(), rtol=1e-6)
    assert kernel.kernel(product).compilations == 1


def test_float64_stays_float64():
    plan, outputs = grid.plan(axes_of((3,))), {"third": np.dtype("float64")}
    found = evaluated(lambda base, at: {"third": at["a0"] / base}, np.float64(3), plan, outputs, "float64")
    np.testing.assert_array_equal(found["third"], plan.axes[0].values / 3)


@pytest.mark.parametrize("direct", [True, False])
def test_bytes_land_where_they_belong_past_the_page_cache_or_not(tmp_path, direct):
    """Any place and length: ends of pages, whole pages, more than a buffer; neighbours are left alone."""
    rng = np.random.default_rng(1)
    path, size = tmp_path / "x", 2**22
    expected = bytearray(rng.integers(0, 255, size, np.uint8).tobytes())
    path.write_bytes(expected)
    pages = Pages(path, direct)
    lengths = [1, 4095, 4096, 4097, 12_288, 100_001, BUFFER, BUFFER + 5000, 2 * BUFFER + 8192]
    for length in lengths:
        for at in (0, 4096, *rng.integers(0, size - length, 4)):
            block = rng.integers(0, 255, length, np.uint8)
            pages.write(block, int(at))
            expected[at : at + length] = block.tobytes()
    pages.sync()
    pages.close()
    assert path.read_bytes() == bytes(expected)


@pytest.mark.parametrize("start", [0, 3, 1024, BUFFER // 4 + 5])
def test_columns_that_are_made_of_others_are_written_as_what_they_are(tmp_path, start):
    """The other sign, and the first of a pair: in pieces, wherever they begin."""
    n = start + 3 * BUFFER // 4 + 77
    pairs = (np.arange(n) + 1j * np.arange(n, 0, -1)).astype(np.complex64)
    coordinates = {"x": numbers(np.arange(float(n)), "1", "x")}
    kinds = {"minus": np.dtype("float32"), "first": np.dtype("float32"), "share": np.dtype("float32"),
             "law": np.dtype("float32")}  # fmt: skip
    template = Template(coordinates, {name: Variable(kind, {"units": "1"}) for name, kind in kinds.items()}, {})
    path = tmp_path / "x.nc"
    with store.opened(path, template, "one") as sink:
        for chunk, (low, high) in enumerate(((0, start), (start, n))):
            minus, first = grid.Signed(((np.ascontiguousarray(pairs.imag[low:high]), -1),)), pairs.real[low:high]
            share = grid.Signed(((pairs.imag[low:high], -1),))
            law = grid.Signed(((pairs.imag[low:high], -1), (first, 1)), -1.0)
            columns = {"minus": minus, "first": first, "share": share, "law": law}
            sink.put(grid.ResultBlock(chunk, low, high - low, columns))
        sink.finish(range(2))
    with netCDF4.Dataset(path) as file:
        assert np.array_equal(file["minus"][:].data, -pairs.imag)
        assert np.array_equal(file["first"][:].data, pairs.real)
        assert np.array_equal(file["share"][:].data, -pairs.imag)
        assert np.array_equal(file["law"][:].data, -pairs.imag + pairs.real - np.float32(1))


def test_a_second_writer_of_a_reduced_sweep_is_refused(tmp_path):
    def reducing():
        return reducer_checkpoint.reducing(tmp_path / "x.nc", Reducer(template(), Reduction(count=True), {}), "one")

    with (
        reducing() as first,
        pytest.raises(store.StoreError, match="another process"),
        reducing(),
    ):
        pass
    with reducing() as first:
        first.put(grid.ResultBlock(0, 0, 4, {"y": np.ones(4, np.float32)}))
        first.save()
    with reducing() as again:
        assert again.next == 1 and again.reducer.groups[0].count == 4
        with pytest.raises(RuntimeError, match="1 was due"):
            again.put(grid.ResultBlock(2, 8, 2, {"y": np.ones(2, np.float32)}))
