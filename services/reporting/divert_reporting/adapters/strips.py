"""The board's tables: open strips and alarms, kept with the facts that change them, and who has acknowledged an alarm.

Which strips have changed is told by ``xmin``: no counter, so nothing that commits late is missed, and any number of
workers may write.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import AwareDatetime

from divert_contracts.model import Model, Term
from divert_reporting.domain.board import SILENT_AFTER
from divert_reporting.domain.record import Noted
from divert_reporting.domain.strips import Alarm, AlarmKind, Strip, at_hand

if TYPE_CHECKING:
    from divert_reporting.adapters.tables import Connection, Pool

DDL = """
CREATE TABLE IF NOT EXISTS board_strips (call_id uuid PRIMARY KEY, strip text NOT NULL);
CREATE TABLE IF NOT EXISTS call_alarms (
    id text PRIMARY KEY, kind text NOT NULL, call_id uuid NOT NULL, about text NOT NULL,
    raised_at timestamptz NOT NULL, ended_at timestamptz);
CREATE INDEX IF NOT EXISTS call_alarms_raised ON call_alarms (raised_at);
CREATE INDEX IF NOT EXISTS call_alarms_call ON call_alarms (call_id);
CREATE TABLE IF NOT EXISTS alarm_acknowledgements (
    alarm text PRIMARY KEY, kind text NOT NULL, call_id uuid, about text NOT NULL, raised_at timestamptz NOT NULL,
    acknowledged_at timestamptz NOT NULL, by text NOT NULL, note text NOT NULL);
CREATE INDEX IF NOT EXISTS alarm_acknowledgements_when ON alarm_acknowledgements (acknowledged_at);
COMMENT ON TABLE board_strips IS 'Diverted calls that still need somebody, as the board shows them.';
COMMENT ON TABLE call_alarms IS
    'Promises that calls had broken, or will break when their time comes; in no figure and no seal.';
COMMENT ON TABLE alarm_acknowledgements IS
    'Who has seen to an alarm: the one thing that the board itself remembers; in no figure and no seal.';
"""


class Note(Term):
    """What somebody who acknowledges an alarm says of it."""

    LOOKING_INTO_IT = "looking_into_it"
    RANG_PROVIDER = "rang_provider"
    RANG_DISPATCHER = "rang_dispatcher"
    SENT_SOMEBODY = "sent_somebody"
    KNOWN_OUTAGE = "known_outage"
    FALSE_ALARM = "false_alarm"
    DRILL = "drill"
    UNKNOWN = "unknown"


class Acknowledged(Model):
    """Who has seen to an alarm."""

    alarm: str
    acknowledged_at: AwareDatetime
    by: str
    note: Note


class Past(Model):
    """An alarm as the history has it."""

    id: str
    kind: AlarmKind
    call_id: UUID | None
    about: str
    raised_at: AwareDatetime
    ended_at: AwareDatetime | None
    """Null while it is open, and where nobody says when it was over."""
    acknowledged_at: AwareDatetime | None
    by: str | None
    note: Note | None


async def save(connection: "Connection", told: Sequence[tuple[UUID, Sequence[Noted]]]) -> None:
    """Write what the board shows of calls whose facts have changed.

    Args:
        connection: inside the transaction that changed them.
        told: each call with its facts in order.
    """
    seen = [(call_id, *at_hand(call_id, history)) for call_id, history in told]
    shown = [strip for _, strip, _ in seen if strip is not None]
    gone = [call_id for call_id, strip, _ in seen if strip is None]
    alarms = [one for _, _, raised in seen for one in raised]
    if shown:
        await connection.execute(
            "INSERT INTO board_strips (call_id, strip) SELECT * FROM unnest($1::uuid[], $2::text[])"
            " ON CONFLICT (call_id) DO UPDATE SET strip = excluded.strip WHERE board_strips.strip <> excluded.strip",
            [one.call_id for one in shown],
            [one.model_dump_json() for one in shown],
        )
    if gone:
        await connection.execute("DELETE FROM board_strips WHERE call_id = ANY($1::uuid[])", gone)
    # An answer that was given in time and comes late ends what was taken for an alarm.
    await connection.execute(
        "DELETE FROM call_alarms WHERE call_id = ANY($1::uuid[]) AND NOT id = ANY($2::text[])",
        [call_id for call_id, _ in told],
        [one.id for one in alarms],
    )
    if alarms:
        await connection.execute(
            "INSERT INTO call_alarms (id, kind, call_id, about, raised_at, ended_at)"
            " SELECT * FROM unnest($1::text[], $2::text[], $3::uuid[], $4::text[], $5::timestamptz[],"
            " $6::timestamptz[]) ON CONFLICT (id) DO UPDATE SET raised_at = excluded.raised_at,"
            " ended_at = excluded.ended_at",
            [one.id for one in alarms],
            [one.kind.value for one in alarms],
            [one.call_id for one in alarms],
            [one.about for one in alarms],
            [one.raised_at for one in alarms],
            [one.ended_at for one in alarms],
        )


class Strips:
    """The open strips, read again only where they have changed."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._versions: dict[UUID, str] = {}
        self.known: dict[UUID, Strip] = {}
        """By their calls."""

    async def read(self, pool: "Pool") -> bool:
        """Catch up with the table; return whether anything has changed.

        Args:
            pool: connections that see reporting's schema.
        """
        rows = await pool.fetch("SELECT call_id, xmin::text AS version FROM board_strips")
        now: dict[UUID, str] = {row["call_id"]: row["version"] for row in rows}
        changed = [call_id for call_id, version in now.items() if self._versions.get(call_id) != version]
        gone = self._versions.keys() - now.keys()
        if not changed and not gone:
            return False
        for call_id in gone:
            del self._versions[call_id], self.known[call_id]
        read = await pool.fetch(
            "SELECT call_id, xmin::text AS version, strip FROM board_strips WHERE call_id = ANY($1::uuid[])", changed
        )
        for row in read:
            self._versions[row["call_id"]] = row["version"]
            self.known[row["call_id"]] = Strip.model_validate_json(row["strip"])
        return True


