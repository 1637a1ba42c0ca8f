"""The provider's books in a real browser: follow-ups, the safety register, and offers that expired."""

import asyncio
import re
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from browser.axe import complaints
from browser.city import City
from browser.test_portal import EXODUS, SIZES, OpenPortal, large_enough, offered, open_portal
from divert_cli import kafka_admin
from divert_contracts.call import Decision, Picture
from divert_contracts.envelope import Envelope
from divert_contracts.facts.routing import CaseOffered
from divert_contracts.ids import case_id
from divert_contracts.topics import ASSIGNMENTS
from divert_contracts.vocabulary import Acuity, Eligibility, Feed, Programme, Stage
from divert_provider_gateway.pages.who import DEVICE
from waiting import eventually

__all__ = ["open_portal"]

pytestmark = pytest.mark.timeout(600)


async def closed_with_a_follow_up(city: City) -> str:
    """Let a case be taken and closed with a follow-up that is due, and return its incident number."""
    number = f"B{uuid.uuid4().hex[:10].upper()}"
    call = await offered(city, incident_number=number)
    await city.says(call, "acknowledge", "en-route", "on-scene")
    due = (datetime.now(UTC) + timedelta(hours=48)).isoformat()
    await city.stage(call, "on_scene")
    await city.says(call, "close", contact="in_person", disposition="referred", follow_up_due=due)
    await city.stage(call, "concluded")
    return number


async def missed(city: City) -> str:
    """Let an offer come and go unanswered, and return its incident number."""
    now, call = datetime.now(UTC), uuid.uuid4()
    number = f"B{uuid.uuid4().hex[:10].upper()}"
    decision = Decision(eligibility=Eligibility.ELIGIBLE, programme=Programme.UMCR, acuity=Acuity.URGENT, policy="x")
    offer = CaseOffered(
        occurred_at=now,
        call_id=call,
        agency="lapd",
        stage=Stage.OFFERED,
        epoch=1,
        case_id=case_id(call, 1),
        provider="exodus",
        attempt=1,
        incident_number=number,
        programme=Programme.UMCR,
        acuity=Acuity.URGENT,
        division=18,
        picture=Picture(feed=Feed.DIVERTED),
        decision=decision,
        answer_by=now + timedelta(seconds=3),
        en_route_within=900,
        on_scene_within=2700,
    )
    envelope = Envelope(id=uuid.uuid4(), source="/divert/routing", fact=offer)
    await asyncio.to_thread(kafka_admin.publish, city.system.kafka, ASSIGNMENTS.name_of("exodus"), [envelope])

    async def listed() -> bool:
        found = await city.client.get(f"{city.system.urls[EXODUS]}/v1/expiries")
        return number in {one["incident_number"] for one in found.json()["expiries"]}

    await eventually(listed, "the offer to have expired", within=120)
    return number


async def whole(page: Page, folder: Path, name: str) -> None:
    """The page is one that everybody can use, on a phone and at a desk; take its pictures."""
    for size, (width, height) in reversed(SIZES.items()):
        await page.set_viewport_size({"width": width, "height": height})
        await large_enough(page)
        assert await complaints(page) == []
        await page.screenshot(path=folder / f"portal-{name}-{size}.png")


async def test_a_follow_up_stays_until_somebody_was_reached(open_portal: OpenPortal, city: City, folder: Path) -> None:
    number = await closed_with_a_follow_up(city)
    page = await open_portal(None)
    await page.goto("/follow-ups")
    one = page.locator(".book > li", has_text=number).first
    await expect(one.get_by_text("By", exact=False).first).to_be_visible()
    await whole(page, folder, "follow-ups")
    await one.get_by_role("button", name="Not reached").click()
    await expect(one).to_contain_text("tries: 1")
    await one.get_by_role("button", name="Connected to a service").click()
    await expect(page).to_have_url(re.compile(r"/follow-ups$"))
    await expect(page.locator(".book > li:has(form)", has_text=number)).to_have_count(0)
    await expect(page.locator("h2 + .book > li", has_text=number)).to_contain_text("Connected to a service")
    assert await complaints(page) == []


async def test_what_went_wrong_is_entered_after_the_case_and_without_changing_it(
    open_portal: OpenPortal, city: City, folder: Path
) -> None:
    number = await closed_with_a_follow_up(city)
    page = await open_portal(None)
    await page.goto("/safety")
    await page.locator("summary", has_text=number).click()
    await whole(page, folder, "safety")
    await page.locator("li", has_text=number).get_by_role("button", name="It nearly went wrong").click()
    await expect(page).to_have_url(re.compile(r"/safety$"))
    entered = page.locator(".book > li", has_text="It nearly went wrong").filter(has_text=number)
    await expect(entered.last).to_contain_text("desk")
    found = (await city.client.get(f"{city.system.urls[EXODUS]}/v1/safety-events")).json()["cases"]
    (mine,) = [case for case in found if case["incident_number"] == number]
    assert (mine["stage"], [event["event"] for event in mine["events"]]) == ("closed", ["near_miss"])


async def test_an_offer_that_expired_is_told_with_its_cause_in_both_languages(
    open_portal: OpenPortal, city: City, folder: Path
) -> None:
    number = await missed(city)
    page = await open_portal(None)
    await page.goto("/expiries")
    one = page.locator(".book > li", has_text=number)
    await expect(one).to_contain_text(re.compile("Nobody answered|Nobody was on duty|It came too late"))
    await whole(page, folder, "expiries")
    await page.get_by_role("button", name="Español").click()
    await expect(page.get_by_role("heading", name="Ofertas vencidas")).to_be_visible()
    await expect(one).to_contain_text(re.compile("Nadie respondió|No había nadie de turno|Llegó demasiado tarde"))
    await page.goto("/safety")
    await expect(page.get_by_role("heading", name="Registro de seguridad")).to_be_visible()
    await page.goto("/follow-ups")
    await expect(page.get_by_role("heading", name="Seguimientos")).to_be_visible()
    assert await complaints(page) == []
    books = ("/follow-ups", "/safety", "/expiries")
    await page.context.clear_cookies(name=DEVICE)
    for book in books:
        await page.goto(book)
        await expect(page).to_have_url(re.compile(r"/who$"))
    await page.context.clear_cookies()
    for book in books:
        await page.goto(book)
        await expect(page).to_have_url(re.compile(rf"/sign-in\?to={book}$"))
