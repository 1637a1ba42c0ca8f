"""The portal in a real browser on the whole system, as a team with a telephone and as a provider's desk."""

import asyncio
import re
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Literal
from uuid import UUID

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Locator, Page, Route, expect
from pydantic import JsonValue

from browser.axe import complaints
from browser.city import CLEAR, PLACES, City
from browser.conftest import Theme
from divert_chassis.issuer import LocalIssuer
from divert_cli import kafka_admin
from divert_cli.stack import LocalStack
from divert_contracts.access import Role
from divert_contracts.envelope import decode
from divert_contracts.facts.base import CaseFact
from divert_contracts.facts.cases import (
    BackupRequested,
    CaseClosed,
    EmergencyRaised,
    PersonContacted,
    SafetyCheckAnswered,
    TeamEnRoute,
    TeamOnScene,
)
from divert_provider_gateway.pages import FOLLOW_UP
from divert_provider_gateway.pages.words import read
from waiting import eventually

pytestmark = pytest.mark.timeout(600)

Size = Literal["phone", "desk"]
SIZES: dict[Size, tuple[int, int]] = {"phone": (390, 844), "desk": (1440, 900)}
EXODUS = "provider-gateway-exodus"
FINGER = 44
"""The least width and height of what is tapped, in CSS pixels."""

ADDRESS: dict[str, JsonValue] = {
    "text": "10428 S Figueroa St",
    "unit": "Apt 12",
    "gate": "#4471",
    "cross_street": "W 104th St",
    "latitude": 33.94213,
    "longitude": -118.28264,
}
CALLER: dict[str, JsonValue] = {"name": "Rosa M.", "number": "+1 213 555 0142", "ringing_is_safe": "yes"}
HOME: dict[str, JsonValue] = {
    "reporting_district": "1822",
    "call_type": "918W",
    "language": "es",
    "caller_relation": "family",
    "age_band": "adult",
    "people_present": 2,
    "people_animals_access": "Two small dogs, friendly. Stairs at the back, no lift.",
    "police_present": "no",
}
NARRATIVE = (
    "Caller says her son has not slept for four days and talks to people who are not there. He is in his room, calm, "
    "and wants somebody to come, but not the police."
)

OpenPortal = Callable[..., Awaitable[Page]]


@pytest_asyncio.fixture
async def open_portal(browser: Browser, system: LocalStack) -> AsyncIterator[OpenPortal]:
    """Open the portal as a team or the desk, on a device of its own; whatever goes wrong in the page fails the test."""
    contexts: list[BrowserContext] = []
    wrong: list[str] = []

    async def opened(
        team: str | None = "west-1", *, size: Size = "phone", theme: Theme = "light", language: str = "en"
    ) -> Page:
        width, height = SIZES[size]
        context = await browser.new_context(
            base_url=system.urls[EXODUS],
            viewport={"width": width, "height": height},
            color_scheme=theme,
            locale=language,
            has_touch=size == "phone",
        )
        contexts.append(context)
        page = await context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda said: wrong.append(said.text) if "Content Security Policy" in said.text else None)
        page.on("dialog", lambda dialog: wrong.append(dialog.message))
        words = read()[language]
        role = Role.PROVIDER_DESK if team is None else Role.PROVIDER_TEAM
        token = LocalIssuer(system.data).token(role, provider="exodus", subject=team or "exodus-desk")
        await page.goto(f"/sign-in#token={token}")
        await page.wait_for_url("**/who")
        if team is None:
            await page.get_by_role("button", name=words("who.use_desk")).click()
        else:
            await page.get_by_label(words("who.team_code")).fill(team)
            await page.get_by_role("button", name=words("who.use"), exact=True).click()
        await expect(page.locator("#live")).to_be_attached()
        return page

    yield opened
    for context in contexts:
        await context.close()
    assert wrong == []


