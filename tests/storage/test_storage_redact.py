"""What a manifest says of a request's inputs: enough to know them again, nothing that lets one in."""

from __future__ import annotations

import base64
from hashlib import sha256
from typing import Any

import pytest

from airflow_provider_orux.storage.redact import redact_inputs

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 2
TEXT = base64.b64encode(PNG).decode()
TOLD = f"sha256:{sha256(PNG).hexdigest()} (image/png, {len(PNG)} bytes)"
SIGNED = "https://bucket.s3.amazonaws.com/in/photo.png?X-Amz-Signature=s3cr3t&X-Amz-Expires=60"


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (f"data:image/png;base64,{TEXT}", TOLD),
        (f"data:IMAGE/PNG;base64,{TEXT[:76]}\n{TEXT[76:]}", TOLD),
        (f"see data:image/png;base64,{TEXT} and draw", f"see {TOLD} and draw"),
        (TEXT, TOLD.replace("image/png", "base64")),
        ("data:text/plain,a%20b", f"sha256:{sha256(b'a b').hexdigest()} (text/plain, 3 bytes)"),
        (SIGNED, "https://bucket.s3.amazonaws.com/in/photo.png"),
        (f"{SIGNED} a lighthouse", "https://bucket.s3.amazonaws.com/in/photo.png a lighthouse"),
        ("https://me:pw@example.com/a.png", "https://example.com/a.png"),
        ("https://example.com/a.png?access_token=abc&w=3", "https://example.com/a.png"),
        ("https://example.com/a.png?st=3&w=4#top", "https://example.com/a.png?st=3&w=4#top"),
        ("a prompt: with a colon, and data: nothing", "a prompt: with a colon, and data: nothing"),
        ("task_01HZX", "task_01HZX"),
        (4, 4),
        (None, None),
    ],
)
def test_inputs(value: Any, told: Any) -> None:
    assert redact_inputs(value, keep_urls=True) == told
    nested = redact_inputs({"images": [value], "deep": {"x": (value,)}}, keep_urls=True)
    assert nested == {"images": [told], "deep": {"x": [told]}}


def test_without_links_no_link_can_be_followed() -> None:
    assert (
        redact_inputs("https://example.com/in/a.png?w=4#top", keep_urls=False)
        == "https://example.com/in/a.png"
    )
    told = redact_inputs("https://relay.example.com/content/4fJ9sKq2LmT8", keep_urls=False)
    assert told.startswith("https://relay.example.com/…")
    assert "4fJ9sKq2LmT8" not in told
    assert redact_inputs("https://example.com", keep_urls=False) == "https://example.com"


def test_broken_bytes_are_not_kept_either() -> None:
    told = redact_inputs(f"data:image/png;base64,{TEXT[:-2]}", keep_urls=True)
    assert told.startswith("sha256:")
    assert "broken image/png" in told
