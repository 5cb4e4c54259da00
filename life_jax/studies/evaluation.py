"""Evaluates a study: into memory, into a file, reduced, or as shards; in this process or on a cluster."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Protocol

from life_jax.config.schema.errors import ConfigError
from life_jax.forecasting.metrics import METRICS
from life_jax.grid import eager, labels, plan, reduced_dataset, structures
from life_jax.grid.dask_cluster import Cluster
from life_jax.grid.reduction import Reducer, State
from life_jax.grid.storage import shards
from life_jax.grid.storage.reducer_checkpoint import Checkpoint
from life_jax.studies.study import Study

if TYPE_CHECKING:
    import xarray as xr


class Watch(Protocol):
    """What is told of the progress of a sweep."""

    def __call__(self, points: int) -> None:
        """So many points more are done."""

    def structure(self, number: int, count: int) -> None:
        """A structure begins; number: from 1, of how many."""


class _Nobody:
    def __call__(self, points: int) -> None:
        """Drop the report."""

    def structure(self, number: int, count: int) -> None:
        """Drop the report."""


ignore: Watch = _Nobody()


def evaluate(study: Study, done: Watch = ignore) -> "xr.Dataset":
    """The xarray.Dataset that the file of a study would hold.

    done: told of points that are done and of structures that begin.
    """
    if study.plan_question is not None:
        from life_jax.studies import plan_result, planning

        return plan_result.dataset(planning.plan(study, done))
    if study.reduction is not None:
        result = reducer(study)
        _reduce(study, result, range(study.sweep.chunks), lambda chunks, state: result.merge(state), done)
        return reduced_dataset.dataset(result)
    sink = labels.InMemory(study.template)
    compute(study, sink, None, done)
    return sink.to_xarray()


def compute(study: Study, sink: plan.Sink, wanted: Sequence[int] | None = None, done: Watch = ignore) -> None:
    """Computes chunks of the grid into a sink: those of one structure behind each other, on a cluster in any order.

    wanted: numbers of the chunks, all unless given; done: told of points that are done and of structures that begin.
    """
    work = study.work
    here = work.executor == "local"
    executor = _here(study, done) if here else Cluster(work.cluster, work.workers).blocks
    wanted = range(study.sweep.chunks) if wanted is None else wanted
    if here and study.route == "jax":
        wanted = structures.by_structure(study.sweep.cases, wanted, study.sweep.plan.chunks)
    plan.run(study.sweep, sink, wanted, lambda block: done(block.count), executor)


def _here(study: Study, done: Watch) -> plan.Executor:
    blocks = eager.blocks if study.route == "numpy" else plan.Sweep.blocks
    return partial(blocks, begun=done.structure)


def reducer(study: Study) -> Reducer:
    """What reduces the points of a study that asks for a reduction."""
    assert study.reduction is not None
    return Reducer(study.template, study.reduction, _signs())


def reduce_into(study: Study, checkpoint: Checkpoint, end: int, done: Watch = ignore) -> None:
    """Reduces the chunks from where the checkpoint stands to `end`, exclusive, into the checkpoint."""
    _reduce(study, checkpoint, range(checkpoint.next, end), checkpoint.merge, done)


def _reduce(study: Study, sink: plan.Sink, wanted: range, merge: Callable[[range, State], None], done: Watch) -> None:
    """Here block by block into the sink, in order; on a cluster workers reduce, and `merge` takes their states."""
    work = study.work
    if work.executor == "local":
        plan.run(study.sweep, sink, wanted, lambda block: done(block.count), _here(study, done))
        return
    assert study.reduction is not None
    cluster = Cluster(work.cluster, work.workers)
    for chunks, state in cluster.states(study.sweep, wanted, study.template, study.reduction, _signs()):
        merge(chunks, state)
        done(points(study, chunks))


def _signs() -> dict[str, int]:
    return {name: metric.sign for name, metric in METRICS.items()}


def points(study: Study, chunks: range) -> int:
    """How many points a range of chunks has."""
    if not len(chunks):
        return 0
    last, count = study.sweep.extent(chunks[-1])
    return last + count - study.sweep.extent(chunks[0])[0]


def chunks(study: Study) -> range:
    """Numbers of the chunks of the study's shard, or of all. Raises ConfigError where there are fewer than shards."""
    total = study.sweep.chunks
    if study.work.shard is None:
        return range(total)
    i, n = study.work.shard
    if n > total:
        raise ConfigError(f"shard={i}/{n}: the work has only {total} chunks, so that {total} shards are the most")
    return shards.chunks_of(total, (i, n))
