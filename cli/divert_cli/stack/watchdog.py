"""Outlive the supervisor by a few seconds and leave no process of the stack behind.

Run as `python -I -S watchdog.py` in a session of its own. The supervisor writes a line for each process it starts
(`+ PID SIGNAL`, the signal that asks it to stop) and for each that has ended (`- PID`). The end of the input means that
the supervisor is gone, however it went: whatever is still listed is asked to stop, and killed with its whole process
group when it has not ended in time.

The watchdog also inherits the locks of the stack, so that nobody starts another one on the same data before the last
process is gone. Standard library only.
"""

import os
import signal
import sys
import time
from pathlib import Path

GRACE_SECONDS = 10.0


def send(pid: int, signum: int) -> None:
    """Signal the process group `pid` if there still is one."""
    try:
        os.killpg(pid, signum)
    except (ProcessLookupError, PermissionError):  # ended, or (macOS) only a zombie is left of it
        return


def gone(pid: int) -> bool:
    """Tell whether process `pid` has ended, also when nobody has collected it yet."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return False


def watch() -> dict[int, int]:
    """Follow the supervisor until it is gone and return who is left: process id to stop signal."""
    left: dict[int, int] = {}
    for line in sys.stdin:
        sign, pid, *stop = line.split()
        if sign == "+":
            left[int(pid)] = int(stop[0])
        else:
            left.pop(int(pid), None)
    return left


def main() -> None:
    """Watch, then clear up."""
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, signal.SIG_IGN)
    left = watch()
    for pid, stop in left.items():
        send(pid, stop)
    give_up = time.monotonic() + GRACE_SECONDS
    while time.monotonic() < give_up and not all(map(gone, left)):
        time.sleep(0.05)
    for pid in left:
        send(pid, signal.SIGKILL)


if __name__ == "__main__":
    main()
