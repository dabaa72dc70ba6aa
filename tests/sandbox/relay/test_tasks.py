"""The Relay's asynchronous side: 202s, polls, lifetimes, idempotency, pending charges, webhooks."""

from __future__ import annotations

import base64
import hashlib
import hmac
import io
import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from PIL import Image

from orux_sandbox.settings.relay import RELAY_WEBHOOK_SECRET

#: A client without a key; one for all, since each would read the machine's certificates anew.
web = httpx.Client(trust_env=False, verify=False, timeout=60)
QWEN = "/v2/image/qwen/generate"
FLUX = "/v2/image/flux/generate"
GPT2 = "/v2/image/gpt-image-2/generate"
GEMINI = "/v2/image/gemini-3/generate"
FOX = {"prompt": "a fox", "async": True}


@pytest.fixture
def submit(relay: httpx.Client) -> Callable[..., dict[str, Any]]:
    def send(path: str = QWEN, /, **body: Any) -> dict[str, Any]:
        answer = relay.post(path, json={**FOX, **body})
        assert answer.status_code == 202, answer.text
        return dict(answer.json())

    return send


def poll(sandbox: Any, task: dict[str, Any], query: str = "") -> dict[str, Any]:
    answer = web.get(f"{sandbox.url}/v2/tasks/{task['task_id']}{query}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def code(answer: httpx.Response) -> tuple[int, str | None]:
    return answer.status_code, answer.json()["error"]["code"]


def keyed(relay: httpx.Client, key: str, path: str = QWEN, **body: Any) -> httpx.Response:
    return relay.post(path, json={**FOX, **body}, headers={"Idempotency-Key": key})


def test_a_task_goes_its_way_without_a_key(sandbox, submit):
    sandbox.configure(queue_seconds=10, run_seconds=20)
    told = submit()
    assert told == {
        "task_id": told["task_id"],
        "status": "queued",
        "poll_url": f"/v2/tasks/{told['task_id']}",
    }
    task = poll(sandbox, told)
    assert task["status"] == "queued"
    wanted = {
        "task_address": None,
        "mode": "direct",
        "model": "Qwen/qwen-image",
        "result": None,
        "error": None,
    }
    assert wanted.items() <= task.items()
    sandbox.advance_clock(15)
    task = poll(sandbox, told)
    assert (task["status"], task["elapsed_seconds"]) == ("running", 15)
    sandbox.advance_clock(15)
    task = poll(sandbox, told)
    assert (task["status"], task["elapsed_seconds"]) == ("completed", 30)
    assert set(task["result"]) == {"urls", "model", "size"}
    assert Image.open(io.BytesIO(web.get(task["result"]["urls"][0]).content)).format == "PNG"


def test_charges_are_pending_until_the_end(sandbox, submit):
    sandbox.configure(run_seconds=100)
    first = submit()
    (charge,) = sandbox.charges()
    assert (charge["state"], charge["amount"], charge["job_id"]) == ("pending", 0.036, first["task_id"])
    assert sandbox.accounts()[2]["balance"] == 100
    told = web.get(f"{sandbox.url}/_sandbox/charges").json()
    assert (len(told["charges"]), told["totals"]) == (1, {})
    sandbox.order_fault({"endpoint": "relay.submit", "then": {"job": "fail"}})
    submit()
    sandbox.advance_clock(100)
    assert [(c["state"], c["amount"]) for c in sandbox.charges()] == [("charged", 0.036), ("not_charged", 0)]
    assert sandbox.accounts()[2]["balance"] == pytest.approx(100 - 0.036)
    assert web.get(f"{sandbox.url}/_sandbox/charges").json()["totals"] == {"USD": 0.036}


def test_money_that_is_promised_cannot_be_spent_again(sandbox, submit, relay):
    sandbox.configure(run_seconds=100)
    sandbox.save_account(account="opengpu_relay", balance=0.08)
    submit()
    submit()
    assert code(relay.post(QWEN, json=FOX)) == (402, "INSUFFICIENT_CREDITS")
    sandbox.advance_clock(100)
    assert code(relay.post(QWEN, json=FOX)) == (402, "INSUFFICIENT_CREDITS")
    assert sandbox.accounts()[2]["balance"] == pytest.approx(0.008)


@pytest.mark.parametrize(
    ("job", "error"), [("fail", "CONTENT_POLICY_DECLINED"), ("expire", "UPSTREAM_TIMEOUT")]
)
def test_a_failed_task_is_a_200(sandbox, submit, job, error):
    then = {"job": job, "error_message": "no", **({"error_code": error} if job == "fail" else {})}
    sandbox.order_fault({"endpoint": "relay.submit", "then": then})
    task = poll(sandbox, submit())
    assert (task["status"], task["error"], task["error_code"], task["result"]) == (
        "failed",
        "no",
        error,
        None,
    )
    sandbox.configure(relay_error_fields="absent")
    assert "error_code" not in poll(sandbox, submit())


def test_a_long_poll_comes_back_when_the_task_ends(sandbox, submit):
    sandbox.configure(run_seconds=0.6)
    told = submit()
    begin = time.monotonic()
    assert poll(sandbox, told, "?wait=30")["status"] == "completed"
    assert 0.3 < time.monotonic() - begin < 20
    sandbox.configure(run_seconds=600)
    told = submit()
    begin = time.monotonic()
    assert poll(sandbox, told, "?wait=1")["status"] == "running"
    assert 0.9 < time.monotonic() - begin < 20
    done: list[str] = []
    thread = threading.Thread(target=lambda: done.append(poll(sandbox, told, "?wait=25")["status"]))
    thread.start()
    time.sleep(0.2)
    sandbox.advance_clock(600)
    thread.join(20)
    assert done == ["completed"]
    for wait in ("0", "31", "x", "-1", "1.5"):
        assert code(web.get(f"{sandbox.url}/v2/tasks/{told['task_id']}?wait={wait}")) == (
            422,
            "VALIDATION_ERROR",
        )


def test_an_hour_after_its_end_nobody_knows_a_task(sandbox, submit):
    told = submit()
    url = poll(sandbox, told)["result"]["urls"][0]
    sandbox.advance_clock(3590)
    assert poll(sandbox, told)["status"] == "completed"
    assert web.get(url).status_code == 200
    sandbox.advance_clock(20)
    assert code(web.get(f"{sandbox.url}/v2/tasks/{told['task_id']}")) == (404, "TASK_NOT_FOUND")
    assert web.get(url).status_code == 404
    assert code(web.get(f"{sandbox.url}/v2/tasks/direct:0")) == (404, "TASK_NOT_FOUND")


@pytest.mark.parametrize(("stored", "days"), [("relay1d", 1), ("relay7d", 7), ("relay30d", 30)])
def test_storing_buys_a_longer_life_for_link_and_task(sandbox, submit, stored, days):
    told = submit(store_output=stored)
    url = poll(sandbox, told)["result"]["urls"][0]
    sandbox.advance_clock(days * 86400 - 10)
    assert web.get(url).status_code == 200
    assert web.get(f"{sandbox.url}/v2/tasks/{told['task_id']}").json()["status"] == "completed"
    sandbox.advance_clock(20)
    assert web.get(url).status_code == 404
    assert code(web.get(f"{sandbox.url}/v2/tasks/{told['task_id']}"))[0] == 404


def test_readings_of_the_answers(sandbox, submit):
    sandbox.configure(relay_accepted_message=True, relay_result_success=True, relay_stored_urls=True)
    told = submit(FLUX, store_output="relay1d")
    assert told["message"]
    result = poll(sandbox, told)["result"]
    assert result["success"] is True
    assert web.get(result["urls"][0]).content == base64.b64decode(result["images"][0])


@pytest.mark.parametrize(
    "template",
    ["/v2/status/of/{task_id}?view=full", "{base}/v2/tasks/{task_id}", "https://elsewhere.example/{task_id}"],
)
def test_a_poll_url_that_has_to_be_followed(sandbox, submit, template):
    sandbox.configure(relay_poll_url=template)
    told = submit()
    assert told["poll_url"] == template.format(task_id=told["task_id"], base=sandbox.url)
    if "elsewhere" not in template:
        address = httpx.URL(sandbox.url).join(told["poll_url"])
        assert web.get(address).json()["status"] == "completed"
        assert web.get(address.copy_merge_params({"wait": "5"})).json()["status"] == "completed"
        assert [line["endpoint"] for line in sandbox.requests("relay.poll")] == ["relay.poll"] * 2
    sandbox.configure(relay_poll_url="")
    assert "poll_url" not in submit()


def test_a_result_of_many_megabytes(sandbox, submit):
    sandbox.configure(image_scale=1)
    told = submit(GEMINI, image_size="4K")
    answer = web.get(f"{sandbox.url}{told['poll_url']}")
    assert len(answer.content) > 15 << 20
    image = Image.open(io.BytesIO(base64.b64decode(answer.json()["result"]["images"][0])))
    assert image.size == (4096, 4096)


# Idempotency


def test_the_same_key_is_the_same_task(sandbox, relay):
    first, again = keyed(relay, "k1"), keyed(relay, "k1")
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json() == again.json()
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert keyed(relay, "k2").json() != first.json()
    assert len(sandbox.charges()) == 2
    assert code(keyed(relay, "k1", prompt="an owl")) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert code(keyed(relay, "k1", FLUX)) == (422, "IDEMPOTENCY_KEY_REUSED")
    key = sandbox.save_account(gateway="opengpu_relay", account="eve")["key"]
    other = relay.post(QWEN, json=FOX, headers={"Idempotency-Key": "k1", "X-API-Key": key})
    assert "idempotency-replayed" not in other.headers
    assert len(sandbox.charges()) == 3
    sandbox.advance_clock(86_401)
    assert "idempotency-replayed" not in keyed(relay, "k1", prompt="an owl").headers


def test_keys_that_do_nothing(sandbox, relay):
    for _ in range(2):
        answer = relay.post(QWEN, json={"prompt": "x"}, headers={"Idempotency-Key": "k"})
        assert answer.status_code == 200
        assert "idempotency-replayed" not in answer.headers
    assert len(sandbox.charges()) == 2
    for key in ("", "k" * 256):
        assert code(keyed(relay, key)) == (422, "VALIDATION_ERROR")
    assert keyed(relay, "k" * 255).status_code == 202
    assert code(keyed(relay, "bad", size="x"))[0] == 422
    assert keyed(relay, "bad").status_code == 202  # what was refused used no key


def test_the_first_request_is_not_answered_yet(sandbox, relay):
    sandbox.order_fault({"endpoint": "relay.submit", "then": {"delay": 1, "when": "after"}})
    answers: list[httpx.Response] = []
    thread = threading.Thread(target=lambda: answers.append(keyed(relay, "k")))
    thread.start()
    while not sandbox.charges():
        time.sleep(0.02)
    answer = keyed(relay, "k")
    assert code(answer) == (409, "IDEMPOTENCY_IN_PROGRESS")
    assert answer.headers["retry-after"] == "1"
    thread.join()
    assert answers[0].status_code == 202
    assert keyed(relay, "k").json() == answers[0].json()
    assert len(sandbox.charges()) == 1


@pytest.mark.parametrize(
    "then", [{"cut": "after"}, {"cut": "mid_body"}, {"status": 502, "after_accepting": True}]
)
def test_an_answer_that_was_lost_is_found_again(sandbox, relay, then):
    sandbox.order_fault({"endpoint": "relay.submit", "times": 2, "then": then})
    for _ in range(2):
        if "cut" in then:
            with pytest.raises(httpx.RemoteProtocolError):
                keyed(relay, "k")
        else:
            assert keyed(relay, "k").status_code == 502
    answer = keyed(relay, "k")
    assert (answer.status_code, answer.headers["idempotency-replayed"]) == (202, "true")
    (charge,) = sandbox.charges()
    assert charge["job_id"] == answer.json()["task_id"]
    assert poll(sandbox, answer.json())["status"] == "completed"


def test_a_key_without_money_is_free_again(sandbox, relay):
    sandbox.save_account(account="opengpu_relay", balance=0)
    assert code(keyed(relay, "k"))[0] == 402
    sandbox.save_account(account="opengpu_relay", balance=1)
    assert "idempotency-replayed" not in keyed(relay, "k").headers


# Webhooks


class Receiver(ThreadingHTTPServer):
    def __init__(self, statuses: Iterator[int]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.statuses = statuses
        self.came: list[tuple[dict[str, str], bytes]] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook"

    def wait(self, count: int) -> None:
        deadline = time.monotonic() + 30
        while len(self.came) < count:
            assert time.monotonic() < deadline
            time.sleep(0.02)


class Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.came.append(({name.lower(): value for name, value in self.headers.items()}, body))
        self.send_response(next(self.server.statuses, 204))
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver(iter(())) as running:
        yield running
        running.shutdown()


def signed(headers: dict[str, str], body: bytes, secret: str) -> bool:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    text = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    wanted = "v1," + base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()
    return hmac.compare_digest(wanted, headers["webhook-signature"])


def test_a_webhook_is_the_poll_and_an_event(sandbox, submit, receiver):
    sandbox.configure(url_schemes="any", run_seconds=1000)
    told = submit(webhook_url=receiver.url)
    time.sleep(0.25)
    assert receiver.came == []
    sandbox.advance_clock(1000)
    receiver.wait(1)
    ((headers, body),) = receiver.came
    event = json.loads(body)
    assert event.pop("event") == "task.completed"
    assert event == poll(sandbox, told)
    assert signed(headers, body, RELAY_WEBHOOK_SECRET)
    assert not signed(headers, body + b" ", RELAY_WEBHOOK_SECRET)
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 60  # whatever the sandbox's clock says


def test_a_webhook_of_a_failure_and_another_secret(sandbox, submit, receiver):
    secret = "whsec_" + base64.b64encode(b"another key").decode()
    sandbox.configure(url_schemes="any", relay_webhook_secret=secret)
    sandbox.order_fault({"endpoint": "relay.submit", "then": {"job": "fail"}})
    submit(webhook_url=receiver.url)
    receiver.wait(1)
    headers, body = receiver.came[0]
    assert json.loads(body)["event"] == "task.failed"
    assert signed(headers, body, secret)
    for bad in ("abc", "whsec_", "whsec_?"):
        with pytest.raises(ValueError):
            sandbox.configure(relay_webhook_secret=bad)


def test_a_large_result_is_left_out_of_the_webhook(sandbox, submit, receiver):
    sandbox.configure(url_schemes="any", image_scale=1)
    small = submit(FLUX, width=256, height=256, webhook_url=receiver.url)["task_id"]
    large = submit(GPT2, size="1536x1024", n=4, webhook_url=receiver.url)["task_id"]
    receiver.wait(2)
    events = {event["task_id"]: event for event in (json.loads(body) for _, body in receiver.came)}
    assert "result_omitted" not in events[small]
    assert events[small]["result"]["images"]
    assert events[large]["result_omitted"] is True
    assert "result" not in events[large]
    assert len(web.get(f"{sandbox.url}/v2/tasks/{large}").content) > 1 << 20


def test_a_webhook_is_tried_again_up_to_eight_times(sandbox, submit, receiver):
    sandbox.configure(url_schemes="any", webhook_retry_seconds=0)
    receiver.statuses = iter([500, 302, 404])
    submit(webhook_url=receiver.url)
    receiver.wait(4)
    receiver.statuses = iter([500] * 99)
    submit(webhook_url=receiver.url)
    receiver.wait(4 + 8)
    time.sleep(0.4)
    assert len(receiver.came) == 12
    assert len({headers["webhook-id"] for headers, _ in receiver.came}) == 2


def test_webhooks_that_are_refused(sandbox, relay):
    https = "https://example.com/hook"
    for body in ({"webhook_url": https, "async": False}, {"webhook_url": "http://example.com/hook"}):
        answer = relay.post(QWEN, json={**FOX, **body})
        assert code(answer) == (422, "VALIDATION_ERROR")
        assert answer.json()["detail"][0]["loc"] == ["body", "webhook_url"]
    assert relay.post(QWEN, json={**FOX, "webhook_url": https}).status_code == 202
