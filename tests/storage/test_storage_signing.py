"""Files in storage that a gateway fetches: which are handed out, the URL they get, and where that URL is not."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from airflow_provider_orux.durable.inputs import signed_url_seconds, written_in_dag
from airflow_provider_orux.durable.reuse import reuse_key_of
from airflow_provider_orux.gateways.orux import OruxGateway
from airflow_provider_orux.lifecycle.ledger import Attempt
from airflow_provider_orux.models import orux
from airflow_provider_orux.models.errors import ConfigurationError, InvalidRequestError, OruxError
from airflow_provider_orux.models.requests import GenerationRequest
from airflow_provider_orux.storage import StorageSettings
from airflow_provider_orux.storage.inputs import InputFiles
from tests.storage.samples import image
from tests.storage.stores import SigningStore, Store, attached

SANDBOX = StorageSettings(allow_private_hosts=True)
URL = "https://example.com/a.png"
WAV = b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x80\x3e\0\0\0\x7d\0\0\2\0\x10\0data\0\0\0\0"
AVI = b"RIFF\x04\0\0\0AVI "
FILES = {"a b.png": image(), "2.png": image(), "clip.avi": AVI, "song.wav": WAV, "cut.png": image()[:-20]}


@pytest.fixture
def store(web: Any) -> SigningStore:
    found = SigningStore(web)
    found.files |= {f"bucket/photos/{name}": content for name, content in FILES.items()}
    found.files["bucket/private/1.png"] = image()
    return found


@pytest.fixture
def conn_id(store: SigningStore) -> str:
    return attached(store)


def signed(request: GenerationRequest, conn_id: str | None, **more: Any) -> GenerationRequest:
    arguments = {"settings": SANDBOX, "url_seconds": 600, "roots": ["s3://bucket/photos"], **more}
    return InputFiles(conn_id=conn_id, **arguments).ready(request)


def edit(uri: Any) -> orux.QwenImageEdit:
    return orux.QwenImageEdit(prompt="make it snow", image_url=uri)


def refused(request: GenerationRequest, conn_id: str | None, **more: Any) -> InvalidRequestError:
    with pytest.raises(InvalidRequestError) as caught:
        signed(request, conn_id, **more)
    assert (caught.value.charged, caught.value.gateway) == ("no", "orux")
    return caught.value


# -- what is handed out -------------------------------------------------------------------------------------------
def test_a_stored_file_gets_a_url_under_which_it_can_be_fetched(store, conn_id):
    request = signed(edit("s3://bucket/photos/a b.png"), conn_id)
    ((url, seconds),) = store.signed
    assert (request.image_url, seconds) == (url, 600)
    assert httpx.get(url).content == image()
    assert httpx.get(url.replace("until=", "until=9")).status_code == 403
    body: Any = OruxGateway().submit(request).body
    assert body["image_url"] == url


@pytest.mark.parametrize(("request_", "count"), [
    (orux.RunwayGen4Image(prompt="x", reference_images=[URL, "s3://bucket/photos/2.png", "s3://bucket/photos/a b.png"]), 2),
    (orux.MidjourneyV7(prompt="x", reference_images=["s3://bucket/photos/2.png"]), 1),
    (orux.RunwayAleph(prompt="x", video_url="s3://bucket/photos/clip.avi"), 1),
    (orux.RunwayActTwo(character_video_url=URL, driver_video_url="s3://bucket/photos/clip.avi"), 1),
    (orux.SunoUploadExtend(audio_url="s3://bucket/photos/song.wav"), 1),
    (edit(URL), 0),
    (orux.RunwayGen4(prompt="x"), 0),
])  # fmt: skip
def test_every_kind_of_field(store, conn_id, request_, count):
    ready = signed(request_, conn_id)
    assert len(store.signed) == count
    for name in request_.fetched_fields():
        before, after = getattr(request_, name), getattr(ready, name)
        for one, other in zip(*(v if isinstance(v, list) else [v] for v in (before, after)), strict=True):
            assert other == one if one in (None, URL) else other.startswith("http://127.0.0.1:")
    assert type(ready) is type(request_)


@pytest.mark.parametrize("of", [
    lambda uri: {"uri": uri, "url": None, "sha256": "x"}, lambda uri: [{"uri": uri, "url": URL}], lambda uri: [uri],
    lambda uri: (uri,), lambda uri: f" {uri}\n",
])  # fmt: skip
def test_an_artifact_of_a_task_is_a_file(store, conn_id, of):
    assert signed(edit(of("s3://bucket/photos/2.png")), conn_id).image_url == store.signed[0][0]


def test_a_path_of_airflow_is_a_file_with_its_connection(store, conn_id):
    from airflow.sdk import ObjectStoragePath

    path = ObjectStoragePath("s3://bucket/photos/2.png", conn_id=conn_id)
    request = edit(path)
    assert request.image_url == f"s3://{conn_id}@bucket/photos/2.png"
    task = SimpleNamespace(template_fields=("options",), options={"image_url": path})
    context = {"dag": SimpleNamespace(task_dict={"t": task}), "ti": SimpleNamespace(task_id="t")}
    assert written_in_dag(context) == {request.image_url}
    assert signed(request, None, roots=(), written=written_in_dag(context)).image_url == store.signed[0][0]


@pytest.mark.parametrize("value", [
    [{"uri": "s3://b/1.png"}, {"uri": "s3://b/2.png"}], [], {"uri": None, "url": None}, {}, "data:image/png;base64,AAAA",
    "/tmp/a.png", "file:///tmp/a.png", "local:///tmp/a.png", "http://example.com/a.png", "ftp://example.com/a.png",
])  # fmt: skip
def test_what_can_be_no_file_to_fetch_is_refused_when_the_dag_is_parsed(value):
    with pytest.raises(InvalidRequestError) as caught:
        edit(value)
    assert caught.value.param == "image_url"


# -- what is not --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("uri", [
    "s3://bucket/private/1.png", "s3://bucket/photos/../private/1.png", "s3://other@bucket/photos/2.png",
    "gs://bucket/photos/2.png",
])  # fmt: skip
def test_a_file_that_nobody_allowed_is_not_handed_out(store, conn_id, uri):
    error = refused(edit(uri), conn_id)
    assert "[orux] input_roots" in error.message
    assert not store.signed
    assert signed(edit("s3://bucket/private/1.png"), conn_id, written=["s3://bucket/private/1.png"])


@pytest.mark.parametrize(("request_", "why"), [
    (edit("s3://bucket/photos/none.png"), "cannot be read: FileNotFoundError"),
    (edit("s3://bucket/photos/cut.png"), "is not a whole image (jpg, png, webp)"),
    (edit("s3://bucket/photos/clip.avi"), "is not a whole image"),
    (orux.RunwayAleph(prompt="x", video_url="s3://bucket/photos/2.png"), "is not a whole video"),
    (orux.SunoUploadExtend(audio_url="s3://bucket/photos/clip.avi"), "is not a whole audio"),
])  # fmt: skip
def test_a_file_of_another_kind_is_not_handed_out(store, conn_id, request_, why):
    assert why in refused(request_, conn_id).message
    assert not store.signed


def test_a_file_that_is_too_large_is_not_handed_out(store, conn_id):
    store.files["bucket/photos/large.png"] = image() + bytes(33 * 2**20)
    assert "larger than 32 MiB" in refused(edit("s3://bucket/photos/large.png"), conn_id).message
    store.files["bucket/photos/large.avi"] = AVI + bytes(2 * 2**20)
    clip = orux.RunwayAleph(prompt="x", video_url="s3://bucket/photos/large.avi")
    small = StorageSettings(allow_private_hosts=True, max_artifact_mib=1)
    assert "larger than 1 MiB" in refused(clip, conn_id, settings=small).message


class NoCredentialsError(Exception):
    pass


@pytest.mark.parametrize(
    "broken", [None, NoCredentialsError("Unable to locate credentials"), "ftp://bucket/a", 7]
)
def test_a_store_that_signs_nothing_says_what_to_do(broken):
    class Unsigning(Store):
        def sign(self, path: str, expiration: int = 100, **options: Any) -> Any:
            if broken is None:
                return super().sign(path, expiration=expiration)
            if isinstance(broken, Exception):
                raise broken
            return broken

    store = Unsigning()
    store.files["bucket/photos/2.png"] = image()
    error = refused(edit("s3://bucket/photos/2.png"), attached(store))
    assert "cannot be given a URL that the gateway can fetch" in error.message
    assert "pass an https URL" in error.advice


def test_a_url_that_is_not_https_is_for_the_sandbox_only(store, conn_id):
    error = refused(edit("s3://bucket/photos/2.png"), conn_id, settings=StorageSettings())
    assert "not https" in error.message
    assert store.signed[0][0] not in str(error)


def test_a_store_without_its_package_says_so():
    request = edit("abfs://container@account/photos/2.png")
    error = refused(request, None, roots=["abfs://container@account/photos"])
    assert "cannot be read" in error.message


# -- where the URL is not -----------------------------------------------------------------------------------------
def attempt(request: GenerationRequest) -> Attempt:
    return Attempt.of(request, gateway="orux", conn_id="c", host="h", max_tries=1)


def test_the_fingerprint_is_of_the_uri_and_the_reuse_key_of_the_content(store, conn_id):
    request = edit("s3://bucket/photos/2.png")
    first, second = signed(request, conn_id), signed(request, conn_id, url_seconds=700)
    assert first.image_url != second.image_url
    assert reuse_key_of(first, "orux", "h") == reuse_key_of(second, "orux", "h")
    # The same content elsewhere is the same request for reuse; another content at the same place is another one.
    copy = signed(edit("s3://bucket/photos/a b.png"), conn_id)
    assert reuse_key_of(copy, "orux", "h") == reuse_key_of(first, "orux", "h")
    store.files["bucket/photos/2.png"] = image("JPEG")
    assert reuse_key_of(signed(request, conn_id), "orux", "h") != reuse_key_of(first, "orux", "h")
    assert attempt(request).fingerprint == attempt(edit("s3://bucket/photos/2.png")).fingerprint
    assert attempt(request).fingerprint != attempt(edit("s3://bucket/photos/a b.png")).fingerprint


def test_the_request_does_not_show_it(store, conn_id):
    request = signed(edit("s3://bucket/photos/2.png"), conn_id)
    assert "X-Amz" not in repr(request)
    assert "X-Amz" not in str(request.content())
    assert "image_url" not in request.text_fields()


SIGNED = [
    "https://b.s3.amazonaws.com/k.png?X-Amz-Credential=AKIA%2Fx&X-Amz-Expires=60&X-Amz-Signature=5ec2e7",
    "https://storage.googleapis.com/b/k.png?X-Goog-Signature=5ec2e7&X-Goog-Expires=60",
    "https://a.blob.core.windows.net/c/k.png?se=2026&sig=5ec2e7%3D",
    "https://b.s3.amazonaws.com/k.png?AWSAccessKeyId=AKIA&Signature=5ec2e7&Expires=1",
    "https://b.s3.amazonaws.com/k.png?x=1&X-Amz-Security-Token=5ec2e7",
]


@pytest.mark.parametrize("url", SIGNED)
def test_a_gateway_that_repeats_it_gives_nothing_away(url):
    """In the words of a refusal, in an answer of another shape, and in the reason of a failed job."""
    from airflow_provider_orux.gateways.answers import words_of
    from airflow_provider_orux.gateways.wire import HttpResponse

    gateway = OruxGateway()
    escaped = url.replace("&", "\\u0026")
    bodies = [
        json.dumps({"error": {"code": "invalid_param", "message": f"cannot fetch {url} now"}}),
        json.dumps({"detail": f"cannot fetch {url}"}),
        f"<html>{url.replace('&', '&amp;')}</html>",
        f'{{"odd": "{escaped}"}}',
    ]
    for body in bodies:
        with pytest.raises(OruxError) as caught:
            gateway.read_submit(edit(URL), HttpResponse(400, {}, body.encode()))
        assert "5ec2e7" not in f"{caught.value} {caught.value.report()} {caught.value!r}"
    failed = {"task_id": "task_1", "status": "FAILED", "error_message": f"cannot fetch {url} now"}
    job = gateway.read_poll("task_1", HttpResponse(200, {}, json.dumps(failed).encode()))
    assert "5ec2e7" not in json.dumps(job.to_dict())
    assert str(job.error_message).endswith(" now")
    assert "k.png" in str(words_of(url))


# -- the setting --------------------------------------------------------------------------------------------------
def test_the_lifetime_is_a_setting(monkeypatch):
    assert signed_url_seconds() == 86_400
    monkeypatch.setenv("AIRFLOW__ORUX__SIGNED_URL_SECONDS", "900")
    assert signed_url_seconds() == 900
    for wrong in ("0", "59", "604801", "an hour", "", "-5"):
        monkeypatch.setenv("AIRFLOW__ORUX__SIGNED_URL_SECONDS", wrong)
        with pytest.raises(ConfigurationError, match="signed_url_seconds"):
            signed_url_seconds()
