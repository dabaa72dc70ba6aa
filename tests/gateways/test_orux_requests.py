"""What is sent to Orux AI: method, path and body of each verb, under every reading of the documents."""

from __future__ import annotations

import json

import pytest

from airflow_provider_orux.gateways.orux import OruxGateway
from airflow_provider_orux.gateways.registry import gateway_for
from airflow_provider_orux.gateways.wire import HttpResponse, Purpose
from airflow_provider_orux.models import orux
from airflow_provider_orux.models.errors import (
    ConfigurationError,
    InvalidRequestError,
    UnsupportedByGatewayError,
)
from airflow_provider_orux.models.registry import GATEWAYS
from airflow_provider_orux.models.requests import CustomRequest

LINK = "https://example.com/a.png"
IMAGES = [
    orux.GptImage2(prompt="a", size="1536x1024", n=2),
    orux.Gemini3ProImage(prompt="a", aspect_ratio="21:9", seed=0),
    orux.FluxKontextPro(prompt="a", prompt_upsampling=False, reference_image_url=LINK),
    orux.FluxKontextMax(prompt="a", seed=1),
    orux.RunwayGen4Image(prompt="a", reference_images=[LINK]),
    orux.Seedream4(prompt="a", size="4K"),
    orux.QwenImageEdit(prompt="a", image_url=LINK),
    orux.RecraftV3(prompt="a", style="digital_illustration"),
]
IMAGINE = orux.MidjourneyV7(prompt="a lighthouse", aspect_ratio="16:9", stylize=250, chaos="3", tile="true")
UPSCALE = orux.MidjourneyUpscale(parent_job_id="task_A", index="2")
VARIATION = orux.MidjourneyVariation(parent_job_id="task_A", index=1)
REROLL = orux.MidjourneyReroll(parent_job_id="task_A")


def sent(request, **options):
    return OruxGateway(options).submit(request)


@pytest.mark.parametrize("request_", IMAGES, ids=lambda r: r.model)
def test_generate(request_):
    http = OruxGateway().generate(request_)
    assert (http.method, http.path, http.purpose) == ("POST", "/api/v1/images/generations", Purpose.PAY)
    assert http.body == {"model": request_.model, **request_.fields()}
    assert http.with_key
    json.dumps(http.body, allow_nan=False)


@pytest.mark.parametrize("request_", IMAGES, ids=lambda r: r.model)
def test_an_image_as_a_task(request_):
    """Inferred: the same body on /api/v1/tasks."""
    http = sent(request_)
    assert (http.method, http.path, http.purpose) == ("POST", "/api/v1/tasks", Purpose.PAY)
    assert http.body == {"model": request_.model, **request_.fields()}


def test_imagine():
    http = sent(IMAGINE)
    assert (http.method, http.path, http.purpose) == ("POST", "/api/v1/tasks", Purpose.PAY)
    assert http.body == {
        "model": "midjourney-v7", "prompt": "a lighthouse", "aspect_ratio": "16:9", "stylize": 250, "chaos": 3,
        "tile": True,
    }  # fmt: skip


def test_the_diagram_of_the_page_images():
    assert sent(UPSCALE).body == {
        "model": "midjourney-v7", "action": "upscale", "parent_task_id": "task_A", "index": 2,
    }  # fmt: skip
    assert sent(VARIATION).body == {
        "model": "midjourney-v7", "action": "variation", "parent_task_id": "task_A", "index": 1,
    }  # fmt: skip
    assert sent(REROLL).body == {"model": "midjourney-v7", "action": "reroll", "parent_task_id": "task_A"}
    assert {sent(r).path for r in (UPSCALE, VARIATION, REROLL)} == {"/api/v1/tasks"}


@pytest.mark.parametrize(("value", "action"), [("omit", None), ("send", "imagine")])
def test_option_imagine_action(value, action):
    assert sent(IMAGINE, imagine_action=value).body.get("action") == action
    assert sent(UPSCALE, imagine_action=value).body["action"] == "upscale"


@pytest.mark.parametrize(("value", "index"), [("omit", None), ("send", 1)])
def test_option_reroll_index(value, index):
    assert sent(REROLL, reroll_index=value).body.get("index") == index
    assert sent(UPSCALE, reroll_index=value).body["index"] == 2
    assert "index" not in sent(IMAGINE, reroll_index=value).body


def test_option_reroll_index_does_not_overwrite_the_authors_own():
    request = orux.MidjourneyReroll(parent_job_id="task_A", extra_body={"index": 3})
    assert sent(request, reroll_index="send").body["index"] == 3


