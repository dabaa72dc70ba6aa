"""Airflow's public REST API, as far as these commands need it; its refusals in words."""

from __future__ import annotations

import argparse
import getpass
import os
import re
import ssl
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import quote, urlsplit

import httpx

from airflow_provider_orux.cli.errors import CommandError, UsageError
from airflow_provider_orux.client.allowance import Allowance
from airflow_provider_orux.client.timed import TimedTransport
from airflow_provider_orux.client.transport import (
    UNANSWERED,
    client_arguments,
    distrust,
    exchange,
    open_transport,
)
from airflow_provider_orux.gateways.wire import HttpResponse
from airflow_provider_orux.models.errors import ConfigurationError, redact

#: Rows of one page; Airflow's own limit ([api] maximum_page_limit) is 100 as shipped.
PAGE = 100
#: Seconds for one answer, and for its silences; one that is long and moves has ten times as long.
PATIENCE = 30.0
#: Bytes of one answer that are read at most.
MOST_BYTES = 64 * 1024 * 1024
#: Airflow answers 403 to a token it rejects.
_BAD_TOKEN = re.compile(r"invalid jwt|token expired|invalid token", re.IGNORECASE)


class NotFoundError(CommandError):
    """Airflow does not have what was asked for.

    :param detail: Airflow's own words.
    """

    def __init__(self, message: str, *, detail: str) -> None:
        super().__init__(message)
        self.detail = detail


