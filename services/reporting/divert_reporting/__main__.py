"""Run reporting."""

from divert_chassis.run import run
from divert_reporting import api
from divert_reporting.adapters.figures import TASK, count_days
from divert_reporting.app import build
from divert_reporting.settings import Settings

if __name__ == "__main__":
    settings = Settings()
    run(
        build(settings.zone, member=settings.member),
        settings,
        routes=lambda runtime: api.routes(runtime, settings),
        title="Reporting",
        beside=lambda runtime: {TASK: lambda: count_days(lambda: runtime.pool, settings.zone, runtime.health)},
    )
