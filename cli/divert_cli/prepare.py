"""Set up what divert stands on: topics, the seed policies, the first agency. Running it again changes nothing."""

import asyncio
import hashlib
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import asyncpg
import typer
from pydantic import ValidationError

from divert_chassis.clock import DomainClock, LogClock
from divert_cli import cad_codes, kafka_admin
from divert_cli.checkout import ROOT
from divert_cli.errors import StackError
from divert_cli.kafka_admin import TopicSpec
from divert_cli.policy import approvals, files
from divert_cli.policy.files import PolicyFile
from divert_contracts import ids
from divert_contracts.envelope import Envelope, UnknownType, decode
from divert_contracts.facts.base import Fact
from divert_contracts.facts.policies import AgencyRegistered, ClockSet, PolicyPublished, ShadowEnded
from divert_contracts.policy import LEAD, Versions, must_be_in_time, must_be_usable
from divert_contracts.step import Rejected
from divert_contracts.topics import ASSIGNMENTS, FEEDBACK, HANDOFFS, POLICIES, TOPICS, Topic, dead_letters
from divert_contracts.vocabulary import PolicyKind

SOURCE = "/divert/cli"
AGENCY, AGENCY_TITLE = "lapd", "Los Angeles Police Department"
SEEDS = {PolicyKind.TRIAGE: "seeds/policy/triage.yaml", PolicyKind.ROUTING: "seeds/policy/routing.yaml"}
CODES = "seeds/cad/lapd.yaml"
"""How the first agency's CAD names where a call stands."""
SEEDED_FROM = datetime(2020, 1, 1, tzinfo=UTC)
"""When a seed counts as said; and from when a policy is in force whose file does not say so."""
DEAD_LETTERS_KEPT = timedelta(days=30)
PUBLISHED_WITHIN = timedelta(seconds=5)
"""Real time that publishing may take, and by which the broker's clock may differ from ours."""
_POSTGRES_WITHIN = 30.0


class PrepareError(StackError):
    """The set-up cannot be made as wanted; the message says why and what can be done."""


async def prepare(kafka: str, postgres: str, policies: Sequence[PolicyPublished] | None = None) -> None:
    """Make topics, publish the policies and register the first agency; what is there already stays.

    Args:
        kafka: host:port.
        postgres: DSN; the database must answer, each service makes its own schema in it.
        policies: others than the seeds.

    Raises:
        PrepareError: a seed file cannot be read, or a published version has other content than the file.
        BrokerError: Kafka does not answer or refuses.
        OSError: the database does not answer.
    """
    await _postgres_answers(postgres)
    await asyncio.to_thread(_prepare_kafka, kafka, seed_policies() if policies is None else policies)


def command(
    *,
    kafka: Annotated[str, typer.Option(envvar="DIVERT_KAFKA", help="host:port.")],
    postgres: Annotated[str, typer.Option(envvar="DIVERT_POSTGRES", help="DSN.")],
) -> None:
    """Make topics, publish the seed policies and register the first agency; what is there already stays."""
    asyncio.run(prepare(kafka, postgres))


def _prepare_kafka(kafka: str, policies: Sequence[PolicyPublished]) -> None:
    providers = sorted({provider for policy in policies for provider in _providers(policy)})
    kafka_admin.ensure_topics(kafka, _specs(TOPICS, providers, ()))
    published = read_policies(kafka)
    agencies = sorted({fact.agency for fact in published if isinstance(fact, AgencyRegistered)} | {AGENCY})
    kafka_admin.ensure_topics(kafka, _specs((HANDOFFS, FEEDBACK), (), agencies))
    new: list[Envelope] = [_policy_envelope(in_time(one, published)) for one in policies if is_new(one, published)]
    first = agency_fact()
    known = [fact for fact in published if isinstance(fact, AgencyRegistered) and fact.agency == AGENCY]
    if not known or known[-1].codes != first.codes:
        new.append(_agency_envelope(first))
    if new:
        kafka_admin.publish(kafka, POLICIES.name, new)


async def _postgres_answers(dsn: str) -> None:
    connection = await asyncpg.connect(dsn, timeout=_POSTGRES_WITHIN)
    try:
        await connection.execute("SELECT 1")
    finally:
        await connection.close()


async def register_agency(kafka: str, agency: str, title: str) -> None:
    """Let an agency post calls: make its topics, then say so. An agency that is known already stays as it is.

    Raises:
        BrokerError: Kafka does not answer or refuses.
    """
    await asyncio.to_thread(_register, kafka, agency, title)


def _register(kafka: str, agency: str, title: str) -> None:
    kafka_admin.ensure_topics(kafka, _specs((HANDOFFS, FEEDBACK), (), (agency,)))
    if any(isinstance(fact, AgencyRegistered) and fact.agency == agency for fact in read_policies(kafka)):
        return
    fact = AgencyRegistered(occurred_at=datetime.now(UTC), agency=agency, title=title)
    kafka_admin.publish(kafka, POLICIES.name, [_agency_envelope(fact)])


