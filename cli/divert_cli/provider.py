"""`divert provider`: let a provider's own client onto Kafka, to its own topics and to nothing else."""

import json
import secrets
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Annotated, Any, Protocol, cast

import typer
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._acl import AclBinding, AclBindingFilter, AclOperation, AclPermissionType
from confluent_kafka.admin._resource import ResourcePatternType, ResourceType
from confluent_kafka.admin._scram import (
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialDeletion,
    UserScramCredentialUpsertion,
)
from rich.console import Console

from divert_cli import kafka_admin
from divert_cli.errors import StackError
from divert_cli.kafka_admin import ANSWERS_WITHIN, BrokerError
from divert_cli.prepare import read_policies, topic_specs
from divert_cli.stack import running
from divert_contracts.facts.policies import PolicyPublished
from divert_contracts.topics import ANSWERS, ASSIGNMENTS, STATUSES
from divert_contracts.vocabulary import PolicyKind

MECHANISM = ScramMechanism.SCRAM_SHA_512
ITERATIONS = 8192
_PASSWORD_BYTES = 32
_SALT_BYTES = 32

provider = typer.Typer(
    help="Providers that use Kafka with clients of their own.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

_console = Console(highlight=False)

Name = Annotated[str, typer.Argument(metavar="PROVIDER", help="The provider's id in the directory, such as exodus.")]
Kafka = Annotated[str | None, typer.Option(help="host:port that divert itself uses; else that of the running stack.")]
AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]


class _Admin(Protocol):
    """What we use of the client's admin, with the types that it leaves out."""

    def create_acls(self, acls: list[AclBinding], **kwargs: float) -> dict[AclBinding, "Future[None]"]: ...

    def delete_acls(
        self, acl_binding_filters: list[AclBindingFilter], **kwargs: float
    ) -> dict[AclBindingFilter, "Future[list[AclBinding]]"]: ...

    def describe_acls(self, acl_binding_filter: AclBindingFilter, **kwargs: float) -> "Future[list[AclBinding]]": ...

    def alter_user_scram_credentials(
        self, alterations: list[UserScramCredentialUpsertion | UserScramCredentialDeletion], **kwargs: float
    ) -> dict[str, "Future[None]"]: ...

    def describe_user_scram_credentials(
        self, users: list[str] | None = None, **kwargs: float
    ) -> "Future[dict[str, Any]]": ...


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a provider's client needs."""

    username: str
    password: str
    """Shown once: Kafka keeps a salted hash."""
    mechanism: str
    assignments: str
    """The topic to read."""
    statuses: str
    """The topic to write."""
    answers: str
    """The topic on which it is said what became of what was written."""
    group_prefix: str
    """What the name of a consumer group must begin with."""


class Access:
    """Who may connect to Kafka as which provider."""

    def __init__(self, kafka: str) -> None:
        """Manage access on the cluster at host:port, as somebody who may."""
        self._kafka = kafka
        client = AdminClient(
            {"bootstrap.servers": kafka, "socket.timeout.ms": int(ANSWERS_WITHIN * 1000), "log_level": 0}
        )
        self._admin = cast("_Admin", client)

    def add(self, name: str) -> Credentials:
        """Make the provider's topics, a password and what it may do; return what its client needs.

        Raises:
            StackError: the directory has no such provider, or it has access already.
            BrokerError: Kafka does not answer, or refuses.
        """
        if name not in known(self._kafka):
            raise StackError(f"the directory that is published names no provider {name!r}")
        if name in self.names():
            raise StackError(f"{name} has access already; `divert provider rotate {name}` gives it a new password")
        kafka_admin.ensure_topics(self._kafka, [one for one in topic_specs([name], []) if f".{name}." in one.name])
        for made in self._admin.create_acls(bindings(name), request_timeout=ANSWERS_WITHIN).values():
            _done(made, f"allow {name} its topics")
        return self.rotate(name)

    def rotate(self, name: str) -> Credentials:
        """Give the provider a new password; connections with the old one live until they are made anew.

        Raises:
            BrokerError: Kafka does not answer, or refuses.
        """
        password = secrets.token_urlsafe(_PASSWORD_BYTES)
        wanted = UserScramCredentialUpsertion(
            name, ScramCredentialInfo(MECHANISM, ITERATIONS), password.encode(), secrets.token_bytes(_SALT_BYTES)
        )
        self._alter(name, wanted)
        return Credentials(
            username=name,
            password=password,
            mechanism="SCRAM-SHA-512",
            assignments=ASSIGNMENTS.name_of(name),
            statuses=STATUSES.name_of(name),
            answers=ANSWERS.name_of(name),
            group_prefix=f"{name}.",
        )

    def remove(self, name: str) -> None:
        """Take the provider's password and rights away; its topics stay.

        Raises:
            StackError: it has no access.
            BrokerError: Kafka does not answer, or refuses.
        """
        if name not in self.names():
            raise StackError(f"{name} has no access")
        removed = self._admin.delete_acls([_rights_of(name)], request_timeout=ANSWERS_WITHIN)
        for one in removed.values():
            _done(one, f"take away the rights of {name}")
        self._alter(name, UserScramCredentialDeletion(name, MECHANISM))

    def names(self) -> list[str]:
        """Return the providers that have access.

        Raises:
            BrokerError: Kafka does not answer, or refuses.
        """
        found = self._admin.describe_user_scram_credentials(request_timeout=ANSWERS_WITHIN)
        return sorted(_done(found, "list users"))

    def rights(self, name: str) -> list[AclBinding]:
        """Return what a provider may do.

        Raises:
            BrokerError: Kafka does not answer, or refuses.
        """
        return _done(self._admin.describe_acls(_rights_of(name), request_timeout=ANSWERS_WITHIN), "list rights")

    def _alter(self, name: str, change: UserScramCredentialUpsertion | UserScramCredentialDeletion) -> None:
        for changed in self._admin.alter_user_scram_credentials([change], request_timeout=ANSWERS_WITHIN).values():
            _done(changed, f"change the password of {name}")


