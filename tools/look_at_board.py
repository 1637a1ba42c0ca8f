"""Looks at the board in a real browser for a while, and says what it saw as JSON: `./divert prove board` runs it.

Usage: look_at_board.py URL SECONDS [FOLDER]; with a folder, pictures go there.
"""

import asyncio
import json
import shutil
import sys
from itertools import product
from pathlib import Path
from typing import Any, Literal, cast

from playwright.async_api import CDPSession, Page, async_playwright

AXE = Path(__file__).parent.parent / "tests" / "browser" / "vendor" / "axe.min.js"
LOADS = 3
"""For each theme at each size."""
THEMES: tuple[Literal["dark", "light"], ...] = ("dark", "light")
SIZES = ((1440, 900), (1920, 1080))
SAMPLES = 6
WATCH = """
window.shifts = []; window.moved = new Set(); window.news = 0;
const named = ({node}) => {
  const one = node?.nodeType === 1 ? node : node?.parentElement;
  return `${one?.closest('[id]')?.id} ${one?.nodeName} ${one?.className}`;
};
new PerformanceObserver((list) => list.getEntries().forEach((one) => {
  window.shifts.push(one.value);
  one.sources.forEach((source) => window.moved.add(named(source)));
})).observe({type: 'layout-shift'});
new MutationObserver((list) => { window.news += list.length; })
  .observe(document.querySelector('.lanes'), {subtree: true, childList: true, attributes: true});
"""


async def main(url: str, seconds: float, folder: str | None) -> None:
    """Look, and print."""
    errors: list[str] = []
    async with async_playwright() as playwright:
        chromium = shutil.which("chromium") or shutil.which("chromium-browser")
        browser = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        context = await browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme="dark")
        page = await context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        paints: dict[str, list[float]] = {}
        # The last of them is what is looked at for the hour.
        for theme, (width, height) in reversed(list(product(THEMES, SIZES))):
            await page.emulate_media(color_scheme=theme)
            await page.set_viewport_size({"width": width, "height": height})
            paints[f"{theme} {width}x{height}"] = [await painted(page, url) for _ in range(LOADS)]
        scripts = await page.evaluate(
            "performance.getEntriesByType('resource').filter((one) => one.initiatorType === 'script')"
            ".reduce((sum, one) => sum + one.decodedBodySize, 0)"
        )
        await page.wait_for_timeout(2000)
        cdp = await context.new_cdp_session(page)
        await cdp.send("Performance.enable")
        await page.evaluate(WATCH)
        lane = page.locator('.lane[data-lane="on_scene"] .scroll')
        await lane.focus()
        await lane.evaluate("(one) => (one.scrollTop = 200)")
        heap, nodes = [], []
        for _ in range(SAMPLES):
            await page.wait_for_timeout(seconds * 1000 / SAMPLES)
            used, count = await memory(cdp)
            heap.append(used)
            nodes.append(count)
        seen = {
            "first_paint_ms": [one for loads in paints.values() for one in loads],
            "first_paint_ms_by_look": paints,
            "script_bytes": scripts,
            "seconds": seconds,
            "news": await page.evaluate("window.news"),
            "layout_shift": await page.evaluate("window.shifts.reduce((sum, one) => sum + one, 0)"),
            "moved": await page.evaluate("[...window.moved]"),
            "focus_kept": await lane.evaluate("(one) => document.activeElement === one"),
            "scroll_kept": await lane.evaluate("(one) => one.scrollTop === 200"),
            "heap_mib": heap,
            "nodes": nodes,
            "strips": await page.locator(".strip").count(),
            "errors": errors,
        }
        seen["axe"] = await complaints_of_each_look(page, url, folder)
        await browser.close()
    print(json.dumps(seen))


async def painted(page: Page, url: str) -> float:
    """Load the board and return when something was first seen, in milliseconds."""
    await page.goto(url)
    await page.locator(".strip").first.wait_for()
    script = "performance.getEntriesByName('first-contentful-paint').map((one) => one.startTime)"
    while not (found := await page.evaluate(script)):
        await page.wait_for_timeout(50)
    return round(found[0], 1)


async def memory(cdp: CDPSession) -> tuple[float, int]:
    """Return the page's memory after a collection in MiB, and its number of nodes."""
    await cdp.send("HeapProfiler.collectGarbage")
    metrics = cast("list[dict[str, Any]]", (await cdp.send("Performance.getMetrics"))["metrics"])
    told: dict[str, float] = {one["name"]: one["value"] for one in metrics}
    return round(told["JSHeapUsedSize"] / 2**20, 2), int(told["Nodes"])


async def complaints_of_each_look(page: Page, url: str, folder: str | None) -> list[str]:
    """Return what axe has against the board and the wall, in each theme at each size; take pictures of them."""
    found: list[str] = []
    for path, theme, (width, height) in product(("/", "/?wall"), THEMES, SIZES):
        look = f"{'wall' if 'wall' in path else 'board'}-{theme}-{width}x{height}"
        await page.emulate_media(color_scheme=theme)
        await page.set_viewport_size({"width": width, "height": height})
        await page.goto(f"{url}{path}")
        await page.locator("#worst" if "wall" in path else ".strip").first.wait_for()
        found += [f"{look}: {one}" for one in await complaints(page)]
        if folder is not None:
            await page.screenshot(path=Path(folder) / f"{look}.png")
    return found


async def complaints(page: Page) -> list[str]:
    """Return what axe has against the page as it is."""
    await page.evaluate(AXE.read_text())
    found = await page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [f"{one['id']}: {len(one['nodes'])}" for one in found["violations"]]


asyncio.run(main(sys.argv[1], float(sys.argv[2]), next(iter(sys.argv[3:]), None)))
