"""The wire of the sandbox, spoken by clients that nobody here wrote: relaygpu, openai, standardwebhooks.

Where such a client and the reference disagree (relaygpu 0.1.2's published types against opengpu_relay.md):

- ``model`` is no field of the two gpt-image bodies in the vendor's types, while the reference's table has a column
  "model (default)" for every route. The sandbox refuses it there (setting ``relay_gpt_image_model``).
- ``message`` of a 202 is required in the types; in the recorded answer it is missing (``relay_accepted_message``).
- ``urls`` may stand beside ``images`` in the base64 answers (``relay_stored_urls``, off by default).
- gemini knows a size 0.5K, of one model. The sandbox refuses it.
- ``mode`` has ``opengpu`` on routes outside the reference. The SD and both Qwen routes' models are not in the
  vendor's list of models any more; the routes and their types still are, txt2img's excepted.

openai and standardwebhooks found nothing to disagree about.
"""

from __future__ import annotations

import base64
import io
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from PIL import Image

from orux_sandbox.settings.relay import RELAY_WEBHOOK_SECRET

relaygpu = pytest.importorskip("relaygpu")
openai = pytest.importorskip("openai")
standardwebhooks = pytest.importorskip("standardwebhooks")
FAST: dict[str, Any] = {"max_retries": 2, "max_retry_after": 60}


@pytest.fixture
def client(sandbox: Any) -> Iterator[Any]:
    with relaygpu.Relay(
        sandbox.key_of("opengpu_relay"), base_url=sandbox.url_of("opengpu_relay"), retry=FAST
    ) as one:
        yield one


def image_of(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


# relaygpu


@pytest.mark.parametrize(
    ("model", "linked"),
    [
        ("Qwen/qwen-image", True),
        ("black-forest-labs/FLUX-2-pro", False),
        ("google/gemini-3-pro-image", False),
        ("openai/gpt-image-1.5-T2I", False),
        ("openai/gpt-image-2", False),
        ("ByteDance/doubao-seedream-5-0-pro-260628", True),
        ("Wan-AI/Wan2.7-Image-Pro", True),
        ("Realistic_Vision_V5.1.safetensors", False),
    ],
)
def test_relaygpu_generates_with_every_model(client, sandbox, model, linked):
    for async_ in (False, True):
        result = client.image.generate(model, {"prompt": "a lighthouse"}, async_=async_)
        (image,) = result.images
        assert (image.url is not None) == linked
        assert image_of(image.to_bytes()).format == ("JPEG" if "seedream" in model else "PNG")
    assert [charge["state"] for charge in sandbox.charges()] == ["charged"] * 2
    assert sandbox.leaks() == []


def test_relaygpu_edits(client):
    out = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(out, "PNG")
    for model in ("openai/gpt-image-1.5-I2I", "Qwen/qwen-image-edit"):
        body = {"prompt": "more snow", "image": base64.b64encode(out.getvalue()).decode()}
        assert image_of(client.image.edit(model, body).images[0].to_bytes()).size == (256, 256)


def test_relaygpu_waits_for_a_task(client, sandbox):
    sandbox.configure(queue_seconds=0.3, run_seconds=0.6)
    accepted = client.run("Qwen/qwen-image", {"prompt": "x"}, async_=True, wait=False)
    assert relaygpu.is_accepted(accepted)
    assert accepted["replayed"] is False
    assert accepted["request_id"].startswith("req_")
    steps: list[str] = []
    task = client.tasks.wait(accepted["task_id"], on_progress=lambda p: steps.append(p["status"]), timeout=20)
    assert steps[-1] == "completed"
    assert len(task["result"]["urls"]) == 1
    assert sandbox.requests("relay.poll")[0]["path"].endswith("?wait=20")


def test_relaygpu_submits_once(client, sandbox):
    one, two = (
        client.run("Qwen/qwen-image", {"prompt": "x"}, async_=True, wait=False, idempotency_key="order-1")
        for _ in range(2)
    )
    assert (one["replayed"], two["replayed"]) == (False, True)
    assert one["task_id"] == two["task_id"]
    with pytest.raises(relaygpu.errors.IdempotencyKeyReusedError):
        client.run("Qwen/qwen-image", {"prompt": "y"}, async_=True, wait=False, idempotency_key="order-1")
    assert len(sandbox.charges()) == 1


@pytest.mark.parametrize("then", [{"cut": "after"}, {"status": 502, "after_accepting": True}])
def test_relaygpu_survives_a_lost_answer(client, sandbox, then):
    sandbox.order_fault({"endpoint": "relay.submit", "then": then})
    accepted = client.run("Qwen/qwen-image", {"prompt": "x"}, async_=True, wait=False)
    assert accepted["replayed"] is True
    assert len(sandbox.charges()) == 1


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "UPSTREAM_INVALID_REQUEST", "InvalidRequestError"),
        (401, "KEY_REVOKED", "AuthenticationError"),
        (402, "KEY_BUDGET_EXHAUSTED", "KeyBudgetExhaustedError"),
        (403, "MODEL_NOT_AVAILABLE", "PermissionDeniedError"),
        (422, "CONTENT_POLICY_DECLINED", "ContentPolicyDeclinedError"),
        (429, "RATE_LIMITED", "RateLimitError"),
        (500, "INTERNAL_ERROR", "RelayInternalError"),
        (502, "PROVIDER_UNAVAILABLE", "ProviderError"),
        (503, "CAPACITY_EXHAUSTED", "CapacityError"),
        (504, "UPSTREAM_TIMEOUT", "UpstreamTimeoutError"),
    ],
)
def test_relaygpu_reads_our_errors(client, sandbox, status, code, kind):
    sandbox.order_fault({"endpoint": "relay.submit", "then": {"status": status, "code": code}})
    with pytest.raises(getattr(relaygpu, kind)) as caught:
        client.image.generate("Qwen/qwen-image", {"prompt": "x"})
    assert (caught.value.code, caught.value.status) == (code, status)
    assert caught.value.request_id.startswith("req_")
    assert caught.value.retry_after == {"RATE_LIMITED": 60, "CAPACITY_EXHAUSTED": 5}.get(code)
    assert sandbox.charges() == []


