"""The engine behind every gateway: who may come in, what a submission costs, how a job goes."""

from __future__ import annotations

import ipaddress
import secrets
import threading
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from orux_sandbox.clock import Clock, iso
from orux_sandbox.faults import Faults
from orux_sandbox.gateway import Gateway, Refusal, Visit
from orux_sandbox.settings import Settings
from orux_sandbox.store import Account, BalanceTooLow, Job, Key, Replay, Status, Store
from orux_sandbox.studio import Studio

#: How many requests the log remembers.
LOG_LENGTH = 2000


@dataclass(frozen=True, kw_only=True)
class Draft:
    """What a gateway asks the engine to accept, once it has checked the body."""

    job_id: str
    kind: Literal["image", "audio", "video", "text"]
    model: str
    action: str
    #: In the gateway's currency; for one image where several can be asked for.
    price: float
    prompt: str
    request: dict[str, Any]
    artifacts: list[dict[str, Any]]
    scenes: Sequence[dict[str, Any]] = ()
    images: int = 1
    synchronous: bool = False
    parent_id: str | None = None
    parent_index: int | None = None
    webhook_url: str | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    #: How long the links live after the end; None: as set.
    link_seconds: float | None = None
    #: Bound to fail, with this code and message: the upstream will not take what the gateway let through.
    doomed: tuple[str, str] | None = None
    #: The caller's idempotency key and a digest of its body.
    replay: tuple[str, str] | None = None


