"""Who may come in, how many at once, and with how much money."""

from __future__ import annotations

import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from orux_sandbox import SANDBOX_KEY

IMAGES = "/api/v1/images/generations"
TASKS = "/api/v1/tasks"
FOX = {"model": "recraft-v3", "prompt": "a fox"}


def error(answer: httpx.Response) -> tuple[int, str, str]:
    body = answer.json()["error"]
    assert set(body) == {"type", "code", "message", "channel", "param"}
    return answer.status_code, body["type"], body["code"]


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def test_the_key_has_the_documented_shape(sandbox):
    assert re.fullmatch(r"sk-app-[0-9A-Za-z]{8}_[0-9A-Za-z]{48}", SANDBOX_KEY)
    assert re.fullmatch(r"sk-app-[0-9A-Za-z]{8}_[0-9A-Za-z]{48}", sandbox.save_account()["key"])


@pytest.mark.parametrize(
    "headers", [{}, bearer("sk-app-nobody00_x"), {"Authorization": SANDBOX_KEY}, {"X-API-Key": SANDBOX_KEY}]
)
def test_every_endpoint_wants_a_key(anyone, sandbox, headers):
    for method, path in [
        ("POST", IMAGES),
        ("POST", TASKS),
        ("GET", f"{TASKS}/task_1"),
        ("GET", "/api/v1/models"),
        ("GET", "/api/user/v1/usage"),
    ]:
        answer = anyone.request(method, path, headers=headers, json=FOX if method == "POST" else None)
        assert error(answer) == (401, "auth_error", "invalid_api_key")
    assert sandbox.charges() == []


def test_states_of_a_key(anyone, sandbox):
    made = sandbox.save_account(account="ann")
    key, path = made["key"], "/api/v1/models"
    assert anyone.get(path, headers=bearer(key)).status_code == 200
    sandbox.save_account(key=key, disabled=True)
    assert error(anyone.get(path, headers=bearer(key))) == (401, "auth_error", "sk_disabled")
    sandbox.save_account(key=key, disabled=False, expired=True)
    assert error(anyone.get(path, headers=bearer(key))) == (401, "auth_error", "sk_expired")
    sandbox.save_account(key=key, expired=False, ips=["10.0.0.0/8"])
    assert error(anyone.get(path, headers=bearer(key))) == (403, "auth_error", "ip_not_allowed")
    sandbox.save_account(key=key, ips=["127.0.0.0/8"])
    assert anyone.get(path, headers=bearer(key)).status_code == 200


def test_accounts_over_http(anyone):
    made = anyone.post("/_sandbox/accounts", json={"account": "bob", "balance": 12})
    assert made.status_code == 201
    assert made.json()["balance"] == 12
    usage = anyone.get("/api/user/v1/usage?period=7d", headers=bearer(made.json()["key"])).json()
    assert usage["credits"] == {"balance": 12, "spent": 0}
    assert anyone.post("/_sandbox/accounts", json={"balanse": 1}).status_code == 400
    assert anyone.post("/_sandbox/accounts", json={"ips": ["nowhere"]}).status_code == 400


def test_a_strangers_task_is_as_unknown_as_none(api, anyone, sandbox):
    task_id = api.post(TASKS, json=FOX).json()["task_id"]
    key = sandbox.save_account(account="eve")["key"]
    theirs = anyone.get(f"{TASKS}/{task_id}", headers=bearer(key))
    nobodys = anyone.get(f"{TASKS}/task_0", headers=bearer(key))
    assert error(theirs) == error(nobodys) == (404, "invalid_request_error", "task_not_found")
    assert api.get(f"{TASKS}/{task_id}").status_code == 200


def hang(api: httpx.Client, seconds: float, count: int) -> list[threading.Thread]:
    """Let so many synchronous calls be in flight."""
    threads = [threading.Thread(target=api.post, args=(IMAGES,), kwargs={"json": FOX}) for _ in range(count)]
    for thread in threads:
        thread.start()
    time.sleep(min(0.25, seconds / 2))
    return threads


def test_an_account_is_one_gateway_s(sandbox):
    sandbox.save_account(account="ann", gateway="yescale")
    sandbox.save_account(account="ann", balance=5)
    with pytest.raises(ValueError, match="the account 'ann' is one of yescale"):
        sandbox.save_account(account="ann", gateway="opengpu_relay", key="relay_sk_anns")


def test_the_fourth_request_in_flight_is_refused_whatever_the_key(api, anyone, sandbox):
    sandbox.configure(sync_seconds=0.8)
    second_key = "sk-app-second00_" + "a" * 48
    sandbox.save_account(account="orux", key=second_key)
    threads = hang(api, 0.8, 3)
    for headers in (bearer(SANDBOX_KEY), bearer(second_key)):
        for method, path in (("POST", TASKS), ("GET", f"{TASKS}/task_0"), ("GET", "/api/v1/models")):
            answer = anyone.request(method, path, headers=headers, json=FOX if method == "POST" else None)
            assert error(answer) == (429, "rate_limit_error", "concurrency_exceeded")
            assert "retry-after" not in answer.headers  # "no Retry-After headers today"
    other = sandbox.save_account(account="other")["key"]
    assert anyone.get("/api/v1/models", headers=bearer(other)).status_code == 200
    for thread in threads:
        thread.join()
    assert len(sandbox.charges()) == 3
    assert api.get("/api/v1/models").status_code == 200