class Alarms:
    """Who has acknowledged what, and what has been."""

    def __init__(self, pool: "Pool") -> None:
        """Read and write through a pool whose connections see reporting's schema."""
        self._pool = pool

    async def acknowledge(self, alarm: Alarm, *, by: str, note: Note, at: datetime) -> Acknowledged:
        """Write down who sees to an alarm; return who does: the first who said so."""
        await self._pool.execute(
            "INSERT INTO alarm_acknowledgements VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
            alarm.id,
            alarm.kind.value,
            alarm.call_id,
            alarm.about,
            alarm.raised_at,
            at,
            by,
            note.value,
        )
        return (await self.acknowledged([alarm.id]))[alarm.id]

    async def acknowledged(self, alarms: Sequence[str]) -> Mapping[str, Acknowledged]:
        """Return who sees to these alarms, where somebody does."""
        if not alarms:
            return {}
        rows = await self._pool.fetch(
            "SELECT alarm, acknowledged_at, by, note FROM alarm_acknowledgements WHERE alarm = ANY($1::text[])",
            list(alarms),
        )
        return {row["alarm"]: Acknowledged.model_validate(dict(row)) for row in rows}

    async def history(self, until: datetime, *, limit: int) -> Sequence[Past]:
        """Return the alarms that were raised until a time, newest first; of the pipeline's, those acknowledged."""
        rows = await self._pool.fetch(
            "SELECT coalesce(c.id, a.alarm) AS id, coalesce(c.kind, a.kind) AS kind,"
            " coalesce(c.call_id, a.call_id) AS call_id, coalesce(c.about, a.about) AS about,"
            " coalesce(c.raised_at, a.raised_at) AS raised_at, c.ended_at, a.acknowledged_at, a.by, a.note"
            " FROM call_alarms c FULL JOIN alarm_acknowledgements a ON a.alarm = c.id"
            " WHERE coalesce(c.raised_at, a.raised_at) <= $1"
            " ORDER BY coalesce(c.raised_at, a.raised_at) DESC, 1 LIMIT $2",
            until,
            limit,
        )
        return [Past.model_validate(dict(row)) for row in rows]

    async def answers(self, since: datetime) -> Mapping[str, Sequence[bool]]:
        """Return for each provider, newest first, whether its latest offers of calls since then were answered."""
        rows = await self._pool.fetch(
            "SELECT provider, NOT timed_out AS answered FROM ("
            " SELECT o.provider, timed_out, row_number() OVER (PARTITION BY o.provider ORDER BY offered_at DESC)"
            " AS place FROM case_outcomes o JOIN call_outcomes USING (call_id)"
            " WHERE accepted_at >= $1 AND (timed_out OR o.acknowledged_at IS NOT NULL OR declined IS NOT NULL)) latest"
            ' WHERE place <= $2 ORDER BY provider COLLATE "C", place',
            since,
            SILENT_AFTER,
        )
        found: dict[str, list[bool]] = {}
        for row in rows:
            found.setdefault(row["provider"], []).append(row["answered"])
        return found
