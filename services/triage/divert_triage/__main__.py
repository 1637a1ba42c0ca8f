"""Run triage."""

from divert_chassis.run import run
from divert_triage.api import routes
from divert_triage.app import build
from divert_triage.settings import Settings

if __name__ == "__main__":
    run(build(), Settings(), routes=routes, title="Triage")
