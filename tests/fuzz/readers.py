"""Every reader of an answer, with valid answers for it. The bodies are those of the reference pages; values are made up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from airflow_provider_orux.gateways.base import Gateway
from airflow_provider_orux.gateways.registry import gateway_for
from airflow_provider_orux.gateways.wire import HttpResponse
from airflow_provider_orux.models import opengpu_relay, orux, yescale
from airflow_provider_orux.models.requests import CustomRequest, GenerationRequest

Kind = Literal["submit", "generate", "poll", "batch", "error", "prices", "look_up"]

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
DATA_URL = f"data:image/png;base64,{PNG}"
URL = "https://cdn.example.org/a_(1).png?sig=A-b_c&x=1"
TASK = "0f8e2d1c-77aa-4b0e-9a51-2f4b6c8d0e1f"

ORUX, YESCALE, RELAY, RELAY_1 = (
    gateway_for("orux"),
    gateway_for("yescale", {"batch_fetch": "on"}),
    gateway_for("opengpu_relay"),
    gateway_for("opengpu_relay", {"generation": 1}),
)


@dataclass(frozen=True)
class Reader:
    """One way to read an answer.

    :param bodies: valid answers: status and JSON value.
    :param raw_id: the id, as the gateway knows it, of the job that is polled.
    :param names: where the answer to a poll names its job, as paths.
    """

    name: str
    kind: Kind
    gateway: Gateway
    read: Callable[[HttpResponse], Any]
    bodies: Sequence[tuple[int, Any]]
    raw_id: str | None = None
    names: Sequence[tuple[str, ...]] = ()

    @property
    def pays(self) -> bool:
        """Whether the answer is one to a paid request."""
        return self.kind in ("submit", "generate", "error")


def submits(name: str, gateway: Gateway, request: GenerationRequest, *bodies: tuple[int, Any]) -> Reader:
    """A submission."""
    return Reader(name, "submit", gateway, lambda r: gateway.read_submit(request, r), bodies)


def generates(name: str, gateway: Gateway, request: GenerationRequest, *bodies: Any) -> Reader:
    """A synchronous generation."""
    return Reader(
        name,
        "generate",
        gateway,
        lambda r: gateway.read_generate(request, r, submission_id="gen-1"),
        [(200, body) for body in bodies],
    )


def polls(name: str, gateway: Gateway, job_id: str, names: Sequence[tuple[str, ...]], *bodies: Any) -> Reader:
    """A poll of one job."""
    raw_id = job_id.rpartition(":")[2] if gateway is YESCALE else job_id
    answers = [(200, body) for body in bodies]
    return Reader(name, "poll", gateway, lambda r: gateway.read_poll(job_id, r), answers, raw_id, names)


def refuses(name: str, gateway: Gateway, request: GenerationRequest, *bodies: tuple[int, Any]) -> Reader:
    """A refused submission."""
    return Reader(name, "error", gateway, lambda r: gateway.read_submit(request, r), bodies)


# -- Orux AI: pages Images, Tasks, Errors ------------------------------------------------------------------------
IMAGE = orux.GptImage2(prompt="a heron")
IMAGINE = orux.MidjourneyV7(prompt="a heron")
CLIP = orux.RunwayGen4(prompt="a heron", image_url="https://cdn.example.org/a.png", duration=5)
STEP = orux.SunoCover(parent_job_id="task_01HZX", prompt="bossa nova")
ORUX_TASK: dict[str, Any] = {
    "task_id": "task_01HZX", "status": "SUCCESS", "alias": "midjourney-v7", "upstream_model": "mj", "channel": "c1",
    "submit_time": "2026-07-01T10:00:00Z", "finish_time": "2026-07-01T10:01:00Z", "duration_sec": 60,
    "result_urls": [URL, "https://cdn.example.org/2.png"],
}  # fmt: skip
ORUX_READERS = (
    submits(
        "orux.tasks.submit", ORUX, IMAGINE,
        (200, {"task_id": "task_01HZX", "status": "queued"}), (202, {"task_id": "task_01HZY", "status": "QUEUED"}),
    ),
    generates(
        "orux.images.generate", ORUX, IMAGE,
        {"created": 1765000000, "data": [{"url": URL}, {"url": "https://cdn.example.org/2.png"}]},
        {"created": 1765000000, "data": [{"b64_json": PNG, "revised_prompt": "a grey heron"}]},
    ),
    polls(
        "orux.tasks.poll", ORUX, "task_01HZX", [("task_id",)], ORUX_TASK,
        {"task_id": "task_01HZX", "status": "RUNNING", "alias": "midjourney-v7"},
        {**ORUX_TASK, "status": "FAILED", "result_urls": None, "error_code": "upstream_error", "error_message": "no"},
    ),
    submits("orux.tasks.submit.video", ORUX, CLIP, (200, {"task_id": "task_01HZX", "status": "queued"})),
    submits("orux.tasks.submit.step", ORUX, STEP, (201, {"task_id": "task_01HZX", "status": "QUEUED"})),
    polls(
        "orux.tasks.poll.video", ORUX, "task_01HZX", [("task_id",)],
        {**ORUX_TASK, "alias": "sora2", "result_urls": ["https://cdn.example.org/a.mp4"]},
    ),
    polls(
        "orux.tasks.poll.song", ORUX, "task_01HZX", [("task_id",)],
        {**ORUX_TASK, "alias": "suno-v5", "result_urls": ["https://cdn.example.org/a.mp3", URL,
                                                          "https://cdn.example.org/a.txt"]},
        {**ORUX_TASK, "alias": "suno-v5", "result_urls": ["https://cdn.example.org/a.mp3"],
         "result": {"lyrics": "la la", "cover_url": URL, "seed": 7,
                    "clips": [{"clip_id": "c1", "audio_url": "https://cdn.example.org/a.mp3", "duration": 61.5}]}},
        {**ORUX_TASK, "alias": "suno-lyrics", "result_urls": None, "result": {"lyrics": "la la"}},
        {**ORUX_TASK, "alias": "suno-v5", "result_urls": [],
         "result": {"songs": [{"file": "https://cdn.example.org/a.mp3"}]}},
    ),
    refuses(
        "orux.error", ORUX, IMAGINE,
        (400, {"error": {"type": "invalid_request_error", "code": "invalid_param", "message": "stylize is above 1000",
                         "channel": None, "param": "stylize"}}),
        (429, {"error": {"type": "rate_limit_error", "code": "concurrency_exceeded", "message": "3 in flight"}}),
        (402, {"error": {"type": "api_error", "code": "insufficient_balance", "message": "top up"}}),
        (500, {"error": {"type": "api_error", "code": "upstream_error", "message": "down", "channel": "c2"}}),
    ),
)  # fmt: skip

# -- YEScale: four shapes of jobs, three of synchronous answers ---------------------------------------------------
MJ_TASK: dict[str, Any] = {
    "id": "14001929738841620", "action": "IMAGINE", "status": "SUCCESS", "prompt": "a heron", "promptEn": "a heron",
    "description": "ok", "state": "", "submitTime": 1790000000000, "startTime": 1790000001000,
    "finishTime": 1790000060000, "imageUrl": URL, "progress": "100%", "failReason": None,
    "properties": {"finalPrompt": "a heron --v 7"},
    "buttons": [{"customId": "MJ::JOB::upsample::1::u", "emoji": "", "label": "U1", "type": 2, "style": 2}],
}  # fmt: skip
MEDIA_ID = "yescale-flux-kontext[max]-44bd60a4b5c6"
MEDIA_TASK: dict[str, Any] = {
    "task_id": MEDIA_ID, "status": "SUCCESS", "progress": "100%", "submit_time": 1790000000, "finish_time": 1790000040,
    "message": "", "task_result": {"url": URL, "url_expires_at": "2026-08-01 05:38:24"},
}  # fmt: skip
KLING_TASK: dict[str, Any] = {
    "code": 0, "message": "SUCCEED", "request_id": "r2",
    "data": {"task_id": "k1-0123456789", "task_status": "succeed", "task_status_msg": "", "created_at": 1790000000000,
             "updated_at": 1790000060000, "task_result": {"images": [{"index": 0, "url": URL}]}},
}  # fmt: skip
SUNO_TASK: dict[str, Any] = {
    "code": "success", "message": "",
    "data": {"task_id": TASK, "action": "MUSIC", "status": "SUCCESS", "fail_reason": "", "submit_time": 1790000000,
             "start_time": 1790000001, "finish_time": 1790000090, "progress": "100%",
             "data": [{"id": "c-9", "title": "Night bus", "audio_url": "https://cdn.example.org/c9.mp3",
                       "video_url": "", "image_url": "https://cdn.example.org/c9.jpg", "status": "complete",
                       "metadata": {"tags": "synthwave", "prompt": "…", "duration": 121.4}}]},
}  # fmt: skip


def video_task(**facts: Any) -> dict[str, Any]:
    """A task of Kling's clips in Kling's own envelope."""
    task = {
        "task_id": "k1-0123456789",
        "task_status": "succeed",
        "task_status_msg": "",
        "created_at": 1790000000000,
        "updated_at": 1790000060000,
        "task_result": {"videos": [{"id": "v1", "url": URL, "duration": "5.1"}]},
    }
    return {"code": 0, "message": "SUCCEED", "request_id": "r2", "data": {**task, **facts}}  # fmt: skip


LUMA_TASK: dict[str, Any] = {
    "id": TASK, "state": "completed", "assets": {"video": URL}, "video_raw": {"url": URL, "width": 1360, "height": 752},
    "created_at": "2026-01-01T00:00:00Z", "thumbnail": {"url": "https://cdn.example.org/t.jpg"},
}  # fmt: skip
PIKA_TASK: dict[str, Any] = {
    "id": TASK, "message": "", "promptText": "apple melts",
    "videos": [{"id": TASK, "status": "finished", "progress": 100, "resultUrl": URL, "duration": 5, "seed": 7,
                "error": "", "videoPoster": "https://cdn.example.org/t.jpg"}],
}  # fmt: skip
RUNWAY_TASK: dict[str, Any] = {
    "id": TASK, "status": "SUCCEEDED", "createdAt": "2026-01-01T00:00:00Z", "output": [URL], "progress": 1,
}  # fmt: skip
KLING_CLIP = yescale.KlingTextToVideo(prompt="a heron", model_name="kling-v1-6", mode="std")
LUMA = yescale.LumaVideo(prompt="a heron")
PIKA = yescale.PikaVideo(prompt="a heron")
RUNWAY = yescale.RunwayVideo(version="gen4_turbo", image=DATA_URL)
UPSCALE = yescale.MidjourneyUpscale(parent_job_id="mj:14001929738841620", index=2)
MJ = yescale.MidjourneyImagine(prompt="a heron")
MEDIA = yescale.FluxKontextMax(prompt="a heron")
KLING = yescale.KlingImage(prompt="a heron")
SUNO = yescale.SunoMusic(gpt_description_prompt="rain")
CHAT = yescale.GeminiFlashImage(prompt="a heron")
YESCALE_READERS = (
    submits(
        "yescale.mj.submit", YESCALE, UPSCALE,
        (200, {"code": 1, "description": "ok", "result": "14001929738841621", "properties": {}}),
        (200, {"code": 22, "description": "queued", "result": 14001929738841622, "properties": {"numberOfQueues": 1}}),
        (200, {"code": 24, "description": "banned", "result": None, "properties": {"bannedWord": "x"}}),
        (200, {"code": 23, "description": "full", "properties": {}}),
        (200, {"code": 3, "description": "not found", "properties": {}}),
    ),
    submits(
        "yescale.media.submit", YESCALE, MEDIA,
        (200, {"created_at": 1761576676, "progress": "0%", "results": {}, "status": "SUBMITTED", "task_id": MEDIA_ID,
               "updated_at": 1761576676}),
        (200, {"code": "VALIDATION_ERROR", "message": "size is required", "data": None}),
    ),
    submits(
        "yescale.kling.submit", YESCALE, KLING,
        (200, {"code": 0, "message": "SUCCEED", "request_id": "r1",
               "data": {"task_id": "k1-0123456789", "task_status": "submitted", "created_at": 1790000000000}}),
        (200, {"code": 1201, "message": "invalid image", "request_id": "r1", "data": None}),
    ),
    submits(
        "yescale.suno.submit", YESCALE, SUNO,
        (200, {"code": "success", "message": "", "data": TASK}),
        (200, {"code": "quota_not_enough", "message": "no", "data": None}),
    ),
    submits(
        "yescale.kling-video.submit", YESCALE, KLING_CLIP,
        (200, {"code": 0, "message": "SUCCEED", "request_id": "r1",
               "data": {"task_id": "k1-0123456789", "task_status": "submitted", "created_at": 1790000000000}}),
        (200, {"id": "k1-0123456789", "task_id": "k1-0123456789", "object": "video", "status": "queued"}),
        (200, {"code": 1301, "message": "content", "request_id": "r1", "data": None}),
    ),
    submits("yescale.luma.submit", YESCALE, LUMA, (200, {**LUMA_TASK, "state": "pending", "assets": None})),
    submits("yescale.pika.submit", YESCALE, PIKA, (200, {"id": TASK}), (200, {"error": {"message": "no"}})),
    submits("yescale.runway.submit", YESCALE, RUNWAY, (200, {"id": TASK})),
    generates(
        "yescale.edits.generate", YESCALE, yescale.GptImage1Edit(prompt="a heron", images=[DATA_URL]),
        {"created": 1724554354, "data": [{"b64_json": PNG}], "usage": {"total_tokens": 3}},
    ),
    generates(
        "yescale.images.generate", YESCALE, yescale.FluxPro(prompt="a heron"),
        {"created": 1724554354, "data": [{"b64_json": None, "revised_prompt": None, "url": URL}]},
        {"created": 1724554354, "data": [{"b64_json": PNG}], "usage": {"total_tokens": 3}},
    ),
    generates(
        "yescale.ideogram.generate", YESCALE, yescale.IdeogramGenerate(prompt="a heron"),
        {"created": "2026-07-01T10:00:00Z", "data": [{"url": URL, "is_image_safe": True, "seed": 1},
                                                     {"url": None, "is_image_safe": False}]},
    ),
    generates(
        "yescale.chat.generate", YESCALE, CHAT,
        {"id": "c", "created": 1724554354, "choices": [{"index": 0, "message": {
            "role": "assistant", "content": f"Here: ![a heron]({URL} 'x') and ![2][r]\n\n[r]: <{URL}2>"}}]},
        {"choices": [{"message": {"content": [{"type": "image_url", "image_url": {"url": DATA_URL}}], "images": []}}]},
        {"choices": [{"message": {"content": URL}}, {"message": {"content": f'<img src="{URL}">'}}]},
    ),
    polls(
        "yescale.mj.poll", YESCALE, "mj:14001929738841620", [("id",)], MJ_TASK,
        {**MJ_TASK, "status": "FAILURE", "failReason": "Banned prompt", "imageUrl": ""},
        {**MJ_TASK, "action": "DESCRIBE", "properties": {"finalPrompt": "1️⃣ a heron --ar 5:4\n\n2️⃣ two"}},
        {**MJ_TASK, "action": "UPSCALE", "buttons": [{"customId": "MJ::Outpaint::50::1::u::SOLO", "label": "Zoom"},
                                                     {"customId": "MJ::CustomZoom::u"}, {"customId": 5}, None]},
    ),
    polls(
        "yescale.media.poll", YESCALE, f"media:{MEDIA_ID}", [("task_id",)], MEDIA_TASK,
        {**MEDIA_TASK, "task_result": {"data": {"videos": [{"url": URL}]}}},
        {"task_id": MEDIA_ID, "status": "FAILURE", "progress": "100%", "err_reason": "content policy"},
        {"task_id": MEDIA_ID, "status": "PROCESSING", "error": {"code": "x", "type": "y", "message": "z"}},
    ),
    polls("yescale.kling.poll", YESCALE, "kling-image:k1-0123456789", [("data", "task_id")], KLING_TASK),
    polls(
        "yescale.kling-video.poll", YESCALE, "kling-text2video:k1-0123456789", [("data", "task_id"), ("data", "id")], video_task(),
        video_task(task_status="failed", task_status_msg="content", task_result=None),
    ),
    polls(
        "yescale.kling-openai.poll", YESCALE, "kling-image2video:k1-0123456789", [("task_id",), ("id",)],
        {"id": "k1-0123456789", "task_id": "k1-0123456789", "object": "video", "status": "completed",
         "progress": 100, "created_at": 1790000000, "metadata": {"url": URL}},
        {"task_id": "k1-0123456789", "status": "completed", "url": URL, "format": "mp4", "metadata": {}, "error": None},
        {"task_id": "k1-0123456789", "status": "failed", "url": "", "error": {"code": "x", "message": "no"}},
    ),
    polls(
        "yescale.kling-task.poll", YESCALE, "kling-image2video:k1-0123456789", [("data", "task_id"), ("data", "id")],
        {"code": "success", "data": {"task_id": "k1-0123456789", "action": "g", "status": "SUCCESS", "progress": "100%",
                                     "fail_reason": "", "data": video_task()}},
    ),
    polls(
        "yescale.luma.poll", YESCALE, f"luma:{TASK}", [("id",), ("task_id",)], LUMA_TASK,
        {"id": TASK, "state": "completed", "video": {"url": URL, "download_url": URL}},
        {"id": TASK, "state": "failed", "failure_reason": "content"}, {"id": TASK, "artifact": {"video_raw": {"url": URL}}},
    ),
    polls(
        "yescale.pika.poll", YESCALE, f"pika:{TASK}", [("id",), ("task_id",)], PIKA_TASK,
        {"id": TASK, "videos": [{"status": "error", "error": "content"}]}, {"id": TASK, "videos": [{"status": "queued"}]},
    ),
    polls(
        "yescale.runway.poll", YESCALE, f"runway:{TASK}", [("id",), ("task_id",)], RUNWAY_TASK,
        {"id": TASK, "status": "FAILED", "failure": "content", "failureCode": "SAFETY.INPUT.TEXT"},
        {"id": TASK, "status": "THROTTLED"},
    ),
    polls("yescale.suno.poll", YESCALE, f"suno:{TASK}", [("data", "task_id")], SUNO_TASK),
    Reader(
        "yescale.mj.batch", "batch", YESCALE,
        lambda r: YESCALE.read_batch(["mj:14001929738841620", "mj:2", "mj:3"], r),
        [(200, [MJ_TASK, {**MJ_TASK, "id": "2", "status": "IN_PROGRESS"}, {**MJ_TASK, "id": 3}])],
    ),
    refuses(
        "yescale.error", YESCALE, MJ,
        (401, {"error": {"message": "bad key", "type": "new_api_error", "param": "", "code": "invalid_api_key"}}),
        (400, {"description": "quota_not_enough: top up", "type": "upstream_error", "code": 4}),
        (400, {"description": "do_request_failed", "type": "upstream_error", "code": 4}),
        (403, {"code": "access_denied", "message": "group", "data": None}),
        (429, {"error": {"message": "saturated", "code": "rate_limit_exceeded"}}),
        (503, {"error": {"message": "down", "type": "x", "code": None}}),
    ),
)  # fmt: skip

# -- OpenGPU Relay, both generations ------------------------------------------------------------------------------
RELAY_ID = f"direct:{TASK}"
RELAY_TASK: dict[str, Any] = {
    "task_id": RELAY_ID, "status": "completed", "elapsed_seconds": 12, "task_address": None, "mode": "direct",
    "model": "Qwen/qwen-image", "created_at": "2026-11-01T07:54:15.344847+00:00",
    "result": {"urls": [URL], "model": "Qwen/qwen-image", "size": "512x512"}, "error": None,
}  # fmt: skip
GEN_1 = opengpu_relay.Gen1QwenImage(prompt="a heron")
QWEN = opengpu_relay.QwenImage(prompt="a heron")
ENVELOPE = {"type": "authorization", "source": "relay", "message": "no", "request_id": "req_1"}
RUN_ID = "wf:7c9e6679-7425-40de-944b-e07fc1f90ae7"
BY_NAME = CustomRequest(name="KlingTeam/v3-T2V", body={"prompt": "waves"})
RELAY_READERS = (
    submits(
        "relay.2.submit", RELAY, QWEN,
        (202, {"task_id": RELAY_ID, "status": "queued", "poll_url": f"/v2/tasks/{RELAY_ID}"}),
        (202, {"task_id": RELAY_ID, "status": "queued", "poll_url": "/v2/status/of/x?view=full", "message": "later"}),
    ),
    submits(
        "relay.1.submit", RELAY_1, GEN_1,
        (202, {"task_id": "0x12", "task_address": "0x1234", "status": "queued"}),
    ),
    generates(
        "relay.generate", RELAY, QWEN,
        {"urls": [URL], "model": "Qwen/qwen-image", "size": "512x512", "task_id": RELAY_ID, "mode": "direct"},
        {"images": [PNG], "urls": [URL], "model": "m"}, {"videos": [URL], "duration": 5},
        {"audio_base64": PNG, "content_type": "audio/mpeg"}, {"text": "a heron", "language": "en"},
        {"choices": [{"message": {"role": "assistant", "content": "a heron"}}]},
        {"type": "message", "content": [{"type": "text", "text": "a heron"}]},
        {"text": "a heron", "additional_formats": [{"requested_format": "srt", "content": "1", "is_base64_encoded": False}]},
    ),
    polls(
        "relay.2.poll", RELAY, RELAY_ID, [("task_id",), ("task_address",)], RELAY_TASK,
        {**RELAY_TASK, "result": {"images": [PNG]}},
        {**RELAY_TASK, "status": "failed", "result": None, "error": "declined", "error_code": "CONTENT_POLICY_DECLINED",
         "error_detail": {"upstream_code": "X", "filtered": "output", "text": "I cannot"}},
    ),
    polls("relay.1.poll", RELAY_1, "0x1234", [("task_id",), ("task_address",)],
          {"task_id": "0x1234", "task_address": "0x1234", "status": "completed", "result": {"urls": [URL]}}),
    refuses(
        "relay.error", RELAY, QWEN,
        (422, {"detail": [{"type": "missing", "loc": ["body", "prompt"], "msg": "Field required"}],
               "error": {**ENVELOPE, "code": "VALIDATION_ERROR"}}),
        (403, {"detail": "no", "error": {**ENVELOPE, "code": "TIER_FEATURE_UNAVAILABLE"}}),
        (409, {"detail": "wait", "error": {**ENVELOPE, "code": "IDEMPOTENCY_IN_PROGRESS"}}),
        (422, {"detail": "other body", "error": {**ENVELOPE, "code": "IDEMPOTENCY_KEY_REUSED"}}),
        (503, {"detail": "full", "error": {**ENVELOPE, "code": "CAPACITY_EXHAUSTED"}}),
    ),
    Reader(
        "relay.prices", "prices", RELAY, RELAY.read_pricing,  # type: ignore[attr-defined]
        [(200, {"pricing": [
            {"mode": "direct", "model": "image.Qwen/qwen-image", "billing_type": "per_image", "per_image": 0.036},
            {"mode": "direct", "model": "image.google/gemini-3-pro-image", "billing_type": "per_image",
             "per_image_resolution": {"1K": 0.14, "4K": "0.24"}}], "total_count": 2})],
    ),
    polls(
        "relay.run.poll", RELAY, RUN_ID, [("run_id",), ("task_id",), ("task_address",)],
        {"run_id": RUN_ID, "workflow_id": "gen-edit", "status": "completed", "total_cost_usd": 0.0037,
         "steps": [{"step_index": 0, "model": "m", "status": "completed", "output": {}, "cost_usd": 0.0037}],
         "output": {"urls": [URL]}, "created_at": "2026-11-01T08:59:35.657000"},
        {"run_id": RUN_ID, "status": "failed", "error": "no", "steps": [], "output": None, "failed_step_index": 0},
    ),
    Reader(
        "relay.listed", "look_up", RELAY, lambda r: RELAY.read_look_up(BY_NAME, r),
        [(200, {"name": "KlingTeam/v3-T2V", "store_output_supported": True, "status": "available", "available": True,
                "endpoint": {"method": "POST", "path": "/v2/video/kling-3/t2v", "model_in_body": False,
                             "async_default": True},
                "request_schema": {"type": "object", "additionalProperties": False, "required": ["prompt"],
                                   "properties": {"prompt": {"type": "string", "maxLength": 2500},
                                                  "image_url": {"anyOf": [{"type": "string"}, {"type": "null"}],
                                                                "description": "URL or base64."}}},
                "response_schema": {"properties": {"urls": {}}},
                "pricing": [{"model": "video.KlingTeam/v3-T2V", "per_second_video": {"std|silent": 0.084}}]})],
    ),
    Reader(
        "relay.upload", "look_up", RELAY, RELAY.read_upload,  # type: ignore[attr-defined]
        [(201, {"file_id": "file_0123456789abcdef01234567", "url": "https://cdn.relaygpu.com/content/AbC",
                "seconds_left": 3598, "status": "ready"})],
    ),
    Reader(
        "relay.catalogue", "prices", RELAY, RELAY.read_json,
        [(200, {"auto": {"image": [{"name": "Qwen/qwen-image", "tag": "text-to-image", "store_output_supported": True}]}})],
    ),
)  # fmt: skip

READERS: tuple[Reader, ...] = (*ORUX_READERS, *YESCALE_READERS, *RELAY_READERS)
