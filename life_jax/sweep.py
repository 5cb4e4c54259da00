"""python -m life_jax.sweep: forecasts over a grid, to a labelled netCDF file and a short table."""

from pathlib import Path
from typing import TYPE_CHECKING

from life_jax import cli
from life_jax.results import deliver, finished, watched

if TYPE_CHECKING:
    from life_jax.study import Study


def main() -> None:
    cli.guarded(sweep, "sweep")


def sweep(words: list[str]) -> None:
    """One command: checks, computes, writes, shows. The last line is the path."""
    from life_jax import shards
    from life_jax.study import load

    study = load(words)
    cli.warn(study.warnings)
    if study.work.lazy:
        from life_jax import lazy

        deliver(study, study.path, lazy.identity(study), write_question)
        return
    if study.work.shard is None:
        deliver(study, study.path, study.identity, write if study.reduction is None else write_reduced)
        return
    shard, reduced = study.work.shard, study.reduction is not None
    path = shards.path_of(study.path, shard, reduced=reduced)
    if not finished(study, path, shards.identity(study.identity, shard)):
        (write_reduced_shard if reduced else write_shard)(study, path)
    print(f"shard {shard[0]} of {shard[1]}; life_jax.merge joins them")
    print(path)


def write(study: "Study", path: Path) -> None:
    """Computes into path.part and renames when complete; resumes what an earlier run left."""
    from life_jax import store, work

    template = study.template
    with (
        store.opened(path, template, study.identity, overwrite=study.overwrite) as sink,
        watched(template.points) as done,
    ):
        chunks = work.chunks(study)
        work.compute(study, sink, [chunk for chunk in chunks if chunk not in sink.done], done)
        sink.finish(chunks, study.work.compress)


def write_question(study: "Study", path: Path) -> None:
    """No numbers: life_jax.reopen computes what is looked at."""
    from life_jax import lazy, store

    store.save(lazy.question(study), path)


def write_shard(study: "Study", path: Path) -> None:
    """The same of one shard's points."""
    from life_jax import shards, store, work

    shard, own = study.work.shard, work.chunks(study)
    assert shard is not None
    template = shards.template(study.template, study.sweep, study.identity, shard)
    identity = shards.identity(study.identity, shard)
    with (
        store.opened(path, template, identity, overwrite=study.overwrite) as sink,
        watched(template.points) as done,
    ):
        shifted = shards.Shifted(sink, study.sweep, shard)
        work.compute(study, shifted, [chunk for chunk in own if chunk not in sink.done], done)
        sink.finish(own)


def write_reduced(study: "Study", path: Path) -> None:
    """Computes and reduces; the file is small. What was found so far is kept beside it until it is complete."""
    from life_jax import answers, checkpoint, store, work

    reducer, end = work.reducer(study), study.sweep.chunks
    with (
        checkpoint.reducing(path, reducer, study.identity, overwrite=study.overwrite) as sink,
        watched(study.template.points) as done,
    ):
        work.reduce_into(study, sink, end, done)
        sink.check(end)
        store.save(answers.dataset(reducer), path)
        sink.drop()


def write_reduced_shard(study: "Study", path: Path) -> None:
    """What a shard's points reduce to."""
    from life_jax import checkpoint, shards, work

    own, shard = work.chunks(study), study.work.shard
    assert shard is not None
    identity = shards.identity(study.identity, shard)
    with (
        checkpoint.reducing(path, work.reducer(study), identity, first=own.start, overwrite=study.overwrite) as sink,
        watched(work.points(study, own)) as done,
    ):
        work.reduce_into(study, sink, own.stop, done)
        sink.finish(own.stop)


if __name__ == "__main__":
    main()
