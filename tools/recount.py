"""Counts every figure of a period again from an export of the log, and hours too, sharing no code with reporting.

    divert export log --out there; divert export figures --out there [--month 2026-10]
    tools/recount.py there/log.ndjson --against there/figures.csv [--from … --to …]
    divert export hours --out there --month 2026-10
    tools/recount.py there/log.ndjson --against … --hours there/hours.csv --from 2026-10-01 --to 2026-11-01

`divert prove recount` does all this with the stack that runs. Reads facts with DuckDB, makes one row a call by the
rules as docs/figures.md has them, and counts in SQL. Ends with 1 and the numbers that differ when any does. Times are
compared in whole seconds, sums of them to the second.
"""

import argparse
import csv
import json
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise, zip_longest
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb

Fact = dict[str, Any]
Row = tuple[str, str, str, str, int | None]
Key = tuple[str, str, str, str]

READ = """
WITH lines AS (SELECT * FROM read_json(?, format = 'newline_delimited', columns = {
    topic: 'VARCHAR', partition: 'INTEGER', "offset": 'BIGINT', key: 'VARCHAR', headers: 'JSON', value: 'VARCHAR'})),
facts AS (
    SELECT headers->>'ce_id' AS id, headers->>'ce_type' AS kind, headers->>'ce_source' AS source,
        coalesce(try_cast(headers->>'ce_sequence' AS BIGINT), -1) AS sequence, value,
        (value->>'occurred_at')::TIMESTAMPTZ AS happened,
        row_number() OVER (PARTITION BY headers->>'ce_id' ORDER BY topic, partition, "offset") AS copy
    FROM lines WHERE headers->>'ce_type' IS NOT NULL AND json_valid(value))
SELECT kind, value, id FROM facts WHERE copy = 1 ORDER BY value->>'call_id', happened, source, sequence, id
"""
COUNTED = """
SELECT figure, dimension, part, measure,
    CASE WHEN timed THEN count(seconds) ELSE count(*) END AS n,
    CASE WHEN timed THEN count(*) - count(seconds) ELSE 0 END AS missing,
    min(seconds) FILTER (WHERE 2 * place >= known AND seconds IS NOT NULL) AS median,
    min(seconds) FILTER (WHERE 10 * place >= 9 * known AND seconds IS NOT NULL) AS p90
FROM (SELECT *, figure IN ('response', 'exposure', 'answers') AS timed,
        row_number() OVER (PARTITION BY figure, dimension, part, measure ORDER BY seconds NULLS LAST) AS place,
        count(seconds) OVER (PARTITION BY figure, dimension, part, measure) AS known
    FROM rows)
GROUP BY figure, dimension, part, measure, timed
"""
PLACES = """
SELECT 'repeat_places', 'all', CASE WHEN n > 4 THEN '5+' WHEN n > 2 THEN '3-4' ELSE n::VARCHAR END AS size, m,
    sum(CASE m WHEN 'places' THEN 1 ELSE n END)::BIGINT, 0, NULL, NULL
FROM (SELECT place, count(*) AS n FROM places GROUP BY place), (VALUES ('places'), ('calls')) v (m) GROUP BY size, m
"""
NEVER_HAD = {"answer_overdue", "arrival_too_late"}
NOT_ROUTED = {"not_referred", "not_routable", "no_provider_in_area", "other_programme", "recorded_late"}
SOMEBODY_TO_ASK = {
    # A provider had it, and it came back.
    "recalled",
    "taken_back",
    "handed_back",
    "missed_en_route",
    "missed_arrival",
    "closed_without_contact",
    "not_closed",
    # It went elsewhere, or was over, before anybody could be asked.
    "other_programme",
    "decided_too_late",
    "closed_by_cad",
    "recorded_late",
    "not_understood_after_triage",
    "unknown",
}
"""Why a call was not served although somebody could have been asked: the others are unmet demand."""
SPOKEN_WITH = {"in_person", "phone"}
NOT_POLICE = {"lafd", "988", "provider", "hold", "nobody"}
MEDICAL = {"medical", "overdose"}
ORDER = ("none", "unknown", "phone", "in_person")
FAR = (
    "none",
    "joint",
    "backup_requested",
    "backup_arrived",
    "handed_back_before_arrival",
    "handed_back_after_arrival",
    "taken_back",
    "unknown",
)


