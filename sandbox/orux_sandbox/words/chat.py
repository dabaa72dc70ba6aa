"""POST …/chat/completions in OpenAI's shape, with images in and text out. Nothing is streamed.

That the schema is OpenAI's is documented for Orux (orux_more.md, 7) and the relay (opengpu_relay_more.md, 8); for
YEScale its pages name the calls (yescale_more.md, 7). What the model says is the sandbox's own.
"""

from __future__ import annotations

import io
import json
import secrets
from collections.abc import Mapping
from typing import Any

from fastapi import Request
from PIL import Image

from orux_sandbox.art.description import describe_image
from orux_sandbox.engine import inputs
from orux_sandbox.engine.context import RequestContext
from orux_sandbox.engine.engine import Engine
from orux_sandbox.engine.new_job import NewJob
from orux_sandbox.engine.waiting import until_ended
from orux_sandbox.wire import Refusal
from orux_sandbox.words.writer import write, write_json

#: Of one call. MADE UP, in the gateway's currency.
PRICE = 0.001
_ROLES = ("system", "developer", "user", "assistant", "tool")


async def complete(engine: Engine, request: Request, *, price: float = PRICE) -> dict[str, Any]:
    """Charge for a chat and answer it.

    :raises Refusal: the body is not a chat, or has to be streamed.
    """
    context: RequestContext = request.state.context
    body = context.body
    if not isinstance(body, dict):
        raise Refusal("invalid", "The request body must be a JSON object.")
    if body.get("stream"):
        raise Refusal("invalid", "The sandbox does not stream.", param="stream")
    model = body.get("model")
    if not isinstance(model, str):
        raise Refusal("invalid", "model must be a text", param="model")
    messages = _messages(engine, context, body.get("messages"))
    message = _answer(body, messages)
    job = engine.submit(
        context,
        NewJob(
            job_id=f"chatcmpl-{secrets.token_hex(12)}",
            kind="text",
            model=model,
            action="chat",
            price=price,
            prompt=messages[-1]["content"],
            request={},
            artifacts=[],
            synchronous=True,
            facts={"final_prompt": message.get("content") or ""},
        ),
    )
    await until_ended(engine, job, request)
    if job.outcome != "succeeded":
        raise Refusal("failed", job.error_message or "The job failed.", code=job.error_code)
    sent = sum(_tokens(one["content"]) for one in messages)
    written = _tokens(json.dumps(message))
    return {
        "id": job.id,
        "object": "chat.completion",
        "created": int(job.submitted_at),
        "model": model,
        "choices": [
            {
                "index": 0,
                "finish_reason": "tool_calls" if "tool_calls" in message else "stop",
                "logprobs": None,
                "message": message,
            }
        ],
        "usage": {"prompt_tokens": sent, "completion_tokens": written, "total_tokens": sent + written},
    }


def _answer(body: Mapping[str, Any], messages: list[dict[str, str]]) -> dict[str, Any]:
    """A message: text, JSON of the wanted schema, or a call of the one tool that must be called."""
    format_ = body.get("response_format")
    if isinstance(format_, dict) and isinstance(format_.get("json_schema"), dict):
        content = json.dumps(write_json(format_["json_schema"].get("schema") or {}, messages))
        return {"role": "assistant", "content": content, "refusal": None}
    tools, choice = body.get("tools"), body.get("tool_choice")
    if isinstance(tools, list) and tools and (choice == "required" or isinstance(choice, dict)):
        wanted = choice.get("function", {}).get("name") if isinstance(choice, dict) else None
        functions = [tool.get("function") or {} for tool in tools if isinstance(tool, dict)]
        function = next((f for f in functions if f.get("name") == wanted), functions[0])
        arguments = json.dumps(write_json(function.get("parameters") or {}, messages))
        call = {
            "id": f"call_{secrets.token_hex(8)}",
            "type": "function",
            "function": {"name": function.get("name"), "arguments": arguments},
        }
        return {"role": "assistant", "content": None, "refusal": None, "tool_calls": [call]}
    return {"role": "assistant", "content": write(messages), "refusal": None}


def _messages(engine: Engine, context: RequestContext, messages: Any) -> list[dict[str, str]]:
    """The messages in words; an image becomes the words for what it shows."""
    if not isinstance(messages, list) or not messages:
        raise Refusal("invalid", "messages must be a list with a message at least", param="messages")
    found = []
    for message in messages:
        if not isinstance(message, dict) or message.get("role") not in _ROLES:
            raise Refusal("invalid", "a message needs a role", param="messages")
        content = message.get("content")
        parts = content if isinstance(content, list) else [{"type": "text", "text": content or ""}]
        words = [_part(engine, context, part) for part in parts]
        found.append({"role": message["role"], "content": " ".join(w for w in words if w)})
    if not any(one["role"] == "user" and one["content"].strip() for one in found):
        raise Refusal("invalid", "messages hold no text of a user", param="messages")
    while found[-1]["role"] != "user":
        found.pop()  # what a tool or the model said before changes nothing here
    return found


def _part(engine: Engine, context: RequestContext, part: Any) -> str:
    if not isinstance(part, dict):
        raise Refusal("invalid", "a part of a content must be an object", param="messages")
    if part.get("type") != "image_url":
        text = part.get("text", "")
        return text if isinstance(text, str) else ""
    image = part.get("image_url")
    url = image.get("url") if isinstance(image, dict) else image
    if not isinstance(url, str) or not url:
        raise Refusal("invalid", "image_url needs a url", param="messages")
    if url.startswith("data:"):
        return _described(url)
    # It reaches out to nobody; of its own images it knows what they show.
    token = url.partition("/files/")[2].partition("/")[0]
    job = engine.job_of_file(token) if token else None
    return job.prompt if job is not None else "an image from elsewhere"


def _described(url: str) -> str:
    try:
        content = inputs.decoded(url, prefix="required")
        with Image.open(io.BytesIO(content)) as image:
            lines = describe_image(content, image.size).splitlines()
    except (inputs.NotAnImageError, OSError, ValueError) as wrong:
        raise Refusal("invalid", f"image_url: {wrong}", param="messages") from None
    return lines[2].partition(" ")[2].partition(" --ar")[0]


def _tokens(text: str) -> int:
    return len(text) // 4 + 1
