"""Finding, checking and building requests: what operators do with model, verb and fields."""

from __future__ import annotations

import json

import pytest

from airflow_provider_orux.models import orux
from airflow_provider_orux.models.catalogue import RequestSpec
from airflow_provider_orux.models.errors import InvalidRequestError, UnsupportedByGatewayError
from airflow_provider_orux.models.requests import CustomRequest, GenerationRequest
from airflow_provider_orux.models.spelling import nearest

PENDING = "{{ params.later }}"
LINK = "https://example.com/a.png"
EXAMPLES: dict[type[GenerationRequest], dict] = {
    orux.GptImage2: {"prompt": "a", "size": "auto", "n": 2},
    orux.Gemini3ProImage: {"prompt": "a", "aspect_ratio": "21:9", "seed": 0},
    orux.FluxKontextPro: {"prompt": "a", "prompt_upsampling": True, "reference_image_url": LINK},
    orux.FluxKontextMax: {"prompt": "a", "seed": -1},
    orux.RunwayGen4Image: {"prompt": "a", "reference_images": [LINK, LINK]},
    orux.MidjourneyV7: {"prompt": "a", "aspect_ratio": "7:4", "stylize": 0, "tile": False},
    orux.Seedream4: {"prompt": "灯台", "size": "4K"},
    orux.QwenImageEdit: {"prompt": "a", "image_url": LINK},
    orux.RecraftV3: {"prompt": "a", "style": "vector_illustration"},
    orux.MidjourneyUpscale: {"parent_job_id": "task_1", "index": 4},
    orux.MidjourneyVariation: {"parent_job_id": "task_1", "index": 1},
    orux.MidjourneyReroll: {"parent_job_id": "task_1"},
    orux.SunoV5: {"prompt": "a", "lyrics": "la", "duration": 30},
    orux.SunoExtend: {"parent_job_id": "task_1", "prompt": "a"},
    **{
        step: {"parent_job_id": "task_1", "prompt": "a"}
        for step in (
            orux.SunoCover, orux.SunoAddVocals, orux.SunoInstrumental, orux.SunoMashup, orux.SunoReplace,
            orux.SunoPersona, orux.SunoCoverImg, orux.SunoLyrics,
        )
    },
    **{step: {"parent_job_id": "task_1"} for step in (orux.SunoStem, orux.SunoWav, orux.SunoMv)},
    orux.SunoUploadExtend: {"audio_url": "s3://bucket/song.mp3", "lyrics": "la"},
    orux.ElevenLabsV3: {"text": "a", "voice_id": "v", "voice_model_id": "eleven_v3"},
    orux.ElevenLabsMusic: {"prompt": "a", "duration": 45},
    orux.Veo31Quality: {"prompt": "a", "aspect_ratio": "16:9", "audio": True, "image_url": LINK},
    orux.Veo31Fast: {"prompt": "a", "audio": False},
    orux.Sora2: {"prompt": "a", "duration": 10, "aspect_ratio": "9:16"},
    orux.RunwayGen3AlphaTurbo: {"prompt": "a", "image_url": "gs://bucket/a.png", "duration": 5},
    orux.RunwayGen4: {"prompt": "a", "duration": 7},
    orux.RunwayAleph: {"prompt": "a", "video_url": "s3://bucket/a.mp4"},
    orux.KlingV21MasterI2V: {"prompt": "a", "image_url": LINK},
    orux.KlingV21MasterT2V: {"prompt": "a", "duration": 10},
    orux.KlingV25I2VPro: {"prompt": "a", "image_url": LINK, "duration": 5},
    orux.RunwayActTwo: {"character_video_url": LINK, "driver_video_url": LINK},
}  # fmt: skip


def test_the_examples_cover_every_request():
    assert set(EXAMPLES) == set(orux.REQUESTS)


