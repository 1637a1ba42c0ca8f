"""A policy as a file: read, and checked so that each mistake is named with file, line and field."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeAlias, cast

import yaml
from pydantic import JsonValue, ValidationError

from divert_cli.errors import StackError
from divert_contracts.policy import digest
from divert_contracts.vocabulary import PolicyKind
from divert_intake.domain.divisions import DivisionMap
from divert_routing.domain.directory import Directory
from divert_triage.domain.policy import TriagePolicy

Document: TypeAlias = dict[str, JsonValue]
Place: TypeAlias = Sequence[int | str]

MODELS: Mapping[PolicyKind, Callable[[Document], TriagePolicy | Directory | DivisionMap]] = {
    PolicyKind.TRIAGE: TriagePolicy.model_validate,
    PolicyKind.ROUTING: Directory.model_validate,
    PolicyKind.DIVISIONS: DivisionMap.model_validate,
}


class PolicyFileError(StackError):
    """A policy file cannot be used; the message has a line for each mistake, with file, line and field."""


class _Loader(yaml.SafeLoader):
    """Reads times as the text that they are written as: the document is published as JSON, which has no times."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@dataclass(frozen=True, slots=True)
class PolicyFile:
    """A policy that was read; whether its rules are valid is for ``checked`` to say."""

    path: Path
    kind: PolicyKind
    version: str
    in_force_from: datetime | None
    """From when on it may be in force, where the file says it."""
    document: Document
    digest: str
    """SHA-256 of the canonical document."""
    parts: Mapping[str, "Part"]
    """The files that it consists of, by the member of the document that each is; its own has the empty name."""


@dataclass(frozen=True, slots=True)
class Part:
    """A file with the lines of what it holds."""

    path: Path
    root: yaml.Node


INCLUDED = ("lexicon",)
"""Members that may stand in a file of their own beside the policy's, named in their place."""


def read(path: Path, kind: PolicyKind | None = None) -> PolicyFile:
    """Read a file, without looking at its rules.

    Args:
        path: YAML or JSON.
        kind: what it decides; as it says itself when left out.

    Raises:
        PolicyFileError: it is missing, no YAML mapping, has a name twice, no kind or version, or what JSON cannot hold.
    """
    mapping, own = _loaded(path)
    parts = {"": own}
    for member in INCLUDED:
        named = mapping.get(member)
        if isinstance(named, str):
            mapping[member], parts[member] = _loaded(path.parent / named)
    root = own.root
    version = mapping.get("version")
    if not isinstance(version, str) or not version:
        line = _line(root, ("version",))
        raise PolicyFileError(f"{path}:{line}: version: must be text (put it in quotes)")
    try:
        document_digest = digest(mapping)
    except (TypeError, ValueError) as error:
        raise PolicyFileError(f"{path} holds what JSON cannot: {error}") from error
    return PolicyFile(
        path=path,
        kind=kind or _kind(mapping, path, root),
        version=version,
        in_force_from=_date(mapping, path, root),
        document=mapping,
        digest=document_digest,
        parts=parts,
    )


def checked(file: PolicyFile) -> TriagePolicy | Directory | DivisionMap:
    """Return the policy of a file whose rules are valid.

    Raises:
        PolicyFileError: they are not: a line for each mistake.
    """
    try:
        return MODELS[file.kind](file.document)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False)
        lines = sorted({_problem(file, problem["loc"], problem["msg"]) for problem in problems})
        raise PolicyFileError("\n".join(text for _, _, text in lines)) from None


def triage_policy(path: Path) -> TriagePolicy:
    """Read and check a triage policy.

    Raises:
        PolicyFileError: it is none, or not valid.
    """
    policy = checked(read(path))
    if not isinstance(policy, TriagePolicy):
        raise PolicyFileError(f"{path} is no triage policy")
    return policy


