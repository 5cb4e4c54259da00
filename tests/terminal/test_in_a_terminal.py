"""Every command of README, docs and help in a terminal of 80 and of 120 columns: no number is cut, no line too long."""

import json
import os
import pty
import re
import select
import shlex
import subprocess
import sys
from pathlib import Path

import pyte
import pytest
import refresh_docs
from places import ROOT

from life_jax.terminal import command
from life_jax.terminal.help import HELP

WIDE = 1000  # columns of the emulator, so that a line that is too long is seen as one
LINES = 4000
MARK = "=== command "
SERVERS = {"explore"}  # which do not end by themselves
WIDTHS = (80, 120)
# runs the commands of a JSON list at each width, one behind the other, each behind a line that says its number
DRIVER = """
import fcntl, json, struct, sys, termios, traceback
import life_jax.__main__
commands, widths = json.load(open(sys.argv[1]))
for number, words in enumerate(commands):
    for columns in widths:  # at the second width what was compiled and written for the first is there
        fcntl.ioctl(sys.stdout.fileno(), termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
        print(f"\\r\\n{MARK}{number}", flush=True)
        sys.argv = ["life-jax", *words]
        try:
            life_jax.__main__.main()
        except SystemExit:
            pass
        except Exception:  # a bug of ours, which the test names with its command
            traceback.print_exc()
        sys.stdout.flush(), sys.stderr.flush()
""".replace("{MARK}", MARK)


def shipped() -> list[list[str]]:
    """The words of all commands of pages and of help texts, each once."""
    lines: list[str] = []
    for page in refresh_docs.pages():
        for block in refresh_docs.BLOCK.finditer(page.read_text(encoding="utf-8")):
            if block["kind"] == "console":
                lines += [command for command, _ in refresh_docs.commands(block["body"])]
            elif block["kind"] == "sh":
                lines += re.split(r"(?<!\\)\n", block["body"])
    lines += [
        line for text in HELP.values() for line in re.findall(r"^  (life-jax .*?)(?: {3,}.*)?$", text, re.MULTILINE)
    ]
    words = [words for line in lines if (words := refresh_docs.words_of(line)) and words[0] not in SERVERS]
    return [json.loads(text) for text in dict.fromkeys(map(json.dumps, words))]


def in_terminal(commands: list[list[str]], widths: tuple[int, ...], folder: Path) -> list[list[list[str]]]:
    """The lines that a terminal of each width, in columns, shows of each command, run in one process.

    The emulator is wider than the terminal that programs see, so that it wraps nothing.
    """
    (folder / "commands.json").write_text(json.dumps([commands, widths]))
    ours, theirs = pty.openpty()
    environment = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES", "NO_COLOR")}
    environment |= {"TERM": "xterm-256color", "LIFE_JAX_CACHE": "off", "MPLBACKEND": "agg", "PYTHONPATH": str(ROOT)}
    child = subprocess.Popen(
        [sys.executable, "-c", DRIVER, "commands.json"], cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs,
        env=environment, close_fds=True,
    )  # fmt: skip
    os.close(theirs)
    printed = b""
    while child.poll() is None or select.select([ours], [], [], 0)[0]:
        if select.select([ours], [], [], 0.5)[0]:
            try:
                printed += os.read(ours, 1 << 16)
            except OSError:  # the other end is closed
                break
    child.wait()
    os.close(ours)
    parts = re.split(rb"\r?\n?%s\d+\r?\n" % re.escape(MARK.encode()), printed)[1:]
    assert len(parts) == len(commands) * len(widths), printed[-2000:].decode(errors="replace")
    screens = [_screen(part) for part in parts]
    return [screens[first : first + len(widths)] for first in range(0, len(screens), len(widths))]


def _screen(printed: bytes) -> list[str]:
    screen = pyte.Screen(WIDE, LINES)
    stream = pyte.ByteStream(screen)
    stream.feed(printed)
    rows = (screen.buffer[y] for y in sorted(screen.buffer))  # only what was written is there
    lines = ("".join(row[x].data for x in range(max(row, default=-1) + 1)).rstrip() for row in rows)
    return [line for line in lines if line]


def too_long(lines: list[str], columns: int) -> list[str]:
    """Lines that are longer than the terminal, but for a single word such as a path."""
    return [line for line in lines if len(line) > columns and " " in line.strip()]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the commands find the examples."""
    path = tmp_path_factory.mktemp("terminal")
    (path / "examples").symlink_to(ROOT / "examples")
    return path


@pytest.mark.slow
def test_no_number_is_cut_and_no_line_is_longer_than_the_terminal(folder):
    commands = shipped()
    assert len(commands) > 40
    for words, screens in zip(commands, in_terminal(commands, WIDTHS, folder), strict=True):
        shown = shlex.join(words)
        for_programs = any(word.startswith("format=") for word in words)
        for columns, lines in zip(WIDTHS, screens, strict=True):
            assert lines, shown
            assert not any("Traceback" in line for line in lines), "\n".join([shown, *lines])
            assert not any("…" in line for line in lines), shown
            assert for_programs or too_long(lines, columns) == [], shown


def test_every_command_is_tried_and_many_of_its_words():
    """So that a new command has an example, and is held to the widths of terminals."""
    of_commands = {words[0] for words in shipped()}
    assert of_commands | SERVERS == set(command.commands())
    words = {word.partition("=")[0] for of in shipped() for word in of[1:]}
    assert {"elasticity", "pareto", "best", "sort", "top", "format", "plot", "study", "rate", "target.tpot"} <= words


def test_a_terminal_is_told_what_is_wrong_in_lines_that_fit_it(tmp_path):
    words = [
        ["sweep"], ["sweep", "hw=v10", "opt=int4"], ["hw=v100"], [], ["explore", "hw=v10"], ["explore", "--help"],
        ["plan", "model=llama"], ["serve", "hw=h100_sxm"], ["design", "hw=h100_sxm"], ["catalog", "gpuz"],
        ["validate", "nothing.csv"], ["calibrate"], ["merge"], ["explain", "hw=gpu"], ["sweep", "--hw", "v100"],
        ["sweep", "hw=v100", "metrics=latency"], ["devices"], ["run"],
    ]  # fmt: skip
    shown = in_terminal(words, WIDTHS, tmp_path)
    for screens in shown:
        assert [too_long(lines, columns) for columns, lines in zip(WIDTHS, screens, strict=True)] == [[], []]
        assert not any("Traceback" in line or "…" in line for lines in screens for line in lines)
    for column in range(len(WIDTHS)):
        assert "hw=NAME is needed" in " ".join(" ".join(shown[0][column]).split())
        assert len(shown[3][column]) <= 25
