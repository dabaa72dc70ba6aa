"""The ways in which a gateway is paid: which operator takes one, and what can go wrong on its wire.

Faults are orders for the sandbox (``sandbox/orux_sandbox/faults.py``); each is in the shape that this gateway
gives to it, as the references of the wire have it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Fault = Mapping[str, Any]

#: What happens to a connection whatever is spoken on it; the delays are longer than the client's patience.
CUTS: tuple[Fault, ...] = (
    {"cut": "before"},
    {"cut": "after"},
    {"cut": "after", "reset": True},
    {"cut": "mid_body"},
    {"delay": 1.2, "when": "before"},
    {"delay": 1.2, "when": "after"},
)
NONSENSE: tuple[Fault, ...] = (
    {"malformed": "html"},
    {"malformed": "not_json"},
    {"malformed": "other_shape"},
    {"malformed": "empty"},
)
#: What hosts and proxies do to a good answer on its way.
ON_THE_WAY: tuple[Fault, ...] = (
    {"packed": "gzip"},
    {"packed": "gzip_twice"},
    {"packed": "bomb"},
    {"packed": "aws_chunked"},
    {"packed": "gzip_in_name_only"},
    {"packed": "unknown_name"},
    {"framing": "two_lengths"},
    {"framing": "folded_header"},
    {"framing": "line_feeds"},
    {"framing": "early_hints"},
    {"framing": "single_bytes"},
    {"drip": "head"},
    {"drip": "body"},
    {"drip": "interim"},
    {"echo_key": "plain"},
    {"echo_key": "utf16"},
)
#: A good answer with values that a careless reader trips over.
ODD_VALUES: tuple[Fault, ...] = (
    {"rewrite": "other_words"},
    {"rewrite": "huge_numbers"},
    {"rewrite": "spaced_urls"},
)
#: Those after which the job cannot be found by what the answer says, and the one of a refusal that names a job.
ODD_SUBMIT: tuple[Fault, ...] = (
    *ON_THE_WAY,
    *ODD_VALUES,
    {"rewrite": "unusable_id"},
    {"status": 400, "names_job": True, "after_accepting": True},
    {"status": 422, "names_job": True, "after_accepting": True},
)
ODD_POLL: tuple[Fault, ...] = (
    *ON_THE_WAY,
    *ODD_VALUES,
    {"rewrite": "another_id"},
    {"rewrite": "data_urls"},
    {"rewrite": "script_urls"},
    {"status": 404, "names_job": True},
)
#: Those that must be read for what they say: after none of them may a person be asked.
READ_ALL_THE_SAME: tuple[Fault, ...] = (
    {"packed": "gzip"},
    {"framing": "early_hints"},
    {"echo_key": "plain"},
    *ODD_VALUES,
)
ORUX_SUBMIT: tuple[Fault, ...] = (
    *CUTS,
    *NONSENSE,
    {"status": 429, "code": "concurrency_exceeded"},
    {"status": 429, "code": "rate_limited", "headers": {"Retry-After": "0"}},
    {"status": 402, "code": "insufficient_balance"},
    {"status": 400, "code": "invalid_param", "param": "prompt"},
    {"status": 401, "code": "invalid_api_key"},
    {"status": 500, "code": "internal_error"},
    {"status": 502, "after_accepting": True},
    {"status": 503, "after_accepting": True},
)
ORUX_POLL: tuple[Fault, ...] = (
    {"status": 500},
    {"status": 503},
    {"status": 429, "code": "rate_limited"},
    {"status": 401, "code": "invalid_api_key"},
    {"status": 404, "code": "task_not_found"},
    {"malformed": "html"},
    {"malformed": "truncated_json"},
    {"cut": "before"},
    {"cut": "mid_body"},
    {"delay": 1.2, "when": "after"},
    {"merge": {"status": None}},
)
ORUX_FATES: tuple[Fault, ...] = (
    {"job": "fail", "error_code": "upstream_error"},
    {"job": "fail", "error_code": "content_policy_violation"},
    {"job": "expire"},
    {"job": "never_finish"},
    {"job": "fewer", "count": 1},
)


def _openai(status: int, code: str, message: str) -> dict[str, Any]:
    """An error in the shape of YEScale's /v1, which may come from its door on any path."""
    body = {"error": {"message": message, "type": "new_api_error", "param": None, "code": code}}
    return {"answer": {"status": status, "body": body}}


