"""The append-only ledger: one payment in every interleaving, and whose record an execution may read."""

from __future__ import annotations

import json

import pytest

from airflow_provider_orux.durable.log_store import INTENT_PATIENCE, LogStore
from airflow_provider_orux.durable.stores import WRITE_PATIENCE
from airflow_provider_orux.lifecycle.entry import Entry, Standing
from airflow_provider_orux.lifecycle.record import State
from airflow_provider_orux.models.errors import LedgerError
from tests.durable.fakes import World
from tests.durable.interleavings import (
    INSTANCE,
    Attempt,
    MemoryEntries,
    OverwritingEntries,
    explore,
    turn,
    turns,
)

TOGETHER = {
    "the same try, three times": (Attempt(1), Attempt(1), Attempt(1)),
    "two retries": (Attempt(1), Attempt(2), Attempt(3)),
    "a retry, then a clear": (Attempt(1), Attempt(2), Attempt(3, 6)),
}


# -- interleavings ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("attempts", turns(2), ids=lambda a: "-".join(str(x.try_number) for x in a))
def test_two_executions_pay_once_however_they_interleave(attempts):
    found = explore(MemoryEntries, attempts)
    assert found.states > 40
    assert {charges for _, charges in found.ends} == {1}
    assert found.most == 1, "an execution that dies in any state leaves no second payment"


@pytest.mark.parametrize("attempts", TOGETHER.values(), ids=TOGETHER)
def test_three_executions_pay_once_however_they_interleave(attempts):
    found = explore(MemoryEntries, attempts)
    assert found.states > 400
    assert {charges for _, charges in found.ends} == {1}
    assert found.most == 1


@pytest.mark.parametrize(
    "attempts", [(Attempt(1), Attempt(2)), (Attempt(1), Attempt(1))], ids=["a retry", "the same try"]
)
def test_no_lost_answer_of_the_store_pays_twice(attempts):
    """Done and not told, not done, or done at any later time."""
    found = explore(MemoryEntries, attempts, faults=1)
    assert found.states > 300
    assert found.most == 1
    # Where each creation is done or not, somebody pays. A late intent that nobody sent needs a person.
    assert {charges for _, charges in found.ends} <= {0, 1}


def test_the_explorer_sees_a_store_that_keeps_nobody_apart():
    assert explore(OverwritingEntries, (Attempt(1), Attempt(2))).most == 2


def test_the_explorer_sees_an_execution_that_continues_from_what_it_did_not_read(monkeypatch):
    create = LogStore._create

    def anywhere(self, number, content, patience):
        numbers = self._entries.numbers()
        create(self, max(numbers, default=0) + 1, content, patience)

    monkeypatch.setattr(LogStore, "_create", anywhere)
    assert explore(MemoryEntries, (Attempt(1), Attempt(2))).most == 2


def test_the_explorer_sees_a_stale_execution_that_is_not_sent_away(monkeypatch):
    """A newer one was cleared, paid and delivered; to an older one that would look like a clear."""
    world, entries = World(), MemoryEntries()
    newer = store(world, entries, Attempt(4, 7))
    world.try_number, world.max_tries = 4, 7
    world.attempt(newer).start()
    newer.write(newer.read().changed(state=State.FINISHED, result={"job_id": "task_1"}, delivered=True))
    world.try_number, world.max_tries = 1, 3
    with pytest.raises(LedgerError, match="Another execution"):
        world.attempt(store(world, entries, Attempt(1))).start()
    assert world.charges == 1


# -- whose record it is ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("last", "mine", "standing"),
    [
        (turn(1, 0), turn(1, 0), Standing.CURRENT),  # resumed after a deferral, or rescheduled
        (turn(1, 0), turn(2, 30), Standing.CURRENT),  # a retry, or a clear
        (turn(2, 30), turn(1, 0), Standing.STALE),  # a worker that was given up
        (turn(2, 30), turn(1, 31), Standing.STALE),  # the same where clocks differ
        (turn(1, 900), turn(1, 0), Standing.STALE),  # of a deleted run, whose successor has begun
        (turn(1, 900), turn(4, 300), Standing.STALE),
        (turn(1, 0), turn(1, 5), Standing.NEW_RUN),  # deleted and created again
        (turn(3, 300), turn(1, 900), Standing.NEW_RUN),
        (turn(1, 0), turn(2, 900), Standing.CURRENT),  # perhaps of a new run, whose first try wrote nothing
        (turn(2, None), turn(2, 5), Standing.CURRENT),
        (turn(2, 5), turn(3, None), Standing.CURRENT),
        (turn(2, None), turn(1, 5), Standing.STALE),
    ],
)
def test_whose_record_it_is(last, mine, standing):
    assert mine.standing(last) is standing


def store(world, entries, attempt=None, **more):
    return LogStore(
        entries,
        instance=INSTANCE,
        turn=None if attempt is None else attempt.turn,
        log=world.log,
        sleep=world.clock.sleep,
        clock=world.clock.now,
        **more,
    )


def submitted():
    world, entries = World(), MemoryEntries()
    world.attempt(store(world, entries, Attempt())).start()
    return world, entries


def test_a_run_that_was_created_again_under_the_same_id_pays_anew():
    world, entries = submitted()
    again = store(world, entries, Attempt(id_at=900.0))
    assert again.read() is None
    world.attempt(again).start()
    assert world.charges == 2
    assert [Entry.from_bytes(entries.load(n)).record["state"] for n in entries.numbers()] == [
        "intent",
        "submitted",
    ] * 2


