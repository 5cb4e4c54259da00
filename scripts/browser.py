"""A browser without a window, for the tests, the pictures and the times of the explorer; the explorer in a process."""

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SECONDS = 240.0  # that anything may take, also where other processes take most of the machine


def is_there() -> bool:
    """Whether selenium, chromium and its driver are installed."""
    try:
        import selenium  # noqa: F401
    except ImportError:
        return False
    return bool(shutil.which("chromium") and shutil.which("chromedriver"))


@contextlib.contextmanager
def explorer(*words: str, cwd: Path = ROOT, started: Callable[[int], None] | None = None) -> Iterator[str]:
    """The address of an explorer that runs meanwhile in a process of its own; started: told the id of the process."""
    environment = os.environ | {"PYTHONPATH": os.fspath(ROOT)}
    process = subprocess.Popen(
        [sys.executable, "-m", "life_jax.explore", *words], cwd=cwd, env=environment, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    if started is not None:
        started(process.pid)
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait(SECONDS)
        process.stdout.close()


@contextlib.contextmanager
def chromium(width: int = 1280, height: int = 900, dark: bool = False) -> Iterator[Any]:
    """A chromium that can reach 127.0.0.1 alone, and keeps a log of what it asks for."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = str(shutil.which("chromium"))
    for flag in (
        "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--hide-scrollbars",
        f"--window-size={width},{height}", "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
        "--disable-background-networking", "--disable-component-update", "--no-first-run",
    ):  # fmt: skip
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(str(shutil.which("chromedriver"))))
    driver.set_script_timeout(5 * SECONDS)
    try:
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": scheme})
        yield driver
    finally:
        driver.quit()


def wait(driver: Any, condition: str, seconds: float = SECONDS) -> None:
    """Wait until an expression of the page's script is true. Raises TimeoutError."""
    end = time.monotonic() + seconds
    while not driver.execute_script(f"return Boolean({condition})"):
        if time.monotonic() > end:
            raise TimeoutError(f"{condition} is not so after {seconds:g} s")
        time.sleep(0.02)


def wait_quiet(driver: Any) -> None:
    """Wait until an answer is shown and none is under way."""
    wait(driver, "typeof LJ !== 'undefined' && LJ.shown && !LJ.running() && !LJ.following")


def whole_page(driver: Any, most: float = float("inf")) -> bytes:
    """A picture of the page as PNG: of the whole of it, or of its first `most` pixels."""
    import base64

    size = driver.execute_cdp_cmd("Page.getLayoutMetrics", {})["cssContentSize"]
    clip = {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], most), "scale": 1}
    taken = driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True, "clip": clip})
    return base64.b64decode(taken["data"])
