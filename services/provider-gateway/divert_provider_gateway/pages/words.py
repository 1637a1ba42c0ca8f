"""The portal's words in each language: one catalogue a language, with the same keys."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from divert_contracts.model import Term

FOLDER = Path(__file__).parent / "words"


class Words:
    """The words of one language, by ``section.key``."""

    def __init__(self, language: str, entries: Mapping[str, str]) -> None:
        """Keep the catalogue of a language, which is named by its BCP 47 tag."""
        self.language = language
        self.entries = entries

    def __call__(self, key: str | Term, *parts: str | Term, **values: object) -> str:
        """Return the words of a key, given whole or as section and word, with values filled in.

        Raises:
            KeyError: the catalogue has no such words.
        """
        return self.entries[_joined(key, *parts)].format_map(values)

    def raw(self, key: str) -> str:
        """Return the words of a key with the places of its values left open, for a script to fill in."""
        return self.entries[key]

    def has(self, key: str | Term, *parts: str | Term) -> bool:
        """Say whether there are words of a key."""
        return _joined(key, *parts) in self.entries


def _joined(*parts: str | Term) -> str:
    return ".".join(part.value if isinstance(part, Term) else part for part in parts)


def read(folder: Path = FOLDER) -> dict[str, Words]:
    """Return every catalogue of a folder by its language."""
    return {path.stem: Words(path.stem, dict(_flat(tomllib.loads(path.read_text())))) for path in folder.glob("*.toml")}


def _flat(document: Mapping[str, object]) -> list[tuple[str, str]]:
    sections = cast("Mapping[str, Mapping[str, str]]", document)
    return [(f"{section}.{key}", text) for section, words in sections.items() for key, text in words.items()]


def chosen(catalogues: Mapping[str, Words], cookie: str | None, accepts: str) -> Words:
    """Return the language that was chosen on the device, else the first that its browser accepts, else English.

    Args:
        catalogues: by language.
        cookie: the language that was chosen, if one was.
        accepts: the header ``Accept-Language``, whose order is taken for its preference.
    """
    wanted = [cookie or "", *(part.partition(";")[0].strip().partition("-")[0] for part in accepts.lower().split(","))]
    return next((catalogues[one] for one in wanted if one in catalogues), catalogues["en"])