def test_one_request_after_the_other_never_meets_its_own_shadow(api, sandbox):
    sandbox.configure(max_concurrency=1)
    statuses = {api.get("/api/v1/models").status_code for _ in range(150)}
    assert statuses == {200}


def test_the_limit_is_a_setting(api, sandbox):
    sandbox.configure(sync_seconds=0.3, max_concurrency=0)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: api.post(IMAGES, json=FOX).status_code, range(8)))
    assert answers == [200] * 8


def test_read_the_other_way_jobs_hold_slots_against_submissions_but_not_polls(api, sandbox):
    sandbox.configure(run_seconds=60, concurrency_counts="jobs")
    ids = [api.post(TASKS, json=FOX).json()["task_id"] for _ in range(3)]
    for path in (TASKS, IMAGES):
        assert error(api.post(path, json=FOX)) == (429, "rate_limit_error", "concurrency_exceeded")
    assert [api.get(f"{TASKS}/{task_id}").status_code for task_id in ids] == [200] * 3
    sandbox.advance_clock(61)
    assert api.post(TASKS, json=FOX).status_code == 200
    sandbox.configure(concurrency_counts="requests")
    for _ in range(5):
        assert api.post(TASKS, json=FOX).status_code == 200


def test_money_is_taken_until_there_is_not_enough(api, sandbox):
    sandbox.save_account(account="orux", balance=20)
    sandbox.configure(prices={"recraft-v3": 8, "gpt-image-2": 5})
    assert api.post(TASKS, json=FOX).status_code == 200
    assert api.post(IMAGES, json={"model": "gpt-image-2", "prompt": "x", "n": 2}).status_code == 200
    refused = api.post(TASKS, json=FOX)
    assert refused.status_code == 402
    assert refused.json()["error"]["code"] == "insufficient_balance"
    sandbox.configure(insufficient="quota_exceeded")
    assert error(api.post(TASKS, json=FOX)) == (429, "rate_limit_error", "quota_exceeded")
    assert [charge["credits"] for charge in sandbox.charges()] == [8, 10]
    usage = api.get("/api/user/v1/usage").json()
    assert usage["credits"] == {"balance": 2, "spent": 18}


def test_a_charge_says_what_for(api, anyone, sandbox):
    task_id = api.post(TASKS, json=FOX).json()["task_id"]
    api.post(IMAGES, json=FOX)
    told = anyone.get("/_sandbox/charges", params={"job_id": task_id}).json()
    (charge,) = told["charges"]
    assert told["total"] == charge["credits"] == 8
    wanted = {"account": "orux", "gateway": "orux", "endpoint": "tasks.submit", "model": "recraft-v3"}
    wanted |= {"action": "generate", "job_id": task_id, "refunded": False, "prompt": "a fox"}
    assert wanted.items() <= charge.items()
    assert anyone.get("/_sandbox/charges").json()["total"] == 16


@pytest.mark.parametrize("refund", [False, True])
def test_failed_jobs_are_refunded_only_if_so_set(api, sandbox, refund):
    sandbox.configure(refund_failed=refund, run_seconds=10)
    sandbox.order_fault({"endpoint": "tasks.submit", "then": {"job": "fail"}})
    api.post(TASKS, json=FOX)
    api.post(TASKS, json=FOX)
    assert [charge["refunded"] for charge in sandbox.charges()] == [False, False]
    sandbox.advance_clock(10)
    assert [charge["refunded"] for charge in sandbox.charges()] == [refund, False]
    assert sandbox.accounts()[0]["balance"] == 20000 - (8 if refund else 16)


def test_bad_periods_are_refused(api):
    assert api.get("/api/user/v1/usage?period=1d").json()["period"] == "1d"
    for period in ("7", "d", "0d", "7h", "²d"):
        assert error(api.get("/api/user/v1/usage", params={"period": period}))[2] == "invalid_param"


def test_the_catalogue_lists_all_models(api):
    listed = {model["id"] for model in api.get("/api/v1/models").json()["data"]}
    assert {"gpt-image-2", "midjourney-v7", "suno-v5", "sora2"} <= listed
    assert len(listed) == 35


def test_an_address_that_is_none_has_the_envelope_too(api):
    assert error(api.get("/api/v1/tasks")) == (404, "invalid_request_error", "not_found")
    assert error(api.delete("/api/v1/tasks/task_1"))[0] == 404


def test_the_log_shows_requests_and_no_keys(api, anyone, sandbox):
    api.post(TASKS, json=FOX)
    (line,) = anyone.get("/_sandbox/requests").json()["requests"]
    assert (line["method"], line["path"], line["status"]) == ("POST", TASKS, 200)
    assert (line["account"], line["endpoint"], line["body"]) == ("orux", "tasks.submit", FOX)
    assert SANDBOX_KEY not in anyone.get("/_sandbox/requests").text