@pytest.mark.parametrize("cls", orux.REQUESTS, ids=lambda c: c.__name__)
@pytest.mark.parametrize("extra", [None, {"new": [1, {"a": None}]}])
def test_a_request_comes_back_from_its_dict(cls, extra):
    request = cls(**EXAMPLES[cls], extra_body=extra)
    described = json.loads(json.dumps(RequestSpec.of(request).to_dict()))
    again = RequestSpec.from_dict(described).build(among=orux.REQUESTS)
    assert again == request
    assert type(again) is cls
    assert again.fields() == EXAMPLES[cls]
    assert again.extra_body == (extra or {})
    assert RequestSpec.of(again).to_dict() == described


@pytest.mark.parametrize("cls", orux.REQUESTS, ids=lambda c: c.__name__)
def test_build_finds_the_class(cls):
    built = RequestSpec(model=cls.model, verb=cls.verb, fields=EXAMPLES[cls]).build(among=orux.REQUESTS)
    assert type(built) is cls


def test_a_follow_up_needs_no_model():
    built = RequestSpec(model=None, verb="upscale", fields={"parent_job_id": "t", "index": "2"}).build(
        among=orux.REQUESTS
    )
    assert type(built) is orux.MidjourneyUpscale
    assert built.fields()["index"] == 2


def test_generate_of_midjourney_is_imagine():
    built = RequestSpec(model="midjourney-v7", verb="generate", fields={"prompt": "a"}).build(
        among=orux.REQUESTS
    )
    assert type(built) is orux.MidjourneyV7
    assert built.verb == "imagine"


# -- check --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("cls", orux.REQUESTS, ids=lambda c: c.__name__)
def test_what_is_pending_may_be_missing(cls):
    for name in EXAMPLES[cls]:
        known = {k: v for k, v in EXAMPLES[cls].items() if k != name}
        RequestSpec(model=cls.model, verb=cls.verb, fields=known | {name: PENDING}).check()


def test_what_is_known_is_checked_while_the_rest_is_pending():
    with pytest.raises(InvalidRequestError) as caught:
        RequestSpec(model="gpt-image-2", verb="generate", fields={"n": 9, "prompt": PENDING}).check()
    assert caught.value.param == "n"
    assert "`prompt`" not in caught.value.message


def test_a_pending_field_must_exist():
    with pytest.raises(InvalidRequestError, match="did you mean `quality`"):
        RequestSpec(model="gpt-image-2", verb="generate", fields={"prompt": "a", "quallity": PENDING}).check()


def test_a_field_that_is_neither_known_nor_pending_is_missing():
    with pytest.raises(InvalidRequestError) as caught:
        RequestSpec(model="qwen-image-edit", verb="generate", fields={"prompt": PENDING}).check()
    assert caught.value.param == "image_url"


def test_nothing_pending_is_a_full_check():
    RequestSpec(model="gpt-image-2", verb="generate", fields={"prompt": "a", "n": None}).check()
    with pytest.raises(InvalidRequestError, match="in extra_body"):
        RequestSpec(
            model="gpt-image-2", verb="generate", fields={"prompt": "a"}, extra_body={"size": "auto"}
        ).check()


@pytest.mark.parametrize("pending", [[], ["n"]])
@pytest.mark.parametrize("odd", ["self", "cls", "extra_body", "model", "fields", "__class__", ""])
def test_odd_names_among_the_options_are_refused_in_words(odd, pending):
    """`options={…}` comes from people and templates: a name that means something to Python must not crash."""
    fields = {"prompt": "a", odd: {"a": 1} if odd == "extra_body" else 1}
    with pytest.raises(InvalidRequestError) as caught:
        RequestSpec(
            model="gpt-image-2", verb="generate", fields=fields | dict.fromkeys(pending, PENDING)
        ).check()
    assert caught.value.param == odd
    with pytest.raises(InvalidRequestError) as caught:
        RequestSpec(model="gpt-image-2", verb="generate", fields=fields).build(among=orux.REQUESTS)
    assert caught.value.param == odd
    with pytest.raises(InvalidRequestError):
        RequestSpec(model="gpt-image-2", verb="generate", fields={"prompt": "a", 7: 1}).build(
            among=orux.REQUESTS
        )


