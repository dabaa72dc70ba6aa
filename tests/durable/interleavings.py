"""All interleavings of several executions of one task instance on one log, by trying them.

Each execution is the real ``DurableJob`` on the real ``LogStore``; it stops before every call of the store and before
the paid request, and the explorer chooses who goes on. What an execution does depends only on what it has seen, so two
ways to the same sights and the same entries are one state, and are followed once.
"""

from __future__ import annotations

import contextlib
import itertools
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from greenlet import greenlet

from airflow_provider_orux.durable.entries import Entries
from airflow_provider_orux.durable.log_store import LogStore
from airflow_provider_orux.lifecycle.entry import Turn
from airflow_provider_orux.models.errors import OruxError
from tests.durable.fakes import World

INSTANCE = ("dag", "run", "task", -1)
#: What becomes of the creation of an entry: it is told; it is done and not told; it is not done; it is not told, and
#: done at any time later.
ANSWERED, LOST, FAILED, LATE = "answered", "lost", "failed", "late"
#: A late one is done now.
LANDS = "lands"


class MemoryEntries:
    """Entries with the semantics of an object store."""

    def __init__(self) -> None:
        self.files: dict[int, bytes] = {}

    def numbers(self) -> list[int]:
        return sorted(self.files)

    def load(self, number: int) -> bytes:
        try:
            return self.files[number]
        except KeyError:
            raise FileNotFoundError(number) from None

    def create(self, number: int, content: bytes) -> None:
        if number in self.files:
            raise FileExistsError(number)
        self.files[number] = content

    def remove(self, number: int) -> None:
        self.files.pop(number, None)


class OverwritingEntries(MemoryEntries):
    """A store that ignores the condition."""

    def create(self, number: int, content: bytes) -> None:
        self.files[number] = content


@dataclass(frozen=True)
class Attempt:
    """One execution. It reads the ledger whenever the explorer likes, also after newer ones wrote."""

    try_number: int = 1
    max_tries: int = 3
    #: Seconds when Airflow made its id; None: a minute after that of the try before.
    id_at: float | None = None

    @property
    def turn(self) -> Turn:
        return turn(self.try_number, self.try_number * 60.0 if self.id_at is None else self.id_at)


def turn(try_number: int, id_at: float | None) -> Turn:
    """An execution, by its try and when Airflow made its id (a UUIDv7)."""
    ti_id = None if id_at is None else str(uuid.UUID(int=int(id_at * 1000) << 80 | 7 << 76 | 2 << 62))
    return Turn(ti_id=ti_id, try_number=try_number)


class Stepped:
    """The entries as one execution reaches them: it stops before each call."""

    def __init__(self, entries: Entries, runner: Runner) -> None:
        self.entries = entries
        self.runner = runner

    def numbers(self) -> list[int]:
        self.runner.stop("numbers")
        return self.runner.saw(self.entries.numbers())

    def load(self, number: int) -> bytes:
        self.runner.stop("load")
        content = self.entries.load(number)
        self.runner.saw(self.runner.game.name_of(content))
        return content

    def create(self, number: int, content: bytes) -> None:
        fate = self.runner.stop("create")
        if fate in (FAILED, LATE):
            self.runner.saw("no answer")
            if fate == LATE:
                self.runner.game.under_way.append((number, content, self.runner.index))
            raise TimeoutError("no answer")
        try:
            self.entries.create(number, content)
        except Exception as e:
            self.runner.saw(type(e).__name__)
            raise
        self.runner.game.written(content, self.runner.index)
        if fate == LOST:
            self.runner.saw("no answer, but done")
            raise TimeoutError("no answer")
        self.runner.saw("created")

    def remove(self, number: int) -> None:
        raise AssertionError("an execution removes nothing")


class Runner:
    """One execution under way."""

    def __init__(self, game: Game, index: int, attempt: Attempt) -> None:
        self.game = game
        self.index = index
        self.seen: list[Any] = []
        self.waits_for: str | None = None
        self.outcome: str | None = None
        self._let = greenlet(lambda: self._run(attempt))
        self._let.switch()

    def stop(self, before: str) -> Any:
        self.waits_for = before
        return greenlet.getcurrent().parent.switch()

    def saw(self, what: Any) -> Any:
        self.seen.append(repr(what))
        return what

    def go_on(self, fate: str) -> None:
        self._let.switch(fate)

    def _run(self, attempt: Attempt) -> None:
        world = self.game.world
        store = LogStore(
            Stepped(self.game.entries, self),
            instance=INSTANCE,
            turn=attempt.turn,
            log=world.log,
            sleep=world.clock.sleep,
            clock=world.clock.now,
        )
        try:
            self.outcome = type(self.game.job(self, attempt, store).start()).__name__
        except OruxError as e:
            self.outcome = type(e).__name__
        self.waits_for = None