async def offered(city: City, narrative: str = NARRATIVE, **changes: JsonValue) -> str:
    """Let CAD post a call, and return it once the gateway has the offer."""
    place = next(PLACES)
    address = {**ADDRESS, "text": f"{place} S Figueroa St", "latitude": round(23 + place / 100, 2)}
    caller = {**CALLER, "number": f"+1 213 {place:07}"}
    call = await city.call(narrative, **{**HOME, "address": address, "caller": caller, **changes})
    status = await city.stage(call, "offered", "in_review")
    if status["stage"] == "in_review":
        order = {"by": "desk-1", "revision": status["revision"], "eligibility": "eligible", "reason": "record_is_clear"}
        url = f"{city.system.urls['routing']}/v1/calls/{call}/review"
        assert (await city.client.post(url, json=order)).is_success
        await city.stage(call, "offered")
    case = await case_of(city, call)

    async def there() -> bool:
        return (await city.client.get(f"{city.system.urls[EXODUS]}/v1/cases/{case}")).is_success

    await eventually(there, "the gateway to have the offer", within=120, every=0.05)
    return call


async def case_of(city: City, call: str) -> UUID:
    """Return the case of a call."""
    status = (await city.client.get(f"{city.system.urls['routing']}/v1/calls/{call}/status")).json()
    return UUID(status["case_id"])


async def unconfirmed(city: City, call: str, recalls: int) -> None:
    """Wait until so many recalls of a call wait to be confirmed."""

    async def so_many() -> bool:
        status = (await city.client.get(f"{city.system.urls['routing']}/v1/calls/{call}/status")).json()
        return len(status["unconfirmed"]) == recalls

    await eventually(so_many, f"{recalls} recalls to be unconfirmed", within=120, every=0.05)


async def said(city: City, case: UUID) -> list[CaseFact]:
    """Return what was published of a case by its provider, in order."""

    def read_all() -> list[CaseFact]:
        kafka = city.system.kafka
        records = kafka_admin.read(kafka, kafka_admin.ends(kafka, ["cases.v1"]))
        facts = [decode(one.value, one.headers.items()).fact for one in records]
        ours = [one for one in facts if isinstance(one, CaseFact) and one.case_id == case]
        return sorted(ours, key=lambda one: one.occurred_at)

    return await asyncio.to_thread(read_all)


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name, exact=True)


async def go_there(page: Page, team: str = "west-1") -> None:
    """Take the offer that is shown, and say everything until the team is there."""
    await button(page, "20 min").click()
    await button(page, f"{team} goes").click()
    await button(page, "On the way").click()
    await button(page, "We are there").click()
    await expect(button(page, "Spoke with the person")).to_be_visible()


async def large_enough(page: Page) -> None:
    """Everything that can be tapped is as large as a finger needs."""
    small = await page.evaluate(
        """least => [...document.querySelectorAll("button, summary, a.button, a.row, label:has(input), #bar a")]
            .filter(one => one.checkVisibility())
            .map(one => [one.textContent.trim(), one.getBoundingClientRect()])
            .filter(([, box]) => box.width < least || box.height < least)
            .map(([text, box]) => `${text}: ${box.width} x ${box.height}`)""",
        FINGER,
    )
    assert small == []
    wide = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide == 0, f"{wide} pixels too wide"


