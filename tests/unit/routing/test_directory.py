"""The routing policy: a document that is checked, and what is read from it."""

import csv
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from divert_contracts.call import Picture
from divert_contracts.facts.policies import AgencyRegistered, PolicyPublished
from divert_contracts.facts.shifts import ShiftChanged
from divert_contracts.step import Rejected
from divert_contracts.vocabulary import Acuity, Feed, PolicyKind, Programme
from divert_routing.domain.directory import Day, Directory, Hours, division_of_district
from divert_routing.domain.given import Given, agency_registered, policy_published, shift_changed
from publishing import a_version
from unit.routing.lives import NOON, changed, directory, seconds

LOCATED = Path(__file__).parents[4] / "shared" / "data" / "lapd" / "lapd_located_incidents.csv"


def published(version: str, document: Directory, in_force_from: datetime = NOON) -> PolicyPublished:
    return a_version(
        PolicyKind.ROUTING,
        document.model_dump(mode="json"),
        version=version,
        said_at=NOON,
        in_force_from=in_force_from,
    )


def test_the_seed_policy_has_every_limit_of_the_design() -> None:
    limits = directory().limits
    assert limits.decide_within == seconds(300)
    assert limits.triage_within == seconds(15)
    assert limits.review_within == seconds(120)
    assert limits.accept_within == limits.confirm_within == seconds(30)
    assert (limits.check_after, limits.check_every) == (seconds(600), seconds(900))
    assert (limits.desk_rings_after, limits.psap_checks_after) == (seconds(120), seconds(300))
    assert (limits.close_within, limits.observe_for) == (timedelta(hours=12), timedelta(hours=24))
    assert limits.private_for == timedelta(days=30)
    assert limits.by_acuity.keys() == {Acuity.EMERGENT, Acuity.URGENT, Acuity.ROUTINE}


def test_the_three_umcr_providers_serve_six_divisions() -> None:
    served = {
        division: [
            route.provider.id for route in directory().routes(Programme.UMCR, division, NOON) if not route.mutual_aid
        ]
        for division in range(1, 22)
    }
    assert {division: names for division, names in served.items() if names} == {
        7: ["alcott"],
        8: ["exodus"],
        10: ["penny-lane"],
        17: ["penny-lane"],
        18: ["exodus"],
        20: ["alcott"],
    }


@pytest.mark.parametrize(
    ("area", "division"),
    [
        ("07", 7),
        ("7", 7),
        ("Wilshire", 7),
        ("7 WILSHIRE", 7),
        ("07 - Wilshire", 7),
        ("Wilshire Division", 7),
        ("N Hollywood", 15),
        ("NORTH HOLLYWOOD", 15),
        ("N. Hollywood", 15),
        ("Hollywood", 6),
        ("77th Street", 12),
        ("77TH", 12),
        ("West LA", 8),
        ("West Los Angeles", 8),
        ("Area 12", 12),
        ("21", 21),
        ("8 Wilshire", None),
        ("0", None),
        ("00", None),
        ("22", None),
        ("Outside", None),
        ("", None),
        ("   ", None),
        ("Burbank", None),
        ("\N{ARABIC-INDIC DIGIT SEVEN}", None),
    ],
)
def test_an_area_is_read_as_cad_writes_it(area: str, division: int | None) -> None:
    assert directory().division_named(area) == division


@pytest.mark.parametrize(
    ("district", "division"),
    [("0775", 7), ("775", 7), (" 0775 ", 7), ("2199", 21), ("0000", None), ("2211", None), ("A775", None), ("", None)],
)
def test_the_leading_digits_of_a_reporting_district_are_its_division(district: str, division: int | None) -> None:
    assert division_of_district(district) == division


def test_of_several_sources_the_district_counts_first_then_the_map_then_the_name() -> None:
    def located(**where: object) -> tuple[int | None, bool]:
        return directory().locate(Picture.model_validate({"feed": Feed.DIVERTED, **where}))

    assert located(reporting_district="0775", located_division=8, area="Olympic") == (7, True)
    assert located(reporting_district=None, located_division=8, area="Olympic") == (8, True)
    assert located(area="Olympic") == (20, False)
    assert located(reporting_district="0775", area="Wilshire", located_division=7) == (7, False)
    assert located(reporting_district="0775", area="Outside") == (7, True)
    assert located(area="Outside") == (None, False)
    assert located() == (None, False)


