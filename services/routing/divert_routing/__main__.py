"""Run routing."""

from divert_chassis.run import run
from divert_routing import api
from divert_routing.app import build
from divert_routing.settings import Settings

if __name__ == "__main__":
    settings = Settings()
    run(build(), settings, routes=lambda runtime: api.routes(runtime, settings), title="Routing")
