"""Runs what README.md and docs/ tell readers to type, and writes below it what it prints:
python scripts/refresh_docs.py [FILE...] [--pictures]

```console    lines that begin with `$ ` are commands of ours (after a backslash they go on); below each stands what it
              prints on stdout and stderr, in a terminal of 80 columns
```sh         commands of ours are run, one a line; those of other programs, such as pip, are not
```python     is run, in one namespace a page; a block ```text right behind it is what it prints

A comment before a block says what is unusual about it. `<!-- first 9 lines -->` and `<!-- last 9 lines -->` keep a part
of each output, `<!-- without the path -->` all but its last line; `<!-- refused -->` means status 2, and
`<!-- yours will differ -->` that it depends on the machine: it is run, and not compared.

A page is run from top to bottom in an empty folder beside `examples/`. A picture that a page shows is what one of its
commands wrote under that name; --pictures copies it. The table of errors between two comments of README.md is that of
docs/accuracy.md. tests/scripts/test_refresh_docs.py fails where a page says something else than its commands.
"""

import contextlib
import io
import os
import re
import shlex
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import life_jax.__main__

ROOT = Path(__file__).resolve().parents[1]
ACCURACY = ROOT / "docs" / "accuracy.md"
BLOCK = re.compile(r"(?P<note><!-- [^>]*-->\n)?```(?P<kind>console|sh|python)\n(?P<body>.*?)^```$\n", re.DOTALL | re.M)
PRINTED = re.compile(r"\n```text\n(?P<body>.*?)^```$\n", re.DOTALL | re.MULTILINE)
PICTURE = re.compile(r"!\[[^\]]*\]\((?P<path>[^)\s]+\.(?:png|svg))\)")
ERRORS = re.compile(r"(<!-- table of errors[^>]*-->\n).*?(<!-- end of table -->)", re.DOTALL)
# a change of any file of conf changes the name that a result has by default, but nothing that a reader sees
NAME_OF_RESULT = re.compile(r"(?<=_)[0-9a-f]{6,}(?=[.]\w)")
COLUMNS = "80"
UNLIKE = "yours will differ"


class PageError(Exception):
    """A page tells readers to type what does not work."""


@dataclass
class Session:
    """What the commands of a page share: the folder they run in and the namespace of its Python."""

    folder: Path
    names: dict[str, Any] = field(default_factory=dict)


def pages() -> list[Path]:
    """README.md and the pages of docs/, without the decisions and what the build of the site writes."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@contextlib.contextmanager
def session() -> Iterator[Session]:
    """An empty folder with a copy of examples/, in which commands are run in this process."""
    outside = {"COLUMNS": COLUMNS, "LIFE_JAX_CACHE": "off", "MPLBACKEND": "agg"}
    with tempfile.TemporaryDirectory() as folder, mock.patch.dict(os.environ, outside), contextlib.chdir(folder):
        shutil.copytree(ROOT / "examples", Path(folder) / "examples")
        yield Session(Path(folder))


def captured(run: Callable[[], Any]) -> tuple[int, str]:
    """The exit status of what is run, and what it prints on both streams."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
    status = 0
    with contextlib.redirect_stdout(stream), contextlib.redirect_stderr(stream):
        try:
            run()
        except SystemExit as end:
            status = int(end.code or 0)
    return status, stream.buffer.getvalue().decode("utf-8")  # type: ignore[attr-defined]


def words_of(command: str) -> list[str] | None:
    """The words behind life-jax, or behind `python -m life_jax.` with its verb; None of another program's command."""
    words = shlex.split(command.replace("\\\n", " "), comments=True)
    if words[:1] == ["life-jax"]:
        return words[1:]
    if words[:2] == ["python", "-m"] and words[2].split(".")[0] == "life_jax":
        return [*words[2].split(".")[1:], *words[3:]]
    return None


def typed(words: list[str]) -> tuple[int, str]:
    """What a command of ours does, in this process: its status and what it prints."""
    with mock.patch.object(sys, "argv", ["life-jax", *words]), ending_at_once(words[:1] == ["explore"]):
        return captured(life_jax.__main__.main)


@contextlib.contextmanager
def ending_at_once(serves: bool) -> Iterator[None]:
    """Let a command that serves until it is interrupted end as soon as it is ready."""
    if not serves:
        yield
        return
    with mock.patch("life_jax.explorer.server.run", lambda *words: words[-1]("http://127.0.0.1:8080/")):
        yield


def run_command(command: str, note: str = "") -> str:
    """What a command prints. Raises PageError where it ends otherwise than the page says."""
    words = words_of(command)
    if words is None:
        raise PageError(f"{command}: a console block is for life-jax")
    status, printed = typed(words)
    if status != (2 if "refused" in note else 0) and UNLIKE not in note:
        raise PageError(f"{command}\nended with status {status}:\n{printed}")
    return shortened(printed, note)


def shortened(printed: str, note: str) -> str:
    """The part of an output that a note asks for; no blanks at ends of lines, no empty lines at the end."""
    lines = [line.rstrip() for line in printed.rstrip().splitlines()]
    if "without the path" in note:
        lines = "\n".join(lines[:-1]).rstrip().splitlines()
    if (few := re.search(r"(first|last) (\d+) lines", note)) and len(lines) > int(few[2]):
        count = int(few[2])
        lines = [*lines[:count], "..."] if few[1] == "first" else ["...", *lines[-count:]]
    return "".join(f"{line}\n" for line in lines)


