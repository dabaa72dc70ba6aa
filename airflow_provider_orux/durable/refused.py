"""A paid request that brought no job: what becomes of its intent, and whether the other route is tried."""

from __future__ import annotations

from airflow_provider_orux.durable.ledger import Ledger
from airflow_provider_orux.gateways.base import Gateway
from airflow_provider_orux.lifecycle.ledger import Action
from airflow_provider_orux.metrics import count
from airflow_provider_orux.models.errors import AmbiguousSubmitError, IdempotencyKeyReusedError, OruxError
from airflow_provider_orux.models.requests import GenerationRequest


def after_failed_submission(error: OruxError, ledger: Ledger, *, resend: bool) -> OruxError:
    """Withdraw the intent where nothing was accepted for sure, else leave it.

    :param resend: the same submission was sent before, and its answer was lost.
    :returns: what to raise: the error, or one that says more.
    """
    if error.charged == "no" and resend:
        # This attempt was refused, but the earlier one may have been accepted. The intent stays.
        message = f"{error.message.rstrip('.')}; it is unknown whether an earlier attempt was accepted"
        if not error.final:
            error.charged, error.message = "unknown", message
            return error
        return AmbiguousSubmitError(
            message, gateway=error.gateway, code=error.code, http_status=error.http_status
        )
    if error.charged == "no":
        ledger.withdraw()
    elif isinstance(error, AmbiguousSubmitError):
        count("orux.ambiguous", gateway=ledger.attempt.gateway)
        if not isinstance(error, IdempotencyKeyReusedError):
            # A retry is of use only where the record lets it send again. Without a ledger it would pay again.
            error.final = not ledger.durable or ledger.decide().action is Action.FAIL
    return error


def falls_back(error: OruxError, ledger: Ledger, gateway: Gateway, request: GenerationRequest) -> bool:
    """Whether the refused job is asked for once more, from the synchronous endpoint: under an intent of its own, so the
    refused one must have been taken back.
    """
    # Of the same attempt once: on the synchronous route there is nothing left to fall back to.
    return (
        not ledger.attempt.synchronous
        and error.charged == "no"
        and ledger.is_withdrawn
        and gateway.falls_back(request, error)
    )
