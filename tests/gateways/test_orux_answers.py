"""What Orux AI answers, read: documented, undocumented, broken and hostile."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_orux.gateways.base import NOTHING_ACCEPTED, parse_definite_refusals
from airflow_provider_orux.gateways.orux import OruxGateway
from airflow_provider_orux.gateways.wire import HttpResponse, Purpose
from airflow_provider_orux.models import errors, orux
from airflow_provider_orux.models.errors import OruxError, UnexpectedResponseError
from airflow_provider_orux.models.job import JobStatus

KEY = "sk-app-Ab3dEf9h_" + "0123456789abcdefghijABCDEFGHIJ0123456789abcdefgh"
IMAGE = orux.GptImage2(prompt="a", n=4)
IMAGINE = orux.MidjourneyV7(prompt="a")
GATEWAY = OruxGateway()


def answer(value: Any, status: int = 200, **headers: str) -> HttpResponse:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return HttpResponse(status, {"content-type": "application/json", **headers}, body)


def envelope(
    code: str | None, kind: str | None = None, message: Any = "words", **more: Any
) -> dict[str, Any]:
    fields = {"type": kind, "code": code, "message": message, "channel": None, "param": None, **more}
    return {"error": fields}


def generated(value: Any, status: int = 200):
    return GATEWAY.read_generate(IMAGE, answer(value, status), submission_id="gen-1")


def submitted(value: Any, status: int = 200, gateway: OruxGateway = GATEWAY, **headers: str):
    return gateway.read_submit(IMAGINE, answer(value, status, **headers))


def polled(value: Any, status: int = 200):
    return GATEWAY.read_poll("task_1", answer(value, status))


READERS = {
    "generate": lambda response: GATEWAY.read_generate(IMAGE, response, submission_id="gen-1"),
    "submit": lambda response: GATEWAY.read_submit(IMAGINE, response),
    "poll": lambda response: GATEWAY.read_poll("task_1", response),
}


# -- synchronous generations --------------------------------------------------------------------------------
def test_generate_links():
    job = generated({"created": 1765000000, "data": [{"url": "https://a/1"}, {"url": "https://a/2"}]})
    assert job.urls == ["https://a/1", "https://a/2"]
    assert (job.job_id, job.status, job.charged) == ("gen-1", JobStatus.SUCCEEDED, "yes")
    assert (job.model, job.gateway, job.finished_at) == ("gpt-image-2", "orux", 1765000000.0)


def test_generate_inline_with_a_revised_prompt():
    job = generated({"created": 1, "data": [{"b64_json": "QUJD", "revised_prompt": "better"}]})
    assert [(a.url, a.inline, a.revised_prompt) for a in job.artifacts] == [(None, "QUJD", "better")]


def test_generate_tolerates_nulls_and_fields_of_tomorrow():
    job = generated(
        {"data": [{"url": None, "b64_json": "QQ==", "revised_prompt": None, "seed": 7}, {"url": "https://a/u", "b64_json": None}],
         "usage": {}, "id": "x"}
    )  # fmt: skip
    assert [(a.url, a.inline) for a in job.artifacts] == [(None, "QQ=="), ("https://a/u", None)]
    assert job.finished_at is None


def test_generate_takes_what_is_there_when_one_image_was_held_back():
    """Paid for is paid for: three of four are a result, not a riddle."""
    for hole in (None, {}, {"url": None}, {"url": "", "b64_json": None}, "x"):
        assert generated({"data": [{"url": "https://a/1"}, hole, {"url": "https://a/3"}]}).urls == [
            "https://a/1",
            "https://a/3",
        ]
    job = polled({"status": "SUCCESS", "result_urls": ["https://a/1", None, "", "https://a/3"]})
    assert (job.status, job.urls) == (JobStatus.SUCCEEDED, ["https://a/1", "https://a/3"])


@pytest.mark.parametrize("created", ["soon", True, -1, 10**400, float("nan"), float("inf"), None, [], 10**15])
def test_generate_with_an_odd_moment(created):
    assert generated({"created": created, "data": [{"url": "https://a/u"}]}).finished_at is None


@pytest.mark.parametrize(
    "value",
    [{}, {"data": None}, {"data": {}}, {"data": "u"}, {"data": []}, {"data": [None]}, {"data": [{}]},
     {"data": [{"url": ""}]}, {"data": [{"url": 5}]}, {"data": [[]]}, [], None, 5, "x",
     {"task_id": "task_1", "status": "queued"}],
)  # fmt: skip
def test_generate_of_another_shape(value):
    with pytest.raises(UnexpectedResponseError) as caught:
        generated(value)
    assert caught.value.http_status == 200
    assert caught.value.charged == "unknown", "a 200 that cannot be read was probably paid for"


# -- submissions --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("status", [200, 201, 202])
@pytest.mark.parametrize("word", ["queued", "QUEUED", "Queued", None, "???"])
def test_submit(status, word):
    job = submitted({"task_id": "task_01HZX", "status": word, "more": 1}, status)
    assert (job.job_id, job.status, job.model) == ("task_01HZX", JobStatus.QUEUED, "midjourney-v7")
    assert job.charged == "unknown", "Orux does not document when it charges"


def test_submit_without_a_status():
    assert submitted({"task_id": "t"}).status is JobStatus.QUEUED
    assert submitted({"task_id": "t", "status": "running"}).status is JobStatus.RUNNING


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"task_id": None},
        {"task_id": ""},
        {"task_id": 5.5},
        {"task_id": True},
        {"id": "t"},
        [],
        {"data": [{"url": "https://a/u"}]},
    ],
)
def test_submit_of_another_shape(value):
    with pytest.raises(UnexpectedResponseError) as caught:
        submitted(value)
    assert caught.value.charged == "unknown"


# -- polls --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("shape", [str.upper, str.lower, str.title])
@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("QUEUED", "queued"),
        ("RUNNING", "running"),
        ("SUCCESS", "succeeded"),
        ("FAILED", "failed"),
        ("EXPIRED", "expired"),
    ],
)
def test_poll_status_in_either_case(word, status, shape):
    job = polled({"task_id": "task_1", "status": shape(word), "result_urls": ["https://a/1"]})
    assert job.status.value == status
    assert job.urls == (["https://a/1"] if status == "succeeded" else [])


@pytest.mark.parametrize("word", ["PAUSED", "IN_REVIEW", "", "succeeded?", "SUCCESSFUL"])
def test_poll_unknown_status_has_not_ended(word):
    assert not polled({"status": word}).status.is_terminal


def test_poll_all_fields():
    job = polled(
        {"task_id": "task_1", "status": "SUCCESS", "alias": "midjourney-v7", "upstream_model": "mj", "channel": "c",
         "submit_time": "2026-01-01T00:00:00Z", "finish_time": "2026-01-01T00:01:00.500+01:00", "duration_sec": 60,
         "result_urls": ["https://a/1", "https://a/2", "https://a/3", "https://a/4"], "tomorrow": {}}
    )  # fmt: skip
    assert job.model == "midjourney-v7"
    assert len(job.urls) == 4
    assert job.submitted_at == 1767225600.0
    assert job.finished_at == 1767225600.0 + 60.5 - 3600
    assert job.charged == "yes"


def test_poll_a_grid_as_one_url():
    for urls in (["https://a/grid"], "https://a/grid", [None, "https://a/grid", "", 5]):
        assert polled({"status": "SUCCESS", "result_urls": urls}).urls == ["https://a/grid"]


def test_poll_minimal():
    job = polled({"status": "RUNNING"})
    assert (job.submitted_at, job.finished_at, job.model, job.error_code) == (None, None, None, None)
    nulls = dict.fromkeys(
        ("alias", "submit_time", "finish_time", "result_urls", "error_code", "error_message")
    )
    assert polled({"status": "RUNNING", **nulls}) == job


@pytest.mark.parametrize(
    "moment", ["yesterday", "", [], {}, "2026-13-01", "9999-99-99T00:00:00Z", "0001-01-01T00:00:00+14:00"]
)
def test_poll_odd_moments(moment):
    job = polled({"status": "RUNNING", "submit_time": moment, "finish_time": moment})
    assert job.submitted_at is None or moment.startswith("0001")


def test_poll_without_an_offset_is_utc():
    assert polled({"status": "RUNNING", "submit_time": "1970-01-01T00:00:10"}).submitted_at == 10.0


@pytest.mark.parametrize(
    ("code", "helps"),
    [("upstream_error", True), ("channel_queue_full", True), (None, True), ("never_seen", True),
     ("content_policy_violation", False), ("invalid_param", False), ("insufficient_balance", False),
     ("quota_exceeded", False), ("sk_disabled", False), ("rate_limit_exceeded", True)],
)  # fmt: skip
def test_poll_a_failed_job_is_a_value(code, helps):
    job = polled({"status": "FAILED", "error_code": code, "error_message": "words " + KEY})
    assert job.status is JobStatus.FAILED
    assert job.error_code == code
    assert job.error_message == "words ***"
    assert job.retry_helps is helps
    assert job.charged == "unknown"


def test_poll_an_endless_message_is_cut():
    job = polled({"status": "FAILED", "error_code": "x" * 10_000, "error_message": "y" * 100_000})
    assert len(job.error_code) <= 100
    assert len(job.error_message) <= 500


@pytest.mark.parametrize(
    "value",
    [{}, {"status": None}, {"status": 5}, {"task_id": "task_1"}, [], None,
     {"status": "SUCCESS"}, {"status": "SUCCESS", "result_urls": []}, {"status": "SUCCESS", "result_urls": [None]},
     {"status": "SUCCESS", "result_urls": {"0": "https://a/1"}}],
)  # fmt: skip
def test_poll_of_another_shape(value):
    with pytest.raises(UnexpectedResponseError) as caught:
        polled(value)
    assert not isinstance(caught.value, errors.JobFailedError)


def test_poll_of_an_unknown_job():
    for code in ("task_not_found", "not_found", "anything"):
        with pytest.raises(errors.JobNotFoundError) as caught:
            polled(envelope(code, "invalid_request_error"), 404)
        assert (caught.value.job_id, caught.value.http_status, caught.value.code) == ("task_1", 404, code)


def test_a_404_of_a_proxy_is_not_an_unknown_job():
    with pytest.raises(UnexpectedResponseError) as caught:
        READERS["poll"](answer(b"<html>404</html>", 404))
    assert caught.value.job_id == "task_1"


def test_poll_errors_name_the_job():
    with pytest.raises(errors.AuthenticationError) as caught:
        polled(envelope("sk_expired", "auth_error"), 401)
    assert caught.value.job_id == "task_1"


# -- errors -------------------------------------------------------------------------------------------------
#: Page Errors; the HTTP status of ``invalid_param`` is inferred, the type of ``insufficient_balance`` too.
DOCUMENTED = [
    ("invalid_api_key", 401, "auth_error", errors.AuthenticationError, True),
    ("sk_disabled", 401, "auth_error", errors.AuthenticationError, True),
    ("sk_expired", 401, "auth_error", errors.AuthenticationError, True),
    ("admin_token_required", 401, "auth_error", errors.AuthenticationError, True),
    ("ip_not_allowed", 403, "auth_error", errors.AuthenticationError, True),
    ("insufficient_balance", 402, "invalid_request_error", errors.InsufficientCreditsError, True),
    ("quota_exceeded", 429, "rate_limit_error", errors.InsufficientCreditsError, True),
    ("rate_limit_exceeded", 429, "rate_limit_error", errors.RateLimitedError, False),
    ("concurrency_exceeded", 429, "rate_limit_error", errors.RateLimitedError, False),
    ("channel_queue_full", 429, "rate_limit_error", errors.RateLimitedError, False),
    ("invalid_param", 400, "invalid_request_error", errors.InvalidRequestError, True),
]


@pytest.mark.parametrize("reader", ["generate", "submit"])
@pytest.mark.parametrize(
    ("code", "status", "kind", "cls", "final"), DOCUMENTED, ids=[d[0] for d in DOCUMENTED]
)
def test_documented_errors(code, status, kind, cls, final, reader):
    for type_ in (kind, None):
        body = envelope(code, type_, param="size", channel="mj-1")
        with pytest.raises(cls) as caught:
            READERS[reader](answer(body, status))
        error = caught.value
        assert type(error) is cls
        assert (error.code, error.http_status, error.final, error.charged) == (code, status, final, "no")
        assert (error.gateway, error.param) == ("orux", "size")
        assert error.message == "words (channel mj-1)"


@pytest.mark.parametrize(
    ("kind", "cls", "final"),
    [("auth_error", errors.AuthenticationError, True), ("rate_limit_error", errors.RateLimitedError, False),
     ("invalid_request_error", errors.InvalidRequestError, True), ("api_error", errors.GatewayUnavailableError, False)],
)  # fmt: skip
@pytest.mark.parametrize("code", [None, "a_code_of_tomorrow"])
def test_the_type_decides_where_the_code_is_unknown(kind, cls, final, code):
    with pytest.raises(cls) as caught:
        submitted(envelope(code, kind), 422)
    assert (caught.value.code, caught.value.final, caught.value.charged) == (code, final, "no")


@pytest.mark.parametrize(
    "code", ["content_policy_violation", "content_rejected", "moderation_blocked", "banned_prompt"]
)
def test_moderation(code):
    with pytest.raises(errors.ContentRejectedError):
        submitted(envelope(code, "invalid_request_error"), 400)


@pytest.mark.parametrize(
    ("status", "cls"), [(402, errors.InsufficientCreditsError), (429, errors.RateLimitedError)]
)
def test_the_status_decides_where_code_and_type_are_unknown(status, cls):
    with pytest.raises(cls):
        submitted(envelope("x_y", "z"), status)


def test_a_403_of_another_kind_keeps_the_gateways_words():
    with pytest.raises(errors.AuthenticationError) as caught:
        submitted(envelope("model_not_allowed", "auth_error", "This key may not use sora2"), 403)
    assert "The key is not allowed to do this: This key may not use sora2" in caught.value.message


@pytest.mark.parametrize("status", sorted(NOTHING_ACCEPTED))
@pytest.mark.parametrize(
    "body", [b"<html>no</html>", b"", b'{"detail": "no"}', b'{"error": {}}', b'{"error": "no"}']
)
def test_a_refusal_in_any_shape_proves_that_nothing_was_taken(status, body):
    with pytest.raises(OruxError) as caught:
        READERS["submit"](answer(body, status))
    assert caught.value.charged == "no"
    assert caught.value.http_status == status


@pytest.mark.parametrize(
    "status", [409, 408, 410, 423, 425, 499, 500, 502, 503, 504, 520, 524, 599, 300, 303, 304]
)
@pytest.mark.parametrize(
    "body", [b"<html>Bad Gateway</html>", json.dumps(envelope("upstream_error", "api_error")).encode(),
             json.dumps(envelope("concurrency_exceeded", "rate_limit_error")).encode()]
)  # fmt: skip
@pytest.mark.parametrize("reader", ["generate", "submit"])
def test_what_proves_nothing_says_so(status, body, reader):
    """Also when a proxy's 5xx carries a code that means "full" elsewhere: the status rules."""
    with pytest.raises(OruxError) as caught:
        READERS[reader](answer(body, status))
    assert caught.value.charged == "unknown"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_are_not_followed_but_told(status):
    with pytest.raises(UnexpectedResponseError) as caught:
        READERS["submit"](answer(b"", status, location="https://www.orux.example/x?key=" + KEY))
    assert "redirects to 'https://www.orux.example/x?key=***'" in caught.value.message
    assert "set the connection's host" in caught.value.message
    assert caught.value.charged == ("no" if status in (307, 308) else "unknown"), (
        "301 to 303 may follow the work"
    )


