"""Policies as tests publish them: with the digest of their document, and approved by three people."""

from datetime import datetime

from pydantic import JsonValue

from divert_contracts.facts.policies import Approval, PolicyPublished
from divert_contracts.policy import ROLES, digest
from divert_contracts.vocabulary import PolicyKind

BACKTEST = "b" * 64


def a_version(
    kind: PolicyKind,
    document: dict[str, JsonValue],
    *,
    version: str,
    said_at: datetime,
    in_force_from: datetime,
    shadow: bool = False,
) -> PolicyPublished:
    """Return the fact that publishes a document, which says its version and its date itself."""
    document = {**document, "version": version, "in_force_from": in_force_from.isoformat()}
    return PolicyPublished(
        occurred_at=said_at,
        kind=kind,
        version=version,
        in_force_from=in_force_from,
        document=document,
        digest=digest(document),
        approvals=() if shadow else approvals(digest(document), said_at),
        shadow=shadow,
    )


def approvals(document_digest: str, at: datetime, backtest: str = BACKTEST) -> tuple[Approval, ...]:
    """Return what three people have said of a document."""
    return tuple(
        Approval(role=role, by=f"{role}-lead", at=at, backtest=backtest, digest=document_digest) for role in ROLES
    )
