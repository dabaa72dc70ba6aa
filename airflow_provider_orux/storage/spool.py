"""Collects an artifact in a file before anybody sees it, and hashes and measures it as it grows."""

from __future__ import annotations

import contextlib
import hashlib
import math
from concurrent.futures import Future, ThreadPoolExecutor
from typing import IO

from airflow_provider_orux.models.errors import ArtifactError, ArtifactRejectedError
from airflow_provider_orux.storage.settings import CHUNK, MIB


class DestinationError(ArtifactError):
    """The folder, object store or disk cannot be written to: it is full, gone, or access is denied."""

    default_next_step = (
        "The job is paid for. A retry fetches what is missing; fix the destination first "
        "if the problem does not pass by itself."
    )


class Spool:
    """Bytes on their way to a destination.

    A second thread hashes and writes one batch while the first receives the next. Both release the GIL; in sequence
    they would take twice as long as the network.

    :param file: an empty binary file that can be read, written and sought.
    :param max_bytes: how much it takes.
    :param path: its path where it is to be renamed into place; None for a file without a name.
    """

    def __init__(self, file: IO[bytes], *, max_bytes: int, path: str | None = None) -> None:
        self.file = file
        self.max_bytes = max_bytes
        self.path = path
        self.size = 0
        self._hash = hashlib.sha256()
        self._batch: list[bytes] = []
        self._batched = 0
        self._pending: Future[None] | None = None
        self._writer: ThreadPoolExecutor | None = None

    def write(self, chunk: bytes) -> None:
        """Add a chunk.

        :raises ArtifactRejectedError: it is too much.
        :raises DestinationError: the disk does not take it.
        """
        self.size += len(chunk)
        if self.size > self.max_bytes:
            raise too_large(self.max_bytes)
        self._batch.append(chunk)
        self._batched += len(chunk)
        if self._batched >= CHUNK:
            self._wait()
            if self._writer is None:
                self._writer = ThreadPoolExecutor(1, thread_name_prefix="orux-spool")
            self._pending = self._writer.submit(self._store, self._batch)
            self._batch, self._batched = [], 0

    def reset(self) -> None:
        """Begin again, empty."""
        with contextlib.suppress(DestinationError):
            self._wait()
        self.size = 0
        self._batch, self._batched = [], 0
        self._hash = hashlib.sha256()
        self.file.seek(0)
        self.file.truncate()

    def finish(self) -> None:
        """Flush everything to disk. Needed before reading the file or its digest.

        :raises DestinationError: the disk does not take it.
        """
        self._wait()
        self._store(self._batch)
        self._batch, self._batched = [], 0
        try:
            self.file.flush()
        except OSError as e:
            raise DestinationError(f"The file cannot be written: {e.strerror or e}") from e

    def close(self) -> None:
        """Stop the second thread and close the file."""
        if self._writer is not None:
            self._writer.shutdown()
            self._writer = None
        # On a full disk closing fails once more, and would hide why.
        with contextlib.suppress(OSError):
            self.file.close()

    @property
    def sha256(self) -> str:
        """Hexadecimal digest of what was written, once finished."""
        return self._hash.hexdigest()

    def _store(self, batch: list[bytes]) -> None:
        try:
            for chunk in batch:
                self._hash.update(chunk)
                self.file.write(chunk)
        except OSError as e:
            raise DestinationError(f"The file cannot be written: {e.strerror or e}") from e

    def _wait(self) -> None:
        if self._pending is not None:
            pending, self._pending = self._pending, None
            pending.result()


def too_large(max_bytes: int, size: int | None = None) -> ArtifactRejectedError:
    """The refusal of an artifact that is larger than the connection allows."""
    known = "" if size is None else f" ({size / MIB:,.1f} MiB)"
    return ArtifactRejectedError(
        f"The artifact is larger{known} than the {round(max_bytes / MIB, 3):g} MiB that the settings max_artifact_mib "
        "and max_job_mib of the connection leave for it"
    )


def sha256_of(file: IO[bytes], limit: float = math.inf) -> tuple[str, int]:
    """Digest and size of a file, read from where it stands to its end in chunks.

    :param limit: bytes after which to stop.
    """
    digest, size = hashlib.sha256(), 0
    while size <= limit and (chunk := file.read(CHUNK)):
        digest.update(chunk)
        size += len(chunk)
    return digest.hexdigest(), size
