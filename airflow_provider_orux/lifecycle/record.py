"""The ledger's record of one paid submission: what is stored, and how it is checked when it is read."""

from __future__ import annotations

import enum
import json
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from airflow_provider_orux.models.errors import Charged, LedgerError, Remedy
from airflow_provider_orux.models.job import Job, is_job_id

VERSION: Literal[2] = 2
#: The key of the record in Airflow's task state store.
RECORD_KEY = "orux_ledger"
#: The key that is written and read back before "no record" is believed.
PROBE_KEY = "orux_ledger_probe"
#: Bytes of JSON that a record's result may have.
LARGEST_RESULT = 4 * 2**20


class State(str, enum.Enum):
    """How far the submission of one task instance is."""

    #: A paid request may have been sent; no answer is known.
    INTENT = "intent"
    #: The gateway accepted it.
    SUBMITTED = "submitted"
    #: We hold the result. Whether Airflow recorded the task as successful is another matter: ``delivered``.
    FINISHED = "finished"
    #: A person said which job the ambiguous submission became.
    SETTLED = "settled"
    #: A person gave it up. The record stays for what earlier submissions may have cost.
    DISCARDED = "discarded"


def _bounded(value: dict[str, Any]) -> dict[str, Any]:
    try:
        text = json.dumps(value, allow_nan=False)
    except TypeError as e:
        raise ValueError("not JSON") from e
    if len(text) > LARGEST_RESULT:
        raise ValueError(f"more than {LARGEST_RESULT} bytes")
    return value


def _usable(value: str) -> str:
    if not is_job_id(value):
        raise ValueError("not a usable job id")
    return value


def _printable(value: str) -> str:
    if not value.isprintable():
        raise ValueError("it has characters that cannot be printed")
    return value


Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
JobId = Annotated[str, AfterValidator(_usable)]
Name = Annotated[str, Field(max_length=1000)]
Text = Annotated[str, AfterValidator(_printable)]
Time = Annotated[float, Field(ge=0, le=1e11, allow_inf_nan=False)]
Result = Annotated[dict[str, Any], AfterValidator(_bounded)]