async def publish_policy(kafka: str, policy: PolicyPublished) -> None:
    """Publish a further version of a policy, or one that is tried beside; one that is published already stays.

    Raises:
        PrepareError: no service would use it, or the version is published already, with other content.
        BrokerError: Kafka does not answer or refuses.
    """
    await asyncio.to_thread(_publish_policy, kafka, policy)


def _publish_policy(kafka: str, policy: PolicyPublished) -> None:
    published = read_policies(kafka)
    if not policy.shadow and not is_new(policy, published):
        return
    try:
        if policy.shadow:
            must_be_usable(policy)
            must_be_in_time(policy.occurred_at, policy.in_force_from)
        else:
            usable(policy.kind, published).published(policy, policy)
    except Rejected as why:
        raise PrepareError(f"{policy.kind} policy {policy.version} would be refused by every service: {why}") from None
    kafka_admin.publish(kafka, POLICIES.name, [_policy_envelope(policy)])


async def end_shadow(kafka: str, fact: ShadowEnded) -> None:
    """Let no policy be tried beside the one in force any more.

    Raises:
        BrokerError: Kafka does not answer or refuses.
    """
    envelope = Envelope(id=ids.foreign_id(SOURCE, fact.key), source=SOURCE, fact=fact)
    await asyncio.to_thread(kafka_admin.publish, kafka, POLICIES.name, [envelope])


async def set_clock(kafka: str, clock: ClockSet) -> None:
    """Tell every process how domain time runs from a moment on.

    Raises:
        BrokerError: Kafka does not answer or refuses.
    """
    given = f"clock/{clock.real_from.isoformat()}/{clock.domain_from.isoformat()}/{clock.rate}"
    envelope = Envelope(id=ids.foreign_id(SOURCE, given), source=SOURCE, fact=clock)
    await asyncio.to_thread(kafka_admin.publish, kafka, POLICIES.name, [envelope])


async def publish_beforehand(kafka: str, policy: PolicyPublished, clock: ClockSet) -> None:
    """Publish a policy to a stack that nobody uses yet, then set its clock to a time from when on that is in force.

    In between, domain time is two minutes before: a version must have been known for one before it is in force.

    Raises:
        PrepareError: no service would use it, or the version is published already, with other content.
        BrokerError: Kafka does not answer or refuses.
    """
    before = policy.in_force_from - 2 * LEAD
    now = datetime.now(UTC)
    await set_clock(kafka, ClockSet(occurred_at=before, real_from=now, domain_from=before, rate=1))
    await publish_policy(kafka, policy)
    await set_clock(kafka, clock)


# ---------------------------------------------------------------------------------------------------------- policies


def seed_policies() -> list[PolicyPublished]:
    """Return the facts that publish the seed policies to a stack that has none.

    Raises:
        PolicyFileError: a file cannot be read.
    """
    return [seed_policy(kind) for kind in SEEDS]


def agency_fact() -> AgencyRegistered:
    """Return the fact that registers the first agency, with its CAD's codes.

    Raises:
        CodesError: the file of its codes cannot be used.
    """
    return AgencyRegistered(
        occurred_at=SEEDED_FROM, agency=AGENCY, title=AGENCY_TITLE, codes=cad_codes.load(ROOT / CODES)
    )


def seed_policy(kind: PolicyKind, file: Path | None = None) -> PolicyPublished:
    """Read a seed file as the fact that publishes it.

    Args:
        kind: what it decides.
        file: another one than the kind's own.

    Raises:
        PolicyFileError: the file is missing, is no YAML mapping, has no version, or holds what JSON cannot.
    """
    policy = files.read(file or ROOT / SEEDS[kind], kind)
    return fact_of(policy, said_at=SEEDED_FROM, in_force_from=policy.in_force_from or SEEDED_FROM)


def fact_of(policy: PolicyFile, *, said_at: datetime, in_force_from: datetime, shadow: bool = False) -> PolicyPublished:
    """Return the fact that publishes a file, with the approvals that are recorded beside it.

    Args:
        policy: the file.
        said_at: the domain time of publishing.
        in_force_from: for calls accepted from then on.
        shadow: whether it is only to be tried beside the one in force; that needs no approval.

    Raises:
        ApprovalError: the approvals beside it cannot be read.
    """
    return PolicyPublished(
        occurred_at=said_at,
        kind=policy.kind,
        version=policy.version,
        in_force_from=in_force_from,
        document=policy.document,
        digest=policy.digest,
        approvals=() if shadow else approvals.recorded(policy),
        shadow=shadow,
    )


