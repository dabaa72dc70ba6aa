"""How a job is put together from what the author chose, and which task instance it belongs to."""

from __future__ import annotations

import logging
from dataclasses import replace
from types import SimpleNamespace

import pytest

from airflow_provider_orux.compat import COMMAND
from airflow_provider_orux.durable.identity import TaskIdentity
from airflow_provider_orux.durable.opening import JobSettings, open_job
from airflow_provider_orux.hooks.connection import read_connection
from airflow_provider_orux.models.errors import ConfigurationError, LedgerError
from tests.durable.fakes import FLUX, IMAGE, IMAGINE, KEY, FakeClient, Rows

SETTINGS = JobSettings(
    conn_id="orux_default", timeout=600.0, poll_interval=None, wait_for_completion=True, deferrable=True,
    durable=True, on_clear="auto", on_request_changed="fail", on_ambiguous_submit="fail", retries=3,
    free_retries=True, fingerprint_exclude=(), reuse=False, save_to=None, storage_conn_id=None, on_partial="fail",
    record_prompt="full", push_urls=True, outlets=(),
)  # fmt: skip


def opened(request=IMAGINE, *, conn_type="orux", key=KEY, try_number=1, max_tries=3, store=True, **changes):
    connection = read_connection(
        conn_id="orux_default", conn_type=conn_type, host=None, port=None, schema=None, password=key, extra={}
    )
    client = FakeClient(connection.gateway, [], key=key)
    hook = SimpleNamespace(get_conn=lambda: client, connection=connection)
    ti = SimpleNamespace(
        dag_id="d", run_id="r", task_id="t", map_index=None, try_number=try_number, max_tries=max_tries
    )
    context = {"ti": ti, **({"task_state_store": Rows([]).view()} if store else {})}
    settings = replace(SETTINGS, **changes)
    return open_job(request, hook, context, settings, route=None, log=logging.getLogger("t"))


def test_the_author_decides_whether_retries_pay():
    assert not opened().ledger.policy.paying_retries
    assert opened(free_retries=False).ledger.policy.paying_retries


def test_an_image_takes_the_asynchronous_route_when_nobody_has_to_wait():
    assert not opened(IMAGE).ledger.attempt.synchronous
    assert opened(IMAGE, deferrable=False).ledger.attempt.synchronous


def test_a_guest_has_no_account_to_remember_an_idempotency_key():
    assert opened(FLUX, conn_type="opengpu_relay", key="relay_sk_x").ledger.policy.idempotency_seconds > 0
    assert opened(FLUX, conn_type="opengpu_relay", key=None).ledger.policy.idempotency_seconds == 0


def test_without_a_state_store_an_operator_that_promises_a_ledger_does_not_start():
    with pytest.raises(LedgerError) as caught:
        opened(store=False)
    assert caught.value.charged == "no"
    assert "ledger_path" in caught.value.next_step
    assert "durable=False" in caught.value.next_step


def test_without_a_ledger_the_first_try_pays():
    assert not opened(durable=False, retries=0, max_tries=0, store=False).ledger.durable


def test_without_a_ledger_a_free_retry_refuses_to_pay_again():
    with pytest.raises(LedgerError, match="nobody knows whether an earlier attempt"):
        opened(durable=False, try_number=2)


def test_without_a_ledger_a_retry_the_author_set_pays_again():
    assert opened(durable=False, free_retries=False, try_number=2)


@pytest.mark.parametrize(
    ("retries", "try_number", "max_tries", "first"),
    [(0, 1, 0, True), (3, 1, 3, True), (3, 2, 3, False), (3, 4, 3, False), (3, 5, 7, True), (3, 2, 4, True),
     (0, 2, 1, True), (3, 6, 7, False)],
)  # fmt: skip
def test_the_first_try_of_a_run_is_told_by_airflows_numbers(retries, try_number, max_tries, first):
    identity = TaskIdentity("d", "r", "t", -1, try_number, max_tries)
    assert identity.is_first_try(retries) is first


def test_reuse_needs_a_place_to_look():
    with pytest.raises(ConfigurationError, match="needs a place"):
        opened(reuse=True)


def test_fields_the_author_excludes_do_not_count_as_a_change():
    first = opened(fingerprint_exclude=("prompt",)).ledger.attempt
    other = opened(
        IMAGINE.model_copy(update={"prompt": "a windmill"}), fingerprint_exclude=("prompt",)
    ).ledger.attempt
    assert first.fingerprint == other.fingerprint


def test_each_submission_of_a_task_instance_has_an_id_of_its_own():
    identity = TaskIdentity("d", "r", "t", -1, 1, 3)
    ids = {
        identity.submission_id(fingerprint=f, at=at, resubmits=n)
        for f in ("a", "b") for at in (1.0, 1.002) for n in (0, 1)
    }  # fmt: skip
    assert len(ids) == 8


def test_a_command_survives_a_shell():
    identity = TaskIdentity("d", "manual__2026 01", "t", 2, 1, 3)
    command = identity.command("settle", urls=["https://f/1?a=1&b=2"])
    assert command == (
        f"{COMMAND} ledger settle d 'manual__2026 01' t --map-index 2 --url 'https://f/1?a=1&b=2'"
    )
