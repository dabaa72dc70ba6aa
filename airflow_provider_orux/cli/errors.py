"""How a command fails: what it tells a person, and its exit status."""

from __future__ import annotations

from airflow_provider_orux.models.errors import redact


class CommandError(Exception):
    """The command was refused or failed.

    :param message: what is wrong and what to do, for a person.
    :param details: more lines, each printed on a line of its own.
    :param status: 1: refused or failed; 2: used wrongly.
    """

    def __init__(self, message: str, *details: str, status: int = 1) -> None:
        super().__init__(redact(message))
        self.details = tuple(redact(line) for line in details)
        self.status = status


class UsageError(CommandError):
    """The arguments do not go together."""

    def __init__(self, message: str) -> None:
        super().__init__(message, status=2)
