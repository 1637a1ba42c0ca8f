"""`divert test`."""

import os
import sys
from typing import Annotated

import typer

from divert_cli.checkout import ROOT


def run_tests(
    arguments: Annotated[list[str] | None, typer.Argument(help="For pytest.", show_default=False)] = None,
) -> None:
    """Run the tests of this checkout; arguments go to pytest."""
    os.chdir(ROOT)
    command = [sys.executable, "-m", "pytest", *(arguments or [])]
    os.execv(command[0], command)  # noqa: S606  # no shell is wanted
