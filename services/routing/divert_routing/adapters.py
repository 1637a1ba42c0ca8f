"""What the desk asks of others: triage, intake and reporting over HTTP, and its own tables in Postgres."""

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

import asyncpg
import httpx
from pydantic import AwareDatetime, JsonValue, ValidationError

from divert_chassis.access import on_behalf
from divert_chassis.run import Runtime
from divert_contracts.call import Decision, Picture, Signal
from divert_contracts.model import Model
from divert_contracts.step import Unavailable
from divert_contracts.vocabulary import Eligibility, Question, Stage
from divert_routing.domain.call import Call
from divert_routing.domain.given import Given

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    # asyncpg's classes are generic for type checkers only.
    Connection = asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]
    Pool = asyncpg.Pool[asyncpg.Record]

M = TypeVar("M", bound=Model)

ASKED_WITHIN = 2.0
"""Real seconds for which the desk waits for an answer that it can do without."""
POSTED_WITHIN = 8.0
"""Real seconds for intake, which itself waits for the broker."""
SEEN_AGAIN_AFTER = 0.5
"""Real seconds for which everybody at the desk is shown the same picture of all calls."""
LET_BE = 5.0
"""Real seconds for which a service that did not answer is not asked again for what can be done without."""
MOST_EXPLAINED = 512
MOST_OF_A_STAGE = 500
OPEN = (
    Stage.AWAITING_TRIAGE,
    Stage.IN_REVIEW,
    Stage.HELD,
    Stage.OFFERED,
    Stage.ACKNOWLEDGED,
    Stage.EN_ROUTE,
    Stage.ON_SCENE,
    Stage.CONCLUDED,
)
"""The stages of what the desk sees; concluded calls are those with open promises. Observed calls are nobody's here."""


class Asking(Model):
    """A question of the screening script, as the call-taker puts it."""

    question: Question
    ask: str


class CallType(Model):
    """A call type that may be for an unarmed team."""

    code: str
    text: str


class Script(Model):
    """The screening script in force."""

    policy: str
    questions: tuple[Asking, ...]
    call_types: tuple[CallType, ...]


class Decided(Model):
    """What triage says of a picture, and what has no answer yet."""

    decision: Decision
    signals: tuple[Signal, ...] = ()
    missing: tuple[Asking, ...] = ()


class Reason(Model):
    """A rule that fired, in plain words."""

    rule: str
    effect: Eligibility
    text: str
    source: str
    provisional: bool = False


class Explained(Model):
    """A decision's reasons, the deciding one first."""

    reasons: tuple[Reason, ...]
    policy_title: str = ""


class Told(Model):
    """A fact of a call's time-line."""

    occurred_at: AwareDatetime
    says: str


class Story(Model):
    """A call's time-line, oldest first."""

    facts: tuple[Told, ...]


class Posted(Model):
    """What intake answers to a call."""

    call_id: UUID


class Refused(Exception):
    """A service has an answer, and it is no; the message is its detail, for people."""


class Triage:
    """Triage's interface."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        """Ask through a client whose base is triage."""
        self._client = client
        self._explained: dict[tuple[str, str], Explained] = {}
        self._silent_until = 0.0

    async def script(self) -> Script:
        """Return the screening script in force.

        Raises:
            Unavailable: triage does not answer.
        """
        return await _asked(self._client, "GET", "/v1/script", Script, within=ASKED_WITHIN)

    async def decide(self, picture: Picture, narrative: str | None) -> Decided:
        """Decide a picture as far as it is answered; nothing is kept.

        Raises:
            Unavailable: triage does not answer.
        """
        body = _picture(picture, narrative)
        return await _asked(self._client, "POST", "/v1/decide", Decided, body, within=ASKED_WITHIN)

    async def why(self, picture: Picture, narrative: str | None) -> Explained:
        """Return why a picture would be decided as it is.

        Raises:
            Unavailable: triage does not answer.
        """
        body = _picture(picture, narrative)
        return await _asked(self._client, "POST", "/v1/explain", Explained, body, within=ASKED_WITHIN)

    async def explain(self, call: Call) -> Explained | None:
        """Return why a call was decided as it was; null while triage does not answer."""
        decision, picture, revision = call.decision, call.picture, call.revision
        if decision is None or picture is None or revision is None:
            return None
        key = (revision.digest, decision.policy)
        if key in self._explained:
            return self._explained[key]
        if time.monotonic() < self._silent_until:
            return None
        # Its words stay here, and may be forgotten: what was read from them is enough.
        body = _picture(picture, None)
        body["read"] = [one.model_dump(mode="json") for one in call.signals if one.from_words]
        if call.revised_at is not None:
            body["accepted_at"] = call.revised_at.isoformat()
        try:
            explained = await _asked(self._client, "POST", "/v1/explain", Explained, body, within=ASKED_WITHIN)
        except (Unavailable, Refused):
            self._silent_until = time.monotonic() + LET_BE
            return None
        if len(self._explained) >= MOST_EXPLAINED:
            del self._explained[next(iter(self._explained))]
        self._explained[key] = explained
        return explained


class Intake:
    """Intake's interface: whatever enters, enters there."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        """Post through a client whose base is intake."""
        self._client = client

    async def post(self, call: Mapping[str, JsonValue]) -> Posted:
        """Post a call; the same again has no further effect.

        Raises:
            Refused: intake does not take it.
            Unavailable: it is not known whether it was taken; the same may be posted again.
        """
        return await _asked(self._client, "POST", "/v1/calls", Posted, call, within=POSTED_WITHIN)

    async def accept(self, call: Call, handoff_id: UUID, by: str, unit: str | None) -> None:
        """Say that a dispatcher has accepted a hand-off or a call for assistance.

        Raises:
            Refused: intake does not take it.
            Unavailable: it is not known whether it was taken.
        """
        body: dict[str, JsonValue] = {"agency": call.agency, "handoff_id": str(handoff_id), "by": by}
        if unit:
            body["unit"] = unit
        path = f"/v1/calls/{call.call_id}/handoff-accepted"
        await _asked(self._client, "POST", path, Posted, body, within=POSTED_WITHIN)


