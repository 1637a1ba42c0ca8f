"""Generic values can be made with their type named, which frozen dataclasses with slots cannot on Python 3.11."""

from datetime import UTC, datetime
from uuid import UUID

from divert_contracts.envelope import Envelope
from divert_contracts.facts.policies import AgencyRegistered
from divert_contracts.policy import Versioned, Versions
from divert_contracts.step import Next, State

AT = datetime(2026, 11, 7, tzinfo=UTC)


def test_generic_values_can_be_made_with_their_type_named() -> None:
    fact = AgencyRegistered(occurred_at=AT, agency="lapd", title="LAPD")
    assert Envelope[AgencyRegistered](id=UUID(int=1), source="/x", fact=fact).fact is fact
    assert Next[State](State()).facts == ()
    assert Versions[int]().empty
    assert Versioned[int]("1", AT, 7).value == 7
