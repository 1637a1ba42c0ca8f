"""A seal: what the tables of a period were, and how far of the log they were made from."""

from pydantic import AwareDatetime

from divert_contracts.model import Model


class Seal(Model):
    """Published with a report; anybody with the tables, or with the log, can check it."""

    since: AwareDatetime
    """The period's beginning; the rows of calls that were accepted in it are sealed."""
    until: AwareDatetime
    """Its end."""
    tables: dict[str, str]
    """Table to SHA-256 of its rows in the period, in hexadecimal; the canonical text is described in the dictionary."""
    log: dict[str, int]
    """Topic and partition, such as ``routing.v1/3``, to the offset before which everything was handled."""
    figures: str
    """SHA-256 of every figure of the period, in hexadecimal."""

    def differs_from(self, other: "Seal") -> tuple[str, ...]:
        """Return what is not equal in another seal of the same period, the log's positions aside."""
        found = [name for name in sorted(self.tables | other.tables) if self.tables.get(name) != other.tables.get(name)]
        if self.figures != other.figures:
            found.append("figures")
        return tuple(found)

    @property
    def mark(self) -> str:
        """A short name of the seal, for people: the first 16 digits of the figures' SHA-256."""
        return self.figures[:16]
