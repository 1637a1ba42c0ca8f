"""shifts.v1: who is on duty. Key: the provider."""

from divert_contracts.call import Team
from divert_contracts.facts.base import Fact
from divert_contracts.model import Model


class SignedOff(Model):
    """A team that went off duty."""

    team: str
    relief: str | None = None
    """The team that goes on in its place; null when nobody was named."""


class ShiftChanged(Fact):
    """The teams that a provider has on shift from now on; empty means that nobody is."""

    provider: str
    teams: tuple[Team, ...]
    signed_off: tuple[SignedOff, ...] = ()
    """Teams that went off duty with this change and named who relieves them."""

    @property
    def key(self) -> str:
        """The provider's id."""
        return self.provider