class Call:
    """What the facts of one call come to."""

    def __init__(self, facts: list[Fact]) -> None:  # noqa: PLR0915 (one line a column)
        """Read the facts, which are in order."""
        self.facts = facts
        end = self.first("CallConcluded")
        opened = self.first("CallOpened")
        judged = self.each("CallTriaged")
        self.offers = list({one["case_id"]: one for one in self.each("CaseOffered")}.values())
        self.taken = self._taken()
        had = [one for one in facts if one.get("case_id") in self.taken and one["of"] == "cases"]
        self.had = had
        before = [one for one in judged if end is None or at(one) <= at(end)]
        deciding = newest(before) or newest(judged)
        decision: Fact = deciding["decision"] if deciding else {}
        last = newest(judged)
        pictures: list[Fact] = [one["picture"] for one in (*self.offers[-1:], opened, last) if one]
        picture: Fact = pictures[-1] if pictures else {}
        told: Fact = end or picture
        self.end = end
        self.agency = facts[0]["agency"]
        self.feed = told.get("feed", "unknown")
        self.origin = told.get("origin", "unknown")
        accepted = opened["accepted_at"] if opened else judged[0]["occurred_at"] if judged else None
        officer = self.origin == "officer_initiated"
        counts = "officer_initiated" if officer else "in" if accepted else "not_accepted"
        self.denominator = "exercise" if told.get("exercise") else counts
        self.late = told.get("recorded_late", False)
        self.assumed = told.get("assumed_screening", False)
        self.unscreened = (end or decision).get("unscreened", False)
        self.outcome = end["outcome"] if end else None
        self.reason = end["reason"] if end else None
        self.rule = end.get("rule") if end else None
        stands = self.offers[-1] if self.offers else opened
        self.division = end.get("division") if end else (stands or {}).get("division")
        self.disputed = bool(opened and opened.get("division_disputed"))
        self.district = picture.get("reporting_district")
        self.type = told.get("call_type")
        self.acuity = (end or decision).get("acuity", "unknown")
        self.programme = (end or decision).get("programme", "none")
        review = self.last("CallReviewed")
        self.provider = end.get("provider") if end else (self.offers[-1]["provider"] if self.offers else None)
        self.accepted = moment_of(accepted or facts[0]["occurred_at"])
        self.duplicate_of = end.get("duplicate_of") if end else None
        self.reopens = opened.get("reopens") if opened else None
        self.place = next((one["place"] for one in reversed(pictures) if one.get("place")), None)
        stamps: list[Fact] = [one.get("stamps", {}) for one in reversed(pictures)]
        self.stamps = {
            name: moment(next((one[name] for one in stamps if one.get(name)), None))
            for name in ("answered_at", "created_at", "dispatched_at", "arrived_at", "closed_at")
        }
        self.warnings: list[str] = picture.get("warnings", [])
        self.offered = moment(self.offers[0]["occurred_at"]) if self.offers else None
        self.acknowledged = min(self.taken.values(), default=None)
        self.en_route = device(first(had, "TeamEnRoute"))
        arrival = first(had, "TeamOnScene")
        self.on_scene = device(arrival)
        self.arrived = arrival["provider"] if arrival else "none"
        closed = last_of(had, "CaseClosed")
        self.cleared = device(closed)
        self.concluded = at(end) if end else None
        said = [one.get("contact", "none") for one in had if one["kind"] in CONTACTS]
        self.contact = max([(end or {}).get("contact", "none"), *said], key=ORDER.index)
        self.disposition = (end.get("disposition") if end else None) or (closed or {}).get("disposition")
        requests = self.each("BackupRequested")
        self.medical = sum(map(medical_only, requests))
        self.backup = len(requests)
        self.emergencies = len(self.each("EmergencyRaised"))
        self.hand_backs = sum(one["kind"] == "CaseHandedBack" for one in had)
        self.take_backs = sum(one["direction"] == "take_back" for one in self.each("CallDirected"))
        self.police = self._police((end or {}).get("police", "none"))
        helpers = self.each("ResponderRecorded")
        named = [one["responder"] for one in helpers if one["responder"] != "unknown"]
        went = named[-1] if named else "unknown" if helpers else None
        self.who = "provider" if self.outcome == "served" else went
        self.police_reported = any(
            one["responder"] not in NOT_POLICE or "yes" in {one.get("arrest"), one.get("force")} for one in helpers
        )
        self.again = self.last("DecisionRereviewed")
        self.arrest, self.force, self.hold = (reported(helpers, name) for name in ("arrest", "force", "hold"))
        follow = self.last("FollowUpDone")
        self.follow_up = follow["result"] if follow else None
        self.follow_due = bool(closed and closed.get("follow_up_due"))
        self.queued = sum(
            1
            for one in facts
            if one["of"] == "cases"
            and one.get("said_at")
            and at(one) - moment_of(one["said_at"]) > timedelta(seconds=60)
        )
        self.danger = self._danger()
        self.withdrawn = self._withdrawn()
        self.stage = self._stage()
        ruled = review["eligibility"] if review else decision.get("eligibility")
        self.eligible = bool(self.offers) or self.outcome in {"served", "eligible_not_served"} or ruled == "eligible"
        self.routed = bool(self.offers) or (
            self.eligible and self.outcome is not None and self.reason not in NOT_ROUTED
        )
        took = bool(self.offers) and self.acknowledged is not None
        reached = took and (self.on_scene is not None or self.contact in {"in_person", "phone"})
        self.steps = {
            "received": True,
            "triaged": bool(judged) or self.eligible,
            "eligible": self.eligible,
            "routed": self.routed,
            "offered": bool(self.offers),
            "acknowledged": took,
            "on_scene": reached,
            "resolved": reached and self.outcome == "served" and self.reason == "closed" and self.cleared is not None,
        }
        self.handed_to_police = self.disposition == "handed_to_police"
        self.with_police = self.police != "none" or self.police_reported or self.handed_to_police
        self.duplicate = self.reason == "duplicate"

    def each(self, kind: str) -> list[Fact]:
        """Return the facts of a kind."""
        return [one for one in self.facts if one["kind"] == kind]

    def first(self, kind: str) -> Fact | None:
        """Return the first fact of a kind."""
        return first(self.facts, kind)

    def last(self, kind: str) -> Fact | None:
        """Return the last fact of a kind."""
        return last_of(self.facts, kind)

    def _taken(self) -> dict[str, datetime]:
        answer_by = {one["case_id"]: moment_of(one["answer_by"]) for one in self.each("CaseOffered")}
        void = {one["case_id"] for one in self.each("CaseRecalled") if one["reason"] in NEVER_HAD}
        recalled: dict[str, datetime] = {}
        for one in self.each("CaseRecalled"):
            recalled.setdefault(one["case_id"], at(one))
        taken: dict[str, datetime] = {}
        for one in self.facts:
            if one["kind"] in {"CaseAcknowledged", "TeamEnRoute", "TeamOnScene", "PersonContacted"}:
                case = one["case_id"]
                limits = [when for when in (answer_by.get(case), recalled.get(case)) if when is not None]
                if case not in void and all(at(one) <= limit for limit in limits):
                    taken.setdefault(case, at(one))
        return taken

    def _police(self, concluded: str) -> str:
        asked = self.emergencies > 0 or self.backup > self.medical
        furthest = "none" if concluded in {"backup_requested", "backup_arrived"} and not asked else concluded
        if asked and FAR.index(furthest) < FAR.index("backup_requested"):
            furthest = "backup_requested"
        return "backup_arrived" if furthest == "backup_requested" and self.first("BackupArrived") else furthest

    def _danger(self) -> datetime | None:
        known = [
            at(one)
            for one in self.each("CaseRecalled")
            if one["reason"] == "danger" and one["case_id"] in self.taken and self.taken[one["case_id"]] <= at(one)
        ]
        for one in self.had:
            dangerous = (
                one["kind"] == "EmergencyRaised"
                or (one["kind"] in {"BackupRequested", "CaseHandedBack"} and set(one.get("hazards") or ()) - MEDICAL)
                or (one["kind"] == "CaseHandedBack" and one["reason"] in {"weapon", "violence"})
            )
            if dangerous:
                known.append(device_of(one))
        return min(known, default=None)

    def _withdrawn(self) -> datetime | None:
        danger = self.danger
        if danger is None:
            return None
        return min(
            (
                device_of(one)
                for one in self.had
                if one["kind"] in {"RecallConfirmed", "CaseHandedBack", "CaseClosed"}
                and one.get("position") != "on_scene"
                and device_of(one) >= danger
            ),
            default=None,
        )

    def _stage(self) -> str:
        stage, epoch = "observed" if self.feed == "observed" else "awaiting_triage", 0
        said = {"CaseAcknowledged": "acknowledged", "TeamEnRoute": "en_route", "TeamOnScene": "on_scene"}
        progress = ["offered", "acknowledged", "en_route", "on_scene"]
        for one in self.facts:
            if one["of"] == "routing":
                stage, epoch = one["stage"], one["epoch"]
            elif one["of"] == "cases" and one["epoch"] == epoch and stage in progress:
                stage = max(stage, said.get(one["kind"], stage), key=progress.index)
        return stage


