"""Whether everybody can use a page, as far as a program can tell."""

from pathlib import Path
from typing import Any, cast

from playwright.async_api import Page

AXE = Path(__file__).parent / "vendor" / "axe.min.js"


async def complaints(page: Page) -> list[str]:
    """Return what axe has against the page as it is."""
    # The page's own policy lets no script in; the protocol of the browser puts it there.
    await page.evaluate(AXE.read_text())
    found = await page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{one['id']}: {node['target']} {node['failureSummary']}"
        for one in cast("list[dict[str, Any]]", found["violations"])
        for node in one["nodes"]
    ]
