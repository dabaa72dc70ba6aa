"""Pictures in YEScale's other families: an address or base64 in JSON, a file in a form.

An address is not fetched: the sandbox goes nowhere. It counts as text, so another address is another picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from orux_sandbox import inputs
from orux_sandbox.gateway import Refusal
from orux_sandbox.store import Store


def kept(
    store: Store,
    texts: Sequence[str],
    field: str,
    *,
    addresses: bool = True,
    prefix: Literal["optional", "refused"] = "optional",
    code: str | None = None,
) -> list[str]:
    """Names of the pictures that came as base64; addresses are passed over.

    :raises Refusal: one is neither.
    """
    names = []
    for text in texts:
        if addresses and text.startswith(("https://", "http://")):
            continue
        try:
            names.append(inputs.keep(store, inputs.decoded(text, prefix=prefix)))
        except inputs.NotAPicture as wrong:
            raise Refusal("invalid", f"{field}: {wrong}", param=field, code=code) from None
    return names


def kept_file(store: Store, content: bytes, field: str) -> str:
    """The name of a picture that came as a file.

    :raises Refusal: it is none.
    """
    try:
        return inputs.keep(store, content)
    except inputs.NotAPicture as wrong:
        raise Refusal("invalid", f"{field}: {wrong}", param=field) from None