def usable(kind: PolicyKind, published: Iterable[Fact]) -> Versions[PolicyPublished]:
    """Return the versions that may come into force, judged as every service judges them."""
    versions: Versions[PolicyPublished] = Versions()
    for fact in published:
        if isinstance(fact, PolicyPublished) and fact.kind is kind and not fact.shadow:
            with suppress(Rejected, ValidationError):  # no service uses it, so it is as if it had not been published
                files.MODELS[kind](fact.document)
                versions = versions.published(fact, fact)
    return versions


def is_new(policy: PolicyPublished, published: Iterable[Fact]) -> bool:
    """Say whether a version is not published yet, so that services use it.

    Raises:
        PrepareError: it is, with other content.
    """
    for one in usable(policy.kind, published).known:
        if one.version == policy.version:
            if one.value.digest != policy.digest:
                raise PrepareError(
                    f"{policy.kind} policy {policy.version} is published with other content "
                    f"(sha256 {one.value.digest[:12]}, the file has {policy.digest[:12]}): "
                    "a published version never changes, so give the file a new version"
                )
            return False
    return True


def in_time(policy: PolicyPublished, published: Sequence[Fact]) -> PolicyPublished:
    """Return a policy as it may be published now: where one is in force already, services must have time to read it."""
    if usable(policy.kind, published).empty:
        return policy
    from_then = max(policy.in_force_from, soonest(published))
    return policy.model_copy(update={"occurred_at": domain_now(published), "in_force_from": from_then})


def soonest(published: Iterable[Fact]) -> datetime:
    """Return from when on what is published now may be in force: a minute after the broker has written it down."""
    return _clock(published).at(datetime.now(UTC) + PUBLISHED_WITHIN) + LEAD


def domain_now(published: Iterable[Fact]) -> datetime:
    """Return the domain time by the clock that was published."""
    return _clock(published).now()


def _clock(published: Iterable[Fact]) -> DomainClock:
    clock = DomainClock()
    for fact in published:
        if isinstance(fact, ClockSet):
            clock.learn(fact)
    return clock


def read_policies(kafka: str) -> list[Fact]:
    """Read the topic of policies whole, as every service does; what this version does not understand is left out.

    Raises:
        BrokerError: Kafka does not answer.
    """
    found: list[Fact] = []
    clock = LogClock()
    for record in kafka_admin.read(kafka, kafka_admin.ends(kafka, [POLICIES.name])):
        try:
            found.append(clock.read(decode(record.value, record.headers.items()).fact, record.written_at))
        except (Rejected, UnknownType):
            continue  # every service counts it as it reads the topic
    return found


def _policy_envelope(policy: PolicyPublished) -> Envelope:
    # A version that no service would use may be published again, approved or in time.
    said = hashlib.sha256(policy.model_dump_json().encode()).hexdigest()
    return Envelope(id=ids.foreign_id(SOURCE, f"{policy.key}/{said}"), source=SOURCE, fact=policy)


def _agency_envelope(fact: AgencyRegistered) -> Envelope:
    codes = "" if fact.codes is None else f"/codes/{fact.codes.version}"
    return Envelope(id=ids.foreign_id(SOURCE, fact.key + codes), source=SOURCE, fact=fact)


def _providers(policy: PolicyPublished) -> list[str]:
    """Return the ids of the providers that a routing policy names."""
    if policy.kind is not PolicyKind.ROUTING:
        return []
    named = policy.document.get("providers")
    if isinstance(named, dict):
        return list(named)
    found = [entry.get("id") for entry in named or [] if isinstance(entry, dict)] if isinstance(named, list) else []
    if not found or not all(isinstance(one, str) for one in found):
        raise PrepareError(f"routing policy {policy.version}: 'providers' must name at least one provider by its id")
    return [str(one) for one in found]


# ------------------------------------------------------------------------------------------------------------ topics


def topic_specs(providers: Sequence[str], agencies: Sequence[str]) -> list[TopicSpec]:
    """Return every topic as it is to be on the broker, the dead letters of each reading service with it."""
    return _specs(TOPICS, providers, agencies)


def _specs(wanted: Iterable[Topic], providers: Sequence[str], agencies: Sequence[str]) -> list[TopicSpec]:
    members = {None: ("",), ASSIGNMENTS.family: tuple(providers), HANDOFFS.family: tuple(agencies)}
    specs: list[TopicSpec] = []
    for topic in wanted:
        for member in members[topic.family]:
            name = topic.name_of(member)
            # From the time of its record on a version's minute is counted, and no writer may choose it.
            stamped_by = "LogAppendTime" if topic is POLICIES else "CreateTime"
            specs.append(TopicSpec(name, topic.partitions, topic.kept, stamped_by))
            kept = DEAD_LETTERS_KEPT if topic.kept is None else min(topic.kept, DEAD_LETTERS_KEPT)
            specs.extend(TopicSpec(dead_letters(name, service), 1, kept) for service in sorted(topic.read_by - {"*"}))
    return specs
