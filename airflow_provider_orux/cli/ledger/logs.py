"""The ledger that ``[orux] ledger_path`` names, read and written where it lies: without Airflow's API."""

from __future__ import annotations

import argparse
import contextlib
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

from airflow_provider_orux.cli.airflow_api import AirflowApi
from airflow_provider_orux.cli.errors import CommandError, UsageError
from airflow_provider_orux.cli.ledger.instances import WORKERS, Instance, LedgerEntry, LedgerRecords
from airflow_provider_orux.compat import conf
from airflow_provider_orux.durable.entries import Entries, LocalRoot, Root, open_root
from airflow_provider_orux.durable.log_store import LogStore
from airflow_provider_orux.durable.open_store import ledger_path
from airflow_provider_orux.lifecycle import entry as lifecycle
from airflow_provider_orux.lifecycle.record import Record
from airflow_provider_orux.models.errors import LedgerError


@contextlib.contextmanager
def open_ledger(args: argparse.Namespace) -> Iterator[LedgerRecords | LogLedger]:
    """The ledger of this Airflow: at ``[orux] ledger_path`` where that is set, else behind Airflow's API.

    :raises CommandError: it cannot be reached.
    """
    path = ledger_path()
    if path is None:
        with AirflowApi.of(args) as api:
            yield LedgerRecords(api)
        return
    root = open_root(path, conn_id=conf.get("orux", "ledger_conn_id", fallback="") or None)
    if isinstance(root, LocalRoot) and not Path(root.folder).is_dir():
        raise CommandError(
            f"There is no ledger at {root.folder} ([orux] ledger_path). Run this where the workers run."
        )
    yield LogLedger(root)


class LogLedger:
    """The records of the logs below a folder. What Airflow says of a task instance is not known here.

    A write continues from what was read: if a task wrote meanwhile, it is refused.
    """

    api = None

    def __init__(self, root: Root) -> None:
        self.root = root
        self._stores: dict[Instance, LogStore] = {}

    def instance(self, dag_id: str, run_id: str, task_id: str, map_index: int) -> Instance:
        """A task instance by its name."""
        return Instance(dag_id, run_id, task_id, map_index)

    def read(self, instance: Instance) -> LedgerEntry | None:
        """The record of a task instance; None when there is none.

        :raises CommandError: the store does not answer.
        """
        ids = (instance.dag_id, instance.run_id, instance.task_id, instance.map_index)
        store = LogStore(self.root.entries(*map(str, ids)), instance=ids, turn=None, log=None)
        self._stores[instance] = store
        problem = None
        try:
            record = store.read()
        except LedgerError as e:
            if not e.final:
                raise CommandError(e.message) from e
            record, problem = None, e.message
        if record is None and problem is None:
            return None
        return LedgerEntry(instance, record, problem, store.last.at if store.last else None)

    def write(self, instance: Instance, record: Record) -> None:
        """Write a record.

        :raises CommandError: it was not written.
        """
        self._changed(instance, lambda store: store.write(record, patience=10.0))

    def discard(self, entry: LedgerEntry) -> None:
        """Give a submission up; see ``LedgerRecords.discard``."""
        if entry.record is None:
            self.remove(entry.instance)
        else:
            self.write(entry.instance, entry.record.discarded(at=time.time()))

    def remove(self, instance: Instance) -> None:
        """Note that there is no record any more."""
        self._changed(instance, lambda store: store.remove())

    def find(
        self,
        *,
        dag_id: str | None,
        run_id: str | None = None,
        task_id: str | None = None,
        first: datetime | None = None,
        last: datetime | None = None,
    ) -> Iterator[LedgerEntry]:
        """The records of all task instances that fit.

        :raises UsageError: it was asked for dates of runs.
        """
        if first or last:
            raise UsageError(
                "The ledger at ledger_path knows no dates of runs: leave out --from-date and --to-date. --older-than "
                "goes by when a record was last changed."
            )
        for instance, _ in self._instances(dag_id, run_id, task_id):
            entry = self.read(instance)
            if entry is not None:
                yield entry

    def prune(self, instance: Instance) -> None:
        """Remove the history of a record that was read and is not needed any more; its end stays for one more turn.

        :raises CommandError: a task wrote meanwhile.
        """
        self.remove(instance)
        self._remove(self._entries(instance), keep=1)

    def sweep(self, *, older: float, dag_id: str | None, run_id: str | None, task_id: str | None) -> int:
        """Remove the logs that have held no record for so long that nobody can still hold an older one.

        :param older: seconds.
        :returns: how many.
        """
        swept = 0
        for instance, last in self._instances(dag_id, run_id, task_id):
            if last is not None and last.record is None and time.time() - last.at > older:
                self._remove(self._entries(instance), keep=0)
                swept += 1
        return swept

    def _instances(
        self, dag_id: str | None, run_id: str | None, task_id: str | None
    ) -> Iterator[tuple[Instance, lifecycle.Entry | None]]:
        parts = [part for part in (dag_id, run_id if dag_id else None) if part]
        with ThreadPoolExecutor(WORKERS) as pool:
            for last in pool.map(self._last, self.root.find(*parts)):
                if last is not None and task_id in (None, last.task_id):
                    yield Instance(last.dag_id, last.run_id, last.task_id, last.map_index), last

    def _last(self, entries: Entries) -> lifecycle.Entry | None:
        """The newest entry that can be read: it names the task instance."""
        for number in reversed(entries.numbers()):
            with contextlib.suppress(LedgerError, FileNotFoundError):
                return lifecycle.Entry.from_bytes(entries.load(number))
        return None

    def _entries(self, instance: Instance) -> Entries:
        return self.root.entries(instance.dag_id, instance.run_id, instance.task_id, str(instance.map_index))

    def _remove(self, entries: Entries, *, keep: int) -> None:
        # The newest last: whoever lists meanwhile finds the end of the log, and never a part of it that looks current.
        numbers = entries.numbers()
        for number in numbers[: len(numbers) - keep]:
            entries.remove(number)

    def _changed(self, instance: Instance, change: Any) -> None:
        if instance not in self._stores:
            self.read(instance)
        try:
            change(self._stores[instance])
        except LedgerError as e:
            raise CommandError(f"{instance}: {e.message}. Nothing was changed.") from e
