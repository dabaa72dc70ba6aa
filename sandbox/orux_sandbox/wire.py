"""Plain values of the wire: an endpoint, an answer, a refusal, and what a fault does to them. No HTTP, no engine."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

#: Why a request is refused, in no vendor's words.
Reason = Literal[
    "missing_key",
    "bad_key",
    "disabled_key",
    "expired_key",
    "ip",
    "concurrency",
    "balance",
    "invalid",
    "unknown_job",
    "unknown_path",
    "unknown_model",
    "rate",
    "key_reused",
    "key_in_progress",
    "tier",
    "failed",
]


class Refusal(Exception):  # noqa: N818 an answer, not a defect
    """A request that is not accepted. Nothing was charged, except where ``reason`` is ``failed``."""

    def __init__(
        self,
        reason: Reason,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        status: int | None = None,
        detail: Any = None,
    ) -> None:
        super().__init__(message)
        self.reason: Reason = reason
        self.message = message
        self.param = param
        self.code = code
        #: Where the same reason has several HTTP statuses in one gateway.
        self.status = status
        #: What a gateway says beyond the message: a list of fields, properties.
        self.detail = detail


@dataclass(frozen=True)
class Answer:
    """An HTTP answer, whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @classmethod
    def of_json(cls, status: int, value: Any, headers: Mapping[str, str] | None = None) -> Answer:
        """A JSON answer."""
        body = json.dumps(value, ensure_ascii=False).encode()
        return cls(status, {"content-type": "application/json", **(headers or {})}, body)


@dataclass(frozen=True)
class Endpoint:
    """One address of a gateway, by the name under which faults are ordered.

    ``key``: "guest" lets a request without a key in as nobody in particular, with an account of its own.
    ``counted``: a request holds one of the user's slots. ``submits``: it may be accepted and charged.
    ``midjourney``: it answers with the submit codes of midjourney-proxy, and its jobs know MODAL and CANCEL.
    """

    name: str
    method: str
    path: str
    key: Literal["required", "optional", "guest", "none"] = "required"
    counted: bool = True
    submits: bool = False
    midjourney: bool = False

    @property
    def pattern(self) -> re.Pattern[str]:
        """The path as a regular expression; ``{job_id}`` becomes a group, ``{model:path}`` one with slashes."""
        path = re.escape(self.path)
        path = re.sub(r"\\{(\w+):path\\}", r"(?P<\1>.+)", path)
        return re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", path) + "$")


#: The kinds of fault; a fault is of one of them.
_MAIN = (
    "status",
    "cut",
    "malformed",
    "answer",
    "merge",
    "rewrite",
    "job",
    "submit_code",
    "truncate",
    "content",
    "redirect",
    "big_mib",
    "packed",
    "framing",
    "drip",
    "echo_key",
)


class Then(BaseModel):
    """What happens to a request that a fault hits: one of the kinds below, with ``delay`` or ``slow`` beside it.

    - ``status`` (with ``code``, ``message``, ``type``, ``param``, ``channel``, ``headers``): an error in the
      gateway's own envelope.
    - ``cut``: the connection ends ``before`` anything was accepted, ``after`` it was, or in ``mid_body`` of
      the answer. ``reset``: with a TCP reset instead of an orderly end.
    - ``malformed``: a 200 (or ``status``) with a body that is not what was promised.
    - ``answer``: ``{"status", "body", "headers"}``, exactly; a body that is not a string becomes JSON.
    - ``merge``: the real JSON answer with these fields laid over it; null removes a field.
    - ``rewrite``: the real JSON answer with one kind of value changed: ids (``another_id``, ``unusable_id``), URLs
      (``data_urls``, ``spaced_urls``, ``script_urls``), base64 (``unpadded_base64``, ``url_safe_base64``,
      ``wrapped_base64``), status words of other gateways (``other_words``), every second entry of a batch
      (``broken_entries``), a number of 400 digits and half an emoji (``huge_numbers``).
    - ``names_job`` (with ``status``): the error has a ``task_id``; with ``after_accepting`` that of the job made.
    - ``job``: the outcome of the job the request submits ("modal" and "cancel": Midjourney at YEScale).
    - ``submit_code``: Midjourney at YEScale answers with this code: 1 and 22 accept, 21 names a job that
      exists already (with ``after_accepting``: the one just made), all others refuse.
    - files: ``truncate`` (true: less than Content-Length says; "quietly": a shorter file, honest about its
      length), ``content``, ``redirect``, ``big_mib``.
    - on the way, a good answer: ``packed`` although ``identity`` was asked for; ``framing`` that strict parsers
      refuse; ``drip``: it comes ``slow`` bytes a second (10), from its ``head``, from its ``body``, or never after
      ``interim`` answers; ``echo_key``: the caller's key in its fields, messages and URLs, in this spelling.
    - ``delay``: seconds to wait, ``when`` before or after accepting. If the caller hangs up during a delay
      ``before``, nothing is accepted.
    - ``slow``: send the body at this many bytes a second.

    ``after_accepting``: make the job and its charge, and still give this answer.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    delay: float | None = Field(default=None, ge=0)
    when: Literal["before", "after"] = "before"
    slow: int | None = Field(default=None, gt=0)

    status: int | None = Field(default=None, ge=200, le=599)
    code: str | None = None
    message: str | None = None
    type: str | None = None
    param: str | None = None
    channel: str | None = None
    headers: dict[str, str] = Field(default_factory=dict)
    after_accepting: bool = False

    cut: Literal["before", "after", "mid_body"] | None = None
    reset: bool = False
    malformed: Literal["html", "not_json", "other_shape", "empty", "truncated_json"] | None = None
    answer: dict[str, Any] | None = None
    merge: dict[str, Any] | None = None
    rewrite: (
        Literal[
            "another_id",
            "unusable_id",
            "data_urls",
            "spaced_urls",
            "script_urls",
            "unpadded_base64",
            "url_safe_base64",
            "wrapped_base64",
            "other_words",
            "broken_entries",
            "huge_numbers",
        ]
        | None
    ) = None
    names_job: bool = False

    job: Literal["never_finish", "fail", "expire", "fewer", "modal", "cancel"] | None = None
    submit_code: int | None = None
    error_code: str | None = None
    error_message: str | None = None
    after: float | None = Field(default=None, ge=0)
    count: int | None = Field(default=None, ge=0)

    truncate: Literal[True, "quietly"] | None = None
    content: Literal["html", "svg", "bomb", "empty"] | None = None
    redirect: str | None = None
    big_mib: int | None = Field(default=None, gt=0)
    declare_length: bool = True

    packed: (
        Literal[
            "gzip",
            "gzip_twice",
            "deflate",
            "bomb",
            "aws_chunked",
            "aws_frames",
            "gzip_in_name_only",
            "unknown_name",
        ]
        | None
    ) = None
    framing: Literal["two_lengths", "folded_header", "line_feeds", "early_hints", "single_bytes"] | None = (
        None
    )
    drip: Literal["head", "body", "interim"] | None = None
    echo_key: Literal["plain", "json", "utf16", "percent", "base64"] | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Then:
        kinds = [name for name in _MAIN if getattr(self, name) is not None]
        if self.malformed is not None and "status" in kinds:
            kinds.remove("status")  # the status of the malformed answer
        if self.echo_key is not None and "status" in kinds:
            kinds.remove("status")  # the error that the key is in
        if len(kinds) > 1:
            raise ValueError(f"one kind at a time, not {' and '.join(kinds)}")
        if not kinds and self.delay is None and self.slow is None:
            raise ValueError(f"say what happens: one of {', '.join((*_MAIN, 'delay', 'slow'))}")
        return self
