"""One poller an event loop and connection: all triggers share its client, its connection lookup and its limits.

It is one queue of jobs by the time at which they are due, and one clock. What to do with an answer, how to ask and
when to hold back is decided in ``lifecycle/``.
"""

from __future__ import annotations

import asyncio
import contextvars
import copy
import logging
import math
import random
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from airflow_provider_orux.client.polling_transport import poll_transport, prepare
from airflow_provider_orux.hooks.base import aread_airflow_connection
from airflow_provider_orux.hooks.connection import GatewayConnection
from airflow_provider_orux.lifecycle.circuit import Circuit
from airflow_provider_orux.lifecycle.durations import DurationBook
from airflow_provider_orux.lifecycle.outcome import Outcome
from airflow_provider_orux.lifecycle.polling import AUTH_GRACE, Done, GiveUp
from airflow_provider_orux.lifecycle.strategy import Ask, Offer, ask_for, can_hold, pause_after_hold
from airflow_provider_orux.models.errors import (
    AuthenticationError,
    GatewayUnavailableError,
    OruxError,
    RateLimitedError,
    UnexpectedResponseError,
)
from airflow_provider_orux.models.job import Job
from airflow_provider_orux.triggers.due import DueQueue
from airflow_provider_orux.triggers.exchange import BatchRefused, Exchange, TooLong, Unaskable
from airflow_provider_orux.triggers.waiter import Waiter

log = logging.getLogger(__name__)

CONNECTION_SECONDS = 60.0
"""How long a connection that was looked up is believed; a refused key looks it up again at once."""
RELOAD_PAUSE = 5.0
"""Seconds between two look-ups that a refused key asked for."""
LONGEST_LOOKUP_PAUSE = 30.0
"""Seconds between two look-ups of a connection that cannot be looked up."""
NO_BATCH_SECONDS = 600.0
"""How long jobs are asked for one by one after the gateway refused a batch."""
LAST_LOOK = 10.0
"""Seconds after its deadline that a job may still wait for its last poll, when the gateway or a slot is missing."""
MANY = 50
"""Jobs from which on they are not polled to the millisecond."""
TOGETHER = 0.2
"""Seconds between two moments at which many jobs come due."""
JOBS_A_TURN = 250
"""Jobs that are asked for, or whose end is told, before the event loop's other triggers get their turn."""
ASKS_A_TURN = 16
"""Polls that begin before the event loop's others get their turn: each may need a connection first, and a hand-shake
costs a millisecond of CPU.
"""
CLOSING_SECONDS = 1.0
"""Seconds that the last trigger waits for the connections to be closed behind it."""
SHARED = (GatewayUnavailableError, RateLimitedError, AuthenticationError)
"""Errors that say something of the gateway or the account rather than of one job."""

T = TypeVar("T")

_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, PollHub]] = WeakKeyDictionary()
_books: OrderedDict[str, DurationBook] = OrderedDict()
_closing: set[asyncio.Task[None]] = set()


def hub_for(conn_id: str) -> PollHub:
    """The hub of this event loop for a connection."""
    hubs = _hubs.setdefault(asyncio.get_running_loop(), {})
    if conn_id not in hubs:
        hubs[conn_id] = PollHub(conn_id, forget=lambda: hubs.pop(conn_id, None), book=book_of(conn_id))
    return hubs[conn_id]


def book_of(conn_id: str) -> DurationBook:
    """What was learned of a connection's jobs. It outlives the hub, which goes with its last job."""
    book = _books.setdefault(conn_id, DurationBook())
    _books.move_to_end(conn_id)
    if len(_books) > 64:
        _books.popitem(last=False)
    return book


@dataclass(eq=False)
class Asking:
    """A poll under way."""

    ask: Ask
    waiters: list[Waiter]
    began: float
    task: asyncio.Task[None] | None = None
    broken_off: bool = False


