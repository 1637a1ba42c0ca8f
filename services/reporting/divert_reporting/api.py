"""Reporting's HTTP interface: rows, counts, and the time-line of a call."""

from typing import Annotated
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query
from pydantic import AwareDatetime, JsonValue, TypeAdapter

from divert_chassis.access import guarded, requires, shows
from divert_chassis.problems import Problem
from divert_chassis.run import Runtime
from divert_contracts.access import Scope
from divert_contracts.model import Instant, Model
from divert_contracts.vocabulary import Feed, Outcome, OutcomeReason
from divert_reporting.adapters.dictionary import Dictionary, dictionary
from divert_reporting.adapters.figure_rows import FigureRows, rows_behind
from divert_reporting.adapters.figures import Figures, figures
from divert_reporting.adapters.outcomes import Filter, Hour, Outcomes
from divert_reporting.adapters.tables import STEPS
from divert_reporting.domain.cells import PLAIN, Cell, Cells, Figure
from divert_reporting.domain.figures import Agreement, Of, Shadowed, WithoutPolice, agreement, without_police
from divert_reporting.domain.given import Given
from divert_reporting.domain.outcome import CallOutcome, Denominator, outcome
from divert_reporting.domain.record import Noted, Record, in_order
from divert_reporting.pages import add_pages
from divert_reporting.pages.live import Live
from divert_reporting.pages.words import sentence
from divert_reporting.settings import Settings

MOST_ROWS = 1_000
MOST_HOURS = 24 * 31
WITHOUT_POLICE = "without_police"
"""The figure with a choice of denominators."""
IDS = r"^[A-Za-z0-9._-]*$"
"""What the ids of agencies and providers are made of."""
MOST_LOOKED_AT = 100_000_000
CONTENT = TypeAdapter(dict[str, JsonValue])
"""What a fact says, as JSON."""


class OutcomePage(Model):
    """Rows in the order of their call ids."""

    outcomes: tuple[CallOutcome, ...]
    after: UUID | None = None
    """Ask for the next page with this; null on the last one."""


class Entry(Model):
    """A fact of a call's time-line."""

    id: UUID
    type: str
    occurred_at: AwareDatetime
    source: str
    """Who wrote it."""
    sequence: int | None = None
    """The writer's count of facts for its key."""
    cause: UUID | None = None
    """The fact or command that it follows from; a fact of this time-line, or one on a topic that is forgotten."""
    says: str
    """The same in a sentence or two."""
    content: dict[str, JsonValue]
    """What it says: codes, answers, flags and times; no free text."""


class CallStory(Model):
    """All that is known of a call."""

    outcome: CallOutcome
    facts: tuple[Entry, ...]
    """By time, writer, the writer's count and id."""


class Step(Model):
    """How many calls came so far."""

    step: str
    calls: int


class Ending(Model):
    """How many calls ended so."""

    outcome: Outcome
    reason: OutcomeReason
    calls: int


class Funnel(Model):
    """How far calls came, and how they ended. Everything is counted in calls, over rows, when it is asked."""

    steps: tuple[Step, ...]
    """Each step is a part of the one before."""
    endings: tuple[Ending, ...]
    """Concluded calls by outcome and reason, most first."""
    in_flight: dict[str, int]
    """Calls without an outcome yet, by stage."""
    denominators: dict[str, int]
    """All calls that fit the filter: in the figures, and outside them by why."""


class Shadow(Model):
    """What a policy that is tried beside would have changed, in calls; dangerous changes first."""

    differences: tuple[Shadowed, ...]


class Hours(Model):
    """Counts by the hour in which calls were accepted, newest first."""

    hours: tuple[Hour, ...]


class FigureList(Model):
    """Every figure."""

    figures: tuple[Figure, ...]


class FigurePage(Model):
    """A figure with its numbers."""

    figure: Figure
    cells: tuple[Cell, ...]
    without_police: WithoutPolice | None = None
    """Over the denominator that was asked for with `of`; null where none was."""


class Corrections(Model):
    """How often what had been told was corrected."""

    calls: int
    facts: int


