"""The connection that a command is about: as it is readable here, else what Airflow's API shows of it."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass

from airflow_provider_orux.cli.airflow_api import AirflowApi, NotFoundError, segment
from airflow_provider_orux.cli.errors import CommandError
from airflow_provider_orux.client.settings import ClientSettings
from airflow_provider_orux.hooks.connection import GatewayConnection, read_connection
from airflow_provider_orux.models.errors import ConfigurationError

#: Airflow looks into its own database only in a process in which this is "server"; ``airflow connections get`` does so.
_PROCESS_CONTEXT = "_AIRFLOW_PROCESS_CONTEXT"


@dataclass(frozen=True)
class FoundConnection:
    """A connection, or why there is none.

    :param connection: None when it is not readable.
    :param with_key: whether its key is there too: Airflow's API shows no keys.
    :param why: one sentence, when it is not readable.
    """

    connection: GatewayConnection | None
    with_key: bool = False
    why: str = ""

    @property
    def gateway_name(self) -> str | None:
        """``orux``, ``yescale`` or ``opengpu_relay``; None: not known."""
        return self.connection.gateway.name if self.connection else None


def find_connection(conn_id: str, api: AirflowApi | None = None) -> FoundConnection:
    """Look a connection up here (environment, secrets backend, Airflow's database), then in Airflow's API.

    :param api: None: only here.
    :raises ConfigurationError: it exists, but is not a gateway's, or one of its settings is wrong.
    """
    from airflow.sdk import BaseHook

    from airflow_provider_orux.hooks.base import read_airflow_connection

    try:
        with _beside_the_database():
            conn = BaseHook.get_connection(conn_id)
    except Exception as e:
        # A secrets backend may fail in any way of its own.
        why = f"connection {conn_id!r} is not readable here ({type(e).__name__})"
    else:
        return FoundConnection(read_airflow_connection(conn, conn_id, argument="CONN_ID"), with_key=True)
    if api is None:
        return FoundConnection(None, why=why)
    try:
        value = api.get(f"/connections/{segment(conn_id)}")
    except NotFoundError:
        return FoundConnection(None, why=f"{why}, and Airflow's API has no such connection")
    except CommandError as e:
        return FoundConnection(None, why=f"{why}, and Airflow's API does not show it: {e}")
    extra = value.get("extra")
    try:
        extras = json.loads(extra) if isinstance(extra, str) and extra.strip() else {}
    except ValueError:
        extras = {}
    try:
        connection = read_connection(
            conn_id=conn_id,
            conn_type=value.get("conn_type"),
            host=value.get("host"),
            port=value.get("port"),
            schema=value.get("schema"),
            password=None,
            # The API shows stars for what it takes for a secret.
            extra={k: v for k, v in extras.items() if v != "***"} if isinstance(extras, dict) else {},
            argument="CONN_ID",
        )
    except ConfigurationError as e:
        return FoundConnection(
            None, why=f"{why}, and what Airflow's API shows of it cannot be used: {e.message}"
        )
    return FoundConnection(connection)


@contextlib.contextmanager
def _beside_the_database() -> Iterator[None]:
    before = os.environ.get(_PROCESS_CONTEXT)
    os.environ[_PROCESS_CONTEXT] = before or "server"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_PROCESS_CONTEXT]


def connection_of(conn_id: str, api: AirflowApi | None) -> FoundConnection:
    """The same for a record: one that cannot be used is as good as none."""
    try:
        return find_connection(conn_id, api)
    except ConfigurationError as e:
        return FoundConnection(None, why=e.message)


def patience(found: FoundConnection, *, synchronous: bool) -> float:
    """Seconds after which the answer to a paid request, or the note of it, can no longer come.

    :param synchronous: whether the request was a synchronous generation.
    """
    settings = found.connection.client if found.connection else ClientSettings("https://localhost")
    return settings.answer_patience(synchronous=synchronous)
