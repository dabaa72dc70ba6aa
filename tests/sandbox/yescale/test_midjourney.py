"""YEScale's Midjourney: submissions and their codes, tasks and their statuses, changes, blends, descriptions."""

from __future__ import annotations

import io
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import httpx
import pytest
from PIL import Image, ImageChops, ImageStat

from tests.sandbox.conftest import base64_of, data_url, sent_image

#: A client without a key; one for all, since each would read the machine's certificates anew.
web = httpx.Client(trust_env=False, verify=False, timeout=10)
FIELDS = [
    "id",
    "action",
    "status",
    "prompt",
    "promptEn",
    "description",
    "state",
    "submitTime",
    "startTime",
    "finishTime",
    "imageUrl",
    "progress",
    "failReason",
    "properties",
    "customId",
    "botType",
    "buttons",
]


@pytest.fixture
def submit(yescale: httpx.Client) -> Any:
    def send(action: str = "imagine", /, **body: Any) -> dict[str, Any]:
        if action == "imagine":
            body = {"prompt": "a lighthouse at dawn", **body}
        answer = yescale.post(f"/mj/submit/{action}", json=body)
        assert answer.status_code == 200, answer.text
        assert set(answer.json()) == {"code", "description", "result", "properties"}
        return dict(answer.json())

    return send


@pytest.fixture
def fetch(yescale: httpx.Client) -> Any:
    def get(task_id: Any) -> dict[str, Any]:
        answer = yescale.get(f"/mj/task/{task_id}/fetch")
        assert answer.status_code == 200, answer.text
        assert set(answer.json()) == set(FIELDS)
        return dict(answer.json())

    return get


def own_error(answer: httpx.Response, description: str) -> None:
    assert answer.status_code == 400, answer.text
    assert answer.json() == {"description": description, "type": "upstream_error", "code": 4}


def seen(url: str) -> Image.Image:
    return Image.open(io.BytesIO(web.get(url).content)).convert("RGB")


def distance(one: Image.Image, other: Image.Image) -> float:
    small = [image.resize((64, 64), Image.Resampling.BOX) for image in (one, other)]
    return sum(ImageStat.Stat(ImageChops.difference(*small)).mean) / 3


def quarter(grid: Image.Image, index: int) -> Image.Image:
    across, down = grid.width // 2, grid.height // 2
    x, y = (index - 1) % 2, (index - 1) // 2
    return grid.crop((x * across, y * down, (x + 1) * across, (y + 1) * down))


def test_a_task_goes_its_way(submit, fetch, sandbox):
    sandbox.configure(queue_seconds=100, run_seconds=100)
    answer = submit(state="mine", notifyHook="https://example.com/hook")
    assert (answer["code"], answer["properties"]) == (1, {})
    task_id = answer["result"]
    assert isinstance(task_id, str)
    assert len(task_id) == 17
    assert task_id.isdecimal()
    task = fetch(task_id)
    assert (task["status"], task["progress"], task["action"], task["state"]) == (
        "SUBMITTED",
        "0%",
        "IMAGINE",
        "mine",
    )
    assert (task["startTime"], task["finishTime"], task["imageUrl"], task["buttons"]) == (None, None, "", [])
    assert len(str(task["submitTime"])) == 13
    sandbox.advance_clock(150)
    task = fetch(task_id)
    assert task["status"] == "IN_PROGRESS"
    assert 45 <= int(task["progress"].rstrip("%")) <= 55
    preview = task["imageUrl"]
    assert seen(preview).size == (256, 256)
    sandbox.advance_clock(60)
    task = fetch(task_id)
    assert (task["status"], task["progress"], task["failReason"]) == ("SUCCESS", "100%", None)
    assert task["finishTime"] - task["submitTime"] == 200_000
    assert task["startTime"] - task["submitTime"] == 100_000
    assert task["imageUrl"] != preview
    assert seen(task["imageUrl"]).size == (256, 256)
    assert web.get(preview).status_code == 404
    assert [button["label"] for button in task["buttons"]] == [
        "U1", "U2", "U3", "U4", "", "V1", "V2", "V3", "V4",
    ]  # fmt: skip
    (charge,) = sandbox.charges()
    assert (charge["model"], charge["endpoint"]) == ("mj_imagine", "yescale.mj.submit.imagine")


def test_the_gateway_asks_its_upstream_only_so_often(submit, fetch, sandbox, yescale):
    sandbox.configure(yescale_sync_seconds=15, run_seconds=20)
    task_id = submit()["result"]
    task = fetch(task_id)
    assert (task["status"], task["progress"], task["imageUrl"]) == ("", "0%", "")
    sandbox.advance_clock(16)
    assert fetch(task_id)["status"] == "IN_PROGRESS"
    sandbox.advance_clock(8)  # done at 20, but nobody has asked since 15
    assert fetch(task_id)["status"] == "IN_PROGRESS"
    own_error(
        yescale.post("/mj/submit/change", json={"taskId": task_id, "action": "UPSCALE", "index": 1}),
        "task_status_not_success",
    )
    sandbox.advance_clock(8)
    assert fetch(task_id)["status"] == "SUCCESS"