def bindings(name: str) -> list[AclBinding]:
    """Return all that a provider may do: read its assignments and answers, write its statuses, as groups of its own."""
    literal, prefixed = ResourcePatternType.LITERAL, ResourcePatternType.PREFIXED
    rights = [
        (ResourceType.TOPIC, ASSIGNMENTS.name_of(name), literal, (AclOperation.READ, AclOperation.DESCRIBE)),
        (ResourceType.TOPIC, ANSWERS.name_of(name), literal, (AclOperation.READ, AclOperation.DESCRIBE)),
        (ResourceType.TOPIC, STATUSES.name_of(name), literal, (AclOperation.WRITE, AclOperation.DESCRIBE)),
        (ResourceType.GROUP, f"{name}.", prefixed, (AclOperation.READ,)),
    ]
    return [
        AclBinding(kind, resource, pattern, f"User:{name}", "*", operation, AclPermissionType.ALLOW)
        for kind, resource, pattern, operations in rights
        for operation in operations
    ]


def known(kafka: str) -> set[str]:
    """Return the providers of every directory that is published.

    Raises:
        BrokerError: Kafka does not answer.
    """
    found: set[str] = set()
    for fact in read_policies(kafka):
        if isinstance(fact, PolicyPublished) and fact.kind is PolicyKind.ROUTING:
            named = fact.document.get("providers")
            entries = named if isinstance(named, list) else []
            found.update(str(one["id"]) for one in entries if isinstance(one, Mapping) and "id" in one)
    return found


@provider.command()
def add(name: Name, *, kafka: Kafka = None, as_json: AsJson = False) -> None:
    """Let a provider's client in: topics, password (shown once) and rights."""
    _show(Access(_address(kafka)).add(name), as_json=as_json)


@provider.command()
def rotate(name: Name, *, kafka: Kafka = None, as_json: AsJson = False) -> None:
    """Give a provider a new password (shown once); the old one is no good for new connections."""
    access = Access(_address(kafka))
    if name not in access.names():
        raise StackError(f"{name} has no access; `divert provider add {name}` gives it some")
    _show(access.rotate(name), as_json=as_json)


@provider.command()
def remove(name: Name, *, kafka: Kafka = None) -> None:
    """Shut a provider's client out; its topics stay."""
    Access(_address(kafka)).remove(name)
    _console.print(f"{name} has no access any more.")


@provider.command("list")
def list_() -> None:
    """Show which providers have access."""
    names = Access(_address(None)).names()
    for name in names:
        _console.print(name, markup=False)
    if not names:
        _console.print("No provider uses Kafka with a client of its own.")


def _address(kafka: str | None) -> str:
    run = running()
    if kafka is None and run is None:
        raise StackError("nothing is running; start it with `divert up`, or give --kafka")
    return kafka or ("" if run is None else run.kafka)


def _show(credentials: Credentials, *, as_json: bool) -> None:
    run = running()
    where = "" if run is None else run.kafka_for_providers
    document = {
        "bootstrap.servers": where,
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": credentials.mechanism,
        "sasl.username": credentials.username,
        "sasl.password": credentials.password,
    }
    topics = {
        "read": credentials.assignments,
        "write": credentials.statuses,
        "answers": credentials.answers,
        "group prefix": credentials.group_prefix,
    }
    if as_json:
        print(json.dumps({"client": document, "topics": topics}, indent=2))
        return
    for name, value in document.items():
        _console.print(f"{name}={value}", markup=False)
    _console.print()
    for name, value in topics.items():
        _console.print(f"{name:<14} {value}", markup=False)
    _console.print("\nThe password is shown once. Beyond one machine use SASL_SSL.", style="dim")


def _rights_of(name: str) -> AclBindingFilter:
    any_ = cast("str", None)  # what the client means by any name or host, though its types do not say so
    return AclBindingFilter(
        ResourceType.ANY, any_, ResourcePatternType.ANY, f"User:{name}", any_, AclOperation.ANY, AclPermissionType.ANY
    )


def _done(answer: "Future[Any]", what: str) -> Any:  # noqa: ANN401  # whatever the admin's answer is
    try:
        return answer.result(ANSWERS_WITHIN + 5)
    except KafkaException as error:
        raise BrokerError(f"Kafka does not {what}: {error}") from error
    except TimeoutError as error:
        raise BrokerError(f"Kafka does not answer when it is to {what}") from error