@pytest.mark.skipif(not LOCATED.exists(), reason=f"{LOCATED.name} is not here")
def test_every_located_incident_is_in_the_division_that_lapd_says() -> None:
    rows = list(csv.DictReader(LOCATED.read_text().splitlines()))
    assert len(rows) == 3_000
    for row in rows:
        picture = Picture(feed=Feed.DIVERTED, reporting_district=row["rpt_dist"], area=row["area_name"])
        assert directory().locate(picture) == (int(row["area"]), False)
        assert directory().division_named(row["area_name"]) == int(row["area"])


def test_hours_may_pass_midnight() -> None:
    nights = Hours(days=(Day.FRI,), opens=time(22), closes=time(6))
    friday = datetime(2026, 11, 20, tzinfo=UTC)
    assert nights.include(friday.replace(hour=23))
    assert nights.include(friday + timedelta(days=1, hours=5))
    assert not nights.include(friday + timedelta(days=1, hours=6))
    assert not nights.include(friday.replace(hour=5))
    always = Hours(opens=time(0), closes=time(0))
    assert all(always.include(friday + timedelta(hours=hour)) for hour in range(48))


LIMITS: dict[str, object] = directory().limits.model_dump()
FIRST = directory().providers[0]
UNFIT: dict[str, dict[str, object]] = {
    "divisions are missing": {"divisions": []},
    "a provider stands twice": {"providers": [FIRST, FIRST]},
    "a programme has no gateway": {"providers": [FIRST.model_dump() | {"programmes": ["smart"]}]},
    "an unknown provider is helped": {"mutual_aid": [{"provider": "alcott", "helps": "nobody", "divisions": [8]}]},
    "an unknown division is helped": {"mutual_aid": [{"provider": "alcott", "helps": "exodus", "divisions": [22]}]},
    "an unknown time zone": {"timezone": "Mars/Olympus"},
    "no time zone": {"timezone": ""},
    "no time at all": {"limits": LIMITS | {"decide_within": 0}},
    "a misspelt limit": {"limits": LIMITS | {"dicide_within": 300}},
    "the psap is sent before the desk rings": {"limits": LIMITS | {"desk_rings_after": 400}},
    "an acuity without limits": {"limits": LIMITS | {"by_acuity": {}}},
    "another kind of policy": {"kind": "triage"},
}


@pytest.mark.parametrize("parts", UNFIT.values(), ids=UNFIT.keys())
def test_a_document_that_does_not_fit_is_refused(parts: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        changed(**parts)


def test_a_version_is_known_from_its_fact_and_chosen_by_the_time_of_acceptance() -> None:
    quick = changed(version="quick", limits=directory().limits.model_dump() | {"decide_within": 60})
    known = policy_published(
        policy_published(Given(), published("slow", directory())), published("quick", quick, NOON + seconds(60))
    )
    assert known.directories.at(NOON + seconds(59)).version == "slow"
    assert known.directories.at(NOON + seconds(60)).value.limits.decide_within == seconds(60)


def test_a_broken_version_is_rejected_naming_the_place_and_other_kinds_are_passed_over() -> None:
    fact = published("broken", directory())
    broken = fact.model_copy(update={"document": {**fact.document, "timezone": None}})
    with pytest.raises(Rejected, match="policy:routing:timezone"):
        policy_published(Given(), broken)
    other = broken.model_copy(update={"kind": PolicyKind.TRIAGE})
    assert policy_published(Given(), other).directories.empty


def test_shifts_and_agencies_are_learnt() -> None:
    known = shift_changed(Given(), ShiftChanged(occurred_at=NOON, provider="exodus", teams=()))
    assert known.shifts == {"exodus": ()}
    known = agency_registered(known, AgencyRegistered(occurred_at=NOON, agency="lapd", title="LAPD"))
    assert known.agencies == {"lapd"}
