"""The Relay's image routes: their fields, limits, answers, in both generations; keys, guests, errors, catalogue."""

from __future__ import annotations

import base64
import io
import re
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.sandbox.conftest import base64_of, data_url, sent_image

#: A client without a key; one for all, since each would read the machine's certificates anew.
web = httpx.Client(trust_env=False, verify=False, timeout=10)
SD = "/v2/automatic1111/sdapi/v1/txt2img"
FLUX = "/v2/image/flux/generate"
GEMINI = "/v2/image/gemini-3/generate"
GPT = "/v2/image/gpt-image/generate"
EDIT = "/v2/image/gpt-image/edit"
QWEN = "/v2/image/qwen/generate"
QWEN_EDIT = "/v2/image/qwen/edit"
GPT2 = "/v2/image/gpt-image-2/generate"
SEEDREAM = "/v2/image/seedream-5-0-pro/generate"
WAN = "/v2/image/wan-2-7-image-pro/generate"
PNG = base64_of(sent_image())
NEEDS = {EDIT: {"image": PNG}, QWEN_EDIT: {"image": PNG}}
MODELS = {
    SD: "Realistic_Vision_V5.1.safetensors",
    FLUX: "black-forest-labs/FLUX-2-pro",
    GEMINI: "google/gemini-3-pro-image",
    GPT: "openai/gpt-image-1.5-T2I",
    EDIT: "openai/gpt-image-1.5-I2I",
    QWEN: "Qwen/qwen-image",
    QWEN_EDIT: "Qwen/qwen-image-edit",
    GPT2: "openai/gpt-image-2",
    SEEDREAM: "ByteDance/doubao-seedream-5-0-pro-260628",
    WAN: "Wan-AI/Wan2.7-Image-Pro",
}
URLS = {QWEN, QWEN_EDIT, SEEDREAM, WAN}
RATIOS = ["1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9"]

#: Per route and field: good values, bad values [2].
TABLE: dict[str, dict[str, tuple[list[Any], list[Any]]]] = {
    SD: {
        "negative_prompt": (["rain"], [5]),
        "model": (["stable-diffusion-v1-5-pruned.safetensors"], [5]),
        "steps": ([1, 20], [0, "20", 1.5, True]),
        "width": ([64, 512], [0, "512"]),
        "height": ([64, 512], [0, 9000]),
        "cfg_scale": ([7, 7.5], ["7", True]),
    },
    FLUX: {
        "width": ([64, 1024, 2048], [32, 1000, 2080, "1024"]),
        "height": ([64, 96], [0, 65]),
        "seed": ([0, 2**40], ["1"]),
        "safety_tolerance": ([0, 6], [-1, 7]),
        "output_format": (["png", "jpeg"], ["webp"]),
        "input_image": ([PNG, data_url()], [5]),
        "input_image_4": ([PNG], [[]]),
    },
    GEMINI: {
        "aspect_ratio": (RATIOS, ["7:4", "1x1"]),
        "image_size": (["1K", "2K", "4K"], ["1k", "8K"]),
        "image": ([PNG], [5]),
        "images": ([[PNG], [PNG] * 14], [[], [PNG] * 15, PNG]),
    },
    GPT: {
        "size": (["1024x1024", "1536x1024", "1024x1536"], ["auto", "512x512"]),
        "quality": (["low", "medium", "high"], ["auto", "hd"]),
        "n": ([1, 4], [0, 5]),
        "output_format": (["png", "jpeg", "webp"], ["gif"]),
        "output_compression": ([0, 100], [101, "50"]),
    },
    EDIT: {"mask": ([PNG], [5]), "n": ([4], [5]), "size": (["1024x1536"], ["auto"])},
    QWEN: {"size": (["512x512", "1664x928"], ["1K", "5x5", 512]), "seed": ([7], [1.5])},
    QWEN_EDIT: {
        "image": (["https://example.com/a.png", PNG, data_url()], [None, 7]),
        "size": (["640x640"], ["x"]),
    },
    GPT2: {
        "image": ([PNG, [PNG, PNG]], [[], 7]),
        "mask": ([PNG], [7]),
        "size": (["1024x768", "3840x2160"], ["2048x2048"]),
        "quality": (["auto", "high"], ["best"]),
        "n": ([1, 10], [11]),
        "output_format": (["jpeg"], ["webp"]),
        "output_compression": ([90], [-1]),
    },
    SEEDREAM: {
        "images": ([[PNG, "https://example.com/a.png"]], [[PNG] * 15]),
        "size": (["1K", "2K", "2048x2048"], ["4K", "wide"]),
        "watermark": ([True], ["no"]),
        "output_format": (["png"], ["webp"]),
    },
    WAN: {
        "image": ([PNG, "https://example.com/a.png"], [7]),
        "size": (["1024x1024", "2K"], ["wide"]),
        "n": ([4], [5]),
        "seed": ([1], ["1"]),
        "watermark": ([False], [0]),
        "thinking_mode": ([True], ["on"]),
        "enable_sequential": ([True], [1]),
    },
}
STORED = (["provider", "relay1d", "relay7d", "relay30d"], ["relay1h"])
COMMON = {"mode": (["auto", "direct"], ["opengpu"]), "async": ([True, False], ["yes", 1])}
MORE = {
    QWEN: {**COMMON, "store_output": STORED},
    FLUX: {**COMMON, "store_output": (["provider"], ["relay1d", "relay7d", "relay30d", "relay1h"])},
}
GOOD = [
    pytest.param(path, {name: value}, id=f"{path}-{name}-{number}")
    for path, fields in TABLE.items()
    for name, (values, _) in {**fields, **MORE.get(path, {})}.items()
    for number, value in enumerate(values)
]
BAD = [
    pytest.param(path, name, value, id=f"{path}-{name}-{number}")
    for path, fields in TABLE.items()
    for name, (_, values) in {**fields, **MORE.get(path, {})}.items()
    for number, value in enumerate(values)
]


