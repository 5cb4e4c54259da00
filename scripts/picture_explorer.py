"""Pictures of every view of the explorer: python scripts/picture_explorer.py FOLDER [--widths 1280,800,390] [--dark],
or those that docs/explorer.md shows: python scripts/picture_explorer.py --docs.

Needs chromium with its driver, and selenium.
"""

import argparse
from pathlib import Path
from typing import Any

import browser

NUMBERS = "n.prompt=1024&n.output=256&n.batch=4"
CASES = f"hw=rtx_4090&hw=m3_max&hw=h100_sxm&model=llama3_1_8b&opt=none&opt=int4&engine=auto&{NUMBERS}"
VIEWS = {
    "fits": f"view=fits&{CASES}&s.device=rtx_4090&s.context=8192",
    "compare": f"view=compare&{CASES}",
    "where": f"view=where&{CASES}&s.case=1",
    "trade": f"view=trade&{CASES}&s.target.tpot=0.03&s.target.quality=0.9",
    "load": f"view=load&hw=h100_sxm&hw=l40s&model=llama3_1_8b&engine=vllm&{NUMBERS}&s.load.ttft=0.5",
    "plan": f"view=plan&hw=rtx_4090&hw=h100_sxm&model=llama3_1_8b&{NUMBERS}&s.plan.tpot=0.05&s.plan.quality=0.9",
}

FOR_DOCS = {f"explorer_{view}.png": view for view in ("fits", "compare", "trade")}
WIDTH, HEIGHT = 1120, 860  # px, of pictures in docs


def shown(driver: Any, address: str, view: str) -> None:
    """Open a view and wait for its answers."""
    driver.get("about:blank")
    driver.get(f"{address}#{VIEWS[view]}")
    browser.wait_quiet(driver)


def for_docs() -> None:
    """Make the pictures of docs anew."""
    with browser.explorer() as address, browser.chromium(WIDTH, HEIGHT) as driver:
        for name, view in FOR_DOCS.items():
            shown(driver, address, view)
            (browser.ROOT / "docs" / "pictures" / name).write_bytes(browser.whole_page(driver, HEIGHT))


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=Path())
    parser.add_argument("--docs", action="store_true")
    parser.add_argument("--widths", default="1280,800,390")
    parser.add_argument("--views", default=",".join(VIEWS))
    parser.add_argument("--dark", action="store_true")
    options = parser.parse_args()
    if options.docs:
        for_docs()
        return
    options.folder.mkdir(parents=True, exist_ok=True)
    with browser.explorer() as address:
        for width in map(int, options.widths.split(",")):
            with browser.chromium(width, 900, options.dark) as driver:
                for view in options.views.split(","):
                    shown(driver, address, view)
                    name = f"{view}_{width}{'_dark' if options.dark else ''}.png"
                    (options.folder / name).write_bytes(browser.whole_page(driver))
                    for line in driver.get_log("browser"):
                        print(view, width, line["level"], line["message"][:300])


if __name__ == "__main__":
    main()
