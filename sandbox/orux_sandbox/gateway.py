"""What a gateway is to the sandbox: its terms, its routes, its way to refuse.

A new gateway is one folder with one class of this shape, added to the list in ``http/app.py``. The engine
(accounts, jobs, charges), the middleware (slots, faults, log) and the drawing know none of them by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from fastapi import APIRouter

from orux_sandbox.engine.context import RequestContext
from orux_sandbox.engine.engine import Engine
from orux_sandbox.engine.records import Job
from orux_sandbox.engine.terms import GatewayTerms
from orux_sandbox.wire import Answer, Refusal, Then


class Gateway(GatewayTerms, Protocol):
    """One vendor's wire."""

    def router(self, engine: Engine) -> APIRouter:
        """The routes."""
        ...

    def headers(self, context: RequestContext) -> Mapping[str, str]:
        """Headers every answer has."""
        ...

    def target_of(self, context: RequestContext) -> tuple[str | None, str | None]:
        """The job and the model a request is about, as far as it says so itself."""
        ...

    def refuse(self, refusal: Refusal, engine: Engine, context: RequestContext | None) -> Answer:
        """The vendor's way to refuse; without a context for a path nobody serves."""
        ...

    def ordered_error(self, then: Then, context: RequestContext) -> Answer:
        """The vendor's error envelope around a status and code that a fault asks for."""
        ...

    def webhook(self, engine: Engine, base_url: str, job: Job) -> tuple[dict[str, str], bytes]:
        """Headers and body of the POST that reports the end of a job."""
        ...