YESCALE_DOOR: tuple[Fault, ...] = (
    _openai(400, "model_not_found", "not available in any configured auto group"),
    _openai(401, "invalid_api_key", "Invalid token"),
    _openai(403, "insufficient_user_quota", "The quota does not suffice"),
    _openai(429, "rate_limit_exceeded", "The load is saturated"),
    _openai(503, "model_not_found", "No channel is available"),
)
MJ_SUBMIT: tuple[Fault, ...] = (
    *CUTS,
    *NONSENSE,
    *YESCALE_DOOR,
    # HTTP 200 and a code that accepts nothing: not found, invalid, failure, queue full (twice), banned.
    {"submit_code": 3},
    {"submit_code": 4},
    {"submit_code": 9},
    {"submit_code": 23},
    {"submit_code": 23},
    {"submit_code": 24},
    # Accepted under other codes: queued, and "exists already" for the one that was just made.
    {"submit_code": 22},
    {"submit_code": 21, "after_accepting": True},
    # The gateway layer's own shape: {"description", "type", "code"}.
    {"status": 400, "message": "prompt_is_required"},
    {"status": 403, "message": "quota_not_enough"},
    {"status": 429, "code": "30", "message": "The load of the group is saturated"},
    {"status": 500, "message": "do_request_failed"},
    {"status": 502, "after_accepting": True},
    {"status": 524, "after_accepting": True},
    # Accepted, and the answer does not say as what.
    {"merge": {"result": None}},
)
MJ_POLL: tuple[Fault, ...] = (
    {"status": 500, "message": "get_channel_failed"},
    {"status": 429, "code": "30", "message": "The load of the group is saturated"},
    {"status": 401},
    # An unknown id: of the gateway layer, and of its upstream.
    {"status": 400, "message": "task_no_found"},
    {"malformed": "empty"},
    {"answer": {"status": 200, "body": "null", "headers": {"content-type": "application/json"}}},
    # Not synced yet; waiting for a click; a word of tomorrow; none.
    {"merge": {"status": "", "imageUrl": ""}},
    {"merge": {"status": "MODAL", "imageUrl": ""}},
    {"merge": {"status": "PAUSED", "imageUrl": ""}},
    {"merge": {"status": None, "imageUrl": ""}},
    # It seems to be ready, and there is no image yet.
    {"merge": {"imageUrl": ""}},
    {"malformed": "html"},
    {"malformed": "truncated_json"},
    {"cut": "before"},
    {"cut": "mid_body"},
    {"delay": 1.2, "when": "after"},
)
#: Polls of several Midjourney jobs at once.
BATCH: tuple[Fault, ...] = (
    *ON_THE_WAY,
    *ODD_VALUES,
    {"rewrite": "broken_entries"},
    {"rewrite": "another_id"},
    {"status": 400, "message": "bind_request_body_failed"},
    {"status": 404, "message": "Invalid URL"},
    {"status": 500, "message": "get_channel_failed"},
    {"malformed": "html"},
    {"malformed": "empty"},
    {"answer": {"status": 200, "body": []}},
    {"cut": "before"},
)
_REFUSED_LATE = {"job": "fail", "error_code": "banned", "error_message": "The prompt holds a banned word"}
YESCALE_FATES: tuple[Fault, ...] = (
    {"job": "fail", "error_code": "upstream_error", "error_message": "The upstream failed"},
    _REFUSED_LATE,
    {"job": "expire"},
    {"job": "never_finish"},
)
MEDIA_SUBMIT: tuple[Fault, ...] = (
    *CUTS,
    *NONSENSE,
    *YESCALE_DOOR,
    {"status": 400, "code": "VALIDATION_ERROR", "message": "config.size is required"},
    {
        "answer": {
            "status": 200,
            "body": {"code": "VALIDATION_ERROR", "message": "config.size is required", "data": None},
        }
    },
    {"status": 403, "code": "insufficient_user_quota"},
    {"status": 429},
    {"status": 500},
    {"status": 502, "after_accepting": True},
    {"status": 524, "after_accepting": True},
    {"merge": {"task_id": None}},
)
MEDIA_POLL: tuple[Fault, ...] = (
    {"status": 500},
    {"status": 429},
    {"status": 401},
    {"status": 404, "code": "NOT_FOUND"},
    {"merge": {"status": None}},
    {"merge": {"status": "QUEUED"}},
    {"malformed": "html"},
    {"malformed": "truncated_json"},
    {"cut": "before"},
    {"cut": "mid_body"},
    {"delay": 1.2, "when": "after"},
)
YESCALE_SYNC: tuple[Fault, ...] = (
    *CUTS,
    *NONSENSE,
    *YESCALE_DOOR,
    {"status": 500},
    {"status": 524, "after_accepting": True},
)
RELAY_SUBMIT: tuple[Fault, ...] = (
    *CUTS,
    *NONSENSE,
    {"status": 400},
    {"status": 402},
    {"status": 422, "code": "CONTENT_POLICY_DECLINED"},
    {"status": 429},
    {"status": 500},
    {"status": 502, "after_accepting": True},
    {"status": 503, "headers": {"Retry-After": "0"}},
)
RELAY_POLL: tuple[Fault, ...] = (
    {"status": 500},
    {"status": 404, "code": "TASK_NOT_FOUND"},
    {"malformed": "html"},
    {"malformed": "truncated_json"},
    {"cut": "before"},
    {"cut": "mid_body"},
    {"delay": 1.2, "when": "after"},
    {"merge": {"status": None}},
)
RELAY_FATES: tuple[Fault, ...] = (
    {"job": "fail", "error_code": "UPSTREAM_ERROR"},
    {"job": "fail", "error_code": "CONTENT_POLICY_DECLINED"},
    {"job": "expire"},
    {"job": "never_finish"},
)


