"""The explorer in a real browser: it shows what the words give, by keyboard too, and nothing leaves the machine."""

import contextlib
import json
import shlex

import browser
import pytest

import life_jax

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(not browser.is_there(), reason="chromium, its driver and selenium are not here"),
]
pytest.importorskip("uvicorn")
CASES = (
    "hw=v100&hw=a100&model=llama3_8b&opt=none&opt=int4&engine=generic&n.prompt=256&n.output=32&n.batch=2&n.context=0"
)
VIEWS = {
    "fits": "view=fits&hw=v100&engine=generic&s.device=v100&s.models=llama3_2_1b,llama3_8b&s.stacks=none,q4_k_m",
    "compare": f"view=compare&{CASES}",
    "where": f"view=where&{CASES}&s.case=3",
    "trade": f"view=trade&{CASES}&s.target.tpot=0.05",
    "load": "view=load&hw=a100&model=llama3_8b&engine=vllm&n.prompt=256&n.output=32",
    "plan": "view=plan&hw=v100&model=llama3_8b&opt=none&n.prompt=256&n.output=32&s.plan.devices=1&s.plan.free=no",
}
ANSWERS = """const done = arguments[arguments.length - 1];
LJ.ask(arguments[0], arguments[1] || LJ.question(), arguments[2] || {}).then(done, (e) => done({error: e.message}));"""


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    with browser.explorer("hw=[v100,a100]", cwd=tmp_path_factory.mktemp("empty")) as address:
        yield address


@pytest.fixture(scope="module")
def driver():
    with browser.chromium() as driver:
        yield driver


@contextlib.contextmanager
def opened(driver, address, view, width=1280):
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    driver.get("about:blank")
    driver.get_log("browser"), driver.get_log("performance")
    driver.get(f"{address}#{VIEWS.get(view, view)}")
    browser.wait_quiet(driver)
    yield
    faults = [line["message"] for line in driver.get_log("browser") if line["level"] == "SEVERE"]
    assert [line for line in faults if "status of 400" not in line] == []


def table(driver, title):
    """Cells of the table behind a picture, row by row."""
    return driver.execute_script(
        """const figures = [...document.querySelectorAll('figure')];
        const figure = figures.find((f) => f.querySelector('h3').textContent === arguments[0]);
        figure.querySelector('details').open = true;
        figure.show(figure.content);
        return [...figure.querySelectorAll('tr')].map((r) => [...r.children].map((c) => c.textContent));""",
        title,
    )


