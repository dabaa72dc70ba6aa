"""Accounts, jobs and charges in SQLite: what survives if the sandbox is killed."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from orux_sandbox.engine.records import Account, Job, Key, Replay

#: The tables.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS notes (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS accounts (
    id TEXT PRIMARY KEY, gateway TEXT NOT NULL, balance REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS keys (
    key TEXT PRIMARY KEY, account TEXT NOT NULL REFERENCES accounts(id),
    state TEXT NOT NULL, ips TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS jobs (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE, gateway TEXT NOT NULL, endpoint TEXT NOT NULL, account TEXT NOT NULL,
    kind TEXT NOT NULL, model TEXT NOT NULL, action TEXT NOT NULL, prompt TEXT NOT NULL,
    request TEXT NOT NULL,
    parent_id TEXT, parent_index INTEGER,
    submitted_at REAL NOT NULL, starts_at REAL NOT NULL, ends_at REAL NOT NULL,
    outcome TEXT NOT NULL, error_code TEXT, error_message TEXT,
    credits REAL NOT NULL, currency TEXT NOT NULL, charged_on TEXT NOT NULL,
    token TEXT NOT NULL UNIQUE, artifacts TEXT NOT NULL, scenes TEXT NOT NULL,
    facts TEXT NOT NULL, url_seconds REAL,
    webhook_url TEXT, webhook_done INTEGER NOT NULL DEFAULT 0,
    webhook_tries INTEGER NOT NULL DEFAULT 0, webhook_next REAL NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS jobs_by_end ON jobs (account, ends_at);
CREATE INDEX IF NOT EXISTS jobs_by_parent ON jobs (parent_id);
CREATE TABLE IF NOT EXISTS charges (
    id INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, account TEXT NOT NULL, gateway TEXT NOT NULL,
    endpoint TEXT NOT NULL, model TEXT NOT NULL, action TEXT NOT NULL, job_id TEXT NOT NULL,
    credits REAL NOT NULL, refunded INTEGER NOT NULL DEFAULT 0, prompt TEXT NOT NULL,
    currency TEXT NOT NULL, state TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS charges_by_job ON charges (job_id);
CREATE INDEX IF NOT EXISTS charges_by_state ON charges (state);
CREATE TABLE IF NOT EXISTS replays (
    account TEXT NOT NULL, key TEXT NOT NULL, body TEXT NOT NULL, job_id TEXT NOT NULL, at REAL NOT NULL,
    PRIMARY KEY (account, key)
);
CREATE TABLE IF NOT EXISTS inputs (name TEXT PRIMARY KEY, content BLOB NOT NULL);
"""


#: A job's fields are its columns.
_JOB_COLUMNS = tuple(Job.__dataclass_fields__)
#: Those kept as JSON.
_JSON_COLUMNS = ("request", "artifacts", "scenes", "facts")


def _job(row: sqlite3.Row) -> Job:
    values = {name: row[name] for name in _JOB_COLUMNS}
    for name in _JSON_COLUMNS:
        values[name] = json.loads(values[name])
    values["webhook_done"] = bool(values["webhook_done"])
    return Job(**values)


class BalanceTooLowError(Exception):
    """The account has less than the submission costs; nothing was written."""


