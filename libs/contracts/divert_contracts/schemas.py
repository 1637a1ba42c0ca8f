"""The JSON Schema (2020-12) of every fact, in git beside the code, with every form that it ever had.

``python -m divert_contracts.schemas`` writes what has changed, ``--check`` only says whether something has. A schema
tells what divert writes. Readers ignore members that they do not know, and read a word that is not in an ``enum`` as
``unknown``: so both may be added. ``as_written`` and ``as_read`` are these two sides of a schema; a change is
compatible when every form ever written is read now, and what is written now is read by the readers of every form.

Layout of ``schemas/``, beside the package:

- ``<Type>.v<N>.json``: the schema now; ``asyncapi.json``: all topics, with references to the schemas.
- ``history/<Type>.v<N>/<n>.json``: each form, oldest first, without its prose; files are added, never changed.
- ``examples/<Type>.v<N>/<name>.json``: values as they stand on a topic; files are added, never changed.
"""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from pydantic import JsonValue

from divert_contracts import asyncapi
from divert_contracts.topics import FACTS

FOLDER = Path(__file__).parents[1] / "schemas"
DIALECT = "https://json-schema.org/draft/2020-12/schema"

Schema = dict[str, JsonValue]

_PROSE = frozenset({"$schema", "$id", "title", "description", "examples"})
_NAMED = frozenset({"properties", "$defs", "patternProperties"})


def name_of(fact_type: str) -> str:
    """Return the name of a fact's files: ``CallReceived.v1`` for ``divert.CallReceived.v1``."""
    return fact_type.removeprefix("divert.")


def generated() -> dict[str, Schema]:
    """Return the schema of every fact by the name of its files, sorted throughout."""
    return {name_of(fact_type): _schema(fact_type) for fact_type in sorted(FACTS)}


def as_written(schema: Schema) -> Schema:
    """Return the schema of what a writer writes: nothing but what is declared."""

    def closed(node: Schema) -> Schema:
        return {**node, "additionalProperties": False} if "properties" in node else node

    return _mapped(_bare(schema), closed)


def as_read(schema: Schema) -> Schema:
    """Return the schema of what a reader takes: further members, and any word where a word is expected."""

    def opened(node: Schema) -> Schema:
        return {key: value for key, value in node.items() if key not in ("enum", "const", "propertyNames")}

    return _mapped(_bare(schema), opened)


def history(name: str, folder: Path = FOLDER) -> list[Schema]:
    """Return every form that the schema of these files ever had, oldest first."""
    paths = sorted((folder / "history" / name).glob("*.json"), key=lambda path: int(path.stem))
    return [json.loads(path.read_text()) for path in paths]


def stale(folder: Path = FOLDER) -> dict[Path, str | None]:
    """Return the files that are not as they should be, with what they should hold; null for one too many."""
    wanted: dict[Path, str | None] = dict.fromkeys(folder.glob("*.json"))
    wanted[folder / "asyncapi.json"] = _text(asyncapi.document())
    for name, schema in generated().items():
        wanted[folder / f"{name}.json"] = _text(schema)
        forms = history(name, folder)
        if not forms or forms[-1] != _bare(schema):
            wanted[folder / "history" / name / f"{len(forms) + 1}.json"] = _text(_bare(schema))
    return {path: text for path, text in wanted.items() if text != (path.read_text() if path.exists() else None)}


def write(folder: Path = FOLDER) -> list[Path]:
    """Bring the files up to date and return those that have changed."""
    changed = stale(folder)
    for path, text in changed.items():
        if text is None:
            path.unlink()
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    return sorted(changed)


def main(arguments: Sequence[str]) -> int:
    """Write the files, or with ``--check`` only look; name what has changed."""
    checking = "--check" in arguments
    changed = sorted(stale()) if checking else write()
    for path in changed:
        sys.stdout.write(f"{path.relative_to(FOLDER)}\n")
    return 1 if checking and changed else 0


def _schema(fact_type: str) -> Schema:
    schema: Schema = FACTS[fact_type].model_json_schema()
    return _sorted({"$schema": DIALECT, "$id": f"urn:divert:schema:{name_of(fact_type)}", **schema})


def _text(schema: Schema) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _sorted(schema: Schema) -> Schema:
    """Sort members by name, and lists where their order means nothing."""

    def ordered(node: Schema) -> Schema:
        required = node.get("required")
        if isinstance(required, list):
            node = {**node, "required": sorted(required, key=str)}
        return dict(sorted(node.items()))

    return _mapped(schema, ordered)


def _bare(schema: Schema) -> Schema:
    """Leave out what has no part in validation."""
    return _mapped(schema, lambda node: {key: value for key, value in node.items() if key not in _PROSE})


def _mapped(node: Schema, change: Callable[[Schema], Schema]) -> Schema:
    """Change a schema and every schema within it, the innermost first."""
    return change(dict(_members(node, change)))


def _members(node: Schema, change: Callable[[Schema], Schema]) -> Iterator[tuple[str, JsonValue]]:
    for key, value in node.items():
        if key in _NAMED and isinstance(value, dict):
            # The keys of these are names, and may be any word.
            named = {name: _mapped(one, change) if isinstance(one, dict) else one for name, one in value.items()}
            yield key, dict(sorted(named.items()))
        elif key in ("default", "enum", "const", "examples"):
            yield key, value
        elif isinstance(value, dict):
            yield key, _mapped(value, change)
        elif isinstance(value, list):
            yield key, [_mapped(one, change) if isinstance(one, dict) else one for one in value]
        else:
            yield key, value


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
