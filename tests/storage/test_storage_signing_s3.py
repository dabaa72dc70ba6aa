"""The same on S3 as s3fs and boto sign it: moto serves a file to whoever has the URL. The sandbox fetches it and draws from it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from airflow_provider_orux.client.settings import ClientSettings
from airflow_provider_orux.client.sync import GatewayClient
from airflow_provider_orux.gateways.registry import gateway_for
from airflow_provider_orux.models import orux
from airflow_provider_orux.models.errors import InvalidRequestError
from airflow_provider_orux.models.job import JobStatus
from airflow_provider_orux.storage import StorageSettings
from airflow_provider_orux.storage.inputs import InputFiles
from orux_sandbox import SandboxServer
from tests.storage.samples import image
from tests.storage.stores import attached

s3fs = pytest.importorskip("s3fs")
moto = pytest.importorskip("moto.server")

HERO = "s3://content/out/a hero.png"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def s3(endpoint: str, **more: Any) -> Any:
    options = {"key": "AKIDEXAMPLE", "secret": "the secret of the bucket", **more}
    region = {"region_name": "eu-west-1"}
    return s3fs.S3FileSystem(endpoint_url=endpoint, client_kwargs=region, skip_instance_cache=True, **options)


@pytest.fixture(scope="module")
def bucket(endpoint: str) -> Any:
    fs = s3(endpoint)
    fs.mkdir("content")
    fs.pipe_file("content/out/a hero.png", image("PNG", (64, 48)))
    return fs


def signed(request: Any, conn_id: str, seconds: int = 600) -> Any:
    settings = StorageSettings(allow_private_hosts=True)
    files = InputFiles(settings=settings, url_seconds=seconds, conn_id=conn_id, roots=["s3://content/out"])
    return files.ready(request)


def test_a_url_of_s3_is_good_for_anyone_and_for_a_while(bucket: Any) -> None:
    url = signed(orux.RunwayGen4(prompt="x", image_url=HERO), attached(bucket), seconds=1234).image_url
    query = parse_qs(urlsplit(url).query)
    lifetime = query.get("X-Amz-Expires") or [str(int(query["Expires"][0]) - int(time.time()))]
    assert 1230 <= int(lifetime[0]) <= 1234
    assert httpx.get(url).content == image("PNG", (64, 48))
    assert "the secret of the bucket" not in url


def test_without_credentials_it_says_what_to_do(
    endpoint: str, bucket: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    fs = s3(endpoint)
    conn_id = attached(fs)
    # Read while there are credentials; then there are none to sign with.
    monkeypatch.setattr(fs, "sign", s3fs.S3FileSystem(skip_instance_cache=True, key=None, secret=None).sign)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(InvalidRequestError, match="cannot be given a URL") as caught:
        signed(orux.RunwayGen4(prompt="x", image_url=HERO), conn_id)
    assert caught.value.charged == "no"


def test_the_sandbox_draws_from_it(bucket: Any) -> None:
    fast = {
        "queue_seconds": 0,
        "run_seconds": 0,
        "image_scale": 0.25,
        "fetch_inputs": True,
        "url_schemes": "any",
    }
    with SandboxServer(fast) as server:
        settings = ClientSettings(base_url=server.url_of("orux"), key=server.key_of("orux"))
        with GatewayClient(gateway_for("orux", {}), settings) as client:
            edit = orux.QwenImageEdit(prompt="snow", image_url=HERO)
            job = client.poll(client.submit(signed(edit, attached(bucket))).job_id)
            assert job.status is JobStatus.SUCCEEDED
            dead = signed(edit, attached(bucket)).image_url.replace("a%20hero", "nobody")
            with pytest.raises(InvalidRequestError, match="cannot be fetched") as caught:
                client.submit(edit.with_inputs({"image_url": dead}, {}))
        assert len(server.charges()) == 1
    assert "Signature=" not in str(caught.value)
