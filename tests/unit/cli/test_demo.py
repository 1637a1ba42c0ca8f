"""How the demonstration ends: with a link to what became of its evening."""

from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from divert_chassis.issuer import LocalIssuer
from divert_cli.demo import evening_link
from divert_cli.stack import Run

BEGAN = datetime(2026, 10, 1, 19, 2, 31, tzinfo=UTC)
ENDED = datetime(2026, 10, 1, 19, 51, 7, tzinfo=UTC)


def test_the_link_signs_in_and_leads_to_the_whole_evening(tmp_path: Path) -> None:
    LocalIssuer(tmp_path).make()
    run = Run.model_construct(data=tmp_path, urls={"reporting": "http://127.0.0.1:8104"})
    link = urlsplit(evening_link(run, BEGAN, ENDED))
    assert (link.netloc, link.path) == ("127.0.0.1:8104", "/sign-in")
    assert link.fragment.startswith("token=ey")
    (to,) = parse_qs(link.query)["to"]
    page = urlsplit(to)
    asked = {name: datetime.fromisoformat(one) for name, (one,) in parse_qs(page.query).items()}
    assert page.path == "/today"
    assert asked["since"] <= BEGAN < ENDED < asked["until"]
