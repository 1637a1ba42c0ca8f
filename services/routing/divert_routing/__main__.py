"""Run routing."""

from divert_chassis.run import run
from divert_routing import api
from divert_routing.app import build
from divert_routing.settings import Settings

if __name__ == "__main__":
    run(build(), Settings(), routes=api.routes, title="Routing")