def test_retry_after():
    for header, seconds in (("7", 7.0), ("0", 0.0), ("1.5", 1.5), (" 2 ", 2.0)):
        with pytest.raises(errors.RateLimitedError) as caught:
            submitted(envelope("rate_limit_exceeded"), 429, **{"retry-after": header})
        assert caught.value.retry_after == seconds
    for nonsense in ("soon", "-5", "nan", "inf", "Wed, 21 Oct 2026 07:28:00 GMT", "", "99999999999"):
        with pytest.raises(errors.RateLimitedError) as caught:
            submitted(envelope("rate_limit_exceeded"), 429, **{"retry-after": nonsense})
        assert caught.value.retry_after is None


def test_retry_after_of_a_page_without_an_envelope():
    with pytest.raises(errors.RateLimitedError) as caught:
        READERS["submit"](answer(b"slow down", 429, **{"retry-after": "9"}))
    assert caught.value.retry_after == 9.0


def test_nothing_of_the_gateways_words_is_endless_or_a_key():
    body = envelope(
        "c" * 5000 + KEY, "auth_error", f"key {KEY} " + "m" * 5000, param="p" * 5000 + KEY, channel=KEY
    )
    with pytest.raises(OruxError) as caught:
        submitted(body, 401)
    assert KEY not in str(caught.value)
    assert len(str(caught.value)) < 1500
    assert len(caught.value.param) <= 100


