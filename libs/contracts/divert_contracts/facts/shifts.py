"""shifts.v1: who is on duty. Key: the provider."""

from divert_contracts.call import Team
from divert_contracts.facts.base import Fact


class ShiftChanged(Fact):
    """The teams that a provider has on shift from now on; empty means that nobody is."""

    provider: str
    teams: tuple[Team, ...]

    @property
    def key(self) -> str:
        """The provider's id."""
        return self.provider
