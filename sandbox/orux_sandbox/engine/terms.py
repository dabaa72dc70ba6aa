"""What the engine has to know about a gateway: its accounts, keys and money, but not its wire."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol

from orux_sandbox.settings import Settings
from orux_sandbox.wire import Endpoint


class GatewayTerms(Protocol):
    """A gateway's terms of business."""

    #: Also the type of an Airflow connection to it.
    name: str
    title: str
    endpoints: Sequence[Endpoint]
    #: The key of the account that exists from the start.
    default_key: str
    #: Prefixes of this gateway's paths.
    paths: Sequence[str]
    #: What its accounts hold.
    currency: Literal["Credits", "USD"]
    #: When the money goes: when a job is accepted, or when it has succeeded.
    charges_on: Literal["acceptance", "completion"]
    #: The code of a job that fails without being told which one.
    failed_code: str
    #: How often a webhook is tried.
    webhook_attempts: int

    def new_key(self) -> str:
        """A new key in the documented shape."""
        ...

    def key_of(self, headers: Mapping[str, str]) -> str | None:
        """The key a request carries (header names in lower case)."""
        ...

    def guests(self, settings: Settings) -> bool:
        """Whether a request without a key is welcome where ``Endpoint.key`` is "guest"."""
        ...

    def refunds(self, settings: Settings) -> bool:
        """Whether jobs that end badly are refunded."""
        ...

    def connection_extra(self, settings: Settings) -> Mapping[str, Any]:
        """What an Airflow connection's extra needs beyond the common fields."""
        ...
