"""What a trigger tells the worker: one small event, validated on arrival."""

from __future__ import annotations

import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from airflow_provider_orux.models import errors
from airflow_provider_orux.models.errors import OruxError
from airflow_provider_orux.models.job import Job

#: Largest job in an event, in bytes of JSON; the worker fetches a larger one itself.
LARGEST_EVENT = 32 * 1024
#: What of an error travels to the worker, beside its class and its message.
ERROR_FACTS = ("gateway", "code", "job_id", "charged", "http_status", "next_step", "request_id")


class JobEvent(BaseModel):
    """The event of a job trigger.

    :param kind: ``job``: the job ended, and ``job`` holds it; ``fetch``: it seems to have ended, and the worker has to
        fetch it (the answer was too large for a trigger); ``error``: polling ended with ``error``.
    """

    model_config = ConfigDict(extra="ignore")

    v: Literal[1] = 1
    kind: Literal["job", "fetch", "error"]
    job_id: str
    job: dict[str, Any] | None = None
    error: dict[str, Any] | None = None

    @classmethod
    def of_job(cls, job: Job, *, push_urls: bool = True) -> JobEvent:
        """The event of a job that ended.

        :param push_urls: False: of one with URLs, or with words of the gateway's that may be the prompt's, only the id.
        """
        value = job.to_dict()
        told = job.artifacts or job.text or job.error_message
        if job.has_inline or (told and not push_urls) or len(json.dumps(value)) > LARGEST_EVENT:
            return cls.to_fetch(job.job_id)
        return cls(kind="job", job_id=job.job_id, job=value)

    @classmethod
    def to_fetch(cls, job_id: str) -> JobEvent:
        """The event of a job that is too large for a trigger."""
        return cls(kind="fetch", job_id=job_id)

    @classmethod
    def of_error(cls, error: OruxError, *, job_id: str) -> JobEvent:
        """The event of polling that ended with an error."""
        facts = {
            name: getattr(error, name)
            for name in ("message", *ERROR_FACTS)
            if getattr(error, name) is not None
        }
        return cls(kind="error", job_id=job_id, error={"type": type(error).__name__, **facts})

    @classmethod
    def read(cls, event: Any) -> JobEvent:
        """Validate an event.

        :param event: what Airflow hands to the resumed task.
        :raises ValueError: it is not an event of a job trigger.
        """
        try:
            return cls.model_validate(event)
        except ValidationError as e:
            raise ValueError(f"not an event of a job trigger: {e.error_count()} problems") from e

    def to_error(self) -> OruxError:
        """The error of ``kind == "error"``, of its own class."""
        facts = dict(self.error or {})
        cls = getattr(errors, str(facts.pop("type", "")), OruxError)
        if not (isinstance(cls, type) and issubclass(cls, OruxError)):
            cls = OruxError
        known = {name: facts[name] for name in ERROR_FACTS if name in facts}
        if known.get("charged") not in ("yes", "no"):
            known["charged"] = "unknown"
        error: OruxError = cls(str(facts.get("message", "the polling ended with an error")), **known)
        return error
