"""What YEScale's typed requests take, and what becomes of Midjourney's options."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_orux.models import catalogue, orux, yescale
from airflow_provider_orux.models.catalogue import RequestSpec
from airflow_provider_orux.models.errors import InvalidRequestError, UnsupportedByGatewayError
from airflow_provider_orux.models.input_images import form_of, to_base64, to_data_url

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAAB"
JPEG = "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBD"
REQUESTS = catalogue.requests_of("yescale")


@pytest.mark.parametrize("verb", ["imagine", "upscale", "variation", "reroll", "blend", "describe"])
def test_a_verb_alone_finds_the_request(verb: str) -> None:
    fields: dict[str, Any] = {
        "imagine": {"prompt": "a fox"},
        "blend": {"images": [PNG, JPEG]},
        "describe": {"image": PNG},
        "reroll": {"parent_job_id": "mj:1"},
    }.get(verb, {"parent_job_id": "mj:1", "index": "2"})
    request = RequestSpec(model=None, verb=verb, fields=fields).build(among=REQUESTS)
    assert (request.verb, request.gateway) == (verb, "yescale")
    assert (
        RequestSpec(model=request.model_id, verb=verb, fields=fields).build(among=REQUESTS).label()
        == f"mj_{verb}"
    )


def test_one_set_of_imagine_fields_pleases_orux_and_yescale() -> None:
    fields = {"prompt": "a fox", "aspect_ratio": "16:9", "stylize": 250, "weird": 3, "chaos": 9, "tile": True}
    for gateway in ("orux", "yescale"):
        request = RequestSpec(model=None, verb="imagine", fields=fields).build(
            among=catalogue.requests_of(gateway)
        )
        assert request.fields() == fields
    for name in ("MidjourneyUpscale", "MidjourneyVariation", "MidjourneyReroll"):
        assert getattr(yescale, name).field_names() == getattr(orux, name).field_names()


@pytest.mark.parametrize(
    ("fields", "prompt"),
    [
        ({}, "a fox"),
        ({"aspect_ratio": "16:9"}, "a fox --ar 16:9"),
        (
            {"aspect_ratio": "7:4", "stylize": 0, "weird": 3000, "chaos": 100, "tile": True},
            "a fox --ar 7:4 --stylize 0 --weird 3000 --chaos 100 --tile",
        ),
        ({"tile": False}, "a fox"),
        ({"stylize": "250", "tile": "true"}, "a fox --stylize 250 --tile"),
    ],
)
def test_given_options_become_flags_behind_the_prompt(fields: dict[str, Any], prompt: str) -> None:
    request = yescale.MidjourneyImagine(prompt="a fox ", **fields)
    assert request.full_prompt() == prompt
    assert request.warnings() == []


@pytest.mark.parametrize(
    ("prompt", "fields", "sent", "held"),
    [
        ("a fox --ar 1:1", {"aspect_ratio": "16:9"}, "a fox --ar 1:1", ["--ar 1:1"]),
        ("a fox --aspect 1:1 --q 2", {"aspect_ratio": "16:9"}, "a fox --aspect 1:1 --q 2", ["--aspect 1:1"]),
        ("a fox —s 50", {"stylize": 250, "chaos": 5}, "a fox —s 50 --chaos 5", ["—s 50"]),
        ("a fox --c 1 --w 2", {"chaos": 5, "weird": 6}, "a fox --c 1 --w 2", ["--w 2", "--c 1"]),
        ("a fox --tile", {"tile": True}, "a fox --tile", []),
        ("a fox --ar 16:9", {"aspect_ratio": "16:9"}, "a fox --ar 16:9", []),
        ("a fox --AR 1:1", {"aspect_ratio": "16:9"}, "a fox --AR 1:1", ["--AR 1:1"]),
        (
            "a fox —Ar 16:9 --Tile",
            {"aspect_ratio": "16:9", "tile": True},
            "a fox —Ar 16:9 --Tile",
            ["—Ar 16:9"],
        ),
        ("a fox --AR 16:9", {"aspect_ratio": "16:9"}, "a fox --AR 16:9", []),
        ("a fox --tile", {"tile": False}, "a fox --tile", ["no --tile): the prompt says --tile"]),
        ("a fox --tile, red", {"tile": False}, "a fox --tile, red", ["--tile"]),
        ("a fox", {"tile": False}, "a fox", []),
        # Not flags: another flag that begins the same way, a word, a dash inside a word.
        ("a fox --style raw", {"stylize": 250}, "a fox --style raw --stylize 250", []),
        ("a far-off fox, ar 2:3", {"aspect_ratio": "16:9"}, "a far-off fox, ar 2:3 --ar 16:9", []),
    ],
)
def test_a_flag_in_the_prompt_wins_and_is_warned_of(
    prompt: str, fields: dict[str, Any], sent: str, held: list[str]
) -> None:
    request = yescale.MidjourneyImagine(prompt=prompt, **fields)
    assert request.full_prompt() == sent
    warnings = request.warnings()
    assert len(warnings) == len(held)
    assert all(flag in warning for flag, warning in zip(held, warnings, strict=True))


def test_blend_takes_two_to_five_images() -> None:
    for count in (1, 6):
        with pytest.raises(InvalidRequestError, match="images"):
            yescale.MidjourneyBlend(images=[PNG] * count)
    for count in (2, 5):
        assert len(yescale.MidjourneyBlend(images=[PNG] * count, dimensions="PORTRAIT").images) == count
    with pytest.raises(InvalidRequestError, match="PORTRAIT, SQUARE, LANDSCAPE"):
        yescale.MidjourneyBlend(images=[PNG] * 2, dimensions="WIDE")
    assert yescale.MidjourneyBlend(images=[PNG] * 2).dimensions == "SQUARE"


@pytest.mark.parametrize(
    ("value", "form"),
    [
        ("https://example.org/a.png", "url"),
        (f"data:image/png;base64,{PNG}", "data_url"),
        (PNG, "base64"),
        (JPEG, "base64"),
        ("s3://bucket/a.png", "file"),
        ("/opt/files/a.png", "file"),
        ("http://example.org/a.png", None),
        ("data:image/png,plain", None),
        ("a.png", None),
        (PNG + "A", None),
        ("", None),
    ],
)
def test_the_forms_of_an_image(value: str, form: str | None) -> None:
    assert form_of(value) == form
    if form is None:
        with pytest.raises(InvalidRequestError, match="image"):
            yescale.MidjourneyDescribe(image=value)
    else:
        assert yescale.MidjourneyDescribe(image=value).image == value


def test_inline_images_change_their_form_and_know_their_type() -> None:
    assert to_data_url(PNG) == f"data:image/png;base64,{PNG}"
    assert to_data_url(JPEG).startswith("data:image/jpeg;base64,/9j/")
    assert to_base64(f"data:image/png;base64,{PNG}") == PNG
    with pytest.raises(ValueError, match="not given as"):
        to_base64("https://example.org/a.png")


def test_which_fields_take_images_and_whether_urls_are_fetched() -> None:
    assert yescale.MidjourneyBlend.image_fields() == {"images": False}
    assert yescale.GptImage2.image_fields() == {"images": True, "mask": True}
    assert yescale.FluxPro.image_fields() == {}


def test_an_image_is_not_part_of_a_repr() -> None:
    request = yescale.MidjourneyBlend(images=[PNG, JPEG])
    assert PNG not in repr(request)
    assert "dimensions" in repr(request)


@pytest.mark.parametrize(
    ("cls", "fields", "name"),
    [
        (yescale.NanoBanana2, {"prompt": "x"}, "size"),
        (yescale.GptImage2, {"prompt": "x"}, "quality"),
        (yescale.KolorsTryOn, {}, "human_image"),
        (yescale.KlingImage, {"prompt": "x", "n": 10}, "n"),
        (yescale.Seedream45, {"prompt": "x", "size": "4K"}, "size"),
        (
            yescale.IdeogramGenerate,
            {"prompt": "x", "resolution": "1024x1024", "aspect_ratio": "1x1"},
            "exclude",
        ),
        (yescale.IdeogramGenerate, {"prompt": "x", "aspect_ratio": "1:1"}, "16x9"),
        (yescale.IdeogramEdit, {"prompt": "x", "image": PNG}, "mask"),
        (yescale.SunoMusic, {"title": "x"}, "gpt_description_prompt"),
        (yescale.SunoMusic, {"prompt": "x", "continue_clip_id": "c-1", "continue_at": 8}, "task_id"),
        (yescale.SunoMusic, {"prompt": "x", "task_id": "suno:1"}, "continue_clip_id"),
        (
            yescale.SunoMusic,
            {"gpt_description_prompt": "x", "task_id": "t", "continue_clip_id": "c", "continue_at": 8},
            "drops a continuation",
        ),
        (yescale.KlingTextToVideo, {"prompt": "x", "mode": "std"}, "model_name"),
        (yescale.KlingTextToVideo, {"prompt": "x", "model_name": "kling-v1", "mode": "max"}, "std, pro"),
        (yescale.KlingImageToVideo, {"prompt": "x", "model_name": "kling-v1", "mode": "std"}, "image"),
        (
            yescale.KlingTextToVideo,
            {"prompt": "x", "model_name": "k", "mode": "std", "camera_control": {"type": "fly"}},
            "down_back",
        ),
        (
            yescale.KlingTextToVideo,
            {"prompt": "x", "model_name": "k", "mode": "std", "duration": 7},
            "5, 10",
        ),
        (yescale.RunwayVideo, {"version": "gen3a_turbo", "image": PNG}, "prompt"),
        (yescale.LumaVideo, {"prompt": "x", "aspect_ratio": "21:9"}, "9:16"),
        (yescale.PikaVideo, {"prompt": "x", "image": PNG, "aspect_ratio": "16:9"}, "exclude"),
        (yescale.GrokVideo, {"prompt": "x", "aspect_ratio": "16:9", "duration": 5}, "4, 6, 8, 10, 12, 15"),
        (yescale.GrokVideo15, {"prompt": "x", "images": [PNG] * 2, "duration": 4}, "at most 1"),
        (yescale.OmniFlash, {"prompt": "x", "aspect_ratio": "9:16", "mode": "v2v"}, "videos"),
        (yescale.OmniFlash, {"prompt": "x", "aspect_ratio": "9:16", "mode": "i2v(img_ref)"}, "images"),
        (yescale.Veo31, {"prompt": "x", "images": [PNG] * 3}, "at most 2"),
        (yescale.Seedream5, {"prompt": "x"}, "size"),
        (yescale.GptImage1Edit, {"prompt": "x", "images": []}, "at least 1"),
        (yescale.MidjourneyModal, {"parent_job_id": "mj:1"}, "mask"),
        (yescale.MidjourneyImagine, {"prompt": "x", "bot_type": "NIJI"}, "NIJI_JOURNEY"),
    ],
    ids=lambda v: v.__name__ if isinstance(v, type) else None,
)
def test_what_is_refused_before_it_is_paid_for(cls: type, fields: dict[str, Any], name: str) -> None:
    with pytest.raises(InvalidRequestError) as e:
        cls(**fields)
    assert name in e.value.message


def test_a_rule_between_fields_waits_for_templates() -> None:
    yescale.SunoMusic.check_known({"title": "x"}, pending=["prompt"])
    with pytest.raises(InvalidRequestError, match="pompt"):
        yescale.SunoMusic.check_known({}, pending=["pompt"])


def test_a_model_of_the_other_gateway_is_named() -> None:
    with pytest.raises(UnsupportedByGatewayError, match="offered by: YEScale"):
        RequestSpec(model="flux-pro", verb="generate", fields={"prompt": "x"}).build(
            among=catalogue.requests_of("orux")
        )


def test_every_request_says_where_it_comes_from_and_models_are_not_doubled() -> None:
    assert all(cls.source and cls.model and cls.gateway == "yescale" for cls in REQUESTS)
    assert len({(cls.model, cls.verb) for cls in REQUESTS}) == len(REQUESTS)
