"""From a note of an EIDO to the desk's page, by intake, routing and template: nothing that was sent is markup."""

import json
from functools import cache
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from divert_chassis.run import Runtime
from divert_intake.domain import calls
from divert_intake.domain.calls import Accepted, as_eido
from divert_routing.app import build
from divert_routing.pages.desk import DeskPages
from divert_routing.pages.views import Views
from divert_routing.settings import Settings
from unit.eido.test_notes import ATTACKS
from unit.intake.posting import INTAKE
from unit.routing.lives import Life, directory
from unit.routing.lives import given as known

AT = "2026-11-23T02:59:00Z"


class Tags(HTMLParser):
    """Collects every tag with its attributes, and all text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(f"{tag}{sorted(name for name, _ in attrs)}")

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@cache
def pages() -> DeskPages:
    return DeskPages(Runtime(build(), Settings()), Settings())


def page(note: str) -> Tags:
    """Return the desk's page of a call with a note and a person of that name, as a browser reads it."""
    by: JsonValue = {"$ref": "police.example.gov"}
    prologue: dict[str, JsonValue] = {"lastUpdateTimeStamp": AT, "updatedByAgencyReference": by}
    person: JsonValue = {"PersonName": {"PersonFullName": note}, "PersonDescriptionText": note}
    whole: dict[str, JsonValue] = {
        "$id": "incident-7",
        **prologue,
        "eidoVersion": "1.0",
        "issuingElementIdentification": "cad.police.example.gov",
        "agencyComponent": [],
        "notesComponent": [{"$id": "n", **prologue, "notesActionComments": note}],
        "personComponent": [
            {"$id": "p", **prologue, "personIncidentRoleRegistryText": ["Caller"], "ncPersonComponent": person}
        ],
    }
    accepted = calls.received(json.dumps(whole).encode(), INTAKE, as_eido)
    assert isinstance(accepted, Accepted)
    life = Life(at=INTAKE.at, given_=known(), call_id=accepted.fact.call_id).hear(accepted.fact)
    it = Views(directory(), life.now, "desk-1").whole(life.call)
    shown = pages().shown("call.html", chosen=life.call.call_id, call=life.call, it=it, in_hand=0)
    return Tags(bytes(shown.body).decode())


def test_the_words_are_on_the_page() -> None:
    assert "has a knife\nand a dog" in "".join(page("<p>has a knife</p><p onclick=x>and a dog</p>").text)


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_attack_is_on_the_page(attack: str) -> None:
    assert page(f"weeping {attack}").tags == page("weeping").tags


pieces = st.sampled_from(
    (*ATTACKS, "<p>", "</p>", "<", ">", "&lt;", "&gt;", "&amp;", "<!--", "-->", '"', "'", "=", "/")
)


@settings(deadline=None, max_examples=50)
@given(st.lists(pieces | st.text(max_size=8), max_size=8).map("".join))
def test_no_note_changes_what_the_page_is_made_of(note: str) -> None:
    assert page(f"weeping {note}").tags == page("weeping").tags
