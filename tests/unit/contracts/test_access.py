"""No role may do more, or less, than was written down for it by hand."""

from divert_contracts.access import MAY, Role, Scope
from who_may import by_scope


def test_every_role_has_just_the_scopes_that_are_meant_for_it() -> None:
    meant = by_scope()
    assert {scope.value for scope in Scope} == meant.keys()
    coded = {scope.value: frozenset(role for role in Role if scope in MAY[role]) for scope in Scope}
    wrong = {scope: (sorted(coded[scope]), sorted(meant[scope])) for scope in meant if coded[scope] != meant[scope]}
    assert wrong == {}, "what the code lets, and what is meant"
