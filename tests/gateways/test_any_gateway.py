"""What holds for every reader of every gateway, whatever a body says: each test is one kind of body."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from airflow_provider_orux.gateways.wire import HttpResponse, named_job
from airflow_provider_orux.models.errors import (
    ArtifactRejectedError,
    GatewayUnavailableError,
    JobNotFoundError,
    OruxError,
    UnexpectedResponseError,
)
from airflow_provider_orux.models.job import Artifact, Job, JobStatus, is_job_id
from tests.fuzz.readers import (
    CHAT,
    DATA_URL,
    GEN_1,
    IMAGE,
    IMAGINE,
    KLING,
    KLING_TASK,
    MEDIA,
    MEDIA_ID,
    MEDIA_TASK,
    MJ,
    MJ_TASK,
    ORUX,
    ORUX_TASK,
    PNG,
    QWEN,
    READERS,
    RELAY,
    RELAY_1,
    RELAY_ID,
    RELAY_TASK,
    SUNO,
    SUNO_TASK,
    UPSCALE,
    URL,
    YESCALE,
    Reader,
)

BY_NAME = {reader.name: reader for reader in READERS}
SUBMITS = {
    # Where a submission names its job, and what our job id has before it.
    "orux.tasks.submit": (("task_id",), ""),
    "yescale.mj.submit": (("result",), "mj:"),
    "yescale.media.submit": (("task_id",), "media:"),
    "yescale.kling.submit": (("data", "task_id"), "kling-image:"),
    "yescale.suno.submit": (("data",), "suno:"),
    "relay.2.submit": (("task_id",), ""),
    "relay.1.submit": (("task_address",), ""),
}
#: Where a finished job names its artifact.
URLS = {
    "orux.images.generate": ("data", 0, "url"),
    "orux.tasks.poll": ("result_urls", 0),
    "yescale.images.generate": ("data", 0, "url"),
    "yescale.ideogram.generate": ("data", 0, "url"),
    "yescale.mj.poll": ("imageUrl",),
    "yescale.media.poll": ("task_result", "url"),
    "yescale.kling.poll": ("data", "task_result", "images", 0, "url"),
    "yescale.kling-video.poll": ("data", "task_result", "videos", 0, "url"),
    "yescale.kling-openai.poll": ("metadata", "url"),
    "yescale.kling-task.poll": ("data", "data", "data", "task_result", "videos", 0, "url"),
    "yescale.luma.poll": ("assets", "video"),
    "yescale.pika.poll": ("videos", 0, "resultUrl"),
    "yescale.runway.poll": ("output", 0),
    "yescale.suno.poll": ("data", "data", 0, "audio_url"),
    "relay.generate": ("urls", 0),
    "relay.2.poll": ("result", "urls", 0),
    "relay.1.poll": ("result", "urls", 0),
}
POLLS = {name: reader for name, reader in BY_NAME.items() if reader.kind == "poll"}
STATES = {
    "orux.tasks.poll": ("status",),
    "yescale.mj.poll": ("status",),
    "yescale.media.poll": ("status",),
    "yescale.kling.poll": ("data", "task_status"),
    "yescale.kling-video.poll": ("data", "task_status"),
    "yescale.kling-openai.poll": ("status",),
    "yescale.kling-task.poll": ("data", "status"),
    "yescale.luma.poll": ("state",),
    "yescale.pika.poll": ("videos", 0, "status"),
    "yescale.runway.poll": ("status",),
    "yescale.suno.poll": ("data", "status"),
    "relay.2.poll": ("status",),
    "relay.1.poll": ("status",),
}


def response(value: Any, status: int = 200) -> HttpResponse:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return HttpResponse(status, {"content-type": "application/json"}, body)


def changed(body: Any, path: tuple[Any, ...], value: Any) -> Any:
    body = copy.deepcopy(body)
    *before, last = path
    place = body
    for step in before:
        place = place[step]
    place[last] = value
    return body


def whole(name: str) -> Any:
    return BY_NAME[name].bodies[0][1]


# -- ids ---------------------------------------------------------------------------------------------------------
UNUSABLE = [
    "a/b",
    "..",
    "a b",
    "x" * 501,
    "a\x1b[2Jb",
    "a\u202eb",
    "a\nb",
    "?",
    "a#b",
    "a\\b",
    "",
    None,
    True,
    [],
    {},
    1.5,
]


@pytest.mark.parametrize("bad", UNUSABLE, ids=ascii)
@pytest.mark.parametrize("name", SUBMITS)
def test_what_is_accepted_but_cannot_be_polled_is_not_called_free(name: str, bad: Any) -> None:
    path, _ = SUBMITS[name]
    body = changed(whole(name), path, bad)
    for other in ("task_id", "poll_url"):
        if name.startswith("relay"):
            body[other] = bad
    with pytest.raises(UnexpectedResponseError, match="accepted, but without a task id") as e:
        BY_NAME[name].read(response(body))
    assert e.value.charged == "unknown"
    assert str(e.value).isprintable()


@pytest.mark.parametrize("name", SUBMITS)
@pytest.mark.parametrize("number", [7, 14001929738841620, 2**80])
def test_a_number_is_a_job_id_like_a_text_and_can_be_polled(name: str, number: int) -> None:
    reader, (path, prefix) = BY_NAME[name], SUBMITS[name]
    body = changed(whole(name), path, number)
    body.pop("poll_url", None)
    job = reader.read(response(body))
    assert job.job_id == f"{prefix}{number}"
    assert str(number) in reader.gateway.poll(job.job_id).path


@pytest.mark.parametrize("name", SUBMITS)
def test_whatever_is_accepted_can_be_polled(name: str) -> None:
    """One rule for both directions: no id is taken that a poll refuses."""
    reader, (path, prefix) = BY_NAME[name], SUBMITS[name]
    for raw in (
        "a",
        "a[b]",
        "é" * 400,
        "=cmd",
        "-x",
        "x" * 490,
        "%2F",
        "a:b",
        "path:x",
        "None:1",
        "a\u00a0b",
    ):
        body = changed(whole(name), path, raw)
        body.pop("poll_url", None)
        try:
            job = reader.read(response(body))
        except UnexpectedResponseError:
            assert not is_job_id(prefix + raw) or raw.startswith("path:")
        else:
            assert is_job_id(job.job_id)
            assert reader.gateway.poll(job.job_id).path


def test_a_poll_url_that_is_too_long_leaves_the_task_id() -> None:
    body = {"task_id": RELAY_ID, "status": "queued", "poll_url": "/v2/tasks/" + "x" * 480}
    assert RELAY.read_submit(QWEN, response(body, 202)).job_id == RELAY_ID
    with pytest.raises(UnexpectedResponseError):
        RELAY.read_submit(QWEN, response({**body, "task_id": None}, 202))
    assert RELAY.read_submit(QWEN, response({**body, "poll_url": "http://[/x"}, 202)).job_id == RELAY_ID


@pytest.mark.parametrize("name", POLLS)
def test_an_answer_about_another_job_is_not_this_jobs(name: str) -> None:
    reader = POLLS[name]
    body = whole(name)
    for path in reader.names:
        body = changed(body, path, "another-1")
    with pytest.raises(UnexpectedResponseError, match="another job, another-1"):
        reader.read(response(body))
    for path in reader.names:
        body = changed(body, path, None)
    assert reader.read(response(body)).status is JobStatus.SUCCEEDED


def test_a_number_names_the_same_job_in_a_poll() -> None:
    body = {**MJ_TASK, "id": 14001929738841620}
    assert YESCALE.read_poll("mj:14001929738841620", response(body)).status is JobStatus.SUCCEEDED


# -- bytes where a URL may be --------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", URLS)
def test_a_data_text_is_an_artifact_inside_the_answer(name: str) -> None:
    for text in (
        DATA_URL,
        DATA_URL.replace("data:", "DATA:"),
        f"\n {DATA_URL} ",
        "data:image/svg+xml,%3Csvg/%3E",
    ):
        job = BY_NAME[name].read(response(changed(whole(name), URLS[name], text)))
        assert job.status is JobStatus.SUCCEEDED
        assert job.artifacts[0].inline == text.strip()
        assert job.artifacts[0].url is None
        kept = json.dumps(job.to_dict())
        assert PNG[:40] not in kept
        assert "svg" not in kept


@pytest.mark.parametrize("name", URLS)
def test_only_http_urls_are_urls(name: str) -> None:
    reader = BY_NAME[name]
    for bad in ("javascript:alert(1)", "file:///etc/passwd", "//cdn.example/1.png", "https://", "http:///x",
                "https://a/" + "x" * 20_000, "https://a/\x1b[2J", "ftp://a/1.png", "data:nothing"):  # fmt: skip
        body = changed(whole(name), URLS[name], bad)
        try:
            job = reader.read(response(body))
        except UnexpectedResponseError as e:
            assert e.charged == "unknown"
        else:
            assert all(
                a.url != bad and (a.url is None or a.url.startswith("https://cdn.")) for a in job.artifacts
            )


@pytest.mark.parametrize("name", URLS)
def test_white_space_does_not_spoil_a_url(name: str) -> None:
    for text in (f" {URL}\n", f"{URL}\t", URL.replace("?", "\r\n?"), URL.replace("HTTPS", "https")):
        job = BY_NAME[name].read(response(changed(whole(name), URLS[name], text)))
        assert (job.artifacts[0].url, job.artifacts[0].inline) == (URL, None)


@pytest.mark.parametrize("name", ["orux.images.generate", "yescale.images.generate", "relay.generate"])
@pytest.mark.parametrize("text", [PNG, PNG.rstrip("="), PNG.replace("+", "-").replace("/", "_"),
                                  "\n".join(PNG[i : i + 76] for i in range(0, len(PNG), 76)), f"  {PNG}\r\n"])  # fmt: skip
def test_base64_is_taken_as_it_is_written(name: str, text: str) -> None:
    body = {"images": [text]} if name.startswith("relay") else {"data": [{"b64_json": text}]}
    assert BY_NAME[name].read(response(body)).artifacts == (Artifact(inline=text.strip()),)


def test_a_sentence_among_the_images_is_no_image() -> None:
    body = {"images": ["I cannot make this image because of the rules", URL]}
    assert RELAY.read_generate(QWEN, response(body), submission_id="g").urls == [URL]


# -- decoration never decides ----------------------------------------------------------------------------------------
ODD: list[Any] = [
    10**400,
    "²",
    "٣",
    float("nan"),
    float("inf"),
    -1,
    True,
    [],
    {},
    "\ud800",
    "9" * 5000,
    [[[]]],
    "\x00",
    None,
]


@pytest.mark.parametrize("odd", ODD, ids=lambda v: ascii(v)[:12])
@pytest.mark.parametrize("name", [*URLS, "yescale.chat.generate"])
def test_the_fields_beside_the_result_never_lose_it(name: str, odd: Any) -> None:
    reader = BY_NAME[name]
    body = changed(whole(name), URLS[name], URL) if name in URLS else copy.deepcopy(whole(name))
    keep = {"status", "state", "task_status", "code", *(str(step) for step in URLS.get(name, ("choices",)))}
    keep |= {"action", "id", "task_id", "task_address", "result_urls", "result", "data", "images"}

    def spoil(value: Any) -> None:
        for key, inner in list(value.items()) if isinstance(value, dict) else []:
            if key not in keep:
                value[key] = odd
            spoil(inner)
        for inner in value if isinstance(value, list) else ():
            spoil(inner)

    if name != "yescale.chat.generate":
        spoil(body)
        body |= {"created": odd, "duration_sec": odd, "x": odd}
    else:
        body |= {"created": odd, "usage": odd, "id": odd}
    job = reader.read(response(body))
    assert job.status is JobStatus.SUCCEEDED
    assert job.artifacts[0].url == URL
    assert job.charged == "yes"
    json.dumps(job.to_dict(), allow_nan=False).encode()


@pytest.mark.parametrize("code", ["²", "٣", 10**400, "9" * 5000, 1e400, None, [], {"a": 1}, True, "-0", 24.0])
@pytest.mark.parametrize("status", [200, 400, 500])
def test_an_odd_code_is_a_typed_error(code: Any, status: int) -> None:
    body = {"code": code, "description": "banned", "message": "x", "error": None, "data": None, "detail": "x"}
    for gateway, request in ((ORUX, IMAGINE), (YESCALE, MJ), (YESCALE, KLING), (YESCALE, SUNO), (YESCALE, MEDIA),
                             (RELAY, QWEN)):  # fmt: skip
        for wrapped in (
            body,
            {**body, "error": {"code": code, "message": code, "type": code, "param": code}},
        ):
            with pytest.raises(OruxError) as e:
                gateway.read_submit(request, response(wrapped, status))
            str(e.value).encode()
            assert len(str(e.value)) < 2000


@pytest.mark.parametrize("reader", READERS, ids=lambda r: r.name)
def test_bodies_that_are_only_odd_on_the_outside_are_read(reader: Reader) -> None:
    status, body = reader.bodies[0]
    plain = json.dumps(body)
    wanted = outcome(reader, plain.encode(), status)
    with_digits = plain.replace("{", '{"zz": ' + "9" * 5000 + ", ", 1)
    for raw in (
        b"\xef\xbb\xbf" + plain.encode(),
        plain.encode("utf-16"),
        plain.encode("utf-16-be"),
        with_digits.encode(),
        plain.replace("{", '{"zz": "half \\ud83d of a pair", ', 1).encode(),
        plain.replace("{", '{"zz": "\xe9", ', 1).encode("latin-1", "replace"),
        plain.replace("{", '{"zz": "line\nbreak", ', 1).encode(),
        b"\r\n\t" + plain.encode() + b"\n",
    ):
        assert outcome(reader, raw, status) == wanted


def outcome(reader: Reader, raw: bytes, status: int) -> Any:
    try:
        read = reader.read(HttpResponse(status, {}, raw))
    except OruxError as e:
        return type(e), e.charged, e.code
    return {**read, "zz": None} if isinstance(read, dict) else read


def test_packed_json_is_refused_before_it_takes_memory() -> None:
    for body in (b"[" + b"{}," * 400_000 + b"{}]", b'{"a":' * 400_000):
        with pytest.raises(UnexpectedResponseError, match=r"more values than are read \(300,000\)"):
            HttpResponse(200, {}, body).json(gateway="orux")


# -- refusals --------------------------------------------------------------------------------------------------------
REFUSALS: list[tuple[Any, Any, dict[str, Any], int]] = [
    (
        ORUX,
        IMAGINE,
        {"error": {"type": "invalid_request_error", "code": "invalid_param", "message": "no"}},
        400,
    ),
    (YESCALE, MJ, {"code": 24, "description": "banned", "properties": {}}, 200),
    (YESCALE, MJ, {"code": 4, "description": "quota_not_enough", "type": "upstream_error"}, 400),
    (YESCALE, KLING, {"code": 1201, "message": "bad image", "data": None}, 200),
    (YESCALE, SUNO, {"code": "quota_not_enough", "message": "no", "data": None}, 200),
    (YESCALE, MEDIA, {"code": "VALIDATION_ERROR", "message": "no"}, 200),
    (RELAY, QWEN, {"detail": "no", "error": {"code": "VALIDATION_ERROR"}}, 422),
    (RELAY_1, GEN_1, {"detail": "no"}, 400),
]


@pytest.mark.parametrize(("gateway", "request_", "body", "status"), REFUSALS)
@pytest.mark.parametrize("named", [{"task_id": "job-1"}, {"data": {"task_id": "job-1"}}, {"a": [[{"jobId": "job-1"}]]},
                                   {"poll_url": "/v2/tasks/x"}, {"taskId": 14}, {"run_id": "a/b"}])  # fmt: skip
def test_a_refusal_that_names_a_job_proves_nothing(
    gateway: Any, request_: Any, body: dict[str, Any], status: int, named: dict[str, Any]
) -> None:
    with pytest.raises(OruxError) as plain:
        gateway.read_submit(request_, response(body, status))
    assert plain.value.charged == "no"
    with pytest.raises(OruxError) as e:
        gateway.read_submit(request_, response({**body, **named}, status))
    assert e.value.charged == "unknown"
    assert e.value.job_id is None or is_job_id(e.value.job_id)


@pytest.mark.parametrize(
    ("request_", "body", "job_id"),
    [
        (MJ, {"code": 24, "description": "banned", "result": "14001929738841620"}, "mj:14001929738841620"),
        (SUNO, {"code": "quota_not_enough", "message": "no", "data": "0f8e2d1c-77aa"}, "suno:0f8e2d1c-77aa"),
        (KLING, {"code": 1201, "message": "no", "data": {"task_id": "k1"}}, "kling-image:k1"),
    ],
)
def test_the_job_in_a_refusal_has_the_form_that_settle_takes(request_: Any, body: Any, job_id: str) -> None:
    with pytest.raises(OruxError) as e:
        YESCALE.read_submit(request_, response(body))
    assert (e.value.charged, e.value.job_id) == ("unknown", job_id)


def test_a_refusal_that_cannot_be_parsed_may_name_a_job() -> None:
    assert named_job(response(b'{"error": {"code": "invalid_param"}, "task_id": "task_1", "x')) == ""
    assert named_job(response(b"<html>task_id is missing</html>")) is None
    assert named_job(response({"error": {"param": "task_id", "message": "`task_id` is missing"}})) is None


# -- status words and reasons ------------------------------------------------------------------------------------------
WORDS = {
    JobStatus.SUCCEEDED: "SUCCESS SUCCEED SUCCEEDED COMPLETE COMPLETED FINISHED",
    JobStatus.FAILED: "FAILURE FAILED FAIL ERROR CANCEL CANCELLED CANCELED",
    JobStatus.EXPIRED: "EXPIRED",
    JobStatus.QUEUED: "NOT_START SUBMITTED QUEUED PENDING",
    JobStatus.RUNNING: "RUNNING PROCESSING IN_PROGRESS IN-PROGRESS MODAL THROTTLED UNKNOWN PAUSED SUCCESSFUL?",
}


@pytest.mark.parametrize("name", STATES)
@pytest.mark.parametrize("status", WORDS)
def test_one_table_of_status_words_in_any_case(name: str, status: JobStatus) -> None:
    for word in WORDS[status].split():
        for written in (word, word.lower(), word.title(), f" {word}\n"):
            assert POLLS[name].read(response(changed(whole(name), STATES[name], written))).status is status


REASONS = {
    "orux.tasks.poll": [{"error_message": "why"}, {"error": {"code": "c", "message": "why"}}],
    "yescale.mj.poll": [{"failReason": "why"}, {"description": "why", "failReason": ""}],
    "yescale.media.poll": [
        {"err_reason": "why", "message": "x"}, {"message": "why"}, {"error": "why"}, {"error": {"code": "c", "message": "why"}},
        {"fail_reason": "why"},
    ],
    "relay.2.poll": [{"error": "why"}, {"error": {"message": "why"}}, {"error": None, "error_detail": {"message": "why"}}],
}  # fmt: skip


@pytest.mark.parametrize(("name", "place"), [(n, p) for n, places in REASONS.items() for p in places])
def test_the_reason_of_a_failure_is_found_where_it_is(name: str, place: dict[str, Any]) -> None:
    body = changed(whole(name), STATES[name], "FAILED")
    for key in ("description", "failReason", "message", "error"):
        body.pop(key, None)
    job = POLLS[name].read(response({**body, **place}))
    assert (job.status, job.error_message) == (JobStatus.FAILED, "why")
    assert job.charged == "unknown"


def test_the_reasons_of_kling_and_suno() -> None:
    body = changed(KLING_TASK, ("data", "task_status"), "failed")
    job = POLLS["yescale.kling.poll"].read(response(changed(body, ("data", "task_status_msg"), "why")))
    assert job.error_message == "why"
    body = changed(SUNO_TASK, ("data", "status"), "FAILURE")
    for path in (("data", "fail_reason"), ("data", "data", 0, "metadata", "error_message")):
        assert POLLS["yescale.suno.poll"].read(response(changed(body, path, "why"))).error_message == "why"


@pytest.mark.parametrize(("reason", "helps"), [("content policy", False), ("upstream timeout", True)])
def test_a_media_job_that_was_refused_is_not_paid_for_again(reason: str, helps: bool) -> None:
    body = {"task_id": MEDIA_ID, "status": "FAILURE", "progress": "100%", "err_reason": reason}
    assert YESCALE.read_poll(f"media:{MEDIA_ID}", response(body)).retry_helps is helps


@pytest.mark.parametrize(
    "result",
    [
        {"url": URL}, {"images": [{"url": URL}]}, {"images": [URL]}, {"data": {"videos": [{"url": URL}]}},
        {"video_url": URL}, {"output_url": URL}, {"output": {"url": URL}}, {"what": {"ever": [{"new": URL}]}}, [URL], URL,
    ],
)  # fmt: skip
def test_every_shape_of_a_media_result(result: Any) -> None:
    for place in ("task_result", "results", "output", "result", "data"):
        body = {**MEDIA_TASK, "task_result": {}, place: result}
        assert YESCALE.read_poll(f"media:{MEDIA_ID}", response(body)).urls == [URL]
    inline = {**MEDIA_TASK, "task_result": {"output": {"b64_json": PNG}}}
    assert YESCALE.read_poll(f"media:{MEDIA_ID}", response(inline)).artifacts == (Artifact(inline=PNG),)


# -- batches -----------------------------------------------------------------------------------------------------------
BROKEN: list[Any] = [
    None, 5, "x", [], {}, {"id": "2"}, {"id": "2", "status": 5}, {"id": "2", "status": "SUCCESS"},
    {"id": "2", "status": "SUCCESS", "imageUrl": "javascript:x"}, {"id": ["2"], "status": "SUCCESS"},
    {"id": "2", "status": "SUCCESS", "imageUrl": 10**400}, {"id": "\ud800", "status": ""}, {"id": 10**400},
]  # fmt: skip


@pytest.mark.parametrize("entry", BROKEN, ids=lambda v: ascii(v)[:30])
def test_a_broken_entry_of_a_batch_concerns_its_own_job(entry: Any) -> None:
    tasks = [MJ_TASK, entry, {**MJ_TASK, "id": 3}]
    jobs = YESCALE.read_batch(["mj:14001929738841620", "mj:2", "mj:3"], response(tasks))
    jobs.pop("mj:2", None) if entry in ({"id": "2"},) else None
    assert {job_id: job.urls for job_id, job in jobs.items()} == {
        "mj:14001929738841620": [URL],
        "mj:3": [URL],
    }


def test_two_entries_that_disagree_are_asked_for_alone() -> None:
    tasks = [
        {**MJ_TASK, "id": "2", "status": "FAILURE"},
        {**MJ_TASK, "id": "2"},
        {**MJ_TASK, "id": 3},
        {**MJ_TASK, "id": 3},
    ]
    assert list(YESCALE.read_batch(["mj:2", "mj:3"], response(tasks))) == ["mj:3"]


# -- follow-ups at YEScale -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("body", "status"),
    [({"code": 3, "description": "关联任务不存在或已失效"}, 200),
     ({"code": 4, "description": "task_no_found", "type": "upstream_error"}, 400)],
)  # fmt: skip
def test_not_found_for_a_follow_up_passes_and_costs_nothing(body: Any, status: int) -> None:
    with pytest.raises(JobNotFoundError) as e:
        YESCALE.read_submit(UPSCALE, response(body, status))
    assert (e.value.charged, e.value.final) == ("no", False)
    assert "mj:14001929738841620" in e.value.message
    assert "connection" not in str(e.value)
    with pytest.raises(GatewayUnavailableError) as e2:
        YESCALE.read_submit(MJ, response(body, status))
    assert (e2.value.charged, e2.value.final) == ("no", False)
    assert "the connection that submitted the job" not in str(e2.value)


# -- sizes -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", POLLS)
def test_a_finished_job_that_is_too_long_to_read_is_charged(name: str) -> None:
    raw = json.dumps(whole(name)).encode()
    with pytest.raises(ArtifactRejectedError) as e:
        POLLS[name].read(HttpResponse(200, {}, raw, truncated=True))
    assert e.value.job_id is not None
    assert "finished" in e.value.message


def test_what_gateways_say_at_length_is_cut() -> None:
    long = "a heron " * 200_000
    job = ORUX.read_generate(
        IMAGE, response({"data": [{"url": URL, "revised_prompt": long}]}), submission_id="g"
    )
    assert len(job.artifacts[0].revised_prompt or "") == 32_000
    failed = {**ORUX_TASK, "status": "FAILED", "error_code": long, "error_message": long, "alias": long}
    job = ORUX.read_poll("task_01HZX", response(failed))
    assert len(json.dumps(job.to_dict())) < 2000
    many = {"status": "SUCCESS", "result_urls": [f"https://a/{n}" for n in range(5000)]}
    assert len(ORUX.read_poll("t", response(many)).urls) == 1000


# -- images in a chat ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "message",
    [
        {"content": f"![a]({URL})"}, {"content": f"![a](<{URL}>)"}, {"content": URL}, {"content": f"<{URL}>"},
        {"content": f"![a][r]\n\n[r]: {URL}"}, {"content": f'<img src="{URL.replace("&", "&amp;")}">'},
        {"content": [{"type": "text", "text": "Here"}, {"type": "image_url", "image_url": {"url": URL}}]},
        {"content": [{"type": "image_url", "image_url": URL}]}, {"content": "", "images": [URL]},
        {"content": None, "images": [{"type": "image_url", "image_url": {"url": URL}}]},
        {"content": f"Here it is: {URL}, enjoy!"}, {"content": f"[download]({URL})"},
    ],
)  # fmt: skip
def test_every_form_in_which_a_chat_hands_out_an_image(message: Any) -> None:
    job = YESCALE.read_generate(CHAT, response({"choices": [{"message": message}]}), submission_id="g")
    assert (job.status, job.urls) == (JobStatus.SUCCEEDED, [URL])


@pytest.mark.parametrize(
    "message",
    [
        {"content": f"![a]({DATA_URL})"}, {"content": DATA_URL}, {"content": PNG},
        {"content": [{"inline_data": {"mime_type": "image/png", "data": PNG}}]},
        {"content": [{"type": "image", "source": {"type": "base64", "data": PNG}}]}, {"images": [{"b64_json": PNG}]},
    ],
)  # fmt: skip
def test_bytes_in_a_chat(message: Any) -> None:
    job = YESCALE.read_generate(CHAT, response({"choices": [{"message": message}]}), submission_id="g")
    assert [a.inline for a in job.artifacts] in ([PNG], [DATA_URL])


# -- OpenGPU Relay ------------------------------------------------------------------------------------------------------
def relay_made(result: Any) -> Job:
    return RELAY.read_poll(RELAY_ID, response({**RELAY_TASK, "result": result}))


def test_relay_results_of_every_family() -> None:
    assert relay_made({"videos": [URL], "duration": 5}).urls == [URL]
    assert relay_made({"audio_url": URL, "characters": 3, "expires_at": 1}).urls == [URL]
    assert relay_made({"audio_base64": PNG, "content_type": "audio/mpeg"}).artifacts == (
        Artifact(inline=PNG, media_type="audio/mpeg"),
    )
    assert relay_made({"data": [{"b64_json": PNG}, {"url": URL}]}).artifacts == (
        Artifact(inline=PNG),
        Artifact(url=URL),
    )
    assert relay_made({"text": "a heron", "language": "en"}).text == "a heron"
    assert relay_made({"text": "a heron", "language": "en"}).details == {"language": "en"}
    assert relay_made({"text": "", "language": "en"}).text == ""
    assert relay_made({"videos": [URL], "duration": 5}).artifacts[0].details == {"duration": 5}
    assert relay_made({"clip": {"file": URL}}).urls == [URL]
    chat = {"choices": [{"message": {"role": "assistant", "content": "a heron"}, "finish_reason": "stop"}]}
    assert relay_made({"object": "chat.completion", **chat}).text == "a heron"
    parts = [{"type": "text", "text": "a "}, {"type": "thinking"}, {"type": "text", "text": "heron"}]
    assert relay_made({"type": "message", "content": parts}).text == "a heron"
    assert relay_made({"images": [PNG], "text": "here"}).text is None


def test_a_202_to_a_synchronous_call_is_a_job_that_a_person_can_settle() -> None:
    body = {"task_id": RELAY_ID, "status": "queued", "poll_url": f"/v2/tasks/{RELAY_ID}"}
    with pytest.raises(UnexpectedResponseError, match="accepted as a job") as e:
        RELAY.read_generate(QWEN, response(body, 202), submission_id="g")
    assert (e.value.job_id, e.value.charged) == (RELAY_ID, "unknown")


@pytest.mark.parametrize(
    ("code", "detail", "helps"),
    [
        ("CONTENT_POLICY_DECLINED", {"filtered": "input"}, False),
        ("CONTENT_POLICY_DECLINED", {"filtered": "output"}, True),
        ("CONTENT_POLICY_DECLINED", {"filtered": None}, True),
        ("CONTENT_POLICY_DECLINED", None, False),
        ("IMAGE_TEXT_RESPONSE", {"text": "I would rather not"}, False),
        ("UPSTREAM_ERROR", {"filtered": "input"}, True),
    ],
)
def test_relay_says_whether_another_try_can_help(code: str, detail: Any, helps: bool) -> None:
    body = {
        **RELAY_TASK,
        "status": "failed",
        "result": None,
        "error": "no",
        "error_code": code,
        "error_detail": detail,
    }
    job = RELAY.read_poll(RELAY_ID, response(body))
    assert (job.retry_helps, job.error_code) == (helps, code)
    assert ("I would rather not" in str(job.error_message)) == (code == "IMAGE_TEXT_RESPONSE")


@pytest.mark.parametrize(
    ("status", "code", "name", "final"),
    [
        (409, "IDEMPOTENCY_IN_PROGRESS", "RateLimitedError", False),
        (409, "WORKFLOW_RUN_NOT_CANCELLABLE", "UnsupportedByGatewayError", True),
        (409, "SOMETHING_NEW", "InvalidRequestError", True),
        (413, "FILE_TOO_LARGE", "InvalidRequestError", True),
        (415, None, "InvalidRequestError", True),
        (410, "PROMO_EXPIRED", "UnsupportedByGatewayError", True),
        (429, "FILE_QUOTA_EXCEEDED", "RateLimitedError", False),
        (503, "SERVICE_UNAVAILABLE", "GatewayUnavailableError", False),
        (401, "INVALID_TOKEN", "AuthenticationError", True),
        (422, "ROUTING_NO_CANDIDATES", "InvalidRequestError", True),
    ],
)
def test_the_newer_codes_of_relay(status: int, code: str | None, name: str, final: bool) -> None:
    body = {"detail": "no", "error": {"code": code, "message": "no"}}
    error = RELAY.read_error(response(body, status))
    assert error is not None
    assert (type(error).__name__, error.final) == (name, final)


def test_prices_that_are_no_prices_are_not_known() -> None:
    rows: list[Any] = [
        {"model": "image.a/b", "per_image": bad} for bad in (10**400, -1, "nan", "1e999", True, None, "x")
    ]
    rows += [None, {"model": 5, "per_image": 1}, {"model": "image.a/c", "per_image": "0.04"}]
    rows += [{"model": "image.a/d", "per_image_resolution": {"1K": 10**400, "2K": 0.1}}]
    prices = RELAY.read_pricing(response({"pricing": rows}))  # type: ignore[attr-defined]
    assert prices == {
        "a/c": (0.04, "USD/image"), "a/d@2K": (0.1, "USD/image"), "a/d": (0.1, "USD/image"),
    }  # fmt: skip
