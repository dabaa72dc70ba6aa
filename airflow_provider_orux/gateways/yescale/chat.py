"""Pictures out of a chat interface: ``/v1/chat/completions`` (inferred).

YEScale has a page "Gemini Image creation interface" among its chat models, whose body we have not seen. The request is
OpenAI's; the answer is read in each way in which new-api and its siblings put a picture into one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from airflow_provider_orux.gateways.base import Gateway
from airflow_provider_orux.gateways.wire import HttpRequest, HttpResponse, Purpose
from airflow_provider_orux.gateways.yescale.reading import epoch
from airflow_provider_orux.models.errors import redact
from airflow_provider_orux.models.job import Artifact, Job, JobStatus
from airflow_provider_orux.models.requests import GenerationRequest

_MARKDOWN = re.compile(r"!\[[^\]]*\]\(\s*(https?://[^\s)]+|data:image/[\w.+-]+;base64,[A-Za-z0-9+/=\s]+)")
_PICTURE = re.compile(r"https?://\S|data:image/")


def generate_chat(request: GenerationRequest, *, path: str) -> HttpRequest:
    """POST /v1/chat/completions: the prompt as the user's one message. A stream is not read."""
    body = {
        "model": request.model_id,
        "messages": [{"role": "user", "content": request.fields()["prompt"]}],
        **request.extra_body,
        "stream": False,
    }
    return HttpRequest("POST", path, Purpose.PAY, body=body)


def read_chat(gateway: Gateway, request: GenerationRequest, response: HttpResponse, *, local_id: str) -> Job:
    """``choices[].message``: its pictures. Words beside them are no artifact.

    A model that answers with words alone was paid for them: a job that failed, and that a retry would pay for again.
    """
    value = gateway.object_of(response)
    choices = value.get("choices")
    found = [c.get("message") for c in choices if isinstance(c, Mapping)] if isinstance(choices, list) else []
    messages: list[Mapping[str, Any]] = [message for message in found if isinstance(message, Mapping)]
    if not messages:
        raise gateway.unexpected(response, "no `choices` with a `message`")
    # The same picture may stand in the content and in `images`.
    pictures = list(dict.fromkeys(p for message in messages for p in _pictures(message)))
    words = " ".join(
        " ".join(text.split()) for message in messages for text in _texts(message.get("content"))
    )
    return Job(
        job_id=local_id,
        status=JobStatus.SUCCEEDED if pictures else JobStatus.FAILED,
        gateway=gateway.name,
        model=request.model_id,
        artifacts=tuple(
            Artifact(inline=picture) if picture.startswith("data:") else Artifact(url=picture)
            for picture in pictures
        ),
        error_message=None if pictures else redact(f"The model answered without a picture: {words!r}")[:500],
        finished_at=epoch(value.get("created")),
        charged="yes",
        retry_helps=bool(pictures),
    )


def _pictures(message: Mapping[str, Any]) -> Iterator[str]:
    content, images = message.get("content"), message.get("images")
    for text in _texts(content):
        yield from ("".join(found.split()) for found in _MARKDOWN.findall(text))
    parts = [*(content if isinstance(content, list) else ()), *(images if isinstance(images, list) else ())]
    for part in parts:
        link = part.get("image_url") if isinstance(part, Mapping) else None
        if isinstance(link, Mapping):
            link = link.get("url")
        if isinstance(link, str) and _PICTURE.match(link):
            yield link


def _texts(content: Any) -> Iterator[str]:
    """The words of a message's content: a text, or those of its parts."""
    for part in content if isinstance(content, list) else [content]:
        text = part.get("text") if isinstance(part, Mapping) else part
        if isinstance(text, str):
            yield text