class AirflowApi:
    """A client of one Airflow's public API. Safe to use from several threads.

    :param base_url: Airflow's address, without ``/api/v2``.
    :param token: a token of it; None: ask for one without credentials, which only a development Airflow gives, where
        everybody is an administrator.
    :param origin: where the address comes from, for errors.
    :param transport: an httpx transport to use instead of the network (tests).
    """

    def __init__(
        self,
        base_url: str,
        *,
        token: str | None = None,
        origin: str = "--api-url",
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.base_url = _checked(base_url, origin)
        self.origin = origin
        self._token = token
        try:
            transport = transport or open_transport(TimedTransport, self.base_url, verify=_trust())
        except ConfigurationError as e:
            raise CommandError(e.message) from e
        self._client = httpx.Client(**{**client_arguments(), "timeout": PATIENCE}, transport=transport)

    @classmethod
    def of(cls, args: argparse.Namespace) -> AirflowApi:
        """The API that the arguments, the environment and Airflow's configuration name.

        :raises CommandError: a user name was given, and Airflow rejects it or its password.
        """
        base_url, origin = _base_url(args.api_url)
        token = args.token or os.environ.get("AIRFLOW_API_TOKEN")
        api = cls(base_url, token=token, origin=origin)
        user = args.user or (None if token else os.environ.get("AIRFLOW_API_USER"))
        if user:
            if args.token:
                raise UsageError("Give --token or --user, not both.")
            api.log_in(user, _password(args, user))
        return api

    def __enter__(self) -> AirflowApi:
        return self

    def __exit__(self, *exc: object) -> None:
        self._client.close()

    def log_in(self, user: str, password: str) -> None:
        """Get a token for a user name and a password.

        :raises CommandError: Airflow rejects them.
        """
        response = self._send("POST", "/auth/token", json={"username": user, "password": password})
        if response.status in (400, 401, 403, 422):
            raise CommandError(f"Airflow at {self.base_url} rejects this user name or password.")
        self._token = self._token_of(response)

    def get(self, path: str, *, params: Mapping[str, Any] | None = None) -> Any:
        """The JSON behind a path below ``/api/v2``.

        :raises NotFoundError: there is no such thing.
        :raises CommandError: Airflow refused, or cannot be reached.
        """
        return self._json(self.request("GET", path, params=params))

    def request(
        self, method: str, path: str, *, params: Mapping[str, Any] | None = None, json: Any = None
    ) -> HttpResponse:
        """One request below ``/api/v2``; see :meth:`get`."""
        response = self._send(method, f"/api/v2{path}", params=params, json=json, token=self._token)
        if response.status == 401 and self._token is None:
            self._token = self._token_without_credentials()
            response = self._send(method, f"/api/v2{path}", params=params, json=json, token=self._token)
        if _is_success(response):
            return response
        raise self._refusal(method, path, response)

    def rows(
        self, path: str, key: str, *, params: Mapping[str, Any] | None = None, limit: int | None = None
    ) -> Iterator[dict[str, Any]]:
        """All rows of a list, page by page.

        :param key: the list's name in the answer.
        :param limit: at most this many.
        """
        offset = 0
        while True:
            page = self.get(path, params={**(params or {}), "limit": PAGE, "offset": offset})
            rows = page.get(key) if isinstance(page, dict) else None
            if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
                raise CommandError(f"Airflow's answer to {path} has no list {key!r}.")
            total = page.get("total_entries")
            for row in rows:
                yield row
                offset += 1
                if limit is not None and offset >= limit:
                    return
            if not rows or not isinstance(total, int) or offset >= total:
                return

    def _send(
        self, method: str, path: str, *, token: str | None = None, params: Any = None, json: Any = None
    ) -> HttpResponse:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        allowance = Allowance(PATIENCE, longest=10 * PATIENCE, max_bytes=MOST_BYTES)
        try:
            request = self._client.build_request(
                method, self.base_url + path, params=params, json=json, headers=headers
            )
            return exchange(self._client, request, allowance, max_bytes=MOST_BYTES, secret=token)
        except UNANSWERED as e:
            words = redact(str(e), token) or type(e).__name__
            if (untrusted := distrust(e)) is not None:
                words = f"its certificate is not trusted ({untrusted}); name its CA in SSL_CERT_FILE"
            raise CommandError(
                f"Airflow's API at {self.base_url} ({self.origin}) cannot be reached: {words}. "
                "Give its address with --api-url or [api] base_url."
            ) from e

    def _token_without_credentials(self) -> str:
        response = self._send("GET", "/auth/token")
        if not _is_success(response):
            raise CommandError(
                f"Airflow at {self.base_url} needs a token: give --token (or AIRFLOW_API_TOKEN), or --user."
            )
        return self._token_of(response)

    def _token_of(self, response: HttpResponse) -> str:
        if _is_success(response):
            try:
                token = response.parsed()["access_token"]
            except (ValueError, RecursionError, KeyError, TypeError):
                token = None
            if isinstance(token, str) and token:
                return token
        raise CommandError(
            f"{self.base_url}/auth/token gives no token (HTTP {response.status}). If this is Airflow, its auth "
            "manager may issue tokens elsewhere: get one there and pass it with --token."
        )

    def _json(self, response: HttpResponse) -> Any:
        with suppress(ValueError, RecursionError):
            if not response.truncated:
                return response.parsed()
        what = "too long" if response.truncated else "not JSON"
        raise CommandError(f"{self.base_url} is not Airflow's API: its answer is {what}. Check --api-url.")

    def _refusal(self, method: str, path: str, response: HttpResponse) -> CommandError:
        status, detail = response.status, _detail(response)
        if status == 401 or (status == 403 and _BAD_TOKEN.search(detail)):
            return CommandError(
                f"Airflow at {self.base_url} rejects the token (it may have expired). Get a new one and pass it "
                "with --token or AIRFLOW_API_TOKEN, or use --user."
            )
        if status == 403:
            what = "read" if method == "GET" else "change"
            return CommandError(
                f"The user of this token may not {what} {_thing(path)} at {self.base_url} ({detail or 'forbidden'})."
            )
        if status == 404:
            if detail in ("", "Not Found"):
                return CommandError(
                    f"{self.base_url}/api/v2{path.partition('?')[0]} does not exist. The address must be that of "
                    "Airflow 3.3 or newer, without /api/v2. Check --api-url; below 3.3, set [orux] ledger_path here "
                    "too."
                )
            return NotFoundError(f"Airflow: {detail}.", detail=detail)
        if 300 <= status < 400:
            where = redact(response.headers.get("location", "nowhere"))[:200]
            return CommandError(f"{self.base_url} redirects to {where}: pass that address with --api-url.")
        return CommandError(
            f"Airflow answered HTTP {status} to {method} {path.partition('?')[0]}: {detail or 'no detail'}."
        )


def segment(value: str) -> str:
    """One part of a path: run ids hold colons and pluses, keys may hold anything."""
    return quote(value, safe="")


def _is_success(response: HttpResponse) -> bool:
    return 200 <= response.status < 300


def _detail(response: HttpResponse) -> str:
    try:
        detail = response.parsed()["detail"]
    except (ValueError, RecursionError, KeyError, TypeError):
        return ""
    if isinstance(detail, list):
        detail = "; ".join(
            f"{'.'.join(str(p) for p in d.get('loc', ()))}: {d.get('msg')}"
            for d in detail
            if isinstance(d, dict)
        )
    if isinstance(detail, dict):
        detail = detail.get("message") or detail.get("reason") or detail
    return redact(" ".join(str(detail).split()))[:400].rstrip(".")


def _thing(path: str) -> str:
    if "/state-store" in path:
        return "the state of this DAG's task instances"
    if path.startswith("/pools"):
        return "pools"
    return path.strip("/").partition("/")[0]


def _base_url(given: str | None) -> tuple[str, str]:
    if given:
        return given, "--api-url"
    from airflow.configuration import conf

    configured = conf.get("api", "base_url", fallback=None)
    if configured and "://" in configured:
        return configured, "[api] base_url"
    path = (configured or "").strip("/")
    url = f"http://localhost:{conf.getint('api', 'port', fallback=8080)}"
    return f"{url}/{path}".rstrip("/"), "the default, since [api] base_url is not set"


def _checked(base_url: str, origin: str) -> str:
    url = base_url.strip().rstrip("/")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(
            f"Airflow's address ({origin}) is {url!r}; it looks like https://airflow.example.com."
        )
    if parts.username or parts.password:
        raise UsageError(f"Airflow's address ({origin}) contains a user name or password: use --user.")
    return url.removesuffix("/api/v2")


def _password(args: argparse.Namespace, user: str) -> str:
    password = args.password or os.environ.get("AIRFLOW_API_PASSWORD")
    if password:
        return str(password)
    if sys.stdin.isatty():
        return getpass.getpass(f"Password of {user}: ")
    raise UsageError("--user needs a password: --password, or AIRFLOW_API_PASSWORD in the environment.")


def _trust() -> ssl.SSLContext:
    """The system's certificates (or SSL_CERT_FILE's), and Airflow's own."""
    from airflow.configuration import conf

    context = ssl.create_default_context()
    own = conf.get("api", "ssl_cert", fallback="")
    if own and os.path.isfile(own):
        context.load_verify_locations(own)
    return context