class Store:
    """The database. Every method is one short transaction; safe to call from several threads."""

    def __init__(self, data_dir: Path | None = None) -> None:
        self._lock = threading.RLock()
        if data_dir is not None:
            data_dir.mkdir(parents=True, exist_ok=True)
        path = ":memory:" if data_dir is None else str(data_dir / "sandbox.sqlite3")
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        # A committed transaction survives the death of the process; only a power cut could lose the last
        # ones, and no test pulls the plug.
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the database file."""
        with self._lock:
            self._db.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def _rows(self, query: str, *values: Any) -> list[sqlite3.Row]:
        with self._lock:
            return self._db.execute(query, values).fetchall()

    # Notes

    def note(self, name: str, default: str) -> str:
        """A named value, or ``default``."""
        rows = self._rows("SELECT value FROM notes WHERE name=?", name)
        return str(rows[0]["value"]) if rows else default

    def write_note(self, name: str, value: str) -> None:
        """Keep a named value."""
        with self._transaction() as db:
            db.execute("INSERT OR REPLACE INTO notes VALUES (?, ?)", (name, value))

    # Accounts and keys

    def save_account(self, account: Account) -> None:
        """Create an account or overwrite its balance."""
        with self._transaction() as db:
            db.execute(
                "INSERT INTO accounts VALUES (:id, :gateway, :balance)"
                " ON CONFLICT (id) DO UPDATE SET balance=excluded.balance",
                asdict(account),
            )

    def save_key(self, key: Key) -> None:
        """Create a key or overwrite its state."""
        with self._transaction() as db:
            db.execute(
                "INSERT OR REPLACE INTO keys VALUES (?, ?, ?, ?)",
                (key.key, key.account, key.state, json.dumps(list(key.ips))),
            )

    def key(self, key: str) -> Key | None:
        """One key."""
        found = self._rows("SELECT * FROM keys WHERE key=?", key)
        return _key(found[0]) if found else None

    def keys(self, account: str) -> list[Key]:
        """The keys of one account."""
        return [_key(row) for row in self._rows("SELECT * FROM keys WHERE account=? ORDER BY rowid", account)]

    def account(self, account_id: str) -> Account | None:
        """One account."""
        found = self._rows("SELECT * FROM accounts WHERE id=?", account_id)
        return Account(**dict(found[0])) if found else None

    def accounts(self) -> list[Account]:
        """All accounts, oldest first."""
        return [Account(**dict(row)) for row in self._rows("SELECT * FROM accounts ORDER BY rowid")]

    # Jobs and charges

    def accept(self, job: Job, replay: Replay | None = None) -> None:
        """Write a job, its charge, the new balance and its idempotency key: all of it, durably, or nothing.

        The price of a job that is charged on completion is held back, so that it cannot be spent twice.

        :raises BalanceTooLowError: and nothing is written.
        """
        values: dict[str, Any] = asdict(job)
        for name in _JSON_COLUMNS:
            values[name] = json.dumps(values[name])
        names = ", ".join(_JOB_COLUMNS)
        slots = ", ".join(f":{name}" for name in _JOB_COLUMNS)
        values["state"] = "charged" if job.charged_on == "acceptance" else "pending"
        with self._transaction() as db:
            affordable = db.execute(
                "SELECT 1 FROM accounts WHERE id = :account AND balance - coalesce((SELECT sum(credits)"
                " FROM charges WHERE account = :account AND state = 'pending'), 0) >= :credits",
                values,
            ).fetchone()
            if affordable is None:
                raise BalanceTooLowError
            if values["state"] == "charged":
                db.execute(
                    "UPDATE accounts SET balance = balance - :credits WHERE id = :account",
                    {"credits": job.credits, "account": job.account},
                )
            db.execute(f"INSERT INTO jobs ({names}) VALUES ({slots})", values)  # noqa: S608 names of a dataclass
            db.execute(
                "INSERT INTO charges (at, account, gateway, endpoint, model, action, job_id, credits, prompt,"
                " currency, state) VALUES (:submitted_at, :account, :gateway, :endpoint, :model, :action, :id,"
                " :credits, :prompt, :currency, :state)",
                values,
            )
            if replay is not None:
                db.execute(
                    "INSERT OR REPLACE INTO replays VALUES (?, ?, ?, ?, ?)",
                    (job.account, replay.key, replay.body, replay.job_id, replay.at),
                )

    def cancel(self, job_id: str, at: float, credits: float) -> None:
        """End a job now, and charge what it has cost until here instead of its price."""
        with self._transaction() as db:
            db.execute(
                "UPDATE jobs SET outcome='cancelled', ends_at=?, credits=? WHERE id=?", (at, credits, job_id)
            )
            db.execute("UPDATE charges SET credits=?, state='charged' WHERE job_id=?", (credits, job_id))
            db.execute(
                "UPDATE accounts SET balance = balance - ? WHERE id = (SELECT account FROM jobs WHERE id=?)",
                (credits, job_id),
            )

    def replay(self, account: str, key: str, since: float) -> Replay | None:
        """What an idempotency key was used for since a moment."""
        found = self._rows(
            "SELECT key, body, job_id, at FROM replays WHERE account=? AND key=? AND at>?",
            account,
            key,
            since,
        )
        return Replay(**dict(found[0])) if found else None

    # Images callers send

    def keep_input(self, content: bytes) -> str:
        """Keep an image a caller sent; its name."""
        name = hashlib.sha256(content).hexdigest()[:24]
        with self._transaction() as db:
            db.execute("INSERT OR IGNORE INTO inputs VALUES (?, ?)", (name, content))
        return name

    def input(self, name: str) -> bytes:
        """An image that was kept."""
        return bytes(self._rows("SELECT content FROM inputs WHERE name=?", name)[0]["content"])

    def job(self, job_id: str) -> Job | None:
        """One job."""
        found = self._rows("SELECT * FROM jobs WHERE id=?", job_id)
        return _job(found[0]) if found else None

    def change(self, job: Job) -> None:
        """Write what has become of a job that was accepted before: not what it costs."""
        values: dict[str, Any] = asdict(job)
        for name in _JSON_COLUMNS:
            values[name] = json.dumps(values[name])
        sets = ", ".join(f"{name} = :{name}" for name in _JOB_COLUMNS if name != "id")
        with self._transaction() as db:
            db.execute(f"UPDATE jobs SET {sets} WHERE id = :id", values)  # noqa: S608 names of a dataclass

    def job_of_token(self, token: str) -> Job | None:
        """The job whose files live under this token."""
        found = self._rows("SELECT * FROM jobs WHERE token=?", token)
        return _job(found[0]) if found else None

    def jobs(self, *, limit: int = 1000, offset: int = 0) -> list[Job]:
        """Jobs, newest first."""
        found = self._rows("SELECT * FROM jobs ORDER BY number DESC LIMIT ? OFFSET ?", limit, offset)
        return [_job(row) for row in found]

    def followup(self, parent_id: str, action: str, index: int) -> Job | None:
        """The latest follow-up of one kind on one panel of a job."""
        found = self._rows(
            "SELECT * FROM jobs WHERE parent_id=? AND action=? AND parent_index=? ORDER BY number DESC LIMIT 1",
            parent_id,
            action,
            index,
        )
        return _job(found[0]) if found else None

    def latest(self, account: str, endpoint: str) -> Job | None:
        """The newest job of an account on one endpoint."""
        found = self._rows(
            "SELECT * FROM jobs WHERE account=? AND endpoint=? ORDER BY number DESC LIMIT 1",
            account,
            endpoint,
        )
        return _job(found[0]) if found else None

    def followups(self, parent_id: str, action: str) -> int:
        """How many follow-ups of one kind a job has had."""
        found = self._rows("SELECT count(*) AS n FROM jobs WHERE parent_id=? AND action=?", parent_id, action)
        return int(found[0]["n"])

    def unfinished(self, account: str, now: float) -> int:
        """How many jobs of an account are queued or running."""
        found = self._rows("SELECT count(*) AS n FROM jobs WHERE account=? AND ends_at>?", account, now)
        return int(found[0]["n"])

    def spent(self, account: str, since: float) -> float:
        """What was charged and not refunded since a moment."""
        found = self._rows(
            "SELECT coalesce(sum(credits), 0) AS n FROM charges WHERE account=? AND at>=? AND state='charged'",
            account,
            since,
        )
        return float(found[0]["n"])

    def charges(self, *, job_id: str | None = None) -> list[dict[str, Any]]:
        """Charges, oldest first; of one job if wanted."""
        if job_id is None:
            found = self._rows("SELECT * FROM charges ORDER BY id")
        else:
            found = self._rows("SELECT * FROM charges WHERE job_id=? ORDER BY id", job_id)
        return [{**dict(row), "amount": row["credits"], "refunded": bool(row["refunded"])} for row in found]

    def settle(self, now: float, refunding: Sequence[str]) -> None:
        """Bring all charges up to date: charge on completion, release what never will be charged, refund.

        A job that is charged on completion and ends badly costs nothing: its row stays, with the amount 0.

        :param refunding: gateways that refund jobs that end badly.
        """
        with self._transaction() as db:
            db.execute(
                "UPDATE charges SET state='not_charged', credits=0 WHERE state='pending' AND EXISTS (SELECT 1"
                " FROM jobs WHERE jobs.id = job_id AND outcome<>'succeeded' AND ends_at<=?)",
                (now,),
            )
            for row in self._ended(db, "state='pending' AND outcome='succeeded'", now):
                db.execute("UPDATE charges SET state='charged' WHERE id=?", (row["id"],))
                db.execute(
                    "UPDATE accounts SET balance = balance - ? WHERE id=?", (row["credits"], row["account"])
                )
            for row in self._ended(db, "state='charged' AND outcome<>'succeeded'", now):
                if row["gateway"] in refunding:
                    db.execute("UPDATE charges SET state='refunded', refunded=1 WHERE id=?", (row["id"],))
                    db.execute(
                        "UPDATE accounts SET balance = balance + ? WHERE id=?",
                        (row["credits"], row["account"]),
                    )

    def _ended(self, db: sqlite3.Connection, which: str, now: float) -> Sequence[sqlite3.Row]:
        query = (
            "SELECT charges.id, charges.account, charges.credits, charges.gateway"  # noqa: S608 our own words
            f" FROM charges JOIN jobs ON jobs.id = job_id WHERE {which} AND ends_at<=?"
        )
        return db.execute(query, (now,)).fetchall()

    def webhooks_due(self, now: float) -> list[Job]:
        """Ended jobs whose webhook is to be tried now."""
        found = self._rows(
            "SELECT * FROM jobs WHERE webhook_url IS NOT NULL AND webhook_done=0 AND ends_at<=?"
            " AND webhook_next<=?",
            now,
            now,
        )
        return [_job(row) for row in found]

    def webhook_tried(self, job_id: str, *, done: bool, again_at: float = 0.0) -> None:
        """Record an attempt to deliver a webhook, and whether it was the last."""
        with self._transaction() as db:
            db.execute(
                "UPDATE jobs SET webhook_done=?, webhook_next=?, webhook_tries=webhook_tries+1 WHERE id=?",
                (int(done), again_at, job_id),
            )

    def webhook_done(self, job_id: str) -> None:
        """Record that a webhook has arrived."""
        with self._transaction() as db:
            db.execute("UPDATE jobs SET webhook_done=1 WHERE id=?", (job_id,))

    def clear(self) -> None:
        """Forget everything."""
        with self._transaction() as db:
            for table in ("replays", "inputs", "charges", "jobs", "keys", "accounts", "notes"):
                db.execute(f"DELETE FROM {table}")  # noqa: S608 our own names


def _key(row: sqlite3.Row) -> Key:
    return Key(key=row["key"], account=row["account"], state=row["state"], ips=tuple(json.loads(row["ips"])))