@pytest.mark.parametrize(("value", "model"), [("send", "midjourney-v7"), ("omit", None)])
@pytest.mark.parametrize("request_", [UPSCALE, VARIATION, REROLL], ids=lambda r: r.verb)
def test_option_follow_up_model(value, model, request_):
    assert sent(request_, follow_up_model=value).body.get("model") == model
    assert sent(IMAGINE, follow_up_model=value).body["model"] == "midjourney-v7"


def test_option_midjourney_path():
    for request in (IMAGINE, UPSCALE, VARIATION, REROLL):
        assert sent(request, midjourney_path="/api/v2/mj").path == "/api/v2/mj"
    for request in (IMAGES[0], orux.SunoV5(prompt="a"), CustomRequest(name="sora2", body={})):
        assert sent(request, midjourney_path="/api/v2/mj").path == "/api/v1/tasks"


@pytest.mark.parametrize(
    "path",
    ["api/v1/tasks", "https://evil.example/x", "//evil.example/x", "/a b", "/a?x=1", "/a#b", 5, "/", "/a\n"],
)
def test_option_midjourney_path_is_a_path(path):
    """An absolute URL would carry the key to another host."""
    with pytest.raises(ConfigurationError, match="midjourney_path"):
        OruxGateway({"midjourney_path": path})


@pytest.mark.parametrize("name", [n for n, allowed in OruxGateway.OPTIONS.items() if len(allowed) > 1])
def test_options_take_their_words_only(name):
    allowed = OruxGateway.OPTIONS[name]
    for empty in (None, ""):
        assert OruxGateway({name: empty}).options[name] == allowed[0]
    for wrong in ("SEND", "yes", True, 1, ["omit"]):
        with pytest.raises(ConfigurationError) as caught:
            OruxGateway({name: wrong})
        assert caught.value.param == name
        assert ", ".join(allowed) in caught.value.message


VEO = orux.Veo31Fast(prompt="waves", image_url=LINK, audio=True)
COVER = orux.SunoCover(parent_job_id="task_A", prompt="bossa nova")
REFERENCES = orux.MidjourneyV7(prompt="a", reference_images=[LINK])


def test_video_and_speech_are_flat_bodies_of_what_was_given():
    assert sent(orux.Sora2(prompt="waves", duration=10)).body == {
        "model": "sora2", "prompt": "waves", "duration": 10,
    }  # fmt: skip
    speech = orux.ElevenLabsV3(text="Good morning.", voice_id="v", voice_model_id="eleven_v3")
    assert sent(speech).body == {
        "model": "elevenlabs-v3", "text": "Good morning.", "voice_id": "v", "model_id": "eleven_v3",
    }  # fmt: skip
    act_two = orux.RunwayActTwo(character_video_url=LINK, driver_video_url=LINK)
    assert sent(act_two).body == {
        "model": "runway-act-two", "character_video_url": LINK, "driver_video_url": LINK,
    }  # fmt: skip
    assert {sent(r).path for r in (speech, act_two)} == {"/api/v1/tasks"}


@pytest.mark.parametrize("field", ["image_url", "image"])
def test_option_veo_image_field(field):
    body = sent(VEO, veo_image_field=field).body
    assert body == {"model": "veo-3.1-fast", "prompt": "waves", "audio": True, field: LINK}
    # No other model's field is called otherwise.
    kling = orux.KlingV25I2VPro(prompt="waves", image_url=LINK)
    assert sent(kling, veo_image_field=field).body["image_url"] == LINK


def test_option_suno_step():
    assert sent(COVER).body == {"model": "suno-cover", "parent_task_id": "task_A", "prompt": "bossa nova"}
    assert sent(COVER, suno_step="action").body == {
        "model": "suno-v5", "action": "cover", "parent_task_id": "task_A", "prompt": "bossa nova",
    }  # fmt: skip
    lyrics = orux.SunoLyrics(prompt="rain")
    assert sent(lyrics, suno_step="action").body == {"model": "suno-v5", "action": "lyrics", "prompt": "rain"}
    assert "action" not in sent(orux.SunoV5(prompt="rain"), suno_step="action").body


def test_option_suno_parent_field():
    body = sent(COVER, suno_parent_field="audio_task").body
    assert body["audio_task"] == "task_A"
    assert "parent_task_id" not in body
    assert sent(UPSCALE, suno_parent_field="audio_task").body["parent_task_id"] == "task_A"


