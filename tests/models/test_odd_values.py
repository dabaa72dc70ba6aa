"""Values of a request that a table, a template or an XCom makes: refused before they are paid for, and never quoted."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_orux.models import opengpu_relay, orux, yescale
from airflow_provider_orux.models.catalogue import RequestSpec
from airflow_provider_orux.models.errors import InvalidRequestError
from airflow_provider_orux.models.requests import CustomRequest

MODELS = [
    orux.GptImage2,
    orux.MidjourneyV7,
    yescale.FluxPro,
    yescale.MidjourneyImagine,
    opengpu_relay.QwenImage,
]


@pytest.mark.parametrize("cls", MODELS)
@pytest.mark.parametrize("prompt", [None, "None", " None\n", "", "  "])
def test_a_prompt_without_a_value_is_not_paid_for(cls: Any, prompt: Any) -> None:
    with pytest.raises(InvalidRequestError, match="`prompt`") as e:
        cls(prompt=prompt)
    assert e.value.charged == "no"
    assert cls(prompt="None of the above").fields()["prompt"] == "None of the above"


@pytest.mark.parametrize("prompt", [None, "None"])
def test_the_prompt_of_a_custom_request_too(prompt: Any) -> None:
    with pytest.raises(InvalidRequestError, match="a template or XCom had no value"):
        CustomRequest(name="veo-9", body={"prompt": prompt})
    assert CustomRequest(name="veo-9", body={"seed": None}).fields() == {"seed": None}


@pytest.mark.parametrize("cls", MODELS)
@pytest.mark.parametrize("prompt", [["a secret"], {"text": "a secret"}, ("a secret", 1)])
def test_a_prompt_of_the_wrong_type_is_not_quoted(cls: Any, prompt: Any) -> None:
    with pytest.raises(InvalidRequestError) as e:
        cls(prompt=prompt)
    assert "secret" not in str(e.value)
    assert f"`prompt` of {cls.label()} is a {type(prompt).__name__}" in e.value.message or isinstance(
        prompt, bytes
    )


@pytest.mark.parametrize("extra", ["{{ params.extra }}", 5, ["a"], [("a", 1)]])
def test_an_extra_body_that_is_no_object_is_a_typed_error(extra: Any) -> None:
    for make in (
        lambda: orux.GptImage2(prompt="x", extra_body=extra),
        RequestSpec(model="gpt-image-2", fields={"prompt": "x"}, extra_body=extra).build,
        RequestSpec(model="veo-9", fields={"prompt": "x"}, extra_body=extra, custom=True).build,
    ):
        with pytest.raises(InvalidRequestError, match="extra_body"):
            make()


def test_white_space_around_a_url_is_dropped() -> None:
    request = orux.FluxKontextPro(
        prompt="x", reference_image_url=" https://a/1.png\n", webhook_url="https://a/h "
    )
    assert request.fields()["reference_image_url"] == "https://a/1.png"
    assert request.fields()["webhook_url"] == "https://a/h"
    assert opengpu_relay.QwenImageEdit(prompt="x", image=" https://a/1.png ").image == "https://a/1.png"