def test_relaygpu_reads_what_we_refuse_ourselves(client, sandbox):
    with pytest.raises(relaygpu.ValidationError) as caught:
        client.image.generate("Qwen/qwen-image", {"prompt": "x", "sise": "1x1"})
    assert caught.value.detail[0]["loc"] == ["body", "sise"]
    with pytest.raises(relaygpu.errors.ModelNotFoundError):
        client.image.generate("no/such", {"prompt": "x"})
    with pytest.raises(relaygpu.errors.TaskNotFoundError):
        client.tasks.get("direct:0")
    sandbox.save_account(account="opengpu_relay", balance=0)
    with pytest.raises(relaygpu.InsufficientCreditsError):
        client.image.generate("Qwen/qwen-image", {"prompt": "x"})
    with (
        relaygpu.Relay("relay_sk_nobody", base_url=sandbox.url) as nobody,
        pytest.raises(relaygpu.AuthenticationError),
    ):
        nobody.models.list()


def test_relaygpu_reads_a_failed_task(client, sandbox):
    then = {"job": "fail", "error_code": "CONTENT_POLICY_DECLINED", "error_message": "declined"}
    sandbox.order_fault({"endpoint": "relay.submit", "then": then})
    with pytest.raises(relaygpu.TaskFailedError, match="declined") as caught:
        client.run("Qwen/qwen-image", {"prompt": "x"}, async_=True)
    assert caught.value.code == "CONTENT_POLICY_DECLINED"


def test_relaygpu_estimates_what_we_charge(client, sandbox):
    for model, body, usage in (
        ("Qwen/qwen-image", {}, {"image_count": 1}),
        ("google/gemini-3-pro-image", {"image_size": "4K"}, {"image_count": 1, "resolution_tier": "4K"}),
    ):
        estimate = client.estimate_cost(model, usage)
        client.image.generate(model, {"prompt": "x", **body})
        assert sandbox.charges()[-1]["amount"] == pytest.approx(estimate["usd"])
    assert client.health()["status"] == "ok"


# openai


@pytest.mark.parametrize(
    ("gateway", "base", "model"),
    [
        ("yescale", "/v1", "flux-pro"),
        ("yescale", "/v1", "dall-e-3"),
        ("yescale", "/v1", "qwen-image"),
        ("orux", "/api/v1", "gpt-image-2"),
    ],
)
def test_openai_generates_links_and_base64(sandbox, gateway, base, model):
    with openai.OpenAI(api_key=sandbox.key_of(gateway), base_url=sandbox.url_of(gateway) + base) as client:
        linked = client.images.generate(model=model, prompt="a fox", size="1024x1024", response_format="url")
        inline = client.images.generate(
            model=model, prompt="a fox", size="1024x1024", response_format="b64_json"
        )
        listed = [one.id for one in client.models.list()]
    assert linked.data[0].url.startswith(sandbox.url)
    assert linked.created > 0
    assert image_of(base64.b64decode(inline.data[0].b64_json)).size == (256, 256)
    assert model in listed
    assert len(sandbox.charges()) == 2


