"""The desk in a real browser, by keyboard alone, on the whole system."""

import json
import re
import uuid
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Locator, Page, expect

from browser.axe import complaints
from browser.city import AGENCY, CLEAR, WHOLE, City
from browser.conftest import OpenDesk
from divert_chassis.issuer import LocalIssuer
from divert_contracts.access import Role
from divert_contracts.ids import call_id
from divert_intake.domain.calls import Intake, as_json
from divert_intake.domain.given import Given
from divert_intake.domain.reading import Refused
from divert_routing.domain.directory import Desk
from divert_routing.domain.rereviews import in_share
from waiting import eventually

pytestmark = pytest.mark.timeout(180)

TYPES_A_SECOND = 4.0
"""Keys that a call-taker types in a second: 48 words a minute."""
ASKS_AND_HEARS = 1.6
"""Seconds for one question and its answer; the caller speaks meanwhile."""
A_NEW_CALL = 40.0


class Keys:
    """A keyboard that counts."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self.typed = 0
        self.answers = 0

    async def type(self, text: str) -> None:
        """Type a text."""
        await self._page.keyboard.type(text)
        self.typed += len(text)

    async def press(self, *keys: str) -> None:
        """Press keys, one after the other."""
        for key in keys:
            await self._page.keyboard.press(key)
            self.typed += 1

    async def answer(self, key: str) -> None:
        """Answer the question that is shown, and wait for what comes next."""
        asked = await self._page.locator(".asking h2").inner_text()
        await self._page.keyboard.press(key)
        self.answers += 1
        await expect(self._page.locator(".asking h2")).not_to_have_text(asked)

    @property
    def seconds(self) -> float:
        """How long a person takes for all that."""
        return self.typed / TYPES_A_SECOND + self.answers * ASKS_AND_HEARS


async def shown(page: Page, call: str) -> None:
    """Look at a call."""
    await page.goto(f"/desk?call={call}")
    await expect(page.locator("#call")).to_have_attribute("data-call", call)


async def test_a_call_is_entered_reviewed_and_taken_back_by_keyboard_alone(open_desk: OpenDesk, city: City) -> None:
    page = await open_desk()
    keys = Keys(page)

    await keys.press("n")
    await expect(page.get_by_label("Where")).to_be_focused()
    await keys.type("1200 S Vermont Ave")
    await keys.press("Tab")
    await keys.type("Wilshire")
    await keys.press("Tab")
    await keys.type("918")
    await keys.press("Tab")
    await keys.type("Woman weeping at the bus stop, talks to nobody")
    await keys.press("Enter")
    await expect(page.locator(".asking h2")).to_contain_text("weapon")
    await keys.answer("u")
    while await page.locator("#send").count() == 0:
        await keys.answer("n")
    await expect(page.locator(".decided h2")).to_have_text("Somebody must decide")
    await keys.press("Enter")
    await page.wait_for_url("**/desk?call=*")
    assert keys.seconds < A_NEW_CALL, f"{keys.typed} keys and {keys.answers} answers: {keys.seconds:.0f} s"

    await expect(page.locator("#custody")).to_contain_text("somebody must decide")
    await expect(page.locator(".needs li")).to_contain_text(["Decide"])
    await expect(page.locator(".narrative")).to_contain_text("Woman weeping")
    await page.keyboard.press("c")
    await expect(page.locator(".right")).to_contain_text("You look after it")
    await page.keyboard.press("e")
    await expect(page.get_by_role("dialog")).to_contain_text("Because")
    await page.keyboard.press("1")
    await expect(page.locator("#custody")).to_contain_text("offered to Alcott Center")
    await expect(page.get_by_role("dialog")).to_be_hidden()

    await page.keyboard.press("t")
    await page.keyboard.press("7")
    await expect(page.locator("#custody")).to_contain_text("nobody there has accepted it yet")
    await page.keyboard.press("o")
    await page.keyboard.press("1")
    await expect(page.locator("#custody")).to_contain_text("Ended")
    await expect(page.locator("#custody")).to_contain_text("taken back")
    await expect(page.locator(".timeline")).to_contain_text("take back, because supervisor")
    await expect(page.locator("#queue")).to_contain_text("Nothing waits for you")


async def test_the_questions_stop_as_soon_as_it_is_decided(open_desk: OpenDesk, city: City) -> None:
    page = await open_desk()
    await page.keyboard.press("n")
    await expect(page.get_by_label("Where")).to_be_focused()
    for text in ("500 W 6th St", "0723", "918"):
        await page.keyboard.type(text)
        await page.keyboard.press("Tab")
    await page.keyboard.type("Man walks up and down and talks")
    await page.keyboard.press("Enter")
    await expect(page.locator(".asking h2")).to_contain_text("weapon")
    await page.keyboard.press("y")
    await expect(page.locator(".decided h2")).to_have_text("Not for an unarmed team")
    await page.keyboard.press("Backspace")
    await expect(page.locator(".asking h2")).to_contain_text("weapon")
    await page.keyboard.press("y")
    await expect(page.locator("#send")).to_be_focused()
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/desk?call=*")
    await expect(page.locator(".needs li")).to_contain_text(["Hand-off not accepted"])
    await expect(page.locator(".dangers")).to_contain_text("weapon")


async def test_words_that_tell_of_danger_leave_nothing_to_ask(open_desk: OpenDesk, city: City) -> None:
    page = await open_desk()
    await page.keyboard.press("n")
    await expect(page.get_by_label("Where")).to_be_focused()
    for text in ("500 W 6th St", "0723", "918"):
        await page.keyboard.type(text)
        await page.keyboard.press("Tab")
    await page.keyboard.type("He has a knife in his hand")
    await page.keyboard.press("Enter")
    await expect(page.locator(".decided h2")).to_have_text("Not for an unarmed team")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/desk?call=*")
    await expect(page.locator(".narrative mark")).to_contain_text("knife")
    await expect(page.locator(".narrative .sign")).to_have_text("weapon there")


async def test_two_people_cannot_decide_the_same(open_desk: OpenDesk, city: City) -> None:
    call = await city.in_review()
    first, second = await open_desk("desk-1"), await open_desk("desk-2")
    await shown(first, call)
    await shown(second, call)
    await first.keyboard.press("c")
    await expect(second.locator(".right")).to_contain_text("desk-1 looks after it")
    await expect(second.locator("#queue")).to_contain_text("desk-1 has it")
    await expect(second.locator("#order-eligible")).to_have_count(0)
    await expect(second.locator("#order-take_back")).to_be_visible()
    await second.keyboard.press("c")
    await expect(second.locator("#notice")).to_contain_text("desk-1 has claimed it")
    await first.keyboard.press("i")
    await first.keyboard.press("1")
    assert (await city.stage(call, "concluded"))["reason"] == "reviewed"


async def test_taking_back_wins_while_a_team_is_on_scene(open_desk: OpenDesk, city: City) -> None:
    call = await city.on_scene()
    page = await open_desk()
    await shown(page, call)
    await expect(page.locator("#custody")).to_contain_text("Alcott Center has it")
    await page.keyboard.press("t")
    await page.keyboard.press("2")
    await expect(page.locator("#custody")).to_contain_text("The dispatcher holds it")
    await expect(page.locator(".needs")).to_contain_text("Recall not confirmed")
    status = await city.stage(call, "concluded")
    assert status["reason"] == "taken_back"


async def test_a_team_asks_and_the_desk_answers(open_desk: OpenDesk, city: City) -> None:
    call = await city.on_scene()
    await city.says(call, "question", question="weapon")
    page = await open_desk()
    await shown(page, call)
    await expect(page.locator(".needs")).to_contain_text("Team asks")
    await page.keyboard.press("a")
    await expect(page.get_by_role("dialog")).to_contain_text("Weapon")
    await page.keyboard.press("n")
    await expect(page.locator("#notice")).to_contain_text("The team has the answer")
    await expect(page.locator("#queue")).to_contain_text("Nothing waits for you")


async def test_what_is_said_is_text_and_never_code(open_desk: OpenDesk, city: City) -> None:
    said = '<script>window.broken = 1</script><img src=x onerror="window.broken = 1"> <b>loud</b> & "quoted"'
    call = await city.in_review(said, address={"text": "<svg onload=window.broken=1>"})
    page = await open_desk()
    await shown(page, call)
    await expect(page.locator(".narrative")).to_have_text(said)
    await expect(page.locator(".where")).to_contain_text("<svg onload=window.broken=1>")
    assert await page.evaluate("window.broken") is None
    assert await page.locator("article script, article img, article b:text-is('loud')").count() == 0
    answer = await city.client.get(f"{city.system.urls['routing']}/desk/person")
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert "unsafe" not in answer.headers["content-security-policy"]


async def test_private_words_are_in_no_log(open_desk: OpenDesk, city: City) -> None:
    call = await city.in_review("Zebrafinch sings at the gate", address={"text": "77 Quokka Lane"})
    page = await open_desk()
    await shown(page, call)
    await expect(page.locator(".narrative")).to_contain_text("Zebrafinch")
    for log in (city.system.data / "logs").glob("*.log"):
        text = log.read_text(errors="replace")
        assert "Zebrafinch" not in text, log.name
        assert "Quokka" not in text, log.name


async def test_nothing_moves_in_the_list_while_somebody_acts_on_it(open_desk: OpenDesk, city: City) -> None:
    older = await city.in_review()
    page = await open_desk()
    row = page.locator(f"#review-{older} a")
    await row.focus()
    alarming = await city.on_scene()
    await city.says(alarming, "backup", hazards=["violence"])
    fresh = page.locator("#queue li", has_text="Team wants backup")
    await expect(fresh).to_have_count(1)
    ids = await page.locator("#queue li").evaluate_all("all => all.map(one => one.id)")
    assert ids[0] == f"review-{older}"
    await expect(row).to_be_focused()
    await expect(page.locator("#announced")).to_contain_text("New: Team wants backup")
    await page.locator("h1").click()
    await page.locator(".right h2").hover()
    await page.evaluate("document.activeElement.blur()")
    await expect(page.locator("#queue li").first).to_contain_text("Team wants backup")


async def test_a_broken_line_is_said_and_the_picture_stays(open_desk: OpenDesk, city: City) -> None:
    await city.in_review()
    page = await open_desk()
    await page.context.set_offline(True)
    await expect(page.locator("#stale")).to_be_visible(timeout=60_000)
    await expect(page.locator("#stale")).to_contain_text(re.compile(r"Last heard \d+ s ago; reconnecting"))
    await expect(page.locator(".needs li")).to_have_count(1)
    await page.context.set_offline(False)
    await expect(page.locator("#stale")).to_be_hidden(timeout=60_000)


async def signed_in(page: Page, city: City, *, hours: float) -> None:
    """Let the session of a page be one that counts for so many hours, or ended so many ago."""
    token = LocalIssuer(city.system.data).token(Role.DESK, subject="desk-1", hours=hours)
    await page.context.add_cookies(
        [
            {
                "name": "divert-session-routing",
                "value": token,
                "url": city.system.urls["routing"],
                "httpOnly": True,
                "sameSite": "Strict",
            }
        ]
    )


async def test_a_session_that_ends_on_an_open_page_is_said_until_somebody_signs_in(
    open_desk: OpenDesk, city: City, folder: Path
) -> None:
    page = await open_desk()
    banner = page.locator("#stale")

    await signed_in(page, city, hours=-1)
    await expect(banner).to_contain_text("Your session is over: sign in again")
    await expect(banner.get_by_role("link", name="Sign in")).to_have_attribute("href", "/sign-in?to=%2Fdesk")
    assert await complaints(page) == []
    await page.screenshot(path=folder / "desk-session-over.png")
    call = await city.in_review()
    assert await page.locator(f"#queue [data-call='{call}']").count() == 0
    await signed_in(page, city, hours=1)
    await expect(page.locator(f"#queue [data-call='{call}']")).to_be_visible()
    await expect(banner).to_be_hidden()


async def test_nothing_typed_is_lost_when_triage_or_intake_is_down(open_desk: OpenDesk, city: City) -> None:
    nowhere = {"ROUTING_TRIAGE_URL": "http://127.0.0.1:9", "ROUTING_INTAKE_URL": "http://127.0.0.1:9"}
    await city.system.add("routing", "routing-alone", nowhere)
    try:
        page = await open_desk(routing="routing-alone")
        await page.keyboard.press("n")
        await expect(page.get_by_label("Where")).to_be_focused()
        await page.keyboard.type("12 Elm St")
        await page.get_by_label("What is happening").focus()
        await page.keyboard.type("Shouting at the wall")
        await page.keyboard.press("Enter")
        await expect(page.locator(".asking h2")).to_have_text("Triage does not answer")
        await page.keyboard.press("s")
        await expect(page.locator("#sent")).to_contain_text("it is not known whether")
        await expect(page.get_by_label("Where")).to_have_value("12 Elm St")
        await expect(page.get_by_label("What is happening")).to_have_value("Shouting at the wall")
        await page.keyboard.press("a")
        await expect(page.locator("#sent")).to_contain_text("it is not known whether")
    finally:
        await city.system.remove("routing-alone")


async def test_another_sites_form_is_not_believed(open_desk: OpenDesk, city: City) -> None:
    call = await city.in_review()
    url = f"{city.system.urls['routing']}/desk/calls/{call}/claim"
    session = "divert-session-routing"
    cookies = {session: LocalIssuer(city.system.data).token(Role.DESK)}
    for headers in ({"sec-fetch-site": "cross-site"}, {"origin": "http://evil.example"}, {"origin": "null"}, {}):
        async with httpx.AsyncClient(trust_env=False, cookies=cookies) as client:
            answer = await client.post(url, headers=headers)
        assert answer.status_code == 403, headers
        assert "Nothing was done" in answer.text
    page = await open_desk()
    (cookie,) = [one for one in await page.context.cookies() if one.get("name") == session]
    assert (cookie.get("httpOnly"), cookie.get("sameSite")) == (True, "Strict")


async def test_a_drill_is_marked_and_counts_nowhere(open_desk: OpenDesk, city: City) -> None:
    call = await city.in_review(exercise=True)
    page = await open_desk()
    await shown(page, call)
    await expect(page.locator(".needs li")).to_contain_text(["Drill"])
    await expect(page.locator("article")).to_contain_text("This is a drill")
    await page.keyboard.press("i")
    await page.keyboard.press("2")
    await city.stage(call, "concluded")

    async def outside() -> bool:
        story = await city.client.get(f"{city.system.urls['reporting']}/v1/calls/{call}")
        return story.is_success and story.json()["outcome"]["denominator"] == "exercise"

    await eventually(outside, "reporting to know the drill")


async def test_promises_are_handed_over_with_both_ids(open_desk: OpenDesk, city: City) -> None:
    call = await city.in_review()
    page = await open_desk("desk-1")
    await shown(page, call)
    await page.keyboard.press("c")
    await expect(page.locator(".right")).to_contain_text("You look after it")
    await page.keyboard.press("w")
    await expect(page.locator("table")).to_contain_text("desk-1")
    await page.get_by_label("goes to").fill("desk-2")
    await page.keyboard.press("Enter")
    await expect(page.locator(".done")).to_contain_text("1 call handed over from desk-1 to desk-2")
    await expect(page.locator("table")).to_contain_text("desk-2")

    async def told() -> bool:
        story = await city.client.get(f"{city.system.urls['reporting']}/v1/calls/{call}")
        return any("desk-2" in one["says"] and "desk-1" in one["says"] for one in story.json().get("facts", ()))

    await eventually(told, "both ids on record")


async def test_nobody_on_shift_means_back_at_once(open_desk: OpenDesk, city: City) -> None:
    gateway = f"{city.system.urls['provider-gateway-penny-lane']}/v1/shift"
    assert (await city.client.put(gateway, json={"teams": []})).is_success
    try:

        async def back_at_once() -> bool:
            call = await city.call(reporting_district="1723", answers=CLEAR)
            return (await city.stage(call, "concluded", "offered"))["reason"] == "no_team_on_shift"

        await eventually(back_at_once, "a call to come back because nobody is on shift", within=120)
        page = await open_desk()
        await expect(page.locator(".needs li").last).to_contain_text("nobody took it")
    finally:
        teams = [{"team": "P1", "unit": "P1", "members": 2, "languages": ["en"]}]
        assert (await city.client.put(gateway, json={"teams": teams})).is_success


async def test_blind_re_review_shows_no_decision_and_is_reported(open_desk: OpenDesk, city: City) -> None:
    number, call = chosen_for_rereview("Rereview me")
    assert await city.call("Rereview me", incident_number=number, address=None, caller=None) == call
    await city.stage(call, "offered")
    page = await open_desk()
    await shown(page, call)
    await page.keyboard.press("t")
    await page.keyboard.press("1")
    await expect(page.locator("#custody")).to_contain_text("nobody there has accepted it yet")
    await page.keyboard.press("b")
    narrative = page.locator(".narrative", has_text="Rereview me")
    await others_decided(page, until=narrative)
    text = await page.locator("main").inner_text()
    assert not re.search("urgent|taken back|offered|C-MENTAL|Alcott", text)
    assert await page.locator("main mark").count() == 0
    await page.keyboard.press("i")
    await page.keyboard.press("1")
    await expect(narrative).to_have_count(0)

    async def reported() -> bool:
        counted = await city.client.get(f"{city.system.urls['reporting']}/v1/agreement")
        pairs = counted.json()["pairs"]
        return any((one["automatic"], one["person"]) == ("eligible", "ineligible") for one in pairs)

    await eventually(reported, "reporting to count the disagreement")
    assert (await city.stage(call, "concluded"))["reason"] == "taken_back"


async def others_decided(page: Page, until: Locator) -> None:
    """Decide what other tests left to be decided again, until what is meant comes up."""
    shown = page.locator("ul.orders [hx-get]").first
    await expect(shown).to_be_visible()
    while await until.count() == 0:
        other = await shown.get_attribute("hx-get") or ""
        await page.keyboard.press("e")
        await page.keyboard.press("1")
        await expect(shown).not_to_have_attribute("hx-get", other)


def chosen_for_rereview(narrative: str) -> tuple[str, str]:
    """Return a number with which a call's decision is one of the share, found by the same hash, and the call's id."""
    day = uuid.uuid4().hex[:8].upper()
    intake = Intake(Given(agencies=frozenset({AGENCY})), None, datetime.now(UTC))
    for number in (f"R{day}{count}" for count in range(10_000)):
        body = {**WHOLE, "incident_number": number, "narrative": narrative, "address": None, "caller": None}
        read = as_json(json.dumps(body).encode(), intake)
        assert not isinstance(read, Refused)
        call = call_id(AGENCY, read.number)
        if in_share(f"{call}:{read.revision.digest}", Desk().rereview_share):
            return number, str(call)
    raise AssertionError("no number of 10,000 is in a share of one in fifty")


async def sign_in_elsewhere(page: Page, city: City) -> None:
    """Sign in by the link that a refused order shows, in the tab that it opens."""
    async with page.expect_popup() as opened:
        await page.get_by_role("link", name="Sign in in another tab").click()
    other = await opened.value
    await other.get_by_label("Token").fill(LocalIssuer(city.system.data).token(Role.DESK, subject="desk-1"))
    await other.get_by_role("button", name="Sign in").click()
    await other.get_by_role("heading", name="Needs you").wait_for()
    await other.close()


async def test_what_was_typed_in_a_session_that_is_over_stays_until_somebody_has_signed_in(
    open_desk: OpenDesk, city: City
) -> None:
    call = await city.in_review()
    page = await open_desk("desk-1")
    await shown(page, call)
    await page.keyboard.press("t")
    await page.keyboard.press("7")
    await expect(page.locator("#custody")).to_contain_text("nobody there has accepted it yet")
    await page.keyboard.press("o")
    unit = page.get_by_label("Unit, if one goes")
    await unit.fill("8A21")
    await signed_in(page, city, hours=-1)
    order = page.get_by_role("dialog").get_by_role("button", name="Hand-off")
    await order.click()
    await expect(page.locator("#act-notice")).to_contain_text("Not done: your session is over.")
    await expect(page.locator("#stale")).to_contain_text("what you have typed here stays")
    assert await complaints(page) == []
    await sign_in_elsewhere(page, city)
    await expect(unit).to_have_value("8A21")
    await order.click()
    await expect(page.get_by_role("dialog")).to_be_hidden()
    await expect(page.locator("#stale")).to_be_hidden()

    async def accepted() -> bool:
        story = await city.client.get(f"{city.system.urls['reporting']}/v1/calls/{call}")
        return any("8A21" in str(one["content"]) for one in story.json().get("facts", ()))

    await eventually(accepted, "the unit on record")


async def test_a_new_call_and_a_hand_over_that_were_typed_are_sent_again_after_signing_in(
    open_desk: OpenDesk, city: City
) -> None:
    page = await open_desk("desk-1")
    await page.keyboard.press("n")
    await expect(page.get_by_label("Where")).to_be_focused()
    narrative = page.get_by_label("What is happening")
    await narrative.fill("Woman weeping at the bus stop")
    await signed_in(page, city, hours=-1)
    await narrative.press("Enter")
    await expect(page.locator("#notice")).to_contain_text("Not done: your session is over.")
    await sign_in_elsewhere(page, city)
    await expect(narrative).to_have_value("Woman weeping at the bus stop")
    await narrative.press("Enter")
    await expect(page.locator(".asking h2")).to_contain_text("weapon")

    page = await open_desk("desk-1")
    await page.goto("/desk/hand-over")
    to = page.get_by_label("goes to")
    await to.fill("desk-2")
    await signed_in(page, city, hours=-1)
    await to.press("Enter")
    await expect(page.locator("#notice")).to_contain_text("Not done: your session is over.")
    await sign_in_elsewhere(page, city)
    await to.press("Enter")
    await expect(page.locator(".done")).to_contain_text("0 calls handed over from desk-1 to desk-2")


async def test_whoever_signs_in_comes_back_to_the_page_that_they_wanted(open_desk: OpenDesk, city: City) -> None:
    page = await open_desk("desk-1")
    await signed_in(page, city, hours=-1)
    await page.goto("/desk/all?division=7")
    await page.get_by_label("Token").fill(LocalIssuer(city.system.data).token(Role.DESK, subject="desk-1"))
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url("**/desk/all?division=7")
    await signed_in(page, city, hours=-1)
    banner = page.locator("#stale")
    await expect(banner).to_contain_text("Your session is over")
    link = await banner.get_by_role("link", name="Sign in").get_attribute("href")
    assert link == "/sign-in?to=%2Fdesk%2Fall%3Fdivision%3D7"
