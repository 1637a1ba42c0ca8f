"""Run the gateway of one provider."""

from fastapi import APIRouter

from divert_chassis.run import Runtime, run
from divert_provider_gateway import api
from divert_provider_gateway.adapters import TASK, Deliverer
from divert_provider_gateway.app import build
from divert_provider_gateway.domain.case import Rules
from divert_provider_gateway.pages import add_pages
from divert_provider_gateway.settings import Settings

if __name__ == "__main__":
    settings = Settings.model_validate({})

    def routes(runtime: Runtime[Rules]) -> APIRouter:
        """Return the interface for the provider's own software, and the portal for its people."""
        router = api.routes(runtime, settings.provider)
        api.add_webhooks(router, runtime, settings)
        add_pages(router, runtime, settings)
        return router

    run(
        build(settings.provider, settings.webhook_tries),
        settings,
        routes=routes,
        title="Provider gateway",
        beside=lambda runtime: {TASK: Deliverer(runtime, settings).run},
    )
