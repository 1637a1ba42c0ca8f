"""The board in a real browser, on reporting alone: quiet and busy, a call's sheet, an alarm, the filter, a break.

Routing would answer what is made up here.
"""

import asyncio
import itertools
import re
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, expect

from browser.axe import complaints
from browser.conftest import Theme
from divert_cli import geo, kafka_admin
from divert_cli.prepare import publish_policy, topic_specs
from divert_cli.proofs.lives import Life, in_time, life, lives
from divert_cli.proofs.rebuild import write
from divert_contracts.facts.base import Fact
from divert_contracts.facts.cases import TeamEnRoute, TeamOnScene
from divert_contracts.facts.policies import PolicyPublished
from divert_contracts.policy import digest
from divert_contracts.vocabulary import PolicyKind
from integration.processes import running
from stack import Addresses, empty, fresh_database

pytestmark = pytest.mark.timeout(300)

AGENCY = "boardtest"
CALM = "boardcalm"
"""Where nothing becomes late while a test looks, and so moves by itself."""
CALLS = 60
POLYGONS = Path(__file__).parents[3] / "shared" / "data" / "lapd" / "lapd_divisions_simplified.geojson"
OpenBoard = Callable[..., Awaitable[Page]]


@pytest_asyncio.fixture(scope="module")
async def reporting(stack: Addresses) -> AsyncIterator[str]:
    """Reporting with a database of its own; give its base URL."""
    await asyncio.to_thread(kafka_admin.ensure_topics, stack.kafka, topic_specs(["exodus"], [AGENCY, CALM]))
    async with (
        fresh_database(stack.postgres) as database,
        running("divert_reporting", "REPORTING", stack, database) as client,
    ):
        yield str(client.base_url)
    await asyncio.to_thread(empty, stack.kafka, list(kafka_admin.topics(stack.kafka)))


@pytest_asyncio.fixture
async def open_board(browser: Browser, reporting: str) -> AsyncIterator[OpenBoard]:
    """Open the board; whatever goes wrong in the page fails the test."""
    contexts: list[BrowserContext] = []
    wrong: list[str] = []

    async def opened(
        path: str = f"/?agency={AGENCY}", *, theme: Theme = "light", size: tuple[int, int] = (1440, 900)
    ) -> Page:
        context = await browser.new_context(
            base_url=reporting, viewport={"width": size[0], "height": size[1]}, color_scheme=theme
        )
        contexts.append(context)
        page = await context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda said: wrong.append(said.text) if "Content Security Policy" in said.text else None)
        await page.goto(path)
        return page

    yield opened
    for context in contexts:
        await context.close()
    assert wrong == []


async def told(stack: Addresses, calls: list[Life], until: datetime) -> None:
    """Let reporting hear what happened to calls until a time."""
    await write(stack.kafka, [record for at, record in in_time(calls) if at <= until])


