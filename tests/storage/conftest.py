"""A web server, settings for it, and a folder in memory."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import fsspec
import pytest

from airflow_provider_orux.storage import StorageSettings
from tests.storage.web import Web


@pytest.fixture
def web() -> Iterator[Web]:
    server = Web()
    yield server
    server.stop()


@pytest.fixture
def settings() -> StorageSettings:
    """The sandbox's kind of settings, with short pauses."""
    return StorageSettings(allow_private_hosts=True, backoff_base=0.005, read_timeout=5, connect_timeout=5)


@pytest.fixture
def memory() -> Iterator[str]:
    """A folder of its own in the memory file system."""
    folder = f"memory://orux-{uuid.uuid4().hex}"
    yield folder
    fs = fsspec.filesystem("memory")
    if fs.exists(folder):
        fs.rm(folder, recursive=True)
