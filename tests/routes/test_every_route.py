"""Every typed request of every gateway, through our client over HTTP to the sandbox and back: made, paid, there.

The sandbox was written from the documents alone and shares no code with the client, so each test compares two
readings of them.
"""

from __future__ import annotations

import base64
import contextlib
import io
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from PIL import Image

from airflow_provider_orux.client.settings import ClientSettings
from airflow_provider_orux.client.sync import GatewayClient
from airflow_provider_orux.gateways.registry import gateway_for
from airflow_provider_orux.models.catalogue import RequestSpec, requests_of
from airflow_provider_orux.models.describe import describe_fields
from airflow_provider_orux.models.job import Job, JobStatus
from airflow_provider_orux.models.orux import MidjourneyV7, SunoStep, SunoV5
from airflow_provider_orux.models.requests import CustomRequest, GenerationRequest
from airflow_provider_orux.models.yescale import (
    GeminiFlashImage,
    MidjourneyAction,
    MidjourneyImagine,
    MidjourneyModal,
    MidjourneyUpscale,
)
from orux_sandbox import SandboxServer

FAST = {
    "queue_seconds": 0.02,
    "run_seconds": 0.05,
    "sync_seconds": 0.01,
    "yescale_sync_seconds": 0.01,
    "image_scale": 0.25,
    "max_concurrency": 0,
    "relay_rate_limit": 0,
    "usd": 1000,
    "credits": 100_000,
}


@pytest.fixture(scope="module")
def server():
    with SandboxServer(FAST) as running:
        yield running


def data_url(colour: str) -> str:
    file = io.BytesIO()
    Image.new("RGB", (96, 96), colour).save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def client_for(server: Any, name: str, **options: Any) -> GatewayClient:
    settings = ClientSettings(base_url=server.url_of(name), key=server.key_of(name), backoff_base=0.01)
    return GatewayClient(gateway_for(name, options), settings)


def finish(client: GatewayClient, job: Job, server: Any) -> Job:
    end = time.monotonic() + 30
    while not job.status.is_terminal and time.monotonic() < end:
        time.sleep(0.03)
        job = client.poll(job.job_id)
    return job


def make(client: GatewayClient, request: GenerationRequest, server: Any, way: str | None = None) -> Job:
    if client.gateway.route(request, wanted=way) == "sync":  # type: ignore[arg-type]
        return client.generate(request, submission_id="local")
    return finish(client, client.submit(request, idempotency_key=f"key-{time.monotonic_ns()}"), server)


def sample(cls: type[GenerationRequest], client: GatewayClient, server: Any) -> GenerationRequest:
    """The request with its required fields, and the smallest images."""
    fields: dict[str, Any] = {}
    images = cls.image_fields()
    for name, field in cls.model_fields.items():
        if name in images:
            if not field.is_required():
                continue
            many = "list" in str(field.annotation)
            most = describe_fields(cls)[name].get("max_items")
            fields[name] = [data_url("#c33"), data_url("#36c")][:most] if many else data_url("#c33")
        elif not field.is_required():
            continue
        elif name == "parent_job_id" and cls is MidjourneyModal:
            fields |= {name: waiting_zoom(client, server), "prompt": "a fox --zoom 2"}
        elif name == "parent_job_id":
            imagine = next(c for c in client.gateway.requests if c.verb == "imagine")
            first = SunoV5 if issubclass(cls, SunoStep) else imagine
            parent = make(client, first(prompt="a fox"), server)
            assert parent.status is JobStatus.SUCCEEDED
            fields[name] = parent.job_id
        elif name == "custom_id":
            fields[name] = client.poll(fields["parent_job_id"]).details["buttons"]["upscale_1"]
        elif name == "index":
            fields[name] = 2
        elif name == "image_url":
            fields[name] = "https://example.com/fox.png"
        elif (allowed := describe_fields(cls)[name].get("allowed")) is not None:
            fields[name] = allowed[0]
        elif name in cls.fetched_fields():
            fields[name] = "https://example.com/fox"
        elif name == "size":
            fields[name] = "1024x1024" if cls.model == "gpt-image" else "1K"
        else:
            fields[name] = "a fox in the snow"
    if "prompt" in cls.model_fields and cls.verb == "generate":
        fields.setdefault("prompt", "a fox in the snow")
    return cls(**fields)


