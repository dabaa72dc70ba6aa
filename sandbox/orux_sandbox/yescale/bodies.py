"""Request bodies: the checks YEScale's families share, and the images in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from orux_sandbox.bodies.fields import Rule, filled, problems
from orux_sandbox.engine import inputs
from orux_sandbox.engine.engine import Engine
from orux_sandbox.engine.store import Store
from orux_sandbox.wire import Refusal


def check_group(engine: Engine, model: str, known: Mapping[str, Any]) -> None:
    """Refuse a model outside the key's groups: HTTP 400 with this message [O]."""
    if model not in known or model in engine.settings.yescale_models_refused:
        raise Refusal("unknown_model", f"The model {model} is not available in any configured auto group")


def as_object(body: Any) -> dict[str, Any]:
    """The body as an object."""
    if not isinstance(body, dict):
        raise Refusal("invalid", "The request body must be a JSON object.")
    return body


def checked(body: Mapping[str, Any], rules: Mapping[str, Rule], *, code: str | None = None) -> dict[str, Any]:
    """The fields with their defaults; the first problem is refused."""
    found = problems(body, rules, unknown="ignored")
    if found:
        raise Refusal("invalid", found[0].message, param=found[0].field, code=code)
    return filled(body, rules)


def keep_images(
    store: Store,
    texts: Sequence[str],
    field: str,
    *,
    urls: bool = True,
    prefix: Literal["optional", "refused"] = "optional",
    code: str | None = None,
) -> list[str]:
    """Keep the images that came as base64; their names.

    A URL is not fetched, since the sandbox reaches out to nobody: it is passed over, and counts as text, so
    that another URL makes another image.

    :raises Refusal: one is neither an image nor a URL.
    """
    names = []
    for text in texts:
        if urls and text.startswith(("https://", "http://")):
            continue
        try:
            names.append(inputs.keep(store, inputs.decoded(text, prefix=prefix)))
        except inputs.NotAnImageError as wrong:
            raise Refusal("invalid", f"{field}: {wrong}", param=field, code=code) from None
    return names


def keep_file(store: Store, content: bytes, field: str) -> str:
    """Keep an image that came as a file; its name.

    :raises Refusal: it is not an image.
    """
    try:
        return inputs.keep(store, content)
    except inputs.NotAnImageError as wrong:
        raise Refusal("invalid", f"{field}: {wrong}", param=field) from None
