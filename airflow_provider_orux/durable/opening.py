"""What a DAG author chose for one paid job, as one value, and how the job is put together from it."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import partial
from typing import Any

from airflow_provider_orux.durable.delivery import Delivery, OnPartial
from airflow_provider_orux.durable.identity import TaskIdentity
from airflow_provider_orux.durable.job import DurableJob
from airflow_provider_orux.durable.killed import cancel_killed
from airflow_provider_orux.durable.ledger import Ledger
from airflow_provider_orux.durable.open_store import record_store
from airflow_provider_orux.durable.pricing import Forecast
from airflow_provider_orux.durable.provenance import RecordPrompt
from airflow_provider_orux.durable.reuse import ResultStore
from airflow_provider_orux.durable.shown import push_error
from airflow_provider_orux.gateways.base import Route
from airflow_provider_orux.hooks.base import GatewayHook
from airflow_provider_orux.lifecycle import advice
from airflow_provider_orux.lifecycle.ledger import (
    Attempt,
    OnAmbiguousSubmit,
    OnClear,
    OnRequestChanged,
    Policy,
)
from airflow_provider_orux.models.arguments import refuse
from airflow_provider_orux.models.errors import LedgerError, OruxError
from airflow_provider_orux.models.requests import GenerationRequest


@dataclass(frozen=True)
class JobSettings:
    """The arguments of :class:`~airflow_provider_orux.operators.base.OruxOperator`, rendered; described there."""

    conn_id: str
    timeout: float
    poll_interval: float | None
    wait_for_completion: bool
    deferrable: bool
    durable: bool
    on_clear: OnClear
    on_request_changed: OnRequestChanged
    on_ambiguous_submit: OnAmbiguousSubmit
    retries: int
    free_retries: bool
    fingerprint_exclude: tuple[str, ...]
    reuse: bool
    save_to: str | None
    storage_conn_id: str | None
    on_partial: OnPartial
    record_prompt: RecordPrompt
    push_urls: bool
    outlets: Sequence[Any]

    @classmethod
    def of(cls, arguments: Any) -> JobSettings:
        """Read them from attributes of the same names."""
        values = {f.name: getattr(arguments, f.name) for f in fields(cls)}
        return cls(**{**values, "retries": arguments.retries or 0, "reuse": arguments.reuse == "always"})


def open_job(
    request: GenerationRequest,
    hook: GatewayHook,
    context: Any,
    settings: JobSettings,
    *,
    route: Route | None,
    log: Any,
) -> DurableJob:
    """The paid job of a task instance.

    :param route: the route that the operator prefers; None: the connection's.
    :raises LedgerError: there is no ledger, and an earlier try may have paid.
    """
    identity = TaskIdentity.of(context)
    if not settings.durable and settings.free_retries and not identity.is_first_try(settings.retries):
        raise LedgerError(
            "With durable=False nobody knows whether an earlier attempt of this task paid",
            next_step="Set `retries` if a retry may pay again.",
        )
    client, gateway = hook.get_conn(), hook.connection.gateway
    attempt = Attempt.of(
        request,
        gateway=gateway.name,
        conn_id=settings.conn_id,
        host=client.settings.host,
        account=client.settings.account,
        max_tries=identity.max_tries,
        synchronous=gateway.route(request, wanted=route, deferrable=settings.deferrable) == "sync",
        exclude=settings.fingerprint_exclude,
    )
    policy = Policy(
        on_clear=settings.on_clear,
        on_request_changed=settings.on_request_changed,
        on_ambiguous_submit=settings.on_ambiguous_submit,
        paying_retries=not settings.free_retries,
        # A guest has no account in which an idempotency key could be remembered.
        idempotency_seconds=gateway.idempotency_seconds if attempt.account is not None else 0.0,
    )
    store = record_store(context, log=log) if settings.durable else None
    return DurableJob(
        request,
        client=client,
        ledger=Ledger(store, attempt=attempt, policy=policy, identity=identity, log=log),
        delivery=Delivery(
            conn_id=settings.conn_id,
            connection=hook.connection,
            context=context,
            log=log,
            save_to=settings.save_to,
            storage_conn_id=settings.storage_conn_id,
            on_partial=settings.on_partial,
            record_prompt=settings.record_prompt,
            push_urls=settings.push_urls,
            outlets=settings.outlets,
        ),
        log=log,
        timeout=settings.timeout,
        poll_interval=settings.poll_interval,
        wait_for_completion=settings.wait_for_completion,
        results=ResultStore.configured(log=log) if settings.reuse else None,
        may_fall_back=route is None,
        cancel=partial(cancel_killed, hook.connection, context["ti"], log=log),
    )


def complete_unread(error: OruxError, context: Any, *, durable: bool, record_prompt: RecordPrompt) -> None:
    """Before the ledger was read, say what it holds: the error may be about a job that is paid for.

    :param durable: whether there is a ledger.
    :param record_prompt: other than ``full``: the gallery is told no words of the error, for they may be the prompt's.
    """
    record = None
    # A ledger that is not there, or cannot be reached, says nothing; and this error is not to be hidden by another.
    with contextlib.suppress(Exception):
        identity = TaskIdentity.of(context)
        record = record_store(context, log=logging.getLogger(__name__)).read() if durable else None
        advice.complete_unread(error, record, retries_left=identity.try_number <= identity.max_tries)
    push_error(context, error, keep_line=record_prompt == "full", keep_urls=False, record=record)


def forecast(conn_id: str, model: str, *, verb: str, count: Any, images: int) -> Forecast:
    """What submissions through a connection will cost at most. It costs nothing.

    :param count: a number, or the text of one.
    :raises InvalidRequestError: it is none.
    """
    try:
        number = int(count)
    except (TypeError, ValueError):
        refuse("count", f"`count` is {count!r}; it must be a whole number")
    if number < 0:
        refuse("count", f"`count` is {number}; it must be 0 or more")
    with GatewayHook.for_conn(conn_id) as hook:
        return Forecast.of(
            number, model=model, verb=verb, images=images, connection=hook.connection, conn_id=conn_id
        )
