"""Waiting for something, without sleeping blindly: every wait ends as soon as it can and says what it waited for."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def eventually(
    probe: Callable[[], Awaitable[T | None]], what: str, *, within: float = 90.0, every: float = 0.02
) -> T:
    """Return what `probe` gives as soon as that is true.

    Args:
        probe: asks; an AssertionError counts as "not yet".
        what: what is waited for, as the end of "waited 90 s for …".
        within: seconds after which it is not waited for any longer.
        every: seconds between two questions.

    Raises:
        AssertionError: it has not come true; with the last answer.
    """
    began = time.monotonic()
    while True:
        last: object
        try:
            answer = await probe()
        except AssertionError as not_yet:
            last = not_yet
        else:
            if answer:
                return answer
            last = answer
        if time.monotonic() - began > within:
            raise AssertionError(f"waited {within:.0f} s for {what}; the last answer was {last!r}")
        await asyncio.sleep(every)
