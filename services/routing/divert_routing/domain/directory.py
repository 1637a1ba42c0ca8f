"""The routing policy as a document: who serves which division, who helps whom, and every time limit."""

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from enum import StrEnum
from functools import cached_property
from itertools import pairwise
from typing import Annotated, Literal, NamedTuple, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AwareDatetime, ConfigDict, Field, field_validator, model_validator

from divert_contracts import areas
from divert_contracts.call import Picture, Team
from divert_contracts.model import Model
from divert_contracts.vocabulary import Acuity, AgeBand, Answer, Need, PolicyKind, Programme, Question

DIVISIONS = 21
DISTRICT_DIGITS = 4
CELL_METRES = 150
"""The side of a cell of ``Picture.cell``."""
GATEWAY_PROGRAMMES = frozenset({Programme.UMCR, Programme.CIRCLE, Programme.PHONE})
"""Programmes whose providers are reached through gateways; the others are hand-offs with a recommendation."""
MINORS = frozenset({AgeBand.CHILD, AgeBand.YOUTH})

Span = Annotated[timedelta, Field(gt=timedelta())]
"""A length of time; a number in the document counts seconds."""
DivisionNumber = Annotated[int, Field(ge=1, le=DIVISIONS)]


class Entry(Model):
    """A part of the document. What is not known is an error: a misspelt limit must not pass as absent."""

    model_config = ConfigDict(extra="forbid")


class Day(StrEnum):
    """A day of the week, Monday first."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


WEEK = tuple(Day)


class Hours(Entry):
    """When a provider takes calls, by the clock of its city. Closing at or before opening means the next day."""

    days: tuple[Day, ...] = WEEK
    """The days on which it opens."""
    opens: time
    closes: time

    def include(self, local: datetime) -> bool:
        """Say whether a local time lies within."""
        clock = local.time()
        today = WEEK[local.weekday()] in self.days
        if self.opens < self.closes:
            return today and self.opens <= clock < self.closes
        yesterday = WEEK[local.weekday() - 1] in self.days
        return (today and clock >= self.opens) or (yesterday and clock < self.closes)


class Division(Entry):
    """A division of the police department."""

    number: DivisionNumber
    name: str
    spellings: tuple[str, ...] = ()
    """Other ways in which a CAD or an export writes the name."""


class Dated(Entry):
    """Something that holds for a time; without dates, always."""

    starts: AwareDatetime | None = None
    ends: AwareDatetime | None = None

    def holds(self, at: datetime) -> bool:
        """Say whether it holds at a time; at its end it no longer does."""
        return (self.starts is None or self.starts <= at) and (self.ends is None or at < self.ends)

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> Self:
        if self.starts is not None and self.ends is not None and self.ends <= self.starts:
            raise ValueError("ends must be later than starts")
        return self


class Provider(Dated):
    """An organisation that takes calls through a gateway, from one date to another."""

    id: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    title: str
    programmes: tuple[Programme, ...] = Field(min_length=1)
    divisions: tuple[DivisionNumber, ...]
    hours: tuple[Hours, ...] = ()
    """None means at all hours."""
    languages: tuple[str, ...] = ()
    """BCP 47 tags."""
    needs: tuple[Need, ...] = ()
    """What needs it can always meet, whoever is on shift."""
    provisional: bool = False
    """Not confirmed by a published source."""

    @field_validator("programmes")
    @classmethod
    def _gateways_only(cls, programmes: tuple[Programme, ...]) -> tuple[Programme, ...]:
        if others := sorted(set(programmes) - GATEWAY_PROGRAMMES):
            raise ValueError(f"no gateway for programme {', '.join(others)}")
        return programmes


class OutageReason(StrEnum):
    """Why a provider takes no calls for a while."""

    STAFFING = "staffing"
    FACILITY = "facility"
    SYSTEMS = "systems"
    WEATHER = "weather"
    HOLIDAY = "holiday"
    OTHER = "other"


class Outage(Dated):
    """A provider has declared that it takes no calls for a while."""

    provider: str
    reason: OutageReason
    divisions: tuple[DivisionNumber, ...] = ()
    """Where; none named means everywhere."""


class MutualAid(Dated):
    """One provider takes another's calls in some divisions when that one cannot."""

    provider: str
    """Who helps."""
    helps: str
    divisions: tuple[DivisionNumber, ...] = Field(min_length=1)
    provisional: bool = False
    """Not confirmed by a published source."""


class AcuityLimits(Entry):
    """How long each part of a case may take."""

    offer_open: Span
    """From offer to acknowledgement."""
    en_route_within: Span
    """From acknowledgement."""
    on_scene_within: Span
    """From acknowledgement."""


