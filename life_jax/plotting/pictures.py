"""Files of the pictures of plot=."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from life_jax.core.whole_file import refuse_taken, whole_file
from life_jax.plotting.drawings import DRAWINGS
from life_jax.plotting.shown_part import Result, no_minute, renamed

if TYPE_CHECKING:
    import xarray as xr


PICTURE_FORMATS = ("png", "svg", "pdf")
REPORT = "report"  # one interactive page
MARKED = {"png": "Description", "svg": "Description", "pdf": "Subject"}  # key of the metadata
MOST_BYTES = 2**28  # of a picture that may be ours


def files(names: Sequence[str], stem: Path) -> list[Path]:
    """Paths of the pictures of plot=, STEM_NAME.FORMAT. names: NAME or NAME.FORMAT. stem: path without ending."""
    pairs = [word.partition(".")[::2] for word in names]
    return [
        stem.with_name(f"{stem.name}_{name}.{'html' if name == REPORT else form or PICTURE_FORMATS[0]}")
        for name, form in pairs
    ]


def refuse_foreign(path: Path, question: str, *, overwrite: bool) -> None:
    """Raise StoreError where a picture would replace a file that is no picture of its question.

    path: of the picture. question: hash of the question whose result it shows. overwrite: whether any file may be
    replaced, but a link.
    """
    if path.is_file() and not path.is_symlink() and path.stat().st_size <= MOST_BYTES:
        overwrite = overwrite or _mark(question).encode() in path.read_bytes()
    refuse_taken(path, overwrite=overwrite)


def _mark(question: str) -> str:
    """What every picture says in its metadata, so that the same command may draw it again."""
    return f"life_jax question {question}"


def save(
    names: Sequence[str],
    ds: "xr.Dataset",
    cases: Sequence[Any],
    objectives: Sequence[str],
    stem: Path,
    question: str,
    overwrite: bool = False,
    about: Sequence[str] = (),
    places: Mapping[str, int] | None = None,
    chosen: Sequence[str] = (),
    names_of: Mapping[str, Mapping[str, str]] | None = None,
    page: Callable[[], str] = str,
    minute: Callable[[Any], Any] = no_minute,
) -> list[Path]:
    """Save the pictures of plot= as files STEM_NAME.FORMAT.

    names: NAME or NAME.FORMAT, with a name of DRAWINGS or REPORT and a format of PICTURE_FORMATS, by default the
    first. ds: dataset of the result. cases: of its study. objectives: of its Pareto front, if it is one. stem: path
    without ending. question: hash of the question that the result answers. overwrite: whether a file that is no
    picture of it is replaced. about, places, chosen, names_of, minute: as a `Result` has them (names). page: makes
    the text of the report.

    Returns the paths of the files. Raises ValueError where the dataset has not what a picture shows, StoreError where
    a file is in the way.
    """
    import matplotlib as mpl

    mpl.use("Agg")  # a command line has no window
    import matplotlib.pyplot as plt

    paths = files(names, stem)
    shown, names_of = renamed(ds, names_of or {}), names_of or {}
    result = Result(shown, cases, objectives, about, places or {}, chosen, names_of, minute)
    for word, path in zip(names, paths, strict=True):
        name, form = word.partition(".")[0], path.suffix[1:]
        if name == REPORT:
            text_of_page = f"{page()}<!-- {_mark(question)} -->\n"
        else:
            figure = DRAWINGS[name](result)
        refuse_foreign(path, question, overwrite=overwrite)
        with whole_file(path, overwrite=True) as new:
            if name == REPORT:
                new.write_text(text_of_page, encoding="utf-8")
                continue
            figure.savefig(new, dpi=150, format=form, metadata={MARKED[form]: _mark(question)})
        plt.close(figure)
    return paths
