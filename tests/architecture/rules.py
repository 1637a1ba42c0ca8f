"""Rules of the code that no linter knows. Each looks at a tree of sources and returns what breaks it."""

import ast
import io
import re
import tokenize
from collections.abc import Callable, Iterator
from pathlib import Path

from divert_chassis.logs import KEYS

Rule = Callable[[Path], list[str]]

SHAPE = {
    "__init__.py",
    "__main__.py",
    "adapters",
    "adapters.py",
    "api.py",
    "app.py",
    "domain",
    "domain.py",
    "figures",
    "pages",
    "py.typed",
    "settings.py",
}
"""What a service consists of."""
LEVELS = {"debug", "info", "warning", "error", "exception", "critical", "log"}
MARKS = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|type:\s*ignore|pyright:\s*ignore(?!\[)")
IMPURE = {
    ("datetime", "now"),
    ("datetime", "today"),
    ("datetime", "utcnow"),
    ("date", "today"),
    ("os", "environ"),
    ("time", "monotonic"),
    ("time", "time"),
    ("uuid", "uuid4"),
}
SQL = re.compile(
    r"\s*(select|insert into|update|delete from|create table|with)\b.*\b(from|into|set|values|table|as \()\b.*",
    re.IGNORECASE | re.DOTALL,
)


def only_known_keys_are_logged(root: Path) -> list[str]:
    """Log calls have a constant event and constant keys that may be shown."""
    found: list[str] = []
    for path, call in _calls(root, "libs", "services"):
        match call.func:
            case ast.Attribute(value=ast.Name(id="log" | "_log" | "logger"), attr=level) if level in LEVELS:
                if not (call.args and isinstance(call.args[0], ast.Constant)) or len(call.args) > 1:
                    found.append(_at(root, path, call, "an event that is not constant"))
                for keyword in call.keywords:
                    if keyword.arg not in KEYS | {"exc_info"}:
                        found.append(_at(root, path, call, f"the key {keyword.arg}"))
                    elif _put_together(keyword.value) and keyword.arg != "reason":
                        found.append(_at(root, path, call, f"a value put together for {keyword.arg}"))
            case ast.Attribute(value=ast.Name(id="logging"), attr="getLogger" | "info" | "warning" | "error"):
                if path.name != "logs.py":
                    found.append(_at(root, path, call, "the standard library's logger"))
            case _:
                pass
    return found


def no_message_is_lost_by_acknowledging(root: Path) -> list[str]:
    """Every subscriber is a batch one with NACK_ON_ERROR, and what loses or misplaces messages is not used."""
    found: list[str] = []
    for path, node in _nodes(root, "libs", "services"):
        match node:
            case ast.Attribute(value=ast.Name(id="AckPolicy"), attr=policy) if policy != "NACK_ON_ERROR":
                found.append(_at(root, path, node, f"AckPolicy.{policy}"))
            case ast.Attribute(attr="publish_batch" | "publisher") if _on_broker(node):
                found.append(_at(root, path, node, node.attr))
            case ast.Call(func=ast.Attribute(attr="subscriber")):
                given = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
                if given.get("ack_policy") != "AckPolicy.NACK_ON_ERROR":
                    found.append(_at(root, path, node, "a subscriber without AckPolicy.NACK_ON_ERROR"))
                if given.get("batch") != "True":
                    found.append(_at(root, path, node, "a subscriber that takes one message at a time"))
                if "max_workers" in given:
                    found.append(_at(root, path, node, "max_workers"))
            case _:
                pass
    return found


def nothing_is_left_undone(root: Path) -> list[str]:
    """No stub, no mark of unfinished work, no type error silenced without its name, no error swallowed whole."""
    found: list[str] = []
    for path, node in _nodes(root, "libs", "services", "cli", "sim", "bench", "tools/provider-sim"):
        match node:
            case ast.Name(id="NotImplementedError" | "NotImplemented"):
                found.append(_at(root, path, node, node.id))
            case ast.ExceptHandler(type=None):
                found.append(_at(root, path, node, "an except for everything"))
            case ast.ExceptHandler(type=ast.Name(id="Exception" | "BaseException"), body=[ast.Pass()]):
                found.append(_at(root, path, node, "a swallowed error"))
            case ast.Call(func=ast.Name(id="suppress") | ast.Attribute(attr="suppress"), args=args):
                if any(isinstance(one, ast.Name) and one.id in ("Exception", "BaseException") for one in args):
                    found.append(_at(root, path, node, "a swallowed error"))
            case _:
                pass
    for path in _sources(root, "libs", "services", "cli", "sim", "bench", "tools/provider-sim", "tests"):
        found += _marks(root, path)
    return found


def _marks(root: Path, path: Path) -> list[str]:
    tokens = tokenize.generate_tokens(io.StringIO(path.read_text()).readline)
    return [
        f"{path.relative_to(root)}:{token.start[0]}: {mark.group()}"
        for token in tokens
        if token.type == tokenize.COMMENT and (mark := MARKS.search(token.string))
    ]


def what_is_decided_depends_on_no_clock(root: Path) -> list[str]:
    """Contracts and services read no clock and no environment, and make up no ids: that is the chassis' work."""
    found: list[str] = []
    for path, node in _nodes(root, "libs/contracts", "services"):
        match node:
            case ast.Attribute(value=ast.Name(id="time"), attr="monotonic") if path.name == "adapters.py":
                # How long a driver did not answer is no domain time.
                continue
            case ast.Attribute(value=ast.Name(id=owner), attr=name) if (owner, name) in IMPURE:
                found.append(_at(root, path, node, f"{owner}.{name}"))
            case ast.ImportFrom(module=module, names=names):
                names_of = (f"{module}.{one.name}" for one in names if (module, one.name) in IMPURE)
                found.extend(_at(root, path, node, name) for name in names_of)
            case _:
                pass
    return found


def only_adapters_speak_sql(root: Path) -> list[str]:
    """Of a service's files only ``adapters.py``, or those in ``adapters``, hold SQL."""
    return [
        _at(root, path, node, "SQL")
        for path, node in _nodes(root, "services")
        if path.name != "adapters.py"
        and path.parent.name != "adapters"
        and isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and SQL.fullmatch(node.value)
        and not _is_document(node)
    ]


def services_have_the_same_files(root: Path) -> list[str]:
    """A service has the files that every service may have, and no others."""
    return [
        f"{entry.relative_to(root)}"
        for package in sorted((root / "services").glob("*/divert_*"))
        for entry in sorted(package.iterdir())
        if entry.name not in SHAPE | {"__pycache__"}
    ]


def every_metric_is_counted(root: Path) -> list[str]:
    """What is in the list of metrics is set by some code."""
    listed: dict[str, str] = {}
    used: set[str] = set()
    for path, node in _nodes(root, "libs/chassis", "services"):
        if path.name == "metrics.py":
            match node:
                case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call(func=ast.Name(id=made))):
                    if made in ("_counter", "_gauge", "_histogram"):
                        listed[name] = _at(root, path, node, f"{name} is never set")
                case _:
                    pass
        else:
            match node:
                case ast.Attribute(value=ast.Name(id="metrics"), attr=name) | ast.Name(id=name):
                    used.add(name)
                case _:
                    pass
    return [place for name, place in listed.items() if name not in used]