def test_previews_are_a_setting(submit, fetch, sandbox):
    sandbox.configure(yescale_previews=False, run_seconds=10)
    assert fetch(submit()["result"])["imageUrl"] == ""


def test_a_bare_number_that_no_float_can_hold(yescale, fetch, sandbox):
    sandbox.configure(yescale_result="number")
    answer = yescale.post("/mj/submit/imagine", json={"prompt": "x"})
    number = answer.json()["result"]
    assert isinstance(number, int)
    assert number > 2**53
    assert fetch(number)["id"] == str(number)
    change = {"taskId": number, "action": "UPSCALE", "index": 1}
    assert yescale.post("/mj/submit/change", json=change).json()["code"] == 1


@pytest.mark.parametrize("code", [3, 4, 9, 23, 24, 30])
def test_codes_that_accept_nothing(submit, sandbox, code):
    sandbox.order_fault({"endpoint": "yescale.mj.submit", "then": {"submit_code": code}})
    answer = submit()
    assert answer["code"] == code
    assert answer["result"] is None
    assert ("bannedWord" in answer["properties"]) == (code == 24)
    assert sandbox.charges() == sandbox.jobs() == []
    assert submit()["code"] == 1  # one order, one submission


def test_codes_that_accept(submit, fetch, sandbox):
    sandbox.order_fault({"endpoint": "yescale.mj.submit.imagine", "then": {"submit_code": 22}})
    answer = submit()
    assert (answer["code"], answer["properties"]) == (22, {"numberOfQueues": 1})
    assert fetch(answer["result"])["status"] == "SUCCESS"
    sandbox.order_fault({"endpoint": "yescale.mj.submit", "then": {"submit_code": 21}})
    again = submit()
    assert (again["code"], again["result"]) == (21, answer["result"])
    assert len(sandbox.charges()) == 1
    sandbox.order_fault(
        {"endpoint": "yescale.mj.submit", "then": {"submit_code": 21, "after_accepting": True}}
    )
    new = submit()
    assert new["code"] == 21
    assert new["result"] != answer["result"]
    assert len(sandbox.charges()) == 2
    sandbox.configure(yescale_rewrites_codes=True)
    for code in (21, 22):
        sandbox.order_fault({"endpoint": "yescale.mj.submit", "then": {"submit_code": code}})
        assert submit()["code"] == 1


def test_submit_codes_are_midjourneys_only(yescale, sandbox):
    sandbox.order_fault({"endpoint": "*", "then": {"submit_code": 23}})
    assert yescale.post("/v1/images/generations", json={"prompt": "x"}).status_code == 200
    own_error(yescale.post("/mj/submit/imagine", json={}), "prompt_is_required")  # the order waits
    assert yescale.post("/mj/submit/imagine", json={"prompt": "x"}).json()["code"] == 23


def test_banned_words(submit, sandbox):
    answer = submit(prompt="a Sandbox-Banned fox")
    assert (answer["code"], answer["properties"], answer["result"]) == (
        24,
        {"bannedWord": "sandbox-banned"},
        None,
    )
    sandbox.configure(yescale_banned_words=["fox"])
    assert submit(prompt="a FOX")["code"] == 24
    assert submit(prompt="sandbox-banned")["code"] == 1
    assert len(sandbox.charges()) == 1


@pytest.mark.parametrize("job", ["fail", "expire", "cancel", "modal", "never_finish"])
def test_bad_ends(submit, fetch, sandbox, job):
    sandbox.order_fault({"endpoint": "yescale.mj.submit", "then": {"job": job, "error_message": "no"}})
    task = fetch(submit()["result"])
    if job in ("modal", "never_finish"):
        assert task["status"] == {"modal": "MODAL", "never_finish": "IN_PROGRESS"}[job]
        assert sandbox.charges()[0]["state"] == "charged"
        sandbox.advance_clock(86_401)
        task = fetch(task["id"])
    assert task["status"] == ("CANCEL" if job == "cancel" else "FAILURE")
    assert (task["progress"], task["imageUrl"]) == ("100%", "")
    assert task["failReason"]
    assert sandbox.charges()[0]["state"] == "refunded"
    assert sandbox.accounts()[1]["balance"] == 100


def test_an_unknown_task(yescale, anyone, sandbox, submit):
    own_error(yescale.get("/mj/task/77/fetch"), "task_no_found")
    key = sandbox.save_account(gateway="yescale", account="eve")["key"]
    assert key.startswith("sk-")
    path = f"/mj/task/{submit()['result']}/fetch"
    own_error(anyone.get(path, headers={"Authorization": f"Bearer {key}"}), "task_no_found")
    sandbox.configure(yescale_unknown_mj_task="empty")
    answer = yescale.get("/mj/task/77/fetch")
    assert (answer.status_code, answer.content) == (200, b"")