class PollHub:
    """Polls the jobs of one connection until they end.

    :param conn_id: the Airflow connection.
    :param lookup: how the connection is looked up.
    :param forget: called when the last job left.
    :param book: how long its jobs took lately.
    """

    def __init__(
        self,
        conn_id: str,
        *,
        lookup: Callable[[str], Coroutine[Any, Any, GatewayConnection]] = aread_airflow_connection,
        forget: Callable[[], object] = lambda: None,
        book: DurationBook | None = None,
    ) -> None:
        self.conn_id = conn_id
        self._lookup = lookup
        self._forget = forget
        self._book = book if book is not None else DurationBook()
        self._waiters: set[Waiter] = set()
        self._queue = DueQueue()
        self._asking: set[Asking] = set()
        self._overdue: deque[tuple[Waiter, OruxError, bool]] = deque()
        self._next: asyncio.Handle | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._expire_at = 0.0
        self._worked_at = -LAST_LOOK
        self._no_batch_until = 0.0
        self._connection: GatewayConnection | None = None
        self._exchange: Exchange | None = None
        self._offer = Offer()
        self._circuit = Circuit()
        self._looking: asyncio.Task[None] | None = None
        self._looked_up = 0.0
        self._look_again = 0.0
        self._failed_lookups = 0
        self._reload = False

    async def wait(
        self,
        job_id: str,
        *,
        deadline: float,
        poll_interval: float | None = None,
        started: float | None = None,
        auth_grace: float = AUTH_GRACE,
        kind: str | None = None,
    ) -> Outcome:
        """Wait until a job ended, or until asking makes no more sense.

        :param deadline: epoch seconds.
        :param poll_interval: seconds between polls; None: the schedule decides.
        :param started: epoch seconds when the job was accepted; None: now.
        :param auth_grace: seconds for which a refused key does not end a paid job.
        :param kind: what kind of job it is, for the schedule (``midjourney-v7:upscale``); None: not known.
        """
        waiter = Waiter(
            job_id,
            deadline=deadline,
            started=time.time() if started is None else started,
            poll_interval=poll_interval,
            auth_grace=auth_grace,
            kind=kind,
            book=self._book,
        )
        self._waiters.add(waiter)
        try:
            if self._connection is not None:
                self._introduce(waiter, self._connection)
            now = time.monotonic()
            due = waiter.first_due(now)
            self._queue.put(waiter, now if self._may_hold(waiter) else self._together(due, due - now))
            self._soon()
            return await waiter.outcome(log)
        finally:
            closing = self._leave(waiter)
            if closing is not None:
                await asyncio.wait({closing}, timeout=CLOSING_SECONDS)

    # -- who waits ----------------------------------------------------------------------------------------
    def _introduce(self, waiter: Waiter, connection: GatewayConnection) -> None:
        gateway = connection.gateway
        waiter.tracker.gateway = gateway.name
        waiter.tracker.not_found_grace = gateway.not_found_grace
        waiter.batchable = gateway.can_batch(waiter.job_id)

    def _may_hold(self, waiter: Waiter) -> bool:
        return not waiter.fixed and can_hold(self._offer, waiting=len(self._waiters))

    def _finish(self, waiter: Waiter, outcome: Outcome) -> None:
        self._queue.drop(waiter)
        waiter.finish(outcome)

    def _leave(self, waiter: Waiter) -> asyncio.Task[None] | None:
        """Forget a job. The last one closes the hub: the task that closes is returned."""
        self._queue.drop(waiter)
        self._waiters.discard(waiter)
        if not self._waiters:
            return self._close()
        if not waiter.ended:
            for asking in self._asking:
                if asking.waiters == [waiter]:
                    self._break_off(asking)
        self._soon()
        return None

    # -- the clock ----------------------------------------------------------------------------------------
    def _soon(self) -> None:
        """A turn in the next round of the event loop: one, however many ask for it."""
        if self._next is None and self._waiters:
            # Not in the context of the trigger that happens to run now: its logger is in it.
            self._next = asyncio.get_running_loop().call_soon(self._on_round, context=contextvars.Context())

    def _on_round(self) -> None:
        self._next = None
        self._turn()

    def _turn(self) -> None:
        """Start what is due and may start; set the clock for the next time.

        A round of the event loop holds one turn, and a turn a bounded part of that; the clock goes on with the rest at
        once.
        """
        if not self._waiters:
            return
        now = time.monotonic()
        if self._overdue:
            self._judge_some(now)
        if self._connected(now):
            circuit = self._circuit
            asks = taken = 0
            while asks < ASKS_A_TURN and taken < JOBS_A_TURN and (waiter := self._queue.head()) is not None:
                # While the circuit is open the next one is asked for, due or not: it shows whether the gateway is back.
                if waiter.due > now and not circuit.is_open:
                    break
                ready = circuit.ready_at(len(self._asking))
                if ready is None or ready > now:
                    break
                taken += self._start(waiter, now)
                asks += 1
            self._make_room(now)
        if now >= self._expire_at:
            self._expire(now)
        self._set_clock(now)

    def _set_clock(self, now: float) -> None:
        moments = [now if self._overdue else self._expire_at]
        if self._looking is None and (self._connection is None or self._reload):
            moments.append(self._look_again)
        head = self._queue.head()
        if head is not None and self._connection is not None:
            ready = self._circuit.ready_at(len(self._asking))
            if ready is not None:
                moments.append(ready if self._circuit.is_open else max(ready, head.due))
            elif self._offer.long_poll_seconds and head.due > now:
                moments.append(head.due)
        moment = max(min(moments), now + 0.001)
        if self._timer is not None:
            if self._timer_at <= moment:
                return  # it comes early enough, and sets itself again
            self._timer.cancel()
        self._timer_at = moment
        self._timer = asyncio.get_running_loop().call_later(
            moment - now, self._on_time, context=contextvars.Context()
        )

    def _on_time(self) -> None:
        self._timer = None
        self._soon()

    def _make_room(self, now: float) -> None:
        """Break off a held request when there are more jobs than slots and one of them is due."""
        if (
            not self._offer.long_poll_seconds
            or len(self._asking) < self._offer.slots
            or self._circuit.is_open
        ):
            return
        head = self._queue.head()
        if head is None or head.due > now or can_hold(self._offer, waiting=len(self._waiters)):
            return
        held = [a for a in self._asking if a.ask.way == "hold"]
        if held and not any(a.broken_off for a in held):
            self._break_off(min(held, key=lambda a: a.began))

    def _expire(self, now: float) -> None:
        """End the jobs whose deadline passed without a last look being possible.

        After an outage of the triggerer many are overdue at once: while polls are answered, each gets its look.
        """
        self._expire_at = now + LAST_LOOK / 2
        answered = now - self._worked_at < LAST_LOOK
        ended = 0
        for waiter in list(self._waiters):
            if answered and waiter.tracker.polls == 0:
                continue
            if waiter.place >= 0 and now > waiter.deadline_at + LAST_LOOK:
                if ended == JOBS_A_TURN:
                    self._expire_at = now
                    break
                ended += 1
                error = waiter.tracker.timed_out()
                self._finish(waiter, Outcome.of_error(error, job_id=waiter.job_id))

    # -- the connection -----------------------------------------------------------------------------------
    def _connected(self, now: float) -> bool:
        """Whether polls can be made. Looks the connection up when it is time to."""
        old = self._reload or self._connection is None
        if not old and now - self._looked_up >= CONNECTION_SECONDS:
            head = self._queue.head()
            old = head is not None and head.due <= now
        if old and self._looking is None and now >= self._look_again:
            self._looking = _task(self._look_up())
        return self._connection is not None and not (self._reload and self._looking is not None)

    async def _look_up(self) -> None:
        try:
            connection = await self._lookup(self.conn_id)
            await asyncio.to_thread(prepare, connection.client)
        except Exception as e:
            # The metadata database or the secrets backend is away for a moment: that ends no paid job.
            if isinstance(e, OruxError):
                error = e
            else:
                error = GatewayUnavailableError(f"The connection cannot be looked up: {type(e).__name__}")
            self._looking = None
            self._not_looked_up(error)
        else:
            self._looking = None
            self._use(connection)
        self._soon()

    def _not_looked_up(self, error: OruxError) -> None:
        now = time.monotonic()
        self._failed_lookups += 1
        base = min((w.patience for w in self._waiters), default=2.0)
        self._look_again = now + min(base * 2.0 ** min(self._failed_lookups, 10), LONGEST_LOOKUP_PAUSE)
        self._reload = False
        if self._failed_lookups == 1:
            log.warning(
                "Connection %r: %s. %d jobs wait for it; it is looked up again by and by.",
                self.conn_id, error.message, len(self._waiters),
            )  # fmt: skip
        if self._connection is None:
            self._judge_overdue(error, now, everyone=self._failed_lookups == 1)

    def _use(self, connection: GatewayConnection) -> None:
        now = time.monotonic()
        self._looked_up, self._look_again, self._failed_lookups = now, 0.0, 0
        before, self._connection = self._connection, connection
        refused, self._reload = self._reload, False
        if before is not None and _same(before, connection):
            return
        gateway, slots = connection.gateway, connection.max_in_flight_polls
        self._retire()
        transport = poll_transport(gateway, connection.client, connections=slots)
        self._exchange = Exchange(gateway, transport, read_timeout=connection.client.read_timeout)
        self._offer = Offer(slots, gateway.batch_size, gateway.long_poll_seconds)
        self._circuit = Circuit(slots)
        self._no_batch_until = 0.0
        if before is not None:
            log.info("Connection %r changed; its jobs are polled with the new settings.", self.conn_id)
        for waiter in list(self._waiters):
            self._introduce(waiter, connection)
            if waiter.place >= 0 and (
                (refused and waiter.hurt) or (before is None and self._may_hold(waiter))
            ):
                waiter.hurt = False
                self._queue.put(waiter, min(waiter.due, now))

    # -- polls --------------------------------------------------------------------------------------------
    def _start(self, waiter: Waiter, now: float) -> int:
        """Ask for a job, and for others along with it; says how many they are."""
        ask = (
            Ask()
            if self._circuit.is_open
            else ask_for(
                self._offer,
                waiting=len(self._waiters),
                batchable=self._can_batch(waiter, now),
                fixed=waiter.fixed,
                left=waiter.deadline_at - now,
            )
        )
        waiters = [waiter]
        waiter.asked_early = waiter.due > now
        self._queue.drop(waiter)
        if ask.way == "many":
            waiters += self._others(ask, now)
            if len(waiters) == 1:
                ask = Ask()
        asking = Asking(ask, waiters, now)
        self._circuit.started(now)
        self._asking.add(asking)
        asking.task = _task(self._poll(asking))
        return len(waiters)

    def _can_batch(self, waiter: Waiter, now: float) -> bool:
        return waiter.batchable and not waiter.alone and now >= self._no_batch_until

    def _others(self, ask: Ask, now: float) -> list[Waiter]:
        """Jobs to ask for in the same request: those that are due, and those that soon will be."""
        found: list[Waiter] = []
        passed: list[Waiter] = []
        while len(found) < ask.at_most - 1 and len(passed) < ask.at_most:
            waiter = self._queue.head()
            if waiter is None or waiter.due > now + min(
                ask.ahead, waiter.pause * (0.1 if waiter.fixed else 0.5)
            ):
                break
            self._queue.drop(waiter)
            if self._can_batch(waiter, now):
                waiter.asked_early = False
                found.append(waiter)
            else:
                passed.append(waiter)
        for waiter in passed:
            self._queue.put(waiter, waiter.due)
        return found

    async def _poll(self, asking: Asking) -> None:
        exchange = self._exchange
        assert exchange is not None  # noqa: S101  (nothing starts without one)
        try:
            if asking.ask.way == "many":
                await self._poll_many(exchange, asking)
            else:
                await self._poll_one(exchange, asking, asking.waiters[0])
        except asyncio.CancelledError:
            self._circuit.lost(began=asking.began)
            if not asking.broken_off:
                raise
            self._back(asking.waiters, time.monotonic())
        except Exception as e:
            # A defect of ours in reading an answer must not end the waiting of every other job in silence.
            log.exception("Reading the answer of a poll of connection %r failed", self.conn_id)
            self._circuit.lost(began=asking.began)
            for waiter in asking.waiters:
                self._failed(waiter, OruxError(f"The poll failed: {type(e).__name__}"), asking)
        finally:
            self._asking.discard(asking)
            self._soon()

    async def _poll_one(self, exchange: Exchange, asking: Asking, waiter: Waiter) -> None:
        try:
            job = await exchange.one(waiter.job_id, wait=asking.ask.wait)
        except Unaskable as e:
            self._circuit.lost(began=asking.began)
            self._finish(waiter, Outcome.of_error(e.error, job_id=waiter.job_id))
        except TooLong:
            self._worked(asking)
            self._finish(waiter, Outcome(kind="fetch", job_id=waiter.job_id))
        except OruxError as e:
            self._outcome_of_failure(e, asking)
        else:
            self._worked(asking)
            self._saw(waiter, job, asking)

    async def _poll_many(self, exchange: Exchange, asking: Asking) -> None:
        waiters = asking.waiters
        try:
            jobs = await exchange.many([w.job_id for w in waiters])
        except (TooLong, Unaskable, UnexpectedResponseError):
            # One of them is the reason; which one shows when they are asked for one by one.
            self._worked(asking)
            self._one_by_one(waiters)
        except BatchRefused as e:
            self._circuit.lost(began=asking.began)
            now = time.monotonic()
            if now >= self._no_batch_until:
                log.warning(
                    "Connection %r: a poll of several jobs at once was refused; they are polled one by one for "
                    "%.0f minutes. %s", self.conn_id, NO_BATCH_SECONDS / 60, e.error.message,
                )  # fmt: skip
            self._no_batch_until = now + NO_BATCH_SECONDS
            self._back(waiters, now)
        except OruxError as e:
            self._outcome_of_failure(e, asking)
        else:
            self._worked(asking)
            for waiter in waiters:
                job = jobs.get(waiter.job_id)
                if job is not None:
                    self._saw(waiter, job, asking)
                else:
                    # Not in the answer: whether it is unknown, the gateway says when it is asked for by itself.
                    self._one_by_one([waiter])

    def _one_by_one(self, waiters: list[Waiter]) -> None:
        for waiter in waiters:
            waiter.alone = True
            waiter.batches_failed += 1
        self._back(waiters, time.monotonic())

    def _back(self, waiters: list[Waiter], due: float) -> None:
        for waiter in waiters:
            if waiter in self._waiters and not waiter.ended:
                self._queue.put(waiter, due)

    def _saw(self, waiter: Waiter, job: Job, asking: Asking) -> None:
        if waiter not in self._waiters or waiter.ended:
            return
        waiter.hurt = False
        # A batch may fail because of another job in it; twice is no accident.
        waiter.alone = waiter.batches_failed >= 2
        waiter.learn_from(job)
        step = waiter.tracker.saw(job, now=time.time())
        if isinstance(step, Done):
            self._finish(waiter, Outcome.of_job(step.job))
            return
        if isinstance(step, GiveUp):
            self._finish(waiter, Outcome.of_error(step.error, job_id=waiter.job_id))
            return
        if step.warn:
            waiter.note(step.warn, recovery=True)
        now, pause = time.monotonic(), step.seconds
        if asking.ask.way == "hold":
            pause = pause_after_hold(pause, held=now - asking.began, asked=asking.ask.wait)
        waiter.pause = pause
        self._queue.put(waiter, self._together(now + pause, pause))

    def _together(self, due: float, pause: float) -> float:
        """A moment soon after, at which other jobs are due as well: polls in a row cost less than scattered ones."""
        if len(self._waiters) < MANY or pause < 10 * TOGETHER:
            return due
        return min(math.ceil(due / TOGETHER) * TOGETHER, due + TOGETHER)

    # -- failures -----------------------------------------------------------------------------------------
    def _worked(self, asking: Asking) -> None:
        self._worked_at = time.monotonic()
        if self._circuit.worked(began=asking.began) == "closed":
            self._overdue.clear()
            now = time.monotonic()
            log.warning(
                "Polling of connection %r works again; %d jobs wait.", self.conn_id, len(self._waiters)
            )
            for waiter in self._waiters:
                if waiter.hurt and waiter.place >= 0:
                    waiter.hurt = False
                    self._queue.put(waiter, min(waiter.due, now + random.random()))  # noqa: S311  (no secret)

    def _outcome_of_failure(self, error: OruxError, asking: Asking) -> None:
        now = time.monotonic()
        shared = isinstance(error, SHARED)
        if shared:
            change = self._circuit.failed(
                now,
                began=asking.began,
                pause=asking.waiters[0].patience,
                retry_after=error.retry_after,
                too_many=isinstance(error, RateLimitedError),
            )
            if change == "opened":
                log.warning(
                    "Polling of connection %r slows down: %s. %d jobs wait; one of them is asked for again in "
                    "%.0f s, then ever less often until the gateway answers.",
                    self.conn_id, error.message, len(self._waiters), self._circuit.closed_until - now,
                )  # fmt: skip
        else:
            self._worked(asking)
        for waiter in asking.waiters:
            waiter.hurt = shared
            self._failed(waiter, copy.copy(error), asking)
        if shared and self._circuit.is_open and asking.began >= (self._circuit.opened_at or 0.0):
            self._judge_overdue(error, now)
        if (
            isinstance(error, AuthenticationError)
            and now - self._looked_up > RELOAD_PAUSE
            and not self._reload
        ):
            # Someone may have put a new key into the connection.
            self._reload, self._look_again = True, 0.0

    def _failed(self, waiter: Waiter, error: OruxError, asking: Asking) -> None:
        if waiter not in self._waiters or waiter.ended:
            return
        now = time.monotonic()
        if waiter.asked_early:
            # It only showed that the gateway is still away: its own failures are counted at its own pace.
            self._queue.put(waiter, max(waiter.due, now + waiter.patience))
            return
        self._judge(waiter, error, now, tell=True)

    def _judge(self, waiter: Waiter, error: OruxError, now: float, *, tell: bool) -> None:
        step = waiter.tracker.failed(error, now=time.time())
        if isinstance(step, GiveUp):
            self._finish(waiter, Outcome.of_error(step.error, job_id=waiter.job_id))
            return
        if step.warn and tell:
            waiter.note(step.warn)
        self._queue.put(waiter, now + step.seconds)

    def _judge_overdue(self, error: OruxError, now: float, *, everyone: bool = False) -> None:
        """What failed for one failed for all that would have been asked: so all of them give up at the same time.

        :param everyone: those that are not due yet as well.
        """
        self._overdue.extend(
            (waiter, error, everyone)
            for waiter in self._waiters
            if waiter.place >= 0 and (everyone or waiter.due <= now)
        )
        self._judge_some(now)

    def _judge_some(self, now: float) -> None:
        for _ in range(min(len(self._overdue), JOBS_A_TURN)):
            waiter, error, everyone = self._overdue.popleft()
            # Since it was noted it may have left, be asked for, or have been judged already.
            if waiter.place >= 0 and (everyone or waiter.due <= now):
                waiter.hurt = True
                self._judge(waiter, copy.copy(error), now, tell=False)

    # -- the end ------------------------------------------------------------------------------------------
    def _break_off(self, asking: Asking) -> None:
        if asking.task is not None and not asking.broken_off:
            asking.broken_off = True
            asking.task.cancel()

    def _retire(self) -> asyncio.Task[None] | None:
        """Close the client, once the polls under way came back."""
        exchange, self._exchange = self._exchange, None
        if exchange is None:
            return None
        under_way: list[asyncio.Task[None]] = [a.task for a in self._asking if a.task is not None]

        async def close() -> None:
            if under_way:
                await asyncio.wait(under_way)
            await exchange.transport.aclose()

        task = _task(close())
        _closing.add(task)
        task.add_done_callback(_closing.discard)
        return task

    def _close(self) -> asyncio.Task[None] | None:
        self._forget()
        for handle in (self._next, self._timer):
            if handle is not None:
                handle.cancel()
        self._next = self._timer = None
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None
        for asking in list(self._asking):
            self._break_off(asking)
        closing = self._retire()
        self._connection = None
        self._looked_up = self._look_again = self._expire_at = 0.0
        self._reload = False
        self._failed_lookups = 0
        self._offer, self._circuit = Offer(), Circuit()
        self._queue = DueQueue()
        self._overdue.clear()
        return closing


def _task(coroutine: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """A task of the hub's own: not in the context of the trigger that happens to run now."""
    return contextvars.Context().run(asyncio.get_running_loop().create_task, coroutine)


def _same(one: GatewayConnection, other: GatewayConnection) -> bool:
    return (
        type(one.gateway) is type(other.gateway)
        and one.client == other.client
        and one.gateway.options == other.gateway.options
        and one.max_in_flight_polls == other.max_in_flight_polls
    )