@pytest.mark.parametrize("name", ["a b", "1st", "a.b", "", 5, "x" * 65, "a-b", "a\n"])
def test_option_suno_parent_field_is_the_name_of_a_field(name):
    if name == "":
        assert OruxGateway({"suno_parent_field": name}).options["suno_parent_field"] == "parent_task_id"
        return
    with pytest.raises(ConfigurationError, match="suno_parent_field"):
        OruxGateway({"suno_parent_field": name})


@pytest.mark.parametrize("name", ["webhook_url", "callback_url"])
def test_option_webhook_field(name):
    hook = "https://example.com/hook"
    for request in (orux.Sora2(prompt="a", webhook_url=hook), orux.RecraftV3(prompt="a", webhook_url=hook)):
        assert [k for k, v in sent(request, webhook_field=name).body.items() if v == hook] == [name]
    free = CustomRequest(name="sora2", body={"webhook_url": hook})
    assert sent(free, webhook_field=name).body["webhook_url"] == hook


def test_option_midjourney_references():
    assert sent(REFERENCES).body["reference_images"] == [LINK]
    assert sent(REFERENCES, midjourney_references="reference_image_url").body == {
        "model": "midjourney-v7", "prompt": "a", "reference_image_url": LINK,
    }  # fmt: skip
    two = orux.MidjourneyV7(prompt="a", reference_images=[LINK, LINK])
    for request, value in ((REFERENCES, "refuse"), (two, "refuse"), (two, "reference_image_url")):
        with pytest.raises(UnsupportedByGatewayError, match="midjourney_references") as caught:
            sent(request, midjourney_references=value)
        assert (caught.value.charged, caught.value.param) == ("no", "reference_images")
    assert sent(IMAGINE, midjourney_references="refuse").body["prompt"] == "a lighthouse"


def test_a_step_that_makes_an_image_is_a_job_all_the_same():
    cover = orux.SunoCoverImg(parent_job_id="task_A")
    assert OruxGateway({"route": "sync"}).route(cover) == "async"
    with pytest.raises(UnsupportedByGatewayError):
        OruxGateway().route(cover, wanted="sync")


def test_a_file_that_was_given_no_url_is_not_sent():
    for request in (
        orux.QwenImageEdit(prompt="a", image_url="s3://bucket/a.png"),
        orux.RunwayGen4Image(prompt="a", reference_images=[LINK, "s3://bucket/a.png"]),
    ):
        for call in (OruxGateway().submit, OruxGateway().generate):
            with pytest.raises(InvalidRequestError, match="no URL yet") as caught:
                call(request)
            assert caught.value.charged == "no"


@pytest.mark.parametrize("route", ["sync", "async"])
@pytest.mark.parametrize("wanted", [None, "sync", "async"])
@pytest.mark.parametrize("deferrable", [True, False])
def test_route_of_an_image(route, wanted, deferrable):
    chosen = OruxGateway({"route": route}).route(IMAGES[0], wanted=wanted, deferrable=deferrable)
    assert chosen == (wanted or route)


def test_by_default_no_worker_waits_for_an_image():
    gateway = OruxGateway()
    assert gateway.route(IMAGES[0], deferrable=True) == "async"
    assert gateway.route(IMAGES[0], deferrable=False) == "sync"
    # The bytes were asked for inside the answer: a job answers with links.
    inline = orux.GptImage2(prompt="a", response_format="b64_json")
    assert gateway.route(inline, deferrable=True) == "sync"


def test_a_refused_image_job_names_the_documented_endpoint():
    refusal = HttpResponse(
        400,
        {},
        b'{"error": {"type": "invalid_request_error", "code": "invalid_param", "message": "no such model"}}',
    )
    with pytest.raises(InvalidRequestError) as caught:
        OruxGateway().read_submit(IMAGES[0], refusal)
    assert caught.value.charged == "no"
    assert "route to 'sync'" in caught.value.next_step
    with pytest.raises(InvalidRequestError) as caught:
        OruxGateway().read_submit(IMAGINE, refusal)
    assert "route" not in caught.value.advice


@pytest.mark.parametrize(
    "request_",
    [IMAGINE, UPSCALE, VARIATION, REROLL, orux.SunoV5(prompt="a")],
    ids=lambda r: f"{r.model}-{r.verb}",
)
def test_midjourney_and_audio_are_tasks(request_):
    gateway = OruxGateway({"route": "sync"})
    assert gateway.route(request_) == gateway.route(request_, wanted="async") == "async"
    with pytest.raises(UnsupportedByGatewayError) as caught:
        gateway.route(request_, wanted="sync")
    assert caught.value.charged == "no"
    assert request_.label() in caught.value.message


