"""Finding, checking and rebuilding requests: what operators do with model, verb and fields."""

from __future__ import annotations

import json

import pytest

from airflow_provider_orux.models import catalogue, orux
from airflow_provider_orux.models.errors import InvalidRequestError, UnsupportedByGatewayError
from airflow_provider_orux.models.requests import CustomRequest, GenerationRequest, nearest

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
    orux.SunoExtend: {"prompt": "a"},
    orux.ElevenLabsV3: {"prompt": "a"},
    orux.ElevenLabsMusic: {"prompt": "a", "instrumental": True},
}


def test_the_examples_cover_every_request():
    assert set(EXAMPLES) == set(orux.REQUESTS)


@pytest.mark.parametrize("cls", orux.REQUESTS, ids=lambda c: c.__name__)
@pytest.mark.parametrize("extra", [None, {"new": [1, {"a": None}]}])
def test_describe_and_rebuild_give_the_same_request(cls, extra):
    request = cls(**EXAMPLES[cls], extra_body=extra)
    described = json.loads(json.dumps(catalogue.describe(request)))
    again = catalogue.rebuild(described, among=orux.REQUESTS)
    assert again == request
    assert type(again) is cls
    assert again.fields() == EXAMPLES[cls]
    assert again.extra_body == (extra or {})
    assert catalogue.describe(again) == described


@pytest.mark.parametrize("cls", orux.REQUESTS, ids=lambda c: c.__name__)
def test_build_finds_the_class(cls):
    built = catalogue.build(model=cls.model, verb=cls.verb, fields=EXAMPLES[cls], among=orux.REQUESTS)
    assert type(built) is cls


def test_a_follow_up_needs_no_model():
    built = catalogue.build(
        model=None, verb="upscale", fields={"parent_job_id": "t", "index": "2"}, among=orux.REQUESTS
    )
    assert type(built) is orux.MidjourneyUpscale
    assert built.fields()["index"] == 2


def test_generate_of_midjourney_is_imagine():
    built = catalogue.build(
        model="midjourney-v7", verb="generate", fields={"prompt": "a"}, among=orux.REQUESTS
    )
    assert type(built) is orux.MidjourneyV7
    assert built.verb == "imagine"


# -- check_known ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("cls", orux.REQUESTS, ids=lambda c: c.__name__)
def test_what_is_pending_may_be_missing(cls):
    for name in EXAMPLES[cls]:
        known = {k: v for k, v in EXAMPLES[cls].items() if k != name}
        catalogue.check_known(model=cls.model, verb=cls.verb, fields=known, pending=[name])


def test_what_is_known_is_checked_while_the_rest_is_pending():
    with pytest.raises(InvalidRequestError) as caught:
        catalogue.check_known(model="gpt-image-2", verb="generate", fields={"n": 9}, pending=["prompt"])
    assert caught.value.param == "n"
    assert "`prompt`" not in caught.value.message


def test_a_pending_field_must_exist():
    with pytest.raises(InvalidRequestError, match="did you mean `quality`"):
        catalogue.check_known(
            model="gpt-image-2", verb="generate", fields={"prompt": "a"}, pending=["quallity"]
        )


def test_a_field_that_is_neither_known_nor_pending_is_missing():
    with pytest.raises(InvalidRequestError) as caught:
        catalogue.check_known(model="qwen-image-edit", verb="generate", fields={}, pending=["prompt"])
    assert caught.value.param == "image_url"


def test_nothing_pending_is_a_full_check():
    catalogue.check_known(model="gpt-image-2", verb="generate", fields={"prompt": "a", "n": None}, pending=[])
    with pytest.raises(InvalidRequestError, match="in extra_body"):
        catalogue.check_known(
            model="gpt-image-2",
            verb="generate",
            fields={"prompt": "a"},
            pending=[],
            extra_body={"size": "auto"},
        )


@pytest.mark.parametrize("pending", [[], ["n"]])
@pytest.mark.parametrize("odd", ["self", "cls", "extra_body", "model", "fields", "__class__", ""])
def test_odd_names_among_the_options_are_refused_in_words(odd, pending):
    """`options={…}` comes from people and templates: a name that means something to Python must not crash."""
    fields = {"prompt": "a", odd: {"a": 1} if odd == "extra_body" else 1}
    if odd != "extra_body" or not pending:
        with pytest.raises(InvalidRequestError) as caught:
            catalogue.check_known(model="gpt-image-2", verb="generate", fields=fields, pending=pending)
        assert caught.value.param == odd
    with pytest.raises(InvalidRequestError) as caught:
        catalogue.build(model="gpt-image-2", verb="generate", fields=fields, among=orux.REQUESTS)
    assert caught.value.param == odd
    with pytest.raises(InvalidRequestError):
        catalogue.build(
            model="gpt-image-2", verb="generate", fields={"prompt": "a", 7: 1}, among=orux.REQUESTS
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
        catalogue.build(model=wrong, verb="generate", fields={"prompt": "a"}, among=orux.REQUESTS)
    error = caught.value
    assert f"model `{wrong}` is not known" in error.message or isinstance(error, UnsupportedByGatewayError)
    assert error.charged == "no"
    if not isinstance(error, UnsupportedByGatewayError):
        assert f"did you mean `{right}`?" in error.message
        assert f"CustomRequest(name={wrong!r}" in str(error)
        assert error.param == "model"


def test_a_verb_of_another_gateway_says_whose():
    with pytest.raises(UnsupportedByGatewayError) as caught:
        catalogue.build(model=None, verb="blend", fields={}, among=orux.REQUESTS)
    assert "Orux AI has no blend here" in caught.value.message
    assert "YEScale" in caught.value.message
    assert caught.value.charged == "no"


@pytest.mark.parametrize(
    "value",
    [{}, {"model": "gpt-image-2"}, {"model": "gpt-image-2", "fields": "x"}, {"fields": {}, "odd": 1},
     {"prompt": "a lighthouse"}],
)  # fmt: skip
def test_rebuild_refuses_what_describe_never_made(value):
    with pytest.raises(InvalidRequestError, match="request= takes a typed request"):
        catalogue.rebuild(value)


# -- CustomRequest ----------------------------------------------------------------------------------------------
def test_custom_request():
    request = CustomRequest(name="veo-9", body={"prompt": "a", "n": 3, "response_format": "b64_json"})
    assert request.model_id == "veo-9"
    assert request.fields() == {"prompt": "a", "n": 3, "response_format": "b64_json"}
    assert request.makes_inline
    assert request.count == 3
    described = json.loads(json.dumps(catalogue.describe(request)))
    assert described["custom"] is True
    assert catalogue.rebuild(described, among=orux.REQUESTS) == request


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
    catalogue.check_known(model="veo-9", verb="generate", fields={"a": 1}, pending=[], custom=True)
    catalogue.check_known(model=None, verb="generate", fields={"a": 1}, pending=["b"], custom=True)
    with pytest.raises(InvalidRequestError):
        catalogue.check_known(model="", verb="generate", fields={}, pending=[], custom=True)


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