class Reporting:
    """Reporting's interface."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        """Ask through a client whose base is reporting."""
        self._client = client
        self._silent_until = 0.0

    async def story(self, call_id: UUID) -> Story | None:
        """Return a call's time-line; null while reporting does not answer, or has not heard of the call yet."""
        if time.monotonic() < self._silent_until:
            return None
        try:
            return await _asked(self._client, "GET", f"/v1/calls/{call_id}", Story, within=ASKED_WITHIN)
        except Refused:
            return None
        except Unavailable:
            self._silent_until = time.monotonic() + LET_BE
            return None


class OpenCalls:
    """All that is open, looked up once for everybody who looks at the same time."""

    def __init__(self, runtime: Runtime[Given]) -> None:
        """Look through a running service."""
        self._runtime = runtime
        self._seen: Sequence[Call] = ()
        self._until = 0.0
        self._changes = 0

    async def now(self) -> Sequence[Call]:
        """Return the open calls as they were at most half a second ago, and after whatever was ordered here.

        Raises:
            Unavailable: Postgres does not answer.
        """
        if time.monotonic() < self._until:
            return self._seen
        changes = self._changes
        found: list[Call] = []
        for stage in OPEN:
            of_stage = await self._runtime.listed(Call, limit=MOST_OF_A_STAGE, stage=stage.value)
            found += (call for _, call in of_stage)
        if changes == self._changes:
            self._seen, self._until = found, time.monotonic() + SEEN_AGAIN_AFTER
        return found

    def stale(self) -> None:
        """Look again: something was ordered."""
        self._changes += 1
        self._until = 0.0


class PostgresDesk:
    """The desk's tables: which decisions wait to be decided again, and the numbers of calls that it enters."""

    ddl = """
    CREATE TABLE IF NOT EXISTS waiting_rereview (call_id text PRIMARY KEY, since timestamptz NOT NULL);
    CREATE SEQUENCE IF NOT EXISTS desk_number;
    """

    async def save(self, connection: "Connection", changed: Sequence[tuple[str, Call]]) -> None:
        """Note what waits from the call's end on: before it, the desk shows what the reviewer must not know."""
        chosen = [(key, call.concluded, again) for key, call in changed if (again := call.rereview) is not None]
        waiting = [(key, again.since) for key, over, again in chosen if again.waiting and over]
        if waiting:
            await connection.executemany("INSERT INTO waiting_rereview VALUES ($1, $2) ON CONFLICT DO NOTHING", waiting)
        if done := [key for key, _, again in chosen if not again.waiting]:
            await connection.execute("DELETE FROM waiting_rereview WHERE call_id = ANY($1::text[])", done)


class Desk:
    """Reads the desk's tables."""

    def __init__(self, pool: "Pool") -> None:
        """Read through a pool whose connections see routing's schema."""
        self._pool = pool

    async def next_rereview(self) -> str | None:
        """Return the id of the call whose decision has waited longest to be decided again."""
        return await self._pool.fetchval("SELECT call_id FROM waiting_rereview ORDER BY since, call_id LIMIT 1")

    async def rereviews(self) -> int:
        """Return how many decisions wait to be decided again."""
        return await self._pool.fetchval("SELECT count(*) FROM waiting_rereview")

    async def next_number(self) -> tuple[int, str]:
        """Return a number that no call had before, and four characters that keep it unique if the table is lost."""
        row = await self._pool.fetchrow("SELECT nextval('desk_number') AS number, gen_random_uuid() AS more")
        if row is None:
            raise Unavailable("postgres")
        return row["number"], str(row["more"])[:4].upper()


def client(url: str) -> httpx.AsyncClient:
    """Return a client of a service of our own: no proxy is asked."""
    return httpx.AsyncClient(base_url=url, trust_env=False, limits=httpx.Limits(max_connections=20))


def _picture(picture: Picture, narrative: str | None) -> dict[str, JsonValue]:
    body: dict[str, JsonValue] = {"picture": picture.model_dump(mode="json", exclude_defaults=True)}
    if narrative:
        body["narrative"] = narrative
    return body


async def _asked(
    asked: httpx.AsyncClient,
    method: str,
    path: str,
    kind: type[M],
    body: Mapping[str, JsonValue] | None = None,
    *,
    within: float,
) -> M:
    """Ask a service, and read its answer.

    Raises:
        Refused: it answered with 4xx.
        Unavailable: no answer in time, 5xx, or one that cannot be read.
    """
    try:
        answer = await asked.request(method, path, json=body, timeout=within, headers=on_behalf())
    except httpx.HTTPError as why:
        raise Unavailable(type(why).__name__) from None
    if answer.is_server_error:
        raise Unavailable(str(answer.status_code))
    if answer.is_client_error:
        raise Refused(str(answer.status_code))
    try:
        return kind.model_validate_json(answer.content)
    except ValidationError:
        raise Unavailable("unreadable") from None
