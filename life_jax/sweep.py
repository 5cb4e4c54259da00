"""python -m life_jax.sweep: forecasts over a grid, as a labelled netCDF file and a short table."""

from life_jax.config.words import take
from life_jax.terminal import command
from life_jax.terminal.grids import deliver_grid, write, write_reduced, write_reduced_shard, write_shard
from life_jax.terminal.progress import waiting
from life_jax.terminal.result_rows import FORMATS

__all__ = ["main", "sweep", "write", "write_reduced", "write_reduced_shard", "write_shard"]


def main() -> None:
    """Run the command line."""
    command.guarded(sweep, "sweep")


def sweep(words: list[str]) -> None:
    """Check the words, compute the grid, write the result and print its table; the last line printed is its path.

    Raises ConfigError for words that make no sense, StoreError or ClusterError where the work cannot be done.
    """
    from life_jax.studies.loading import load

    form, rest = take(words, "format", FORMATS)
    with waiting("checking the question"):
        study = load(rest)
    command.warn(study.warnings)
    deliver_grid(study, form)


if __name__ == "__main__":
    main()