def waiting_zoom(client: GatewayClient, server: Any) -> str:
    """A custom zoom of an upscale of a grid: it waits for its prompt."""
    grid = make(client, MidjourneyImagine(prompt="a fox"), server)
    large = make(client, MidjourneyUpscale(parent_job_id=grid.job_id, index=1), server)
    button = large.details["buttons"]["custom_zoom"]
    return client.submit(MidjourneyAction(parent_job_id=large.job_id, custom_id=button)).job_id


@contextlib.contextmanager
def charged(server: Any, times: int = 1) -> Iterator[None]:
    """What happens inside is charged so often; a follow-up's parent was paid for before."""
    before = len(server.charges())
    yield
    assert len(server.charges()) - before == times


def run(client: GatewayClient, cls: type[GenerationRequest], server: Any, way: str | None = None) -> None:
    request = sample(cls, client, server)
    # A modal continues a job that was paid for.
    with charged(server, times=0 if cls is MidjourneyModal else 1):
        job = make(client, request, server, way)
    check(job, cls.kind, server)


def check(job: Job, cls_kind: str, server: Any) -> None:
    assert job.status is JobStatus.SUCCEEDED, job
    if cls_kind == "text":
        assert job.text or job.artifacts
        return
    assert job.artifacts
    for artifact in job.artifacts:
        if artifact.inline is not None:
            text = artifact.inline.partition("base64,")[2] or artifact.inline
            content = base64.b64decode(text)
        else:
            answer = httpx.get(str(artifact.url))
            assert answer.status_code == 200
            content = answer.content
        if cls_kind == "image":
            with Image.open(io.BytesIO(content)) as image:
                image.load()
        else:
            assert content


def ids(cls: type[GenerationRequest]) -> str:
    return f"{cls.model}-{cls.verb}"


@pytest.mark.parametrize("cls", requests_of("orux"), ids=ids)
def test_orux(server, cls):
    with client_for(server, "orux") as client:
        run(client, cls, server)


ORUX_IMAGES = [
    c
    for c in requests_of("orux")
    if c.kind == "image" and c.verb == "generate" and not issubclass(c, SunoStep)
]


@pytest.mark.parametrize("cls", ORUX_IMAGES, ids=ids)
def test_orux_images_as_jobs(server, cls):
    with client_for(server, "orux", route="async") as client:
        run(client, cls, server)


@pytest.fixture
def other_reading(server) -> Iterator[Any]:
    """Configure the sandbox for a test; afterwards it is as before."""
    first = server.engine.settings
    yield server.configure
    server.configure(**first.model_dump())


@pytest.mark.parametrize(
    "cls", [c for c in requests_of("orux") if issubclass(c, SunoStep)], ids=lambda c: c.model
)
def test_orux_suno_step_as_action(server, other_reading, cls):
    other_reading(suno_step="action", suno_parent_field="song_id")
    with client_for(server, "orux", suno_step="action", suno_parent_field="song_id") as client:
        run(client, cls, server)


@pytest.mark.parametrize("model", ["veo-3.1-quality", "veo-3.1-fast"])
@pytest.mark.parametrize("field", ["image_url", "image"])
def test_orux_image_of_veo(server, other_reading, field, model):
    other_reading(veo_image_field=field)
    with client_for(server, "orux", veo_image_field=field) as client, charged(server):
        veo = RequestSpec(
            model=model, fields={"prompt": "waves", "image_url": data_url("#c33"), "audio": True}
        )
        check(make(client, veo.build(among=client.gateway.requests), server), "video", server)


@pytest.mark.parametrize("field", ["reference_images", "reference_image_url"])
def test_orux_midjourney_with_reference_images(server, other_reading, field):
    other_reading(midjourney_references="accepted")
    with client_for(server, "orux", midjourney_references=field) as client, charged(server):
        request = MidjourneyV7(prompt="a fox", reference_images=["https://example.com/fox.png"])
        check(make(client, request, server), "image", server)


