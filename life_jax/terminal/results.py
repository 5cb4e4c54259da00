"""How the command lines of sweeps deliver a result: the check for a finished file, tables and pictures."""

import contextlib
import re
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from life_jax.config.aliases import aliases
from life_jax.config.schema.errors import ConfigError
from life_jax.studies import point
from life_jax.terminal import result_columns, result_rows, result_tables
from life_jax.terminal.progress import waiting, watched

if TYPE_CHECKING:
    import xarray as xr

    from life_jax.studies.study import Study

COMPLETE, OTHER_CODE = "complete", "other code"


def deliver(
    study: "Study", path: Path, identity: str, writer: Callable[["Study", Path], None], form: str = "text"
) -> None:
    """Write the result unless it is there already, then print its table, its pictures and its path.

    path: of the result. identity: of its question. writer: writes the result of a study to a path. form: of what is
    printed on stdout: text, or rows as json, csv or md; paths go to stderr then.

    A result of other code is left as it is, and neither shown nor drawn, since our numbers may be others.

    Raises ConfigError where the path holds anything else, StoreError where it cannot be written.
    """
    if result_rows.is_csv(path):
        deliver_csv(study, path, form)
        return
    refuse_pictures(study, path)
    complete = finished(study, path, identity)
    if not complete:
        writer(study, path)
    aside = sys.stdout if form == "text" else sys.stderr
    if complete == OTHER_CODE:
        print(
            f"complete already, computed by other code{_code_of(path)}; overwrite=true computes it anew", path,
            sep="\n", file=aside,
        )  # fmt: skip
        return
    with result_tables.opened(study, path) as result:
        result_tables.show(study, result, form)
    with waiting("drawing") if study.plots else contextlib.nullcontext():
        drawn = draw(study, path) if study.plots else []
    print(*(f"{picture}\n" for picture in drawn), sep="", end="", file=aside)
    if complete:
        print(f"complete already{_age(path)}, not computed again", file=aside)
    print(path, file=aside)


def deliver_csv(study: "Study", path: Path, form: str) -> None:
    """Compute a study, write its rows as CSV to `path`, whole or not at all, and print its table and the path.

    form: as in `deliver`. Raises StoreError where the path is taken, ConfigError where the result has too many rows.
    """
    from life_jax.core.whole_file import refuse_taken, whole_file
    from life_jax.studies import evaluation

    if study.plots or study.work.shard or study.work.executor != "local":
        raise ConfigError(f"out={path}: plot=, shard= and executor= go with a result in out=NAME.nc")
    result_rows.check_text_size(study, f"out={path}")
    refuse_taken(path, overwrite=study.overwrite)
    if not path.parent.is_dir():
        path.parent.mkdir(parents=True)
    with watched(study.template.points, compiles=study.route == "jax") as done:
        ds = evaluation.evaluate(study, done)
    result: Any = ds if study.reduction is not None else {str(name): ds[name].values for name in ds.data_vars}
    with whole_file(path, overwrite=study.overwrite) as new, new.open("w", newline="", encoding="utf-8") as file:
        if study.reduction is None:
            result_tables.write_rows(file, result_rows.Rows(study, result), "csv")
        else:
            parts = list(result_tables.frames(study, ds))
            if len(parts) > 1:
                names = ", ".join(name for name, _ in parts)
                raise ConfigError(f"out={path}: the result has several tables ({names}); ask for one, or out=NAME.nc")
            result_tables.write_frame(file, parts[0][1])
    result_tables.show(study, result, form)
    print(path, file=sys.stdout if form == "text" else sys.stderr)


def _age(path: Path) -> str:
    """How long ago a file was written, where it is longer than a minute."""
    seconds = time.time() - path.stat().st_mtime
    for size, unit in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f", {seconds // size:.0f} {unit} ago"
    return ""


