"""Run the gateway of one provider."""

from divert_chassis.run import run
from divert_provider_gateway import api
from divert_provider_gateway.app import build
from divert_provider_gateway.settings import Settings

if __name__ == "__main__":
    settings = Settings.model_validate({})
    run(
        build(settings.provider),
        settings,
        routes=lambda runtime: api.routes(runtime, settings.provider),
        title="Provider gateway",
    )
