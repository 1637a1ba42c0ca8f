"""Become another program that gets a signal when its parent dies.

Run as `python -I -S launch.py PARENT SIGNAL USER NICE PROGRAM ARGUMENT…` by the supervisor. The kernel sends the signal
on Linux; elsewhere the watchdog alone sees to it. USER is empty to stay who we are; NICE is added to our own niceness.
Standard library only, and as few imports as possible: it runs before every process of the stack.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def main(parent: int, signum: int, user: str, nice: int, command: list[str]) -> None:
    """Drop to `user`, tie the process to `parent` and run `command` in its place."""
    if user:
        import pwd  # noqa: PLC0415  # only Postgres under root needs it

        entry = pwd.getpwnam(user)
        os.setgroups([])
        os.setgid(entry.pw_gid)
        os.setuid(entry.pw_uid)
    if sys.platform == "linux":
        # After the change of user, which clears it.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signum, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(1)  # the parent died first
    os.nice(nice)
    os.execv(command[0], command)  # noqa: S606  # no shell is wanted


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4]), sys.argv[5:])