CONTACTS = {"PersonContacted", "CaseClosed", "CaseHandedBack"}


def moment_of(text: str) -> datetime:
    """Return a time."""
    return datetime.fromisoformat(text)


def moment(text: str | None) -> datetime | None:
    """Return a time where there is one."""
    return None if text is None else moment_of(text)


def at(fact: Fact) -> datetime:
    """Return when a fact happened."""
    return moment_of(fact["occurred_at"])


def device_of(fact: Fact) -> datetime:
    """Return when a team's device recorded a fact, where that can be true."""
    return min(at(fact), moment_of(fact["said_at"])) if fact.get("said_at") else at(fact)


def device(fact: Fact | None) -> datetime | None:
    """Return the same of a fact that may not be there."""
    return None if fact is None else device_of(fact)


def first(facts: Iterable[Fact], kind: str) -> Fact | None:
    """Return the first fact of a kind."""
    return next((one for one in facts if one["kind"] == kind), None)


def last_of(facts: list[Fact], kind: str) -> Fact | None:
    """Return the last fact of a kind."""
    return first(reversed(facts), kind)


def newest(judged: list[Fact]) -> Fact | None:
    """Return the newest revision: by CAD's number, else by its time, else the one that came last."""
    best: Fact | None = None
    for one in judged:
        if best is not None:
            mine, other = one["revision"], best["revision"]
            if None not in (mine.get("number"), other.get("number")) and mine["number"] != other["number"]:
                older = mine["number"] < other["number"]
            elif mine.get("updated_at") and other.get("updated_at"):
                older = moment_of(mine["updated_at"]) < moment_of(other["updated_at"])
            else:
                older = False
            if older:
                continue
        best = one
    return best


