"""Import-linter's contracts hold, and breaking one would be seen."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from divert_contracts.schemas import FOLDER

ROOT = FOLDER.parents[2]
MEMBERS = ("libs/*", "services/*", "cli", "sim", "bench", "tools/provider-sim")


def lint(root: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter on the packages under ``root``."""
    places = [str(member) for pattern in MEMBERS for member in sorted(root.glob(pattern)) if member.is_dir()]
    return subprocess.run(
        [
            sys.executable,
            "-c",
            "from importlinter.cli import lint_imports_command; lint_imports_command()",
            "--no-cache",
        ],
        cwd=root,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(places)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the sources, to be broken."""
    ignored = shutil.ignore_patterns("__pycache__", "static", "schemas", "pages", "*.json", "*.js", "*.css")
    for pattern in MEMBERS:
        for member in ROOT.glob(pattern):
            shutil.copytree(member, tmp_path / member.relative_to(ROOT), ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_imports_keep_the_contracts() -> None:
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("libs/contracts/divert_contracts/model.py", "import divert_chassis"),
        ("libs/chassis/divert_chassis/clock.py", "import divert_triage"),
        ("libs/eido/divert_eido/document.py", "import divert_contracts"),
        ("services/routing/divert_routing/__init__.py", "import divert_triage"),
        ("services/triage/divert_triage/domain/judging.py", "import random"),
        ("services/triage/divert_triage/domain/judging.py", "import divert_chassis.service"),
        ("services/triage/divert_triage/domain/judging.py", "import asyncpg"),
    ],
)
def test_a_forbidden_import_is_seen(copy: Path, path: str, line: str) -> None:
    broken = copy / path
    broken.write_text(f"{broken.read_text()}\n{line}\n")
    done = lint(copy)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "BROKEN" in done.stdout
