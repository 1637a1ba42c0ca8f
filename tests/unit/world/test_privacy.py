"""What becomes of private words in the whole of divert: where they stand, and that they go by themselves."""

import json
from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

import pytest

from divert_chassis.core import document
from divert_chassis.memory import MemoryWorld
from divert_cli.prepare import agency_fact, seed_policies
from divert_contracts.envelope import encode
from divert_contracts.vocabulary import Contact, Disposition, Outcome, Question, Stage
from divert_intake.domain import calls
from divert_intake.domain import given as intake_given
from divert_intake.domain.calls import Accepted, Intake
from divert_provider_gateway import app as gateway
from divert_provider_gateway.domain import said
from divert_provider_gateway.domain.case import Case
from divert_provider_gateway.domain.webhook import Deliveries
from divert_reporting import app as reporting
from divert_reporting.domain.outcome import outcome
from divert_reporting.domain.record import Record
from divert_routing import app as routing
from divert_routing.domain.call import Call
from divert_routing.domain.erasing import Erase
from divert_triage import app as triage

from .test_promises import START

CANARY = "qzxcanary"


class Divert:
    """All services in memory, with a call that is full of canaries and was served by Alcott."""

    def __init__(self) -> None:
        self.routing = routing.build()
        self.reporting = reporting.build()
        self.alcott = gateway.build("alcott")
        self.world = MemoryWorld([triage.build(), self.routing, self.reporting, self.alcott], start=START)
        self.given = intake_given.Given()
        for fact in seed_policies():
            self.world.publish(fact, source="/divert/cli")
            self.given = intake_given.policy_published(self.given, fact)
        self.world.publish(agency_fact(), source="/divert/cli")
        self.given = intake_given.agency_registered(self.given, agency_fact())
        self.call = self.post()
        self.world.run_until(START + timedelta(seconds=5))
        call = self.world.state(self.routing, Call, str(self.call))
        assert call is not None
        assert call.case is not None
        assert call.case.provider == "alcott"
        self.case = call.case.case_id

    def post(self, revision: int = 1) -> UUID:
        accepted = calls.received(self.body(revision), Intake(self.given, b"k" * 32, self.world.now))
        assert isinstance(accepted, Accepted)
        self.world.publish(accepted.fact, id=accepted.id)
        return accepted.fact.call_id

    def body(self, revision: int) -> bytes:
        person = {"name": f"{CANARY} name", "number": f"{CANARY} number", "description": f"{CANARY} description"}
        return json.dumps(
            {
                "agency": "lapd",
                "incident_number": "261123000008",
                "feed": "diverted",
                "revision": revision,
                "call_type": "918",
                "call_type_text": f"{CANARY} type",
                "reporting_district": "0723",
                "answers": {one.value: "no" for one in Question if one is not Question.UNKNOWN},
                "narrative": f"{CANARY} narrative",
                "address": {"text": f"{CANARY} street", "unit": CANARY, "gate": CANARY, "cross_street": CANARY},
                "caller": person,
                "persons": [person],
                "people_animals_access": f"{CANARY} dog",
            }
        ).encode()

    def serve(self) -> None:
        for one in (
            said.Acknowledge(epoch=1, arrive_in_seconds=600),
            said.Arrive(),
            said.WriteNote(text=f"{CANARY} note"),
            said.Close(epoch=1, disposition=Disposition.RESOLVED_ON_SCENE, contact=Contact.IN_PERSON),
        ):
            assert self.world.command(self.alcott, said.Tell(case_id=self.case, said=one)).refusal is None
        self.world.run_until(self.world.now + timedelta(seconds=60))

    def kept(self) -> Iterator[str]:
        """Yield the states that hold a canary."""
        for service, kind in (
            (self.routing, Call),
            (self.alcott, Case),
            (self.alcott, Deliveries),
            (self.reporting, Record),
        ):
            if any(CANARY.encode() in document(one) for one in self.world.states(service, kind).values()):
                yield kind.__name__

    def row(self) -> tuple[Outcome | None, Stage]:
        record = self.world.state(self.reporting, Record, str(self.call))
        row = None if record is None else outcome(record)
        assert row is not None
        return row.outcome, row.stage


@pytest.fixture
def divert() -> Divert:
    return Divert()


def test_private_words_stand_on_private_topics_alone(divert: Divert) -> None:
    divert.serve()
    told = {topic for topic, envelope in divert.world.log if CANARY.encode() in b"".join(map(_bytes, encode(envelope)))}
    assert told == {"calls.v1", "assignments.alcott.v1"}


def test_private_words_go_from_every_table_by_themselves_and_the_figures_stay(divert: Divert) -> None:
    divert.serve()
    assert set(divert.kept()) >= {"Call", "Case"}
    row = divert.row()
    divert.world.run_until(START + timedelta(days=31))
    assert not list(divert.kept())
    assert divert.row() == row
    assert row[0] is Outcome.SERVED


def test_an_offer_that_nobody_took_leaves_no_private_words_with_its_provider(divert: Divert) -> None:
    divert.world.run_until(START + timedelta(hours=2))
    assert set(divert.kept()) == {"Call"}


def test_erased_words_are_gone_from_every_table_at_once_and_for_good(divert: Divert) -> None:
    divert.serve()
    row = divert.row()
    assert divert.world.command(divert.routing, Erase(call_id=divert.call, by="records-04")).refusal is None
    divert.world.run_until(divert.world.now)
    assert not list(divert.kept())
    refused = divert.world.command(
        divert.alcott, said.Tell(case_id=divert.case, said=said.WriteNote(text=f"{CANARY} again"))
    ).refusal
    assert refused is not None
    assert refused.code == "erased"
    for _, envelope in [one for one in divert.world.log if one[0] in {"calls.v1", "assignments.alcott.v1"}]:
        divert.world.publish(envelope.fact, source=envelope.source)  # as new: no inbox knows it any more
    divert.post(revision=2)
    divert.world.run_until(divert.world.now + timedelta(days=1))
    assert not list(divert.kept())
    assert divert.row() == row


def _bytes(part: bytes | tuple[tuple[str, bytes | None], ...]) -> bytes:
    return part if isinstance(part, bytes) else b"".join(value or b"" for _, value in part)
