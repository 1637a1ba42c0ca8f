"""What one agency says of another's call changes nothing of it."""

from unit.routing.lives import accepted, cancelled, closed_by_cad, going, received, responder


def test_what_another_agency_says_of_a_call_changes_nothing() -> None:
    life = going()
    before = life.call
    for own in (received(2, call_type="211"), cancelled(), closed_by_cad(), responder(), accepted(before.call_id)):
        life.forget_facts().hear(own.model_copy(update={"agency": "another"}))
        assert life.facts == []
        assert life.call == before
