"""Run intake."""

from functools import partial

from divert_chassis.run import run
from divert_intake.api import routes
from divert_intake.app import build
from divert_intake.settings import Settings

if __name__ == "__main__":
    settings = Settings()
    run(build(), settings, routes=partial(routes, settings=settings), title="Intake", body_limit=settings.batch_bytes)