def test_the_list(yescale, submit, sandbox):
    ids = [submit()["result"] for _ in range(3)]
    answer = yescale.post("/mj/task/list-by-condition", json={"ids": ["77", *ids]})
    assert isinstance(answer.json(), list)
    assert sorted(task["id"] for task in answer.json()) == ids
    assert [task["id"] for task in answer.json()] != ids
    own_error(yescale.post("/mj/task/list-by-condition", json=ids), "bind_request_body_failed")
    sandbox.configure(yescale_list="refused")
    answer = yescale.post("/mj/task/list-by-condition", json={"ids": ids})
    assert answer.status_code == 404
    assert "error" in answer.json()


@pytest.mark.parametrize(
    ("options", "size"),
    [
        ("--ar 16:9", (256, 144)),
        ("--aspect 9:16 --s 0", (144, 256)),
        ("\u2014ar 1:2 --c 5 --w 9 --v 7", (128, 256)),
    ],
)
def test_options_travel_inside_the_prompt(submit, fetch, options, size):
    task = fetch(submit(prompt=f"a fox {options}")["result"])
    assert task["prompt"] == f"a fox {options}"
    assert seen(task["imageUrl"]).size == size


@pytest.mark.parametrize("option", ["--stylize 900", "--weird 3000", "--chaos 100", "--tile", "--seed 5"])
def test_options_show(submit, fetch, option):
    plain, other = (fetch(submit(prompt=f"a fox{text}")["result"])["imageUrl"] for text in ("", f" {option}"))
    assert web.get(plain).content != web.get(other).content
    again = fetch(submit(prompt=f"a fox {option}")["result"])["imageUrl"]
    assert web.get(again).content == web.get(other).content


@pytest.mark.parametrize("option", ["--ar wide", "--stylize 1001", "--weird", "--chaos -1", "--ar"])
def test_options_that_midjourney_will_not_take(submit, fetch, sandbox, option):
    task = fetch(submit(prompt=f"a fox {option}")["result"])
    assert task["status"] == "FAILURE"
    assert task["failReason"].startswith("Invalid parameter")
    assert sandbox.charges()[0]["refunded"] is True


def test_changes(yescale, submit, fetch, sandbox):
    sandbox.configure(image_scale=0.5)
    parent = submit(prompt="a lighthouse --ar 4:3")["result"]
    grid = seen(fetch(parent)["imageUrl"])
    large = fetch(submit("change", taskId=parent, action="UPSCALE", index=3)["result"])
    assert large["action"] == "UPSCALE"
    apart = [distance(seen(large["imageUrl"]), quarter(grid, index)) for index in (1, 2, 3, 4)]
    assert min(apart) == apart[2]
    varied = submit("change", taskId=parent, action="VARIATION", index=1)["result"]
    rerolled = submit("change", taskId=varied, action="REROLL", index=1)["result"]
    assert len({parent, large["id"], varied, rerolled}) == 4
    assert seen(fetch(varied)["imageUrl"]).size == seen(fetch(rerolled)["imageUrl"]).size == grid.size
    assert distance(seen(fetch(rerolled)["imageUrl"]), grid) > 3
    assert submit("change", taskId=rerolled, action="UPSCALE", index=4)["code"] == 1
    wrong = submit("change", taskId=large["id"], action="UPSCALE", index=1)
    assert (wrong["code"], wrong["result"]) == (4, None)
    assert [charge["model"] for charge in sandbox.charges()] == [
        "mj_imagine",
        "mj_upscale",
        "mj_variation",
        "mj_reroll",
        "mj_upscale",
    ]
    assert sandbox.jobs()[0]["parent_id"] == rerolled


def test_changes_that_make_no_sense(yescale, submit, sandbox):
    parent = submit()["result"]

    def change(**body: Any) -> httpx.Response:
        return yescale.post("/mj/submit/change", json=body)

    own_error(change(action="UPSCALE", index=1), "task_id_is_required")
    own_error(change(taskId=parent, index=1), "action_is_required")
    for action in ("UPSCALE", "VARIATION", "REROLL"):
        own_error(change(taskId=parent, action=action), "index_is_required")
    own_error(change(taskId=parent, action="UPSCALE", index="1"), "index_is_required")
    own_error(change(taskId="77", action="UPSCALE", index=1), "task_no_found")
    own_error(yescale.post("/mj/submit/change", content=b"["), "bind_request_body_failed")
    for body in ({"action": "UPSCALE", "index": 5}, {"action": "ZOOM", "index": 1}):
        assert change(taskId=parent, **body).json()["code"] == 4
    described = submit("describe", base64=data_url())["result"]
    assert change(taskId=described, action="REROLL", index=1).json()["code"] == 4
    sandbox.order_fault({"endpoint": "yescale.mj.submit", "then": {"job": "fail"}})
    failed = submit()["result"]
    own_error(change(taskId=failed, action="UPSCALE", index=1), "task_status_not_success")
    sandbox.configure(yescale_reroll_index="optional")
    assert change(taskId=parent, action="REROLL").json()["code"] == 1
    assert len(sandbox.charges()) == 4


