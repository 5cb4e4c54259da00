"""What a move of a slider takes in the browser: python scripts/bench_explore.py [--moves N].

First seconds from the command to the first picture; then milliseconds from the input event to the frame that shows the
answer, for one device and for several combinations, by steps of one place and by jumps; and milliseconds of CPU of the
server for a move, until the answer is shown, and with all that follows and is computed ahead. Needs chromium with its
driver, and selenium.
"""

import argparse
import statistics
import time
from pathlib import Path
from typing import Any

import browser

ONE = "hw=v100&model=llama3_1_8b&opt=none&engine=generic"
TWELVE = (
    "hw=v100&hw=a100&hw=h100_sxm&hw=rtx_4090&hw=m3_max&hw=mi300x&model=llama3_1_8b&opt=none&opt=int4&engine=generic"
)
LOADED = {  # combinations -> devices, stacks and engine
    1: ONE,
    2: "hw=h100_sxm&hw=l40s&model=llama3_1_8b&engine=vllm",
    8: "hw=v100&hw=a100&hw=h100_sxm&hw=rtx_4090&model=llama3_1_8b&opt=none&opt=int4&engine=generic",
}
NUMBERS = "n.prompt=512&n.output=128&n.batch=4&n.context=0"
VIEWS = {
    "compare, 1 combination": f"view=compare&{ONE}&{NUMBERS}",
    "compare, 12 combinations": f"view=compare&{TWELVE}&{NUMBERS}",
    "where, 1 combination": f"view=where&{ONE}&{NUMBERS}",
    "trade, 12 combinations": f"view=trade&{TWELVE}&{NUMBERS}",
    "fits, 44 combinations": f"view=fits&{ONE}&s.device=v100&s.stacks=none,q4_k_m",
    **{f"load, {n} combinations": f"view=load&{of}&{NUMBERS}" for n, of in LOADED.items()},
    "plan, 2 devices": f"view=plan&hw=rtx_4090&hw=h100_sxm&model=llama3_1_8b&{NUMBERS}&s.plan.tpot=0.05",
}
SEARCHED = 0.2  # of the moves, in a view that searches when a slider is let go


JUMP = """const slider = arguments[0];
slider.value = (Number(slider.value) + Math.ceil(0.27 * slider.max)) % Number(slider.max);
for (const event of ["input", "change"]) slider.dispatchEvent(new Event(event, { bubbles: true }));"""


def moves(driver: Any, count: int, pid: int, *, jumps: bool) -> tuple[list[float], list[float]]:
    """Milliseconds of each of `count` moves of the second slider of the page, none of which was asked before: by one
    place, as arrow keys do, or far, as a pointer does; and those of CPU of the server (pid) until the answer is
    shown."""
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    slider = driver.find_elements(By.CSS_SELECTOR, ".slider input[type=range]")[1]
    slider.send_keys(Keys.HOME)
    browser.wait_quiet(driver)
    driver.execute_script("LJ.moves.length = 0; LJ.forget()")
    places = int(slider.get_attribute("max"))
    of_server = []
    for index in range(count):
        before = cpu(pid)
        shown = driver.execute_script("return LJ.shown")
        if jumps:
            driver.execute_script(JUMP, slider)
        else:
            slider.send_keys(Keys.ARROW_RIGHT if index % (2 * places) < places else Keys.ARROW_LEFT)
        browser.wait(driver, f"LJ.shown > {shown}")
        of_server.append(cpu(pid) - before)
        time.sleep(0.15)  # as a hand does; what follows an answer is then done, too
    return list(driver.execute_script("return LJ.moves")), of_server


def cpu(pid: int) -> float:
    """CPU time of all threads of a process so far [ms], of Linux."""
    threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e6


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--moves", type=int, default=40)
    parser.add_argument("--views", default="", help="how the names of those that are measured begin, such as load")
    options = parser.parse_args()
    with browser.chromium() as driver:
        started = time.monotonic()
        pids: list[int] = []
        with browser.explorer("hw=v100", started=pids.append) as address:
            driver.get(f"{address}#{VIEWS['compare, 1 combination']}")
            browser.wait(driver, "typeof LJ !== 'undefined' && LJ.shown")
            print(f"{'command to first picture':<28}{time.monotonic() - started:8.2f} s")
            for name, view in VIEWS.items():
                if not name.startswith(options.views):
                    continue
                driver.get("about:blank")
                driver.get(f"{address}#{view}")
                browser.wait_quiet(driver)
                count = max(4, int(SEARCHED * options.moves)) if name.startswith("plan") else options.moves
                for jumps, how in ((False, "steps"), (True, "jumps")):
                    before = cpu(pids[0])
                    taken, of_server = map(sorted, moves(driver, count, pids[0], jumps=jumps))
                    each = (cpu(pids[0]) - before) / count
                    tail, median = taken[int(0.95 * (len(taken) - 1))], statistics.median(taken)
                    times = f"{median:8.1f} ms median{tail:8.1f} p95{taken[-1]:8.1f} max"
                    of_cpu = f"{statistics.median(of_server):8.1f} until shown{each:8.1f} in all"
                    print(f"{name:<26}{how}{times};{of_cpu}", flush=True)


if __name__ == "__main__":
    main()
