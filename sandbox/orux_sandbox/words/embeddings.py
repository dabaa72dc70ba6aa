"""POST …/embeddings in OpenAI's shape: texts that share words have vectors that are near each other."""

from __future__ import annotations

import array
import base64
import hashlib
import math
import re
import secrets
from typing import Any

from fastapi import Request

from orux_sandbox.engine.context import RequestContext
from orux_sandbox.engine.engine import Engine
from orux_sandbox.engine.new_job import NewJob
from orux_sandbox.wire import Refusal

#: Of one call. MADE UP, in the gateway's currency.
PRICE = 0.0001
#: Length of a vector, and the longest that may be asked for.
DIMENSIONS = 1536
_MOST_TEXTS = 2048


async def embed(engine: Engine, request: Request, *, price: float = PRICE) -> dict[str, Any]:
    """Charge for vectors and answer with them.

    :raises Refusal: the body holds no texts.
    """
    context: RequestContext = request.state.context
    body = context.body
    if not isinstance(body, dict):
        raise Refusal("invalid", "The request body must be a JSON object.")
    model, texts = body.get("model"), body.get("input")
    texts = [texts] if isinstance(texts, str) else texts
    if not isinstance(model, str):
        raise Refusal("invalid", "model must be a text", param="model")
    if (
        not isinstance(texts, list)
        or not 0 < len(texts) <= _MOST_TEXTS
        or not all(isinstance(t, str) for t in texts)
    ):
        raise Refusal("invalid", "input must be a text or a list of texts", param="input")
    length = body.get("dimensions", DIMENSIONS)
    if isinstance(length, bool) or not isinstance(length, int) or not 1 <= length <= DIMENSIONS:
        raise Refusal("invalid", f"dimensions must be 1 to {DIMENSIONS}", param="dimensions")
    engine.submit(
        context,
        NewJob(
            job_id=f"embd-{secrets.token_hex(12)}",
            kind="text",
            model=model,
            action="embed",
            price=price,
            prompt=texts[0],
            request={},
            artifacts=[],
            synchronous=True,
        ),
    )
    packed = body.get("encoding_format") == "base64"
    tokens = sum(len(text) // 4 + 1 for text in texts)
    return {
        "object": "list",
        "model": model,
        "data": [
            {"object": "embedding", "index": number, "embedding": _packed(one) if packed else one}
            for number, one in enumerate(_vector(text, length) for text in texts)
        ],
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


def _vector(text: str, length: int) -> list[float]:
    """Of length 1: each word adds to two places of its own."""
    vector = [0.0] * length
    for word in re.findall(r"\w+", text.lower()) or [text]:
        digest = hashlib.sha256(word.encode()).digest()
        for start in (0, 8):
            vector[int.from_bytes(digest[start : start + 8], "big") % length] += (
                1.0 if digest[16 + start] % 2 else -1.0
            )
    size = math.sqrt(sum(part * part for part in vector)) or 1.0
    return [part / size for part in vector]


def _packed(vector: list[float]) -> str:
    """Little-endian floats of 32 bits in base64, which OpenAI's client asks for."""
    return base64.b64encode(array.array("f", vector).tobytes()).decode()
