"""Figures as pages: today or any period in figures, and each number opened into its calls and its query."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query
from fastapi.responses import HTMLResponse

from divert_chassis.access import requires, shows
from divert_chassis.pages import Pages
from divert_chassis.problems import Problem
from divert_chassis.run import Runtime
from divert_chassis.words import UNSAID, lasted
from divert_contracts.access import Scope
from divert_contracts.model import Instant
from divert_contracts.vocabulary import Feed, Outcome, Stage
from divert_reporting.adapters.figure_rows import FigureRow, rows_behind
from divert_reporting.adapters.figures import Figures, figures
from divert_reporting.adapters.outcomes import Filter, Outcomes
from divert_reporting.adapters.tables import STEPS
from divert_reporting.domain.cells import PLAIN, Cell, Cells, Figure, Kind
from divert_reporting.domain.figures import agreement
from divert_reporting.domain.given import Given
from divert_reporting.domain.outcome import CallOutcome
from divert_reporting.settings import Settings

SHOWN = 50
"""Calls in the list of those in flight."""
SHOWN_OF_PERIOD = 200
"""Calls in the list of a period's."""
DECIDED_AGAIN_WITHIN = timedelta(days=31)
"""How far back blind re-reviews are counted."""
FEEDS = (Feed.DIVERTED, Feed.OBSERVED)
STAGES = (
    Stage.AWAITING_TRIAGE,
    Stage.IN_REVIEW,
    Stage.HELD,
    Stage.OFFERED,
    Stage.ACKNOWLEDGED,
    Stage.EN_ROUTE,
    Stage.ON_SCENE,
    Stage.OBSERVED,
)
STEP_WORDS = {"on_scene": "with the person"}


@dataclass(frozen=True, slots=True)
class Asked:
    """The calls that a page is about, as its address says."""

    since: datetime | None
    until: datetime | None
    agency: str | None

    def over(self, day: tuple[datetime, datetime]) -> Filter:
        """Return the filter, over a day where no period is asked for."""
        whole = self.since is None and self.until is None
        since, until = day if whole else (self.since, self.until)
        return Filter(agency=self.agency, since=since, until=until)


def asked(
    since: Instant | None = None,
    until: Instant | None = None,
    agency: Annotated[str | None, Query(max_length=64, pattern=r"^[a-z0-9-]+$")] = None,
) -> Asked:
    """Read which calls a page is about."""
    return Asked(since, until, agency)


AskedFor = Annotated[Asked, Depends(asked)]


@dataclass(frozen=True, slots=True)
class Bar:
    """A step of the funnel as it is drawn."""

    step: str
    name: str
    diverted: int
    observed: int
    most: int
    """The longest bar, in calls."""


@dataclass(frozen=True, slots=True)
class EndingLine:
    """How many calls ended so."""

    outcome: str
    reason: str
    diverted: int
    observed: int


@dataclass(frozen=True, slots=True)
class Story:
    """What became of the calls that the dispatcher diverted, in numbers."""

    calls: int
    served: int
    not_served: int
    ineligible: int
    withdrawn: int
    not_triaged: int
    open: int
    on_scene: Cell
    """From acceptance until a team was there."""


def bars(funnel: Cells) -> list[Bar]:
    """Return the funnel of both feeds."""
    counts = {step: [funnel.n(step, feed, "feed") for feed in FEEDS] for step in STEPS}
    most = max(1, *(n for two in counts.values() for n in two))
    return [Bar(step, STEP_WORDS.get(step, step), two[0], two[1], most) for step, two in counts.items()]


def endings(outcomes: Cells) -> list[EndingLine]:
    """Return how concluded calls ended, most first."""
    kinds = {(one.part, one.measure) for feed in FEEDS for one in outcomes.of(feed) if one.part != "in_flight"}
    counts = {(ended, why): [outcomes.n(why, ended, feed) for feed in FEEDS] for ended, why in kinds}
    lines = [EndingLine(ended, why, two[0], two[1]) for (ended, why), two in counts.items()]
    return sorted(lines, key=lambda line: (-line.diverted, -line.observed, line.outcome, line.reason))


def story(funnel: Cells, outcomes: Cells, response: Cells) -> Story:
    """Return what became of diverted calls."""

    def ended(outcome: Outcome) -> int:
        return outcomes.total(Feed.DIVERTED, outcome.value)

    return Story(
        calls=funnel.n("received", Feed.DIVERTED, "feed"),
        served=ended(Outcome.SERVED),
        not_served=ended(Outcome.ELIGIBLE_NOT_SERVED),
        ineligible=ended(Outcome.INELIGIBLE),
        withdrawn=ended(Outcome.WITHDRAWN),
        not_triaged=ended(Outcome.NOT_TRIAGED),
        open=outcomes.total(Feed.DIVERTED, "in_flight"),
        on_scene=response.cell("accepted_to_on_scene"),
    )