def test_each_entry_is_kept_and_says_whose_it_is():
    _, entries = submitted()
    intent, accepted = (Entry.from_bytes(entries.load(n)) for n in entries.numbers())
    assert (intent.record["state"], accepted.record["state"]) == ("intent", "submitted")
    assert (accepted.dag_id, accepted.run_id, accepted.task_id, accepted.map_index) == INSTANCE
    assert intent.token != accepted.token


def test_an_entry_holds_no_prompt_and_no_key():
    _, entries = submitted()
    text = b"".join(entries.files.values()).decode()
    assert "lighthouse" not in text
    assert "kkkk" not in text


# -- reading and writing -----------------------------------------------------------------------------------------------
class Unreliable(MemoryEntries):
    """Fails as told: ``before`` or ``after`` it did it."""

    def __init__(self, *fates):
        super().__init__()
        self.fates = list(fates)

    def create(self, number, content):
        fate = self.fates.pop(0) if self.fates else None
        if fate == "before":
            raise TimeoutError("no answer")
        super().create(number, content)
        if fate == "after":
            raise TimeoutError("no answer")


def test_a_write_whose_answer_was_lost_is_compared_before_it_is_called_fenced():
    world, entries = World(), Unreliable("after", "after")
    world.attempt(store(world, entries, Attempt())).start()
    assert entries.numbers() == [1, 2]
    assert world.charges == 1


def test_a_repeated_request_that_the_store_refuses_was_ours():
    """A library below repeats the PUT whose answer was lost: then the store says that it is there already."""

    class Repeating(MemoryEntries):
        def create(self, number, content):
            super().create(number, content)
            super().create(number, content)

    world, entries = World(), Repeating()
    world.attempt(store(world, entries, Attempt())).start()
    assert (entries.numbers(), world.charges) == ([1, 2], 1)


def test_an_intent_that_cannot_be_written_sends_nothing():
    world, entries = World(), Unreliable(*["before"] * 100)
    with pytest.raises(LedgerError, match="cannot be written") as caught:
        world.attempt(store(world, entries, Attempt())).start()
    assert (caught.value.charged, caught.value.final, world.charges) == ("no", False, 0)
    assert 0 < world.clock.skipped <= INTENT_PATIENCE


def test_an_acceptance_is_tried_for_a_minute():
    world, entries = World(), Unreliable(None, *["before"] * 100)
    with pytest.raises(LedgerError) as caught:
        world.attempt(store(world, entries, Attempt())).start()
    assert caught.value.job_id == "task_1"
    assert "ledger settle dag run task --job-id task_1" in caught.value.next_step
    assert WRITE_PATIENCE / 2 < world.clock.skipped <= WRITE_PATIENCE


def test_a_fenced_acceptance_names_the_job():
    world, entries = World(), MemoryEntries()
    mine = store(world, entries, Attempt())
    job = world.attempt(mine)
    write = mine.write

    def another_first(record, **more):
        entries.create(2, Entry.from_bytes(entries.load(1)).to_bytes())
        write(record, **more)

    mine.write = another_first
    with pytest.raises(LedgerError, match="task_1 was accepted") as caught:
        job.start()
    assert "Another execution" in str(caught.value)
    assert world.clock.skipped == 0, "waiting would not help"


def test_a_listing_that_hides_an_entry_pays_nothing():
    world, entries = submitted()
    entries.numbers = list
    with pytest.raises(LedgerError, match="Another execution"):
        world.attempt(store(world, entries, Attempt())).start()
    assert world.charges == 1


@pytest.mark.parametrize(
    "content",
    [b"", b"null", b"[]", b"{}", b"{", b"\xff", b'{"v": 2}', b"[" * 100_000, b'"x"'],
    ids=lambda b: repr(b[:8]),
)
def test_an_entry_of_another_shape_is_an_error(content):
    world, entries = submitted()
    entries.files[2] = content
    with pytest.raises(LedgerError, match="not readable"):
        store(world, entries, Attempt()).read()
    assert store(world, entries, Attempt()).glance() is None


def test_a_record_of_another_shape_is_an_error():
    world, entries = submitted()
    value = json.loads(entries.files[2])
    value["record"]["fingerprint"] = "x"
    entries.files[2] = json.dumps(value).encode()
    with pytest.raises(LedgerError, match="fingerprint"):
        store(world, entries, Attempt()).read()


def test_an_entry_of_another_task_instance_is_an_error():
    world, entries = submitted()
    other = LogStore(entries, instance=("dag", "run", "other", -1), turn=turn(1, 0), log=world.log)
    with pytest.raises(LedgerError, match="of another one"):
        other.read()


def test_a_store_that_does_not_answer_is_an_error_a_retry_may_outlive():
    def nothing():
        raise ConnectionError("refused")

    world, entries = submitted()
    entries.numbers = nothing
    with pytest.raises(LedgerError, match="cannot be read") as caught:
        store(world, entries, Attempt()).read()
    assert not caught.value.final


def test_what_was_withdrawn_is_no_record():
    world, entries = submitted()
    store(world, entries, Attempt()).remove()
    assert store(world, entries, Attempt(2)).read() is None
    assert entries.numbers() == [1, 2, 3]


def test_a_person_continues_from_any_entry_and_leaves_the_turn_as_it_was():
    world, entries = submitted()
    person = store(world, entries)
    record = person.read()
    person.write(record.changed(job_id="task_9"))
    assert Entry.from_bytes(entries.load(3)).turn == Attempt().turn
    assert store(world, entries, Attempt(2)).read().job_id == "task_9"


def test_records_of_airflows_store_are_found_after_the_change():
    """``ledger_path`` was set while a paid task was under way."""
    world = World()
    world.start()
    world.retry()
    world.attempt(store(world, MemoryEntries(), Attempt(2), before=world.store())).start()
    assert world.charges == 1
