"""Run reporting."""

from collections.abc import Coroutine
from functools import cache
from typing import Any

from divert_chassis.run import Runtime, run
from divert_reporting import api
from divert_reporting.adapters import alarms
from divert_reporting.adapters.figures import TASK, count_days
from divert_reporting.app import build
from divert_reporting.domain.given import Given
from divert_reporting.pages import live
from divert_reporting.settings import Settings

if __name__ == "__main__":
    settings = Settings()

    @cache
    def picture(runtime: Runtime[Given]) -> live.Live:
        """Return what the open boards of the process share."""
        return live.Live(runtime, settings)

    def watched(runtime: Runtime[Given]) -> Coroutine[Any, Any, None]:
        """Keep the alarms about services and providers."""
        return alarms.watch(lambda: runtime.pool, settings.watches, runtime.clock, runtime.health)

    run(
        build(settings.zone, member=settings.member),
        settings,
        routes=lambda runtime: api.routes(runtime, picture(runtime), settings),
        title="Reporting",
        beside=lambda runtime: {
            TASK: lambda: count_days(lambda: runtime.pool, settings.zone, runtime.health),
            live.TASK: picture(runtime).follow,
            # A second set of tables is built from the log alone.
            **({alarms.TASK: lambda: watched(runtime)} if settings.member is None else {}),
        },
    )
