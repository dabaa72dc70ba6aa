"""The poller: one queue of jobs by due time and one clock; all triggers of a connection share its client and limits.

A turn starts the polls that are due and may start. ``lifecycle/`` decides how to poll, what an answer means for a job
and when to back off.
"""

from __future__ import annotations

import asyncio
import copy
import logging
import random
import time
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any

from airflow_provider_orux.hooks.base import aread_airflow_connection
from airflow_provider_orux.hooks.connection import GatewayConnection
from airflow_provider_orux.lifecycle.durations import DurationBook
from airflow_provider_orux.lifecycle.event import JobEvent
from airflow_provider_orux.lifecycle.plan import SINGLE_POLL
from airflow_provider_orux.lifecycle.polling import Wait
from airflow_provider_orux.models.errors import (
    AuthenticationError,
    ConfigurationError,
    GatewayUnavailableError,
    OruxError,
    RateLimitedError,
)
from airflow_provider_orux.poller.client import (
    NO_BATCH_SECONDS,
    Answer,
    BatchRefused,
    BatchResult,
    InvalidJobId,
    PollClient,
    PollFailed,
    SingleResult,
    SplitBatch,
    TooLarge,
)
from airflow_provider_orux.poller.clock import Clock, spawn
from airflow_provider_orux.poller.in_flight import InFlightPoll, InFlightPolls
from airflow_provider_orux.poller.lookup import ConnectionLookup, Found
from airflow_provider_orux.poller.overdue import JOBS_PER_TURN, OverdueJobs
from airflow_provider_orux.poller.queue import JobQueue
from airflow_provider_orux.poller.watched_job import WatchedJob

log = logging.getLogger(__name__)

#: Polls to start before the event loop's other triggers get their turn: each may need a new connection, whose handshake
#: costs a millisecond of CPU.
POLLS_PER_TURN = 16
#: Seconds the last trigger waits for the connections to close behind it.
CLOSING_SECONDS = 1.0
#: Errors about the gateway or the account rather than one job.
SHARED_ERRORS = (GatewayUnavailableError, RateLimitedError, AuthenticationError, ConfigurationError)


