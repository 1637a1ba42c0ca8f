"""Reporting, wired together."""

from uuid import UUID

from divert_chassis.service import Service
from divert_contracts.facts.shifts import ShiftChanged
from divert_contracts.topics import CASES, ROUTING, TRIAGE
from divert_reporting.adapters import PostgresOutcomes, PostgresShifts
from divert_reporting.domain.record import NOTHING, Nothing, Record, Shift, day_of, heard, shift_heard


def build() -> Service[Nothing]:
    """Return the wiring table."""
    reporting = Service("reporting", given=NOTHING)

    records = reporting.remembers(Record, blank=lambda key: Record(call_id=UUID(key)), projection=PostgresOutcomes())
    records.on_each((*TRIAGE.carries, *ROUTING.carries, *CASES.carries), heard)

    shifts = reporting.remembers(
        Shift, blank=lambda key: Shift(provider=key.partition("/")[0]), key=day_of, projection=PostgresShifts()
    )
    shifts.on_each((ShiftChanged,), shift_heard)
    return reporting
