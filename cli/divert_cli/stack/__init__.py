"""The local stack: Kafka, Postgres, Valkey and the services on one machine, without Docker, Java or root."""

from divert_cli.errors import StackError
from divert_cli.stack.local import LocalStack, discard
from divert_cli.stack.record import Run, running

__all__ = ["LocalStack", "Run", "StackError", "discard", "running"]
