"""What a report is made of, and how its numbers are said."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from divert_chassis.words import NAMES, UNSAID, lasted
from divert_contracts.model import Model
from divert_contracts.vocabulary import Programme
from divert_reporting.domain.cells import Cell, Cells
from divert_reporting.domain.cost import Assumptions, Hours
from divert_reporting.domain.seal import Seal

FEW = 20
"""Below so many, a share is said as a count alone."""

SAID: Mapping[str, str] = {
    "closed": "a team came or rang, and the case was closed",
    "cancelled_after_contact": "cancelled after a team had reached the person",
    "recalled_after_contact": "the team was called back after it had reached the person",
    "taken_back_after_contact": "the dispatcher took the call back after contact",
    "handed_back_after_contact": "the team gave the call back after contact",
    "not_closed_after_contact": "a team reached the person and never closed the case",
    "cancelled": "the caller cancelled before any team came",
    "duplicate": "a second report of the same event",
    "declined_by_all": "every provider that could be asked declined",
    "at_capacity": "the providers had no room",
    "timed_out": "nobody answered the offer in time",
    "recalled": "called back before the team reached the person",
    "taken_back": "the dispatcher took the call back",
    "handed_back": "the provider gave the call back",
    "missed_en_route": "the team did not set off in time",
    "missed_arrival": "the team did not arrive in time",
    "closed_without_contact": "closed without reaching anybody",
    "no_provider_in_area": "no provider serves the area",
    "not_routable": "the area was not known",
    "outside_hours": "outside the providers' hours",
    "no_team_on_shift": "no team was on shift",
    "provider_outage": "the provider took no calls at the time",
    "not_referred": "nobody sent it to an unarmed team",
    "other_programme": "sent to another programme",
    "not_closed": "never closed",
    "decided_too_late": "decided too late to be offered",
    "closed_by_cad": "closed by the dispatch system",
    "recorded_late": "entered after it was over",
    "not_understood_after_triage": "something about it could not be read",
    "hard_exclusion": "danger: never for an unarmed team",
    "rule": "by another rule of the policy",
    "reviewed": "a reviewer decided so",
    "triage_overdue": "the rules were not applied in time",
    "review_expired": "no reviewer decided in time",
    "unfinished": "closed before it was judged",
    "not_understood": "it could not be read",
    "not_reported": "nobody reported who went",
    "patrol": "police patrol",
    "nobody": "nobody",
    "hold": "nobody yet: kept by the dispatcher",
    "provider": "an unarmed team",
    "served": "served",
    "withdrawn": "withdrawn",
    "eligible_not_served": "eligible, not served",
    "ineligible": "not for an unarmed team",
    "not_triaged": "not judged",
    "in_flight": "still open",
    "not_asked": "not reported",
    "none": "none",
    "on_scene": "with the person",
    "umcr": "UMCR (unarmed crisis teams)",
    "phone": "crisis line",
    "smart": "police with clinician (SMART)",
}


class Labels(Model):
    """Names of divisions and providers, and who serves which division: from the routing policy."""

    class Division(Model):
        """A division of the police."""

        number: int
        name: str

    class Provider(Model):
        """A provider."""

        id: str
        title: str
        programmes: tuple[str, ...] = ()
        divisions: tuple[int, ...] = ()

    divisions: tuple[Division, ...] = ()
    providers: tuple[Provider, ...] = ()

    @property
    def by_provider(self) -> Mapping[str, AbstractSet[str]]:
        """Return the divisions of each provider."""
        return {one.id: {str(number) for number in one.divisions} for one in self.providers}

    @property
    def by_programme(self) -> Mapping[str, AbstractSet[str]]:
        """Return the divisions of each programme."""
        programmes = sorted({name for one in self.providers for name in one.programmes})
        return {
            name: {str(number) for one in self.providers if name in one.programmes for number in one.divisions}
            for name in programmes
        }

    def has_teams(self, division: str) -> bool:
        """Say whether some provider serves a division other than by telephone."""
        return any(division in areas for name, areas in self.by_programme.items() if name != Programme.PHONE)

    def division(self, number: str) -> str:
        """Return a division's name."""
        return next((one.name for one in self.divisions if str(one.number) == number), f"Division {number}")

    def provider(self, name: str) -> str:
        """Return a provider's name."""
        return next((one.title for one in self.providers if one.id == name), name)

    def programme(self, provider: str) -> str:
        """Return the programme that a provider works for, plain where it is not one."""
        found = next((one.programmes for one in self.providers if one.id == provider), ())
        return found[0] if len(found) == 1 else "plain"


@dataclass(frozen=True, slots=True)
class Numbers:
    """Everything that a report says, before it is said."""

    since: datetime
    until: datetime
    zone: ZoneInfo
    agency: str | None
    figures: Mapping[str, Cells]
    """By the figures' names, of both feeds."""
    diverted: Cells
    """The funnel of the diverted feed."""
    observed: Cells
    """The funnel of the observed feed."""
    hours: Sequence[Hours]
    corrections: tuple[int, int]
    """Calls that were corrected after they had been told, and by how many facts; depends on the order of arrival."""
    assumed: Assumptions
    labels: Labels
    seal: Seal


def said(code: str) -> str:
    """Return a code in words for a reader who has never heard of divert."""
    return SAID.get(code) or NAMES.get(code) or code.replace("_", " ").replace("-", " ")


def count(n: int, one: str = "", many: str = "") -> str:
    """Return a count, with its noun where one is given: "1 call", "1,204 calls"."""
    noun = one if n == 1 else many
    return f"{n:,} {noun}".rstrip()


def share(n: int, of: int) -> str:
    """Return a count with what it is of: "12 of 40 (30%)"."""
    if not of:
        return "0 of 0"
    return f"{n:,} of {of:,} ({round(100 * n / of)}%)"


def percent(n: int, of: int) -> str:
    """Return a share alone, a dash where there is nothing to share."""
    return f"{round(100 * n / of)}%" if of else UNSAID


def took(seconds: int | None) -> str:
    """Return a length of time."""
    return UNSAID if seconds is None else lasted(timedelta(seconds=seconds))


def timed(cell: Cell) -> Sequence[str]:
    """Return median, P90, n and n missing of a cell."""
    return took(cell.median), took(cell.p90), f"{cell.n:,}", f"{cell.missing:,}"


def period(since: datetime, until: datetime, zone: ZoneInfo) -> str:
    """Return a period in words: a month by its name, days by theirs, else with times."""
    first, last = since.astimezone(zone), until.astimezone(zone)
    if first.timetz().replace(tzinfo=None) == last.timetz().replace(tzinfo=None) == _MIDNIGHT:
        end = last - timedelta(days=1)
        if first.day == 1 and last.day == 1 and end.month == first.month and end.year == first.year:
            return f"{first:%B %Y}"
        if end.date() == first.date():
            return f"{first.day} {first:%B %Y}"
        return f"{first.day} {first:%B %Y} to {end.day} {end:%B %Y}"
    return f"{first.day} {first:%B %Y, %H:%M} to {last.day} {last:%B %Y, %H:%M}"


_MIDNIGHT = datetime.min.time()