class Engine:
    """Settings, clock, accounts, jobs, faults and log of one sandbox."""

    def __init__(
        self, *, gateways: Sequence[Gateway], settings: Settings, data_dir: Path | None = None
    ) -> None:
        self.gateways = tuple(gateways)
        self.settings = settings
        self._first_settings = settings
        self.store = Store(data_dir)
        self.clock = Clock(offset=float(self.store.note("clock_offset", "0")))
        self.faults = Faults()
        self.studio = Studio(self.store.input)
        self.log: deque[dict[str, Any]] = deque(maxlen=LOG_LENGTH)
        self.leaks: list[dict[str, Any]] = []
        self._in_flight: Counter[str] = Counter()
        #: What a gateway keeps in memory: keys in use, requests of the last minute.
        self.memory: dict[str, Any] = {}
        self._lock = threading.RLock()
        self._open_default_accounts()

    def _open_default_accounts(self) -> None:
        for gateway in self.gateways:
            if self.store.key(gateway.default_key) is None:
                account = Account(
                    id=gateway.name, gateway=gateway.name, balance=self._opening_balance(gateway)
                )
                self.store.save_account(account)
                self.store.save_key(Key(key=gateway.default_key, account=account.id))

    def _opening_balance(self, gateway: Gateway) -> float:
        return self.settings.credits if gateway.currency == "Credits" else self.settings.usd

    def gateway(self, name: str) -> Gateway:
        """A gateway by its name.

        :raises ValueError: there is none of this name.
        """
        found = next((one for one in self.gateways if one.name == name), None)
        if found is None:
            known = ", ".join(one.name for one in self.gateways)
            raise ValueError(f"there is no gateway {name!r} here; there are {known}")
        return found

    # Who may come in

    def admit(self, visit: Visit, headers: Mapping[str, str]) -> None:
        """Find the account of a request.

        :raises Refusal: the key is missing, unknown, disabled, expired, or not for this address.
        """
        if visit.endpoint.key == "none":
            return
        sent = visit.gateway.key_of(headers)
        if sent is None:
            if visit.endpoint.key == "optional":
                return
            if visit.endpoint.key == "guest" and visit.gateway.guests(self.settings):
                visit.account = self._guest(visit.gateway)
                return
            raise Refusal("missing_key", "No API key was sent.")
        key = self.store.key(sent)
        account = None if key is None else self.store.account(key.account)
        if key is None or account is None or account.gateway != visit.gateway.name:
            raise Refusal("bad_key", "This API key does not exist.")
        if key.state == "disabled":
            raise Refusal("disabled_key", "This API key was disabled.")
        if key.state == "expired":
            raise Refusal("expired_key", "This API key has expired.")
        if key.ips and not _inside(visit.client, key.ips):
            raise Refusal("ip", f"{visit.client} is not in the allow-list of this API key.")
        visit.account = account

    def _guest(self, gateway: Gateway) -> Account:
        """The account of everybody who comes without a key."""
        name = f"{gateway.name}-guest"
        account = self.store.account(name)
        if account is None:
            account = Account(id=name, gateway=gateway.name, balance=self._opening_balance(gateway))
            self.store.save_account(account)
        return account

    def enter(self, visit: Visit) -> bool:
        """Take one of the user's slots; whether one was taken (and must be given back with ``leave``).

        :raises Refusal: all are in use.
        """
        if visit.account is None or not visit.endpoint.counted:
            return False
        user, limit = visit.account.id, self.settings.max_concurrency
        with self._lock:
            busy = self._in_flight[user]
            # A poll never counts jobs: else three running jobs could not be asked about, and never end.
            if self.settings.concurrency_counts == "jobs" and visit.endpoint.submits:
                busy += self.store.unfinished(user, self.clock.now())
            if limit and busy >= limit:
                raise Refusal("concurrency", f"{limit} requests of this user are in flight already.")
            self._in_flight[user] += 1
        return True

    def leave(self, visit: Visit) -> None:
        """Give the slot back."""
        with self._lock:
            self._in_flight[visit.user.id] -= 1

    def in_flight(self, account: str) -> int:
        """Slots in use."""
        with self._lock:
            return self._in_flight[account]

    # Submitting

    def submit(self, visit: Visit, draft: Draft) -> Job:
        """Accept a job and charge for it; both are committed when this returns.

        :raises Refusal: the balance does not cover it.
        """
        now, settings = self.clock.now(), self.settings
        queue, run, sync = settings.seconds(draft.model)
        starts_at = now if draft.synchronous else now + queue
        job = Job(
            id=draft.job_id,
            gateway=visit.gateway.name,
            endpoint=visit.endpoint.name,
            account=visit.user.id,
            kind=draft.kind,
            model=draft.model,
            action=draft.action,
            prompt=draft.prompt,
            request=draft.request,
            submitted_at=now,
            starts_at=starts_at,
            ends_at=now + sync if draft.synchronous else starts_at + run,
            credits=round(draft.price * draft.images, 6),
            currency=visit.gateway.currency,
            charged_on=visit.gateway.charges_on,
            token=secrets.token_urlsafe(18),
            parent_id=draft.parent_id,
            parent_index=draft.parent_index,
            artifacts=draft.artifacts,
            scenes=list(draft.scenes),
            facts=draft.facts,
            link_seconds=draft.link_seconds,
            webhook_url=draft.webhook_url,
        )
        if draft.doomed is not None:
            job = replace(
                job, outcome="failed", error_code=draft.doomed[0], error_message=draft.doomed[1], artifacts=[]
            )
        job = self._with_fate(job, visit)
        replay = None
        if draft.replay is not None:
            replay = Replay(key=draft.replay[0], body=draft.replay[1], job_id=job.id, at=now)
        try:
            self.store.accept(job, replay)
        except BalanceTooLow:
            self.settle()
            try:
                self.store.accept(job, replay)
            except BalanceTooLow:
                raise Refusal(
                    "balance", f"This costs {job.credits:g} {job.currency}, which the account does not have."
                ) from None
        visit.accepted = True
        return job

    def _with_fate(self, job: Job, visit: Visit) -> Job:
        ordered = visit.fate
        ttl = job.submitted_at + self.settings.job_ttl_seconds
        if ordered is not None and ordered.job is not None:
            ends_at = job.ends_at if ordered.after is None else job.submitted_at + ordered.after
            if ordered.job == "never_finish":
                job = replace(job, ends_at=ttl, outcome="expired")
            elif ordered.job == "modal":
                job = replace(job, ends_at=ttl, outcome="expired", facts={**job.facts, "modal": True})
            elif ordered.job == "cancel":
                job = replace(
                    job,
                    ends_at=ends_at,
                    outcome="cancelled",
                    error_code="cancelled",
                    error_message=ordered.error_message or "The job was cancelled.",
                )
            elif ordered.job == "expire":
                job = replace(job, ends_at=ends_at, outcome="expired")
            elif ordered.job == "fail":
                job = replace(
                    job,
                    ends_at=ends_at,
                    outcome="failed",
                    error_code=ordered.error_code or visit.gateway.failed_code,
                    error_message=ordered.error_message or "The sandbox was told to let this job fail.",
                )
            else:
                count = len(job.artifacts) // 2 if ordered.count is None else ordered.count
                job = replace(job, artifacts=job.artifacts[:count])
        if job.ends_at > ttl:
            job = replace(job, ends_at=ttl, outcome="expired")
        if job.outcome == "expired":
            job = replace(
                job,
                error_code=(ordered and ordered.error_code) or "task_expired",
                error_message=(ordered and ordered.error_message) or "The job exceeded its time to live.",
            )
        return job

    # Looking

    def status(self, job: Job) -> Status:
        """Where a job is now."""
        now = self.clock.now()
        if self.settings.finished_jobs_expire and now >= job.submitted_at + self.settings.job_ttl_seconds:
            return "expired"
        return job.status(now)

    def own_job(self, visit: Visit, job_id: str) -> Job | None:
        """A job of the caller's. A stranger's is as unknown as one that never was."""
        job = self.store.job(job_id)
        mine = job is not None and job.account == visit.user.id and job.gateway == visit.gateway.name
        return job if mine else None

    def link(self, visit_base: str, job: Job, number: int) -> str:
        """The address of one artifact."""
        base = (self.settings.public_url or visit_base).rstrip("/")
        return f"{base}/files/{job.token}/{job.artifacts[number]['name']}"

    def links(self, visit_base: str, job: Job) -> list[str]:
        """The addresses of all artifacts."""
        return [self.link(visit_base, job, number) for number in range(len(job.artifacts))]

    def link_lives(self, job: Job) -> bool:
        """Whether the links of a job work now."""
        if self.status(job) != "succeeded":
            return False
        lives = self.settings.link_seconds if job.link_seconds is None else job.link_seconds
        return self.clock.now() < job.ends_at + lives

    def job_of_file(self, token: str) -> Job | None:
        """The job to which the address of a file belongs: its token, and perhaps the number of a file."""
        return self.store.job_of_token(token.partition(".")[0])

    def settle(self) -> None:
        """Charge and refund what is due. Called wherever a balance or a charge is looked at."""
        refunding = [gateway.name for gateway in self.gateways if gateway.refunds(self.settings)]
        self.store.settle(self.clock.now(), refunding)

    # Reports

    def charges(self, job_id: str | None = None) -> list[dict[str, Any]]:
        """All charges, oldest first."""
        self.settle()
        return [{**charge, "at": iso(charge["at"])} for charge in self.store.charges(job_id=job_id)]

    def totals(self, charges: Sequence[Mapping[str, Any]]) -> dict[str, float]:
        """What was charged and not refunded, by currency. What is pending is not counted."""
        totals: dict[str, float] = {}
        for charge in charges:
            if charge["state"] == "charged":
                totals[charge["currency"]] = round(totals.get(charge["currency"], 0) + charge["amount"], 6)
        return totals

    def overview(self, base_url: str) -> list[dict[str, Any]]:
        """The gateways: where they are, with which key, and the connection that Airflow wants."""
        return [
            {
                "gateway": gateway.name,
                "title": gateway.title,
                "url": base_url,
                "key": gateway.default_key,
                "currency": gateway.currency,
                "paths": list(gateway.paths),
                "variable": f"AIRFLOW_CONN_{gateway.name.upper()}_DEFAULT",
                "connection": {
                    "conn_type": gateway.name,
                    "host": base_url,
                    "password": gateway.default_key,
                    "extra": {"allow_private_hosts": True, **gateway.connection_extra(self.settings)},
                },
                "endpoints": [
                    {"name": one.name, "method": one.method, "path": one.path} for one in gateway.endpoints
                ],
            }
            for gateway in self.gateways
        ]

    def jobs(self, *, limit: int = 1000, base_url: str = "") -> list[dict[str, Any]]:
        """Jobs as the sandbox sees them, newest first."""
        shown = []
        for job in self.store.jobs(limit=limit):
            status = self.status(job)
            shown.append(
                {
                    "id": job.id,
                    "gateway": job.gateway,
                    "endpoint": job.endpoint,
                    "account": job.account,
                    "kind": job.kind,
                    "model": job.model,
                    "action": job.action,
                    "prompt": job.prompt,
                    "request": job.request,
                    "parent_id": job.parent_id,
                    "index": job.parent_index,
                    "status": status,
                    "submitted_at": iso(job.submitted_at),
                    "ends_at": iso(job.ends_at),
                    "error_code": job.error_code if status in ("failed", "expired") else None,
                    "credits": job.credits,
                    "amount": job.credits,
                    "currency": job.currency,
                    "webhook_done": job.webhook_done,
                    "urls": self.links(base_url, job) if status == "succeeded" else [],
                }
            )
        return shown

    def requests(self, *, endpoint: str | None = None) -> list[dict[str, Any]]:
        """The latest requests to the gateways and to files, oldest first; a hanging one has no status."""
        shown = [{k: v for k, v in line.items() if not k.startswith("_")} for line in list(self.log)]
        return [line for line in shown if endpoint is None or _is_named(line, endpoint)]

    def accounts(self) -> list[dict[str, Any]]:
        """Accounts with their keys: this is the user's own machine, and they need them."""
        self.settle()
        return [
            {
                "account": account.id,
                "gateway": account.gateway,
                "balance": account.balance,
                "currency": self.gateway(account.gateway).currency,
                "in_flight": self.in_flight(account.id),
                "keys": [
                    {"key": key.key, "state": key.state, "ips": list(key.ips)}
                    for key in self.store.keys(account.id)
                ],
            }
            for account in self.store.accounts()
        ]

    # Changing

    def configure(self, changes: Mapping[str, Any]) -> Settings:
        """Change settings. Jobs that were accepted keep their durations and their fate.

        :raises ValueError: a name or value that does not exist.
        """
        self.settings = self.settings.changed(changes)
        return self.settings

    def advance_clock(self, seconds: float) -> float:
        """Let time pass; the new offset, which a restart keeps."""
        offset = self.clock.advance(seconds)
        self.store.write_note("clock_offset", str(offset))
        return offset

    def save_account(
        self,
        *,
        account: str | None = None,
        gateway: str = "orux",
        key: str | None = None,
        balance: float | None = None,
        disabled: bool | None = None,
        expired: bool | None = None,
        ips: Sequence[str] | None = None,
    ) -> dict[str, Any]:
        """Create or change an account and one key of it.

        A known ``key`` names its account. Without a key and with a new ``account``, a key is made.

        :raises ValueError: an unknown gateway, or an address range that is none.
        """
        vendor = self.gateway(gateway)
        for network in ips or ():
            ipaddress.ip_network(network)
        known = None if key is None else self.store.key(key)
        if known is not None and account not in (None, known.account):
            raise ValueError("this key belongs to another account")
        name = known.account if known is not None else account or f"user-{secrets.token_hex(3)}"
        before = self.store.account(name)
        start = self._opening_balance(vendor) if before is None else before.balance
        self.store.save_account(
            Account(
                id=name,
                gateway=gateway if before is None else before.gateway,
                balance=start if balance is None else balance,
            )
        )
        touches_key = key is not None or before is None or (disabled, expired, ips) != (None, None, None)
        if known is None and touches_key:
            owned = self.store.keys(name) if key is None else []
            known = owned[0] if owned else Key(key=key or vendor.new_key(), account=name)
        if known is not None:
            state = known.state
            if disabled is not None:
                state = "disabled" if disabled else "active"
            if expired is not None and not disabled:
                state = "expired" if expired else "active"
            known = replace(known, state=state, ips=known.ips if ips is None else tuple(ips))
            self.store.save_key(known)
        shown = next(one for one in self.accounts() if one["account"] == name)
        if known is None:
            known = next(iter(self.store.keys(name)), None)  # a guest has none
        return {**shown, "key": None if known is None else known.key}

    def reset(self) -> None:
        """Back to how the sandbox was started: no jobs, no charges, no faults, the first settings."""
        with self._lock:
            self.settings = self._first_settings
            self.clock.offset = 0.0
            self.faults.remove()
            self.log.clear()
            self.leaks.clear()
            self.memory.clear()
            self.store.clear()
            self._open_default_accounts()

    def close(self) -> None:
        """Close the database."""
        self.store.close()


def _is_named(line: Mapping[str, Any], endpoint: str) -> bool:
    name = str(line["endpoint"])
    return name == endpoint or name.startswith(f"{endpoint}.")


def _inside(address: str, networks: Sequence[str]) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(parsed in ipaddress.ip_network(network) for network in networks)