def medical_only(request: Fact) -> bool:
    """Say whether a call for backup was for medical help alone."""
    hazards = set(request.get("hazards") or ())
    return (request.get("medical") == "yes" or bool(hazards & MEDICAL)) and hazards <= MEDICAL


def reported(helpers: list[Fact], name: str) -> str:
    """Return what was reported in all."""
    told = [one[name] for one in helpers if one.get(name, "not_asked") != "not_asked"]
    return "yes" if "yes" in told else told[-1] if told else "not_asked"


def seconds(later: datetime | None, earlier: datetime | None) -> int | None:
    """Return whole seconds from one time to another; null where one is missing or they are out of order."""
    if later is None or earlier is None or later < earlier:
        return None
    return (later - earlier) // timedelta(seconds=1)


def before(*times: datetime | None) -> bool:
    """Say whether a time is before the one that must precede it."""
    return any(one is not None and other is not None and other < one for one, other in pairwise(times))


def of_call(call: Call, zone: ZoneInfo) -> Iterator[Row]:
    """Yield a row for each number that a call counts in."""
    yield "outside", "all", call.denominator, "calls", None
    if call.denominator != "in":
        return
    yield from _steps(call, zone)
    yield from _endings(call)
    yield from _times(call)
    yield from _police(call)
    yield from _cases(call)
    yield from _quality(call)