class NearbyLimits(Entry):
    """How near and how long danger in another call counts; at the same address or number the time alone limits."""

    within_metres: int = Field(default=150, ge=0, le=1_500)
    """Rounded up to whole cells of 150 m; 0 leaves cells out but for a call's own."""
    counts_for: Span = timedelta(hours=1)
    """From when routing last heard of it."""

    @property
    def cells(self) -> int:
        """How many cells away is still near, in each direction."""
        return -(-self.within_metres // CELL_METRES)


class Limits(Entry):
    """Every time limit. In the document they are seconds."""

    decide_within: Span
    """From the first diverted revision's acceptance; nothing is offered after it."""
    triage_within: Span
    """From acceptance, or from what waits for triage."""
    review_within: Span
    answer_grace: timedelta = Field(ge=timedelta())
    """How long after ``answer_by`` routing itself gives an offer up: the gateway has stopped taking answers by then."""
    status_margin: timedelta = Field(ge=timedelta())
    """How long after a limit CAD must have heard what became of it."""
    accept_within: Span
    """Hand-offs and calls for assistance; then they are repeated."""
    confirm_within: Span
    """Recalls of acknowledged cases; then they are repeated as urgent."""
    repeat_at_most_every: Span
    """Repeats double their distance up to this, and go on until they are accepted or confirmed."""
    check_after: Span
    """From arrival to the first safety check."""
    check_every: Span
    desk_rings_after: Span
    """From a safety check that was not answered."""
    psap_checks_after: Span
    close_within: Span
    """From acknowledgement."""
    observe_for: Span
    """From acceptance, when CAD does not close an observed call."""
    private_for: Span
    """From the conclusion until the private part is forgotten."""
    nearby: NearbyLimits = NearbyLimits()
    by_acuity: dict[Acuity, AcuityLimits]
    """An acuity without limits is never offered."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        wanted = {Acuity.EMERGENT, Acuity.URGENT, Acuity.ROUTINE}
        if self.by_acuity.keys() != wanted:
            raise ValueError("by_acuity must have emergent, urgent and routine, and no other")
        for first, second in pairwise(("desk_rings_after", "psap_checks_after", "check_every")):
            if getattr(self, first) >= getattr(self, second):
                raise ValueError(f"{first} must be shorter than {second}")
        return self

    def repeat_after(self, first: timedelta, elapsed: timedelta) -> timedelta:
        """Return how long to wait for an answer to a repeat.

        Args:
            first: how long was waited for the first answer.
            elapsed: since it was first asked; as long again is waited, within bounds, so that the distance doubles.
        """
        return max(first, min(elapsed, self.repeat_at_most_every))


class Desk(Entry):
    """What is agreed with the dispatch desk."""

    claim_for: Span = timedelta(seconds=90)
    """How long a claim keeps a review from others, unless it is renewed."""
    rereview_share: float = Field(default=0.02, ge=0, le=1)
    """The part of the rules' own decisions that a person decides again, without knowing them."""


class Location(NamedTuple):
    """Where a call is, as far as divisions go."""

    division: int | None
    """1 to 21; null where no source is usable."""
    disputed: bool
    """The sources do not agree."""


class Route(NamedTuple):
    """A provider that may be asked for a call."""

    provider: Provider
    mutual_aid: bool
    agreement: MutualAid | None = None
    """By which the provider helps."""


class Directory(Entry):
    """One version of the routing policy."""

    kind: Literal[PolicyKind.ROUTING]
    version: str
    in_force_from: AwareDatetime
    """For calls accepted from then on."""
    timezone: str
    """IANA name; hours are by this clock."""
    divisions: tuple[Division, ...]
    providers: tuple[Provider, ...]
    """In the order in which those of one division are asked."""
    mutual_aid: tuple[MutualAid, ...] = ()
    outages: tuple[Outage, ...] = ()
    limits: Limits
    desk: Desk = Desk()

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, OSError) as why:
            raise ValueError(f"no such time zone: {name}") from why
        return name

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        numbers = [division.number for division in self.divisions]
        if sorted(numbers) != list(range(1, DIVISIONS + 1)):
            raise ValueError("divisions must be numbered 1 to 21, each once")
        ids = [provider.id for provider in self.providers]
        if len(set(ids)) != len(ids):
            raise ValueError("providers must have different ids")
        named = [("mutual_aid", one) for agreement in self.mutual_aid for one in (agreement.provider, agreement.helps)]
        named += [("outages", outage.provider) for outage in self.outages]
        for place, one in named:
            if one not in ids:
                raise ValueError(f"{place} names an unknown provider: {one}")
        spellings: dict[str, int] = {}
        for division in self.divisions:
            for spelling in (division.name, *division.spellings):
                if spellings.setdefault(areas.plain(spelling), division.number) != division.number:
                    raise ValueError(f"two divisions are spelt {spelling}")
        return self

    def provider(self, provider_id: str) -> Provider | None:
        """Return the provider of an id."""
        return self._by_id.get(provider_id)

    def division(self, number: int) -> Division:
        """Return the division of a number from 1 to 21."""
        return self._by_number[number]

    def locate(self, picture: Picture) -> Location:
        """Find the division of a call: reporting district first, then the map's, then the area as CAD names it."""
        named = self.division_named(picture.area)
        found = [
            number
            for number in (division_of_district(picture.reporting_district), picture.located_division, named)
            if number is not None and number in self._by_number
        ]
        named_otherwise = bool(found) and picture.area is not None and named is None
        return Location(found[0] if found else None, len(set(found)) > 1 or named_otherwise)

    def division_named(self, area: str | None) -> int | None:
        """Read an area as CAD writes it: ``07``, ``Wilshire``, ``7 - WILSHIRE``, ``N Hollywood``.

        Returns:
            1 to 21, or null for no area, 0, another city's, or a spelling that is not known.
        """
        return areas.division_named(area, self._spellings)

    def routes(self, programme: Programme, division: int, at: datetime) -> tuple[Route, ...]:
        """Return who may be asked at a time: the division's own providers, then those that help them."""
        return tuple(one for one in self._routes.get((programme, division), ()) if self._in_effect(one, at))

    def out(self, provider: Provider, division: int, at: datetime) -> bool:
        """Say whether a provider has declared that it takes no calls there at a time."""
        return any(
            one.provider == provider.id and one.holds(at) and (not one.divisions or division in one.divisions)
            for one in self.outages
        )

    def _in_effect(self, route: Route, at: datetime) -> bool:
        agreement = route.agreement
        helped = agreement is None or (agreement.holds(at) and self._by_id[agreement.helps].holds(at))
        return helped and route.provider.holds(at)

    def open_at(self, provider: Provider, at: datetime) -> bool:
        """Say whether a provider takes calls at a time."""
        if not provider.hours:
            return True
        local = at.astimezone(self._zone)
        return any(hours.include(local) for hours in provider.hours)

    @cached_property
    def _zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    @cached_property
    def _by_id(self) -> dict[str, Provider]:
        return {provider.id: provider for provider in self.providers}

    @cached_property
    def _by_number(self) -> dict[int, Division]:
        return {division.number: division for division in self.divisions}

    @cached_property
    def _spellings(self) -> Mapping[str, int]:
        return areas.spelt(
            (spelling, division.number)
            for division in self.divisions
            for spelling in (division.name, *division.spellings)
        )

    @cached_property
    def _routes(self) -> dict[tuple[Programme, int], tuple[Route, ...]]:
        found: dict[tuple[Programme, int], tuple[Route, ...]] = {}
        for division in self._by_number:
            for programme in GATEWAY_PROGRAMMES:
                own = [one for one in self.providers if programme in one.programmes and division in one.divisions]
                routes = [Route(one, mutual_aid=False) for one in own]
                for agreement in self.mutual_aid:
                    helper = self._by_id[agreement.provider]
                    helps = division in agreement.divisions and any(one.id == agreement.helps for one in own)
                    if helps and programme in helper.programmes and helper not in own:
                        routes.append(Route(helper, mutual_aid=True, agreement=agreement))
                found[programme, division] = tuple(routes)
        return found


