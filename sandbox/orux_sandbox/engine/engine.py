"""The engine behind every gateway: accepts and charges jobs, and knows where they are."""

from __future__ import annotations

import secrets
import threading
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from orux_sandbox.art.renderer import Renderer
from orux_sandbox.engine.accounts import Accounts
from orux_sandbox.engine.clock import Clock
from orux_sandbox.engine.context import RequestContext
from orux_sandbox.engine.new_job import NewJob
from orux_sandbox.engine.outcome import with_outcome
from orux_sandbox.engine.records import Job, Replay, Status
from orux_sandbox.engine.store import BalanceTooLowError, Store
from orux_sandbox.engine.terms import GatewayTerms
from orux_sandbox.faults import Faults
from orux_sandbox.settings import Settings
from orux_sandbox.wire import Refusal

#: How many requests the log remembers.
LOG_LENGTH = 2000


class Engine:
    """Settings, clock, accounts, jobs, faults and log of one sandbox."""

    def __init__(
        self, *, gateways: Sequence[GatewayTerms], settings: Settings, data_dir: Path | None = None
    ) -> None:
        self.gateways = tuple(gateways)
        self.settings = settings
        self._first_settings = settings
        self.store = Store(data_dir)
        self.accounts = Accounts(self.store, self.gateways)
        self.clock = Clock(offset=float(self.store.note("clock_offset", "0")))
        self.faults = Faults()
        self.renderer = Renderer(self.store.input)
        self.log: deque[dict[str, Any]] = deque(maxlen=LOG_LENGTH)
        self.leaks: list[dict[str, Any]] = []
        self._in_flight: Counter[str] = Counter()
        #: What a gateway keeps in memory: idempotency keys in use, requests of the last minute.
        self.memory: dict[str, Any] = {}
        self._lock = threading.RLock()
        self.accounts.open_defaults(settings)

    # Requests

    def authenticate(self, context: RequestContext, headers: Mapping[str, str]) -> None:
        """Find the account of a request.

        :raises Refusal: the key is missing, unknown, disabled, expired, or not for this address.
        """
        self.accounts.authenticate(context, headers, self.settings)

    def acquire_slot(self, context: RequestContext) -> bool:
        """Take one of the user's slots; whether the request needed one (``release_slot`` gives it back).

        :raises Refusal: all slots are in use.
        """
        if context.account is None or not context.endpoint.counted:
            return False
        user, limit = context.account.id, self.settings.max_concurrency
        with self._lock:
            busy = self._in_flight[user]
            # Jobs hold no slot against polls: else three running jobs could not be polled, and never end.
            if self.settings.concurrency_counts == "jobs" and context.endpoint.submits:
                busy += self.store.unfinished(user, self.clock.now())
            if limit and busy >= limit:
                raise Refusal("concurrency", f"{limit} requests of this user are in flight already.")
            self._in_flight[user] += 1
        return True

    def release_slot(self, context: RequestContext) -> None:
        """Give the slot back."""
        with self._lock:
            self._in_flight[context.user.id] -= 1

    def in_flight(self, account: str) -> int:
        """Slots in use."""
        with self._lock:
            return self._in_flight[account]

    # Jobs

    def submit(self, context: RequestContext, new_job: NewJob) -> Job:
        """Accept a job and charge for it; both are committed when this returns.

        :raises Refusal: the balance does not cover it.
        """
        job = with_outcome(
            self._job(context, new_job),
            context.ordered_outcome,
            ttl=self.settings.job_ttl_seconds,
            failed_code=context.gateway.failed_code,
        )
        replay = None
        if new_job.replay is not None:
            key, body = new_job.replay
            replay = Replay(key=key, body=body, job_id=job.id, at=job.submitted_at)
        try:
            self.store.accept(job, replay)
        except BalanceTooLowError:
            self.settle()
            try:
                self.store.accept(job, replay)
            except BalanceTooLowError:
                raise Refusal(
                    "balance", f"This costs {job.credits:g} {job.currency}, which the account does not have."
                ) from None
        context.accepted = True
        return job

    def _job(self, context: RequestContext, new_job: NewJob) -> Job:
        now = self.clock.now()
        queue, run, sync = self.settings.seconds(new_job.model)
        starts_at = now if new_job.synchronous else now + queue
        job = Job(
            id=new_job.job_id,
            gateway=context.gateway.name,
            endpoint=context.endpoint.name,
            account=context.user.id,
            kind=new_job.kind,
            model=new_job.model,
            action=new_job.action,
            prompt=new_job.prompt,
            request=new_job.request,
            submitted_at=now,
            starts_at=starts_at,
            ends_at=now + sync if new_job.synchronous else starts_at + run,
            credits=round(new_job.price * new_job.images, 6),
            currency=context.gateway.currency,
            charged_on=context.gateway.charges_on,
            token=secrets.token_urlsafe(18),
            parent_id=new_job.parent_id,
            parent_index=new_job.parent_index,
            artifacts=new_job.artifacts,
            scenes=list(new_job.scenes),
            facts=new_job.facts,
            url_seconds=new_job.url_seconds,
            webhook_url=new_job.webhook_url,
        )
        if new_job.doomed is None:
            return job
        code, message = new_job.doomed
        return replace(job, outcome="failed", error_code=code, error_message=message, artifacts=[])

    def status(self, job: Job) -> Status:
        """Where a job is now."""
        now = self.clock.now()
        if self.settings.finished_jobs_expire and now >= job.submitted_at + self.settings.job_ttl_seconds:
            return "expired"
        return job.status(now)

    def own_job(self, context: RequestContext, job_id: str) -> Job | None:
        """A job of the caller's. Somebody else's is as unknown as one that never existed."""
        job = self.store.job(job_id)
        mine = job is not None and job.account == context.user.id and job.gateway == context.gateway.name
        return job if mine else None

    def settle(self) -> None:
        """Charge and refund what is due. Called wherever a balance or a charge is read."""
        refunding = [gateway.name for gateway in self.gateways if gateway.refunds(self.settings)]
        self.store.settle(self.clock.now(), refunding)

    # Artifacts

    def artifact_url(self, base_url: str, job: Job, number: int) -> str:
        """The URL of one artifact."""
        base = (self.settings.public_url or base_url).rstrip("/")
        return f"{base}/files/{job.token}/{job.artifacts[number]['name']}"

    def artifact_urls(self, base_url: str, job: Job) -> list[str]:
        """The URLs of all artifacts."""
        return [self.artifact_url(base_url, job, number) for number in range(len(job.artifacts))]

    def urls_live(self, job: Job) -> bool:
        """Whether a job's URLs work now."""
        if self.status(job) != "succeeded":
            return False
        life = self.settings.url_seconds if job.url_seconds is None else job.url_seconds
        return self.clock.now() < job.ends_at + life

    def job_of_file(self, token: str) -> Job | None:
        """The job a file's URL belongs to, by the URL's token, which may end with the number of the file."""
        return self.store.job_of_token(token.partition(".")[0])

    # Control

    def configure(self, changes: Mapping[str, Any]) -> Settings:
        """Change settings. Jobs already accepted keep their durations and outcome.

        :raises ValueError: a name or value that does not exist.
        """
        self.settings = self.settings.changed(changes)
        return self.settings

    def advance_clock(self, seconds: float) -> float:
        """Let time pass; the new offset, which a restart keeps."""
        offset = self.clock.advance(seconds)
        self.store.write_note("clock_offset", str(offset))
        return offset

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
            self.accounts.open_defaults(self.settings)

    def close(self) -> None:
        """Close the database."""
        self.store.close()
