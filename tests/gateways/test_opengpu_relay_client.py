"""Relay through the real client: idempotency, guests, and a key that goes nowhere it need not."""

from __future__ import annotations

import httpx
import pytest

from airflow_provider_orux.client import flow
from airflow_provider_orux.client.settings import ClientSettings
from airflow_provider_orux.client.sync import GatewayClient
from airflow_provider_orux.gateways.registry import gateway_for
from airflow_provider_orux.models import opengpu_relay as relay
from airflow_provider_orux.models.errors import (
    AmbiguousSubmitError,
    ArtifactRejectedError,
    AuthenticationError,
    RateLimitedError,
)

QWEN = relay.QwenImage(prompt="a fox")
TASK = "direct:0b6d0c4e-6f0e-4a7e-9d8e-2f1d7a0f1c11"
ACCEPTED = httpx.Response(202, json={"task_id": TASK, "status": "queued", "poll_url": f"/v2/tasks/{TASK}"})


def error(status: int, code: str, **headers: str) -> httpx.Response:
    return httpx.Response(
        status,
        json={"detail": "no", "error": {"code": code, "message": "no"}},
        headers={k.replace("_", "-"): v for k, v in headers.items()},
    )


IN_PROGRESS = error(409, "IDEMPOTENCY_IN_PROGRESS", retry_after="1")


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    slept: list[float] = []
    monkeypatch.setattr("airflow_provider_orux.client.sync.time.sleep", slept.append)
    return slept


def client(
    *answers: httpx.Response | Exception,
    key: str | None = "relay_sk_test",
    generation: int = 2,
    max_answer_bytes: int = 10**6,
) -> tuple[GatewayClient, list[httpx.Request]]:
    seen: list[httpx.Request] = []
    left = list(answers)

    def handle(request: httpx.Request) -> httpx.Response:
        request.read()
        seen.append(request)
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer.status_code, content=answer.content, headers=answer.headers)

    return (
        GatewayClient(
            gateway_for("opengpu_relay", {"generation": generation}),
            ClientSettings(
                base_url="https://relaygpu.com", key=key, attempts=3, max_answer_bytes=max_answer_bytes
            ),
            transport=httpx.MockTransport(handle),
        ),
        seen,
    )


def test_a_lost_answer_is_asked_for_again_with_the_same_key(pauses: list[float]) -> None:
    gateway, seen = client(httpx.ReadTimeout("lost"), ACCEPTED)
    assert gateway.submit(QWEN, idempotency_key="orux-1").job_id == TASK
    assert [r.headers["idempotency-key"] for r in seen] == ["orux-1", "orux-1"]
    assert seen[0].content == seen[1].content


def test_a_submission_that_is_still_worked_on_is_waited_for(pauses: list[float]) -> None:
    gateway, seen = client(httpx.ReadTimeout("lost"), *[IN_PROGRESS] * 8, ACCEPTED)
    assert gateway.submit(QWEN, idempotency_key="orux-1").job_id == TASK
    assert {r.headers["idempotency-key"] for r in seen} == {"orux-1"}
    assert pauses[1:] == [1.0] * 8


def test_it_is_not_waited_for_without_end_and_a_retry_of_the_task_goes_on(pauses: list[float]) -> None:
    gateway, seen = client(IN_PROGRESS)
    with pytest.raises(AmbiguousSubmitError) as e:
        gateway.submit(QWEN, idempotency_key="orux-1")
    assert len(seen) == flow.IN_PROGRESS_ATTEMPTS
    assert not e.value.final
    assert e.value.charged == "unknown"


def test_a_reused_key_is_not_sent_again(pauses: list[float]) -> None:
    gateway, seen = client(error(422, "IDEMPOTENCY_KEY_REUSED"))
    with pytest.raises(AmbiguousSubmitError, match="another request") as e:
        gateway.submit(QWEN, idempotency_key="orux-1")
    assert (len(seen), pauses, e.value.final) == (1, [], True)


def assert_sent_once(seen: list[httpx.Request], error: AmbiguousSubmitError) -> None:
    assert (len(seen), error.final) == (1, True)
    assert "idempotency-key" not in seen[0].headers


def test_a_lost_synchronous_generation_is_not_sent_again(pauses: list[float]) -> None:
    gateway, seen = client(httpx.ReadTimeout("lost"))
    with pytest.raises(AmbiguousSubmitError) as e:
        gateway.generate(QWEN, submission_id="orux-1")
    assert_sent_once(seen, e.value)


def test_generation_1_has_no_keys_so_nothing_is_sent_again(pauses: list[float]) -> None:
    gateway, seen = client(httpx.ReadTimeout("lost"), generation=1)
    with pytest.raises(AmbiguousSubmitError) as e:
        gateway.submit(relay.Gen1QwenImage(prompt="x"), idempotency_key="orux-1")
    assert_sent_once(seen, e.value)


def test_a_long_pause_that_is_asked_for_is_left_to_the_caller(pauses: list[float]) -> None:
    gateway, seen = client(error(429, "RATE_LIMITED", retry_after="60"))
    with pytest.raises(RateLimitedError) as e:
        gateway.submit(QWEN, idempotency_key="orux-1")
    assert (len(seen), e.value.retry_after, e.value.charged) == (1, 60.0, "no")


def test_a_poll_carries_no_key_and_waits_longer_than_it_asks_for() -> None:
    gateway, seen = client(httpx.Response(200, json={"status": "running"}))
    gateway.poll(TASK, wait=30)
    assert seen[0].url.raw_path == f"/v2/tasks/{TASK}?wait=30".encode()
    assert "x-api-key" not in seen[0].headers
    assert "authorization" not in seen[0].headers
    assert seen[0].extensions["timeout"]["read"] > 30


def test_a_guest_has_no_key_and_a_bad_key_is_refused() -> None:
    gateway, seen = client(ACCEPTED, key=None)
    gateway.submit(QWEN, idempotency_key="orux-1")
    assert "x-api-key" not in seen[0].headers
    gateway, seen = client(error(401, "INVALID_API_KEY"))
    with pytest.raises(AuthenticationError):
        gateway.run(gateway.calls.read(gateway.gateway.probe(), gateway.gateway.read_json))
    assert seen[0].headers["x-api-key"] == "relay_sk_test"


def test_an_answer_that_is_too_long_is_final_at_once() -> None:
    made = httpx.Response(200, json={"status": "completed", "images": ["A" * 5000]})
    for call in (lambda c: c.generate(QWEN, submission_id="l"), lambda c: c.poll(TASK)):
        gateway, seen = client(made, max_answer_bytes=1000)
        with pytest.raises(ArtifactRejectedError, match="finished and charged") as e:
            call(gateway)
        assert (len(seen), e.value.charged, e.value.final) == (1, "yes", True)
