"""The progress of a sweep: which structure, how fast, and how long the rest takes."""

import io
import sys
import time

import pytest

from life_jax.terminal import progress


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def test_the_time_left_counts_the_structures_that_have_not_begun():
    """Four structures that take 10 s until their first 5 points and 1 s for each 5 points after."""
    clock = Clock()
    watch = progress.Watch(60, clock)
    assert watch.left is None and watch.label == ""
    ends = []
    for number in (1, 2, 3, 4):
        watch.structure(number, 4)
        assert watch.label == f"structure {number} of 4"
        for seconds in (10, 1, 1):
            clock.now += seconds
            watch(5)
            assert watch.label == f"structure {number} of 4"
            ends.append(clock.now + watch.left)
    assert watch.done == 60 and watch.left == 0
    assert ends[1:] == pytest.approx([48.0] * 11)  # known once both kinds of time were seen


def test_a_structure_is_compiled_until_its_first_points_are_there():
    watch = progress.Watch(60, Clock(), compiles=True)
    watch.structure(7, 20)
    assert watch.label == "compiling 7 of 20"
    watch(5)
    assert watch.label == "structure 7 of 20"
    single = progress.Watch(60, Clock(), compiles=True)
    single.structure(1, 1)
    assert single.label == "compiling"


def test_one_structure_is_not_counted_and_points_tell_the_time():
    clock = Clock()
    watch = progress.Watch(100, clock)
    watch.structure(1, 1)
    for seconds in (5, 1):
        clock.now += seconds
        watch(10)
    assert watch.label == "" and watch.left == pytest.approx(8)
    assert watch.rate == pytest.approx(20 / 6)


def test_a_terminal_is_told_the_structure_and_a_file_nothing(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    for stream, told in ((Terminal(), True), (io.StringIO(), False)):
        monkeypatch.setattr(sys, "stderr", stream)
        monkeypatch.setenv("TERM", "xterm")
        with progress.watched(100) as watch, progress.waiting("checking"):
            watch.structure(7, 20)
            watch(50)
            time.sleep(0.3 if told else 0)
        assert ("structure 7 of 20" in stream.getvalue()) == told and ("50%" in stream.getvalue()) == told
        if not told:
            assert stream.getvalue() == ""


def test_a_wait_is_told_once_it_is_long(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(progress, "PATIENCE", 0.05)
    monkeypatch.setenv("TERM", "xterm")
    with progress.waiting("checking the question"):
        time.sleep(0.02)
    assert stream.getvalue() == ""
    with progress.waiting("checking the question"):
        deadline = time.monotonic() + 20
        while "checking the question" not in stream.getvalue() and time.monotonic() < deadline:
            time.sleep(0.05)
    assert "checking the question" in stream.getvalue()
