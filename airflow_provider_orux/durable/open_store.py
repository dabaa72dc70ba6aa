"""Which store holds the ledger: Airflow's task state store, or the log that ``[orux] ledger_path`` names."""

from __future__ import annotations

import functools
import json
import logging
import os
import uuid
from pathlib import Path
from typing import Any

from airflow_provider_orux.compat import conf
from airflow_provider_orux.durable.entries import LocalRoot, Root, away, check_root, open_root, unusable
from airflow_provider_orux.durable.identity import TaskIdentity
from airflow_provider_orux.durable.log_store import LogStore
from airflow_provider_orux.durable.stores import RecordStore, TaskStateStore
from airflow_provider_orux.lifecycle.entry import Turn
from airflow_provider_orux.models.errors import ConfigurationError, LedgerError

#: The value of ``[orux] ledger_path`` that means the folder ``orux-ledger`` below ``AIRFLOW_HOME``.
LOCAL = "local"
#: The Airflow Variable that holds the id of the one folder that is the ledger.
VARIABLE = "orux_ledger_folder"
#: The file in the folder that holds the same id.
MARKER = ".orux-ledger.json"


def record_store(context: Any, *, log: logging.Logger | Any) -> RecordStore:
    """Where the record of the running task instance lives.

    :param context: of the task.
    :raises ConfigurationError: ``[orux] ledger_path`` cannot be used.
    :raises LedgerError: the store does not answer, or Airflow has none and none is configured.
    """
    own = context.get("task_state_store")
    airflows = None if own is None else TaskStateStore(own, log=log)
    path = ledger_path()
    if path is None:
        if airflows is None:
            raise LedgerError(
                "Airflow gave this task no state store, so a paid submission could not be remembered",
                charged="no",
                next_step="Set `ledger_path` in the section [orux] of airflow.cfg (Airflow 3.1 and 3.2 need it): a "
                "folder that all workers share, such as s3://bucket/ledger, or `local` if Airflow runs on one machine. "
                "Restart Airflow, then clear the task. Or give up the protection with durable=False.",
            )
        return airflows
    identity = TaskIdentity.of(context)
    instance = (identity.dag_id, identity.run_id, identity.task_id, identity.map_index)
    root = _checked_root(path, conf.get("orux", "ledger_conn_id", fallback="") or None)
    return LogStore(
        root.entries(*map(str, instance)),
        instance=instance,
        turn=Turn(ti_id=str(context["ti"].id), try_number=identity.try_number),
        before=airflows,
        log=log,
    )


def ledger_path() -> str | None:
    """What ``[orux] ledger_path`` names, as a path; None: Airflow's own store."""
    path: str = (conf.get("orux", "ledger_path", fallback="") or "").strip()
    if path == LOCAL:
        return str(
            Path(os.environ.get("AIRFLOW_HOME") or "~/airflow").expanduser().absolute() / "orux-ledger"
        )
    return path.rstrip("/") or None


@functools.cache
def _checked_root(path: str, conn_id: str | None) -> Root:
    """The ledger at a path, tried once in this process."""
    root = open_root(path, conn_id=conn_id)
    if isinstance(root, LocalRoot):
        _check_marker(root.folder)
    check_root(root)
    return root


def _check_marker(folder: Path) -> None:
    """Refuse a second folder, or an empty one in the place of the ledger: a record that is not found is paid again.

    Another machine has another ``AIRFLOW_HOME``, and a mount may be missing. All share one Airflow Variable.
    """
    from airflow.sdk import Variable

    marker = folder / MARKER
    try:
        folder.mkdir(parents=True, exist_ok=True)
        known = Variable.get(VARIABLE, default=None)
        if known is None:
            _make(marker)
        found = _id_in(marker)
        if known is None:
            Variable.set(VARIABLE, found, description="The folder of the ledger of airflow-provider-orux")
            known = Variable.get(VARIABLE)
    except ConfigurationError:
        raise
    except OSError as e:
        raise unusable(f"{folder}: {e.strerror or e}") from e
    except Exception as e:
        raise away("read", e) from e
    if found != known:
        raise unusable(
            f"{folder} {'is another folder than' if found else 'is empty, and not'} the one in which this Airflow "
            "keeps its ledger. Every worker must reach that one. If it is lost for good and no paid task is under way, "
            f"delete the Airflow Variable {VARIABLE!r}"
        )


def _make(marker: Path) -> None:
    """Give a folder its id, unless it has one."""
    part = marker.with_name(f".{uuid.uuid4().hex}.part")
    part.write_text(json.dumps({"id": uuid.uuid4().hex}))
    try:
        os.link(part, marker)
    except FileExistsError:
        pass
    except OSError as e:
        raise unusable(
            f"{marker.parent} has no hard links ({e.strerror or e}), which many mounts of object stores lack: name the "
            "store itself, such as gs://bucket/ledger"
        ) from e
    finally:
        part.unlink()


def _id_in(marker: Path) -> str | None:
    try:
        return str(json.loads(marker.read_text())["id"])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as e:
        raise unusable(f"{marker} is damaged ({e})") from e
