"""A job from QUEUED to its end, Midjourney's follow-ups, and the readings of the documents that are settings."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from datetime import datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import httpx
import pytest

#: A client without a key; one for all, since each would read the machine's certificates anew.
web = httpx.Client(trust_env=False, verify=False, timeout=10)
TASKS = "/api/v1/tasks"
IMAGES = "/api/v1/images/generations"
BEFORE = {"task_id", "status", "alias", "upstream_model", "channel", "submit_time"}
ENDED = BEFORE | {"finish_time", "duration_sec"}


def poll(api: httpx.Client, task_id: str) -> dict[str, Any]:
    answer = api.get(f"{TASKS}/{task_id}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def follow(api: httpx.Client, **body: Any) -> httpx.Response:
    return api.post(TASKS, json={"model": "midjourney-v7", **body})


def refused(answer: httpx.Response, param: str) -> None:
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert (error["code"], error["param"]) == ("invalid_param", param)


def test_a_job_goes_its_way_by_the_clock(api, sandbox, imagine):
    sandbox.configure(queue_seconds=100, run_seconds=200)
    task_id = imagine()
    task = poll(api, task_id)
    assert task["status"] == "QUEUED"
    assert set(task) == BEFORE
    assert task["alias"] == "midjourney-v7"
    sandbox.advance_clock(150)
    assert (poll(api, task_id)["status"], set(poll(api, task_id))) == ("RUNNING", BEFORE)
    sandbox.advance_clock(150)
    task = poll(api, task_id)
    assert task["status"] == "SUCCESS"
    assert set(task) == ENDED | {"result_urls"}
    assert task["duration_sec"] == 300
    took = datetime.fromisoformat(task["finish_time"][:-1]) - datetime.fromisoformat(task["submit_time"][:-1])
    assert took.total_seconds() == 300


def test_durations_of_one_model(api, sandbox, imagine):
    sandbox.configure(model_seconds={"recraft-v3": {"run": 50}})
    slow = api.post(TASKS, json={"model": "recraft-v3", "prompt": "x"}).json()["task_id"]
    assert poll(api, slow)["status"] == "RUNNING"
    assert poll(api, imagine())["status"] == "SUCCESS"
    sandbox.advance_clock(50)
    assert poll(api, slow)["status"] == "SUCCESS"


@pytest.mark.parametrize(("job", "status"), [("fail", "FAILED"), ("expire", "EXPIRED")])
def test_a_job_can_end_badly(api, sandbox, imagine, job, status):
    sandbox.order_fault({"then": {"job": job, "error_code": "nsfw", "error_message": "no", "after": 30}})
    task_id = imagine()
    assert poll(api, task_id)["status"] == "RUNNING"
    sandbox.advance_clock(30)
    task = poll(api, task_id)
    assert set(task) == ENDED | {"error_code", "error_message"}
    assert (task["status"], task["error_code"], task["error_message"]) == (status, "nsfw", "no")
    assert poll(api, imagine())["status"] == "SUCCESS"  # one order, one job


def test_a_job_that_never_finishes_expires_after_a_day(api, sandbox, imagine):
    sandbox.order_fault({"then": {"job": "never_finish"}})
    task_id = imagine()
    sandbox.advance_clock(86_390)
    assert poll(api, task_id)["status"] == "RUNNING"
    sandbox.advance_clock(20)
    task = poll(api, task_id)
    assert (task["status"], task["error_code"]) == ("EXPIRED", "task_expired")


def test_a_job_that_takes_longer_than_a_day_expires_too(api, sandbox, imagine):
    sandbox.configure(run_seconds=100_000)
    task_id = imagine()
    sandbox.advance_clock(86_401)
    assert poll(api, task_id)["status"] == "EXPIRED"


def test_links_die_after_a_day(api, sandbox, imagine):
    task_id = imagine()
    url = poll(api, task_id)["result_urls"][0]
    sandbox.advance_clock(86_000)
    assert web.get(url).status_code == 200
    sandbox.advance_clock(500)
    assert web.get(url).status_code == 404
    assert poll(api, task_id)["status"] == "SUCCESS"
    sandbox.configure(dead_url_status=410)
    assert web.get(url).status_code == 410
    sandbox.configure(finished_jobs_expire=True)
    assert poll(api, task_id)["status"] == "EXPIRED"


def test_no_file_before_its_time(api, sandbox, imagine):
    sandbox.configure(run_seconds=10, dead_url_status=410)
    imagine()
    (job,) = sandbox.jobs()
    assert job["urls"] == []
    token = sandbox.engine.store.job(job["id"]).token
    assert web.get(f"{sandbox.url}/files/{token}/grid.png").status_code == 404
    sandbox.advance_clock(10)
    assert web.get(f"{sandbox.url}/files/{token}/grid.png").status_code == 200


def test_readings_of_case_code_and_empty_fields(api, sandbox):
    body = {"model": "recraft-v3", "prompt": "x"}
    assert api.post(TASKS, json=body).json()["status"] == "queued"
    sandbox.configure(status_case="upper", submit_status_code=202, unfilled_fields="null", run_seconds=5)
    answer = api.post(TASKS, json=body)
    assert (answer.status_code, answer.json()["status"]) == (202, "QUEUED")
    task = poll(api, answer.json()["task_id"])
    assert (task["result_urls"], task["error_code"], task["error_message"]) == (None, None, None)
    assert "finish_time" not in task
    sandbox.configure(status_case="lower")
    assert poll(api, answer.json()["task_id"])["status"] == "running"


def test_a_grid_is_one_url_or_four(api, sandbox, imagine):
    assert [url.rsplit("/", 1)[1] for url in poll(api, imagine())["result_urls"]] == ["grid.png"]
    sandbox.configure(grid="four")
    urls = poll(api, imagine())["result_urls"]
    assert [url.rsplit("/", 1)[1] for url in urls] == [f"panel-{n}.png" for n in (1, 2, 3, 4)]
    assert len({web.get(url).content for url in urls}) == 4
    synchronous = api.post(IMAGES, json={"model": "midjourney-v7", "prompt": "x"}).json()
    assert len(synchronous["data"]) == 1


def test_fewer_results_than_asked_for(api, sandbox, imagine):
    sandbox.configure(grid="four")
    sandbox.order_fault({"then": {"job": "fewer"}, "times": 2})
    assert len(poll(api, imagine())["result_urls"]) == 2
    data = api.post(IMAGES, json={"model": "gpt-image-2", "prompt": "x", "n": 4}).json()["data"]
    assert len(data) == 2
    sandbox.order_fault({"then": {"job": "fewer", "count": 0}})
    assert poll(api, imagine())["result_urls"] == []


def test_follow_ups(api, sandbox, imagine):
    parent = imagine()
    for body in (
        {"action": "upscale", "index": 4},
        {"action": "variation", "index": 1},
        {"action": "reroll"},
    ):
        answer = follow(api, parent_task_id=parent, **body)
        assert answer.status_code == 200, answer.text
        task = poll(api, answer.json()["task_id"])
        assert (task["status"], len(task["result_urls"])) == ("SUCCESS", 1)
    reroll, variation, upscale, _ = sandbox.jobs()
    assert [job["action"] for job in (upscale, variation, reroll)] == ["upscale", "variation", "reroll"]
    assert (upscale["parent_id"], upscale["index"], reroll["index"]) == (parent, 4, None)
    assert [c["credits"] for c in sandbox.charges()] == [20, 5, 20, 20]
    # A variation is a grid and so may be a parent; an upscale is not.
    assert follow(api, action="upscale", parent_task_id=variation["id"], index=1).status_code == 200
    assert follow(api, action="reroll", parent_task_id=variation["id"]).status_code == 200
    refused(follow(api, action="upscale", parent_task_id=upscale["id"], index=1), "parent_task_id")
    sandbox.configure(followup_parents="imagine")
    refused(follow(api, action="upscale", parent_task_id=variation["id"], index=1), "parent_task_id")


def test_follow_ups_that_make_no_sense(api, sandbox, imagine):
    parent = imagine()
    up = {"action": "upscale", "parent_task_id": parent}
    refused(follow(api, **up), "index")
    for index in (0, 5, "2", True, 1.0):
        refused(follow(api, **up, index=index), "index")
    refused(follow(api, action="reroll", parent_task_id=parent, index=1), "index")
    refused(follow(api, action="zoom", parent_task_id=parent), "action")
    refused(follow(api, action=7, parent_task_id=parent), "action")
    refused(follow(api, action="upscale", index=1), "parent_task_id")
    refused(follow(api, action="upscale", index=1, parent_task_id="task_0"), "parent_task_id")
    refused(follow(api, **up, index=1, prompt="x"), "prompt")
    refused(follow(api, **up, index=1, stylize=5), "stylize")
    refused(api.post(TASKS, json={"model": "recraft-v3", **up, "index": 1}), "action")
    refused(api.post(IMAGES, json={"model": "midjourney-v7", **up, "index": 1, "prompt": "x"}), "action")
    image = api.post(TASKS, json={"model": "recraft-v3", "prompt": "x"}).json()["task_id"]
    refused(follow(api, action="reroll", parent_task_id=image), "parent_task_id")
    song = api.post(TASKS, json={"model": "suno-v5", "prompt": "x"}).json()["task_id"]
    refused(follow(api, action="reroll", parent_task_id=song), "parent_task_id")
    stranger = sandbox.save_account(account="eve")["key"]
    answer = api.post(
        TASKS,
        json={"model": "midjourney-v7", **up, "index": 1},
        headers={"Authorization": f"Bearer {stranger}"},
    )
    refused(answer, "parent_task_id")
    sandbox.configure(run_seconds=60)
    refused(follow(api, action="reroll", parent_task_id=imagine()), "parent_task_id")
    assert len(sandbox.charges()) == 4


def test_readings_of_follow_ups(api, sandbox, imagine):
    parent = imagine()
    up = {"action": "upscale", "parent_task_id": parent, "index": 1}
    assert api.post(TASKS, json=up).status_code == 200  # the documented fragment, without a model
    sandbox.configure(followup_model="required")
    refused(api.post(TASKS, json=up), "model")
    sandbox.configure(followup_model="refused")
    refused(follow(api, **up), "model")
    sandbox.configure(followup_model="optional", reroll_index="required")
    refused(follow(api, action="reroll", parent_task_id=parent), "index")
    assert follow(api, action="reroll", parent_task_id=parent, index=1).status_code == 200
    sandbox.configure(reroll_index="optional", parent_usable_seconds=60)
    assert follow(api, action="reroll", parent_task_id=parent).status_code == 200
    sandbox.advance_clock(61)
    refused(follow(api, action="reroll", parent_task_id=parent), "parent_task_id")
    assert imagine(action="imagine")
    sandbox.configure(accept_imagine_action=False)
    refused(follow(api, action="imagine", prompt="x"), "action")


def test_a_song_is_extended_from_its_own_kind(api):
    song = api.post(TASKS, json={"model": "suno-v5", "prompt": "x"}).json()["task_id"]
    more = {"model": "suno-extend", "prompt": "and on", "parent_task_id": song}
    assert api.post(TASKS, json=more).status_code == 200
    refused(api.post(TASKS, json={**more, "parent_task_id": "task_0"}), "parent_task_id")
    refused(api.post(TASKS, json={**more, "model": "suno-v5"}), "parent_task_id")


def test_settings_over_http(anyone, sandbox):
    assert anyone.patch("/_sandbox/settings", json={"grid": "four"}).json()["grid"] == "four"
    assert anyone.get("/_sandbox/settings").json()["grid"] == "four"
    merged = anyone.patch("/_sandbox/settings", json={"prices": {"sora2": 1}}).json()["prices"]
    assert (merged["sora2"], merged["recraft-v3"]) == (1, 8)
    for bad in ({"grid": "five"}, {"no_such": 1}, {"queue_seconds": -1}, []):
        assert anyone.patch("/_sandbox/settings", json=bad).status_code == 400
    assert anyone.get("/_sandbox/settings").json()["grid"] == "four"
    with pytest.raises(ValueError, match="no_such"):
        sandbox.configure(no_such=1)
    assert anyone.post("/_sandbox/clock", json={"advance": 5}).json() == {"offset": 5}
    assert anyone.post("/_sandbox/clock", json={"advance": "5"}).status_code == 400
    assert anyone.post("/_sandbox/reset").status_code == 204
    assert anyone.get("/_sandbox/settings").json()["grid"] == "one"
    assert anyone.get("/_sandbox/health").json()["status"] == "ok"


def test_the_webhook_comes_once_and_signed(api, sandbox):
    came: list[tuple[dict[str, str], bytes]] = []
    arrived = threading.Event()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            came.append((dict(self.headers), body))
            self.send_response(500)  # an unhappy receiver is not told again
            self.end_headers()
            arrived.set()

        def log_message(self, *args: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Receiver) as receiver:
        threading.Thread(target=receiver.serve_forever, daemon=True).start()
        sandbox.configure(url_schemes="any", run_seconds=100)
        hook = f"http://127.0.0.1:{receiver.server_port}/hook"
        task_id = api.post(TASKS, json={"model": "recraft-v3", "prompt": "x", "webhook_url": hook}).json()[
            "task_id"
        ]
        assert not arrived.wait(0.3)
        sandbox.advance_clock(100)
        assert arrived.wait(5)
        arrived.clear()
        assert not arrived.wait(0.3)
        receiver.shutdown()
    ((headers, body),) = came
    sent = json.loads(body)
    assert sent.pop("event") == "task.succeeded"
    assert sent == poll(api, task_id)
    at, signature = (part.split("=", 1)[1] for part in headers["X-Sandbox-Signature"].split(","))
    wanted = hmac.new(b"whsec-of-the-sandbox", f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    assert signature == wanted