@pytest.mark.parametrize("size", SIZES)
async def test_a_whole_case(open_portal: OpenPortal, city: City, size: Size, folder: Path) -> None:
    page = await open_portal(size=size)
    await expect(page.get_by_text("Nothing to do now")).to_be_visible()
    call = await offered(city, answers={**CLEAR, "suicidal": "no"})
    await expect(page.locator("article.offered")).to_be_visible()
    await expect(page.locator("#announce")).to_contain_text(
        re.compile(r"New offer: Mental health crisis, \d+ S Figueroa St")
    )
    await expect(page.locator(".act .ring time")).to_have_text(re.compile(r"^[01]:\d\d$"))
    await large_enough(page)
    assert await complaints(page) == []
    await page.screenshot(path=folder / f"portal-offer-{size}.png")

    await button(page, "20 min").click()
    await button(page, "west-1 goes").click()
    await button(page, "On the way").click()
    await expect(page.locator(".strip")).to_be_visible()
    await expect(page.get_by_role("link", name="Map")).to_have_attribute(
        "href", re.compile(r"^geo:33[\d.]*,-118\.28264\?q=\d+%20S%20Figueroa%20St$")
    )
    assert await complaints(page) == []
    await page.screenshot(path=folder / f"portal-en-route-{size}.png")
    await button(page, "We are there").click()

    await page.get_by_text("Ask the dispatcher").click()
    await page.locator(".ask button[value=unhoused]").click()
    await expect(page.locator(".ask button[value=unhoused]")).to_contain_text("asked, waiting")
    answer: dict[str, JsonValue] = {"question": "unhoused", "answer": "no", "by": "desk-1"}
    url = f"{city.system.urls['routing']}/v1/calls/{call}/answer-question"

    async def answered() -> bool:
        return (await city.client.post(url, json=answer)).is_success

    await eventually(answered, "routing to have the question", within=120, every=0.1)
    await expect(page.locator(".ask button[value=unhoused]")).to_contain_text("no · ")
    await page.get_by_text("Ask the dispatcher").click()
    await button(page, "We are well").click()
    await button(page, "Spoke with the person").click()

    # Four taps: open, how it ended, a follow-up, send; the note is words more.
    await page.locator(".close-it > summary").click()
    await page.get_by_text("Referred", exact=True).click()
    await page.get_by_text("Follow up within 48 hours").click()
    assert await complaints(page) == []
    await page.screenshot(path=folder / f"portal-close-{size}.png")
    canary = f"canary{uuid.uuid4().hex}"
    await page.locator(".close summary").click()
    await page.locator("textarea[name=note]").fill(f"His sister comes on Monday. {canary}")
    await large_enough(page)
    await page.locator(".close button.big").click()
    await expect(page.get_by_text("Nothing to do now")).to_be_visible()

    status = await city.stage(call, "concluded")
    assert (status["outcome"], status["reason"]) == ("served", "closed")
    case = await case_of(city, call)
    kept = (await city.client.get(f"{city.system.urls[EXODUS]}/v1/cases/{case}")).json()
    assert [note["by"] for note in kept["notes"] if canary in note["text"]] == ["west-1"]
    assert kept["follow_up_due"] is not None
    assert await topics_with(city, canary) == []
    facts = await said(city, case)
    assert {one.by for one in facts} == {"west-1"}
    assert [one for one in facts if one.said_at is None] == []


async def topics_with(city: City, words: str) -> list[str]:
    """Return the topics in which some words stand."""

    def search() -> list[str]:
        kafka = city.system.kafka
        names = list(kafka_admin.topics(kafka))
        records = kafka_admin.read(kafka, kafka_admin.ends(kafka, names))
        return sorted({one.topic for one in records if words.encode() in (one.value or b"")})

    return await asyncio.to_thread(search)


@pytest.mark.parametrize("size", SIZES)
async def test_a_recall_covers_everything_until_it_is_confirmed(
    open_portal: OpenPortal, city: City, size: Size, folder: Path
) -> None:
    page = await open_portal(size=size)
    number = f"R{uuid.uuid4().hex[:10].upper()}"
    call = await offered(city, incident_number=number, revision=1)
    await go_there(page)
    await city.stage(call, "on_scene")
    await told_of_a_knife(city, number)
    await unconfirmed(city, call, 1)
    stop = page.get_by_role("alertdialog", name="Stop")
    await expect(stop).to_be_visible()
    await expect(stop).to_contain_text("Withdraw if it is safe.")
    await expect(stop).to_contain_text("Weapon")
    await expect(page.locator("button.emergency")).to_be_in_viewport(ratio=1)
    assert await page.locator(".board").get_attribute("inert") is not None
    assert await complaints(page) == []
    await page.screenshot(path=folder / f"portal-recall-{size}.png")
    await large_enough(page)
    await page.reload()
    await button(page, "We are out").click()
    await expect(stop).to_be_hidden()
    await unconfirmed(city, call, 0)


async def told_of_a_knife(city: City, number: str) -> None:
    """Let CAD say of a call that there is a weapon now."""
    changes: dict[str, JsonValue] = {"incident_number": number, "revision": 2, "answers": {**CLEAR, "weapon": "yes"}}
    await city.call("He has a knife now.", **{**HOME, **changes})


async def signed_in(page: Page, city: City, *, hours: float) -> None:
    """Let the session of a page be one that counts for so many hours, or ended so many ago."""
    token = LocalIssuer(city.system.data).token(Role.PROVIDER_TEAM, provider="exodus", subject="west-1", hours=hours)
    await page.context.add_cookies(
        [
            {
                "name": f"divert-session-{EXODUS}",
                "value": token,
                "url": city.system.urls[EXODUS],
                "httpOnly": True,
                "sameSite": "Strict",
            }
        ]
    )


