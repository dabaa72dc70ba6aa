"""What a settlement keeps of the submission that it replaces."""

from __future__ import annotations

import io

import pytest

from airflow_provider_orux.cli.connections import FoundConnection
from airflow_provider_orux.cli.errors import CommandError
from airflow_provider_orux.cli.ledger.instances import Instance, LedgerEntry
from airflow_provider_orux.cli.ledger.settle import Answer, settle_one
from airflow_provider_orux.cli.output import Output
from airflow_provider_orux.lifecycle.record import Record, State

INTENT = Record(
    state=State.INTENT, max_tries=2, fingerprint="f" * 64, conn_id="c", host="https://orux.top", updated_at=1.0,
    submission_id="gen-1",
)  # fmt: skip
SUBMITTED = INTENT.changed(state=State.SUBMITTED, job_id="task_1")
FINISHED = SUBMITTED.changed(
    state=State.FINISHED, delivered=True, result={"charged": "yes", "price": 20.0, "currency": "credits"}
)
SETTLED = INTENT.changed(state=State.SETTLED, job_id="task_typo")


class OneRecord:
    """A ledger of one task instance."""

    api = None

    def __init__(self, record: Record) -> None:
        self.record = record

    def instance(self, *words: object) -> Instance:
        return Instance(*words, facts={"state": "failed"})  # type: ignore[arg-type]

    def read(self, instance: Instance) -> LedgerEntry:
        return LedgerEntry(instance, self.record, None)

    def write(self, instance: Instance, record: Record) -> None:
        self.record = Record.from_json(record.to_json())


def settled(record: Record, *, force: bool = True) -> Record:
    ledger = OneRecord(record)
    settle_one(
        ledger,
        Instance("d", "r", "t", -1),
        Answer("task_2"),
        force=force,
        connections={"c": FoundConnection(None, why="x")},
        out=Output(io.StringIO(), io.StringIO()),
    )  # type: ignore[arg-type]
    return ledger.record


def test_an_ambiguous_submission_becomes_a_job_and_replaces_nothing():
    record = settled(INTENT, force=False)
    assert (record.state, record.job_id, record.earlier) == (State.SETTLED, "task_2", ())
    assert settled(SETTLED, force=False).earlier == (), "a word that was corrected was no job"


@pytest.mark.parametrize("record", [SUBMITTED, FINISHED], ids=lambda r: r.state.value)
def test_a_job_that_was_accepted_stays_in_the_record(record):
    with pytest.raises(CommandError):
        settled(record, force=False)
    found = settled(record)
    assert (found.state, found.job_id, found.result, found.delivered) == (
        State.SETTLED,
        "task_2",
        None,
        False,
    )
    (earlier,) = found.earlier
    assert earlier.job_id == "task_1"
    assert (earlier.charged, earlier.price) == (("yes", 20.0) if record is FINISHED else ("unknown", None))
