"""Every fact's schema is in git as it is in code, and goes with every form that it ever had."""

import json
import subprocess
from collections.abc import Callable
from datetime import datetime
from itertools import combinations, permutations
from pathlib import Path
from typing import Any

import pytest
from jsoncompat import check_compat
from jsonschema import Draft202012Validator
from pydantic import JsonValue

from divert_contracts import schemas
from divert_contracts.facts.base import Fact
from divert_contracts.model import Model, Term
from divert_contracts.schemas import FOLDER, Schema, as_read, as_written
from divert_contracts.topics import FACTS

EXAMPLES = sorted((FOLDER / "examples").glob("*/*.json"))
ROOT = FOLDER.parents[2]


def test_the_schemas_in_git_are_those_of_the_code() -> None:
    assert schemas.stale() == {}, "run: python -m divert_contracts.schemas"


def test_a_change_of_the_code_would_be_noticed(tmp_path: Path) -> None:
    schemas.write(tmp_path)
    assert schemas.stale(tmp_path) == {}
    changed = tmp_path / "ClockSet.v1.json"
    changed.write_text(changed.read_text().replace('"number"', '"integer"'))
    (tmp_path / "Gone.v1.json").write_text("{}")
    (tmp_path / "history" / "ClockSet.v1" / "1.json").write_text("{}")
    assert {path.relative_to(tmp_path).as_posix() for path in schemas.stale(tmp_path)} == {
        "ClockSet.v1.json",
        "Gone.v1.json",
        "history/ClockSet.v1/2.json",
    }


@pytest.mark.parametrize("name", sorted(schemas.generated()))
def test_every_schema_is_a_json_schema_and_documents_the_fact(name: str) -> None:
    schema = json.loads((FOLDER / f"{name}.json").read_text())
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == schemas.DIALECT
    assert schema["description"]


# Compatibility: "full transitive" between all forms.


def incompatible(one: Schema, other: Schema) -> list[str]:
    """Say why what writers of one form write cannot be read by readers of the other; empty when it can."""
    reasons: list[str] = []
    if not check_compat(json.dumps(as_written(one)), json.dumps(as_read(other)), "deserializer"):
        reasons.append("not read")
    if changed := {place for place, kind in formats(one).items() if formats(other).get(place, kind) != kind}:
        reasons.append(f"formats changed: {sorted(changed)}")
    return reasons


def words_lost(earlier: Schema, later: Schema) -> set[tuple[str, str]]:
    """Return the words that a vocabulary no longer has: what was said with them would be read as unknown."""

    def words(schema: Schema) -> set[tuple[str, str]]:
        definitions: Any = schema.get("$defs", {})
        return {(name, word) for name, one in definitions.items() for word in one.get("enum", ())}

    return words(earlier) - words(later)


def formats(node: JsonValue, place: str = "") -> dict[str, str]:
    """Return the format of every place that has one; jsoncompat does not look at formats."""
    found: dict[str, str] = {}
    if isinstance(node, dict):
        if isinstance(node.get("type"), str) and "properties" not in node:
            found[place] = str(node.get("format"))
        for key, value in node.items():
            found |= formats(value, f"{place}/{key}")
    elif isinstance(node, list):
        for number, value in enumerate(node):
            found |= formats(value, f"{place}/{number}")
    return found


@pytest.mark.parametrize("name", sorted(schemas.generated()))
def test_all_forms_of_a_fact_can_read_each_other(name: str) -> None:
    forms = schemas.history(name)
    assert forms
    found = {
        f"{one} -> {other}": reasons
        for one, other in permutations(range(1, len(forms) + 1), 2)
        if (reasons := incompatible(forms[one - 1], forms[other - 1]))
    }
    assert found == {}
    assert incompatible(forms[-1], forms[-1]) == []
    assert [lost for earlier, later in combinations(forms, 2) if (lost := words_lost(earlier, later))] == []


class Colour(Term):
    RED = "red"
    BLUE = "blue"
    UNKNOWN = "unknown"


class Part(Model):
    count: int
    colour: Colour = Colour.UNKNOWN


class Ordered(Fact):
    number: int
    parts: tuple[Part, ...] = ()
    by_colour: dict[Colour, Part] = {}  # noqa: RUF012 (pydantic copies defaults)
    paid_at: datetime | None = None


def form(change: Callable[[dict[str, Any]], object] = lambda _: None) -> Schema:
    schema: dict[str, Any] = json.loads(json.dumps(Ordered.model_json_schema()))
    change(schema)
    return schema


def required(schema: dict[str, Any], name: str) -> None:
    schema["properties"][name] = {"type": "string"}
    schema["required"].append(name)


COMPATIBLE: dict[str, Callable[[dict[str, Any]], object]] = {
    "nothing": lambda _: None,
    "prose": lambda schema: schema.update(description="Other words."),
    "a new optional field": lambda schema: schema["properties"].update(note={"type": "string", "default": ""}),
    "a new optional field within": lambda schema: schema["$defs"]["Part"]["properties"].update(
        note={"type": "string", "default": ""}
    ),
}
INCOMPATIBLE: dict[str, Callable[[dict[str, Any]], object]] = {
    "a new required field": lambda schema: required(schema, "note"),
    "a new required field within": lambda schema: required(schema["$defs"]["Part"], "note"),
    "a required field gone": lambda schema: (schema["properties"].pop("number"), schema["required"].remove("number")),
    "a required field made optional": lambda schema: schema["required"].remove("number"),
    "another type": lambda schema: schema["properties"]["number"].update(type="string"),
    "a wider type": lambda schema: schema["properties"]["number"].update(type="number"),
    "another type within": lambda schema: schema["$defs"]["Part"]["properties"]["count"].update(type="string"),
    "other items": lambda schema: schema["properties"]["parts"].update(items={"type": "string"}),
    "other values": lambda schema: schema["properties"]["by_colour"].update(additionalProperties={"type": "string"}),
    "a new limit": lambda schema: schema["properties"]["number"].update(maximum=9),
    "another format": lambda schema: schema["properties"]["occurred_at"].update(format="date"),
    "a format gone": lambda schema: schema["properties"]["occurred_at"].pop("format"),
}