@dataclass
class Game:
    """One course of events, from the start."""

    entries: Entries
    attempts: Sequence[Attempt]
    world: World = field(default_factory=World)

    def __post_init__(self) -> None:
        self.names: dict[bytes, str] = {}
        self.under_way: list[tuple[int, bytes, int]] = []
        self.runners = [Runner(self, n, attempt) for n, attempt in enumerate(self.attempts)]

    def job(self, runner: Runner, attempt: Attempt, store: LogStore) -> Any:
        """The job of an execution; it stops before its paid request."""
        world = self.world
        world.try_number, world.max_tries = attempt.try_number, attempt.max_tries
        job = world.attempt(store)

        job.client = type("Stopping", (), {"__getattr__": lambda _, name: getattr(world.client, name)})()
        for verb in ("submit", "poll", "generate"):
            method = getattr(world.client, verb)

            def call(*args: Any, _method: Callable[..., Any] = method, **more: Any) -> Any:
                runner.stop("request")
                answered = _method(*args, **more)
                runner.saw(answered.job_id)
                return answered

            setattr(job.client, verb, call)
        return job

    def written(self, content: bytes, by: int) -> None:
        self.names[content] = f"{by}.{sum(name.startswith(f'{by}.') for name in self.names.values())}"

    def name_of(self, content: bytes) -> str:
        return self.names.get(content, "?")

    def go_on(self, index: int, fate: str) -> None:
        """One step."""
        if fate != LANDS:
            self.runners[index].go_on(fate)
            return
        number, content, by = self.under_way.pop(index)
        with contextlib.suppress(FileExistsError):
            self.entries.create(number, content)
            self.written(content, by)

    def choices(self, faults_left: int) -> list[tuple[int, str]]:
        found = []
        for runner in self.runners:
            if runner.waits_for is not None:
                found.append((runner.index, ANSWERED))
                if runner.waits_for == "create" and faults_left:
                    found += [(runner.index, fate) for fate in (LOST, FAILED, LATE)]
        return found + [(n, LANDS) for n in range(len(self.under_way))]

    def state(self) -> Any:
        return (
            tuple((tuple(r.seen), r.waits_for, r.outcome) for r in self.runners),
            tuple((n, self.name_of(self.entries.load(n))) for n in self.entries.numbers()),
            tuple((n, by) for n, _, by in self.under_way),
            self.world.charges,
        )


@dataclass
class Explored:
    """What was found.

    :param ends: (outcomes of the executions, charges) of every way in which all of them came to an end.
    :param most: the most charges in any state: what holds in every state holds also if an execution dies there.
    """

    states: int = 0
    most: int = 0
    ends: set[tuple[tuple[str | None, ...], int]] = field(default_factory=set)


def explore(make: Callable[[], Entries], attempts: Sequence[Attempt], *, faults: int = 0) -> Explored:
    """Follow every interleaving.

    :param make: new entries for one course of events.
    :param faults: how many creations of an entry may go wrong in one course.
    """
    found = Explored()
    known: set[Any] = set()
    open_: list[tuple[tuple[int, str], ...]] = [()]
    while open_:
        path = open_.pop()
        game = Game(make(), attempts)
        for index, fate in path:
            game.go_on(index, fate)
        left = faults - sum(fate not in (ANSWERED, LANDS) for _, fate in path)
        state = (game.state(), left)
        if state in known:
            continue
        known.add(state)
        found.most = max(found.most, game.world.charges)
        choices = game.choices(left)
        if not choices:
            found.ends.add((tuple(r.outcome for r in game.runners), game.world.charges))
        open_ += [(*path, choice) for choice in choices]
    found.states = len(known)
    return found


def turns(count: int) -> list[tuple[Attempt, ...]]:
    """Executions as Airflow may start them: the same try twice, retries, and clears."""
    kinds = [Attempt(1, 3), Attempt(2, 3), Attempt(3, 6)]
    return list(itertools.combinations_with_replacement(kinds, count))