@pytest.fixture(autouse=True)
def small(sandbox):
    """The largest images are large, and there are many here."""
    sandbox.configure(image_scale=0.05)


def envelope(answer: httpx.Response) -> tuple[int, str | None]:
    body = answer.json()
    assert set(body) == {"detail", "error"}
    assert set(body["error"]) == {"code", "type", "source", "message", "request_id"}
    assert body["error"]["request_id"] == answer.headers["x-request-id"]
    return answer.status_code, body["error"]["code"]


def images_of(body: dict[str, Any]) -> list[Image.Image]:
    """All images of an answer, told apart by looking at the value."""
    found = []
    for value in [*body.get("images", []), *body.get("urls", [])]:
        content = (
            web.get(value).content if value.startswith("http") else base64.b64decode(value, validate=True)
        )
        found.append(Image.open(io.BytesIO(content)))
    return found


@pytest.mark.parametrize("path", TABLE)
def test_the_plainest_request(relay, sandbox, path):
    answer = relay.post(path, json={"prompt": "a fox", **NEEDS.get(path, {})})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert ("urls" in body, "images" in body) == (path in URLS, path not in URLS)
    assert body["model"] == MODELS[path]
    assert re.fullmatch(r"direct:[0-9a-f-]{36}", body["task_id"])
    assert (body["task_address"], body["mode"]) == (None, "direct")
    (image,) = images_of(body)
    assert image.format == ("JPEG" if "seedream" in path else "PNG")
    (charge,) = sandbox.charges()
    wanted = {"state": "charged", "currency": "USD", "model": MODELS[path], "gateway": "opengpu_relay"}
    assert wanted.items() <= charge.items()
    if path in URLS:
        assert re.match(rf"{sandbox.url}/content/[\w.-]+$", body["urls"][0])


