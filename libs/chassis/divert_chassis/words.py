"""Codes, names and times in plain words, the same on every page."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

UNSAID = "\N{EN DASH}"
"""Stands where nothing is known."""
SMALL = 100
"""Up to so many of a unit are told in it."""

NAMES: Mapping[str, str] = {
    "psap": "the dispatcher",
    "lafd": "LAFD",
    "meu": "MEU",
    "988": "988",
    "911": "911",
    "umcr": "UMCR",
    "circle": "CIRCLE",
    "fire_ems": "fire and EMS",
    "ems": "EMS",
    "cad": "CAD",
}


def plain(code: str | StrEnum | None) -> str:
    """Return a code as words: ``eligible_not_served`` reads "eligible not served"."""
    if code is None:
        return UNSAID
    text = str(code)
    return NAMES.get(text, text.replace("_", " "))


def titled(provider: str | None) -> str:
    """Return a provider's name: ``penny-lane`` reads "Penny Lane"."""
    if provider is None:
        return UNSAID
    return NAMES.get(provider, provider.replace("-", " ").title())


def lasted(span: timedelta) -> str:
    """Return a length of time: "42 s", "12 min", "3 h 05 min"."""
    seconds = max(0, int(span.total_seconds()))
    if seconds < SMALL:
        return f"{seconds} s"
    minutes = seconds // 60
    return f"{minutes} min" if minutes < SMALL else f"{minutes // 60} h {minutes % 60:02d} min"


def clock(time: datetime | None, zone: ZoneInfo) -> str:
    """Return the time of day."""
    return UNSAID if time is None else f"{time.astimezone(zone):%H:%M:%S}"
