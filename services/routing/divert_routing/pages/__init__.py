"""The desk: three columns, one keyboard."""

from fastapi import APIRouter

from divert_chassis.run import Runtime
from divert_chassis.sessions import add_sign_in
from divert_routing.domain.given import Given
from divert_routing.pages import board, entry, orders, shift
from divert_routing.pages.desk import DeskPages
from divert_routing.settings import Settings


def add_pages(router: APIRouter, runtime: Runtime[Given], settings: Settings) -> None:
    """Add the desk's pages to the routes."""
    pages = DeskPages(runtime, settings)
    pages.pages.add_assets(router)
    add_sign_in(router, pages.pages)
    for part in (board, orders, entry, shift):
        router.include_router(part.routes(pages))
