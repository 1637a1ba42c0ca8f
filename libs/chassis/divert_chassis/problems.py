"""Problem details (RFC 9457): the one shape of every HTTP error."""

import json
from collections.abc import Mapping
from http import HTTPStatus

from pydantic import JsonValue
from starlette.responses import Response

from divert_contracts.step import Refusal

MEDIA_TYPE = "application/problem+json"

SCHEMA: dict[str, JsonValue] = {
    "type": "object",
    "description": "Problem details (RFC 9457).",
    "required": ["type", "title", "status", "code"],
    "properties": {
        "type": {
            "type": "string",
            "format": "uri-reference",
            "description": "The kind of problem: `urn:divert:problem:` and the code.",
            "examples": ["urn:divert:problem:late-answer"],
        },
        "title": {"type": "string", "description": "What kind of problem this is, for people."},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string", "description": "What is wrong with this request, for people."},
        "code": {"type": "string", "description": "A word for programs.", "examples": ["late-answer"]},
        "errors": {
            "type": "array",
            "description": "The places of a request that did not fit.",
            "items": {
                "type": "object",
                "required": ["detail"],
                "properties": {
                    "detail": {"type": "string"},
                    "pointer": {"type": "string", "description": "JSON Pointer into the body, as a URI fragment."},
                    "parameter": {"type": "string", "description": "Name of a path, query, header or cookie value."},
                },
            },
        },
    },
}
"""JSON Schema of the document, for OpenAPI."""


class Problem(Exception):
    """An answer that says why a request was not done; raised by handlers."""

    def __init__(
        self,
        status: int,
        code: str,
        title: str,
        detail: str | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        **extensions: JsonValue,
    ) -> None:
        """Say what is wrong.

        Args:
            status: HTTP status, 400 to 599.
            code: a word for programs, such as ``late-answer``.
            title: what kind of problem it is, the same each time.
            detail: this occurrence, for people; without private words.
            headers: further response headers.
            extensions: further members of the document.
        """
        super().__init__(code)
        self.status = status
        self.code = code
        self.title = title
        self.detail = detail
        self.headers = dict(headers or {})
        self.extensions = extensions

    def response(self) -> Response:
        """Return the answer."""
        document: dict[str, JsonValue] = {
            "type": f"urn:divert:problem:{self.code}",
            "title": self.title,
            "status": self.status,
        }
        if self.detail is not None:
            document["detail"] = self.detail
        document |= {"code": self.code, **self.extensions}
        # Escaped to ASCII, so that a lone surrogate in a sender's key cannot break the answer.
        return Response(json.dumps(document), self.status, self.headers, MEDIA_TYPE)


def refused(refusal: Refusal) -> Problem:
    """Return the problem that answers a refused command."""
    return Problem(refusal.status, refusal.code, "Refused", refusal.detail)


def of_status(status: int, headers: Mapping[str, str] | None = None, detail: str | None = None) -> Problem:
    """Return the plain problem of an HTTP status: ``not-found`` for 404."""
    phrase = HTTPStatus(status).phrase
    return Problem(status, phrase.lower().replace(" ", "-"), phrase, detail, headers=headers)
