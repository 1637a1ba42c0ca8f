"""The board's tables of calls: open strips and alarms, kept with the facts that change them.

Which strips have changed is told by ``xmin``: no counter, so nothing that commits late is missed, and any number of
workers may write.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from divert_reporting.domain.record import Noted
from divert_reporting.domain.strips import Strip, at_hand

if TYPE_CHECKING:
    from divert_reporting.adapters.tables import Connection, Pool

DDL = """
CREATE TABLE IF NOT EXISTS board_strips (call_id uuid PRIMARY KEY, strip text NOT NULL);
CREATE TABLE IF NOT EXISTS call_alarms (
    id text PRIMARY KEY, kind text NOT NULL, call_id uuid NOT NULL, about text NOT NULL,
    raised_at timestamptz NOT NULL, ended_at timestamptz);
CREATE INDEX IF NOT EXISTS call_alarms_raised ON call_alarms (raised_at);
CREATE INDEX IF NOT EXISTS call_alarms_call ON call_alarms (call_id);
COMMENT ON TABLE board_strips IS 'Diverted calls that still need somebody, as the board shows them.';
COMMENT ON TABLE call_alarms IS
    'Promises that calls had broken, or will break when their time comes; in no figure and no seal.';
"""


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
