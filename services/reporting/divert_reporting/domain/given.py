"""What reporting has learnt beside the facts that it keeps: the divisions' outlines, where somebody imported them."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from pydantic import ValidationError

from divert_contracts.facts.policies import PolicyPublished
from divert_contracts.policy import Versions
from divert_contracts.step import Rejected
from divert_contracts.vocabulary import PolicyKind
from divert_reporting.domain.outlines import DivisionMap, Outline, outlines


@dataclass(frozen=True, slots=True)
class Given:
    """What reporting has learnt. No row and no figure depends on it."""

    maps: Versions[tuple[Outline, ...]] = field(default_factory=Versions[tuple[Outline, ...]])

    def outlines(self, at: datetime) -> Sequence[Outline]:
        """Return the divisions as the map then in force has them; none where nobody has imported one."""
        return () if self.maps.empty else self.maps.at(at).value


def policy_published(given: Given, fact: PolicyPublished) -> Given:
    """Learn a map of the divisions.

    Raises:
        Rejected: the document does not fit, or may never come into force; what was in force stays in force.
    """
    if fact.shadow or fact.kind is not PolicyKind.DIVISIONS:
        return given
    try:
        drawn = DivisionMap.model_validate(fact.document)
    except ValidationError as error:
        raise Rejected(f"policy:{error.error_count()}-errors") from None
    return replace(given, maps=given.maps.published(fact, outlines(drawn)))