def division_of_district(district: str | None) -> int | None:
    """Return the division of a reporting district, which its leading digits are: ``0775`` is in 07.

    Returns:
        1 to 21, or null when it is no such number. The set of districts is open.
    """
    text = "" if district is None else district.strip()
    if not (text.isascii() and text.isdecimal() and len(text) <= DISTRICT_DIGITS):
        return None
    division = int(text) // 100
    return division if 1 <= division <= DIVISIONS else None


def unmet_needs(picture: Picture, provider: Provider, teams: tuple[Team, ...]) -> tuple[Need, ...]:
    """Return the person's needs that the provider is not known to meet with any one team: one team goes to a call.

    Args:
        picture: whose needs, language and age.
        provider: what it can always meet counts for each of its teams.
        teams: on shift; the one that leaves least unmet counts.
    """
    skills = [(team.needs, team.languages) for team in teams] or [((), ())]
    left = (_unmet(picture, {*provider.needs, *needs}, (*provider.languages, *spoken)) for needs, spoken in skills)
    return min(left, key=len)


def _unmet(picture: Picture, met: set[Need], languages: tuple[str, ...]) -> tuple[Need, ...]:
    wanted = dict.fromkeys(picture.needs)
    if picture.age_band in MINORS or picture.answer(Question.JUVENILE) is Answer.YES:
        wanted[Need.MINOR] = None
    if picture.language is not None:
        wanted[Need.LANGUAGE] = None
        if _spoken(picture.language) in {_spoken(one) for one in languages}:
            met = {*met, Need.LANGUAGE}
    return tuple(need for need in wanted if need not in met)


def _spoken(tag: str) -> str:
    """Return the language of a BCP 47 tag: who speaks ``es`` understands ``es-MX``."""
    return tag.partition("-")[0].lower()