@pytest.mark.parametrize("field", ["webhook_url", "callback_url"])
def test_orux_webhook_by_either_name(server, other_reading, field):
    other_reading(webhook_field=field)
    with client_for(server, "orux", webhook_field=field) as client, charged(server):
        request = SunoV5(prompt="rain", webhook_url="https://example.com/hook")
        check(make(client, request, server), "audio", server)


@pytest.mark.parametrize("place", ["urls", "result"])
def test_orux_lyrics_and_cover(server, other_reading, place):
    other_reading(lyrics_and_cover=place)
    with client_for(server, "orux") as client, charged(server):
        job = make(client, SunoV5(prompt="rain", lyrics="drip drop"), server)
    names = sorted(str(a.url).rpartition("/")[2] for a in job.artifacts)
    assert names == (
        ["cover.png", "lyrics.txt", "song.wav"] if place == "urls" else ["cover.png", "song.wav"]
    )
    assert job.text == (None if place == "urls" else "drip drop")


def test_orux_words_without_a_file(server, other_reading):
    other_reading(lyrics_and_cover="result")
    with client_for(server, "orux") as client, charged(server):
        lyrics = RequestSpec(model="suno-lyrics", fields={"prompt": "rain"}).build(
            among=client.gateway.requests
        )
        job = make(client, lyrics, server)
    assert not job.artifacts
    assert "rain" in str(job.text)


def test_orux_model_that_is_not_typed(server):
    with client_for(server, "orux") as client, charged(server):
        request = CustomRequest(name="sora2", body={"prompt": "waves"})
        check(make(client, request, server, "async"), "video", server)


@pytest.mark.parametrize("cls", requests_of("yescale"), ids=ids)
def test_yescale(server, cls):
    with client_for(server, "yescale") as client:
        run(client, cls, server)


@pytest.mark.parametrize("image", ["data_url", "url"])
@pytest.mark.parametrize("shape", ["markdown", "parts", "images"])
def test_yescale_chat_image(server, shape, image):
    server.configure(yescale_chat_shape=shape, yescale_chat_image=image)
    try:
        with client_for(server, "yescale") as client:
            run(client, GeminiFlashImage, server)
    finally:
        server.configure(yescale_chat_shape="markdown", yescale_chat_image="data_url")


def test_yescale_chat_without_an_image_is_charged(server):
    server.configure(yescale_chat_shape="words")
    try:
        with client_for(server, "yescale") as client, charged(server):
            job = make(client, GeminiFlashImage(prompt="a fox"), server)
        assert (job.status, job.charged, job.retry_helps) == (JobStatus.FAILED, "yes", False)
    finally:
        server.configure(yescale_chat_shape="markdown")


def test_yescale_batch_fetch(server):
    with client_for(server, "yescale", batch_fetch="on") as client, charged(server, times=3):
        imagine = next(c for c in client.gateway.requests if c.verb == "imagine")
        jobs = [client.submit(imagine(prompt=f"fox {n}")).job_id for n in range(3)]
        end = time.monotonic() + 20
        found: dict[str, Job] = {}
        while time.monotonic() < end:
            batch = client.gateway.poll_batch(jobs)
            found = client.run(client.calls.read(batch, lambda r: client.gateway.read_batch(jobs, r)))
            if all(j in found and found[j].status.is_terminal for j in jobs):
                break
            time.sleep(0.05)
        assert {found[j].status for j in jobs} == {JobStatus.SUCCEEDED}


RELAY = [
    pytest.param(generation, cls, id=f"{generation}-{cls.model}")
    for generation in (1, 2)
    for cls in gateway_for("opengpu_relay", {"generation": generation}).requests
]


@pytest.mark.parametrize("way", ["sync", "async"])
@pytest.mark.parametrize(("generation", "cls"), RELAY)
def test_relay(server, generation, cls, way):
    server.configure(relay_generation=generation)
    try:
        with client_for(server, "opengpu_relay", generation=generation) as client:
            run(client, cls, server, way)
    finally:
        server.configure(relay_generation=2)