@pytest.mark.parametrize(("path", "extra"), GOOD)
def test_every_documented_value_is_accepted(relay, sandbox, path, extra):
    body = {"prompt": "a fox", **NEEDS.get(path, {}), **extra}
    answer = relay.post(path, json=body)
    assert answer.status_code == (202 if extra.get("async") else 200), answer.text
    assert len(sandbox.charges()) == 1
    if not extra.get("async"):
        made = images_of(answer.json())
        assert len(made) == extra.get("n", 1)
        if "output_format" in extra:
            assert made[0].format == extra["output_format"].upper()


@pytest.mark.parametrize(("path", "field", "value"), BAD)
def test_anything_else_is_refused_by_name(relay, sandbox, path, field, value):
    answer = relay.post(path, json={"prompt": "a fox", **NEEDS.get(path, {}), field: value})
    assert envelope(answer) == (422, "VALIDATION_ERROR")
    (problem,) = answer.json()["detail"]
    assert set(problem) == {"type", "loc", "msg"}
    assert problem["loc"] == ["body", field]
    assert sandbox.charges() == []


@pytest.mark.parametrize("path", TABLE)
def test_unknown_fields_and_missing_ones_are_all_named(relay, path):
    answer = relay.post(path, json={"promt": "a fox", "cfg": 3})
    assert envelope(answer) == (422, "VALIDATION_ERROR")
    places = {(problem["loc"][1], problem["type"]) for problem in answer.json()["detail"]}
    assert {("prompt", "missing"), ("promt", "extra_forbidden"), ("cfg", "extra_forbidden")} <= places
    assert (("image", "missing") in places) == (path in NEEDS)


@pytest.mark.parametrize("path", [GPT, EDIT, GPT2])
def test_prompts_of_at_most_32000_characters(relay, path):
    body = {"prompt": "é" * 32000, **NEEDS.get(path, {})}
    assert relay.post(path, json=body).status_code == 200
    assert envelope(relay.post(path, json={**body, "prompt": "é" * 32001}))[0] == 422


def test_models_are_a_routes_own(relay, sandbox):
    assert envelope(relay.post(GEMINI, json={"prompt": "x", "model": "openai/gpt-image-2"})) == (
        404,
        "MODEL_NOT_FOUND",
    )
    assert (
        relay.post(GEMINI, json={"prompt": "x", "model": "google/gemini-2.5-flash-image"}).status_code == 200
    )
    assert envelope(relay.post(QWEN, json={"prompt": "x", "model": "Qwen/qwen-image"}))[0] == 422
    body = {"prompt": "x", "model": "openai/gpt-image-1.5-T2I"}
    assert envelope(relay.post(GPT, json=body))[0] == 422
    sandbox.configure(relay_gpt_image_model="accepted")
    assert relay.post(GPT, json=body).status_code == 200


def test_wan_needs_something(relay):
    assert relay.post(WAN, json={"images": [PNG]}).status_code == 200
    assert envelope(relay.post(WAN, json={"n": 2}))[0] == 422
    assert envelope(relay.post(WAN, json={"image": PNG, "images": [PNG]}))[0] == 422


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'"x"'])
def test_a_body_that_is_no_object(relay, content):
    assert envelope(relay.post(QWEN, content=content)) == (422, "VALIDATION_ERROR")


@pytest.mark.parametrize(
    ("path", "field", "value"),
    [
        (EDIT, "image", "not an image"),
        (EDIT, "mask", "AAAA"),
        (FLUX, "input_image_2", "https://example.com/a.png"),
    ],
)
def test_what_is_not_an_image_is_refused(relay, sandbox, path, field, value):
    answer = relay.post(path, json={"prompt": "x", **NEEDS.get(path, {}), field: value})
    assert envelope(answer) == (400, "UPSTREAM_INVALID_REQUEST")
    assert sandbox.charges() == []


