"""Texts among artifacts: the words of a song are kept, an error page in their place is not."""

from __future__ import annotations

import io

import pytest

from airflow_provider_orux.storage.texts import announces_text, text_in
from tests.storage.samples import image


@pytest.mark.parametrize("content", [
    b"[Verse]\nla la la\n", "灯台 la".encode(), b"\xef\xbb\xbfla", b"{la} la", b"[00:12.00] la", b"null", b"x" * 1_000_000,
])  # fmt: skip
def test_words_are_a_text(content: bytes) -> None:
    media = text_in(io.BytesIO(content), len(content))
    assert media is not None
    assert (media.extension, media.media_type, media.width) == ("txt", "text/plain", None)


@pytest.mark.parametrize("content", [
    b"", b"  \n", b"<html><body>404</body></html>", b"<?xml version='1.0'?><Error/>", b'{"error": "gone"}', b"[]", b"[1, 2]",
    b"\xff\xfe\x00", b"la\0la", image(), b"ID3\x04\x00", b"x" * 1_000_001, b"[" * 100_000 + b"]" * 100_000,
])  # fmt: skip
def test_what_is_none(content: bytes) -> None:
    if content.startswith(b"[["):
        text_in(io.BytesIO(content), len(content))  # too deep to tell, and no crash
        return
    assert text_in(io.BytesIO(content), len(content)) is None


def test_the_url_announces_it() -> None:
    for url in (
        "https://x.example/a/lyrics.txt",
        "https://x.example/L.TXT?sig=1",
        "2.txt",
        "https://x.example/a.lrc",
    ):
        assert announces_text(url)
    for url in ("https://x.example/a.mp3?f=.txt", "https://x.example/txt", None, "", "https://[::1/a.txt"):
        assert not announces_text(url)