def test_openai_with_yescales_gpt_image(sandbox):
    with openai.OpenAI(api_key=sandbox.key_of("yescale"), base_url=f"{sandbox.url}/v1") as client:
        made = client.images.generate(model="gpt-image-1", prompt="a fox", n=2, quality="low")
    assert [image_of(base64.b64decode(one.b64_json)).format for one in made.data] == ["PNG", "PNG"]


@pytest.mark.parametrize("shape", ["markdown", "parts", "images"])
def test_openai_chats_for_an_image(sandbox, shape):
    sandbox.configure(yescale_chat_shape=shape)
    model = "gemini-2.0-flash-exp-image-generation"
    with openai.OpenAI(api_key=sandbox.key_of("yescale"), base_url=f"{sandbox.url}/v1") as client:
        made = client.chat.completions.create(model=model, messages=[{"role": "user", "content": "a fox"}])
        with pytest.raises(openai.BadRequestError):
            client.chat.completions.create(model="nobody-1", messages=[{"role": "user", "content": "a fox"}])
    (choice,) = made.choices
    assert (made.object, made.model, choice.finish_reason) == ("chat.completion", model, "stop")
    message = choice.message.model_dump(warnings=False)
    held = {
        "markdown": lambda: message["content"].partition("](")[2].rstrip(")"),
        "parts": lambda: message["content"][1]["image_url"]["url"],
        "images": lambda: message["images"][0]["image_url"]["url"],
    }[shape]()
    assert image_of(base64.b64decode(held.partition("base64,")[2])).size == (256, 256)
    assert [charge["model"] for charge in sandbox.charges()] == [model]


CHATS = [
    ("orux", "/api/v1", "gpt-5-2"),
    ("yescale", "/v1", "gpt-4o"),
    ("opengpu_relay", "/v2/openai/v1", "openai/gpt-4o-mini"),
]


@pytest.fixture
def chat(sandbox: Any, request: Any) -> Iterator[Any]:
    gateway, base, model = request.param
    with openai.OpenAI(
        api_key=sandbox.key_of(gateway), base_url=sandbox.url_of(gateway) + base, max_retries=0
    ) as client:
        yield lambda *messages, **more: client.chat.completions.create(
            model=model, messages=list(messages), **more
        )


@pytest.mark.parametrize("chat", CHATS, ids=[one[0] for one in CHATS], indirect=True)
def test_openai_chats(chat, sandbox):
    system = {"role": "system", "content": "You write prompts for images."}
    row = {"role": "user", "content": "One prompt for this product: a blue ceramic mug"}
    made = chat(system, row)
    (choice,) = made.choices
    assert choice.finish_reason == "stop"
    assert choice.message.content.startswith("a blue ceramic mug, ")
    assert made.usage.total_tokens == made.usage.prompt_tokens + made.usage.completion_tokens > 10
    assert chat(system, row).choices[0].message.content == choice.message.content, "always the same"
    other = {"role": "user", "content": "One prompt for this product: a wooden bowl"}
    assert "wooden bowl" in chat(system, other).choices[0].message.content
    assert len(sandbox.charges()) == 3
    with pytest.raises(openai.APIStatusError):
        chat(row, stream=True)
    with pytest.raises(openai.APIStatusError):
        chat({"role": "user", "content": ""})
    assert len(sandbox.charges()) == 3


@pytest.mark.parametrize("chat", CHATS, ids=[one[0] for one in CHATS], indirect=True)
def test_openai_shows_it_an_image(chat):
    out = io.BytesIO()
    Image.new("RGB", (80, 40), "red").save(out, "PNG")
    url = "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()
    words = {"type": "text", "text": "Describe this:"}
    content = (
        chat({"role": "user", "content": [words, {"type": "image_url", "image_url": {"url": url}}]})
        .choices[0]
        .message.content
    )
    assert "a photograph in red" in content
    with pytest.raises(openai.APIStatusError, match="image"):
        chat(
            {
                "role": "user",
                "content": [words, {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}],
            }
        )


def test_it_knows_what_an_image_of_its_own_shows(sandbox):
    with openai.OpenAI(api_key=sandbox.key_of("orux"), base_url=f"{sandbox.url}/api/v1") as client:
        made = client.images.generate(model="gpt-image-2", prompt="a fox in snow")
        told = client.chat.completions.create(
            model="gpt-5-2",
            messages=[
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "A prompt like this image:"},
                        {"type": "image_url", "image_url": {"url": made.data[0].url}},
                    ],
                }
            ],
        )
    assert told.choices[0].message.content.startswith("a fox in snow, ")


