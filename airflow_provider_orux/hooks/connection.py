"""Reads and checks an Airflow connection: the meaning of its fields and extras."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from airflow_provider_orux.client.settings import ClientSettings
from airflow_provider_orux.gateways.base import Gateway
from airflow_provider_orux.gateways.registry import gateway_for
from airflow_provider_orux.lifecycle.polling import AUTH_GRACE
from airflow_provider_orux.models.errors import ConfigurationError
from airflow_provider_orux.models.registry import GATEWAYS
from airflow_provider_orux.models.spelling import nearest


class Extra(BaseModel):
    """The extras that all gateways share. Empty text, as the form sends it, means "not given".

    :param allow_private_hosts: allow downloads from private addresses; the sandbox needs this.
    :param max_artifact_mib: MiB; larger artifacts are refused.
    :param max_inline_mib: MiB; longer answers, such as a finished job with its images inside, are refused.
    :param max_pixels: images with more pixels are refused before they are decoded.
    :param max_artifacts: how many artifacts of one job are saved.
    :param max_job_mib: MiB of all artifacts of one job together.
    :param save_timeout: seconds for saving one job in one try of its task.
    :param connect_timeout: seconds to reach the host.
    :param read_timeout: seconds without a byte of an answer, for polls and submissions.
    :param generate_timeout: the same for a synchronous generation, which holds its worker.
    :param proxy: URL of a proxy for submissions, polls and downloads.
    :param strict_proxy: behind a proxy, refuse artifacts from host names that the worker itself cannot resolve to
        public addresses.
    :param ca_path: file of trusted certificates, instead of the system's.
    :param max_in_flight_polls: how many polls one triggerer sends at once (a poll may count against the account's
        concurrency).
    :param auth_grace: seconds a refused key (401, 403) is tolerated while waiting for a paid job.
    :param definite_refusals: the vendor's errors that mean nothing was accepted, as ``status:code, …``.
    :param cancel_on_kill: cancel the job of a task that a person ended, where the gateway can.
    """

    model_config = ConfigDict(extra="allow", hide_input_in_errors=True)

    allow_private_hosts: bool = False
    max_artifact_mib: float = Field(default=256, gt=0, le=65536)
    max_inline_mib: float = Field(default=256, gt=0, le=4096)
    max_pixels: int = Field(default=200_000_000, ge=1)
    max_artifacts: int = Field(default=256, ge=1, le=100_000)
    max_job_mib: float = Field(default=4096, gt=0, le=1_048_576)
    save_timeout: float = Field(default=3600, gt=0, le=86_400)
    connect_timeout: float = Field(default=10, gt=0, le=600)
    read_timeout: float = Field(default=30, gt=0, le=3600)
    generate_timeout: float = Field(default=300, gt=0, le=7200)
    proxy: str | None = Field(default=None, repr=False)
    strict_proxy: bool = False
    ca_path: str | None = None
    max_in_flight_polls: int | None = Field(default=None, ge=1, le=1000)
    auth_grace: float = Field(default=AUTH_GRACE, ge=0, le=86_400)
    definite_refusals: str | list[str] | None = None
    cancel_on_kill: bool = False


@dataclass(frozen=True)
class GatewayConnection:
    """A checked connection.

    :param conn_id: the connection's id.
    :param gateway: the wire of its type, with its options.
    :param client: where and how to reach it.
    :param extra: the extras that all gateways share.
    :param unknown: names of unknown extras.
    """

    conn_id: str
    gateway: Gateway
    client: ClientSettings
    extra: Extra = field(repr=False)
    unknown: tuple[str, ...] = field(default=())

    @property
    def max_in_flight_polls(self) -> int:
        """How many polls may be in flight: the connection's setting, else the gateway's default."""
        return self.extra.max_in_flight_polls or self.gateway.default_in_flight_polls

    def cancels(self, job_id: str) -> bool:
        """Whether a job is cancelled once its task was ended: the connection says so, and the gateway can."""
        return self.extra.cancel_on_kill and self.gateway.can_cancel(job_id)

    @property
    def account(self) -> ClientSettings | None:
        """How the account is asked for its balance; None: it wants a key of its own, which the connection lacks."""
        options = self.gateway.options
        if "access_key" not in options:
            return self.client
        if not options["access_key"]:
            return None
        host = base_url(str(options["account_host"]))
        return replace(self.client, base_url=host, key=str(options["access_key"]).strip())

    def unknown_extras(self) -> str | None:
        """A sentence about unknown extras, with the nearest right names; None if there are none."""
        if not self.unknown:
            return None
        names = [*Extra.model_fields, *self.gateway.OPTIONS]
        hints = [
            f"{n!r}" + (f" (did you mean {near!r}?)" if (near := nearest(n, names)) else "")
            for n in self.unknown
        ]
        return f"Connection {self.conn_id!r} has extras that nothing reads: {', '.join(hints)}"


def read_connection(
    *,
    conn_id: str,
    conn_type: str | None,
    host: str | None,
    port: int | None,
    schema: str | None,
    password: str | None,
    extra: Mapping[str, Any],
    argument: str = "conn_id",
) -> GatewayConnection:
    """Check the parts of an Airflow connection.

    :param argument: the operator's argument that named the connection, for the error.
    :raises ConfigurationError: the connection's type is not a gateway, or a setting is invalid.
    """
    name = (conn_type or "").replace("-", "_")
    if name not in GATEWAYS:
        raise ConfigurationError(
            f"Connection {conn_id!r} is of type {conn_type or 'none'!r}, which is not a generation gateway "
            f"({', '.join(GATEWAYS)}); it was named by the argument {argument!r} (or by default_args)",
            param=argument,
            charged="no",
        )
    given = {k: v for k, v in extra.items() if v is not None and v != ""}
    try:
        parsed = Extra.model_validate(given)
    except ValidationError as e:
        first = e.errors(include_url=False)[0]
        where = str(first["loc"][0])
        raise ConfigurationError(
            f"Extra {where!r} of connection {conn_id!r}: {first['msg']}",
            gateway=name,
            param=where,
            charged="no",
        ) from None
    gateway = gateway_for(name, given)
    try:
        client = ClientSettings(
            base_url=base_url(host or gateway.host, port=port, schema=schema, api_path=gateway.api_path),
            key=(password or "").strip() or None,
            connect_timeout=parsed.connect_timeout,
            read_timeout=parsed.read_timeout,
            generate_timeout=parsed.generate_timeout,
            proxy=parsed.proxy,
            ca_path=parsed.ca_path,
            max_answer_bytes=int(parsed.max_inline_mib * 1024 * 1024),
        )
    except ConfigurationError as e:
        e.message = f"Connection {conn_id!r}: {e.message}"
        raise
    unknown = tuple(n for n in given if n not in Extra.model_fields and n not in gateway.OPTIONS)
    return GatewayConnection(conn_id, gateway, client, parsed, unknown)


def base_url(
    host: str, *, port: int | None = None, schema: str | None = None, api_path: str | None = None
) -> str:
    """The URL of a host as people write it: with or without a scheme, with or without a port.

    Without a scheme it is https, and http for a loopback address.

    :param schema: ``http`` or ``https``; any other is the path of a connection's URI, and belongs to the URL.
    :param api_path: what the gateway's own paths begin with; a host that ends with it, or with a part, is meant
        without.
    """
    schema = (schema or "").strip()
    scheme_of_schema = schema.lower() if schema.lower() in ("http", "https") else None
    host = host.strip()
    if host.count(":") > 1 and "[" not in host and "://" not in host:
        host = f"[{host}]"  # a bare IPv6 address: Airflow takes the brackets off when it reads a URI
    if "://" not in host:
        scheme = scheme_of_schema or ("http" if _is_loopback(host) else "https")
        host = f"{scheme}://{host}"
    scheme, _, rest = host.partition("://")
    netloc, _, path = rest.partition("/")
    if port and ":" not in netloc.rpartition("]")[2]:
        netloc = f"{netloc}:{port}"
    if schema and scheme_of_schema is None:
        path = f"{path}/{schema}"
    return f"{scheme}://{netloc}{_without_api(path, api_path)}"


def _without_api(path: str, api_path: str | None) -> str:
    """A path without what the gateway's own paths begin with: ``/prefix/api/v1`` is ``/prefix``."""
    parts = [part for part in path.split("/") if part]
    own = (api_path or "").strip("/").split("/")
    for begin in range(len(parts)):
        rest = parts[begin:]
        if rest[: len(own)] == own[: len(rest)]:
            parts = parts[:begin]
            break
    return "".join(f"/{part}" for part in parts)


def _is_loopback(host: str) -> bool:
    name = host.partition("/")[0]
    name = name[1:].partition("]")[0] if name.startswith("[") else name.partition(":")[0]
    if name == "localhost":
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False
