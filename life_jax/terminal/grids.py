"""Computes a study over its grid and delivers it: into a file, reduced, as a shard or as a question alone."""

from pathlib import Path
from typing import TYPE_CHECKING

from life_jax.terminal import command
from life_jax.terminal.progress import watched
from life_jax.terminal.results import OTHER_CODE, deliver, finished

if TYPE_CHECKING:
    from life_jax.studies.study import Study


def deliver_grid(study: "Study", form: str) -> None:
    """Compute the grid of a study, write the result and print its table; the last line printed is its path.

    form: of what is printed, as in `results.deliver`. Raises ConfigError, StoreError or ClusterError where the work
    cannot be done.
    """
    from life_jax.grid.storage import shards

    if study.work.lazy:
        from life_jax.studies import lazy

        deliver(study, study.path, lazy.identity(study), write_question, form)
        return
    if study.work.shard is None:
        deliver(study, study.path, study.identity, write if study.reduction is None else write_reduced, form)
        return
    shard, reduced = study.work.shard, study.reduction is not None
    path = shards.path_of(study.path, shard, reduced=reduced)
    there = finished(study, path, shards.identity(study.identity, shard))
    if not there:
        (write_reduced_shard if reduced else write_shard)(study, path)
    elif there == OTHER_CODE:
        print("complete already, computed by other code; overwrite=true computes it anew")
    print(f"shard {shard[0]} of {shard[1]}; life_jax.merge joins them")
    print(path)


def write(study: "Study", path: Path) -> None:
    """Compute a grid and write its numbers to `path`, going on with what an earlier run has left."""
    from life_jax.grid.storage import store
    from life_jax.studies import evaluation

    template = study.template
    with (
        store.opened(path, template, study.identity, overwrite=study.overwrite, say=command.note) as sink,
        watched(template.points, compiles=study.route == "jax") as done,
    ):
        chunks = evaluation.chunks(study)
        evaluation.compute(study, sink, [chunk for chunk in chunks if chunk not in sink.done], done)
        sink.finish(chunks, study.work.compress)


def write_question(study: "Study", path: Path) -> None:
    """Write a result without numbers (lazy=true); `life_jax.reopen` computes those that are read."""
    from life_jax.grid.storage import store
    from life_jax.studies import lazy

    store.save(lazy.question(study), path, lazy.identity(study), overwrite=study.overwrite)


def write_shard(study: "Study", path: Path) -> None:
    """Compute the points of one shard and write their numbers to `path`, going on with what an earlier run has left."""
    from life_jax.grid.storage import shards, store
    from life_jax.studies import evaluation

    shard, own = study.work.shard, evaluation.chunks(study)
    assert shard is not None
    template = shards.template(study.template, study.sweep, study.identity, shard)
    identity = shards.identity(study.identity, shard)
    with (
        store.opened(path, template, identity, overwrite=study.overwrite, say=command.note) as sink,
        watched(template.points, compiles=study.route == "jax") as done,
    ):
        shifted = shards.Shifted(sink, study.sweep, shard)
        evaluation.compute(study, shifted, [chunk for chunk in own if chunk not in sink.done], done)
        sink.finish(own)


def write_reduced(study: "Study", path: Path) -> None:
    """Compute a grid, reduce it and write what it is reduced to; the state is kept beside `path` until then."""
    from life_jax.grid import reduced_dataset
    from life_jax.grid.storage import reducer_checkpoint, store
    from life_jax.studies import evaluation

    reducer, end = evaluation.reducer(study), study.sweep.chunks
    with (
        reducer_checkpoint.reducing(path, reducer, study.identity, overwrite=study.overwrite, say=command.note) as sink,
        watched(study.template.points, compiles=study.route == "jax") as done,
    ):
        evaluation.reduce_into(study, sink, end, done)
        sink.check(end)
        result = reduced_dataset.dataset(reducer)
        store.save(result, path, study.identity, overwrite=study.overwrite, journal=sink.journal)
        sink.drop()


def write_reduced_shard(study: "Study", path: Path) -> None:
    """Compute the points of one shard, reduce them and write the state of the reducer to `path`."""
    from life_jax.grid.storage import reducer_checkpoint, shards
    from life_jax.studies import evaluation

    own, shard = evaluation.chunks(study), study.work.shard
    assert shard is not None
    identity = shards.identity(study.identity, shard)
    with (
        reducer_checkpoint.reducing(
            path, evaluation.reducer(study), identity, first=own.start, overwrite=study.overwrite, say=command.note
        ) as sink,
        watched(evaluation.points(study, own), compiles=study.route == "jax") as done,
    ):
        evaluation.reduce_into(study, sink, own.stop, done)
        sink.finish(own.stop)