def _steps(call: Call, zone: ZoneInfo) -> Iterator[Row]:
    parts = {
        "all": "all",
        "hour": f"{call.accepted.astimezone(zone).hour:02d}",
        "division": str(call.division or "none"),
        "provider": call.provider or "none",
        "programme": call.programme,
        "type": call.type or "none",
        "acuity": call.acuity,
        "origin": call.origin,
        "feed": call.feed,
    }
    for measure, reached in call.steps.items():
        if reached:
            yield from (("funnel", dimension, part, measure, None) for dimension, part in parts.items())


def _endings(call: Call) -> Iterator[Row]:
    ended = call.outcome or "in_flight"
    why = str(call.reason if call.outcome else call.stage)
    who = call.who or "not_reported"
    yield "outcomes", "all", ended, why, None
    yield "outcomes", call.feed, ended, why, None
    if call.outcome == "eligible_not_served":
        yield "not_served", "all", why, who, None
        yield "not_served", call.feed, why, who, None
        if call.reason not in SOMEBODY_TO_ASK:
            yield "unmet_demand", "all", "all", why, None
            yield "unmet_demand", "division", str(call.division or "none"), why, None
    if call.eligible and call.outcome in {"eligible_not_served", "not_triaged"}:
        screening = "assumed" if call.assumed else "unscreened" if call.unscreened else "screened"
        yield "missed_eligible", "all", "all", "calls", None
        yield "missed_eligible", "feed", call.feed, "calls", None
        yield "missed_eligible", "screening", screening, "calls", None
        yield "missed_eligible", "who", who, "calls", None
        for kind, answer in (("arrest", call.arrest), ("force", call.force), ("hold", call.hold)):
            yield "missed_eligible", kind, answer, "calls", None
            yield "missed_eligible", f"who_{kind}", who, answer, None
    yield from _served(call)


def _served(call: Call) -> Iterator[Row]:
    if call.again is not None:
        yield "agreement", "rules", call.again["automatic"], call.again["eligibility"], None
    if call.outcome == "ineligible":
        yield "ineligible", call.feed, str(call.rule or call.reason), "calls", None
    if call.outcome == "served":
        measures = {
            "served": True,
            "wanted": call.follow_due,
            "made": call.follow_up is not None,
            "connected": call.follow_up == "connected",
            "reached": call.follow_up in {"connected", "reached"},
            "declined": call.follow_up == "declined",
            "not_reached": call.follow_up == "not_reached",
        }
        for measure in (one for one, so in measures.items() if so):
            yield "follow_up", "all", "all", measure, None
            yield "follow_up", "provider", call.provider or "none", measure, None
    if call.eligible and call.feed == "diverted" and call.division is not None and not call.duplicate:
        for measure in ("eligible", *(("served",) if call.outcome == "served" else ())):
            yield "equity", "division", str(call.division), measure, None
            if call.district is not None:
                yield "equity", "district", f"{call.division}/{call.district}", measure, None


def _times(call: Call) -> Iterator[Row]:
    yield from _exposure(call)
    for offer in call.offers:
        yield from _case_times(call, offer)
    if call.on_scene is None:
        return
    spans = {
        "answered_911_to_on_scene": seconds(call.on_scene, call.stamps["answered_at"]),
        "cad_created_to_on_scene": seconds(call.on_scene, call.stamps["created_at"]),
        "accepted_to_on_scene": seconds(call.on_scene, call.accepted),
        "offered_to_on_scene": seconds(call.on_scene, call.offered),
    }
    for measure, took in spans.items():
        yield "response", "all", "all", measure, took
    created = "cad_created_to_on_scene"
    yield "response", "provider", call.arrived, created, spans[created]
    yield "response", "programme", call.programme, created, spans[created]
    yield "response", "acuity", call.acuity, created, spans[created]


def _case_times(call: Call, offer: Fact) -> Iterator[Row]:
    taken = call.taken.get(offer["case_id"])
    told = [one for one in call.facts if one.get("case_id") == offer["case_id"]]
    there = device(first(told, "TeamOnScene"))
    if taken is None or there is None:
        return
    spans = {
        "acknowledged_to_on_scene": seconds(there, taken),
        "on_scene_to_cleared": seconds(device(last_of(told, "CaseClosed")), there),
    }
    for measure, took in spans.items():
        yield "response", "all", "all", measure, took
        for dimension in ("provider", "programme", "acuity"):
            yield "response", dimension, offer[dimension], measure, took


