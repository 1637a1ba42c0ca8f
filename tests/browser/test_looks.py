"""Every page of the desk, quiet and busy, in both themes: axe finds nothing, and pictures for the documents."""

from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from browser.axe import complaints
from browser.city import CLEAR, City
from browser.conftest import OpenDesk, Theme

pytestmark = pytest.mark.timeout(600)

SIZES = ((1440, 900), (1920, 1080))
THEMES: tuple[Theme, ...] = ("light", "dark")


async def pictures(page: Page, folder: Path, name: str, theme: Theme) -> None:
    """Take the page in both sizes."""
    for width, height in SIZES:
        await page.set_viewport_size({"width": width, "height": height})
        await page.screenshot(path=folder / f"desk-{name}-{theme}-{width}x{height}.png")
    width, height = SIZES[0]
    await page.set_viewport_size({"width": width, "height": height})


async def busy_night(city: City) -> str:
    """Let much happen at once, and return a call that somebody must decide."""
    chosen = await city.in_review(
        "Woman in a red coat talking to herself at the bus stop, weeping. Caller is not sure if she has a knife in her "
        "bag. No gun seen. She has not hurt anybody."
    )
    asking = await city.on_scene("Man weeping on the bench outside the library")
    await city.says(asking, "question", question="violence")
    helped = await city.on_scene("Older man confused in the park", reporting_district="1822")
    await city.says(helped, "backup", hazards=["violence"])
    await city.call("He has a knife in his hand", answers={**CLEAR, "weapon": "yes"})
    await city.in_review("Drill: a person on the kerb", exercise=True, reporting_district="1723")
    await city.call("Quarrel over a fence", call_type="620", reporting_district="1723")
    back = await city.on_scene("Young man sits in the stairwell", reporting_district="1822")
    order = {"direction": "take_back", "reason": "safety", "by": "desk-9"}
    url = f"{city.system.urls['routing']}/v1/calls/{back}/direct"
    assert (await city.client.post(url, json=order)).is_success
    return chosen


@pytest.mark.parametrize("theme", THEMES)
async def test_a_quiet_night_is_calm_and_says_so(open_desk: OpenDesk, city: City, folder: Path, theme: Theme) -> None:
    page = await open_desk(theme=theme)
    await expect(page.locator("#queue")).to_contain_text("Nothing waits for you")
    assert await complaints(page) == []
    await pictures(page, folder, "quiet", theme)
    for path in ("all", "hand-over", "blind", "new", "new?drill=yes", "person"):
        await page.goto(f"/desk/{path}")
        assert await complaints(page) == [], path


@pytest.mark.parametrize("theme", THEMES)
async def test_a_bad_night_shows_the_worst_first(open_desk: OpenDesk, city: City, folder: Path, theme: Theme) -> None:
    call = await busy_night(city)
    page = await open_desk(theme=theme)
    await page.goto(f"/desk?call={call}")
    await expect(page.locator(".needs li")).to_have_count(7)
    await expect(page.locator(".needs li").first).to_contain_text("Team wants backup")
    await expect(page.locator(".timeline li")).not_to_have_count(0)
    await expect(page.locator("[id^=reasons] li")).not_to_have_count(0)
    assert await complaints(page) == []
    await pictures(page, folder, "busy", theme)
    for path in ("all", "hand-over"):
        await page.goto(f"/desk/{path}")
        assert await complaints(page) == [], path
    await page.goto(f"/desk?call={call}")
    await page.keyboard.press("t")
    await expect(page.get_by_role("dialog")).to_contain_text("Because")
    assert await complaints(page) == []
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_be_hidden()


@pytest.mark.parametrize("theme", THEMES)
async def test_a_new_call_asks_one_thing_at_a_time(open_desk: OpenDesk, city: City, folder: Path, theme: Theme) -> None:
    page = await open_desk(theme=theme)
    await page.keyboard.press("n")
    await expect(page.get_by_label("Where")).to_be_focused()
    for text in ("1200 S Vermont Ave", "Wilshire", "918"):
        await page.keyboard.type(text)
        await page.keyboard.press("Tab")
    await page.keyboard.type("Woman weeping at the bus stop, talks to nobody")
    await page.keyboard.press("Enter")
    await expect(page.locator(".asking h2")).to_contain_text("weapon")
    await page.keyboard.press("n")
    await expect(page.locator(".asking h2")).to_contain_text("hurt")
    assert await complaints(page) == []
    await page.set_viewport_size({"width": 1440, "height": 900})
    await page.screenshot(path=folder / f"desk-new-{theme}-1440x900.png")
    await page.keyboard.press("y")
    await expect(page.locator("#send")).to_be_focused()
    assert await complaints(page) == []


async def test_axe_would_find_something(open_desk: OpenDesk, city: City) -> None:
    page = await open_desk()
    await page.evaluate("document.querySelector('h1').innerHTML += '<input><img src=\"/assets/icon.svg\">'")
    found = " ".join(await complaints(page))
    assert "label" in found
    assert "image-alt" in found
