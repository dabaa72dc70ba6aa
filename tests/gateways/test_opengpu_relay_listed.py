"""A request by name: what Relay's catalogue says of the model decides where it goes and what it may hold."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_orux.gateways.registry import gateway_for
from airflow_provider_orux.gateways.wire import HttpResponse, Purpose
from airflow_provider_orux.models.catalogue import RequestSpec, requests_of
from airflow_provider_orux.models.errors import (
    AuthenticationError,
    InvalidRequestError,
    UnexpectedResponseError,
    UnsupportedByGatewayError,
)
from airflow_provider_orux.models.listed import InputFile, ListedRequest
from airflow_provider_orux.models.requests import CustomRequest

NEW = gateway_for("opengpu_relay")
OLD = gateway_for("opengpu_relay", {"generation": 1})
MODEL = "KlingTeam/v3-T2V"
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def answer(body: Any, status: int = 200) -> HttpResponse:
    return HttpResponse(status, {}, json.dumps(body).encode())


def entry(**changes: Any) -> dict[str, Any]:
    """As recorded, shortened."""
    properties = {
        "prompt": {"type": "string"},
        "duration": {"type": "integer", "minimum": 3, "maximum": 15, "default": 5},
        "image": {"anyOf": [{"type": "string"}, {"type": "null"}], "description": "URL or base64."},
        "frame_url": {"type": "string", "description": "Public https URL or data URI.", "pattern": "^(https|data):"},
        "video_url": {"type": "string", "description": "Public https URL.", "pattern": "^https:"},
        "mask": {"type": "string", "description": "Raw base64."},
        "store_output": {"enum": ["provider", "relay1d"]},
        "webhook_url": {"type": "string"},
        "async": {"type": "boolean"},
    }  # fmt: skip
    return {
        "name": MODEL,
        "tag": "text-to-video",
        "store_output_supported": True,
        "endpoint": {
            "method": "POST",
            "path": "/v2/video/kling-3/t2v",
            "operation_id": "video_kling_3_t2v",
            "model_in_body": False,
            "model_default": None,
            "async_default": True,
            "streams": False,
        },
        "request_schema": {
            "type": "object",
            "additionalProperties": False,
            "required": ["prompt"],
            "properties": properties,
        },
        "response_schema": {"type": "object", "properties": {"urls": {}, "model": {}}},
        "restricted_tiers": ["guest"],
        "available": True,
        "status": "available",
        **changes,
    }


def looked_up(body: dict[str, Any], value: Any = None, **more: Any) -> ListedRequest:
    request = NEW.read_look_up(
        CustomRequest(name=MODEL, body=body, **more), answer(entry() if value is None else value)
    )
    assert isinstance(request, ListedRequest)
    return request


# -- the question ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "path"),
    [
        (MODEL, "/v2/models/KlingTeam/v3-T2V"),
        ("a model/..", "/v2/models/a%20model/%2E%2E"),
        ("x?y#z", "/v2/models/x%3Fy%23z"),
        ("workflow/gen-edit", "/v2/workflows/gen-edit"),
    ],
)
def test_the_catalogue_is_asked_for_a_model_by_its_name(name: str, path: str) -> None:
    asked = NEW.look_up(CustomRequest(name=name, body={}))
    assert asked is not None
    assert (asked.method, asked.path, asked.purpose) == ("GET", path, Purpose.READ)


def test_what_is_not_looked_up() -> None:
    typed = next(c for c in requests_of("opengpu_relay") if c.__name__ == "QwenImage")(prompt="x")
    assert NEW.look_up(typed) is None
    assert NEW.look_up(CustomRequest(name="/v2/video/x", body={})) is None
    assert NEW.look_up(looked_up({"prompt": "x"})) is None
    assert OLD.look_up(CustomRequest(name=MODEL, body={})) is None
    assert gateway_for("orux").look_up(CustomRequest(name="sora2", body={})) is None


# -- the answer ------------------------------------------------------------------------------------------------------
def test_the_entry_decides_route_body_and_retention() -> None:
    request = looked_up({"prompt": "x", "duration": "7"})
    sent = NEW.submit(request, idempotency_key="k")
    assert (sent.path, sent.body) == ("/v2/video/kling-3/t2v", {"prompt": "x", "duration": 7, "async": True})
    assert NEW.generate(request).body == {"prompt": "x", "duration": 7, "async": False}
    kept = NEW.with_retention(request)
    assert (NEW.submit(kept).body or {})["store_output"] == "relay1d"
    chosen = NEW.with_retention(looked_up({"prompt": "x", "store_output": "provider"}))
    assert (NEW.submit(chosen).body or {})["store_output"] == "provider"
    whisper = entry(store_output_supported=False)
    whisper["endpoint"] |= {"model_in_body": True, "async_default": False, "path": "/v2/audio/asr/whisper"}
    whisper["request_schema"]["properties"]["model"] = {"enum": [MODEL]}
    whisper["request_schema"]["required"].append("model")
    request = looked_up({"prompt": "x"}, whisper)
    assert NEW.with_retention(request) is request
    assert NEW.generate(request).body == {"model": MODEL, "prompt": "x"}
    week = gateway_for("opengpu_relay", {"store_output": "relay7d"})
    assert "store_output" not in (week.submit(request).body or {})
    assert (week.submit(looked_up({"prompt": "x"})).body or {})["store_output"] == "relay7d"


@pytest.mark.parametrize(
    ("keys", "inline"),
    [(["urls"], False), (["audio_base64", "content_type"], True), (["images", "urls"], True), ([], False)],
)
def test_whether_the_answer_will_hold_bytes(keys: list[str], inline: bool) -> None:
    value = entry(response_schema={"properties": {key: {} for key in keys}} if keys else None)
    assert looked_up({"prompt": "x"}, value).makes_inline is inline


def test_a_wrong_field_is_an_error_before_anything_is_sent() -> None:
    with pytest.raises(InvalidRequestError, match="did you mean `duration`") as e:
        looked_up({"prompt": "x", "duraton": 5})
    assert (e.value.charged, e.value.param) == ("no", "duraton")
    sent = NEW.submit(looked_up({}, extra_body={"prompt": "x", "new": 1}))
    assert sent.body == {"prompt": "x", "new": 1, "async": True}


@pytest.mark.parametrize(
    ("changes", "code", "said"),
    [
        ({"status": "retired", "available": False, "endpoint": None}, "MODEL_RETIRED", "is retired"),
        ({"available": False, "restricted_tiers": ["guest", "free"]}, "MODEL_NOT_AVAILABLE", "guest; free"),
    ],
)
def test_a_model_that_is_not_served(changes: dict[str, Any], code: str, said: str) -> None:
    with pytest.raises(UnsupportedByGatewayError, match=said) as e:
        looked_up({"prompt": "x"}, entry(**changes))
    assert (e.value.code, e.value.charged) == (code, "no")


def test_a_model_without_jobs_is_refused() -> None:
    with pytest.raises(UnsupportedByGatewayError, match="vectors") as e:
        looked_up({"input": "x"}, entry(tag="text-to-embedding"))
    assert e.value.charged == "no"


def test_a_model_that_the_catalogue_does_not_have() -> None:
    body = {"detail": "Model not found", "error": {"code": "MODEL_NOT_FOUND", "message": "Model not found"}}
    with pytest.raises(UnsupportedByGatewayError, match=f"Did you mean `{MODEL}`") as e:
        NEW.read_look_up(CustomRequest(name="KlingTeam/v3-T2I", body={}), answer(body, 404))
    assert (e.value.code, e.value.charged) == ("MODEL_NOT_FOUND", "no")
    body["error"] = {"code": "INVALID_API_KEY", "message": "no"}
    with pytest.raises(AuthenticationError):
        NEW.read_look_up(CustomRequest(name=MODEL, body={}), answer(body, 401))


@pytest.mark.parametrize(
    "endpoint",
    [None, {}, {"path": 7}, {"path": "https://evil.example/v2/x"}, {"path": "/v2/../admin"}, {"path": "//e/v2/x"},
     {"path": "/admin"}, {"path": "/v2/x", "method": "DELETE"}],
)  # fmt: skip
def test_an_entry_without_a_route_of_the_host_is_not_followed(endpoint: Any) -> None:
    with pytest.raises(UnexpectedResponseError, match="names no route") as e:
        looked_up({"prompt": "x"}, entry(endpoint=endpoint))
    assert e.value.charged == "no"


@pytest.mark.parametrize("schema", [None, {}, {"properties": {"prompt": {"$ref": "https://evil.example/"}}}])
def test_without_a_usable_schema_the_fields_go_unchecked_and_that_is_logged(
    schema: Any, caplog: pytest.LogCaptureFixture
) -> None:
    request = looked_up({"prompt": "x", "anything": 1}, entry(request_schema=schema))
    assert (NEW.submit(request).body or {})["anything"] == 1
    assert "unchecked" in caplog.text


# -- files -----------------------------------------------------------------------------------------------------------
def test_which_fields_take_files_and_how() -> None:
    files = looked_up({"prompt": "x"}).entry.files()
    assert {name: (t.url, t.base64, t.data_url) for name, t in files.items()} == {
        "image": (True, True, False),
        "frame_url": (True, False, True),
        "video_url": (True, False, False),
        "mask": (False, True, False),
    }


def test_a_file_passes_the_check_and_is_never_sent_as_a_path() -> None:
    for name in ("image", "frame_url", "video_url", "mask"):
        with pytest.raises(InvalidRequestError, match=f"`{name}` .* was not read") as e:
            NEW.submit(looked_up({"prompt": "x", name: "s3://bucket/a.mp4"}))
        assert e.value.charged == "no"


def test_bytes_go_in_the_form_that_the_field_takes() -> None:
    data_url = f"data:image/png;base64,{PNG}"
    sent = NEW.submit(looked_up({"prompt": "x", "image": data_url, "frame_url": data_url, "mask": data_url}))
    body = sent.body or {}
    assert (body["image"], body["frame_url"], body["mask"]) == (PNG, data_url, PNG)


def test_an_upload_is_free_keyed_and_its_url_takes_the_place_of_the_mark() -> None:
    file = InputFile(b"clip", "video/mp4", "input.mp4", "ab" * 32)
    assert "clip" not in repr(file)
    asked = NEW.upload(file, key="gen-1-abab")  # type: ignore[attr-defined]
    assert (asked.path, asked.content, asked.purpose) == ("/v2/files", b"clip", Purpose.READ)
    assert asked.query == {"retention": "relay1h", "filename": "input.mp4"}
    assert asked.headers == {"Content-Type": "video/mp4", "Idempotency-Key": "gen-1-abab"}
    url = NEW.read_upload(answer({"file_id": "file_1", "url": "https://cdn.relaygpu.com/content/AbC"}, 201))  # type: ignore[attr-defined]
    request = looked_up({"prompt": "x"}).with_body(uploads=(file,), video_url=file.mark)
    ready = request.with_urls({file.mark: url})
    assert (ready.body["video_url"], ready.uploads) == (url, ())
    with pytest.raises(UnexpectedResponseError):
        NEW.read_upload(answer({"file_id": "file_1", "url": None}, 201))  # type: ignore[attr-defined]


# -- when a DAG is parsed --------------------------------------------------------------------------------------------
def test_a_name_that_is_known_needs_no_class() -> None:
    spec = RequestSpec(model=MODEL, fields={"prompt": "x", "duration": "{{ params.d }}"})
    spec.check()
    spec.check_part()
    built = RequestSpec(model=MODEL, fields={"prompt": "x"}, extra_body={"new": 1}).build(among=NEW.requests)
    assert isinstance(built, CustomRequest)
    assert (built.name, built.body, built.extra_body) == (MODEL, {"prompt": "x"}, {"new": 1})


def test_a_name_that_is_nearly_known() -> None:
    with pytest.raises(InvalidRequestError, match=f"did you mean `{MODEL}`"):
        RequestSpec(model="KlingTeam/v3-T2W", fields={"prompt": "x"}).check()


@pytest.mark.parametrize("model", [["a"], {"a": 1}, 7, None])
def test_a_model_that_is_no_text(model: Any) -> None:
    with pytest.raises((InvalidRequestError, UnsupportedByGatewayError)):
        RequestSpec(model=model, fields={"promt": "x"}).build(among=NEW.requests)


def test_another_gateway_says_who_has_it() -> None:
    with pytest.raises(UnsupportedByGatewayError, match="offered by: OpenGPU Relay"):
        RequestSpec(model=MODEL, fields={"prompt": "x"}).build(among=requests_of("orux"))
    with pytest.raises(UnsupportedByGatewayError, match="generation 2 only"):
        OLD.route(CustomRequest(name=MODEL, body={"prompt": "x"}))


# -- runs of workflows -----------------------------------------------------------------------------------------------
RUN = "wf:7c9e6679-7425-40de-944b-e07fc1f90ae7"
#: As recorded, with made-up values.
RECORDED: dict[str, Any] = {
    "run_id": RUN,
    "workflow_id": "gen-edit",
    "version": 2,
    "status": "completed",
    "steps": [
        {"step_index": 0, "step_id": "make", "model": "m", "status": "completed", "task_id": "direct:03ef",
         "output": {}, "error": None, "cost_usd": 0.0004},
        {"step_index": 1, "step_id": "edit", "model": "m", "status": "completed", "task_id": "direct:03f0",
         "output": {}, "error": None, "cost_usd": 0.0033},
    ],
    "inputs": {},
    "store_output": "provider",
    "output": {"urls": ["https://cdn.relaygpu.com/content/AbC"]},
    "error": None,
    "failed_step_index": None,
    "total_cost_usd": 0.0037,
    "created_at": "2026-11-01T08:59:35.657000",
    "completed_at": "2026-11-01T08:59:44.669000",
}  # fmt: skip


def test_a_run_is_accepted_and_polled_by_its_id() -> None:
    body = {"run_id": RUN, "status": "queued", "poll_url": f"/v2/workflows/runs/{RUN}"}
    request = CustomRequest(name="workflow/gen-edit", body={"prompt": "x"})
    assert NEW.read_submit(request, answer(body, 202)).job_id == RUN
    sent = NEW.poll(RUN, wait=30)
    assert (sent.path, dict(sent.query), sent.with_key) == (f"/v2/workflows/runs/{RUN}", {}, False)
    assert NEW.poll("direct:1", wait=30).query == {"wait": "30"}


def test_a_finished_run() -> None:
    job = NEW.read_poll(RUN, answer(RECORDED))
    assert (job.urls, job.model) == (["https://cdn.relaygpu.com/content/AbC"], "workflow/gen-edit")
    assert (job.price, job.currency, job.charged) == (0.0037, "USD", "yes")
    assert job.submitted_at == 1793523575.657


@pytest.mark.parametrize(
    "costs", [(0.0004, 0), (None, 0.1), (True, 0.1), (-1, 0.1), ("1", 0.1), (float("nan"), 1)]
)
def test_a_cost_that_is_not_settled_is_unknown(costs: tuple[Any, Any]) -> None:
    steps = [{**step, "cost_usd": cost} for step, cost in zip(RECORDED["steps"], costs, strict=True)]
    assert NEW.read_poll(RUN, answer({**RECORDED, "steps": steps})).price is None


@pytest.mark.parametrize("steps", [None, 7, [], [7], [[]], {}])
def test_steps_of_any_shape(steps: Any) -> None:
    assert NEW.read_poll(RUN, answer({**RECORDED, "steps": steps})).price is None


def test_the_run_of_another() -> None:
    with pytest.raises(UnexpectedResponseError, match="about another job"):
        NEW.read_poll("wf:other", answer(RECORDED))
