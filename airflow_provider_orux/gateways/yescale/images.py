"""The synchronous endpoints of YEScale: OpenAI's image format (documented), Ideogram 3.0 (documented in part)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

from airflow_provider_orux.gateways.answers import images_of
from airflow_provider_orux.gateways.base import Gateway
from airflow_provider_orux.gateways.image_fields import image_bytes, wire_fields
from airflow_provider_orux.gateways.times import parse_time
from airflow_provider_orux.gateways.wire import HttpRequest, HttpResponse, Part, Purpose
from airflow_provider_orux.models.errors import InvalidRequestError
from airflow_provider_orux.models.job import Job, JobStatus
from airflow_provider_orux.models.requests import GenerationRequest

IDEOGRAM_PAGES: Mapping[str, str] = {
    "ideogram-v3-generate": "generate",
    "ideogram-v3-edit": "edit",
    "ideogram-v3-remix": "remix",
}
#: Bytes: "each image ≤ 10 MB", and all style references together.
LARGEST_UPLOAD = 10 * 1000 * 1000
#: Bytes of an image to edit (OpenAI).
LARGEST_EDIT = 25 * 1000 * 1000


def generate_image(request: GenerationRequest) -> HttpRequest:
    """POST /v1/images/generations."""
    body = {"model": request.model_id, **request.fields(), **request.extra_body}
    return HttpRequest("POST", "/v1/images/generations", Purpose.PAY, body=body)


def generate_ideogram(request: GenerationRequest, *, path: str) -> HttpRequest:
    """POST …/generate|edit|remix as multipart/form-data.

    Every field is a part of ``files``: otherwise a form without files would be sent urlencoded.
    """
    images = request.image_fields()
    parts: dict[str, Part | list[Part]] = {}
    for name, value in {**request.fields(), **request.extra_body}.items():
        if name in images:
            items = value if isinstance(value, list) else [value]
            # "All style references together".
            parts[name] = _files(request, name, items, LARGEST_UPLOAD, together=True)
        else:
            parts[name] = ("", _text(value).encode(), "text/plain; charset=utf-8")
    return HttpRequest("POST", f"{path}/{IDEOGRAM_PAGES[request.model_id]}", Purpose.PAY, files=parts)


def edit_image(
    request: GenerationRequest, *, path: str, encoding: Literal["multipart", "json"]
) -> HttpRequest:
    """POST /v1/images/edits: a form as OpenAI has it, several images as ``image[]``; or the same as JSON.

    :param encoding: of the body; a setting, for Qwen's edit.
    """
    model = getattr(request, "wire_model", request.model_id)
    if encoding == "json":
        fields = wire_fields(request, form="data_url")
        images = fields.pop("images")
        body = {"model": model, "image": images[0] if len(images) == 1 else images, **fields}
        return HttpRequest("POST", path, Purpose.PAY, body={**body, **request.extra_body})
    fields = request.fields()
    images = fields.pop("images")
    parts: dict[str, Part | list[Part]] = {
        ("image" if len(images) == 1 else "image[]"): _files(request, "images", images, LARGEST_EDIT)
    }
    if "mask" in fields:
        parts["mask"] = _files(request, "mask", [fields.pop("mask")], LARGEST_EDIT)
    for name, value in {"model": model, **fields, **request.extra_body}.items():
        parts[name] = ("", _text(value).encode(), "text/plain; charset=utf-8")
    return HttpRequest("POST", path, Purpose.PAY, files=parts)


def read_images(
    gateway: Gateway, request: GenerationRequest, response: HttpResponse, *, submission_id: str
) -> Job:
    """``{"created", "data": [{"url", "b64_json", "revised_prompt"}]}``; the last two may be null.

    If Ideogram's safety check held back an image, its item has ``is_image_safe: false`` and no url. Any other item
    without an image is missing: the answer is paid for, so the others are kept.
    """
    value = gateway.json_object(response)
    data = value.get("data")
    artifacts = images_of(data)
    items = data if isinstance(data, list) else []
    kept_back = sum(isinstance(item, Mapping) and item.get("is_image_safe") is False for item in items)
    refused = kept_back > 0 and not artifacts
    if not artifacts and not refused:
        raise gateway.unexpected(response, "no list `data` with an image")
    return Job(
        job_id=submission_id,
        status=JobStatus.FAILED if refused else JobStatus.SUCCEEDED,
        gateway=gateway.name,
        model=request.model_id,
        artifacts=tuple(artifacts),
        error_message=f"The safety check held back all {kept_back} images" if refused else None,
        finished_at=parse_time(value.get("created")),
        charged="unknown" if refused else "yes",
        retry_helps=not refused,
    )


def _files(
    request: GenerationRequest, name: str, images: list[str], largest: int, *, together: bool = False
) -> list[Part]:
    """The images of a field as parts of a form.

    :param largest: bytes of one image, or of all of them ``together``.
    :raises InvalidRequestError: larger ones.
    """
    files = []
    for image in images:
        content, media_type = image_bytes(request, name, image)
        files.append((f"{name}.{media_type.rpartition('/')[2]}", content, media_type))
    sizes = [len(content) for _, content, _ in files]
    if (sum(sizes) if together else max(sizes)) > largest:
        raise InvalidRequestError(
            f"`{name}` of {request.label()} is larger than {largest // 10**6} MB",
            gateway=request.gateway,
            param=name,
            charged="no",
        )
    return files


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
