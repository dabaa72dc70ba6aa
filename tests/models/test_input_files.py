"""What a field for a file takes, on every gateway: paths, URLs, artifacts of a task's result, Airflow's paths."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

import pytest

from airflow_provider_orux.models import opengpu_relay, orux, yescale
from airflow_provider_orux.models.errors import InvalidRequestError
from airflow_provider_orux.models.requests import GenerationRequest

URI = "s3://content/hero.png"
SAVED = {"uri": URI, "url": "https://f/1.png", "media_type": "image/png", "sha256": "0" * 64}
UNSAVED = {"uri": None, "url": "https://f/1.png"}
GONE = {"uri": None, "url": None}

#: Fields that take one, of every way to send it: URL or bytes, bytes alone, URL alone.
ONE: dict[str, tuple[type[GenerationRequest], str, dict[str, Any]]] = {
    "kling": (yescale.KlingImage, "image", {"prompt": "x"}),
    "describe": (yescale.MidjourneyDescribe, "image", {}),
    "relay": (opengpu_relay.QwenImageEdit, "image", {"prompt": "x"}),
    "veo": (orux.Veo31Fast, "image_url", {"prompt": "x"}),
    "edit": (orux.QwenImageEdit, "image_url", {"prompt": "x"}),
    "aleph": (orux.RunwayAleph, "video_url", {"prompt": "x"}),
}
SEVERAL: dict[str, tuple[type[GenerationRequest], str, dict[str, Any]]] = {
    "blend": (yescale.MidjourneyBlend, "images", {}),
    "gen4": (orux.RunwayGen4Image, "reference_images", {"prompt": "x"}),
}


class StoragePath(PurePosixPath):
    """What Airflow's path is to us: a text without its connection, and the connection."""

    conn_id = "aws"

    def __str__(self) -> str:
        return URI


@pytest.mark.parametrize("name", ONE)
@pytest.mark.parametrize(("given", "text"), [
    (URI, URI), (SAVED, URI), ([SAVED], URI), ((URI,), URI), (UNSAVED, "https://f/1.png"), ([UNSAVED], "https://f/1.png"),
    (StoragePath("/x"), "s3://aws@content/hero.png"),
])  # fmt: skip
def test_one_file(name: str, given: Any, text: str) -> None:
    cls, field, others = ONE[name]
    assert getattr(cls(**{field: given}, **others), field) == text
    cls.check_known({field: given, **others}, pending=())


@pytest.mark.parametrize("name", ONE)
@pytest.mark.parametrize("given", [[SAVED, SAVED], [], GONE, [GONE], {}, [[SAVED]], 5])
def test_what_is_not_one_file(name: str, given: Any) -> None:
    cls, field, others = ONE[name]
    with pytest.raises(InvalidRequestError) as caught:
        cls(**{field: given}, **others)
    assert (caught.value.param, caught.value.charged) == (field, "no")
    if given == [SAVED, SAVED]:
        assert "a list of 2: choose one of them" in caught.value.message
    elif given in (GONE, [GONE]):
        assert "it was not saved (save_to)" in caught.value.message


@pytest.mark.parametrize("name", SEVERAL)
def test_several_files(name: str) -> None:
    cls, field, others = SEVERAL[name]
    given = [SAVED, URI, UNSAVED]
    assert getattr(cls(**{field: given}, **others), field) == [URI, URI, "https://f/1.png"]
    with pytest.raises(InvalidRequestError):
        cls(**{field: [SAVED, GONE]}, **others)
