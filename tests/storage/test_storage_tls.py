"""Fetching over TLS: what has arrived is taken in large pieces, and nothing is lost, doubled or hidden by that."""

from __future__ import annotations

import random
import ssl
import time
from dataclasses import replace

import pytest

from airflow_provider_orux.models.errors import ArtifactError
from tests.client.servers import RawServer, certificate
from tests.storage.test_storage_download import fetch

BODY = random.Random(7).randbytes(5 * 1024 * 1024 + 123)


@pytest.fixture
def tls(tmp_path, settings):
    cert, key = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context, replace(settings, ca_path=str(cert))


def get(tls, handler, **changes) -> bytes:
    context, settings = tls
    with RawServer(handler, tls=context) as server:
        return fetch(f"{server.url}/1.bin", replace(settings, **changes))


def test_a_large_file_is_whole(tls):
    assert get(tls, lambda peer, heard: peer.answer(BODY)) == BODY


def test_a_file_that_comes_in_drops(tls):
    def drops(peer, heard):
        peer.raw(b"HTTP/1.1 200 OK\r\ncontent-length: 3000\r\n\r\n")
        for at in range(0, 3000, 100):
            peer.raw(BODY[at : at + 100])
            time.sleep(0.005)

    assert get(tls, drops) == BODY[:3000]


def test_an_answer_without_a_length_ends_with_the_connection(tls):
    def until_the_end(peer, heard):
        peer.raw(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n" + BODY[:100_000])
        peer.socket.unwrap()  # TLS's own "that was all"
        peer.close()

    assert get(tls, until_the_end) == BODY[:100_000]


@pytest.mark.parametrize("how", ["close", "reset"])
def test_a_file_that_is_cut_off_is_no_file(tls, how):
    def cut(peer, heard):
        peer.raw(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n" + BODY[:200_000])
        getattr(peer, how)()

    with pytest.raises(ArtifactError):
        get(tls, cut, attempts=1)


def test_a_silent_server_is_not_waited_for_without_end(tls):
    def silent(peer, heard):
        peer.raw(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n" + BODY[:200_000])
        peer.hang()

    with pytest.raises(ArtifactError, match="Timeout"):
        get(tls, silent, attempts=1, read_timeout=0.5)
