"""What has to be true of a reading, whatever was read. Written from the rules alone, without the readers' own helpers."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from airflow_provider_orux.gateways.wire import HttpResponse
from airflow_provider_orux.lifecycle.event import JobEvent
from airflow_provider_orux.models.errors import OruxError
from airflow_provider_orux.models.job import DETAILS, Artifact, Job, JobStatus
from tests.fuzz.readers import Reader

#: The rule for an id: 1 to 500 printable characters, and nothing that changes a path or ends a word.
_ID = re.compile(r"[^\s/?#\\\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,500}")
#: "Nothing was accepted": what RFC 9110 calls a refusal, and redirects that say "unchanged, elsewhere".
_REFUSED = {*range(400, 500), 307, 308} - {408, 409, 425}
#: YEScale answers 200 to what it refuses: its codes for that, in numbers and words.
_REFUSED_WITH_200 = re.compile(
    r"(?:3|4|9|23|24|[1-4]\d{3}|(?:invalid_api_key|access_denied|insufficient_user_quota|insufficient_quota"
    r"|pre_consume_token_quota_failed|quota_not_enough|content_policy_violation|sensitive_words_detected|prompt_blocked"
    r"|moderation_blocked|validation_error|invalid_request|model_not_found|rate_limit_exceeded|task_no_found"
    r"|task_not_exist))\Z",
    re.IGNORECASE,
)
#: What stands before the colon of YEScale's job ids.
_FAMILIES = {
    "mj", "media", "kling-image", "kling-text2video", "kling-image2video", "luma", "pika", "runway", "suno",
}  # fmt: skip
_NAMES_A_JOB = {"task_id", "taskId", "job_id", "jobId", "run_id", "poll_url"}
_SECRET = re.compile(r"sk-app-Ab3dEf9h|relay_sk_abcdefgh|Bearer abcdefgh12345678")


class ViolationError(AssertionError):
    """A rule was broken."""


def _must(holds: Any, rule: str) -> None:
    if not holds:
        raise ViolationError(rule)


def check_error(error: OruxError, reader: Reader, response: HttpResponse, value: Any) -> None:
    """A typed error is bounded, printable, without keys, and says "not charged" only where that is proven."""
    text = str(error)
    text.encode()
    _must(len(text) < 4000, "an error of bounded length")
    _must(not _SECRET.search(text.replace(error.job_id or "-", "")), "no key in an error")
    _must("\x1b" not in text and "\u202e" not in text, "nothing in an error steers a terminal")
    _must(error.charged in ("yes", "no", "unknown"), "charged is one of three words")
    _must(error.job_id is None or _ID.fullmatch(error.job_id), "an error's job can be polled")
    _must(error.retry_after is None or 0 <= error.retry_after <= 7 * 86400, "a pause within reason")
    if error.charged == "no" and reader.kind != "look_up":  # which comes before anything is sent
        _must(reader.pays, "an error of a poll does not say that nothing was charged")
        _must(proven(reader, response, value), "'not charged' only where it is proven")


def proven(reader: Reader, response: HttpResponse, value: Any) -> bool:
    """Whether an answer proves that nothing was accepted."""
    if any(given for item in objects(value) for key, given in item.items() if key in _NAMES_A_JOB):
        return False
    if response.status in _REFUSED:
        return "do_request_failed" not in json.dumps(value) or reader.gateway.name != "yescale"
    if (
        response.status not in (200, 201, 202)
        or reader.gateway.name != "yescale"
        or not isinstance(value, Mapping)
    ):
        return False
    error = value.get("error")
    said = error if isinstance(error, Mapping) else value
    words = [str(said.get("code")).strip(), *(str(said.get(k) or "").split(" ")[0].strip(" :,.") for k in
                                               ("description", "message"))]  # fmt: skip
    words += [str(error).split(" ")[0].strip(" :,.")] if isinstance(error, str) else []
    return any(_REFUSED_WITH_200.match(word.removesuffix(".0").lstrip("+").lower()) for word in words) or (
        "not available in any configured auto group" in json.dumps(value)
    )


def check_result(result: Any, reader: Reader, value: Any) -> None:
    """A result is bounded, of this job, and made of what stands in the answer."""
    if reader.kind in ("prices", "look_up"):
        for amount, unit in result.values() if reader.name == "relay.prices" else ():
            _must(0 <= amount < 1e7 and unit.startswith("USD"), "a price is a price")
        if reader.name == "relay.listed":
            _must(result.entry.path.startswith("/v2/"), "a route on the gateway's own host")
            _must(reader.gateway.submit(result).path.isascii(), "what was looked up can be sent")
        if reader.name == "relay.upload":
            _must(result.startswith(("https://", "http://")), "the URL of a file")
        return
    jobs = list(result.values()) if reader.kind == "batch" else [result]
    texts = set(_texts(value)) if len(json.dumps(value)) < 50_000 else None
    for job in jobs:
        check_job(job, texts)
    if reader.kind == "batch":
        _must(all(job_id == job.job_id for job_id, job in result.items()), "each job under its own id")
    if reader.kind == "submit":
        _must(texts is None or named_in(result.job_id, texts), "the accepted id stands in the answer")
        _must(reader.gateway.poll(result.job_id).path.isascii(), "what is accepted can be polled")
    if reader.kind == "poll":
        named = [_at(value, path) for path in reader.names]
        ids = [str(one).strip() for one in named if isinstance(one, (str, int)) and not isinstance(one, bool)]
        _must(not any(ids) or reader.raw_id in ids, "an answer about another job is not this job's")


def check_job(job: Job, texts: set[str] | None) -> None:
    """One job."""
    _must(_ID.fullmatch(job.job_id) and job.job_id.isprintable(), "a job id that can be polled")
    made = job.artifacts or job.text is not None  # the transcript of silence is empty
    _must(made or job.status is not JobStatus.SUCCEEDED, "a job that succeeded made something")
    _must(not made or job.status is JobStatus.SUCCEEDED, "only a job that succeeded made something")
    _must(job.charged != "no", "a job that was answered may be charged")
    _must(len(job.artifacts) <= 1000, "a bounded number of artifacts")
    for artifact in job.artifacts:
        check_artifact(artifact, texts)
        check_details(artifact)
    buttons, prompts = job.details.get("buttons", {}), job.details.get("prompts", [])
    _must(
        len(buttons) <= 50 and all(len(i) <= 300 and i.isprintable() for i in buttons.values()), "few buttons"
    )
    _must(all(isinstance(p, str) and p.strip() == p != "" for p in prompts), "prompts are texts")
    kept = json.dumps(job.to_dict(), allow_nan=False)
    kept.encode()
    _must(
        all(a.inline[:60] not in kept for a in job.artifacts if a.inline and len(a.inline) > 60),
        "no bytes in what is stored",
    )
    _must(len(kept) < 20_000_000, "a bounded value")
    _must(not _SECRET.search(str(job.error_message)), "no key in a reason")
    _must(len(job.error_message or "") <= 500 and len(job.error_code or "") <= 100, "bounded words")
    JobEvent.of_job(job)
    if not job.has_inline:
        _must(Job.from_dict(json.loads(kept)).urls == job.urls, "what is stored is the same job")


def check_artifact(artifact: Artifact, texts: set[str] | None) -> None:
    """One artifact is a whole URL or bytes, and stands in the answer."""
    _must((artifact.url is None) != (artifact.inline is None), "a URL or bytes")
    if artifact.url is not None:
        url = artifact.url
        _must(re.match(r"https?://[^/?#]", url, re.IGNORECASE), "only http(s) URLs are URLs")
        _must(url.isprintable() and len(url) <= 16_384, "a URL that can be written down")
        spelled = {url, url.replace("%20", " ")}
        _must(
            texts is None or any(one in squeezed for squeezed in texts for one in spelled),
            "a URL of the answer, uncut",
        )
    else:
        begin = (artifact.inline or "")[:40]
        if artifact.is_text:  # it was a text in the answer, or base64
            encoded = str(artifact.inline).partition("base64,")[2]
            if texts is not None and any(encoded[:40] in squeezed for squeezed in texts):
                return
            begin = "".join(base64.b64decode(encoded).decode("utf-8", "replace").split())[:40]
        _must(texts is None or any(begin in squeezed for squeezed in texts), "bytes of the answer")


def check_details(artifact: Artifact) -> None:
    """What is said of an artifact is a number or short, on one line; a cover is a URL."""
    for name, value in artifact.details.items():
        _must(name in DETAILS, "known details")
        if isinstance(value, str):
            most = 16_384 if name == "cover" else 300
            _must(value.isprintable() and len(value) <= most, "a detail on one line")
            _must(not _SECRET.search(value) or name == "cover", "no key in a detail")
        else:
            _must(isinstance(value, (int, float)) and abs(value) <= 1e15, "a number within reason")
    cover = artifact.details.get("cover")
    _must(cover is None or re.match(r"https?://[^/?#]", str(cover), re.IGNORECASE), "a cover is a URL")


def named_in(job_id: str, texts: set[str]) -> bool:
    """Whether an accepted id, less what we put before it, stands in the answer."""
    raw = job_id.split(":", 1)[-1] if job_id.split(":", 1)[0] in _FAMILIES else job_id
    return raw in texts or job_id in texts or job_id.startswith("path:")


def objects(value: Any) -> Iterator[Mapping[str, Any]]:
    """Every object in a JSON value."""
    todo = [value]
    while todo:
        item = todo.pop()
        if isinstance(item, Mapping):
            yield item
        todo += item.values() if isinstance(item, Mapping) else item if isinstance(item, list) else ()


def _texts(value: Any) -> Iterator[str]:
    todo = [value]
    while todo:
        item = todo.pop()
        todo += item.values() if isinstance(item, Mapping) else item if isinstance(item, list) else ()
        if isinstance(item, (str, int)) and not isinstance(item, bool):
            text = str(item) if isinstance(item, str) or abs(item) < 10**200 else ""
            yield text.strip()
            # As markdown and HTML are read: without line breaks, backslashes before punctuation, and entities.
            yield (
                re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", re.sub(r"[\t\r\n]", "", text))
                .replace("&amp;", "&")
                .strip()
            )
            yield "".join(text.split())


def _at(value: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value
