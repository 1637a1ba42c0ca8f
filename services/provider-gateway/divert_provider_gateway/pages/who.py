"""Who uses a device. The one place that a session is to be put into: every page asks ``who``."""

import re
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request, Response

from divert_provider_gateway.domain.case import HELD, Case, CaseStage

DEVICE = "divert-device"
LANGUAGE = "divert-language"
KEPT_SECONDS = 400 * 86_400
"""The longest that browsers keep a cookie."""
DESK = "desk"
_TEAM = re.compile(r"team:([A-Za-z0-9][A-Za-z0-9._@-]{0,63})")


@dataclass(frozen=True, slots=True)
class Device:
    """A device and what it is used as."""

    team: str | None
    """The provider's own id of the team that carries it; null for the provider's desk."""

    @property
    def by(self) -> str:
        """Who says what is tapped on it, as facts have it."""
        return DESK if self.team is None else self.team

    def sees(self, case: Case) -> bool:
        """Say whether a case is shown on it: a team sees what is offered, what waits for a team, and its own."""
        return self.team is None or case.team in {None, self.team} or case.stage is CaseStage.OFFERED

    def has(self, case: Case) -> bool:
        """Say whether it is, or was, the case of this device's own team."""
        return self.team is not None and case.team == self.team

    def works_on(self, case: Case) -> bool:
        """Say whether it is this device's own case."""
        return self.has(case) and case.stage in HELD

    def minds(self, case: Case) -> bool:
        """Say whether it is shown even when the session is over: what a team must hear, but no offer."""
        return self.team is not None and self.sees(case) and case.stage is not CaseStage.OFFERED


def named(team: str) -> Device | None:
    """Return the device of a team, or null when that is no team's id."""
    found = _TEAM.fullmatch(f"team:{team}")
    return None if found is None else Device(found[1])


def who(request: Request) -> Device | None:
    """Return who uses the device that asks, or null when it has not said so yet."""
    told = request.cookies.get(DEVICE, "")
    if told == DESK:
        return Device(None)
    found = _TEAM.fullmatch(told)
    return None if found is None else Device(found[1])


Who = Annotated[Device | None, Depends(who)]


def remember(response: Response, request: Request, name: str, value: str) -> Response:
    """Set a cookie that only this site's own requests carry, and no script reads."""
    response.set_cookie(
        name, value, max_age=KEPT_SECONDS, httponly=True, samesite="strict", secure=request.url.scheme == "https"
    )
    return response