async def test_a_team_whose_session_is_over_still_hears_of_a_recall_and_is_told_to_sign_in(
    open_portal: OpenPortal, city: City, folder: Path
) -> None:
    page = await open_portal()
    number = f"R{uuid.uuid4().hex[:10].upper()}"
    call = await offered(city, incident_number=number, revision=1)
    await go_there(page)
    await city.stage(call, "on_scene")
    case = await case_of(city, call)
    banner = page.locator("#stale")
    await signed_in(page, city, hours=-11)
    await expect(banner).to_contain_text("Your session is over: sign in.")
    await expect(banner.get_by_role("link", name="Sign in")).to_be_visible()
    assert await complaints(page) == []
    await page.evaluate("scrollTo(0, 0)")
    await page.screenshot(path=folder / "portal-session-over-phone.png")

    # What needs a session waits for one; what is never refused does not wait behind it.
    await button(page, "Spoke with the person").click()
    await button(page, "We are well").click()
    await expect(page.locator("#queue")).to_contain_text("1 step waiting to send")

    async def well() -> bool:
        return any(isinstance(one, SafetyCheckAnswered) for one in await said(city, case))

    await eventually(well, "the safety check to be answered", within=60, every=0.2)
    await told_of_a_knife(city, number)
    await unconfirmed(city, call, 1)
    stop = page.get_by_role("alertdialog", name="Stop")
    await expect(stop).to_contain_text("Weapon")
    await page.reload()
    await expect(stop).to_be_visible()
    await expect(banner).to_contain_text("Your session is over")
    await page.locator("button.emergency").click(delay=1_300)
    await button(page, "We are out").click()
    await expect(stop).to_be_hidden()
    await unconfirmed(city, call, 0)
    await expect(page.locator(".calm")).to_contain_text("Your session is over")
    facts = await said(city, case)
    assert [type(one) for one in facts if isinstance(one, EmergencyRaised | PersonContacted)] == [EmergencyRaised]

    await page.reload()
    await expect(page).to_have_url(re.compile("/sign-in$"))
    await expect(page.get_by_role("link", name="In danger: ring 911")).to_have_attribute("href", "tel:911")
    assert await complaints(page) == []
    await large_enough(page)
    await page.screenshot(path=folder / "portal-sign-in-phone.png")
    await signed_in(page, city, hours=1)
    await page.goto("/")
    await expect(page.locator("#queue")).to_be_hidden()
    await expect(banner).to_be_hidden()

    async def spoken() -> bool:
        return any(isinstance(one, PersonContacted) for one in await said(city, case))

    await eventually(spoken, "what waited to be sent", within=60, every=0.2)


@pytest.mark.parametrize("language", ["en", "es"])
async def test_a_page_that_hears_nothing_any_more_says_so_for_as_long_as_that_lasts(
    open_portal: OpenPortal, city: City, language: str
) -> None:
    t = read()[language]
    pages = [await open_portal(team, language=language) for team in (None, "west-1")]
    for page, hours in zip(pages, (-1, -12.1), strict=True):
        banner = page.locator("#stale")
        await expect(page.get_by_text(t("state.calm"))).to_be_visible()
        await signed_in(page, city, hours=hours)
        await expect(banner).to_contain_text(t("state.session_over"))
        assert await complaints(page) == []
        await signed_in(page, city, hours=1)
        await expect(banner).to_be_hidden()
    page = pages[-1]
    # Being refused is not hearing either.
    await page.route("**/live*", lambda route: route.fulfill(status=429, content_type="application/problem+json"))
    await expect(page.locator("#stale")).to_contain_text(re.compile(t.raw("state.stale").partition("{n}")[0]))
    await expect(page.get_by_text(t("state.calm"))).to_be_visible()