def _exposure(call: Call) -> Iterator[Row]:
    if call.danger is None:
        return
    if call.on_scene is None:
        there, exposed = call.contact == "in_person" or call.emergencies > 0, None
    else:
        there = call.withdrawn is None or call.withdrawn >= call.on_scene
        exposed = seconds(call.withdrawn, max(call.danger, call.on_scene))
    if there:
        yield "exposure", "all", "all", "danger_to_withdrawn", exposed
        yield "exposure", "provider", call.provider or "none", "danger_to_withdrawn", exposed


def _police(call: Call) -> Iterator[Row]:
    if call.feed == "diverted" and not call.duplicate:
        spoken = call.steps["acknowledged"] and call.contact in SPOKEN_WITH
        reached = {
            "eligible": call.steps["eligible"],
            "acknowledged": call.steps["acknowledged"],
            "reached": spoken,
            "resolved_without_police": call.steps["resolved"] and spoken and not call.with_police,
        }
        for measure in (one for one, so in reached.items() if so):
            yield "without_police", "all", "all", measure, None
            yield "without_police", "programme", call.programme, measure, None
            yield "without_police", "provider", call.provider or "none", measure, None
    if call.steps["acknowledged"]:
        parts = {
            "acknowledged": True,
            f"police_{call.police}": call.police != "none" or not call.with_police,
            "handed_to_police": call.handed_to_police,
            "police_reported": call.police_reported,
            "backup_asked": call.backup > call.medical,
            "medical_help_asked": call.medical > 0,
            "emergency": call.emergencies > 0,
            "handed_back": call.hand_backs > 0,
            "taken_back": call.take_backs > 0,
        }
        for dimension, part in (("all", "all"), ("provider", call.provider or "none")):
            yield from (("police_part", dimension, part, measure, None) for measure, so in parts.items() if so)
            yield "dispositions", dimension, part, call.disposition or "none", None


def _cases(call: Call) -> Iterator[Row]:
    for offer in call.offers:
        case = offer["case_id"]
        told = [one for one in call.facts if one.get("case_id") == case]
        declined, recall = first(told, "CaseDeclined"), first(told, "CaseRecalled")
        taken = call.taken.get(case)
        on_scene = device(first(told, "TeamOnScene")) if taken else None
        timed_out = recall is not None and recall["reason"] == "answer_overdue"
        limit = None if taken is None else taken + timedelta(seconds=round(offer["on_scene_within"]))
        measures = {
            "offered": True,
            "acknowledged": taken is not None,
            "declined": declined is not None,
            f"declined_{declined['reason']}" if declined else "": declined is not None,
            "timed_out": timed_out,
            "withdrawn": taken is None and declined is None and not timed_out and recall is not None,
            "arrived": on_scene is not None,
            "arrived_in_limit": on_scene is not None and limit is not None and on_scene <= limit,
            "handed_back": taken is not None and first(told, "CaseHandedBack") is not None,
            "closed": taken is not None and first(told, "CaseClosed") is not None,
        }
        for dimension, part in (("all", "all"), ("provider", offer["provider"])):
            yield from (("offers", dimension, part, measure, None) for measure, so in measures.items() if so)
            if taken is not None:
                took = (taken - at(offer)) // timedelta(seconds=1)
                yield "answers", dimension, part, "offered_to_acknowledged", took


def _quality(call: Call) -> Iterator[Row]:
    stamps = call.stamps
    wrong = {
        "calls": True,
        "no_911_answer_time": stamps["answered_at"] is None,
        "no_cad_entry_time": stamps["created_at"] is None,
        "no_area": call.division is None,
        "area_disputed": call.disputed,
        "cad_out_of_order": before(stamps["answered_at"], stamps["created_at"])
        or before(stamps["created_at"], call.accepted)
        or before(stamps["dispatched_at"], stamps["arrived_at"])
        or before(stamps["arrived_at"], stamps["closed_at"]),
        "team_out_of_order": before(call.acknowledged, call.on_scene)
        or before(call.en_route, call.on_scene)
        or before(call.on_scene, call.cleared),
        "on_scene_not_said": call.contact == "in_person" and call.on_scene is None,
        "unknown_words": any(one.partition(":")[0] == "unknown-word" for one in call.warnings),
        "anything_unreadable": bool(call.warnings),
        "screening_assumed": call.assumed,
        "screening_not_asked": call.unscreened,
        "recorded_late": call.late,
        "queued_taps": call.queued > 0,
        "responder_not_reported": call.outcome in {"eligible_not_served", "ineligible", "not_triaged"}
        and call.who is None,
    }
    yield from (("quality", "all", part, "calls", None) for part, so in wrong.items() if so)