class Superseded(BaseModel):
    """A submission of this task instance that a later one took the place of. It may have been charged.

    :param job_id: None for one whose answer never came.
    :param at: epoch seconds when it was superseded.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")

    job_id: JobId | None = None
    charged: Charged = "unknown"
    price: Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False)] | None = None
    currency: Annotated[Text, Field(max_length=20)] | None = None
    at: Time


class Record(BaseModel):
    """The durable record of one paid submission. It holds no prompt and no key.

    Every field is checked when a record is read: one that somebody else wrote is an error, never an instruction.

    :param max_tries: ``ti.max_tries`` when it was written: a retry keeps it, a clear mostly changes it.
    :param fingerprint: see :func:`airflow_provider_orux.lifecycle.fingerprint.fingerprint`.
    :param host: scheme, host and port of the gateway.
    :param updated_at: epoch seconds when this state was written; for ``submitted``, when the job was accepted or,
        after a clear, reattached: a deadline counts from here.
    :param submission_id: our own id of the submission: the job id of a synchronous generation, and the idempotency
        key where a gateway takes one.
    :param job_id: the job; for a synchronous generation ``submission_id``.
    :param result: the small result (``finished``), or the job with its URLs (``submitted``).
    :param fields: short digests of the fields, to name what changed.
    :param resubmits: how many times an ambiguous submission of this record was sent again.
    :param synchronous: True when there is no job at the gateway to ask for.
    :param reattached_fingerprint: fingerprint of another form of the request that reattached to the job anyway (a clear
        with ``on_clear="reattach"``): its next try does not count as a change.
    :param reuse_key: the fingerprint under which ``reuse`` finds the result.
    :param account: a salted digest of the connection's key; None when there was no key.
    :param earlier: the submissions that this one superseded. Nothing that was charged leaves the record.
    :param delivered: Airflow recorded the task as successful with this result.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore", hide_input_in_errors=True)

    v: Literal[2] = VERSION
    state: Annotated[State, Field(strict=False)]
    max_tries: Annotated[int, Field(ge=0, le=10**9)]
    fingerprint: Digest
    conn_id: Annotated[Text, Field(min_length=1, max_length=500)]
    host: Annotated[Text, Field(min_length=1, max_length=2000)]
    updated_at: Time
    submission_id: JobId
    job_id: JobId | None = None
    result: Result | None = None
    fields: Annotated[dict[Name, Annotated[str, Field(max_length=64)]], Field(max_length=1000)] = {}
    resubmits: Annotated[int, Field(ge=0, le=10**6)] = 0
    synchronous: bool = False
    reattached_fingerprint: Digest | None = None
    reuse_key: Digest | None = None
    account: Annotated[str, Field(pattern=r"^[0-9a-f]{16,64}$")] | None = None
    earlier: Annotated[tuple[Superseded, ...], Field(strict=False, max_length=10_000)] = ()
    delivered: bool = False

    @model_validator(mode="after")
    def _check_state(self) -> Record:
        if self.state in (State.SUBMITTED, State.SETTLED) and self.job_id is None:
            raise ValueError(f"state {self.state.value} without a job id")
        if self.state is State.FINISHED and self.result is None:
            raise ValueError("state finished without a result")
        return self

    def to_json(self) -> dict[str, Any]:
        """The value that is stored."""
        return {"v": VERSION, **self.model_dump(mode="json", exclude_defaults=True)}

    @classmethod
    def from_json(cls, value: Any) -> Record:
        """Read a stored value.

        :raises LedgerError: it is not of our shape (a reference of an external state backend, another version).
        """
        try:
            if isinstance(value, dict) and value.get("v") != VERSION:
                raise ValueError(f"v: only version {VERSION} is known")
            return cls.model_validate(value)
        except (ValueError, RecursionError) as e:
            what = "; ".join(_problem(p) for p in e.errors()[:3]) if isinstance(e, ValidationError) else e
            raise LedgerError(
                f"The ledger record of this task instance is not readable ({what})",
                next_step="This attempt submitted nothing; an earlier one may have. If a custom state store backend is "
                "configured, every worker must have it.",
                remedy=Remedy.DISCARD,
            ) from e

    def changed(self, **changes: Any) -> Record:
        """A copy with other values."""
        return self.model_copy(update=changes)

    def discarded(self, *, at: float) -> Record:
        """The record when its submission is given up: nothing that may have been charged leaves it.

        :param at: epoch seconds.
        """
        return self.changed(
            state=State.DISCARDED,
            job_id=None,
            result=None,
            delivered=False,
            updated_at=at,
            earlier=self.superseded(at=at),
        )

    def superseded(self, *, at: float, job: Job | None = None) -> tuple[Superseded, ...]:
        """``earlier`` of the record that takes the place of this one: this submission is among them.

        :param at: epoch seconds.
        :param job: the recorded job, where the gateway was asked: a failed one may say what it cost.
        """
        if self.state is State.DISCARDED:
            return self.earlier  # it is among them already
        result = self.result or ({} if job is None else job.to_dict())
        charged = result.get("charged", "yes" if self.synchronous and self.job_id else "unknown")
        price, currency = result.get("price"), result.get("currency")
        if isinstance(price, bool) or not isinstance(price, (int, float)) or not 0 <= price <= 1e12:
            price = None
        if not isinstance(currency, str) or not currency.isprintable():
            currency = None
        return (
            *self.earlier,
            Superseded(
                job_id=self.job_id,
                charged=charged if charged in ("yes", "no") else "unknown",
                price=None if price is None else float(price),
                currency=currency and currency[:20],
                at=at,
            ),
        )


def _problem(problem: Any) -> str:
    where = ".".join(ascii(part).strip("'")[:40] for part in problem["loc"])
    what = str(problem["msg"]).removeprefix("Value error, ")
    return f"{where}: {what}" if where else what
