"""What services say of themselves, asked over HTTP as the board asks them."""

import asyncio

from fastapi import APIRouter

from divert_chassis import http
from divert_chassis.health import Health as Own
from divert_chassis.metrics import CONSUMER_LAG, DEAD_LETTERS, WEBHOOK_GONE
from divert_reporting.adapters.pipeline import Services
from divert_reporting.domain.pipeline import Health


async def test_services_are_asked_side_by_side_and_one_that_is_away_is_no_exception() -> None:
    own = Own()
    own.hold("learning")
    CONSUMER_LAG.labels("toy", "calls.v1", "0").set(7)
    CONSUMER_LAG.labels("toy", "calls.v1", "1").set(5)
    DEAD_LETTERS.labels("toy", "calls.v1").inc(2)
    WEBHOOK_GONE.labels("toy").set(1)
    server = http.serve(http.application(title="Toy", version="1", router=APIRouter(), health=own), "127.0.0.1", 0)
    running = asyncio.create_task(server.run_until_stopped())
    try:
        here = f"http://127.0.0.1:{server.port}"
        found = await Services({"toy": here, "away": "http://127.0.0.1:9"}).ask()
    finally:
        server.stop()
        await running
        CONSUMER_LAG.clear()
        DEAD_LETTERS.clear()
        WEBHOOK_GONE.clear()
    assert found == [
        Health("toy", answers=True, wrong=("learning",), lag=12, dead_letters=2, gone=True),
        Health("away", answers=False),
    ]
