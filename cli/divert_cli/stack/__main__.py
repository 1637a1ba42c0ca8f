"""Run the stack in this process, for `divert up --detach`."""

import asyncio
import sys
from pathlib import Path

from divert_cli.errors import StackError
from divert_cli.stack.record import Run
from divert_cli.stack.serve import serve


def _say(line: str) -> None:
    print(line, flush=True)


def _say_ready(run: Run) -> None:
    _say(f"ready, process {run.pid}")


if __name__ == "__main__":
    try:
        asyncio.run(serve(Path(sys.argv[1]), progress=_say, ready=_say_ready))
    except StackError as failed:
        _say(str(failed))
        sys.exit(1)