class Poller:
    """Polls the jobs of one connection until they end.

    :param conn_id: the Airflow connection.
    :param read: reads the connection.
    :param book: how long its recent jobs took.
    :param forget: called when the last job left.
    """

    def __init__(
        self,
        conn_id: str,
        *,
        read: Callable[[str], Coroutine[Any, Any, GatewayConnection]] = aread_airflow_connection,
        book: DurationBook | None = None,
        forget: Callable[[], object] = lambda: None,
    ) -> None:
        self.conn_id = conn_id
        self._book = book if book is not None else DurationBook()
        self._forget = forget
        self._jobs = JobQueue()
        self._overdue = OverdueJobs(self._jobs)
        self._in_flight = InFlightPolls()
        self._clock = Clock(self._run_turn)
        self._new_lookup = partial(
            ConnectionLookup,
            conn_id,
            read,
            base_pause=lambda: self._jobs.base_pause,
            wake=self._clock.turn_soon,
        )
        self._lookup = self._new_lookup()
        self._client: PollClient | None = None
        #: As it was last looked up, also once the last job has left; None: never.
        self.connection: GatewayConnection | None = None

    async def wait(self, wait: Wait, on_progress: Callable[[int], Awaitable[None]] | None = None) -> JobEvent:
        """Wait until a job ends, or polling it makes no more sense.

        :param wait: the job to wait for, and for how long.
        :param on_progress: awaited with the percent that are done, once a quarter. Polls go on meanwhile.
        """
        job = WatchedJob(wait, self._book)
        self._jobs.add(job)
        try:
            now = time.monotonic()
            due = job.first_due(now)
            client = self._client
            if client is not None:
                job.bind(client.connection)
            if client is not None and not job.fixed and client.limits.can_long_poll(waiting=len(self._jobs)):
                self._jobs.put(job, now)
            else:
                self._jobs.put_after(job, due - now, now=now)
            self._clock.turn_soon()
            return await job.event(log, on_progress)
        finally:
            closing = self._leave(job)
            if closing is not None:
                await asyncio.wait({closing}, timeout=CLOSING_SECONDS)

    def _leave(self, job: WatchedJob) -> asyncio.Task[None] | None:
        """Forget a job, and end a poll made for it alone. The last one closes the poller: returns the closing task."""
        if job.is_watched:
            for poll in self._in_flight:
                if poll.jobs == [job]:
                    poll.cancel()
        self._jobs.remove(job)
        if not self._jobs:
            return self._close()
        self._clock.turn_soon()
        return None

    def _close(self) -> asyncio.Task[None] | None:
        self._forget()
        self._clock.stop()
        self._lookup.close()
        self._lookup = self._new_lookup()
        self._overdue.cancel_remaining()
        for poll in self._in_flight:
            poll.cancel()
        client, self._client = self._client, None
        if client is None:
            return None
        return client.close_after(poll.task for poll in self._in_flight)

    # -- turns --------------------------------------------------------------------------------------------
    def _run_turn(self) -> None:
        """Start what is due and may start, then set the clock.

        A turn does a bounded amount of work, so that the event loop's other triggers get theirs. It asks for the next
        one at once if some is left.
        """
        if not self._jobs:
            return
        now = time.monotonic()
        self._overdue.count_some(now)
        client = self._connect(now)
        if client is not None:
            polls = jobs = 0
            while polls < POLLS_PER_TURN and jobs < JOBS_PER_TURN and (job := self._jobs.head()) is not None:
                # While the breaker is not closed, poll the next job, due or not, to learn whether the gateway is back.
                if job.due > now and client.breaker.is_closed:
                    break
                ready_at = client.breaker.ready_at(len(self._in_flight))
                if ready_at is None or ready_at > now:
                    break
                jobs += self._start(client, job, now)
                polls += 1
            head = self._jobs.head()
            if head is not None and self._is_full(client):
                self._in_flight.cancel_for(head, client.limits, waiting=len(self._jobs), now=now)
        self._overdue.expire(now)
        self._clock.turn_at(self._next_turn_at(now), now=now)

    def _next_turn_at(self, now: float) -> float:
        moments = [self._overdue.next_at(now)]
        lookup_at = self._lookup.next_at()
        if lookup_at is not None:
            moments.append(lookup_at)
        head, client = self._jobs.head(), self._client
        if head is not None and client is not None:
            ready_at = client.breaker.ready_at(len(self._in_flight))
            if ready_at is not None:
                moments.append(max(ready_at, head.due) if client.breaker.is_closed else ready_at)
            elif client.breaker.is_closed and (moment := self._in_flight.next_at(head, now)) is not None:
                moments.append(moment)
        return min(moments)

    # -- the connection -----------------------------------------------------------------------------------
    def _connect(self, now: float) -> PollClient | None:
        """The client, if polls may start. Looks the connection up when it is time to, and takes in what was found."""
        result = self._lookup.take_result()
        if isinstance(result, Found):
            self._use(result, now)
        elif result is not None:
            if result.in_a_row == 1:
                log.warning(
                    "Connection %r: %s. %d jobs are waiting; retrying the lookup with backoff.",
                    self.conn_id, result.error.message, len(self._jobs),
                )  # fmt: skip
            if not result.known:
                self._overdue.count_failure(result.error, now, everyone=result.in_a_row == 1)
        head = self._jobs.head()
        return self._client if self._lookup.ready(now, due=head is not None and head.due <= now) else None

    def _use(self, found: Found, now: float) -> None:
        """Poll through a connection that was looked up."""
        before, self.connection = self._client, found.connection
        if before is not None and before.serves(found.connection):
            return
        if before is not None:
            before.close_after(poll.task for poll in self._in_flight)
            log.info("Connection %r changed; polling its jobs with the new settings.", self.conn_id)
        client = self._client = PollClient(found.connection)
        may_long_poll = before is None and client.limits.can_long_poll(waiting=len(self._jobs))
        for job in self._jobs:
            job.bind(found.connection)
        for job in self._jobs.queued():
            if (found.key_was_refused and job.failed_with_gateway) or (may_long_poll and not job.fixed):
                job.failed_with_gateway = False
                self._jobs.put(job, min(job.due, now))

    # -- polls --------------------------------------------------------------------------------------------
    def _start(self, client: PollClient, job: WatchedJob, now: float) -> int:
        """Poll a job, and others in the same request; returns how many."""
        plan = client.plan(
            waiting=len(self._jobs),
            batchable=job.batchable and not job.poll_singly,
            fixed=job.fixed,
            left=job.deadline_at - now,
            now=now,
        )
        self._jobs.drop(job)
        jobs = [job]
        if plan.way == "batch":
            jobs += self._jobs.fill_batch(plan, now=now)
            if len(jobs) == 1:
                plan = SINGLE_POLL
        poll = InFlightPoll(client, plan, jobs, now, is_probe=job.due > now)
        client.breaker.started(now)
        self._in_flight.add(poll)
        poll.task = spawn(self._poll(poll))
        return len(jobs)

    def _is_full(self, client: PollClient) -> bool:
        """Whether a job that is due has to wait for a poll under way."""
        breaker = client.breaker
        return breaker.is_closed and breaker.ready_at(len(self._in_flight)) is None

    async def _poll(self, poll: InFlightPoll) -> None:
        client = poll.client
        result: SingleResult | BatchResult
        try:
            if poll.plan.way == "batch":
                result = await client.poll_batch([job.job_id for job in poll.jobs])
            else:
                result = await client.poll(poll.jobs[0].job_id, wait=poll.plan.wait)
            self._handle(poll, result)
        except asyncio.CancelledError:
            client.breaker.abandoned(began=poll.began)
            if not poll.is_cancelled:
                raise
            self._broken_off(poll, time.monotonic())
        except Exception as e:
            # A defect of ours in reading an answer must not silently end the wait for every other job.
            log.exception("Reading the answer of a poll of connection %r failed", self.conn_id)
            client.breaker.abandoned(began=poll.began)
            self._fail_jobs(poll, OruxError(f"The poll failed: {type(e).__name__}"))
        finally:
            self._in_flight.discard(poll)
            self._clock.turn_soon()

    def _handle(self, poll: InFlightPoll, result: SingleResult | BatchResult) -> None:
        """What the result of a poll means for its jobs, for the breaker and for later polls."""
        now = time.monotonic()
        match result:
            case Answer(jobs):
                self._answered(poll, now)
                for job in poll.jobs:
                    found = jobs.get(job.job_id)
                    if found is None:
                        # Missing from the batch: poll it alone to learn whether it is unknown.
                        job.left_out_of_batch()
                        self._jobs.put(job, now)
                    elif (pause := job.saw(found)) is not None:
                        if poll.plan.way == "long_poll":
                            pause = poll.plan.pause_after(pause, held=now - poll.began)
                        job.pause = pause
                        self._jobs.put_after(job, pause, now=now)
            case TooLarge():
                self._answered(poll, now)
                for job in poll.jobs:
                    job.finish(JobEvent.to_fetch(job.job_id))
            case InvalidJobId(error):
                poll.client.breaker.abandoned(began=poll.began)
                for job in poll.jobs:
                    job.finish(JobEvent.of_error(error, job_id=job.job_id))
            case SplitBatch():
                self._answered(poll, now)
                self._handle_split(poll, now)
            case BatchRefused(error):
                poll.client.breaker.abandoned(began=poll.began)
                if poll.client.stop_batches(now):
                    log.warning(
                        "Connection %r: the gateway refused to answer for several jobs at once; polling them one by "
                        "one for %.0f minutes. %s", self.conn_id, NO_BATCH_SECONDS / 60, error.message,
                    )  # fmt: skip
                self._jobs.put_all(poll.jobs, now)
            case PollFailed(error):
                self._failed(poll, error, now)

    def _broken_off(self, poll: InFlightPoll, now: float) -> None:
        """The poll was cancelled. One that stalled is a failure of its own jobs, and says nothing of the others."""
        if not poll.is_stalled:
            self._jobs.put_all(poll.jobs, now)
        elif poll.plan.way == "batch":
            self._handle_split(poll, now)
        else:
            took = f"its answer did not end within {now - poll.began:.0f} s, while other jobs were due"
            gateway = poll.client.connection.gateway.name
            self._fail_jobs(
                poll, GatewayUnavailableError(f"The poll was broken off: {took}", gateway=gateway)
            )

    def _handle_split(self, poll: InFlightPoll, now: float) -> None:
        for job in poll.jobs:
            job.left_out_of_batch()
        self._jobs.put_all(poll.jobs, now)

    def _answered(self, poll: InFlightPoll, now: float) -> None:
        """The gateway answered: if it was away, poll soon what failed with it."""
        self._overdue.answered(now)
        self._in_flight.answered(poll, now)
        if poll.client.breaker.answered(began=poll.began) == "closed":
            self._overdue.cancel_remaining()
            log.warning(
                "Polling of connection %r works again; %d jobs are waiting.", self.conn_id, len(self._jobs)
            )
            for job in self._jobs.queued():
                if job.failed_with_gateway:
                    job.failed_with_gateway = False
                    self._jobs.put(job, min(job.due, now + random.random()))  # noqa: S311  (no secret)

    def _failed(self, poll: InFlightPoll, error: OruxError, now: float) -> None:
        """The poll failed: because of its job, or for a reason all jobs share."""
        if poll.client is not self._client:
            # The connection changed meanwhile: what failed with the old settings says nothing about the new ones.
            self._jobs.put_all(poll.jobs, now)
            return
        breaker, shared = poll.client.breaker, isinstance(error, SHARED_ERRORS)
        if shared:
            change = breaker.failed(
                now,
                began=poll.began,
                job_ids=[job.job_id for job in poll.jobs],
                alone=len(self._jobs) == len(poll.jobs),
                base_pause=poll.jobs[0].base_pause,
                retry_after=error.retry_after,
                too_many=isinstance(error, RateLimitedError),
            )
            if change == "opened":
                log.warning(
                    "Polling of connection %r slows down: %s. %d jobs are waiting; the next poll is in %.0f s, and "
                    "later ones are ever further apart until the gateway answers.",
                    self.conn_id, error.message, len(self._jobs), breaker.next_probe_at - now,
                )  # fmt: skip
        else:
            self._answered(poll, now)
        for job in poll.jobs:
            job.failed_with_gateway = shared
        self._fail_jobs(poll, error)
        if shared and not breaker.is_closed and poll.began >= breaker.opened_at:
            self._overdue.count_failure(error, now)
        if isinstance(error, AuthenticationError):
            self._lookup.renew(now)

    def _fail_jobs(self, poll: InFlightPoll, error: OruxError) -> None:
        now = time.monotonic()
        for job in poll.jobs:
            if poll.is_probe:
                # It only showed that the gateway is still away: the job's own failures count at its own pace.
                self._jobs.put(job, max(job.due, now + job.base_pause))
            else:
                self._jobs.put_failed(job, copy.copy(error), now=now)
