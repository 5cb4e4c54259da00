"""Ctrl-C while a command still imports what it needs: one line and status 130, where Python would print a traceback."""

import contextlib
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

INTERRUPTED = 130  # exit status
SCRIPT = "life-jax"  # what names of installed commands begin with


def is_command() -> bool:
    """Whether Python was started for a command: by its installed script, or as `python -m life_jax.VERB`, of which
    only the switch is known while the package is imported. No program that imports life_jax later is one."""
    first = sys.argv[0] if getattr(sys, "argv", None) else ""
    return first == "-m" or Path(first).name.startswith(SCRIPT)


def end_quietly() -> None:
    """End the process at Ctrl-C from here on, wherever it is, until something else handles it; not where Ctrl-C is
    ignored."""
    is_main = threading.current_thread() is threading.main_thread()
    if is_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)


def _end(number: int, frame: Any) -> None:
    with contextlib.suppress(OSError, RuntimeError, ValueError, AttributeError):  # closed, or being written just now
        sys.stdout.flush()
    with contextlib.suppress(OSError):
        os.write(2, b"interrupted\n")
    os._exit(INTERRUPTED)