# -- unknown models ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("gpt-image2", "gpt-image-2"),
        ("midjourney", "midjourney-v7"),
        ("flux-kontext-por", "flux-kontext-pro"),
    ],
)
def test_an_unknown_model(wrong, right):
    with pytest.raises(InvalidRequestError) as caught:
        RequestSpec(model=wrong, verb="generate", fields={"prompt": "a"}).build(among=orux.REQUESTS)
    error = caught.value
    assert f"model `{wrong}` is not known" in error.message or isinstance(error, UnsupportedByGatewayError)
    assert error.charged == "no"
    if not isinstance(error, UnsupportedByGatewayError):
        assert f"did you mean `{right}`?" in error.message
        assert f"CustomRequest(name={wrong!r}" in str(error)
        assert error.param == "model"


def test_a_verb_of_another_gateway_says_whose():
    with pytest.raises(UnsupportedByGatewayError) as caught:
        RequestSpec(model=None, verb="blend", fields={}).build(among=orux.REQUESTS)
    assert "Orux AI has no blend here" in caught.value.message
    assert "YEScale" in caught.value.message
    assert caught.value.charged == "no"


@pytest.mark.parametrize(
    "value",
    [{}, {"model": "gpt-image-2"}, {"model": "gpt-image-2", "fields": "x"}, {"fields": {}, "odd": 1},
     {"prompt": "a lighthouse"}, {"model": "gpt-image-2", "fields": ["prompt"]}],
)  # fmt: skip
def test_from_dict_refuses_what_to_dict_never_made(value):
    with pytest.raises(InvalidRequestError, match="request= takes a typed request"):
        RequestSpec.from_dict(value)


# -- CustomRequest ----------------------------------------------------------------------------------------------
def test_custom_request():
    request = CustomRequest(name="veo-9", body={"prompt": "a", "n": 3, "response_format": "b64_json"})
    assert request.model_id == "veo-9"
    assert request.fields() == {"prompt": "a", "n": 3, "response_format": "b64_json"}
    assert request.makes_inline
    assert request.count == 3
    described = json.loads(json.dumps(RequestSpec.of(request).to_dict()))
    assert described["custom"] is True
    assert RequestSpec.from_dict(described).build(among=orux.REQUESTS) == request


@pytest.mark.parametrize(
    ("name", "body"), [("", {}), (" ", {}), (None, {}), ("m", None), ("m", "text"), ("m", {"x": object()})]
)
def test_custom_request_needs_a_name_and_a_dict(name, body):
    with pytest.raises(InvalidRequestError):
        CustomRequest(name=name, body=body)


def test_one_model_is_checked_and_the_same_one_is_paid_for():
    with pytest.raises(InvalidRequestError) as caught:
        CustomRequest(name="veo-9", body={"model": "veo-10"})
    assert "`body` must not contain `model`" in caught.value.message
    for cls, fields in EXAMPLES.items():
        with pytest.raises(InvalidRequestError) as caught:
            cls(**fields, extra_body={"model": "other"})
        assert caught.value.param == "model"


def test_custom_requests_are_checked_when_nothing_is_pending():
    RequestSpec(model="veo-9", verb="generate", fields={"a": 1}, custom=True).check()
    RequestSpec(model=None, verb="generate", fields={"a": 1, "b": PENDING}, custom=True).check()
    with pytest.raises(InvalidRequestError):
        RequestSpec(model="", verb="generate", fields={}, custom=True).check()


def test_the_dict_of_a_custom_request_is_a_copy():
    body = {"prompt": "a"}
    request = CustomRequest(name="m", body=body)
    request.fields()["prompt"] = "b"
    assert request.fields() == {"prompt": "a"}


def test_nearest():
    assert nearest("STYLIZE", ["stylize", "chaos"]) == "stylize"
    assert nearest("zzz", ["stylize", "chaos"]) is None
    assert nearest("", ["a"]) is None
    assert nearest("a", []) is None
