"""Make or renew the checkout's `.venv` from the hashed lock; called by `./divert` when its stamp is not the wanted one.

Runs on the machine's own Python, so it uses the standard library alone. Several calls at once are safe: the kernel's
file lock is freed even when its holder is killed, and whoever comes second finds the work done.
"""

import fcntl
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path


class StepError(Exception):
    """A step of the set-up that did not work, with what the step itself said."""


def run(*command: str | Path, env: dict[str, str] | None = None) -> str:
    """Run one step and return what it printed; raise `StepError` with that when it fails."""
    done = subprocess.run(
        [str(word) for word in command],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        message = f"{' '.join(map(str, command[:4]))} …\n{done.stdout.strip()}"
        raise StepError(message)
    return done.stdout


def with_settings_of_pip(python: Path) -> dict[str, str]:
    """Return an environment in which uv uses the package index and certificates that pip is set up with."""
    env = dict(os.environ)
    settings = dict(
        re.findall(r"^\S*?\.(index-url|cert)='(.*)'$", run(python, "-m", "pip", "config", "list"), re.MULTILINE)
    )
    if "index-url" in settings and "UV_INDEX_URL" not in env:
        env.setdefault("UV_DEFAULT_INDEX", settings["index-url"])
    if "cert" in settings:
        env.setdefault("SSL_CERT_FILE", settings["cert"])
    return env


def make(root: Path, stamp: str) -> None:
    """Bring `.venv` to the state of the lock, with every member of the workspace installed in place."""
    venv = root / ".venv"
    python = venv / "bin" / "python"
    marker = venv / "divert-stamp"
    lock = root / "requirements.lock"
    made_here = marker.read_text().startswith(f"{root}\n") if marker.exists() else False
    marker.unlink(missing_ok=True)
    if not made_here or not python.exists():
        shutil.rmtree(venv, ignore_errors=True)
        run(sys.executable, "-m", "venv", venv)
    uv_pip = (venv / "bin" / "uv", "pip")
    synced = venv / lock.name
    if not synced.exists() or synced.read_bytes() != lock.read_bytes():
        uv_pin = re.search(r"^uv==(?:.*\\\n)*.*", lock.read_text(), re.MULTILINE)
        if uv_pin is None:
            message = "requirements.lock does not name uv"
            raise StepError(message)
        bootstrap = venv / "bootstrap.lock"
        bootstrap.write_text(uv_pin.group() + "\n")
        run(python, "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes", "--requirement", bootstrap)
        run(*uv_pip, "sync", "--python", python, "--require-hashes", lock, env=with_settings_of_pip(python))
        shutil.copyfile(lock, synced)
    members = [member.parent for pattern in ("*", "*/*") for member in sorted(root.glob(f"{pattern}/pyproject.toml"))]
    editable = [word for member in members for word in ("--editable", str(member))]
    run(*uv_pip, "install", "--python", python, "--no-deps", "--no-build-isolation", *editable)
    marker.write_text(stamp + "\n")


def main(root: Path, stamp: str) -> int:
    """Take the lock and, unless somebody else has just done so, make the environment."""
    marker = root / ".venv" / "divert-stamp"
    with (root / ".venv.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if marker.exists() and marker.read_text() == stamp + "\n":
            return 0
        began = time.monotonic()
        print("divert: preparing its Python environment in .venv …", end="", file=sys.stderr, flush=True)
        try:
            make(root, stamp)
        except StepError as failed:
            print(f" failed\n{failed}", file=sys.stderr)
            return 1
        print(f" {time.monotonic() - began:.0f} s", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
