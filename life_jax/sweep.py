"""python -m life_jax.sweep: forecasts over a grid, to a labelled netCDF file and a short table."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from life_jax import cli
from life_jax.config.errors import ConfigError

if TYPE_CHECKING:
    from life_jax.study import Case, Study

ROWS = 24  # of the table of results


def main() -> None:
    cli.guarded(sweep, "sweep")


def sweep(words: list[str]) -> None:
    """One command: checks, computes, writes, shows. The last line is the path."""
    from life_jax import store
    from life_jax.study import load

    study = load(words)
    cli.warn(study.warnings)
    path = study.path
    if path.is_dir():
        raise ConfigError(f"out={path} is a folder; a file name is needed")
    complete = path.exists() and store.identity_of(path) == study.identity
    if path.exists() and not complete and not study.overwrite:
        raise ConfigError(f"{path} exists and answers another question; overwrite=true replaces it")
    if not complete or study.overwrite:
        write(study, path)
    show(study)
    if complete and not study.overwrite:
        print("complete already, not computed again")
    print(path)


def write(study: "Study", path: Path) -> None:
    """Computes into path.part and renames when complete; resumes what an earlier run left."""
    from life_jax import store
    from life_jax.study import compute

    template = study.template
    with (
        store.opened(path, template, study.identity, overwrite=study.overwrite) as sink,
        cli.progress(template.points) as bar,
    ):
        task = bar.add_task("", total=template.points)

        def done(chunk: int, points: int) -> None:
            sink.mark(chunk)
            cli.stop_if_interrupted()
            bar.advance(task, points)

        compute(study, sink, skip=lambda chunk: chunk in sink.done, done=done)
        sink.finish()


def show(study: "Study") -> None:
    """A sample of the grid as a table, computed in float64: the corners and the middle."""
    axes = {key: [values[i] for i in indices] for key, values, indices in _sample(study)}
    cases = study.cases[:ROWS]
    varying = [name for name in ("model", "hw", "opt") if len({getattr(case, name) for case in study.cases}) > 1]
    columns = [(name, "left") for name in varying] + [(_heading(key), "right") for key in axes]
    columns += [("TTFT", "right"), ("TPOT", "right"), ("TPS", "right"), ("prefill binds", "left")]
    columns += [("decode binds", "left"), ("memory", "right"), ("fits", "left")]
    rows = []
    for case in cases:
        for values in itertools.product(*axes.values()):
            point = dict(zip(axes, values, strict=True))
            rows.append([*(getattr(case, n) for n in varying), *(f"{v:g}" for v in values), *_cells(case, point)])
    cli.table(columns, rows, _title(study))
    total = study.template.points
    if len(rows) < total:
        print(f"{len(rows)} of {total} points shown; all are in the file")


def _sample(study: "Study") -> Iterator[tuple[str, Any, list[int]]]:
    """Indices per axis: all of them, or ends and middle, or ends, or the first, so that the table stays short."""
    counts = {key: len(values) for key, values in study.axes.items()}
    room = max(1, ROWS // len(study.cases))
    for most in (3, 2, 1):
        for key in reversed(list(counts)):
            if _product(counts.values()) > room:
                counts[key] = min(counts[key], most)
    for key, values in study.axes.items():
        n, k = len(values), counts[key]
        yield key, values, sorted({round(i * (n - 1) / (k - 1)) for i in range(k)} if k > 1 else {0})


def _product(numbers: Any) -> int:
    total = 1
    for number in numbers:
        total *= number
    return total


def _cells(case: "Case", point: dict[str, float]) -> list[str]:
    import numpy as np

    from life_jax.metrics import BOUNDS, forecast

    scenario = case.scenario
    for knob in case.knobs:
        scenario = knob.set(scenario, float(point[knob.key]))
    with np.errstate(all="ignore"):
        found = forecast(scenario, ("ttft", "tpot", "tps", "prefill_bound", "decode_bound", "memory", "fits_memory"))
    return [
        cli.engineering(float(found["ttft"]), "s"),
        cli.engineering(float(found["tpot"]), "s"),
        f"{float(found['tps']):.4g}" if found["tps"] == found["tps"] else "-",
        BOUNDS[int(found["prefill_bound"])],
        BOUNDS[int(found["decode_bound"])],
        f"{float(found['memory']) / 1e9:.4g} GB",
        "yes" if found["fits_memory"] else "NO",
    ]


def _heading(key: str) -> str:
    return {"prompt_tokens": "prompt", "output_tokens": "output"}.get(key, key)


def _title(study: "Study") -> str:
    case, engine = study.cases[0], study.composed.engine
    named = [getattr(case, n) for n in ("model", "hw", "opt") if len({getattr(c, n) for c in study.cases}) == 1]
    fixed = [f"{study.composed.workload.output_tokens:g} output tokens"] if "output_tokens" not in study.axes else []
    bound = (
        ["engine ideal: datasheet bound, real software takes longer"]
        if engine.name == "ideal"
        else [f"engine {engine.name}"]
    )
    return "  |  ".join([" ".join(name for name in named if name != "none"), *fixed, *bound])


if __name__ == "__main__":
    main()