async def test_a_recall_without_a_team_takes_no_screen_and_no_call_for_help_from_a_team_elsewhere(
    open_portal: OpenPortal, city: City
) -> None:
    number = f"R{uuid.uuid4().hex[:10].upper()}"
    nobodys = await offered(city, incident_number=number, revision=1)
    await city.says(nobodys, "acknowledge")
    west = await open_portal()
    own = await offered(city)
    await west.goto(f"/cases/{await case_of(city, own)}")
    await go_there(west)
    await city.stage(own, "on_scene")
    east, desk = await open_portal("east-2"), await open_portal(None, size="desk")
    await told_of_a_knife(city, number)
    await unconfirmed(city, nobodys, 1)

    for page in (east, desk):
        await expect(page.get_by_role("alertdialog", name="Stop")).to_be_visible()
    await expect(west.locator(".row", has_text="Stop: ")).to_be_visible()
    await expect(west.get_by_role("alertdialog")).to_have_count(0)
    await expect(button(west, "Spoke with the person")).to_be_visible()
    await west.locator("button.emergency").click(delay=1_300)
    await expect(west.locator(".helped")).to_contain_text("You called for help at")
    await west.locator("#backup > summary").click()
    await button(west, "Send officers").click()
    await expect(west.locator(".strip")).to_contain_text("Backup asked")
    helped = (EmergencyRaised, BackupRequested)
    assert [one for one in await said(city, await case_of(city, nobodys)) if isinstance(one, helped)] == []
    assert len([one for one in await said(city, await case_of(city, own)) if isinstance(one, helped)]) == 2

    await button(desk, "We stay away").click()
    await unconfirmed(city, nobodys, 0)
    await expect(east.get_by_role("alertdialog")).to_have_count(0)
    # It may have been theirs or not: their device does not take it for where they are.
    await expect(east.locator("#no-case")).to_be_visible()


@pytest.mark.parametrize("size", SIZES)
async def test_an_emergency_is_held_for_a_second_and_sent_once(
    open_portal: OpenPortal, city: City, size: Size, folder: Path
) -> None:
    page = await open_portal(size=size)
    call = await offered(city)
    await go_there(page)
    case = await case_of(city, call)
    emergency = page.locator("button.emergency")
    place = await emergency.bounding_box()

    await emergency.click()
    await emergency.click(delay=400)
    await expect(emergency).to_contain_text("Hold 1 s")
    await emergency.click(delay=1_300)
    await expect(page.locator(".helped")).to_contain_text("You called for help at")
    await expect(page.locator(".strip")).to_contain_text("Emergency sent")
    assert await emergency.bounding_box() == place

    await emergency.focus()
    await page.keyboard.down("Enter")
    await expect(emergency).to_have_class(re.compile("holding"))
    await expect(emergency).not_to_have_class(re.compile("holding"))
    await page.keyboard.up("Enter")

    await page.locator("#backup > summary").click()
    assert await complaints(page) == []
    await page.screenshot(path=folder / f"portal-backup-{size}.png")
    await button(page, "Send officers").click()
    await expect(page.locator(".strip")).to_contain_text("Backup asked")
    await expect(page.locator("a.ring-them")).to_have_attribute("href", "tel:911")
    assert await complaints(page) == []
    await large_enough(page)
    await page.evaluate("scrollTo(0, 0)")
    await page.screenshot(path=folder / f"portal-emergency-{size}.png")

    facts = await said(city, case)
    assert len([one for one in facts if isinstance(one, BackupRequested)]) == 1
    assert len([one for one in facts if isinstance(one, EmergencyRaised)]) == 2
    status = (await city.client.get(f"{city.system.urls['routing']}/v1/calls/{call}/status")).json()
    assert status["stage"] == "on_scene"
    assert {one["assistance"] for one in status["waiting"]} >= {"emergency"}
    await button(page, "Help has come").click()
    await expect(page.locator(".helped")).to_contain_text("Help came at")


@pytest.mark.parametrize("size", SIZES)
async def test_what_is_tapped_without_a_connection_is_kept_and_sent_once(
    open_portal: OpenPortal, city: City, size: Size, folder: Path
) -> None:
    page = await open_portal(size=size)
    call = await offered(city)
    case = await case_of(city, call)
    await button(page, "20 min").click()
    await button(page, "west-1 goes").click()
    await expect(page.locator("article.acknowledged")).to_contain_text("west-1")
    await expect(page.locator("#queue")).to_be_hidden()

    await page.context.set_offline(True)
    await button(page, "On the way").click()
    await button(page, "We are there").click()
    await button(page, "Spoke with the person").click()
    await expect(page.locator("#queue")).to_contain_text("3 steps waiting to send")
    await expect(page.locator(".close-it > summary")).to_be_visible()
    await expect(page.locator("#stale")).to_contain_text("Last heard", timeout=60_000)
    assert await complaints(page) == []
    await large_enough(page)
    await page.evaluate("scrollTo(0, 0)")
    await page.screenshot(path=folder / f"portal-offline-{size}.png")
    assert [one for one in await said(city, case) if isinstance(one, TeamEnRoute)] == []

    await page.context.set_offline(False)
    await expect(page.locator("#queue")).to_be_hidden(timeout=60_000)
    await expect(page.locator("#stale")).to_be_hidden()
    await city.stage(call, "on_scene")
    steps = [one for one in await said(city, case) if isinstance(one, TeamEnRoute | TeamOnScene | PersonContacted)]
    assert [type(one) for one in steps] == [TeamEnRoute, TeamOnScene, PersonContacted]
    for one in steps:
        assert one.said_at is not None
        assert (one.occurred_at - one.said_at).total_seconds() > 3


