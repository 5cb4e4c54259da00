"""python -m life_jax.merge: the shards of a sweep, joined to the file that one process would have written."""

from pathlib import Path
from typing import TYPE_CHECKING

from life_jax.config.schema.errors import ConfigError
from life_jax.config.words import take
from life_jax.terminal import command
from life_jax.terminal.progress import watched
from life_jax.terminal.result_rows import FORMATS
from life_jax.terminal.results import deliver

if TYPE_CHECKING:
    from life_jax.studies.study import Study


def main() -> None:
    """Run the command line."""
    command.guarded(merge, "sweep")


def merge(words: list[str]) -> None:
    """Join the shards that lie beside the result; they stay.

    words: those of the sweep, without shard=. Raises ConfigError if they have it, StoreError if a shard is missing or
    answers another question.
    """
    from life_jax.studies.loading import load

    form, rest = take(words, "format", FORMATS)
    study = load(rest)
    command.warn(study.warnings)
    if study.work.shard is not None:
        raise ConfigError("merge takes the words of the sweep without shard=; it joins all shards that it finds")
    deliver(study, study.path, study.identity, join if study.reduction is None else join_reduced, form)


def join(study: "Study", path: Path) -> None:
    """Write the numbers of all shards to `path`, going on with what an earlier run has left."""
    from life_jax.grid import plan
    from life_jax.grid.storage import shards, store

    files = shards.files_of(path, study.identity, reduced=False)
    with (
        store.opened(path, study.template, study.identity, overwrite=study.overwrite, say=command.note) as sink,
        watched(study.template.points) as done,
    ):
        chunks = range(study.sweep.chunks)
        left = [chunk for chunk in chunks if chunk not in sink.done]
        plan.run(study.sweep, sink, left, lambda block: done(block.count), lambda *of: shards.blocks(files, *of))
        sink.finish(chunks, study.work.compress)


def join_reduced(study: "Study", path: Path) -> None:
    """Join the states of all shards and write what the grid is reduced to to `path`."""
    from life_jax.grid import reduced_dataset
    from life_jax.grid.storage import shards, store
    from life_jax.studies import evaluation

    reducer = evaluation.reducer(study)
    for state in shards.states(shards.files_of(path, study.identity, reduced=True)):
        reducer.merge(state)
    store.save(reduced_dataset.dataset(reducer), path, study.identity, overwrite=study.overwrite)


if __name__ == "__main__":
    main()
