"""How far a sweep is: a bar on stderr with the structure under way, points per second and the time left.

Nothing is shown where stderr is no terminal.
"""

import contextlib
import gc
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from life_jax.terminal import command
from life_jax.terminal.tables import engineering


class Watch:
    """What a sweep tells of its progress: called with points that are done, and told of each structure that begins.

    points: of the whole sweep. compiles: whether a structure's first points wait for a compilation. clock: seconds; it
    is asked at every report.
    """

    def __init__(self, points: int, clock: Callable[[], float] = time.monotonic, *, compiles: bool = False) -> None:
        """The sweep begins now."""
        self.points, self.compiles, self._clock = points, compiles, clock
        self.done = self.number = self.count = 0
        self._last = clock()
        self._waited = self._computed = 0.0  # seconds until a structure's first points, and of all other points
        self._ready = 0  # structures whose first points are done
        self._first = self._later = 0  # points that came first in their structure, and the others

    def __call__(self, points: int) -> None:
        """So many points more are done. Raises KeyboardInterrupt if Ctrl-C came meanwhile."""
        command.stop_if_interrupted()
        gc.enable()  # a long sweep needs it; command.guarded has switched it off
        seconds = self._passed()
        if self._ready < self.number:
            self._ready, self._waited, self._first = self.number, self._waited + seconds, self._first + points
        else:
            self._computed, self._later = self._computed + seconds, self._later + points
        self.done += points

    def structure(self, number: int, count: int) -> None:
        """The first points of a structure are computed next, which takes a compilation in a large sweep."""
        self.number, self.count = number, count

    def _passed(self) -> float:
        before, self._last = self._last, self._clock()
        return self._last - before

    @property
    def label(self) -> str:
        """compiling 7 of 20, or structure 7 of 20 once it is; empty for a single structure that is not compiled."""
        which = f"{self.number} of {self.count}" if self.count > 1 else ""
        if self.compiles and self._ready < self.number:
            return f"compiling {which}".strip()
        return f"structure {which}" if which else ""

    @property
    def rate(self) -> float:
        """Points per second since the beginning."""
        seconds = self._waited + self._computed
        return self.done / seconds if seconds else 0.0

    @property
    def left(self) -> float | None:
        """Seconds that the rest takes, the structures that have not begun included; None where nothing tells."""
        if not self.done:
            return None
        to_come = self.count - self._ready
        each = self._waited / self._ready if self._ready else 0.0
        # the first points of a structure are counted with their compilation
        points = self.points - self.done - (to_come * self._first / self._ready if self._ready else 0.0)
        return to_come * each + (max(points, 0.0) * self._computed / self._later if self._later else 0.0)


PATIENCE = 1.0  # seconds after which a wait is told


@contextlib.contextmanager
def waiting(text: str) -> Iterator[Callable[[str], None]]:
    """Context of work without points, which a terminal is told of once it takes longer than PATIENCE. Gives a function
    that changes what is told."""
    if not sys.stderr.isatty():
        yield lambda text: None
        return
    shown: list[Any] = []
    told = [text]

    def tell(text: str) -> None:
        told[0] = text
        for status in shown:
            status.update(text)

    def show() -> None:
        from rich.console import Console

        shown.append(Console(stderr=True).status(told[0]))
        shown[0].start()

    timer = threading.Timer(PATIENCE, show)
    timer.daemon = True
    timer.start()
    try:
        yield tell
    finally:
        timer.cancel()
        timer.join()
        for status in shown:
            status.stop()


@contextlib.contextmanager
def watched(points: int, *, compiles: bool = False) -> Iterator[Watch]:
    """Context with a watch over a sweep of so many points, which moves a bar where stderr is a terminal.

    compiles: whether the sweep's structures are compiled.
    """
    watch = Watch(points, compiles=compiles)
    with _bar(watch) if sys.stderr.isatty() else contextlib.nullcontext():
        yield watch


def _bar(watch: Watch) -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, ProgressColumn
    from rich.text import Text

    class Facts(ProgressColumn):
        max_refresh = None

        def render(self, task: Any) -> Text:
            left = "" if watch.left is None else f"{timedelta(seconds=round(watch.left))} left"
            rate = f"{engineering(watch.rate)}points/s" if watch.done else "preparing"
            return Text("  ".join(part for part in (watch.label, rate, left) if part))

    class Percent(ProgressColumn):
        max_refresh = None

        def render(self, task: Any) -> Text:
            bar.update(task.id, completed=watch.done)
            return Text(f"{100 * watch.done / max(watch.points, 1):>3.0f}%")

    bar = Progress(Percent(), BarColumn(20), Facts(), console=Console(stderr=True), transient=True)
    bar.add_task("", total=watch.points)
    return bar