@pytest.mark.parametrize("message", [None, "", 0, [], {}, ["a", "list"], 5])
def test_odd_messages(message):
    with pytest.raises(errors.AuthenticationError) as caught:
        submitted(envelope("sk_expired", "auth_error", message, channel=5, param=["x"]), 401)
    assert caught.value.message
    assert caught.value.param is None


# -- not what was promised ----------------------------------------------------------------------------------
BROKEN = {
    "html": b"<!DOCTYPE html><html><body>Welcome to nginx!</body></html>",
    "empty": b"",
    "text": b"OK",
    "half": b'{"task_id": "task_1", "sta',
    "not utf-8": b"\xff\xfe\xfa\x00{}",
    "deep": b"[" * 200_000,
    "two": b"{}{}",
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("kind", BROKEN)
def test_not_json(reader, kind):
    with pytest.raises(UnexpectedResponseError) as caught:
        READERS[reader](HttpResponse(200, {"content-type": "text/html"}, BROKEN[kind]))
    assert "The answer is not JSON (text/html):" in caught.value.message
    assert len(caught.value.message) < 400
    assert caught.value.charged == "unknown"


@pytest.mark.parametrize("reader", READERS)
def test_quoted_without_secrets(reader):
    for body in (f"<p>Bearer {KEY}</p>", "x" * 190 + KEY, "é" * 395 + KEY, f"\n\n{KEY}"):
        with pytest.raises(UnexpectedResponseError) as caught:
            READERS[reader](HttpResponse(200, {}, body.encode()))
        assert "sk-app" not in str(caught.value)
        assert "Ab3dEf9h" not in str(caught.value)


@pytest.mark.parametrize("reader", READERS)
def test_a_body_that_was_cut_off_is_not_believed(reader):
    whole = json.dumps(
        {
            "task_id": "task_1",
            "status": "SUCCESS",
            "result_urls": ["https://a/u"],
            "data": [{"url": "https://a/u"}],
        }
    ).encode()
    READERS[reader](HttpResponse(200, {}, whole))
    kind = UnexpectedResponseError if reader == "submit" else errors.ArtifactRejectedError
    with pytest.raises(kind, match="longer than the"):
        READERS[reader](HttpResponse(200, {}, whole, truncated=True))


def test_an_answer_does_not_show_its_body():
    assert "data" not in repr(answer({"data": "x"}))


# -- the setting definite_refusals -------------------------------------------------------------------------------
def test_definite_refusals_makes_a_known_5xx_a_refusal():
    gateway = OruxGateway({"definite_refusals": "503:channel_down, 500:no_route"})
    body = envelope("channel_down", "api_error")
    with pytest.raises(errors.RateLimitedError) as caught:
        submitted(body, 503, gateway, **{"retry-after": "4"})
    error = caught.value
    assert (error.charged, error.code, error.http_status, error.retry_after) == (
        "no",
        "channel_down",
        503,
        4.0,
    )
    for other_status, other_body in ((502, body), (503, envelope("other", "api_error"))):
        with pytest.raises(OruxError) as caught:
            submitted(other_body, other_status, gateway)
        assert caught.value.charged == "unknown"


def test_definite_refusals_needs_the_vendors_own_envelope():
    gateway = OruxGateway({"definite_refusals": ["503:channel_down"]})
    with pytest.raises(OruxError) as caught:
        gateway.read_submit(IMAGINE, answer(b"channel_down", 503))
    assert caught.value.charged == "unknown"


def test_definite_refusals_of_a_conflict():
    gateway = OruxGateway({"definite_refusals": "409:busy"})
    with pytest.raises(OruxError) as caught:
        submitted(envelope("busy", "api_error"), 409, gateway)
    assert caught.value.charged == "no"


@pytest.mark.parametrize("value", [None, "", [], ()])
def test_definite_refusals_empty(value):
    assert parse_definite_refusals(value, gateway="orux") == frozenset()


@pytest.mark.parametrize(
    "value", ["503", "503:", ":x", "5xx:a", "503:a b", "503:a,,500:b", ["503:a", 5], "503 a"]
)
def test_definite_refusals_nonsense(value):
    with pytest.raises(errors.ConfigurationError) as caught:
        OruxGateway({"definite_refusals": value})
    assert caught.value.param == "definite_refusals"
    assert "503:channel_unavailable" in caught.value.message


def test_check_lets_success_pass():
    for status in (200, 201, 202, 204, 299):
        GATEWAY.check(answer({}, status), purpose=Purpose.PAY)


def test_read_json():
    assert GATEWAY.read_json(answer({"any": ["shape"]})) == {"any": ["shape"]}
    with pytest.raises(errors.AuthenticationError):
        GATEWAY.read_json(answer(envelope("sk_expired"), 401))
    with pytest.raises(UnexpectedResponseError):
        GATEWAY.read_json(answer(b"<html>"))


def test_half_a_surrogate_pair_is_replaced_and_stops_nobody():
    """Text cut inside an emoji is valid JSON; it could not be stored, sent to a worker or logged."""
    body = b'{"status": "FAILED", "error_message": "a lighthouse \\ud83d", "whole": "\\ud83d\\ude00"}'
    value = HttpResponse(200, {}, body).json(gateway="orux")
    assert value == {"status": "FAILED", "error_message": "a lighthouse \ufffd", "whole": "\U0001f600"}


# -- songs and clips: what is not documented of their results -------------------------------------------------
MP3, TXT, PNG = "https://f/1.mp3", "https://f/1.txt", "https://f/1.png"


def made(**more: Any):
    return polled({"task_id": "task_1", "status": "SUCCESS", **more})


def test_lyrics_and_cover_among_the_urls():
    job = made(result_urls=[MP3, PNG, TXT])
    assert job.urls == [MP3, PNG, TXT]
    assert (job.text, [a.details for a in job.artifacts]) == (None, [{}, {}, {}])


@pytest.mark.parametrize("cover", ["cover_url", "cover", "cover_image_url"])
def test_lyrics_and_cover_in_a_result(cover):
    job = made(result_urls=[MP3], result={"lyrics": "la la", cover: PNG, "image_url": "https://f/input.png"})
    assert (job.urls, job.text) == ([MP3, PNG], "la la")


def test_what_a_result_tells_of_a_file_is_a_detail_of_it():
    clips = [
        {"clip_id": "c1", "audio_url": MP3, "duration": "61.5", "image_url": PNG, "title": "Rain", "seed": 7},
        {"id": 2, "audio_url": "https://f/other.mp3", "duration": 3},
    ]
    job = made(result_urls=[MP3, PNG], result={"clips": clips})
    song, cover = job.artifacts
    assert song.details == {"id": "c1", "title": "Rain", "duration": 61.5, "cover": PNG, "seed": 7}
    assert cover.details == {}
    alone = made(result={"clips": clips})
    assert [a.details.get("id") for a in alone.artifacts if str(a.url).endswith("mp3")] == ["c1", "2"]


@pytest.mark.parametrize("result", [
    {"lyrics": "la"}, {"text": "la"}, {"lyrics": " ", "text": "la"},
])  # fmt: skip
def test_words_alone_are_a_result(result):
    job = made(result=result)
    assert (job.text, job.artifacts) == ("la", ())


@pytest.mark.parametrize("result", [
    {"files": {"main": [{"href": MP3}]}}, [MP3], MP3, {"output": {"audio_url": MP3}}, {"songs": [{"file": MP3}]},
])  # fmt: skip
def test_a_result_of_any_shape_is_not_lost(result):
    assert made(result=result, result_urls=[]).urls == [MP3]


@pytest.mark.parametrize("result", [
    None, {}, [], 5, "words", {"lyrics": 5}, {"clips": [None, 5, [[]]]}, {"clips": [{"audio_url": {"a": 1}}]},
])  # fmt: skip
def test_a_success_without_anything_is_asked_for_again(result):
    with pytest.raises(UnexpectedResponseError):
        made(result=result)
    job = made(result=result, result_urls=[MP3])
    assert (job.urls, [a.details for a in job.artifacts]) == ([MP3], [{}])


def test_a_job_that_has_not_ended_has_no_result_yet():
    job = polled({"task_id": "task_1", "status": "RUNNING", "result_urls": [MP3], "result": {"lyrics": "la"}})
    assert (job.artifacts, job.text) == ((), None)


def test_a_large_result_is_looked_at_in_bounds():
    clips = [{"audio_url": f"https://f/{n}.mp3", "id": str(n)} for n in range(50_000)]
    job = made(result={"clips": clips})
    assert len(job.artifacts) == 1000
