"""How a policy comes into use: published where every service reads it, with the words of those who approved it."""

import asyncio
from datetime import datetime

from divert_cli.errors import StackError
from divert_cli.policy import approvals, backtest
from divert_cli.policy.backtest import Report
from divert_cli.policy.files import PolicyFile
from divert_cli.prepare import domain_now, end_shadow, fact_of, is_new, publish_policy, read_policies, soonest, usable
from divert_contracts.facts.policies import PolicyPublished, ShadowEnded
from divert_contracts.policy import APPROVED, approved_backtest
from divert_contracts.vocabulary import PolicyKind


class PublishError(StackError):
    """A policy cannot be published; the message says why."""


async def publish(kafka: str, policy: PolicyFile) -> datetime:
    """Publish a checked policy and return from when on it is in force, in domain time.

    Raises:
        PublishError: the version is published already, or its back-test is not the one that was approved.
        ApprovalError: it is not approved.
        PrepareError: the version is published already with other content.
        BrokerError: Kafka does not answer or refuses.
    """
    if policy.kind in APPROVED:
        must_be_backtested(policy)
    published = await asyncio.to_thread(read_policies, kafka)
    now = domain_now(published)
    earliest = now if usable(policy.kind, published).empty else soonest(published)
    fact = fact_of(policy, said_at=now, in_force_from=max(policy.in_force_from or earliest, earliest))
    if not is_new(fact, published):
        raise PublishError(f"{policy.kind} policy {policy.version} is published already")
    await publish_policy(kafka, fact)
    return fact.in_force_from


def must_be_backtested(policy: PolicyFile) -> Report:
    """Return the back-test that was approved.

    Raises:
        ApprovalError: the policy is not approved.
        PublishError: the back-test beside it is another one, or of another document.
    """
    approved = approved_backtest(approvals.must_be_approved(policy), policy.digest)
    report = of_file(policy)
    if report.sha256 != approved:
        raise PublishError(f"the back-test beside {policy.path} is not the one that was approved")
    return report


def of_file(policy: PolicyFile) -> Report:
    """Return the back-test that is kept beside a policy.

    Raises:
        PublishError: there is none, or it is of another document.
    """
    path = backtest.beside(policy.path)
    try:
        report = Report.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise PublishError(f"{policy.path} was not back-tested; see `divert policy backtest --help`") from None
    except ValueError as error:
        raise PublishError(f"{path} is no back-test: {error}") from error
    if report.policy.digest != policy.digest:
        raise PublishError(f"{path} is a back-test of another document; run `divert policy backtest` again")
    return report


async def try_beside(kafka: str, policy: PolicyFile) -> datetime:
    """Let a checked policy be tried beside the one in force; return from when on.

    Raises:
        PublishError: it is no triage policy.
        BrokerError: Kafka does not answer or refuses.
    """
    if policy.kind is not PolicyKind.TRIAGE:
        raise PublishError("only a triage policy can be tried beside the one in force")
    published = await asyncio.to_thread(read_policies, kafka)
    fact = fact_of(policy, said_at=domain_now(published), in_force_from=soonest(published), shadow=True)
    await publish_policy(kafka, fact)
    return fact.in_force_from


async def try_no_more(kafka: str) -> datetime:
    """Let no policy be tried beside the one in force any more; return from when on.

    Raises:
        BrokerError: Kafka does not answer or refuses.
    """
    published = await asyncio.to_thread(read_policies, kafka)
    fact = ShadowEnded(occurred_at=domain_now(published), kind=PolicyKind.TRIAGE, ends_from=soonest(published))
    await end_shadow(kafka, fact)
    return fact.ends_from


def in_force(kafka: str) -> PolicyPublished:
    """Return the triage policy that is in force now.

    Raises:
        PublishError: none is.
        BrokerError: Kafka does not answer.
    """
    published = read_policies(kafka)
    known = usable(PolicyKind.TRIAGE, published)
    if known.empty:
        raise PublishError("no triage policy is published")
    return known.at(domain_now(published)).value
