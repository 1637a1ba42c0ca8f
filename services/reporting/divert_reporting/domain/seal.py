"""A seal: what the tables of a period were, and how far of the log they were made from."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Self

from pydantic import AwareDatetime

from divert_contracts.model import Model


class Seal(Model):
    """Published with a report; anybody with the tables, or with the log, can check it."""

    since: AwareDatetime
    """The period's beginning; the rows of calls that were accepted in it are sealed. In UTC."""
    until: AwareDatetime
    """Its end."""
    agency: str | None = None
    """The agency whose calls are sealed; null for everybody's. Changes of shift are always everybody's."""
    tables: dict[str, str]
    """Table to SHA-256 of its rows in the period, in hexadecimal; the canonical text is described in the dictionary."""
    log: dict[str, int]
    """Topic and partition, such as ``routing.v1/3``, to the offset before which everything was handled."""
    figures: str
    """SHA-256 of every figure of the period, in hexadecimal."""
    whole: str = ""
    """SHA-256, in hexadecimal, of all the above as this class writes it: JSON in this order, without spaces."""

    @classmethod
    def of(
        cls,
        *,
        since: datetime,
        until: datetime,
        agency: str | None,
        tables: Mapping[str, str],
        log: Mapping[str, int],
        figures: str,
    ) -> Self:
        """Seal what is given."""
        made = cls(
            since=since.astimezone(UTC),
            until=until.astimezone(UTC),
            agency=agency,
            tables=dict(sorted(tables.items())),
            log=dict(sorted(log.items())),
            figures=figures,
        )
        return made.model_copy(update={"whole": made.hashed()})

    def hashed(self) -> str:
        """Return the hash of what it says, whatever hash it names itself."""
        return hashlib.sha256(self.model_dump_json(exclude={"whole"}).encode()).hexdigest()

    @property
    def intact(self) -> bool:
        """Whether it says what it said when it was made; where the log stood is checked by nothing else."""
        return self.whole == self.hashed()

    def differs_from(self, tables: Mapping[str, str], figures: str) -> tuple[str, ...]:
        """Return what is not equal to tables and figures of the same period and agency."""
        found = [name for name in sorted(self.tables.keys() | tables) if self.tables.get(name) != tables.get(name)]
        if self.figures != figures:
            found.append("figures")
        return tuple(found)

    @property
    def mark(self) -> str:
        """A short name of the seal, for people: the first 16 digits of its SHA-256."""
        return self.whole[:16]
