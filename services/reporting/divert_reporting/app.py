"""Reporting, wired together."""

from uuid import UUID
from zoneinfo import ZoneInfo

from divert_chassis.service import Service
from divert_contracts.facts.policies import PolicyPublished
from divert_contracts.facts.shifts import ShiftChanged
from divert_contracts.topics import CASES, ROUTING, TRIAGE
from divert_reporting.adapters.figures import definition
from divert_reporting.adapters.tables import PostgresOutcomes, PostgresShifts
from divert_reporting.domain import given
from divert_reporting.domain.given import Given
from divert_reporting.domain.record import Record, Shift, day_of, heard, shift_heard
from divert_reporting.settings import ZONE


def build(zone: ZoneInfo = ZONE, *, member: str | None = None) -> Service[Given]:
    """Return the wiring table.

    Args:
        zone: where a day begins at midnight.
        member: names a second set of tables beside the live ones, for building them anew.
    """
    reporting = Service("reporting", given=Given(), member=member)
    reporting.learns(PolicyPublished, given.policy_published)

    records = reporting.remembers(
        Record, blank=lambda key: Record(call_id=UUID(key)), projection=PostgresOutcomes(zone, definition(zone))
    )
    records.on_each((*TRIAGE.carries, *ROUTING.carries, *CASES.carries), heard)

    shifts = reporting.remembers(
        Shift, blank=lambda key: Shift(provider=key.partition("/")[0]), key=day_of, projection=PostgresShifts()
    )
    shifts.on_each((ShiftChanged,), shift_heard)
    return reporting
