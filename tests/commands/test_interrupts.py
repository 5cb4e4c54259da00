"""Ctrl-C at any moment of a command ends it in one line with status 130, also while it imports."""

import os
import signal
import subprocess
import sys

import pytest
from places import ROOT

# a command whose own process gets SIGINT before it imports a module for the N-th time, or (0) at the end of all
PROGRAM = """
import os, runpy, signal, sys, threading, typing

class Stop:
    def __init__(self, left): self.left = left
    def find_spec(self, name, path=None, target=None):
        self.left -= 1
        if not self.left: os.kill(os.getpid(), signal.SIGINT)

left = int(sys.argv.pop(1))
sys.argv.pop(0)
import life_jax
sys.meta_path.insert(0, Stop(left))
if sys.argv[0] == "-m":
    runpy.run_module(sys.argv.pop(1), run_name="__main__", alter_sys=False)
else:
    from life_jax.__main__ import main
    main()
os.kill(os.getpid(), signal.SIGINT)
"""


def as_usual() -> None:
    """Take interrupts, which what a shell runs in the background ignores."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


WAYS = {"module": ["-m", "life_jax.catalog", "hw"], "script": ["/bin/life-jax", "catalog", "hw"]}


@pytest.mark.skipif(sys.platform == "win32", reason="sends itself SIGINT")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("number", [1, 2, 7, 30, 80, 0])
def test_an_interrupt_is_one_line_at_every_moment(way, number, tmp_path):
    environment = os.environ | {"PYTHONPATH": str(ROOT), "LIFE_JAX_CACHE": "off"}
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(number), *WAYS[way]],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, preexec_fn=as_usual,
    )  # fmt: skip
    assert (ended.returncode, ended.stderr) == (130, "interrupted\n")
    assert (number == 0) == ("h100" in ended.stdout)  # what was printed before is there


def test_a_program_that_imports_the_package_keeps_its_own_interrupts():
    code = "import signal, life_jax; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    seen = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True,
                          preexec_fn=as_usual)  # fmt: skip
    assert seen.stdout == "True\n"