def read(file: Path) -> tuple[list[Call], list[Fact]]:
    """Return the calls of an export of the log, and its changes of shift."""
    known: dict[str, list[Fact]] = {}
    shifts: list[Fact] = []
    with duckdb.connect(":memory:") as engine:
        for kind, value, one_id in engine.execute(READ, [str(file)]).fetchall():
            name = kind.split(".")[1]
            fact: Fact = json.loads(value)
            if "call_id" in fact:
                of = "routing" if "stage" in fact else "cases" if "case_id" in fact else "triage"
                known.setdefault(fact["call_id"], []).append({**fact, "kind": name, "of": of})
            elif name == "ShiftChanged":
                shifts.append({**fact, "id": one_id})
    return [Call(facts) for facts in known.values()], shifts


def spans(calls: list[Call]) -> Iterator[tuple[Call, str, datetime, datetime | None]]:
    """Yield each case that a provider had: its call, the provider, since when and until when."""
    for call in calls:
        for offer in call.offers:
            case = offer["case_id"]
            told = [one for one in call.facts if one.get("case_id") == case]
            ends = (last_of(told, "CaseClosed"), first(told, "CaseHandedBack"), first(told, "CaseRecalled"))
            if case in call.taken:
                yield call, offer["provider"], call.taken[case], min((at(one) for one in ends if one), default=None)


def worked(
    calls: list[Call], shifts: list[Fact], since: datetime, until: datetime, agency: str | None
) -> dict[str, tuple[float | None, float]]:
    """Return each provider's team-seconds on shift, and with a case of a call in the figures.

    A period that is not over ends with the last thing that is known. On shift are as many teams as the provider said
    last; for one agency's calls nobody is.
    """
    cases = list(spans(calls))
    known = [when for call in calls for when in (call.accepted, call.concluded, call.cleared) if when is not None]
    known += [end for *_, end in cases if end is not None] + [at(one) for one in shifts]
    stop = min([until, max(known)]) if known else until

    def within(start: datetime, end: datetime | None) -> float:
        return max(0.0, (min(end or stop, stop) - max(start, since)).total_seconds())

    busy: dict[str, float] = {}
    for call, provider, start, end in cases:
        mine = call.denominator == "in" and agency in {None, call.agency}
        if mine and start < stop and (end or stop) > since:
            # A case that was over before it began, by its stamps, counts less than nothing: so do the sums of SQL.
            busy[provider] = busy.get(provider, 0.0) + (min(end or stop, stop) - max(start, since)).total_seconds()
    if agency is not None:
        return {provider: (None, spent) for provider, spent in busy.items()}
    on_shift: dict[str, float] = {}
    ordered = sorted(shifts, key=lambda one: (one["provider"], at(one), one["id"]))
    for one, following in zip_longest(ordered, ordered[1:]):
        until_next = at(following) if following and following["provider"] == one["provider"] else None
        if at(one) < stop:
            spent = len(one["teams"]) * within(at(one), until_next)
            on_shift[one["provider"]] = on_shift.get(one["provider"], 0.0) + spent
    return {name: (on_shift.get(name, 0.0), busy.get(name, 0.0)) for name in {*on_shift, *busy}}