def asked(driver):
    """Addresses that the page has asked for."""
    messages = [json.loads(line["message"])["message"] for line in driver.get_log("performance")]
    return [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_loads_without_a_fault_and_asks_this_machine_alone(driver, address, view):
    with opened(driver, address, view):
        assert driver.execute_script("return document.getElementById('error').textContent") == ""
        assert "life-jax " in driver.execute_script("return document.getElementById('same').textContent")
        addresses = asked(driver)
    assert any(url.startswith(address) for url in addresses)
    assert [url for url in addresses if not url.startswith((address, "about:", "data:", "blob:"))] == []


def test_a_slider_moves_the_numbers_to_what_evaluate_says(driver, address):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    with opened(driver, address, "compare"):
        before = table(driver, "Time to first token (TTFT)")
        slider = driver.find_element(By.CSS_SELECTOR, "[data-word=batch] input[type=range]")
        shown = driver.execute_script("return LJ.shown")
        slider.send_keys(Keys.ARROW_RIGHT)
        browser.wait(driver, f"LJ.shown > {shown}")
        browser.wait_quiet(driver)
        after = table(driver, "Time to first token (TTFT)")
        command = driver.find_element(By.CSS_SELECTOR, "#same pre").text
        batch = driver.execute_script("return LJ.state.numbers.batch")
    assert batch == 3 and before != after
    words = shlex.split(command)[2:]
    assert "batch=3" in words
    ds = life_jax.evaluate(life_jax.load(words))
    head, *rows = after
    assert len(rows) == 4
    for row in rows:
        at = dict(zip(head, row, strict=True))
        values = ds.sel(hw=at["hw"], opt=at["opt"]).squeeze()
        for metric in ("ttft", "tpot"):
            assert float(at[f"{metric} [s]"]) == pytest.approx(float(values[metric]), rel=1e-3)  # four digits are shown
        assert (at["fits_memory"] == "yes") == bool(values.fits_memory)


def test_moves_of_a_slider_under_the_hand_need_no_answer(driver, address):
    """Its places are known once the hand is on it; the line below follows when the hand rests."""
    with opened(driver, address, "compare"):
        moved = driver.execute_async_script(
            """const done = arguments[arguments.length - 1];
            const slider = document.querySelector("[data-word=batch] [type=range]");
            const fetch = LJ.fetch, shown = [];
            let release;
            const held = new Promise((go) => { release = go; });
            slider.focus();
            LJ.fetch = async (view, body) => { if (view === "compare") await held; return fetch(view, body); };
            (async () => {
              while (!LJ.VIEWS.compare.track.rows) await new Promise((go) => setTimeout(go, 20));
              for (let i = 0; i < 5; i++) {
                const before = LJ.shown;
                slider.value = 20 + i;
                slider.dispatchEvent(new Event("input", { bubbles: true }));
                while (LJ.shown === before) await new Promise(requestAnimationFrame);
                shown.push([LJ.state.numbers.batch, LJ.VIEWS.compare.ttft.content.table.rows[0]]);
              }
              release();
              while (LJ.running() || LJ.following) await new Promise((go) => setTimeout(go, 20));
              LJ.fetch = fetch;
              done([shown, document.querySelector("#same pre").textContent]);
            })();"""
        )
    shown, command = moved
    batch, row = shown[-1]
    assert f"batch={batch}" in shlex.split(command)
    ds = life_jax.evaluate(life_jax.load(shlex.split(command)[2:])).isel(hw=0, opt=0).squeeze()
    assert row[4] == pytest.approx(float(ds.ttft), rel=1e-5)
    assert len({tuple(row) for _, row in shown}) == 5


def test_what_was_not_measured_of_several_parts_is_one_line(driver, address):
    studies = [
        ["hw=rtx_4090", f"model={model}", "engine=llama_cpp_cuda", "prompt=90000"]
        for model in ("llama3_8b", "gpt_oss_20b")
    ]
    lines = [line for words in studies for line in life_jax.load([*words, "batch=4"]).warnings]
    such = [line for line in lines if line.startswith("not measured: ")]
    assert len(set(such)) == 2
    with opened(driver, address, "fits"):
        one, *rest = reversed(
            driver.execute_script("return LJ.joinedWarnings(arguments[0])", ["another", *such, "another"])
        )
        twice = driver.execute_script("return LJ.joinedWarnings(arguments[0])", [one, *such])
    assert rest == ["another"] and twice == [one]
    parts = [part for line in such for part in line.removeprefix("not measured: ").partition("; ")[0].split(", ")]
    assert all(part.partition(" and 1 more")[0] in one for part in parts) and one.endswith("wider intervals")


def test_a_plan_is_made_when_the_slider_is_let_go(driver, address):
    with opened(driver, address, "plan"):
        asked_for = driver.execute_async_script(
            """const done = arguments[arguments.length - 1];
            const slider = document.querySelector("[data-word=output] [type=range]");
            const fetch = LJ.fetch, asked = [];
            LJ.fetch = (view, body) => { asked.push(view); return fetch(view, body); };
            const send = (kind) => slider.dispatchEvent(new Event(kind, { bubbles: true }));
            (async () => {
              slider.value = 40; send("input"); slider.value = 41; send("input");
              await new Promise((go) => setTimeout(go, 300));
              const moving = asked.length;
              send("change");
              await new Promise((go) => setTimeout(go, 20));
              LJ.fetch = fetch;
              done([moving, asked]);
            })();"""
        )
        browser.wait_quiet(driver)
    assert asked_for == [0, ["plan"]]


@pytest.mark.parametrize("view", VIEWS)
def test_a_link_restores_the_view_with_its_numbers(driver, address, view):
    with opened(driver, address, view):
        driver.execute_script(
            "if (LJ.state.view !== 'fits') LJ.state.numbers['engine.memory_efficiency'] = 0.5; LJ.update();"
        )
        browser.wait_quiet(driver)
        state, link = driver.execute_script("return [JSON.stringify(LJ.state), LJ.link()]")
        text = driver.execute_script("return document.getElementById('view').textContent")
    with opened(driver, address, link.split("#")[1]):
        assert json.loads(driver.execute_script("return JSON.stringify(LJ.state)")) == json.loads(state)
        assert driver.execute_script("return document.getElementById('view').textContent") == text


@pytest.mark.parametrize(
    "name", ["<img src=x onerror=document.title=1>", "</script><script>document.title=1</script>", '"><b>']
)
def test_a_hostile_label_is_text(driver, address, name):
    from urllib.parse import quote

    with opened(driver, address, f"view=compare&hw={quote(name)}&model=llama3_8b"):
        assert name[:30] in driver.execute_script("return document.getElementById('error').textContent")
        assert driver.execute_script("return document.querySelectorAll('main img, main b, #controls img').length") == 0
        assert driver.title == "Compare - life_jax"


def test_a_slow_answer_does_not_block_the_page(driver, address):
    """The question is held up for a second; meanwhile the page turns and shows that it is busy."""
    with opened(driver, address, "compare"):
        held = driver.execute_async_script(
            """const done = arguments[arguments.length - 1], fetch = LJ.fetch;
            let frames = 0, busy = false;
            const count = () => {
              frames += 1;
              busy = busy || !document.getElementById('busy').hidden;
              requestAnimationFrame(count);
            };
            requestAnimationFrame(count);
            LJ.fetch = async (...words) => {
              await new Promise((go) => setTimeout(go, 1000));
              return fetch(...words);
            };
            LJ.forget();
            LJ.update();
            setTimeout(() => { LJ.fetch = fetch; done([frames, busy]); }, 900);"""
        )
        browser.wait_quiet(driver)
        assert held[0] > 10 and held[1]


def test_pictures_and_tables_can_be_saved(driver, address):
    for view in ("compare", "where", "trade"):
        with opened(driver, address, view):
            sizes = driver.execute_async_script(
                """const done = arguments[arguments.length - 1], kept = [];
                LJ.save = (name, blob) => kept.push(name);
                (async () => {
                  for (const figure of document.querySelectorAll('figure')) {
                    const blob = await figure.png();
                    kept.push(blob ? blob.size : 0);
                    figure.querySelector('button').click();
                  }
                  done(kept);
                })();"""
            )
        numbers = [size for size in sizes if isinstance(size, int)]
        assert len(numbers) >= 1 and min(numbers) > 2000
        assert sum(str(name).endswith(".csv") for name in sizes) == len(numbers)


@pytest.mark.parametrize("view", VIEWS)
def test_a_page_is_never_wider_than_its_window(driver, address, view):
    with opened(driver, address, view, 390):
        for width in (390, 800, 1280):
            size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
            driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
            frames = "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() => done()))"
            driver.execute_async_script(frames)  # pictures are drawn anew
            assert driver.execute_script("return document.documentElement.scrollWidth") <= width


HIDDEN = """return [...document.querySelectorAll('figure svg')].flatMap((picture) => {
  const frame = picture.getBoundingClientRect();
  const texts = [...picture.querySelectorAll('text')].filter((t) => t.textContent);
  const boxes = texts.map((t) => t.getBoundingClientRect()), found = [];
  boxes.forEach((a, i) => {
    const name = texts[i].textContent;
    if (a.left < frame.left - 3 || a.right > frame.right + 3) found.push(`cut: ${name}`);
    boxes.slice(i + 1).forEach((b, k) => {
      const width = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const height = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      if (width > 2 && height > 4) found.push(`one on the other: ${name}, ${texts[i + 1 + k].textContent}`);
    });
  });
  return found;
});"""


@pytest.mark.parametrize("width", [390, 820, 1400])
@pytest.mark.parametrize("view", VIEWS)
def test_no_text_of_a_picture_is_cut_or_hidden_by_another(driver, address, view, width):
    with opened(driver, address, view, width):
        assert driver.execute_script(HIDDEN) == []


@pytest.mark.slow
@pytest.mark.parametrize("view", VIEWS)
def test_axe_finds_no_fault(driver, address, view):
    """All rules in light colours, those of colours in dark ones."""
    axe = pytest.importorskip("axe_core_python.selenium").Axe()
    faults = []
    with opened(driver, address, view):
        for details in driver.find_elements("css selector", "details"):
            driver.execute_script("arguments[0].open = true", details)
        for scheme, rules in (("light", {}), ("dark", {"runOnly": ["color-contrast", "link-in-text-block"]})):
            driver.execute_cdp_cmd("Emulation.setEmulatedMedia", colours(scheme))
            browser.wait_quiet(driver)  # pictures are drawn anew
            found = axe.run(driver, options=rules)
            broken = [rule["message"] for rule in found["incomplete"] if "error" in rule]
            assert broken == []  # rules that could not judge
            faults += [
                (scheme, v["id"], v["impact"], [n["html"][:120] for n in v["nodes"]][:3]) for v in found["violations"]
            ]
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", colours("light"))
    assert [fault for fault in faults if fault[2] in ("serious", "critical")] == []


def colours(scheme):
    return {"features": [{"name": "prefers-color-scheme", "value": scheme}]}


def test_a_device_is_added_by_keyboard(driver, address):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    with opened(driver, address, "compare"):
        driver.find_element(By.CSS_SELECTOR, "fieldset input").send_keys("h100_sxm", Keys.ENTER)
        browser.wait_quiet(driver)
        assert driver.execute_script("return LJ.state.hw") == ["v100", "a100", "h100_sxm"]
        assert len(table(driver, "Time to first token (TTFT)")) == 7


REACHABLE = """const inside = "a[href], button, input, select, summary, [tabindex='0']";
return [...document.querySelectorAll(inside)].filter((e) => e.checkVisibility({ visibilityProperty: true })
  && !e.disabled && e.tabIndex >= 0 && !e.classList.contains('skip'));"""


@pytest.mark.parametrize("view", VIEWS)
def test_a_keyboard_reaches_every_control_of_a_view_and_moves_its_sliders(driver, address, view):
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    with opened(driver, address, view):
        driver.execute_script("window.seen = []; document.addEventListener('focusin', (e) => seen.push(e.target))")
        controls = driver.execute_script(REACHABLE)
        driver.execute_script("document.activeElement.blur()")
        keys = ActionChains(driver, duration=0)
        for _ in range(len(controls) + 3):
            keys.send_keys(Keys.TAB)
        keys.perform()
        lost = "return arguments[0].filter((e) => !seen.includes(e)).map((e) => e.outerHTML.slice(0, 120))"
        assert driver.execute_script(lost, controls) == []
        reached = driver.execute_script("return seen.map((e) => e.id || e.textContent.slice(0, 20))")
        assert {"skip", "theme", "share"} <= set(reached)
        slider = driver.find_element("css selector", "#controls .slider input[type=range]")
        before = driver.execute_script("return document.getElementById('view').textContent")
        slider.send_keys(*[Keys.ARROW_LEFT, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT])
        browser.wait_quiet(driver)
        assert driver.execute_script("return document.activeElement === arguments[0]", slider)
        assert driver.execute_script("return document.getElementById('view').textContent") != before


def test_a_target_moves_by_arrow_keys_and_by_the_pointer_and_is_a_limit_of_the_command(driver, address):
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    def target() -> float:
        return float(driver.execute_script("return LJ.state.settings['target.tpot']"))

    with opened(driver, address, "trade"):
        assert target() == 0.05
        handle = driver.find_element(By.CSS_SELECTOR, ".handle")
        assert handle.get_attribute("aria-valuetext") == "50 ms"
        handle.send_keys(Keys.ARROW_LEFT)
        assert target() == pytest.approx(0.05 / 1.03, rel=1e-2)
        driver.switch_to.active_element.send_keys(Keys.ARROW_LEFT)  # the focus stays with the handle
        assert target() == pytest.approx(0.05 / 1.03**2, rel=1e-2)
        handle = driver.find_element(By.CSS_SELECTOR, ".handle")
        ActionChains(driver).click_and_hold(handle).move_by_offset(-120, 0).release().perform()
        assert target() < 0.04
        command = driver.find_element(By.CSS_SELECTOR, "#same pre").text
        front = driver.execute_script("return LJ.VIEWS.trade.drawn.map((p) => [p.hw, p.opt, p.batch])")
        limit = target()
    words = shlex.split(command)[2:]
    assert f"limit.tpot={limit:g}" in words and "pareto=[tpot,cost_per_mtoken]" in words
    ds = life_jax.evaluate(life_jax.load(words))
    columns = [ds[name].values.tolist() for name in ("hw", "opt", "batch")]
    assert sorted(map(tuple, front)) == sorted(zip(*columns, strict=True))


def test_percentiles_are_those_of_the_printed_command(driver, address):
    with opened(driver, address, "load"):
        head, *rows = table(driver, "TTFT, 90th percentile, against the rate")
        command = driver.find_elements("css selector", "#same pre")[0].text
    words = shlex.split(command)[2:]
    ds = life_jax.evaluate(life_jax.load(words, primary="serve"))
    p90 = ds.ttft_p90.squeeze().values
    column = next(i for i, name in enumerate(head) if "p90" in name)
    shown = [float(row[column]) if row[column] != "\u2013" else float("inf") for row in rows]
    assert shown == pytest.approx(p90.tolist(), rel=1e-3)


def test_a_load_follows_a_slider_without_a_queue_and_says_so_until_the_hand_rests(driver, address):
    """Jumps under the hand ask only what comes ahead; between places the answer is near that of the place."""
    jump = """const range = document.querySelector('[data-word=prompt] input[type=range]');
        range.value = arguments[0]; range.dispatchEvent(new Event('input', { bubbles: true }));"""
    with opened(driver, address, "load"):
        driver.execute_script("document.querySelector('[data-word=prompt] input[type=range]').focus()")
        browser.wait(driver, "LJ.VIEWS.load.track.rows")
        browser.wait_quiet(driver)
        driver.get_log("performance")
        seen = []
        for place in (37, 92, 61):
            shown = driver.execute_script("return LJ.shown")
            driver.execute_script(jump, place)
            browser.wait(driver, f"LJ.shown > {shown}")
            seen.append(driver.execute_script("return [LJ.answer.about, LJ.answer.rows[0].capacity]"))
            tile = driver.execute_script("return LJ.VIEWS.load.at.querySelector('b').textContent")
        while_moving = [url.rsplit("/", 1)[1] for url in asked(driver)]
        browser.wait_quiet(driver)
        resting = driver.execute_script("return LJ.VIEWS.load.at.querySelector('b').textContent")
        prompt = driver.execute_script("return LJ.state.numbers.prompt")
        capacity = driver.execute_script("return LJ.VIEWS.load.answer.rows[0].capacity")
    assert all(about for about, _ in seen) and tile.startswith("\u2248 ") and not resting.startswith("\u2248")
    assert seen[-1][1] == pytest.approx(capacity, rel=0.05) and prompt > 256
    assert while_moving.count("load") <= 3  # of a hand that rested where the machine is slow
