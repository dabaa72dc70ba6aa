"""What a gateway runs (``Job``), its progress (``JobStatus``) and its results (``Artifact``)."""

from __future__ import annotations

import base64
import enum
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeGuard

from airflow_provider_orux.models.errors import Charged

#: Characters of the longest job id that is usable.
_LONGEST_JOB_ID = 500
_NEVER_IN_AN_ID = re.compile(r"[\s/?#\\]")


def is_job_id(value: Any) -> TypeGuard[str]:
    """Whether a value is a usable job id: it can be polled, logged, stored, and typed into a command.

    The one rule for accepting a job and for polling it.
    """
    return (
        isinstance(value, str)
        and 0 < len(value) <= _LONGEST_JOB_ID
        and value.isprintable()
        and not _NEVER_IN_AN_ID.search(value)
        and value not in (".", "..", "None")
    )


class JobStatus(str, enum.Enum):
    """The status of a job. An unknown status is read as ``RUNNING``: the job has not ended."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    EXPIRED = "expired"

    @property
    def is_terminal(self) -> bool:
        """True if the job has ended, successfully or not."""
        return self in (JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.EXPIRED)


#: Details of an artifact: the gateway's id of it, a title, seconds, the URL of a cover, the seed, frames a second.
#: Seconds, and frames a second, are read from the saved file where it tells them.
_OF_ANY = ("id", "title", "duration", "cover", "seed", "fps")
#: What a result of OpenGPU Relay says beside what was made, by the vendor's names (opengpu_relay_more.md, 5).
FACTS_OF_A_RESULT = (
    "duration", "billable_seconds", "audio_duration_secs", "audio_length_ms", "characters", "resolution",
    "aspect_ratio", "size", "scale", "language", "language_code", "language_probability", "audio_format",
    "audio_sample_rate", "audio_channel", "finish_reason",
)  # fmt: skip
#: What a gateway may say of an artifact beyond where it is. In results and manifests it stands beside the ``uri``.
DETAILS = tuple(dict.fromkeys((*_OF_ANY, *FACTS_OF_A_RESULT, "format")))


@dataclass(frozen=True)
class Artifact:
    """One image, clip or song as the gateway delivers it: at a URL, or inline as base64.

    :param url: where to fetch it, for a while; None if it is inline.
    :param inline: its base64 text, with or without a ``data:`` prefix; None if it has a URL.
        Never shown by ``repr`` and never written to an XCom.
    :param revised_prompt: the prompt as rewritten by the model, if the gateway reports it.
    :param media_type: as the gateway declares it; needed for inline text and headerless sound, which no byte tells.
    :param details: more that the gateway says of it, by the names of ``DETAILS``.
    """

    url: str | None = None
    inline: str | None = field(default=None, repr=False)
    revised_prompt: str | None = None
    media_type: str | None = None
    details: Mapping[str, str | float | bool] = field(default_factory=dict, hash=False)

    @property
    def is_text(self) -> bool:
        """Whether the gateway declares it to be a text, or a document made of one."""
        return self.media_type is not None and not self.media_type.startswith("audio/")

    def __post_init__(self) -> None:
        if self.url is not None and self.url[:5].lower() == "data:":
            object.__setattr__(self, "inline", self.url)
            object.__setattr__(self, "url", None)


@dataclass(frozen=True)
class Job:
    """One job, as described by one answer of a gateway.

    :param job_id: the opaque id of the job (only ``gateways/`` can read it). A synchronous generation has no job
        at the gateway; its id is the ``submission_id``.
    :param status: see :class:`JobStatus`.
    :param gateway: ``orux``, ``yescale`` or ``opengpu_relay``.
    :param model: the model id in the answer, if any.
    :param artifacts: what it made; empty until it succeeded.
    :param text: the result of a job that makes text (describe).
    :param error_code: the gateway's error code of a failed job.
    :param error_message: the gateway's error message of a failed job.
    :param submitted_at: epoch seconds, if the gateway reports it.
    :param finished_at: epoch seconds, if the gateway reports it.
    :param charged: whether it was charged, according to the gateway: ``yes``, ``no`` or ``unknown``.
    :param price: what was charged, in ``currency``, if the gateway reports it.
    :param currency: ``credits`` or ``USD``.
    :param retry_helps: for a failed job, whether the same request may succeed later.
    :param progress: percent, 0 to 100, of a job that runs, if the gateway reports it. It is shown, and decides nothing.
    :param details: more for the task's result: facts of a text (``language``), ``prompts`` (of a describe), ``buttons``
        (what Midjourney offers next, and the id to ask for it with), ``request_id`` (of the answer that
        ended it, for the vendor's support).
    """

    job_id: str
    status: JobStatus
    gateway: str
    model: str | None = None
    artifacts: tuple[Artifact, ...] = ()
    text: str | None = None
    error_code: str | None = None
    error_message: str | None = None
    submitted_at: float | None = None
    finished_at: float | None = None
    charged: Charged = "unknown"
    price: float | None = None
    currency: str | None = None
    retry_helps: bool = True
    progress: int | None = field(default=None, compare=False)
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def called(self) -> str:
        """How a log names it: by its id, and by the request's where the gateway told one."""
        request_id = self.details.get("request_id")
        return f"job {self.job_id}" + (f" (request {request_id})" if request_id else "")

    @property
    def urls(self) -> list[str]:
        """The URLs of the artifacts that have one, in the gateway's order."""
        return [a.url for a in self.artifacts if a.url is not None]

    @property
    def has_inline(self) -> bool:
        """True if at least one artifact is base64 inside the answer."""
        return any(a.inline is not None for a in self.artifacts)

    def to_dict(self) -> dict[str, Any]:
        """A small JSON value without the inline bytes: what a trigger's event and the ledger may hold."""
        value: dict[str, Any] = {"job_id": self.job_id, "status": self.status.value, "gateway": self.gateway}
        for name in (
            "model", "text", "error_code", "error_message", "submitted_at", "finished_at", "price", "currency",
        ):  # fmt: skip
            item = getattr(self, name)
            if item is None or (isinstance(item, float) and not math.isfinite(item)):
                continue  # JSON has no such number, and a store that refuses it would lose the job
            value[name] = item
        if self.charged != "unknown":
            value["charged"] = self.charged
        if not self.retry_helps:
            value["retry_helps"] = False
        if self.details:
            value["details"] = dict(self.details)
        if self.artifacts:
            value["artifacts"] = [
                {n: v for n in ("url", "revised_prompt", "media_type") if (v := getattr(a, n)) is not None}
                | ({"inline": True} if a.inline is not None else {})
                | ({"details": dict(a.details)} if a.details else {})
                for a in self.artifacts
            ]
        return value

    def with_text_saved(self) -> Job:
        """The same with its text as an artifact, for a folder; unchanged where it made anything but texts."""
        if not self.text or not all(artifact.is_text for artifact in self.artifacts):
            return self
        text = base64.b64encode(self.text.encode("utf-8", "replace")).decode()
        inline = f"data:text/plain;base64,{text}"
        made = Artifact(inline=inline, media_type="text/plain", details=self.details)
        return replace(self, artifacts=(made, *self.artifacts))

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Job:
        """Read what :meth:`to_dict` wrote.

        :raises ValueError: the value is not such a dict, or the artifacts were inline (it lacks their bytes).
        """
        try:
            artifacts = []
            for item in value.get("artifacts", ()):
                if item.get("inline"):
                    raise ValueError("the artifacts of this job were inline and are not part of the value")
                artifacts.append(
                    Artifact(
                        url=item["url"],
                        revised_prompt=item.get("revised_prompt"),
                        details={k: v for k, v in (item.get("details") or {}).items() if k in DETAILS},
                        media_type=item.get("media_type"),
                    )
                )
            return cls(
                job_id=str(value["job_id"]),
                status=JobStatus(value["status"]),
                gateway=str(value["gateway"]),
                model=value.get("model"),
                artifacts=tuple(artifacts),
                text=value.get("text"),
                error_code=value.get("error_code"),
                error_message=value.get("error_message"),
                submitted_at=value.get("submitted_at"),
                finished_at=value.get("finished_at"),
                charged=value["charged"] if value.get("charged") in ("yes", "no") else "unknown",
                price=value.get("price"),
                currency=value.get("currency"),
                retry_helps=bool(value.get("retry_helps", True)),
                details=dict(value.get("details") or {}),
            )
        except (KeyError, TypeError, AttributeError) as e:
            raise ValueError(f"not a job: {type(e).__name__} {e}") from e
