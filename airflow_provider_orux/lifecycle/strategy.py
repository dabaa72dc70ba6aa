"""How to ask a gateway for the jobs that are due: one, many at once, or one that is held open until the job changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

AHEAD = 2.5
"""Seconds before its time that a job is asked for along with others: a place in a batch costs next to nothing."""
SHORTEST_HOLD = 1.0
"""Seconds; a request held open for less is a plain poll."""


@dataclass(frozen=True)
class Offer:
    """What a gateway and its connection allow.

    :param slots: polls under way at once.
    :param batch_size: jobs that one poll can ask for; 0 or 1: one.
    :param long_poll_seconds: how long the gateway holds a poll open; 0: it answers at once.
    """

    slots: int = 1
    batch_size: int = 0
    long_poll_seconds: float = 0.0


@dataclass(frozen=True)
class Ask:
    """One poll.

    :param way: ``one`` job now; ``many`` jobs in one request; ``hold``: one job, held open by the gateway.
    :param at_most: how many jobs to ask for.
    :param ahead: seconds before its time that a job may be among them.
    :param wait: seconds for which the gateway may hold the request open.
    """

    way: Literal["one", "many", "hold"] = "one"
    at_most: int = 1
    ahead: float = 0.0
    wait: float = 0.0


def ask_for(
    offer: Offer, *, waiting: int, batchable: bool = False, fixed: bool = False, left: float = float("inf")
) -> Ask:
    """The way to ask for the job that is due next.

    A held request costs a slot for half a minute, so there must be one for every job that waits: else the jobs
    without one would learn of their end later than by polling.

    :param waiting: jobs that are waited for through this connection.
    :param batchable: whether this job can be part of a batch.
    :param fixed: whether the DAG author chose the interval: then no request is held open.
    :param left: seconds until the job's deadline.
    """
    if offer.batch_size > 1 and batchable and waiting > 1:
        return Ask("many", at_most=offer.batch_size, ahead=AHEAD)
    if can_hold(offer, waiting=waiting) and not fixed:
        wait = min(offer.long_poll_seconds, left)
        if wait >= SHORTEST_HOLD:
            return Ask("hold", wait=wait)
    return Ask()


def can_hold(offer: Offer, *, waiting: int) -> bool:
    """Whether every waiting job can have a request held open for it."""
    return offer.long_poll_seconds >= SHORTEST_HOLD and waiting <= offer.slots


def pause_after_hold(pause: float, *, held: float, asked: float) -> float:
    """Seconds until the next poll after a held request came back and the job goes on.

    At once when the gateway did hold it; the schedule's pause when it came back early (the job began to run, or
    the gateway does not hold requests open after all): else a gateway that answers at once would be asked all the time.

    :param pause: the schedule's pause.
    :param held: seconds for which it was held.
    :param asked: seconds for which it was asked to.
    """
    return 0.0 if held >= asked / 2 else pause