def counted(
    calls: list[Call], since: datetime | None, until: datetime | None, zone: ZoneInfo, agency: str | None
) -> dict[Key, list[int | None]]:
    """Return every number of every figure."""
    with duckdb.connect(":memory:") as engine:
        rows: list[Row] = []
        places: list[tuple[str]] = []
        for call in calls:
            if agency is not None and call.agency != agency:
                continue
            if (since is not None and call.accepted < since) or (until is not None and call.accepted >= until):
                continue
            rows += of_call(call, zone)
            again = call.duplicate_of is not None or call.reopens is not None
            if call.denominator == "in" and call.eligible and call.place and not again:
                places.append((call.place,))
        engine.execute("CREATE TABLE rows (figure TEXT, dimension TEXT, part TEXT, measure TEXT, seconds INTEGER)")
        engine.execute("CREATE TABLE places (place TEXT)")
        if rows:
            engine.executemany("INSERT INTO rows VALUES (?, ?, ?, ?, ?)", rows)
        if places:
            engine.executemany("INSERT INTO places VALUES (?)", places)
        found = engine.execute(COUNTED).fetchall() + engine.execute(PLACES).fetchall()
    return {(one[0], one[1], one[2], one[3]): list(one[4:]) for one in found}


def published(file: Path) -> dict[Key, list[int | None]]:
    """Return every number of an export of figures."""
    with file.open(encoding="utf-8", newline="") as handle:
        return {
            (row["figure"], row["dimension"], row["part"], row["measure"]): [
                int(row[name]) if row[name] else None for name in ("n", "missing", "median", "p90")
            ]
            for row in csv.DictReader(handle)
        }


def in_seconds(found: dict[str, tuple[float | None, float]]) -> dict[Key, list[int | None]]:
    """Return hours as numbers to compare, in whole seconds."""
    return {
        ("hours", "provider", name, measure): [None if n is None else round(n)]
        for name, told in found.items()
        for measure, n in zip(("on_shift", "with_case"), told, strict=True)
    }


def published_hours(file: Path) -> dict[Key, list[int | None]]:
    """Return every number of an export of hours."""
    with file.open(encoding="utf-8", newline="") as handle:
        return {
            ("hours", "provider", row["provider"], measure): [int(row[measure]) if row[measure] else None]
            for row in csv.DictReader(handle)
            for measure in ("on_shift", "with_case")
        }


def equal(key: Key, mine: list[int | None] | None, theirs: list[int | None] | None) -> bool:
    """Say whether a number is the same; half a second of a sum of hours may have been rounded either way."""
    if key[0] == "hours" and mine and theirs and mine[0] is not None and theirs[0] is not None:
        return abs(mine[0] - theirs[0]) <= 1
    return mine == theirs


def placed(time: datetime, zone: ZoneInfo) -> datetime:
    """Return a time with its zone, in UTC: there a difference is never put wrong by a change of the clock."""
    return (time if time.tzinfo else time.replace(tzinfo=zone)).astimezone(UTC)


def main() -> int:
    """Count, compare, and say what differs."""
    asked = argparse.ArgumentParser(description="Counts every figure again from an export of the log.")
    asked.add_argument("log", type=Path)
    asked.add_argument("--against", type=Path, required=True, help="figures.csv, as `divert export figures` wrote it")
    asked.add_argument("--hours", type=Path, help="hours.csv of the same period; wants --from and --to")
    asked.add_argument("--from", dest="since", type=datetime.fromisoformat)
    asked.add_argument("--to", dest="until", type=datetime.fromisoformat)
    asked.add_argument("--zone", type=ZoneInfo, default=ZoneInfo("America/Los_Angeles"))
    asked.add_argument("--agency")
    given = asked.parse_args()
    since, until = (None if one is None else placed(one, given.zone) for one in (given.since, given.until))
    calls, shifts = read(given.log)
    mine = counted(calls, since, until, given.zone, given.agency)
    theirs = published(given.against)
    if given.hours is not None:
        if since is None or until is None:
            asked.error("--hours wants --from and --to")
        mine |= in_seconds(worked(calls, shifts, since, until, given.agency))
        theirs |= published_hours(given.hours)
    differing = [key for key in sorted(mine.keys() | theirs.keys()) if not equal(key, mine.get(key), theirs.get(key))]
    for key in differing:
        print(f"{'/'.join(key)}: counted {mine.get(key)}, published {theirs.get(key)}")
    print(f"{len(mine):,} numbers counted, {len(theirs):,} published, {len(differing):,} differ")
    return 1 if differing or not mine else 0


if __name__ == "__main__":
    sys.exit(main())