def _filter(  # noqa: PLR0917 (one query parameter each)
    denominator: Annotated[
        Denominator | None, Query(description="Calls in the figures, or outside them and why. Default: in.")
    ] = Denominator.IN,
    outcome: Annotated[Outcome | None, Query(description="Only calls with this outcome.")] = None,
    in_flight: Annotated[bool | None, Query(description="Only calls without an outcome yet, or only with one.")] = None,
    feed: Annotated[Feed | None, Query(description="Only this feed.")] = None,
    division: Annotated[int | None, Query(ge=1, le=99, description="Only this division.")] = None,
    provider: Annotated[
        str | None, Query(max_length=64, pattern=IDS, description="Only calls that this provider had last.")
    ] = None,
    agency: Annotated[str | None, Query(max_length=64, pattern=IDS, description="Only this agency's calls.")] = None,
    since: Annotated[Instant | None, Query(description="Accepted from then on.")] = None,
    until: Annotated[Instant | None, Query(description="Accepted before.")] = None,
) -> Filter:
    return Filter(
        denominator=None if denominator is None else denominator.value,
        outcome=None if outcome is None else outcome.value,
        in_flight=in_flight,
        feed=None if feed is None else feed.value,
        division=division,
        provider=provider,
        agency=agency,
        since=since,
        until=until,
    )


Wanted = Annotated[Filter, Depends(_filter)]


def routes(runtime: Runtime[Given], live: Live, settings: Settings) -> APIRouter:
    """Return the routes."""
    router = guarded()

    @router.get("/v1/outcomes", tags=["outcomes"])
    @requires(Scope.LIST_OUTCOMES)
    async def list_outcomes(
        wanted: Wanted,
        after: Annotated[UUID | None, Query(description="Begin after this call id.")] = None,
        limit: Annotated[int, Query(ge=1, le=MOST_ROWS, description="Rows on a page.")] = 100,
    ) -> OutcomePage:
        """List what became of calls, a page at a time."""
        rows = await Outcomes(runtime.pool).rows(wanted, after=after, limit=limit)
        shows(one.call_id for one in rows)
        return OutcomePage(outcomes=tuple(rows), after=rows[-1].call_id if len(rows) == limit else None)

    @router.get("/v1/calls/{call_id}", tags=["outcomes"])
    @requires(Scope.READ_STORY)
    async def read_call(call_id: UUID) -> CallStory:
        """Read all that is known of a call: its row, and its facts with their causes."""
        record = await runtime.get(Record, str(call_id))
        row = None if record is None else outcome(record)
        if record is None or row is None:
            raise Problem(404, "unknown-call", "Not found", "Nothing is known of this call.")
        shows((call_id,))
        return CallStory(outcome=row, facts=tuple(_entry(one, settings.zone) for one in in_order(record.facts)))

    @router.get("/v1/funnel", tags=["counts"])
    @requires(Scope.READ_COUNTS)
    async def read_funnel(wanted: Wanted) -> Funnel:
        """Count how far calls came and how they ended."""
        outcomes = Outcomes(runtime.pool)
        counted = await Figures(runtime.pool, settings.zone).read(["funnel", "outcomes"], wanted)
        steps = Cells(counted["funnel"])
        endings = [one for one in counted["outcomes"] if one.dimension == "all" and one.part != "in_flight"]
        return Funnel(
            steps=tuple(Step(step=step, calls=steps.n(step)) for step in STEPS),
            endings=tuple(
                Ending(outcome=Outcome(one.part), reason=OutcomeReason(one.measure), calls=one.n)
                for one in sorted(endings, key=lambda one: (-one.n, one.part, one.measure))
            ),
            in_flight=await outcomes.in_flight(wanted),
            denominators=await outcomes.denominators(wanted),
        )

    @router.get("/v1/agreement", tags=["counts"])
    @requires(Scope.READ_COUNTS)
    async def read_agreement(wanted: Wanted) -> Agreement:
        """Count how often blind re-review agrees with the rules' own decisions."""
        cells = (await Figures(runtime.pool, settings.zone).read(["agreement"], wanted))["agreement"]
        return agreement((one.part, one.measure, one.n) for one in cells)

    @router.get("/v1/shadow", tags=["counts"])
    @requires(Scope.READ_COUNTS)
    async def read_shadow(wanted: Wanted) -> Shadow:
        """Count what a policy that is tried beside the one in force would have decided otherwise."""
        return Shadow(differences=tuple(await Outcomes(runtime.pool).shadowed(wanted)))

    @router.get("/v1/hourly", tags=["counts"])
    @requires(Scope.READ_COUNTS)
    async def read_hours(
        wanted: Wanted,
        limit: Annotated[int, Query(ge=1, le=MOST_HOURS, description="Hours at the most.")] = 48,
    ) -> Hours:
        """Count calls by the hour in which they were accepted."""
        return Hours(hours=tuple(await Outcomes(runtime.pool).hours(wanted, limit=limit)))

    _add_figures(router, runtime, settings)
    add_pages(router, runtime, live, settings)
    return router


