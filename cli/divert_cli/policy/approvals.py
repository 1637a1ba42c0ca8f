"""Who has approved a policy: a file beside the policy's own, ``<name>.approvals.yaml``."""

from datetime import datetime
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from divert_cli.errors import StackError
from divert_cli.policy.files import PolicyFile
from divert_contracts.facts.policies import Approval
from divert_contracts.policy import ROLES, approved_backtest

_HEAD = "# Written by `divert policy approve`. An approval is for one document (digest) and one back-test of it.\n"


class ApprovalError(StackError):
    """A policy is not approved, or an approval cannot be recorded; the message says why."""


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    approvals: tuple[Approval, ...] = ()


def beside(policy: Path) -> Path:
    """Return where a policy's approvals are kept."""
    return policy.with_name(f"{policy.stem}.approvals.yaml")


def recorded(policy: PolicyFile) -> tuple[Approval, ...]:
    """Return the approvals of this very document, in the order in which they were given.

    Raises:
        ApprovalError: the file beside the policy cannot be read.
    """
    return tuple(one for one in _all(beside(policy.path)) if one.digest == policy.digest)


def approve(policy: PolicyFile, *, role: str, by: str, backtest: str, at: datetime, corpus: str | None = None) -> Path:
    """Record that somebody approves a document after seeing its back-test; a role's earlier word is replaced.

    Args:
        policy: the document.
        role: for whom.
        by: the person's id.
        backtest: SHA-256 of the back-test that was seen.
        at: when.
        corpus: SHA-256 of how its lexicon reads the labelled corpus; null where it has none.

    Raises:
        ApprovalError: no such role, or somebody who speaks for another role already.
    """
    if role not in ROLES:
        raise ApprovalError(f"no such role: {role}; there are {', '.join(ROLES)}")
    path = beside(policy.path)
    others = [one for one in _all(path) if (one.digest, one.role) != (policy.digest, role)]
    if any(one.by == by and one.digest == policy.digest for one in others):
        raise ApprovalError(f"{by} has approved this document for another role: three people must")
    approval = Approval(role=role, by=by, at=at, backtest=backtest, corpus=corpus, digest=policy.digest)
    write(path, (*others, approval))
    return path


def write(path: Path, approvals: tuple[Approval, ...]) -> None:
    """Write a file of approvals."""
    document = {"approvals": [one.model_dump(mode="json", exclude_none=True) for one in approvals]}
    path.write_text(_HEAD + yaml.safe_dump(document, sort_keys=False, width=120), encoding="utf-8")


def must_be_approved(policy: PolicyFile) -> tuple[Approval, ...]:
    """Return the approvals with which a document may be published.

    Raises:
        ApprovalError: somebody's word is missing, or they looked at different back-tests.
    """
    approvals = recorded(policy)
    if approved_backtest(approvals, policy.digest) is not None:
        return approvals
    missing = [role for role in ROLES if role not in {one.role for one in approvals}]
    if missing:
        raise ApprovalError(
            f"{policy.path} is not approved: {', '.join(missing)} missing for sha256 {policy.digest[:12]}; see "
            "`divert policy approve --help`"
        )
    raise ApprovalError(f"{policy.path} is not approved: the approvals name different back-tests, or one person twice")


def _all(path: Path) -> tuple[Approval, ...]:
    try:
        return _File.model_validate(yaml.safe_load(path.read_text(encoding="utf-8"))).approvals
    except FileNotFoundError:
        return ()
    except (yaml.YAMLError, ValidationError, UnicodeDecodeError) as error:
        raise ApprovalError(f"{path} cannot be read: {error}") from error
