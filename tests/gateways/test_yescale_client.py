"""YEScale through the real client: what goes over the wire, and how often."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from airflow_provider_orux.client.settings import ClientSettings
from airflow_provider_orux.client.sync import GatewayClient
from airflow_provider_orux.gateways.registry import gateway_for
from airflow_provider_orux.models import yescale
from airflow_provider_orux.models.errors import (
    AmbiguousSubmitError,
    AuthenticationError,
    ContentRejectedError,
    RateLimitedError,
)
from airflow_provider_orux.models.job import JobStatus

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAAB"
SETTINGS = ClientSettings(base_url="https://api.yescale.io", key="sk-test-key", attempts=3, backoff_base=0.0)


def client(
    answer: Callable[[httpx.Request], httpx.Response], settings: ClientSettings = SETTINGS
) -> tuple[GatewayClient, list[httpx.Request]]:
    seen: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        request.read()
        seen.append(request)
        return answer(request)

    return GatewayClient(gateway_for("yescale"), settings, transport=httpx.MockTransport(handle)), seen


def test_a_media_id_stays_encoded_on_the_wire() -> None:
    gateway, seen = client(lambda _: httpx.Response(200, json={"status": "IN_PROGRESS"}))
    assert gateway.poll("media:yescale-flux-kontext[max]-44").status is JobStatus.RUNNING
    assert seen[0].url.raw_path == b"/task/yescale-flux-kontext%5Bmax%5D-44"
    assert seen[0].headers["authorization"] == "Bearer sk-test-key"


def test_ideogram_is_multipart_with_and_without_files() -> None:
    gateway, seen = client(lambda _: httpx.Response(200, json={"data": [{"url": "https://a.example/1.png"}]}))
    gateway.generate(yescale.IdeogramGenerate(prompt="a fox", num_images=2), submission_id="l")
    gateway.generate(
        yescale.IdeogramRemix(prompt="a", image=PNG, style_reference_images=[PNG, PNG]), submission_id="l"
    )
    for request in seen:
        assert request.headers["content-type"].startswith("multipart/form-data; boundary=")
    assert b'name="prompt"\r\n' in seen[0].content
    assert b"filename" not in seen[0].content
    assert seen[1].content.count(b'name="style_reference_images"; filename="style_reference_images.png"') == 2


def test_a_full_queue_is_tried_again_and_then_left_to_the_caller() -> None:
    gateway, seen = client(lambda _: httpx.Response(200, json={"code": 23, "description": "full"}))
    with pytest.raises(RateLimitedError) as e:
        gateway.submit(yescale.MidjourneyImagine(prompt="x"))
    assert (len(seen), e.value.charged) == (3, "no")


def test_a_banned_prompt_and_a_proxys_page_are_sent_once() -> None:
    gateway, seen = client(lambda _: httpx.Response(200, json={"code": 24, "description": "banned"}))
    with pytest.raises(ContentRejectedError):
        gateway.submit(yescale.MidjourneyImagine(prompt="x"))
    assert len(seen) == 1
    gateway, seen = client(lambda _: httpx.Response(502, text="<html>bad gateway</html>"))
    with pytest.raises(AmbiguousSubmitError) as e:
        gateway.submit(yescale.MidjourneyImagine(prompt="x"), idempotency_key="orux-1")
    assert (len(seen), e.value.final) == (1, True)
    assert "idempotency-key" not in seen[0].headers


def test_yescale_needs_a_key() -> None:
    gateway, seen = client(lambda _: httpx.Response(200), ClientSettings(base_url="https://api.yescale.io"))
    with pytest.raises(AuthenticationError):
        gateway.submit(yescale.MidjourneyImagine(prompt="x"))
    assert seen == []