def _add_figures(router: APIRouter, runtime: Runtime[Given], settings: Settings) -> None:
    """Add the figures, and what everything means."""

    @router.get("/v1/figures", tags=["figures"])
    @requires(Scope.READ_FIGURES)
    async def list_figures() -> FigureList:
        """List every figure with its definition and its query."""
        return FigureList(figures=tuple(figures().values()))

    @router.get("/v1/figures/{name}", tags=["figures"])
    @requires(Scope.READ_FIGURES)
    async def read_figure(
        name: str,
        wanted: Wanted,
        of: Annotated[
            Of | None, Query(description="The denominator of `without_police`; no other figure has one.")
        ] = None,
    ) -> FigurePage:
        """Count a figure over the calls that fit the filter."""
        figure = _figure(name)
        if of is not None and name != WITHOUT_POLICE:
            raise Problem(404, "no-denominator", "Not found", f"Only {WITHOUT_POLICE} has a choice of denominators.")
        cells = (await Figures(runtime.pool, settings.zone).read([name], wanted))[name]
        share = None if of is None else without_police(Cells(cells), of)
        return FigurePage(figure=figure, cells=tuple(cells), without_police=share)

    @router.get("/v1/figures/{name}/rows", tags=["figures"])
    @requires(Scope.OPEN_FIGURE)
    async def open_figure(  # noqa: PLR0917 (one query parameter each)
        name: str,
        wanted: Wanted,
        dimension: Annotated[str, Query(max_length=128, pattern=PLAIN, description="Of the number, as told.")],
        part: Annotated[str, Query(max_length=128, pattern=PLAIN, description="Of the number, as told.")],
        measure: Annotated[str, Query(max_length=128, pattern=PLAIN, description="Of the number, as told.")],
        start: Annotated[int, Query(ge=0, le=MOST_LOOKED_AT, description="As the page before told.")] = 0,
    ) -> FigureRows:
        """List the calls behind a number, without ids, incident numbers, exact places and times; a page at a time."""
        cell = (dimension, part, measure)
        return await rows_behind(runtime.pool, settings.zone, _figure(name), cell, wanted, start=start)

    @router.get("/v1/dictionary", tags=["figures"])
    @requires(Scope.READ_FIGURES)
    async def read_dictionary() -> Dictionary:
        """Read what every table, column and figure means."""
        return dictionary()

    @router.get("/v1/corrections", tags=["counts"])
    @requires(Scope.READ_COUNTS)
    async def read_corrections() -> Corrections:
        """Count calls of which something was heard after their conclusion that had happened before it."""
        calls, facts = await Outcomes(runtime.pool).corrections()
        return Corrections(calls=calls, facts=facts)


def _figure(name: str) -> Figure:
    found = figures().get(name)
    if found is None:
        raise Problem(404, "unknown-figure", "Not found", "There is no such figure.")
    return found


def _entry(noted: Noted, zone: ZoneInfo) -> Entry:
    content = CONTENT.validate_json(noted.fact.model_dump_json(exclude_none=True, exclude={"call_id", "occurred_at"}))
    return Entry(
        id=noted.id,
        type=noted.fact.type_name(),
        occurred_at=noted.fact.occurred_at,
        source=noted.source,
        sequence=noted.sequence,
        cause=noted.cause,
        says=sentence(noted.fact, zone),
        content=content,
    )