def _loaded(path: Path) -> tuple[Document, Part]:
    """Return what a YAML file holds, and its lines."""
    try:
        text = path.read_text(encoding="utf-8")
        root = yaml.compose(text, _Loader)
        document = cast("object", yaml.load(text, _Loader))  # noqa: S506  # a safe one
    except FileNotFoundError:
        raise PolicyFileError(f"{path} is missing") from None
    except yaml.MarkedYAMLError as error:
        line = 1 if error.problem_mark is None else error.problem_mark.line + 1
        raise PolicyFileError(f"{path}:{line}: not YAML: {error.problem}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise PolicyFileError(f"{path}: not YAML: {error}") from error
    if not isinstance(document, dict) or root is None:
        raise PolicyFileError(f"{path}: a mapping is wanted at the top")
    twice = [f"{path}:{line}: '{name}' stands there twice" for line, name in _repeated(root)]
    if twice:
        raise PolicyFileError("\n".join(twice))
    return cast("Document", document), Part(path, root)


def _problem(file: PolicyFile, place: Place, message: str) -> tuple[str, int, str]:
    message = message.removeprefix("Value error, ")
    part, within = file.parts[""], place
    if place and place[0] in file.parts:
        part, within = file.parts[str(place[0])], place[1:]
    line = _line(part.root, within) if place else _mentioned(part.root, message)
    field = ".".join(map(str, place)) or "the whole document"
    return str(part.path), line, f"{part.path}:{line}: {field}: {message}"


def _line(node: yaml.Node, place: Place) -> int:
    """Return the line of a place, or of what holds it where it is not there; counted from 1."""
    line = node.start_mark.line + 1
    for part in place:
        if isinstance(node, yaml.MappingNode):
            found = next(((key, value) for key, value in _members(node) if key.value == str(part)), None)
            if found is None:
                break
            line, node = found[0].start_mark.line + 1, found[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            elements = cast("list[yaml.Node]", node.value)
            if part >= len(elements):
                break
            node = elements[part]
            line = node.start_mark.line + 1
        else:
            break
    return line


def _mentioned(root: yaml.Node, message: str) -> int:
    """Return the last line on which one of the names stands that a message ends with; 1 where none does."""
    names = {name.strip() for name in message.rpartition(":")[2].split(",")}
    return max((line for line, text in _scalars(root) if text in names), default=1)


def _scalars(node: yaml.Node) -> Iterator[tuple[int, str]]:
    if isinstance(node, yaml.ScalarNode):
        yield node.start_mark.line + 1, str(node.value)
    elif isinstance(node, yaml.MappingNode):
        for _, value in _members(node):
            yield from _scalars(value)
    elif isinstance(node, yaml.SequenceNode):
        for element in cast("list[yaml.Node]", node.value):
            yield from _scalars(element)


def _repeated(node: yaml.Node) -> Iterator[tuple[int, str]]:
    """Yield line and name of each member that stands in its mapping a second time: YAML would let the last one win."""
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in _members(node):
            name = str(key.value)
            if name in seen:
                yield key.start_mark.line + 1, name
            seen.add(name)
            yield from _repeated(value)
    elif isinstance(node, yaml.SequenceNode):
        for element in cast("list[yaml.Node]", node.value):
            yield from _repeated(element)


def _members(node: yaml.MappingNode) -> list[tuple[yaml.Node, yaml.Node]]:
    return cast("list[tuple[yaml.Node, yaml.Node]]", node.value)


def _kind(document: Document, path: Path, root: yaml.Node) -> PolicyKind:
    kind = document.get("kind")
    if kind not in {one.value for one in MODELS}:
        wanted = " or ".join(sorted(MODELS))
        raise PolicyFileError(f"{path}:{_line(root, ('kind',))}: kind: must be {wanted}")
    return PolicyKind(str(kind))


def _date(document: Document, path: Path, root: yaml.Node) -> datetime | None:
    given = document.get("in_force_from")
    if given is None:
        return None
    place = f"{path}:{_line(root, ('in_force_from',))}: in_force_from"
    try:
        time = datetime.fromisoformat(str(given))
    except ValueError:
        raise PolicyFileError(f"{place}: is no time: {given}") from None
    if time.tzinfo is None:
        raise PolicyFileError(f"{place}: needs a time zone, such as 2026-01-01T00:00:00-08:00")
    return time