def finished(study: "Study", path: Path, identity: str) -> str:
    """What is known of the result: empty if it is not there, COMPLETE, or OTHER_CODE if other code computed it.

    Raises ConfigError if the path holds anything else, without overwrite.
    """
    from life_jax.grid.storage import compression, journal, reducer_checkpoint, store

    if path.is_dir() and not compression.is_zarr(path):
        raise ConfigError(f"out={path} is a folder; a file name is needed")
    if not path.exists() or study.overwrite:
        return ""
    if not path.is_file() and not path.is_dir():
        raise ConfigError(f"out={path} is a pipe or a device; a file name is needed")
    existing = reducer_checkpoint.identity_of(path) if path.suffix == ".npz" else store.identity_of(path)
    if existing is None or not journal.same_question(existing, identity):
        raise ConfigError(f"{path} exists and answers another question; overwrite=true replaces it")
    return COMPLETE if existing == identity else OTHER_CODE


def _code_of(path: Path) -> str:
    """The version and the revision that a result says, in brackets."""
    from life_jax.grid.storage import store

    with store.read(path) as ds:
        version, revision = (str(ds.attrs.get(key, "")) for key in ("life_jax_version", "git_revision"))
    known = [version, *([f"revision {revision}"] if revision not in ("", "none") else [])]
    return f" ({', '.join(known)})" if version else ""


def refuse_pictures(study: "Study", path: Path) -> None:
    """Raise StoreError where a picture of plot= would replace a file that is no picture of this question."""
    if study.plots:
        from life_jax.plotting import pictures

        for picture in pictures.files(study.plots, path.with_suffix("")):
            pictures.refuse_foreign(picture, study.question, overwrite=study.overwrite)


def draw(study: "Study", path: Path) -> list[Path]:
    """Save the pictures of plot= beside the result.

    Returns their paths. Raises ConfigError where the result has not what a picture shows.
    """
    from life_jax.grid.storage import store
    from life_jax.plotting import pictures
    from life_jax.studies import timelines

    objectives = study.reduction.pareto if study.reduction is not None else ()
    names = products(study)
    about = [_with_names(part, names) for part in result_columns.constant_words(study)]
    labels = {name: c.values for name, c in study.template.coordinates.items() if not c.numbered}
    places = point.point(labels, study.view.at)
    with store.read(path) as ds:
        try:
            return list(
                pictures.save(
                    study.plots,
                    ds,
                    study.cases,
                    objectives,
                    path.with_suffix(""),
                    study.question,
                    study.overwrite,
                    about=about,
                    places=places,
                    chosen=tuple(study.view.at),
                    names_of=names,
                    page=partial(_report, study, ds),
                    minute=partial(timelines.simulated_minute, seed=study.seed, trace=study.trace),
                )
            )
        except ValueError as error:
            raise ConfigError(str(error)) from None


def products(study: "Study") -> dict[str, dict[str, str]]:
    """Dimension (hw, model) -> label as typed -> name of the product, where no other label has the same."""
    composed, names = study.composed, {}
    for dim, files in (("hw", composed.hw), ("model", composed.model)):
        of = {composed.labels[dim][key]: _product(dim, key, file.name) for key, file in files.items()}
        names[dim] = {label: name for label, name in of.items() if list(of.values()).count(name) == 1}
    return names


def _product(dim: str, key: str, name: str) -> str:
    """The name of a device as its file has it; of a model the spelling with capitals that hubs have, if any."""
    if dim == "hw":
        return name
    alike = (alias for alias in aliases("model").get(key, ()) if _letters(alias) == _letters(key))
    spelt = [alias for alias in alike if " " not in alias and alias != alias.lower()]
    return min(spelt, key=lambda alias: sum(letter.isupper() for letter in alias), default=name)


def _letters(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


def _with_names(text: str, names: dict[str, dict[str, str]]) -> str:
    """A part of a title with products in place of labels."""
    for label, name in {**names["hw"], **names["model"]}.items():
        text = re.sub(rf"(?<![\w./-]){re.escape(label)}(?![\w./-])", name.replace("\\", ""), text)
    return text


def _report(study: "Study", ds: "xr.Dataset") -> str:
    from life_jax.explorer.snapshot import report

    return report(study, ds)