def _detail(status: int, detail: str) -> dict[str, Any]:
    """An error of generation 1, whose envelope is not documented: ``detail`` alone."""
    return {"answer": {"status": status, "body": {"detail": detail}}}


GEN1_SUBMIT: tuple[Fault, ...] = (
    *CUTS,
    *NONSENSE,
    _detail(400, "Bad request"),
    _detail(402, "Insufficient credits"),
    _detail(429, "Too many requests"),
    _detail(500, "Internal error"),
    {"status": 502, "after_accepting": True},
)
GEN1_POLL: tuple[Fault, ...] = (
    _detail(500, "Internal error"),
    _detail(404, "Not found"),
    {"malformed": "html"},
    {"malformed": "truncated_json"},
    {"cut": "before"},
    {"delay": 1.2, "when": "after"},
)
FILES: tuple[Fault, ...] = (
    {"packed": "gzip"},
    {"packed": "aws_frames"},
    {"content": "svg"},
    {"content": "bomb"},
    {"truncate": True},
    {"truncate": "quietly"},
    {"content": "html"},
    {"content": "empty"},
    {"status": 404},
    {"status": 500},
    {"cut": "mid_body"},
)


@dataclass(frozen=True)
class GatewayProfile:
    """One way to pay one gateway.

    :param share: of all schedules, per cent.
    :param submits: the sandbox's name of the paid endpoint.
    :param polls: the sandbox's name of the endpoint that is asked about a job.
    :param family: what stands before the gateway's own id in the job id, where something does.
    :param passing: codes of failed jobs whose request may succeed the next time; ``task_expired`` for one that the
        sandbox let expire, ``cancelled`` for one that was cancelled.
    """

    name: str
    gateway: Literal["orux", "yescale", "opengpu_relay"]
    share: int
    operator: Literal["imagine", "generate", "submit"]
    submits: str
    polls: str = ""
    model: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    #: The options with which it makes several images; for Midjourney at Orux that is the sandbox's to
    #: decide.
    several: Mapping[str, Any] | None = None
    family: str = ""
    synchronous: bool = False
    generation: int = 2
    submit_faults: tuple[Fault, ...] = field(default=(), repr=False)
    poll_faults: tuple[Fault, ...] = field(default=(), repr=False)
    fates: tuple[Fault, ...] = field(default=(), repr=False)
    passing: frozenset[str] = frozenset()
    #: Codes of failed jobs that a synchronous call answers with a refusal: then nobody need be asked.
    refuses_late: frozenset[str] = frozenset()

    @property
    def strikes_submissions(self) -> tuple[Fault, ...]:
        """All that can happen to a paid request."""
        return (*self.submit_faults, *self.submit_faults, *ODD_SUBMIT)  # the odd ones are rare

    @property
    def strikes_polls(self) -> tuple[Fault, ...]:
        """All that can happen to a question about a job; nothing where there is none."""
        return (*self.poll_faults, *self.poll_faults, *ODD_POLL) if self.poll_faults else ()

    def handle(self, raw_id: str) -> str:
        """The job id that a person gives to ``ledger settle``."""
        return f"{self.family}:{raw_id}" if self.family else raw_id

    def raw(self, job_id: str) -> str:
        """The gateway's own id in a job id."""
        return job_id.removeprefix(f"{self.family}:") if self.family else job_id

    def loses_answer(self, then: Fault) -> bool:
        """Whether after this fault nobody can say what the gateway made of a paid request."""
        if then in ODD_SUBMIT:
            return then not in READ_ALL_THE_SAME
        if "answer" in then:
            return int(then["answer"]["status"]) >= 500
        if any(kind in then for kind in ("cut", "malformed", "delay", "merge")):
            return True
        if int(then.get("status", 0)) >= 500:
            return True
        # The fate of a synchronous call is its answer, or that there is none.
        return self.synchronous and "job" in then and then.get("error_code") not in self.refuses_late