SIZES = [
    (SD, {}, (512, 512)),
    (SD, {"width": 320, "height": 640}, (320, 640)),
    (FLUX, {"width": 640}, (640, 1024)),
    (GEMINI, {"aspect_ratio": "16:9", "image_size": "2K"}, (2048, 1152)),
    (GPT, {"size": "1536x1024"}, (1536, 1024)),
    (QWEN, {"size": "512x768"}, (512, 768)),
    (SEEDREAM, {}, (2048, 2048)),
    (SEEDREAM, {"size": "1K"}, (1024, 1024)),
]


@pytest.mark.parametrize(("path", "extra", "size"), SIZES)
def test_the_image_has_the_size_asked_for(relay, sandbox, path, extra, size):
    sandbox.configure(image_scale=0.25)
    (image,) = images_of(relay.post(path, json={"prompt": "x", **extra}).json())
    assert image.size == tuple(side // 4 for side in size)


def test_a_seed_makes_the_same_image(relay):
    one, same, other = (
        relay.post(FLUX, json={"prompt": "x", "seed": seed, "async": False}).json()["images"]
        for seed in (1, 1, 2)
    )
    assert one == same != other


@pytest.mark.parametrize("generation", [1, 2])
def test_an_edit_changes_what_the_mask_says(relay, sandbox, generation):
    sandbox.configure(relay_generation=generation, image_scale=0.25)
    left = (0, 0, 150, 200)
    if generation == 1:  # white = edit area
        mask = Image.new("L", (300, 200), 0)
        mask.paste(255, left)
    else:  # transparent = edit area
        mask = Image.new("RGBA", (300, 200), "white")
        mask.paste((0, 0, 0, 0), left)
    out = io.BytesIO()
    mask.save(out, "PNG")
    body = {
        "prompt": "a night sea",
        "image": base64_of(sent_image("#ff0000")),
        "mask": base64_of(out.getvalue()),
    }
    (made,) = images_of(relay.post(EDIT, json=body).json())
    assert made.convert("RGB").getpixel((made.width - 9, 9)) == (255, 0, 0)
    assert made.convert("RGB").getpixel((9, 9)) != (255, 0, 0)


# Generation 1


def test_generation_1_as_in_the_seed(relay, sandbox):
    sandbox.configure(relay_generation=1)
    for path in (SD, FLUX, GEMINI):
        images = relay.post(path, json={"prompt": "x"}).json()["images"]
        assert not images[0].startswith("http")
    for path, extra in ((GPT, {"size": "auto", "quality": "auto", "n": 4}), (EDIT, {"image": PNG})):
        body = relay.post(path, json={"prompt": "x", **extra}).json()
        assert "urls" not in body
        assert all(value.startswith("http") for value in body["images"])
    url = relay.post(QWEN, json={"prompt": "x", "whatever": 1}).json()["urls"][0]
    assert relay.post(GEMINI, json={"prompt": "x"}).json()["model"] == "google/gemini-3-pro-T2I"
    for path in (GPT2, SEEDREAM, WAN, "/v2/pricing", "/v2/models"):
        answer = relay.request("GET" if path.count("/") == 2 else "POST", path, json={"prompt": "x"})
        assert (answer.status_code, set(answer.json())) == (404, {"detail"})
    sandbox.advance_clock(6 * 86400)
    assert web.get(url).status_code == 200
    sandbox.advance_clock(86400 + 1)
    assert web.get(url).status_code == 404


def test_generation_1_asynchronously(relay, anyone, sandbox):
    sandbox.configure(relay_generation=1, run_seconds=10)
    answer = relay.post(QWEN, json={"prompt": "x", "async": True})
    assert answer.status_code == 202
    told = answer.json()
    assert "poll_url" not in told
    task = anyone.get(f"/v2/tasks/{told['task_address']}").json()
    assert (task["status"], task["task_address"]) == ("running", told["task_address"])
    sandbox.advance_clock(10)
    assert len(anyone.get(f"/v2/tasks/{told['task_address']}").json()["result"]["urls"]) == 1
    assert anyone.post(QWEN, json={"prompt": "x"}).status_code == 401


# Keys, guests, errors


def test_keys(anyone, sandbox):
    key = sandbox.key_of("opengpu_relay")
    assert key.startswith("relay_sk_")
    for headers in ({"X-API-Key": key}, {"Authorization": f"Bearer {key}"}):
        assert anyone.post(QWEN, json={"prompt": "x"}, headers=headers).status_code == 200
    wins = {"X-API-Key": "relay_sk_nobody", "Authorization": f"Bearer {key}"}
    assert envelope(anyone.post(QWEN, json={"prompt": "x"}, headers=wins)) == (401, "INVALID_API_KEY")
    orux = {"Authorization": f"Bearer {sandbox.key}"}
    assert envelope(anyone.post(QWEN, json={"prompt": "x"}, headers=orux)) == (401, "INVALID_API_KEY")
    sandbox.save_account(key=key, disabled=True)
    answer = anyone.post(QWEN, json={"prompt": "x"}, headers={"X-API-Key": key})
    assert envelope(answer) == (401, "KEY_REVOKED")
    sandbox.save_account(key=key, disabled=False, ips=["10.0.0.0/8"])
    answer = anyone.post(QWEN, json={"prompt": "x"}, headers={"X-API-Key": key})
    assert envelope(answer) == (403, "SCOPE_DENIED")


def test_guests(anyone, sandbox):
    assert anyone.post(QWEN, json={"prompt": "x"}).status_code == 200
    (charge,) = sandbox.charges()
    assert charge["account"] == "opengpu_relay-guest"
    sandbox.save_account(account="opengpu_relay-guest", balance=0)
    assert envelope(anyone.post(QWEN, json={"prompt": "x"})) == (402, "INSUFFICIENT_CREDITS")
    sandbox.configure(relay_guests="refused")
    assert envelope(anyone.post(QWEN, json={"prompt": "x"})) == (401, "MISSING_CREDENTIALS")


def test_a_tier_without_store_output(relay, anyone, sandbox):
    keep = {"prompt": "x", "store_output": "relay1d"}
    refused = (403, "TIER_FEATURE_UNAVAILABLE")
    assert envelope(anyone.post(QWEN, json=keep)) == refused, "a guest has no tier"
    assert relay.post(QWEN, json=keep).status_code == 200
    sandbox.configure(relay_store_output="nobody")
    for asynchronous in (False, True):
        assert envelope(relay.post(QWEN, json={**keep, "async": asynchronous})) == refused
    assert len(sandbox.charges()) == 1
    for plain in ({"prompt": "x"}, {"prompt": "x", "store_output": "provider"}):
        assert relay.post(QWEN, json=plain).status_code == 200
        assert anyone.post(QWEN, json=plain).status_code == 200
    sandbox.configure(relay_store_output="everyone")
    assert anyone.post(QWEN, json=keep).status_code == 200


def test_a_refused_wish_does_not_use_up_an_idempotency_key(relay, sandbox):
    sandbox.configure(relay_store_output="nobody")
    key = {"Idempotency-Key": "k1"}
    body = {"prompt": "x", "async": True}
    assert relay.post(QWEN, json={**body, "store_output": "relay1d"}, headers=key).status_code == 403
    assert relay.post(QWEN, json=body, headers=key).status_code == 202
    assert len(sandbox.charges()) == 1


def test_the_rate_limit_is_a_customers_and_a_minutes(relay, anyone, sandbox):
    sandbox.configure(relay_rate_limit=2)
    answers = [relay.post(QWEN, json={"prompt": "x", "async": True}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [202, 202, 429]
    assert envelope(answers[2]) == (429, "RATE_LIMITED")
    assert answers[2].headers["retry-after"] == "60"
    poll_url = answers[0].json()["poll_url"]
    assert {relay.get(poll_url).status_code for _ in range(5)} == {200}
    key = sandbox.save_account(gateway="opengpu_relay", account="eve")["key"]
    assert anyone.post(QWEN, json={"prompt": "x"}, headers={"X-API-Key": key}).status_code == 200
    sandbox.advance_clock(61)
    assert relay.post(QWEN, json={"prompt": "x"}).status_code == 200
    assert len(sandbox.charges()) == 4


@pytest.mark.parametrize(
    ("status", "code", "after"),
    [(429, "RATE_LIMITED", "60"), (503, "CAPACITY_EXHAUSTED", "5"), (500, "INTERNAL_ERROR", None)],
)
def test_ordered_errors(relay, sandbox, status, code, after):
    sandbox.order_fault({"endpoint": "relay.submit", "then": {"status": status}})
    answer = relay.post(QWEN, json={"prompt": "x"})
    assert envelope(answer) == (status, code)
    assert answer.headers.get("retry-after") == after


@pytest.mark.parametrize(
    ("code", "status"),
    [(None, 502), ("CONTENT_POLICY_DECLINED", 422), ("UPSTREAM_TIMEOUT", 504), ("IMAGE_NO_OUTPUT", 502)],
)
def test_a_synchronous_failure_costs_nothing(relay, sandbox, code, status):
    then = {"job": "fail", **({"error_code": code} if code else {})}
    sandbox.order_fault({"endpoint": "relay.submit.qwen", "then": then})
    assert envelope(relay.post(QWEN, json={"prompt": "x"})) == (status, code or "UPSTREAM_ERROR")
    (charge,) = sandbox.charges()
    assert (charge["state"], charge["amount"]) == ("not_charged", 0)
    assert sandbox.accounts()[2]["balance"] == 100


def test_every_answer_has_a_request_id(relay, anyone, sandbox):
    answers = [
        relay.post(QWEN, json={"prompt": "x"}),
        relay.post(QWEN, json={}),
        relay.get("/v2/tasks/nothing"),
        relay.get("/v2/nothing"),
        anyone.get("/v2/pricing"),
    ]
    sandbox.order_fault({"endpoint": "relay", "then": {"malformed": "html"}})
    answers.append(relay.post(QWEN, json={"prompt": "x"}))
    assert len({answer.headers["x-request-id"] for answer in answers}) == len(answers)
    assert "x-request-id" not in anyone.get("/_sandbox/health").headers


# Catalogue


def test_prices_and_models(anyone, relay, sandbox):
    rows = {row["model"]: row for row in anyone.get("/v2/pricing").json()["pricing"]}
    assert rows["image.black-forest-labs/FLUX-2-pro"]["per_image"] == 0.036
    assert rows["image.google/gemini-3-pro-image"]["per_image_resolution"] == {
        "1K": 0.14,
        "2K": 0.14,
        "4K": 0.24,
    }
    listed = {row["name"] for rows in anyone.get("/v2/models").json()["auto"].values() for row in rows}
    assert set(MODELS.values()) <= listed
    for path, model in MODELS.items():
        detail = anyone.get(f"/v2/models/{model}").json()
        assert detail["endpoint"]["path"] == path
        schema = detail["request_schema"]
        assert schema["additionalProperties"] is False
        assert set(TABLE[path]) - {"model"} <= set(schema["properties"])
        example = {**detail["request_example"], **NEEDS.get(path, {})}
        assert relay.post(path, json=example).status_code == 200
    assert envelope(anyone.get("/v2/models/no/such")) == (404, "MODEL_NOT_FOUND")
    assert anyone.get("/v2/health").json()["status"] == "ok"
    bad = {"X-API-Key": "relay_sk_nobody"}
    assert envelope(anyone.get("/v2/models", headers=bad)) == (401, "INVALID_API_KEY")


def test_prices_are_charged_by_size_and_number(relay, sandbox):
    relay.post(GEMINI, json={"prompt": "x", "image_size": "4K"})
    relay.post(GPT2, json={"prompt": "x", "n": 3})
    sandbox.configure(relay_storage_prices={"relay7d": 0.01})
    relay.post(QWEN, json={"prompt": "x", "store_output": "relay7d"})
    assert [charge["amount"] for charge in sandbox.charges()] == [0.24, 0.15, 0.046]