def test_audio():
    http = sent(orux.SunoV5(prompt="a", duration=30))
    assert http.body == {"model": "suno-v5", "prompt": "a", "duration": 30}
    assert http.path == "/api/v1/tasks"


def test_custom():
    request = CustomRequest(name="sora2", body={"prompt": "a", "seconds": 8})
    assert sent(request).body == {"model": "sora2", "prompt": "a", "seconds": 8}
    assert OruxGateway().generate(request).body == {"model": "sora2", "prompt": "a", "seconds": 8}


def test_extra_body_is_sent_as_it_is():
    extra = {"brand_new": {"deep": [None, 1]}}
    for request in (
        orux.GptImage2(prompt="a", extra_body=extra),
        orux.MidjourneyV7(prompt="a", extra_body=extra),
        orux.MidjourneyUpscale(parent_job_id="t", index=1, extra_body=extra),
        CustomRequest(name="m", body={}, extra_body=extra),
    ):
        assert sent(request).body["brand_new"] == {"deep": [None, 1]}
        assert "extra_body" not in sent(request).body
    assert OruxGateway().generate(IMAGES[0]).body.keys() == {"model", "prompt", "size", "n"}


def test_no_idempotency_key_is_sent():
    """Orux documents none: one that it ignores would only feign safety."""
    gateway = OruxGateway()
    assert gateway.submit(IMAGINE, idempotency_key="k") == gateway.submit(IMAGINE)
    assert not gateway.has_idempotency_keys
    assert gateway.idempotency_seconds == 0


def test_a_password_in_a_webhook_is_refused_before_anything_is_sent():
    request = orux.GptImage2(prompt="a", webhook_url="https://me:secret@example.com/x")
    for call in (OruxGateway().generate, OruxGateway().submit):
        with pytest.raises(InvalidRequestError) as caught:
            call(request)
        assert caught.value.charged == "no"
        assert "secret" not in str(caught.value)


def test_poll():
    http = OruxGateway().poll("task_01HZX")
    assert (http.method, http.path, http.purpose) == ("GET", "/api/v1/tasks/task_01HZX", Purpose.READ)
    assert http.body is None
    assert OruxGateway().poll("a:b%é").path == "/api/v1/tasks/a%3Ab%25%C3%A9"


BAD_IDS = [
    "",
    " ",
    "a b",
    "a/b",
    "../models",
    "..",
    ".",
    "a?b",
    "a#b",
    "a\\b",
    "a\nb",
    "None",
    "x" * 501,
    "a\x1b[2Jb",
    "a\ud800",
    None,
    5,
    ["a"],
]


@pytest.mark.parametrize("job_id", BAD_IDS)
def test_what_must_not_stand_in_a_path(job_id):
    with pytest.raises(InvalidRequestError) as caught:
        OruxGateway().poll(job_id)
    assert caught.value.param == "job_id"
    assert caught.value.charged == "no"
    assert 'task.output["job_id"]' in caught.value.next_step


@pytest.mark.parametrize("parent", ["a/b", "..", "None", "{'job_id': 'x'}"])
def test_a_parent_that_is_no_id(parent):
    with pytest.raises(InvalidRequestError):
        sent(orux.MidjourneyUpscale(parent_job_id=parent, index=1))


def test_free_reads():
    gateway = OruxGateway()
    assert (gateway.models().method, gateway.models().path) == ("GET", "/api/v1/models")
    usage = gateway.usage(period="30d")
    assert (usage.method, usage.path, usage.query) == ("GET", "/api/user/v1/usage", {"period": "30d"})
    assert gateway.probe().purpose is Purpose.READ


def test_the_key():
    gateway = OruxGateway()
    assert gateway.key_headers("k") == {"Authorization": "Bearer k"}
    assert gateway.key_pattern is not None
    assert gateway.title == "Orux AI"
    assert gateway.host == "https://orux.top"


def test_a_request_does_not_show_its_body():
    """A body holds prompts, and signed links of reference images."""
    assert "lighthouse" not in repr(sent(IMAGINE))


def test_registry():
    assert type(gateway_for("orux")) is OruxGateway
    assert gateway_for("orux", {"route": "async"}).options["route"] == "async"
    with pytest.raises(ConfigurationError) as caught:
        gateway_for("nobody")
    assert all(name in caught.value.message for name in GATEWAYS)
