"""Debian's Chromium on the whole system."""

import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Literal

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from browser.city import City
from divert_chassis.issuer import LocalIssuer
from divert_cli.stack import LocalStack
from divert_contracts.access import Role

expect.set_options(timeout=30_000)  # a slow machine is not a broken page
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
Theme = Literal["light", "dark"]
OpenDesk = Callable[..., Awaitable[Page]]


@pytest_asyncio.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """One browser for all tests. Without one they are skipped, but never where everything must be tested."""
    if CHROMIUM is None:
        if os.environ.get("CI"):
            pytest.fail("no chromium on this machine")
        pytest.skip("no chromium on this machine: apt-get install chromium")
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield running
        await running.close()


@pytest_asyncio.fixture(scope="session")
async def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the pictures go: with --screenshots into the documents."""
    named = request.config.getoption("--screenshots")
    return tmp_path_factory.mktemp("screenshots") if named is None else Path(str(named))


@pytest_asyncio.fixture
async def city(system: LocalStack) -> AsyncIterator[City]:
    """CAD and the providers, once everything that other tests left open is ended."""
    async with httpx.AsyncClient(timeout=20, trust_env=False) as client:
        here = City(system, client)
        await here.accept_everything()
        yield here


@pytest_asyncio.fixture
async def open_desk(browser: Browser, system: LocalStack) -> AsyncIterator[OpenDesk]:
    """Open the desk as a person, in a browser window of their own; whatever goes wrong in the page fails the test."""
    contexts: list[BrowserContext] = []
    wrong: list[str] = []

    async def opened(
        person: str = "desk-1",
        *,
        theme: Theme = "light",
        width: int = 1440,
        height: int = 900,
        routing: str = "routing",
    ) -> Page:
        url = system.urls[routing]
        context = await browser.new_context(base_url=url, viewport={"width": 1440, "height": 900}, color_scheme=theme)
        contexts.append(context)
        page = await context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda said: wrong.append(said.text) if "Content Security Policy" in said.text else None)
        token = LocalIssuer(system.data).token(Role.DESK, subject=person)
        await page.goto(f"/sign-in?to=/desk#token={token}")
        await page.get_by_role("heading", name="Needs you").wait_for()
        await page.wait_for_load_state()
        return page

    yield opened
    for context in contexts:
        await context.close()
    assert wrong == []