@pytest_asyncio.fixture(scope="module")
async def busy(stack: Addresses, reporting: str) -> list[Life]:
    """Many calls at every stage; two went back to the dispatcher, and nobody there has accepted them."""
    del reporting
    now = datetime.now(UTC)
    seed = uuid.uuid4().int % 1_000_000
    calls = list(lives(CALLS, now - timedelta(seconds=2400), every=timedelta(seconds=40), agency=AGENCY, seed=seed))
    await told(stack, calls, now)
    chance = Random(seed)
    left: list[Life] = []
    while len(left) < 2:
        one = life(f"L{seed}-{chance.getrandbits(32)}", now - timedelta(seconds=400), chance, agency=AGENCY)
        if any(type(fact).__name__ == "HandoffConfirmed" for fact in one.facts):
            one.facts.pop()
            left.append(one)
    await told(stack, left, now)
    return left


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_a_quiet_board_is_calm_and_says_so(open_board: OpenBoard, folder: Path, theme: Theme) -> None:
    page = await open_board("/?agency=nobody", theme=theme)
    await expect(page.locator(".lane .nothing").first).to_be_visible()
    await expect(page.locator(".strip")).to_have_count(0)
    await expect(page.locator("#alarms")).to_contain_text("Nothing rings")
    await expect(page.locator("#today-numbers")).to_contain_text("Received")
    assert await complaints(page) == []
    await page.screenshot(path=folder / f"board-quiet-{theme}-1440x900.png")


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_a_busy_board_shows_the_late_first(
    open_board: OpenBoard, busy: list[Life], folder: Path, theme: Theme
) -> None:
    page = await open_board(theme=theme)
    back = page.locator('.lane[data-lane="handing_back"]')
    for one in busy:
        await expect(back.locator(f'.card.late[data-call="{one.call_id}"]')).to_be_visible()
    await expect(page.locator('.lane[data-lane="on_scene"] .strip')).not_to_have_count(0)
    await expect(page.locator("#today-numbers")).to_contain_text("Received")
    assert await complaints(page) == []
    for width, height in ((1440, 900), (1920, 1080)):
        await page.set_viewport_size({"width": width, "height": height})
        await page.screenshot(path=folder / f"board-busy-{theme}-{width}x{height}.png")
    await page.goto(f"/?wall&agency={AGENCY}")
    await expect(page.locator("#worst li")).not_to_have_count(0)
    smallest = await page.evaluate(
        "Math.min(...[...document.querySelectorAll('main *')].filter((one) => one.getClientRects().length &&"
        " [...one.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim()))"
        ".map((one) => parseFloat(getComputedStyle(one).fontSize)))"
    )
    assert smallest >= 32, f"{smallest} px are not read at four metres"
    assert await complaints(page) == []
    await page.screenshot(path=folder / f"board-wall-{theme}-1920x1080.png")


async def test_a_call_opens_as_a_sheet_that_has_an_address(open_board: OpenBoard, busy: list[Life]) -> None:
    page = await open_board()
    card = page.locator(f'.card[data-call="{busy[0].call_id}"]')
    await card.focus()
    await page.keyboard.press("Enter")
    sheet = page.get_by_role("dialog")
    await expect(sheet).to_contain_text("Back to the dispatcher")
    await expect(sheet.get_by_role("heading", level=1)).to_contain_text(busy[0].number)
    await expect(page).to_have_url(re.compile(f"agency={AGENCY}&call={busy[0].call_id}"))
    assert await complaints(page) == []
    await page.keyboard.press("Escape")
    await expect(sheet).to_be_hidden()
    await expect(card).to_be_focused()
    await expect(page).not_to_have_url(re.compile("call="))

    await page.goto(f"/?agency={AGENCY}&call={busy[1].call_id}")
    await expect(page.get_by_role("dialog")).to_contain_text(busy[1].number)


async def test_somebody_sees_to_an_alarm_and_everybody_knows(open_board: OpenBoard, busy: list[Life]) -> None:
    first, second = await open_board(), await open_board()
    here = f'.bell:has([data-call="{busy[0].call_id}"]):has-text("Hand-off not accepted")'
    await expect(second.locator(here)).to_contain_text("I see to it")
    await first.locator(here).get_by_role("button").click()
    dialog = first.get_by_role("dialog")
    await expect(dialog).to_contain_text("Hand-off not accepted")
    assert await complaints(first) == []
    await first.get_by_label("Your id").fill("ops-1")
    await first.get_by_role("button", name="Rang the dispatcher").click()
    await expect(dialog).to_be_hidden()
    for page in (first, second):
        await page.mouse.move(700, 300)
        await expect(page.locator(here)).to_contain_text("ops-1: rang the dispatcher")
        await expect(page.locator(here).get_by_role("button")).to_have_count(0)
    await first.goto("/board/alarms")
    row = first.get_by_role("row").filter(has_text="ops-1")
    await expect(row).to_contain_text("Hand-off not accepted")
    assert await complaints(first) == []


