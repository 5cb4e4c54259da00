"""python -m life_jax.plan: what should I run? Designs that meet targets, the cheapest first, and why others do not."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from life_jax.config.words import take
from life_jax.terminal import command
from life_jax.terminal.progress import waiting

if TYPE_CHECKING:
    from life_jax.planner.designs import Designs
    from life_jax.studies.plan_result import Plan

SHOWN_EACH = 0.2  # s
FORMATS = ("text", "json", "csv", "md")


def main() -> None:
    """Run the command line."""
    command.guarded(plan, "plan")


def plan(words: list[str]) -> None:
    """Print the designs that meet what is asked as a table or (format=json) as the JSON object of the contract.

    out=NAME.nc or NAME.csv keeps all rows. Where nothing meets, what is nearest is printed; it is no error. Raises
    ConfigError for words that make no sense, StoreError for a file that cannot be written.
    """
    from life_jax.studies import launching, planning
    from life_jax.studies.loading import load
    from life_jax.terminal import plan_tables

    form, rest = take(words, "format", FORMATS)
    with waiting("checking the question"):
        study = load(rest, primary="plan")
    with waiting(f"weighing {len(study.cases)} combinations of device, format and engine under every layout") as tell:
        progress = _Progress(tell)
        result = planning.plan(study, progress, progress.begin)
    command.warn(result.warnings)
    question = study.plan_question
    if question is not None and not (question.targets or question.budgets) and question.minimize == ("price",):
        command.note(
            "no target is given, so that the cheapest comes first, however slow: target.tpot=0.05 is 20 tokens/s"
        )
    if form == "json":
        print(json.dumps(result.as_json(), indent=1))
    elif form in ("csv", "md"):
        plan_tables.rows(result, form)
    else:
        plan_tables.show(result)
    if question is not None and question.write is not None and result.rows:
        folder = Path(question.write)
        launching.write(result, folder, overwrite=study.overwrite)
        command.note(f"launch scripts of {min(len(result.rows), study.view.top or launching.WRITTEN)} rows: {folder}")
    for path in _kept(result):
        print(path) if form == "text" else command.note(str(path))


class _Progress:
    """Tells of the designs of a search that nothing is decided about yet."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell, self._computed, self._last = tell, 0, time.monotonic()
        self._designs: Designs | None = None

    def begin(self, designs: "Designs") -> None:
        """The search of these designs begins."""
        self._designs = designs

    def __call__(self, count: int) -> None:
        """So many numbers more are computed. Raises KeyboardInterrupt if Ctrl-C came meanwhile."""
        command.stop_if_interrupted()
        self._computed += count
        if self._designs is not None and time.monotonic() - self._last > SHOWN_EACH:
            self._last = time.monotonic()
            left, whole = len(self._designs.alive), len(self._designs.status)
            self._tell(f"{left} of {whole} designs are left to decide, {self._computed} computed")


def _kept(result: "Plan") -> list[Path]:
    """Write the rows (out=) and the picture of them (plot=front), each whole or not at all. Returns the paths."""
    from life_jax.core.whole_file import whole_file
    from life_jax.grid.storage import store
    from life_jax.plotting import pictures
    from life_jax.studies import plan_result
    from life_jax.terminal import plan_tables, result_rows

    study, written = result.study, []
    path = study.path
    if study.out is not None and result_rows.is_csv(path):
        with whole_file(path, overwrite=study.overwrite) as new, new.open("w", newline="", encoding="utf-8") as file:
            plan_tables.rows(result, "csv", file)
        written.append(path)
    elif study.out is not None:
        store.save(plan_result.dataset(result), path, study.identity, overwrite=study.overwrite)
        written.append(path)
    for picture in pictures.files(study.plots, path.with_suffix("")) if result.rows else ():
        picture.parent.mkdir(parents=True, exist_ok=True)
        figure = plan_tables.figure(result)
        with whole_file(picture, overwrite=study.overwrite) as new:
            figure.savefig(new, format=picture.suffix[1:], bbox_inches="tight")
        written.append(picture)
    return written


if __name__ == "__main__":
    main()