@pytest.mark.parametrize("change", COMPATIBLE)
def test_a_compatible_change_is_let_through(change: str) -> None:
    old, new = form(), form(COMPATIBLE[change])
    assert incompatible(old, new) == []
    assert incompatible(new, old) == []


@pytest.mark.parametrize("change", INCOMPATIBLE)
def test_an_incompatible_change_is_found(change: str) -> None:
    old, new = form(), form(INCOMPATIBLE[change])
    assert incompatible(old, new) or incompatible(new, old)


def test_words_may_be_added_but_not_taken_away() -> None:
    old = form()
    new = form(lambda schema: schema["$defs"]["Colour"]["enum"].append("green"))
    assert incompatible(old, new) == incompatible(new, old) == []
    assert words_lost(old, new) == set()
    assert words_lost(new, old) == {("Colour", "green")}
    assert Part.model_validate({"count": 1, "colour": "green"}).colour is Colour.UNKNOWN


# Examples


def test_every_fact_has_an_example() -> None:
    assert {path.parent.name for path in EXAMPLES} >= set(schemas.generated())


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_example_ever_published_still_parses(path: Path) -> None:
    text = path.read_text()
    schema = schemas.generated()[path.parent.name]
    Draft202012Validator(as_read(schema), format_checker=Draft202012Validator.FORMAT_CHECKER).validate(json.loads(text))
    fact = FACTS[f"divert.{path.parent.name}"].model_validate_json(text)
    again = json.loads(fact.model_dump_json(exclude_none=True))
    Draft202012Validator(as_written(schema)).validate(again)
    # Later versions may add defaults; nothing that was said is lost.
    assert holds(again, json.loads(text))


def holds(now: JsonValue, then: JsonValue) -> bool:
    """Say whether all that was said then is said now."""
    if isinstance(now, dict) and isinstance(then, dict):
        return all(name in now and holds(now[name], value) for name, value in then.items())
    if isinstance(now, list) and isinstance(then, list):
        return len(now) == len(then) and all(map(holds, now, then))
    return now == then


def test_no_private_word_is_in_what_is_kept_for_ever() -> None:
    for path in EXAMPLES:
        fact = FACTS[f"divert.{path.parent.name}"].model_validate_json(path.read_text())
        kept = fact.without_private().model_dump_json(exclude_none=True)
        for word in ("Caller says", "Example Ave", "Ana Sample", "+1213", "small dog"):
            assert word not in kept, path


def git(root: Path, *arguments: str) -> list[str]:
    identity = ("-c", "user.name=test", "-c", "user.email=test@example.invalid")
    done = subprocess.run(
        ["git", "-C", str(root), *identity, *arguments],  # noqa: S607 (whichever git there is)
        capture_output=True,
        text=True,
        check=True,
    )
    return [line for line in done.stdout.splitlines() if line]


def changed_after_publishing(root: Path, *folders: str) -> list[str]:
    """Return the files that the main line or the working tree has changed or deleted instead of adding another.

    On a branch that is not merged nothing is published yet.
    """
    options = ("--diff-filter=DMRT", "--no-renames", "--name-only")
    committed = git(root, "log", "--first-parent", "--diff-merges=first-parent", *options, "--format=", "--", *folders)
    return sorted({*committed, *git(root, "diff", "HEAD", *options, "--", *folders)})


def test_published_examples_and_forms_are_only_ever_added_to() -> None:
    try:
        git(ROOT, "rev-parse", "HEAD")
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout with commits")
    within = FOLDER.relative_to(ROOT).as_posix()
    assert changed_after_publishing(ROOT, f"{within}/examples", f"{within}/history") == []


def test_a_published_file_that_was_changed_or_deleted_is_found(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    folder = tmp_path / "examples"
    folder.mkdir()
    for name in ("kept", "edited", "deleted", "edited-now"):
        (folder / name).write_text("1")
    (tmp_path / "other").write_text("1")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "-m", "one")
    (folder / "added").write_text("1")
    (tmp_path / "other").write_text("2")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "-m", "two")
    assert changed_after_publishing(tmp_path, "examples") == []
    (folder / "edited").write_text("2")
    (folder / "deleted").unlink()
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "-m", "three")
    (folder / "edited-now").write_text("2")
    assert changed_after_publishing(tmp_path, "examples") == [
        "examples/deleted",
        "examples/edited",
        "examples/edited-now",
    ]


def test_a_branch_may_mend_what_it_adds_but_its_merge_may_change_nothing_published(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    folder = tmp_path / "examples"
    folder.mkdir()
    (folder / "kept").write_text("1")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "-m", "one")
    for name, contents in (("added", ("draft", "mended")), ("kept", ("2",))):
        git(tmp_path, "switch", "--quiet", "--create", f"to-{name}")
        for content in contents:
            (folder / name).write_text(content)
            git(tmp_path, "add", ".")
            git(tmp_path, "commit", "--quiet", "-m", content)
        git(tmp_path, "switch", "--quiet", "main")
        git(tmp_path, "merge", "--quiet", "--no-ff", "-m", name, f"to-{name}")
        assert changed_after_publishing(tmp_path, "examples") == ([] if name == "added" else ["examples/kept"])