RULES: tuple[Rule, ...] = (
    only_known_keys_are_logged,
    no_message_is_lost_by_acknowledging,
    nothing_is_left_undone,
    what_is_decided_depends_on_no_clock,
    only_adapters_speak_sql,
    services_have_the_same_files,
    every_metric_is_counted,
)


def _sources(root: Path, *folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from sorted((root / folder).rglob("*.py"))


def _nodes(root: Path, *folders: str) -> Iterator[tuple[Path, ast.AST]]:
    for path in _sources(root, *folders):
        tree = ast.parse(path.read_text(), path.name)
        for node in ast.walk(tree):
            # Bare strings are prose.
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                node.value.kind = _DOCUMENT
            yield path, node


_DOCUMENT = "document"


def _is_document(node: ast.Constant) -> bool:
    return node.kind == _DOCUMENT


def _calls(root: Path, *folders: str) -> Iterator[tuple[Path, ast.Call]]:
    for path, node in _nodes(root, *folders):
        if isinstance(node, ast.Call):
            yield path, node


def _put_together(value: ast.expr) -> bool:
    """Say whether a value is made of other texts, and so could hold anything."""
    match value:
        case ast.JoinedStr() | ast.Call(func=ast.Name(id="repr" | "format" | "vars" | "dict")):
            return True
        case ast.Call(func=ast.Name(id="str"), args=[ast.Name(id="error" | "why" | "bug" | "exception")]):
            return True
        case ast.Call(func=ast.Attribute(attr="model_dump" | "model_dump_json" | "format")):
            return True
        case _:
            return False


def _on_broker(node: ast.Attribute) -> bool:
    return "broker" in ast.unparse(node.value)


def _at(root: Path, path: Path, node: ast.AST, what: str) -> str:
    return f"{path.relative_to(root)}:{getattr(node, 'lineno', 0)}: {what}"
