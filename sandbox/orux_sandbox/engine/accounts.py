"""Accounts and their keys: who a request comes from, and what an account starts with."""

from __future__ import annotations

import ipaddress
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace

from orux_sandbox.engine.context import RequestContext
from orux_sandbox.engine.records import Account, Key
from orux_sandbox.engine.store import Store
from orux_sandbox.engine.terms import GatewayTerms
from orux_sandbox.settings import Settings
from orux_sandbox.wire import Refusal

#: Whose account is made where the caller names no gateway.
_DEFAULT = "orux"


class Accounts:
    """The accounts of all gateways."""

    def __init__(self, store: Store, gateways: Sequence[GatewayTerms]) -> None:
        self._store = store
        self._gateways = tuple(gateways)

    def gateway(self, name: str) -> GatewayTerms:
        """A gateway by its name.

        :raises ValueError: there is no such gateway.
        """
        found = next((one for one in self._gateways if one.name == name), None)
        if found is None:
            known = ", ".join(one.name for one in self._gateways)
            raise ValueError(f"there is no gateway {name!r} here; there are {known}")
        return found

    def open_defaults(self, settings: Settings) -> None:
        """Open the account every gateway starts with, where it is not there yet."""
        for gateway in self._gateways:
            if self._store.key(gateway.default_key) is None:
                account = self._opened(gateway.name, gateway, settings)
                self._store.save_key(Key(key=gateway.default_key, account=account.id))

    def authenticate(self, context: RequestContext, headers: Mapping[str, str], settings: Settings) -> None:
        """Find the account of a request.

        :raises Refusal: the key is missing, unknown, disabled, expired, or not for this address.
        """
        wanted, gateway = context.endpoint.key, context.gateway
        if wanted == "none":
            return
        sent = gateway.key_of(headers)
        if sent is None:
            if wanted == "optional":
                return
            if wanted == "guest" and gateway.guests(settings):
                context.account = self._guest(gateway, settings)
                return
            raise Refusal("missing_key", "No API key was sent.")
        key = self._store.key(sent)
        account = None if key is None else self._store.account(key.account)
        if key is None or account is None or account.gateway != gateway.name:
            raise Refusal("bad_key", "This API key does not exist.")
        if key.state == "disabled":
            raise Refusal("disabled_key", "This API key was disabled.")
        if key.state == "expired":
            raise Refusal("expired_key", "This API key has expired.")
        if key.ips and not _inside(context.client, key.ips):
            raise Refusal("ip", f"{context.client} is not in the allow-list of this API key.")
        context.account = account

    def save(
        self,
        settings: Settings,
        *,
        account: str | None = None,
        gateway: str = _DEFAULT,
        key: str | None = None,
        balance: float | None = None,
        disabled: bool | None = None,
        expired: bool | None = None,
        ips: Sequence[str] | None = None,
    ) -> tuple[str, Key | None]:
        """Create or change an account and one key of it: the account's name and the key, if it has one.

        A known ``key`` names its account. Without a key and with a new ``account``, a key is made.

        :raises ValueError: an unknown gateway, an account of another one, a key of another account, or not an address
            range.
        """
        terms = self.gateway(gateway)
        for network in ips or ():
            ipaddress.ip_network(network)
        known = None if key is None else self._store.key(key)
        if known is not None and account not in (None, known.account):
            raise ValueError("this key belongs to another account")
        name = known.account if known is not None else account or f"user-{secrets.token_hex(3)}"
        before = self._store.account(name)
        if before is not None and gateway not in (_DEFAULT, before.gateway):
            raise ValueError(f"the account {name!r} is one of {before.gateway}: name another for {gateway}")
        saved = before or self._opened(name, terms, settings)
        if balance is not None:
            self._store.save_account(replace(saved, balance=balance))
        touches_key = key is not None or before is None or (disabled, expired, ips) != (None, None, None)
        if known is None and touches_key:
            owned = self._store.keys(name) if key is None else []
            known = owned[0] if owned else Key(key=key or terms.new_key(), account=name)
        if known is None:
            return name, next(iter(self._store.keys(name)), None)  # a guest has none
        state = known.state
        if disabled is not None:
            state = "disabled" if disabled else "active"
        if expired is not None and not disabled:
            state = "expired" if expired else "active"
        known = replace(known, state=state, ips=known.ips if ips is None else tuple(ips))
        self._store.save_key(known)
        return name, known

    def _guest(self, gateway: GatewayTerms, settings: Settings) -> Account:
        """The account everybody without a key shares."""
        name = f"{gateway.name}-guest"
        return self._store.account(name) or self._opened(name, gateway, settings)

    def _opened(self, name: str, gateway: GatewayTerms, settings: Settings) -> Account:
        balance = settings.credits if gateway.currency == "Credits" else settings.usd
        account = Account(id=name, gateway=gateway.name, balance=balance)
        self._store.save_account(account)
        return account


def _inside(address: str, networks: Sequence[str]) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(parsed in ipaddress.ip_network(network) for network in networks)
