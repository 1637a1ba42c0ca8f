"""Run the gateway of one provider, or of one agency's CAD."""

from fastapi import APIRouter

from divert_chassis.access import guarded
from divert_chassis.run import Runtime, run
from divert_provider_gateway import api
from divert_provider_gateway.adapters import TASK, Deliverer
from divert_provider_gateway.app import build, build_for_agency
from divert_provider_gateway.domain.case import Rules
from divert_provider_gateway.pages import add_pages
from divert_provider_gateway.settings import Settings

if __name__ == "__main__":
    settings = Settings.model_validate({})

    def routes(runtime: Runtime[Rules]) -> APIRouter:
        """Return the interface for the provider's own software, and the portal for its people."""
        router = api.routes(runtime, settings.member)
        api.add_webhooks(router, runtime, settings)
        add_pages(router, runtime, settings)
        return router

    def routes_for_agency(runtime: Runtime[Rules]) -> APIRouter:
        """Return the interface for those who run the agency's CAD."""
        router = guarded()
        api.add_agency_webhooks(router, runtime, settings)
        return router

    run(
        build(settings.member, settings.webhook_tries)
        if settings.agency is None
        else build_for_agency(settings.member, settings.webhook_tries),
        settings,
        routes=routes if settings.agency is None else routes_for_agency,
        title="Provider gateway" if settings.agency is None else "Agency gateway",
        beside=lambda runtime: {TASK: Deliverer(runtime, settings).run},
    )
