"""What server-rendered pages share: templates, assets with long-lived addresses, and the clock that they count by."""

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from mimetypes import guess_type
from pathlib import Path

from fastapi import APIRouter
from jinja2 import ChoiceLoader, Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse, Response

from divert_chassis.access import open_to_all
from divert_chassis.clock import Clock
from divert_chassis.problems import of_status

HERE = Path(__file__).parent
SHARED = HERE / "static" / "shared"
"""Style, font, scripts and icons that every page may use."""
KEPT = "public, max-age=31536000, immutable"
"""An asset's address holds its digest: another content has another address."""
_MINUTE = timedelta(minutes=1)


class Pages:
    """Renders the templates of a service, and serves its assets beside the shared ones under ``/assets/``."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        """Read what a service's ``pages`` folder has in ``templates`` and ``assets``."""
        self._clock = clock
        self._assets = {path.name: path.read_bytes() for place in (SHARED, folder / "assets") for path in _files(place)}
        self._versions = {name: hashlib.sha256(content).hexdigest()[:12] for name, content in self._assets.items()}
        self.env = Environment(
            loader=ChoiceLoader([FileSystemLoader(folder / "templates"), FileSystemLoader(HERE / "templates")]),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._known: dict[str, object] = {}
        self.env.filters["asset"] = self.asset

    def knows(self, **values: object) -> None:
        """Let every template know some values."""
        self._known |= values

    def asset(self, name: str) -> str:
        """Return the address of an asset.

        Raises:
            KeyError: there is no such asset.
        """
        return f"/assets/{name}?v={self._versions[name]}"

    def shown(
        self, name: str, status: int = 200, headers: Mapping[str, str] | None = None, **values: object
    ) -> HTMLResponse:
        """Return a page made of a template; it knows the domain time ``now`` and its ``rate`` beside its values."""
        return HTMLResponse(self.rendered(name, **values), status, dict(headers or {}))

    def rendered(self, name: str, **values: object) -> str:
        """Return what a template makes of what it knows and of its values."""
        now, rate = self.times()
        return self.env.get_template(name).render(now=now, rate=rate, **self._known, **values)

    def times(self) -> tuple[datetime, float]:
        """Return the domain time, and how many domain seconds a real one has."""
        now = self._clock.now()
        real = self._clock.real_seconds_until(now + _MINUTE)
        return now, round(_MINUTE.total_seconds() / real if real else 1.0, 3)

    def add_assets(self, router: APIRouter) -> None:
        """Serve the assets."""

        @router.get("/assets/{name}", include_in_schema=False)
        @open_to_all
        async def read_asset(name: str, v: str | None = None) -> Response:
            content = self._assets.get(name)
            if content is None:
                return of_status(404).response()
            kept = KEPT if v == self._versions[name] else "no-cache"
            return Response(content, media_type=guess_type(name)[0], headers={"cache-control": kept})


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*") if path.is_file() and path.suffix != ".txt")
