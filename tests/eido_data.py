"""NENA's own documents and schemas, which tests read where they are and which are no part of the project."""

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import JsonValue

from divert_cli.checkout import ROOT

FOLDER = Path(os.environ.get("DIVERT_SHARED_DATA") or ROOT.parent / "shared" / "data") / "eido"
SAMPLE = "nena_sample_call_transfer.json"
CRISIS = "example_crisis_call.json"
NEGATIVE = "negative_EidoWithJcard.json"

needed = pytest.mark.skipif(not FOLDER.is_dir(), reason="NENA's documents are not beside this checkout")


def text(name: str) -> bytes:
    """Return a document as it is."""
    return (FOLDER / name).read_bytes()


def document(name: str) -> dict[str, JsonValue]:
    """Return a document's members."""
    return json.loads(text(name))


@cache
def _validator() -> Draft202012Validator:
    schema: Any = json.loads((FOLDER / "eido.strict.schema.json").read_text())
    return Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)


def wrong(document: dict[str, JsonValue]) -> list[str]:
    """Return what the standard's schema, with its registries and closed objects, says against a document."""
    return [f"{error.json_path}: {error.message}" for error in _validator().iter_errors(document)]