def add_figures(router: APIRouter, pages: Pages, runtime: Runtime[Given], settings: Settings) -> None:
    """Add the pages to the routes."""
    zone = settings.zone

    def today() -> tuple[datetime, datetime]:
        day = runtime.clock.now().astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
        return day, day + timedelta(days=1)

    @router.get("/today", include_in_schema=False)
    @requires(Scope.USE_REPORTING)
    async def read_today(one: AskedFor) -> HTMLResponse:
        now, wanted = runtime.clock.now(), one.over(today())
        outcomes, counted = Outcomes(runtime.pool), Figures(runtime.pool, zone)
        found = await counted.read(["funnel", "outcomes"], wanted)
        diverted = await counted.read(["response"], replace(wanted, feed=Feed.DIVERTED.value))
        lately = Filter(agency=one.agency, since=today()[1] - DECIDED_AGAIN_WITHIN, until=today()[1])
        decided = (await counted.read(["agreement"], lately))["agreement"]
        funnel, ended = Cells(found["funnel"]), Cells(found["outcomes"])
        past = one.since is not None or one.until is not None
        open_calls = (
            replace(wanted, feed=Feed.DIVERTED.value)
            if past
            else Filter(agency=one.agency, in_flight=True, feed=Feed.DIVERTED.value)
        )
        in_flight = {} if past else await outcomes.in_flight(Filter(agency=one.agency))
        calls = await outcomes.oldest(open_calls, limit=SHOWN_OF_PERIOD if past else SHOWN)
        shows(call.call_id for call in calls)
        outside = await outcomes.denominators(replace(wanted, denominator=None))
        outside.pop("in", None)
        return pages.shown(
            "today.html",
            past=past,
            wanted=wanted,
            query=_query(wanted),
            rang=_query(replace(wanted, agency=None)),
            story=story(funnel, ended, Cells(diverted["response"])),
            bars=bars(funnel),
            endings=endings(ended),
            stages=[(stage, in_flight.get(stage, 0)) for stage in dict.fromkeys((*STAGES, *in_flight))],
            in_flight=sum(in_flight.values()),
            calls=calls,
            ages={call.call_id: _age(call, now) for call in calls},
            outside=outside,
            shadowed=await outcomes.shadowed(wanted),
            agreement=agreement((cell.part, cell.measure, cell.n) for cell in decided),
            again_since=lately.since,
        )

    @router.get("/figures", include_in_schema=False)
    @requires(Scope.READ_FIGURES)
    async def read_figures(one: AskedFor) -> HTMLResponse:
        wanted = one.over(today())
        return pages.shown("figures.html", figures=figures().values(), wanted=wanted, query=_query(wanted))

    @router.get("/figures/{name}", include_in_schema=False)
    @requires(Scope.READ_FIGURES)
    async def read_figure(name: str, one: AskedFor) -> HTMLResponse:
        figure, wanted = _known(name), one.over(today())
        cells = (await Figures(runtime.pool, zone).read([name], wanted))[name]
        return pages.shown(
            "figure.html",
            figure=figure,
            wanted=wanted,
            query=_query(wanted),
            times=figure.kind is Kind.TIMES,
            lines=[(cell, f"{_query(wanted)}&{_cell(cell.dimension, cell.part, cell.measure)}") for cell in cells],
        )

    @router.get("/figures/{name}/rows", include_in_schema=False)
    @requires(Scope.OPEN_FIGURE)
    async def read_rows(  # noqa: PLR0917 (one query parameter each)
        name: str,
        one: AskedFor,
        dimension: Annotated[str, Query(max_length=128, pattern=PLAIN)],
        part: Annotated[str, Query(max_length=128, pattern=PLAIN)],
        measure: Annotated[str, Query(max_length=128, pattern=PLAIN)],
        start: Annotated[int, Query(ge=0, le=100_000_000)] = 0,
    ) -> HTMLResponse:
        figure, wanted = _known(name), one.over(today())
        page = await rows_behind(runtime.pool, zone, figure, (dimension, part, measure), wanted, start=start)
        here = f"{_query(wanted)}&{_cell(dimension, part, measure)}"
        return pages.shown(
            "figure_rows.html",
            figure=figure,
            wanted=wanted,
            query=_query(wanted),
            cell=(dimension, part, measure),
            rows=page.rows,
            start=start,
            more=None if page.next is None else f"{here}&start={page.next}",
            told=f"/v1/figures/{name}/rows?{here}",
            columns=_columns(figure, page.rows),
        )


def _columns(figure: Figure, rows: Sequence[FigureRow]) -> Sequence[str]:
    """Return the columns that say something of these rows, in their order."""
    dumped: Sequence[Mapping[str, object]] = [one.model_dump(mode="json") for one in rows]
    silent = {None, "unknown", "none", "not_asked", UNSAID}
    always = {"accepted_hour", "division", "call_type", "outcome", "reason"}
    never = {"counts"} if figure.unit == "calls" else set[str]()
    return [
        name
        for name in FigureRow.model_fields
        if name not in never and (name in always or any(row[name] not in silent for row in dumped))
    ]


def _known(name: str) -> Figure:
    found = figures().get(name)
    if found is None:
        raise Problem(404, "unknown-figure", "Not found", "There is no such figure.")
    return found


def _query(wanted: Filter) -> str:
    said = {"since": wanted.since, "until": wanted.until, "agency": wanted.agency}
    times = {name: one.isoformat() if isinstance(one, datetime) else one for name, one in said.items()}
    return urlencode({name: value for name, value in times.items() if value is not None})


def _cell(dimension: str, part: str, measure: str) -> str:
    return urlencode({"dimension": dimension, "part": part, "measure": measure})


def _age(call: CallOutcome, now: datetime) -> str:
    return UNSAID if call.accepted_at is None else lasted(now - call.accepted_at)
