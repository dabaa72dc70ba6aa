"""Which file system a destination names, and whether the text names one at all."""

from __future__ import annotations

import errno
import os
import re
import stat
from typing import IO, TYPE_CHECKING

from airflow_provider_orux.compat import connection_of
from airflow_provider_orux.models.errors import ArtifactRejectedError, ConfigurationError, redact

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath
    from fsspec import AbstractFileSystem  # type: ignore[import-untyped]

#: The package that brings the file system of a scheme.
PACKAGES = {
    "s3": "apache-airflow-providers-amazon[s3fs]",
    "s3a": "apache-airflow-providers-amazon[s3fs]",
    "gs": "apache-airflow-providers-google",
    "gcs": "apache-airflow-providers-google",
    "abfs": "apache-airflow-providers-microsoft-azure",
    "abfss": "apache-airflow-providers-microsoft-azure",
    "adl": "apache-airflow-providers-microsoft-azure",
}
#: Bytes of a folder's key. The stores take 1 024 (S3, GCS, Azure), and the job's folder and file need some of them.
LONGEST_KEY = 850
_READ_ONLY = frozenset({"http", "https", "github", "git", "data", "zip", "tar", "libarchive", "reference"})
_TEMPLATE = re.compile(r"\{\{|\{%|\{#")


def scheme_of(uri: str) -> str:
    """The scheme of a URI, in lower case."""
    return uri.partition("://")[0].lower()


def checked_uri(text: str) -> str:
    """The URI for what the author wrote.

    :raises ConfigurationError: it names no folder.
    """
    text = text.strip()
    if not text:
        raise unusable("it is empty")
    if _TEMPLATE.search(text):
        raise unusable(f"{text!r} contains a template that was not rendered")
    if any(ord(c) < 32 or c == "\x7f" or "\ud800" <= c <= "\udfff" for c in text):
        raise unusable(f"{text!r} contains a line break or another character that no name has")
    scheme, marks, rest = text.partition("://")
    if ".." in rest.split("/") or ".." in scheme.split("/"):
        # A row of a table that stands in a template must not lead out of the folder before it.
        raise unusable(f"{text!r} contains '..', which leads out of the folder before it")
    if not marks:
        if not text.startswith("/"):
            raise unusable(
                f"{text!r} is relative; write an absolute path or a URI such as s3://bucket/folder"
            )
        return "file://" + (text.rstrip("/") or "/")
    scheme = scheme.lower()
    if scheme in _READ_ONLY:
        raise unusable(f"{scheme}:// cannot be written to")
    place, _, key = rest.partition("/")
    if scheme in ("file", "local") and place.rpartition("@")[2]:
        raise unusable(f"{text!r} is relative; a local folder is written file:///with/three/slashes")
    if scheme in PACKAGES and not place.rpartition("@")[2]:
        raise unusable(f"{text!r} names no bucket")
    if scheme in PACKAGES and len(key.encode()) > LONGEST_KEY:
        raise unusable(f"{text[:80]!a}… has more than {LONGEST_KEY} bytes after the bucket's name")
    return f"{scheme}://{rest.rstrip('/')}"


def open_regular(path: str) -> IO[bytes]:
    """Open a file of this machine for reading: one that is not a symlink, a pipe or a device, which may never end.

    :raises ArtifactRejectedError: it is something else.
    :raises OSError: it cannot be opened.
    """
    try:
        number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as e:
        if e.errno not in (errno.ELOOP, errno.ENXIO):
            raise
        raise ArtifactRejectedError(f"{path} is a symlink or a socket, not a regular file") from e
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        raise ArtifactRejectedError(f"{path} is not a regular file")
    return os.fdopen(number, "rb")


def file_system(path: ObjectStoragePath, scheme: str) -> AbstractFileSystem:
    """Airflow's file system for a path, with its connection; else fsspec's own.

    :raises ConfigurationError: there is none, or its package is missing.
    """
    import fsspec
    from airflow.sdk.io import has_fs

    try:
        return path.fs
    except ImportError as e:
        raise no_file_system(scheme, e) from e
    except ValueError as e:
        if has_fs(scheme):
            raise unusable(f"{scheme}:// is refused: {redact(str(e))}") from e
        # Airflow knows only the schemes of its providers; fsspec knows more, but no connections.
        if connection_of(path) is not None:
            raise no_file_system(scheme, e) from e
    except Exception as e:
        raise unusable(
            f"connection {connection_of(path)!r} for {scheme}:// cannot be used: {redact(str(e))}"
        ) from e
    try:
        return fsspec.filesystem(scheme)
    except (ValueError, ImportError) as e:
        raise no_file_system(scheme, e) from e


def no_file_system(scheme: str, error: Exception) -> ConfigurationError:
    """The error of a scheme that nothing here can write to."""
    if scheme in PACKAGES:
        return unusable(f"{scheme}:// needs the package {PACKAGES[scheme]}, which is not installed")
    if isinstance(error, ImportError):
        return unusable(f"{scheme}:// needs a package that is not installed: {error}")
    return unusable(
        f"there is no file system for {scheme}://; install the Airflow provider that brings it ({error})"
    )


def unusable(why: str) -> ConfigurationError:
    """The error of a destination that cannot be used as it is."""
    return ConfigurationError(
        f"The destination save_to cannot be used: {why}",
        param="save_to",
        charged="no",
        next_step="Correct save_to, or the connection of the storage.",
    )
