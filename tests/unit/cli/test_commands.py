"""The command line as a table."""

import importlib
import subprocess
import sys

import pytest

from divert_cli.main import COMMANDS, Command


def _named(command: Command) -> str:
    return command.name


@pytest.mark.parametrize("command", COMMANDS, ids=_named)
def test_every_command_has_a_function_behind_it_with_a_help_text(command: Command) -> None:
    module, _, function = command.target.partition(":")

    assert getattr(importlib.import_module(module), function).__doc__


def test_the_list_of_commands_is_shown_without_importing_what_they_need() -> None:
    check = (
        "import sys; from divert_cli.main import main; sys.argv = ['divert', '--help']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "sys.exit(', '.join({'asyncpg', 'aiokafka', 'faststream', 'fastapi'} & sys.modules.keys()) or 0)"
    )

    done = subprocess.run([sys.executable, "-c", check], check=False, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    assert all(command.name in done.stdout for command in COMMANDS)


def test_names_are_unique() -> None:
    assert len({command.name for command in COMMANDS}) == len(COMMANDS)