def test_the_second_upscale_of_a_panel(submit, sandbox):
    parent = submit()["result"]
    up = {"taskId": parent, "action": "UPSCALE", "index": 2}
    first = submit("change", **up)["result"]
    assert submit("change", **up)["result"] != first
    sandbox.configure(yescale_repeated_upscale="existing")
    again = submit("change", **up)
    assert again["code"] == 21
    assert again["properties"]["status"] == "SUCCESS"
    assert submit("change", **{**up, "index": 1})["code"] == 1
    assert len(sandbox.charges()) == 4


@pytest.mark.parametrize(
    ("dimensions", "size"), [(None, (256, 256)), ("PORTRAIT", (170, 256)), ("LANDSCAPE", (256, 170))]
)
def test_a_blend_is_made_of_its_images(submit, fetch, dimensions, size):
    body = {"base64Array": [data_url("#ff0000"), data_url("#0000ff")]}
    task = fetch(submit("blend", **body, **({"dimensions": dimensions} if dimensions else {}))["result"])
    grid = seen(task["imageUrl"])
    assert all(abs(a - b) <= 2 for a, b in zip(grid.size, size, strict=True))
    first = quarter(grid, 1)
    ends = [first.getpixel((x, first.height // 2)) for x in (3, first.width - 4)]
    assert sorted(max(range(3), key=end.__getitem__) for end in ends) == [0, 2]  # one is red, one blue
    large = fetch(submit("change", taskId=task["id"], action="UPSCALE", index=1)["result"])
    assert distance(seen(large["imageUrl"]), first) < 12
    assert submit("change", taskId=task["id"], action="REROLL", index=1)["code"] == 1


def test_an_imagine_may_have_images_too(submit, fetch):
    urls = [
        fetch(submit(base64Array=[data_url(colour)])["result"])["imageUrl"]
        for colour in ("#ff0000", "#0000ff")
    ]
    red, blue = (ImageStat.Stat(seen(url)).mean for url in urls)
    assert red[0] > blue[0]
    assert red[2] < blue[2]


@pytest.mark.parametrize(
    "images",
    [
        [],
        [data_url()],
        [data_url()] * 6,
        data_url(),
        ["https://example.com/a.png", data_url()],
        [base64_of(sent_image()), data_url()],
        ["data:image/png;base64,bm8=", data_url()],
        [7, data_url()],
    ],
)
def test_what_cannot_be_blended(submit, sandbox, images):
    assert submit("blend", base64Array=images)["code"] == 4
    assert submit("blend", base64Array=[data_url()] * 2, dimensions="ROUND")["code"] == 4
    assert sandbox.charges() == []


def test_a_description_is_of_the_image(submit, fetch):
    texts = {}
    for colour, size in (("#e07000", (300, 200)), ("#101060", (200, 400))):
        task = fetch(submit("describe", base64=data_url(colour, size))["result"])
        assert task["action"] == "DESCRIBE"
        assert task["buttons"][0]["customId"] == "MJ::Job::PicReader::1"
        texts[colour] = task["properties"]["finalPrompt"]
        assert web.get(task["imageUrl"]).status_code == 200
    assert "orange" in texts["#e07000"]
    assert "--ar 3:2" in texts["#e07000"]
    assert "blue" in texts["#101060"]
    assert "--ar 1:2" in texts["#101060"]
    for bad in (None, "", "no", base64_of(sent_image()), "data:image/png;base64,AAAA"):
        assert submit("describe", base64=bad)["code"] == 4


def test_the_notify_hook_is_obeyed_only_if_so_set(submit, sandbox, fetch):
    came: list[bytes] = []
    arrived = threading.Event()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            came.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(204)
            self.end_headers()
            arrived.set()

        def log_message(self, *args: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Receiver) as receiver:
        threading.Thread(target=receiver.serve_forever, daemon=True).start()
        hook = f"http://127.0.0.1:{receiver.server_port}/"
        submit(notifyHook=hook)
        sandbox.configure(yescale_notify_hook=True)
        task_id = submit(notifyHook=hook)["result"]
        assert arrived.wait(30)
        receiver.shutdown()
    (told,) = [json.loads(body) for body in came]
    assert (told["id"], told["status"]) == (task_id, "SUCCESS")
