"""Who is at the desk, and what a form of its pages says."""

import re
from typing import Annotated, TypeVar
from urllib.parse import parse_qsl

from fastapi import Cookie, Depends, Request
from pydantic import BaseModel
from starlette.responses import Response

from divert_chassis.access import principal

M = TypeVar("M", bound=BaseModel)

COOKIE = "divert_person"
SHIFT = 12 * 3600
"""Seconds for which a browser remembers who works at it."""
MOST_FIELDS = 100
PERSON = re.compile(r"[\w.@:+-]{1,64}")


class NobodyHere(Exception):
    """Nobody has said who they are."""


class NotUnderstood(Exception):
    """The form is not as the page would send it."""


def somebody(divert_person: Annotated[str | None, Cookie()] = None) -> str:
    """Return who is at the desk: whoever has signed in, or where nobody has to, whoever they say they are.

    Raises:
        NobodyHere: they have not said so.
    """
    who = principal()
    if who is not None:
        return who.person
    if divert_person is None or PERSON.fullmatch(divert_person) is None:
        raise NobodyHere
    return divert_person


Somebody = Annotated[str, Depends(somebody)]


async def form(request: Request, kind: type[M]) -> M:
    """Read a form.

    Raises:
        NotUnderstood: it does not fit.
    """
    try:
        pairs = parse_qsl((await request.body()).decode(), max_num_fields=MOST_FIELDS)
        return kind.model_validate(dict(pairs))
    except ValueError:
        # Wrong bytes, too many fields, or fields that do not fit: all of them are ValueErrors.
        raise NotUnderstood from None


def remember(response: Response, person: str, *, secure: bool) -> None:
    """Let the browser say who works at it, to this site alone and to no script."""
    response.set_cookie(COOKIE, person, max_age=SHIFT, httponly=True, samesite="strict", secure=secure, path="/")
