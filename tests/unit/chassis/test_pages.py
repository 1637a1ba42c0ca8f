"""Templates and assets of pages."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient, Response
from jinja2 import UndefinedError

from divert_chassis.access import guarded
from divert_chassis.clock import DomainClock
from divert_chassis.pages import KEPT, Pages
from divert_contracts.facts.policies import ClockSet

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def pages(folder: Path, text: str, clock: DomainClock | None = None) -> Pages:
    (folder / "templates").mkdir()
    (folder / "assets").mkdir()
    (folder / "assets" / "own.css").write_text("p { color: red }")
    (folder / "templates" / "page.html").write_text(text)
    return Pages(folder, clock or DomainClock(lambda: NOON))


async def got(made: Pages, path: str) -> Response:
    app, router = FastAPI(), guarded()
    made.add_assets(router)
    app.include_router(router)
    async with AsyncClient(base_url="http://pages", transport=ASGITransport(app)) as client:
        return await client.get(path)


def test_what_is_put_in_is_text(tmp_path: Path) -> None:
    assert pages(tmp_path, "{{ said }}").shown("page.html", said="<b>").body == b"&lt;b&gt;"


def test_a_value_that_is_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UndefinedError):
        pages(tmp_path, "{{ said }}").shown("page.html")


def test_a_page_knows_how_fast_its_time_runs(tmp_path: Path) -> None:
    clock = DomainClock(lambda: NOON)
    clock.learn(ClockSet(occurred_at=NOON, real_from=NOON, domain_from=NOON, rate=30))
    assert pages(tmp_path, "{{ rate }}", clock).shown("page.html").body == b"30.0"


async def test_an_asset_is_kept_for_ever_at_the_address_of_its_content_only(tmp_path: Path) -> None:
    made = pages(tmp_path, "")
    answer = await got(made, made.asset("own.css"))
    assert (answer.text, answer.headers["cache-control"]) == ("p { color: red }", KEPT)
    assert (await got(made, "/assets/own.css")).headers["cache-control"] == "no-cache"
    assert (await got(made, "/assets/own.css?v=older")).headers["cache-control"] == "no-cache"
    assert (await got(made, "/assets/..%2Fpage.html")).status_code == 404
    assert (await got(made, "/assets/htmx.min.js")).status_code == 200
