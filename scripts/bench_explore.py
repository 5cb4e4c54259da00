"""What a move of a slider takes in the browser: python scripts/bench_explore.py [--moves N].

First seconds from the command to the first picture; then milliseconds from the input event to the frame that shows the
answer, for one device and for twelve combinations, by steps of one place and by jumps. Needs chromium with its driver,
and selenium.
"""

import argparse
import statistics
import time
from typing import Any

import browser

ONE = "hw=v100&model=llama3_1_8b&opt=none&engine=generic"
TWELVE = (
    "hw=v100&hw=a100&hw=h100_sxm&hw=rtx_4090&hw=m3_max&hw=mi300x&model=llama3_1_8b&opt=none&opt=int4&engine=generic"
)
NUMBERS = "n.prompt=512&n.output=128&n.batch=4&n.context=0"
VIEWS = {
    "compare, 1 combination": f"view=compare&{ONE}&{NUMBERS}",
    "compare, 12 combinations": f"view=compare&{TWELVE}&{NUMBERS}",
    "where, 1 combination": f"view=where&{ONE}&{NUMBERS}",
    "trade, 12 combinations": f"view=trade&{TWELVE}&{NUMBERS}",
    "fits, 44 combinations": f"view=fits&{ONE}&s.device=v100&s.stacks=none,q4_k_m",
}


JUMP = """const slider = arguments[0];
slider.value = (Number(slider.value) + Math.ceil(0.27 * slider.max)) % Number(slider.max);
slider.dispatchEvent(new Event("input", { bubbles: true }));"""


def moves(driver: Any, count: int, *, jumps: bool) -> list[float]:
    """Milliseconds of each of `count` moves of the second slider of the page, none of which was asked before: by one
    place, as arrow keys do, or far, as a pointer does."""
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    slider = driver.find_elements(By.CSS_SELECTOR, ".slider input[type=range]")[1]
    slider.send_keys(Keys.HOME)
    browser.wait_quiet(driver)
    driver.execute_script("LJ.moves.length = 0; LJ.forget()")
    places = int(slider.get_attribute("max"))
    for index in range(count):
        shown = driver.execute_script("return LJ.shown")
        if jumps:
            driver.execute_script(JUMP, slider)
        else:
            slider.send_keys(Keys.ARROW_RIGHT if index % (2 * places) < places else Keys.ARROW_LEFT)
        browser.wait(driver, f"LJ.shown > {shown}")
        time.sleep(0.15)  # as a hand does; what follows an answer is then done, too
    return list(driver.execute_script("return LJ.moves"))


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--moves", type=int, default=40)
    options = parser.parse_args()
    with browser.chromium() as driver:
        started = time.monotonic()
        with browser.explorer("hw=v100") as address:
            driver.get(f"{address}#{VIEWS['compare, 1 combination']}")
            browser.wait(driver, "typeof LJ !== 'undefined' && LJ.shown")
            print(f"{'command to first picture':<28}{time.monotonic() - started:8.2f} s")
            for name, view in VIEWS.items():
                driver.get("about:blank")
                driver.get(f"{address}#{view}")
                browser.wait_quiet(driver)
                for jumps, how in ((False, "steps"), (True, "jumps")):
                    taken = sorted(moves(driver, options.moves, jumps=jumps))
                    tail = taken[int(0.95 * (len(taken) - 1))]
                    median = statistics.median(taken)
                    print(f"{name:<26}{how}{median:8.1f} ms median{tail:8.1f} p95{taken[-1]:8.1f} max", flush=True)


if __name__ == "__main__":
    main()