async def test_a_step_whose_answer_is_lost_is_sent_again_and_counts_once(open_portal: OpenPortal, city: City) -> None:
    page = await open_portal()
    call = await offered(city)
    case = await case_of(city, call)
    sent = await losing_the_first_answer(page, "on-scene")
    await go_there(page)
    await eventually(lambda: sent_again(sent), "the step to be sent again", within=120, every=0.1)
    await city.stage(call, "on_scene")
    await expect(page.locator("#queue")).to_be_hidden(timeout=60_000)
    assert len(set(sent)) == 1
    assert len([one for one in await said(city, case) if isinstance(one, TeamOnScene)]) == 1


async def test_a_close_whose_answer_is_lost_is_sent_again_and_counts_once_with_its_follow_up(
    open_portal: OpenPortal, city: City
) -> None:
    page = await open_portal()
    call = await offered(city)
    case = await case_of(city, call)
    sent = await losing_the_first_answer(page, "close")
    await go_there(page)
    await button(page, "Spoke with the person").click()
    await page.locator(".close-it > summary").click()
    await page.get_by_text("Referred", exact=True).click()
    await page.get_by_text("Follow up within 48 hours").click()
    await page.locator(".close summary").click()
    await page.locator("textarea[name=note]").fill("   ")
    await page.locator(".close button.big").click()
    await eventually(lambda: sent_again(sent), "the close to be sent again", within=120, every=0.1)
    await expect(page.locator("#queue")).to_be_hidden(timeout=60_000)
    await expect(page.get_by_text("Nothing to do now")).to_be_visible()
    assert len(set(sent)) == 1
    (closed,) = [one for one in await said(city, case) if isinstance(one, CaseClosed)]
    assert closed.said_at is not None
    assert closed.follow_up_due == closed.said_at + FOLLOW_UP


async def losing_the_first_answer(page: Page, verb: str) -> list[str]:
    """Let the first answer to a tap be lost on its way; return the keys of what is sent, as it is."""
    sent: list[str] = []

    async def lose_the_first(route: Route) -> None:
        sent.append(route.request.headers["idempotency-key"])
        await route.fetch()
        if len(sent) == 1:
            await route.abort()
        else:
            await route.continue_()

    await page.route(f"**/cases/*/{verb}", lose_the_first)
    return sent


async def sent_again(sent: list[str]) -> bool:
    return len(sent) > 1


async def test_taps_outlive_the_page(open_portal: OpenPortal, city: City) -> None:
    page = await open_portal()
    call = await offered(city)
    await button(page, "20 min").click()
    await button(page, "west-1 goes").click()
    await expect(button(page, "On the way")).to_be_visible()
    await page.context.set_offline(True)
    await button(page, "On the way").click()
    await expect(page.locator("#queue")).to_contain_text("1 step waiting to send")
    await page.context.set_offline(False)
    other = await page.context.new_page()
    await page.close(run_before_unload=False)
    await other.goto("/shift")
    await city.stage(call, "en_route")


async def test_what_was_said_is_shown_as_words_and_does_nothing(open_portal: OpenPortal, city: City) -> None:
    evil = "<img src=x onerror=alert(1)><script>alert(2)</script>\" onmouseover='alert(3)' {{7*7}}"
    page = await open_portal(size="desk")
    await offered(city, evil, address={"text": evil, "unit": evil}, caller={"name": evil, "number": evil})
    await expect(page.locator(".said blockquote")).to_have_text(evil)
    assert await page.locator("article img, article script, [onmouseover], [onerror]").count() == 0


