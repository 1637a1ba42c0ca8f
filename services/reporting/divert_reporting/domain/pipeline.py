"""How the services are, as the board tells it. Pure: what each of them said, and since when it has been so."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from divert_reporting.domain.strips import Alarm, AlarmKind

MOST_BEHIND = 1_000
"""Records; a service that is further behind than that is late for every call."""
GATEWAY = "provider-gateway-"


@dataclass(frozen=True, slots=True)
class Health:
    """What a service said of itself."""

    name: str
    answers: bool
    wrong: tuple[str, ...] = ()
    """The checks that it does not pass."""
    lag: int = 0
    """Records that it has not read yet."""
    dead_letters: int = 0
    """Records that it could not handle since it was started."""
    gone: bool = False
    """Whether the server that it sends webhooks to has answered that it takes no more."""

    @property
    def well(self) -> bool:
        """Say whether nothing is the matter."""
        return self.answers and not self.wrong and self.lag <= MOST_BEHIND and not self.dead_letters and not self.gone

    @property
    def provider(self) -> str | None:
        """The provider whose gateway it is."""
        return self.name.removeprefix(GATEWAY) if self.name.startswith(GATEWAY) else None


def troubles(services: Iterable[Health]) -> Mapping[str, tuple[AlarmKind, str]]:
    """Return what is the matter by what it is called: the alarm's kind, and which provider or service."""
    found: dict[str, tuple[AlarmKind, str]] = {}
    for one in services:
        if not one.answers or one.wrong or one.lag > MOST_BEHIND:
            if one.provider is None:
                found[f"lag-{one.name}"] = (AlarmKind.STAGE_LAG, one.name)
            else:
                found[f"down-{one.provider}"] = (AlarmKind.PROVIDER_DOWN, one.provider)
        if one.dead_letters:
            found[f"dead-{one.name}-{one.dead_letters}"] = (AlarmKind.DEAD_LETTER, one.name)
        if one.gone:
            found[f"gone-{one.name}"] = (AlarmKind.WEBHOOK_GONE, one.name)
    return found


def turned(
    now: Mapping[str, tuple[AlarmKind, str]], standing: Iterable[str], suspected: Collection[str], at: datetime
) -> tuple[Sequence[Alarm], Sequence[str]]:
    """Return the alarms that begin, and the ids of those that are over.

    Args:
        now: what is the matter, by what it is called.
        standing: the ids of the alarms that are open; each begins with what it is called.
        suspected: what was the matter at the look before; what is seen for the first time may be a hiccup.
        at: when was looked.
    """
    known = {one.partition("@")[0]: one for one in standing}
    begun = [
        Alarm(id=f"{name}@{at.isoformat(timespec='milliseconds')}", kind=kind, about=about, raised_at=at)
        for name, (kind, about) in sorted(now.items())
        if name in suspected and name not in known
    ]
    return begun, [alarm for name, alarm in known.items() if name not in now]