async def test_the_filter_is_in_the_address(open_board: OpenBoard, busy: list[Life]) -> None:
    page = await open_board()
    await expect(page.locator('.lane[data-lane="on_scene"] .strip')).not_to_have_count(0)
    await page.get_by_label("Stage").select_option("handing_back")
    await expect(page).to_have_url(re.compile("stage=handing_back"))
    await expect(page.locator(".lane")).to_have_count(1)
    await expect(page.locator(".strip")).not_to_have_count(0)
    await page.keyboard.press("l")
    await expect(page).to_have_url(re.compile("stage=handing_back.*late=yes"))
    await page.reload()
    for one in busy:
        await expect(page.locator(f'.card.late[data-call="{one.call_id}"]')).to_be_visible()
    await expect(page.locator(".card:not(.late)")).to_have_count(0)
    assert await complaints(page) == []


async def test_news_keep_focus_and_scroll_and_move_nothing_else(
    open_board: OpenBoard, stack: Addresses, reporting: str
) -> None:
    del reporting
    now = datetime.now(UTC)
    here = [at_last(TeamOnScene, number, now, CALM) for number in range(12)]
    coming = at_last(TeamEnRoute, 12, now, CALM)
    await told(stack, [*here, coming], now)
    page = await open_board(f"/?agency={CALM}", size=(1440, 700))
    lane = page.locator('.lane[data-lane="on_scene"] .scroll')
    await expect(lane.locator(".card")).to_have_count(len(here))
    card = page.locator(f'.card[data-call="{coming.call_id}"]')
    await card.focus()
    await lane.evaluate("(one) => (one.scrollTop = 90)")
    stands = await lane.evaluate("(one) => one.scrollTop")
    assert stands > 0
    await page.evaluate(
        "window.moved = []; new PerformanceObserver((list) => window.moved.push(...list.getEntries()"
        ".flatMap((one) => one.sources.map(({node}) => node?.closest?.('.card, section')?.outerHTML ?? String(node)))))"
        ".observe({type: 'layout-shift'})"
    )
    now = datetime.now(UTC)
    fresh = [life(f"F{uuid.uuid4()}", now, Random(number), agency=CALM) for number in range(4)]
    await told(stack, fresh, now + timedelta(seconds=1))
    triaged = page.locator('.lane[data-lane="triaged"]')
    await expect(triaged.locator(f'.card[data-call="{fresh[0].call_id}"]')).to_be_visible()
    await expect(card).to_be_focused()
    assert await lane.evaluate("(one) => one.scrollTop") == stands
    assert await page.evaluate("window.moved") == []


async def test_a_lane_keeps_still_under_the_hand_and_settles_when_it_rests(
    open_board: OpenBoard, stack: Addresses, reporting: str
) -> None:
    del reporting
    now = datetime.now(UTC)
    staying, leaving = (at_last(TeamEnRoute, number, now, CALM) for number in (20, 21))
    await told(stack, [staying, leaving], now)
    page = await open_board(f"/?agency={CALM}")
    lane = page.locator('.lane[data-lane="on_the_way"]')
    card = lane.locator(f'.card[data-call="{leaving.call_id}"]')
    await card.focus()
    await page.keyboard.press("Shift")
    arrives = next(fact.occurred_at for fact in leaving.facts if isinstance(fact, TeamOnScene))
    await told(stack, [leaving], arrives)
    await expect(lane.locator(".strip.gone")).to_have_count(1)
    await expect(card).to_be_focused()
    await expect(card).to_have_count(0, timeout=30_000)
    await expect(lane.locator(f'.card[data-call="{staying.call_id}"]')).to_be_visible()
    await expect(lane.locator(".scroll")).to_be_focused()


