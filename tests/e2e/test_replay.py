"""Cities' real exports through the running system: each row has one outcome, or a reason outside every figure.

The files are read from where the project's shared data are; without them these tests are skipped.
"""

import asyncio
import csv
import os
import uuid
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from divert_cli import city_map, reconcile, replay
from divert_cli.bearers import Bearers
from divert_cli.calls import Json, rows
from divert_cli.checkout import ROOT
from divert_cli.prepare import register_agency
from divert_cli.proofs.tempo import Tempo
from divert_cli.stack import LocalStack
from divert_reporting.domain.outcome import Denominator
from waiting import eventually

SHARED = Path(os.environ.get("DIVERT_SHARED_DATA", ROOT.parent / "shared" / "data"))
PROVIDERS = {18: "exodus", 8: "exodus", 7: "alcott", 20: "alcott", 17: "penny-lane", 10: "penny-lane"}
EXPORTS = {
    "lapd/lapd_calls_for_service_sample.csv": ("lapd-cfs", 30),
    "cfs/nola2016.csv": ("nola", 10),
    "cfs/nola2017.csv": ("nola", 10),
}
FAST = 30.0
MINUTE = timedelta(minutes=1)
EVER = (datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))

pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason=f"{SHARED} is not there")


async def sent(system: LocalStack, file: Path, map_name: str, *, divert: bool) -> tuple[str, replay.Counts]:
    """Replay a file under an agency of its own."""
    city = city_map.load(map_name)
    agency = f"test-{uuid.uuid4().hex[:8]}"
    await register_agency(system.kafka, agency, city.title)
    lines = replay.Once(replay.csv_lines(file, city, agency=agency, divert=divert))
    return agency, await replay.send_all(system.urls["intake"], lines, None, auth=Bearers(system, agency=agency))


async def concluded(system: LocalStack, agency: str, count: int, within: float) -> list[Json]:
    """Wait until all calls of an agency have an outcome, and return their rows, inside the figures or not."""

    async def all_of_them() -> list[Json] | None:
        found = await asyncio.to_thread(
            lambda: [
                row
                for denominator in Denominator
                for row in rows(
                    system.urls["reporting"], auth=Bearers(system), agency=agency, denominator=denominator.value
                )
            ]
        )
        return found if len([row for row in found if row["outcome"] is not None]) == count else None

    return await eventually(all_of_them, f"{count} calls of {agency} to be concluded", within=within, every=0.5)


@pytest.mark.parametrize("name", EXPORTS)
async def test_every_row_of_an_export_has_one_outcome_or_a_reason_outside_the_figures(
    system: LocalStack, name: str
) -> None:
    map_name, count = EXPORTS[name]
    agency, counts = await sent(system, SHARED / name, map_name, divert=False)
    assert (counts.accepted, counts.refused) == (count, [])
    found = await concluded(system, agency, count, within=180)
    assert len(found) == count
    assert len({row["call_id"] for row in found}) == count
    assert {row["feed"] for row in found} == {"observed"}
    outside = [row for row in found if row["denominator"] != "in"]
    assert {row["denominator"] for row in outside} <= {"officer_initiated"}
    inside = Counter(row["outcome"] for row in found if row["denominator"] == "in")
    assert sum(inside.values()) + len(outside) == count
    assert inside["served"] == 0, "the police went to these"
    again = reconcile.Reconciliation()
    exported = list(reconcile.from_csv(SHARED / name, city_map.load(map_name), again))
    reconcile.compare(exported, found, EVER, None, MINUTE, again)
    assert again.agrees, again
    reconcile.compare(exported[1:], found, EVER, None, MINUTE, again)
    assert again.only_divert == [exported[0].number]


@pytest.mark.timeout(900)
async def test_located_incidents_reach_the_provider_of_their_division(system: LocalStack) -> None:
    file = SHARED / "lapd" / "lapd_located_incidents.csv"
    with file.open(newline="") as text:
        divisions = {number: int(row["area"]) for number, row in enumerate(csv.DictReader(text), 2)}
    agency, counts = await sent(system, file, "lapd-located", divert=True)
    assert (counts.accepted, counts.refused, counts.duplicates) == (len(divisions), [], [])

    async def offered_or_concluded() -> bool:
        stages = await asyncio.to_thread(
            lambda: Counter(row["stage"] for row in rows(system.urls["reporting"], auth=Bearers(system), agency=agency))
        )
        return stages["offered"] + stages["concluded"] == len(divisions)

    await eventually(offered_or_concluded, "every call to be offered or given back", within=180, every=0.5)
    # Nobody answers an offer here: their minutes pass as seconds.
    await Tempo(system.kafka).set(FAST)
    found = await concluded(system, agency, len(divisions), within=180)
    assert all(row["assumed_screening"] for row in found)
    for row in found:
        division = divisions[int(row["incident_number"].rpartition("-")[2])]
        assert row["division"] == division
        if division in PROVIDERS:
            assert row["offered_to"][0] == PROVIDERS[division]
        else:
            assert (row["offered_to"], row["reason"]) == ([], "no_provider_in_area")
