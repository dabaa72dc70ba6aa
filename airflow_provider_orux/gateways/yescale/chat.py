"""Images from a chat interface: ``/v1/chat/completions`` (inferred).

YEScale lists a page "Gemini Image creation interface" among its chat models; we have not seen its body. The request is
OpenAI's; the answer is read in every form that new-api and its siblings use for images.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from airflow_provider_orux.gateways.answers import artifacts_in, words_of
from airflow_provider_orux.gateways.base import Gateway
from airflow_provider_orux.gateways.markdown import images_in
from airflow_provider_orux.gateways.times import parse_time
from airflow_provider_orux.gateways.wire import HttpRequest, HttpResponse, Purpose
from airflow_provider_orux.models.job import Artifact, Job, JobStatus
from airflow_provider_orux.models.requests import GenerationRequest

#: Where a part of a message has its image: OpenAI's, Gemini's and Anthropic's shapes.
PLACES_IN_A_PART = ("image_url", "url", "b64_json", "inline_data", "inlineData", "source", "image", "data")


def generate_chat(request: GenerationRequest, *, path: str) -> HttpRequest:
    """POST /v1/chat/completions: the prompt as the user's one message. A stream is not read."""
    body = {
        "model": request.model_id,
        "messages": [{"role": "user", "content": request.fields()["prompt"]}],
        **request.extra_body,
        "stream": False,
    }
    return HttpRequest("POST", path, Purpose.PAY, body=body)


def read_chat(
    gateway: Gateway, request: GenerationRequest, response: HttpResponse, *, submission_id: str
) -> Job:
    """``choices[].message``: its images. Text beside them is not an artifact.

    A model that answers with text alone was paid for it: the job failed, and a retry would pay again.
    """
    value = gateway.json_object(response)
    choices = value.get("choices")
    found = [c.get("message") for c in choices if isinstance(c, Mapping)] if isinstance(choices, list) else []
    messages: list[Mapping[str, Any]] = [message for message in found if isinstance(message, Mapping)]
    if not messages:
        raise gateway.unexpected(response, "no `choices` with a `message`")
    # The same image may stand in the content and in `images`.
    images = tuple(dict.fromkeys(image for message in messages for image in _images(message)))
    words = words_of([text for message in messages for text in _texts(message.get("content"))])
    return Job(
        job_id=submission_id,
        status=JobStatus.SUCCEEDED if images else JobStatus.FAILED,
        gateway=gateway.name,
        model=request.model_id,
        artifacts=images,
        error_message=None if images else f"The model answered without an image: {words or ''!r}"[:500],
        finished_at=parse_time(value.get("created")),
        charged="yes",
        retry_helps=bool(images),
    )


def _images(message: Mapping[str, Any]) -> Iterator[Artifact]:
    content = message.get("content")
    for text in _texts(content):
        for image in images_in(text):
            # Through the same door as any other value: what is no http(s) URL is not one here either.
            yield from artifacts_in(image, inline=True)
    beside = message.get("images")
    parts = [part for part in content if isinstance(part, Mapping)] if isinstance(content, list) else []
    for part in [*parts, *(beside if isinstance(beside, list) else ())]:
        yield from artifacts_in(part, PLACES_IN_A_PART, inline=True)


def _texts(content: Any) -> Iterator[str]:
    """The texts in a message's content: itself, or those of its parts."""
    for part in content if isinstance(content, list) else [content]:
        text = part.get("text") if isinstance(part, Mapping) else part
        if isinstance(text, str):
            yield text
