"""What a check found: that it is well, what is wrong in plain words, or that it could not be looked at."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    part: str
    """Which side: ``receiver``, ``intake`` or ``cad``."""
    what: str
    """What is expected, as a sentence about that side."""
    wrong: str | None = None
    """What is wrong, and what to do; null when it is as expected."""
    looked_at: bool = True


@dataclass(slots=True)
class Findings:
    """All that was looked at on one side, in order."""

    part: str
    found: list[Finding] = field(default_factory=list[Finding])

    def expect(self, what: str, wrong: str | None) -> None:
        """Note what was looked at."""
        self.found.append(Finding(self.part, what, wrong))

    def leave(self, what: str, why: str) -> None:
        """Note what could not be looked at, and why."""
        self.found.append(Finding(self.part, what, why, looked_at=False))

    @property
    def wrong(self) -> list[Finding]:
        """What is not as expected."""
        return [one for one in self.found if one.looked_at and one.wrong is not None]