def commands(body: str) -> Iterator[tuple[str, str]]:
    """(command as it stands, lines below it) of a console block."""
    for part in re.split(r"^\$ ", body, flags=re.MULTILINE)[1:]:
        lines = part.splitlines(keepends=True)
        last = next(i for i, line in enumerate(lines) if not line.endswith("\\\n"))
        yield "".join(lines[: last + 1]), "".join(lines[last + 1 :])


def console(body: str, note: str) -> str:
    """A console block with what its commands print today."""
    done = []
    for command, below in commands(body):
        printed = run_command(command, note)
        done.append(f"$ {command}{below if same(below, printed) else printed}")
    return "".join(done)


def same(first: str, second: str) -> bool:
    """Whether two outputs are equal but for the hash in the name of a result."""
    return NAME_OF_RESULT.sub("HASH", first) == NAME_OF_RESULT.sub("HASH", second)


def shell(body: str) -> None:
    """Run the commands of a block sh that are ours. Raises PageError where one fails."""
    for command in re.split(r"(?<!\\)\n", body):
        if words_of(command) is not None:
            run_command(command)


def python(body: str, names: dict[str, Any]) -> str:
    """What a block of Python prints; its names stay. Raises PageError where it raises."""
    try:
        return shortened(captured(lambda: exec(compile(body, "page", "exec"), names))[1], "")
    except Exception as error:
        raise PageError(f"{body}\n{type(error).__name__}: {error}") from error


def refreshed(text: str, run: Session, *, everything: bool = True) -> str:
    """The text of a page, each block run and its output made anew.

    everything: also what depends on the machine. Raises PageError where something does not run.
    """
    made, place = [], 0
    for block in BLOCK.finditer(text):
        note, kind, body = block["note"] or "", block["kind"], block["body"]
        made.append(text[place : block.start()])
        place = block.end()
        if kind == "console":
            new = console(body, note)
            made.append(f"{note}```console\n{new if everything or UNLIKE not in note else body}```\n")
            continue
        made.append(block[0])
        if kind == "sh":
            shell(body)
            continue
        printed = python(body, run.names)
        if below := PRINTED.match(text, place):
            made.append(f"\n```text\n{printed}```\n")
            place = below.end()
    return with_errors("".join([*made, text[place:]]))


def missing_pictures(text: str, run: Session) -> list[str]:
    """Pictures that a page shows and that none of its commands wrote."""
    return [path for path in PICTURE.findall(text) if not (run.folder / Path(path).name).is_file()]


def copy_pictures(page: Path, text: str, run: Session) -> None:
    """Copy what the commands of a page have drawn to where the page shows it."""
    for path in set(PICTURE.findall(text)) - set(missing_pictures(text, run)):
        target = page.parent / path
        target.parent.mkdir(exist_ok=True)
        shutil.copyfile(run.folder / target.name, target)


# rows of README's table of errors -> the beginning of a line of docs/accuracy.md
ROWS: Mapping[str, str] = {
    "rows of 2024 to 2026 of publishers that the fit had not seen": "new rows, sources left out",
    "older rows of devices that the fit had not seen": "old rows, devices left out",
    "the same, calibrated with three rows of each": "old rows, three recommended",
    "the same, with three rows of each drawn at random": "old rows, three drawn",
    "two factors fitted to these very rows": "two factors",
    "LIFE: half of each peak": "LIFE, 0.5 and 0.5",
    "the datasheet's bound": "datasheet",
}
CELL = r"([\d.]+)/ *([\d.]+) \((\d+)"


def errors_table(accuracy: str) -> str:
    """README's table of errors from the text of docs/accuracy.md: mean / median in percent, and how many cells."""
    lines = ["| forecast | TTFT | TPOT | whole request |", "|---|---|---|---|"]
    for row, start in ROWS.items():
        (line,) = re.findall(rf"^{re.escape(start)} .*$", accuracy, re.MULTILINE)
        cells = [f"{mean} / {median} ({count})" for mean, median, count in re.findall(CELL, line)]
        cells += [""] * (3 - len(cells))  # new rows time no whole requests
        lines.append(f"| {row} | {' | '.join(cells)} |")
    return "".join(f"{line}\n" for line in lines)


def with_errors(text: str) -> str:
    """The text with its table of errors made anew, if it has one."""
    table = errors_table(ACCURACY.read_text(encoding="utf-8"))
    return ERRORS.sub(lambda found: f"{found[1]}{table}{found[2]}", text)


def main() -> None:
    """Run the pages that are named, or all, and rewrite them."""
    named = [Path(word).resolve() for word in sys.argv[1:] if not word.startswith("-")]
    for page in named or pages():
        text = page.read_text(encoding="utf-8")
        with session() as run:
            new = refreshed(text, run)
            if "--pictures" in sys.argv:
                copy_pictures(page, new, run)
        if new != text:
            page.write_text(new, encoding="utf-8")
            print(f"{page.relative_to(ROOT)}: made anew")


if __name__ == "__main__":
    main()
