"""Erasing a call's private words before their time. What was decided and counted stays."""

from datetime import datetime
from uuid import UUID

from divert_contracts.facts.routing import CaseErased, PrivateErased
from divert_contracts.model import Model
from divert_contracts.step import Command, Next
from divert_routing.domain import rereviews
from divert_routing.domain.call import Call
from divert_routing.domain.given import Given
from divert_routing.domain.turn import Turn

NOT_FOUND = 404


class Erase(Command):
    """Somebody asks that a call's private words are forgotten now."""

    call_id: UUID
    by: str

    @property
    def key(self) -> str:
        """The call's id."""
        return str(self.call_id)


class Erased(Model):
    """That a call's private words are gone here, and who was told to erase theirs."""

    call_id: UUID
    agency: str
    erased_at: datetime
    providers: tuple[str, ...]
    """Whoever was ever offered the call."""


def forget(call: Call) -> None:
    """Let the private part go, and what was kept to know its words again."""
    call.private = None
    if call.reviewed is not None:
        signs = tuple(dict.fromkeys(one.without_words for one in call.reviewed.signs))
        call.reviewed = call.reviewed.model_copy(update={"signs": signs})
    rereviews.drop(call)


def erased(call: Call, command: Erase, given: Given, at: datetime) -> Next[Call]:
    """Erase the private words of a call that is over, and have every provider that was offered it erase them.

    From then on none are taken in again, however they come. Said twice, it is done once.
    """
    turn = Turn(call, given, at)
    now = turn.call
    if now.revision is None:
        return turn.refuse("unknown-call", "No picture of such a call has come yet.", NOT_FOUND)
    if not now.concluded:
        return turn.refuse("still-open", "This call is still open: whoever is sent there needs its words.")
    if now.promises:
        detail = "A hand-off, a call for assistance or a recall of this call is still open: its words are needed."
        return turn.refuse("still-open", detail)
    if now.erased_at is None:
        now.erased_at = now.forget_at = at
        forget(now)
        turn.say(PrivateErased(**turn.head, by=command.by))
        for case_id, provider in now.offered.items():
            turn.say(CaseErased(**turn.head, case_id=case_id, provider=provider))
    return turn.done(
        Erased(
            call_id=now.call_id,
            agency=now.agency,
            erased_at=now.erased_at,
            providers=tuple(dict.fromkeys(now.offered.values())),
        )
    )
