"""One request as the gateways see it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from orux_sandbox.bodies.multipart import Part
from orux_sandbox.engine.records import Account
from orux_sandbox.engine.terms import GatewayTerms
from orux_sandbox.wire import Endpoint, Refusal, Then


@dataclass
class RequestContext:
    """One request: made by the middleware, read by the routes."""

    endpoint: Endpoint
    gateway: GatewayTerms
    base_url: str
    client: str
    path_values: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    #: The fields of a form, where the body is one.
    parts: Sequence[Part] = ()
    account: Account | None = None
    request_id: str = field(default_factory=lambda: f"req_{secrets.token_hex(12)}")
    #: The fault that decides the outcome of the job this request submits.
    ordered_outcome: Then | None = None
    #: Whether a job was accepted and charged, or an earlier one handed out again.
    accepted: bool = False
    #: Whether the submission was refused because ``ordered_outcome`` says so.
    refused_as_ordered: bool = False
    #: What to do once the answer is complete or the caller has gone.
    afterwards: list[Callable[[], None]] = field(default_factory=list)

    @property
    def user(self) -> Account:
        """The account, on an endpoint that requires a key."""
        if self.account is None:
            raise Refusal("missing_key", "No API key was sent.")
        return self.account