async def test_an_offer_is_declined_for_a_reason(open_portal: OpenPortal, city: City) -> None:
    page = await open_portal()
    call = await offered(city)
    await page.get_by_text("Can't", exact=True).click()
    await large_enough(page)
    await button(page, "All teams are busy").click()
    await expect(page.get_by_text("Nothing to do now")).to_be_visible()
    status = (await city.client.get(f"{city.system.urls['routing']}/v1/calls/{call}/status")).json()
    assert status["provider"] != "exodus" or status["stage"] != "offered"


async def test_teams_sign_on_and_off_and_the_relief_goes_on_with_the_case(open_portal: OpenPortal, city: City) -> None:
    page = await open_portal()
    await page.goto("/shift")
    for team in ("west-1", "west-2"):
        await page.get_by_label("Team", exact=True).fill(team)
        await page.get_by_label("Languages").fill("en es")
        await button(page, "Sign on").click()
        await expect(page.locator(".teams")).to_contain_text(team)
    assert await complaints(page) == []
    await large_enough(page)
    await page.goto("/")
    call = await offered(city)
    await go_there(page)
    await city.stage(call, "on_scene")  # what was tapped may still be on its way
    await page.goto("/shift")
    await page.get_by_label("Sign off west-1").click()
    own = page.locator(".teams li", has_text="west-1").first
    await expect(own).to_contain_text("Holds open cases")
    await expect(own.get_by_role("button", name="Nobody")).to_be_hidden()
    await own.get_by_role("button", name="west-2").click()
    await expect(page.locator(".teams li b").filter(has_text=re.compile("^west-1$"))).to_have_count(0)
    relief = await open_portal("west-2")
    await expect(relief.locator("article.on_scene")).to_contain_text("west-2")
    # Whoever never says who is on duty counts as on duty; once somebody did, there must be a team.
    on_duty: JsonValue = {"team": "west-1"}
    assert (await city.client.post(f"{city.system.urls[EXODUS]}/v1/shift/on", json=on_duty)).is_success


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "es"])
async def test_axe_finds_nothing_at_any_stage_in_either_theme_and_language(
    open_portal: OpenPortal, city: City, folder: Path, theme: Theme, language: str
) -> None:
    t = read()[language]
    page = await open_portal(theme=theme, language=language)
    other = read()["es" if language == "en" else "en"]
    foreign = [
        text
        for key, text in other.entries.items()
        if text != t.entries[key] and " " in text and "{" not in text and text not in t.entries.values()
    ]

    async def fine(stage: str) -> None:
        assert await complaints(page) == [], stage
        await large_enough(page)
        seen = await page.locator("body").inner_text()
        assert [text for text in foreign if text in seen] == [], stage
        await page.screenshot(path=folder / f"portal-{stage}-{theme}-{language}.png")

    await fine("calm")
    await page.goto("/who")
    await fine("who")
    await page.goto("/shift")
    await fine("shift")
    await page.goto("/")
    assert await page.locator("html").get_attribute("lang") == language
    await offered(city, answers={**CLEAR, "juvenile": "unknown"}, premise_hazards=["medical"])
    await expect(page.locator("article.offered")).to_be_visible()
    await fine("offer")
    await page.get_by_text(t("offer.cant"), exact=True).click()
    await fine("cant")
    await button(page, t("offer.minutes", n=20)).click()
    await button(page, t("step.team-assigned", team="west-1")).click()
    await expect(button(page, t("step.en-route"))).to_be_visible()
    await fine("taken")
    await button(page, t("step.en-route")).click()
    await button(page, t("step.on-scene")).click()
    await expect(page.locator(".check")).to_be_visible()
    await page.locator(".ask summary").click()
    await page.locator(".others > summary").click()
    await fine("on-scene")
    await page.locator(".others > summary").click()
    await button(page, t("step.contacted")).click()
    await page.locator(".close-it > summary").click()
    await page.get_by_text(t("disposition.transported"), exact=True).click()
    await fine("close")
    await page.locator("#backup > summary").click()
    await fine("backup")
    await page.locator("#backup > summary").click()
    await page.get_by_text(t("transport.home"), exact=True).click()
    await page.locator(".close button.big").click()
    await expect(page.get_by_text(t("state.calm"))).to_be_visible()