GATEWAY_PROFILES: Mapping[str, GatewayProfile] = {
    way.name: way
    for way in (
        GatewayProfile(
            "orux.tasks", "orux", 40, "imagine", "tasks.submit", "tasks.get",
            several={}, submit_faults=ORUX_SUBMIT, poll_faults=ORUX_POLL, fates=ORUX_FATES,
            passing=frozenset({"upstream_error"}),
        ),
        GatewayProfile(
            "orux.sync", "orux", 10, "generate", "images.generate", "tasks.get",
            model="gpt-image-2", several={"n": 2}, synchronous=True, submit_faults=ORUX_SUBMIT, fates=ORUX_FATES,
            passing=frozenset({"upstream_error"}),
        ),
        GatewayProfile(
            "yescale.mj", "yescale", 15, "imagine", "yescale.mj.submit.imagine", "yescale.mj.fetch",
            family="mj", submit_faults=MJ_SUBMIT, poll_faults=MJ_POLL,
            fates=(*YESCALE_FATES, {"job": "cancel"}, {"job": "modal"}, {"job": "modal"}),
            passing=frozenset({"upstream_error", "task_expired", "cancelled"}),
        ),
        GatewayProfile(
            "yescale.media", "yescale", 7, "submit", "yescale.media.submit", "yescale.media.fetch",
            model="flux-kontext[max]", options={"aspect_ratio": "16:9"}, family="media",
            submit_faults=MEDIA_SUBMIT, poll_faults=MEDIA_POLL, fates=YESCALE_FATES,
            passing=frozenset({"upstream_error", "task_expired"}),
        ),
        GatewayProfile(
            "yescale.sync", "yescale", 3, "generate", "yescale.images.generate",
            model="flux-pro", several={"n": 2}, synchronous=True, submit_faults=YESCALE_SYNC,
            fates=({"job": "fail"}, {"job": "never_finish"}), passing=frozenset({"upstream_error"}),
        ),
        GatewayProfile(
            "relay.2", "opengpu_relay", 14, "submit", "relay.submit", "relay.poll",
            model="black-forest-labs/FLUX-2-pro", options={"width": 256, "height": 256},
            submit_faults=RELAY_SUBMIT, poll_faults=RELAY_POLL, fates=RELAY_FATES,
            passing=frozenset({"UPSTREAM_ERROR", "task_expired"}),
        ),
        GatewayProfile(
            "relay.1", "opengpu_relay", 8, "submit", "relay.submit", "relay.poll",
            model="black-forest-labs/FLUX-2-pro", options={"width": 256, "height": 256}, generation=1,
            submit_faults=GEN1_SUBMIT, poll_faults=GEN1_POLL, fates=RELAY_FATES,
            passing=frozenset({"UPSTREAM_ERROR", "task_expired"}),
        ),
        GatewayProfile(
            "relay.1.sync", "opengpu_relay", 3, "generate", "relay.submit",
            model="Qwen/qwen-image", generation=1, synchronous=True, submit_faults=GEN1_SUBMIT,
            fates=({"job": "fail", "error_code": "CONTENT_POLICY_DECLINED"}, {"job": "fail"}, {"job": "never_finish"}),
            passing=frozenset({"UPSTREAM_ERROR"}), refuses_late=frozenset({"CONTENT_POLICY_DECLINED"}),
        ),
    )
}  # fmt: skip