def at_last(kind: type[Fact], number: int, now: datetime, agency: str) -> Life:
    """Return a call whose last news, of a kind, is ten seconds old."""
    for seed in itertools.count(1000 * number):
        chosen = f"C{now:%H%M%S%f}-{seed}"
        told = [fact for fact in life(chosen, now, Random(seed), agency=agency).facts if isinstance(fact, kind)]
        if told:
            begins = now - (told[0].occurred_at - now) - timedelta(seconds=10)
            return life(chosen, begins, Random(seed), agency=agency)
    raise AssertionError


class Line:
    """A line to a server that can be cut, and mended."""

    def __init__(self, url: str) -> None:
        """Lead to the server at a base URL."""
        self._there = urlsplit(url)
        self._cut = asyncio.Event()
        self._server: asyncio.Server | None = None
        self.port = 0

    async def mend(self) -> None:
        """Let connections through, at the same port as before."""
        self._cut = asyncio.Event()
        self._server = await asyncio.start_server(self._lead, "127.0.0.1", self.port)
        self.port = int(self._server.sockets[0].getsockname()[1])

    def cut(self) -> None:
        """End every connection, and take no other."""
        assert self._server is not None
        self._server.close()
        self._cut.set()

    async def _lead(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        cut = asyncio.create_task(self._cut.wait())
        far_reader, far_writer = await asyncio.open_connection(self._there.hostname, self._there.port)
        ways = [asyncio.create_task(_pour(reader, far_writer)), asyncio.create_task(_pour(far_reader, writer))]
        await asyncio.wait([cut, *ways], return_when=asyncio.FIRST_COMPLETED)
        for one in (cut, *ways):
            one.cancel()
        for one in (writer, far_writer):
            one.close()


async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while some := await reader.read(65_536):
        writer.write(some)
        await writer.drain()


async def test_a_board_that_hears_nothing_says_so_and_comes_back(
    open_board: OpenBoard, reporting: str, busy: list[Life], folder: Path
) -> None:
    del busy
    line = Line(reporting)
    await line.mend()
    page = await open_board(f"http://127.0.0.1:{line.port}/?agency={AGENCY}", theme="dark")
    await expect(page.locator(".strip")).not_to_have_count(0)
    await expect(page.locator("#today-numbers")).to_contain_text("Received")
    strips = await page.locator(".strip").count()
    line.cut()
    await expect(page.locator("#stale")).to_contain_text(re.compile(r"Last heard \d+ s ago"))
    assert await page.locator(".strip").count() == strips
    assert await complaints(page) == []
    await page.screenshot(path=folder / "board-stale-dark-1440x900.png")
    await line.mend()
    await expect(page.locator("#stale")).to_be_hidden()
    line.cut()


@pytest.mark.skipif(not POLYGONS.exists(), reason="the city's data are not here")
async def test_an_imported_map_takes_the_place_of_the_tiles(
    open_board: OpenBoard, busy: list[Life], stack: Addresses, folder: Path
) -> None:
    page = await open_board()
    await expect(page.locator("#map")).to_contain_text("schematic")
    document, now = geo.drawn(POLYGONS), datetime.now(UTC)
    published = PolicyPublished(
        occurred_at=now,
        kind=PolicyKind.DIVISIONS,
        version=str(document["version"]),
        in_force_from=now,
        document=document,
        digest=digest(document),
    )
    await publish_policy(stack.kafka, published)
    await expect(page.locator("#map path")).to_have_count(21)
    for one in await page.locator("#map path").all():
        await expect(one).to_be_visible()
    await expect(page.locator("#map")).not_to_contain_text("schematic")
    for theme in ("light", "dark"):
        await page.emulate_media(color_scheme=theme)
        assert await complaints(page) == []
        await page.screenshot(path=folder / f"board-map-{theme}-1440x900.png")
    division = page.locator("#map a").filter(has=page.locator("path.late")).first
    named = await division.locator("title").text_content()
    await division.focus()
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(re.compile(r"division=\d+"))
    await expect(page.locator("#map a[aria-current]")).to_contain_text(str(named).split(":", maxsplit=1)[0])
    del busy