@pytest.mark.parametrize("chat", CHATS, ids=[one[0] for one in CHATS], indirect=True)
def test_openai_gets_json_of_a_schema_and_calls_of_tools(chat):
    schema = {
        "type": "object",
        "properties": {
            "prompt": {"type": "string"},
            "ratio": {"enum": ["16:9", "1:1"]},
            "tags": {"type": "array", "items": {"type": "string"}, "minItems": 2},
            "size": {"$ref": "#/$defs/size"},
        },
        "$defs": {"size": {"anyOf": [{"type": "integer", "minimum": 3}, {"type": "null"}]}},
    }
    row = {"role": "user", "content": "For: a mug"}
    format_ = {"type": "json_schema", "json_schema": {"name": "image", "schema": schema}}
    told = json.loads(chat(row, response_format=format_).choices[0].message.content)
    assert told["prompt"].startswith("a mug, ")
    assert (told["ratio"], len(told["tags"]), told["size"]) == ("16:9", 2, 3)
    tool = {"type": "function", "function": {"name": "image", "parameters": schema}}
    choice = chat(row, tools=[tool], tool_choice="required").choices[0]
    (call,) = choice.message.tool_calls
    assert (choice.finish_reason, call.function.name) == ("tool_calls", "image")
    assert json.loads(call.function.arguments) == told


@pytest.mark.parametrize(
    ("gateway", "base", "model"),
    [
        ("yescale", "/v1", "text-embedding-3-small"),
        ("opengpu_relay", "/v2/openai/v1", "openai/text-embedding-3-small"),
    ],
)
def test_openai_embeds(sandbox, gateway, base, model):
    with openai.OpenAI(api_key=sandbox.key_of(gateway), base_url=sandbox.url_of(gateway) + base) as client:
        texts = ["a blue mug", "a blue cup", "winter tyres"]
        made = [one.embedding for one in client.embeddings.create(model=model, input=texts).data]
        floats = (
            client.embeddings.create(model=model, input=texts[0], encoding_format="float").data[0].embedding
        )
        short = client.embeddings.create(model=model, input=texts[0], dimensions=64).data[0].embedding

    def near(one, other):
        return sum(a * b for a, b in zip(one, other, strict=True))

    assert floats == pytest.approx(made[0], abs=1e-6)
    assert (len(made[0]), len(short)) == (1536, 64)
    assert near(made[0], made[0]) == pytest.approx(1.0, abs=1e-5)
    assert near(made[0], made[1]) > near(made[0], made[2])


def test_openai_reads_our_errors(sandbox):
    for gateway, base in (("yescale", "/v1"), ("orux", "/api/v1")):
        url = sandbox.url_of(gateway) + base
        with (
            openai.OpenAI(api_key="sk-nobody", base_url=url) as client,
            pytest.raises(openai.AuthenticationError),
        ):
            client.models.list()
        with openai.OpenAI(api_key=sandbox.key_of(gateway), base_url=url, max_retries=0) as client:
            model = "flux-pro" if gateway == "yescale" else "gpt-image-2"
            with pytest.raises(openai.BadRequestError) as caught:
                client.images.generate(model=model, prompt="a fox", n=99)
            assert caught.value.param == "n"
            sandbox.order_fault({"endpoint": "*", "then": {"status": 429}})
            with pytest.raises(openai.RateLimitError):
                client.images.generate(model=model, prompt="a fox")


# standardwebhooks


def test_both_peers_verify_our_webhooks(client, sandbox):
    came: list[tuple[dict[str, str], bytes]] = []
    arrived = threading.Event()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            came.append((dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()
            arrived.set()

        def log_message(self, *args: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Receiver) as receiver:
        threading.Thread(target=receiver.serve_forever, daemon=True).start()
        sandbox.configure(url_schemes="any")
        hook = f"http://127.0.0.1:{receiver.server_port}/"
        accepted = client.run("Qwen/qwen-image", {"prompt": "é"}, async_=True, wait=False, webhook_url=hook)
        assert arrived.wait(30)
        receiver.shutdown()
    headers, body = came[0]
    event = standardwebhooks.Webhook(RELAY_WEBHOOK_SECRET).verify(body, headers)
    assert event == client.webhooks.verify(body, headers, RELAY_WEBHOOK_SECRET) == json.loads(body)
    assert (event["event"], event["task_id"]) == ("task.completed", accepted["task_id"])
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook(RELAY_WEBHOOK_SECRET).verify(
            body.replace(b"completed", b"collected"), headers
        )
