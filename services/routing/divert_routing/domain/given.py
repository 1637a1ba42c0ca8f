"""What steps are given besides the call: directories, shifts and agencies, as they were learnt."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from pydantic import ValidationError

from divert_contracts.call import Team
from divert_contracts.facts.policies import AgencyCodes, AgencyRegistered, PolicyPublished
from divert_contracts.facts.shifts import ShiftChanged
from divert_contracts.policy import Versions
from divert_contracts.step import Rejected
from divert_contracts.vocabulary import PolicyKind
from divert_routing.domain.directory import Directory

NOTHING_PUBLISHED: Versions[Directory] = Versions()


@dataclass(frozen=True, slots=True)
class Given:
    """All that a step may look at apart from the call itself."""

    directories: Versions[Directory] = NOTHING_PUBLISHED
    shifts: Mapping[str, tuple[Team, ...]] = field(default_factory=dict[str, tuple[Team, ...]])
    """The teams on shift by provider; nothing is known of a provider that is absent."""
    agencies: frozenset[str] = frozenset()
    """Those whose hand-off and feedback topics exist."""
    codes: Mapping[str, AgencyCodes] = field(default_factory=dict[str, AgencyCodes])
    """How their CADs name where a call stands, by agency; nothing of one that named no codes."""

    def knows(self, provider: str) -> bool:
        """Say whether any version of the directory has such a provider."""
        return any(one.value.provider(provider) is not None for one in self.directories.known)


def policy_published(given: Given, fact: PolicyPublished) -> Given:
    """Know a further version of the directory.

    Raises:
        Rejected: the document does not fit, or may never come into force; what was known stays.
    """
    if fact.kind is not PolicyKind.ROUTING or fact.shadow:
        return given
    try:
        directory = Directory.model_validate(fact.document)
    except ValidationError as error:
        places = {".".join(map(str, one["loc"])) for one in error.errors(include_input=False, include_url=False)}
        raise Rejected(f"policy:routing:{','.join(sorted(places))}") from None
    return replace(given, directories=given.directories.published(fact, directory))


def shift_changed(given: Given, fact: ShiftChanged) -> Given:
    """Know who is on shift now."""
    return replace(given, shifts={**given.shifts, fact.provider: fact.teams})


def agency_registered(given: Given, fact: AgencyRegistered) -> Given:
    """Know a further agency, or the codes of one anew."""
    codes = {agency: known for agency, known in given.codes.items() if agency != fact.agency}
    if fact.codes is not None:
        codes[fact.agency] = fact.codes
    return replace(given, agencies=given.agencies | {fact.agency}, codes=codes)
