"""The JSON file beside saved artifacts: what made them, and their size and digest."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any, Literal

from airflow_provider_orux.models.errors import (
    ArtifactError,
    ArtifactRejectedError,
    ConfigurationError,
    redact,
)
from airflow_provider_orux.models.job import DETAILS
from airflow_provider_orux.storage.destination import Folder
from airflow_provider_orux.storage.redact import redact_inputs
from airflow_provider_orux.storage.spool import DestinationError

MANIFEST = "manifest.json"
SCHEMA_VERSION = 1

#: Bytes of a manifest. Read into memory it takes about twenty times as much.
_SIZE_LIMIT = 4 * 1024 * 1024
#: How deep its values may be nested.
_DEPTH = 64
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")
_ORDER = (
    "gateway", "host", "conn_id", "model", "verb", "job_id", "parent_job_id", "index", "fingerprint", "reuse_key",
    "prompt", "prompt_sha256", "parameters",
    "charged", "price", "currency", "request_id", "submitted_at", "finished_at",
    "dag_id", "run_id", "task_id", "map_index", "provider_version",
)  # fmt: skip
_OWN = ("schema_version", "requested", "returned", "missing", "artifacts", "saved_at")
_INPUTS = ("prompt", "parameters")
_TEXTS = (*_ORDER[:6], "fingerprint", "prompt", "dag_id", "run_id", "task_id", "saved_at")
_IDENTITY = ("gateway", "host", "job_id", "fingerprint")


@dataclass(frozen=True)
class SavedArtifact:
    """One artifact where it was saved.

    :param uri: where it is, spelled as ``save_to`` was (a local path as ``file://…``).
    :param url: the gateway's URL, which expires within hours; None if the artifact was inline.
    :param media_type: told from its bytes.
    :param width: pixels, of an image.
    :param height: pixels, of an image.
    :param bytes: its size.
    :param sha256: hexadecimal digest of its content.
    :param thumbnail: file name of a small WebP beside it; None: there is none.
    :param details: what the gateway says of it, by the names of :data:`~airflow_provider_orux.models.job.DETAILS`.
    """

    uri: str
    url: str | None
    media_type: str
    width: int | None
    height: int | None
    bytes: int
    sha256: str
    thumbnail: str | None = None
    details: Mapping[str, str | float] = field(default_factory=dict, hash=False)

    @property
    def name(self) -> str:
        """Its file name."""
        return self.uri.rpartition("/")[2]

    def to_dict(self) -> dict[str, Any]:
        """A small JSON value, as the result of a task holds it."""
        return {
            "uri": self.uri,
            "url": self.url,
            "media_type": self.media_type,
            "width": self.width,
            "height": self.height,
            "bytes": self.bytes,
            "sha256": self.sha256,
            **({"thumbnail": self.thumbnail} if self.thumbnail else {}),
            **self.details,
        }

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> SavedArtifact:
        """Read what :meth:`to_dict` wrote, or an entry of a manifest.

        :raises ValueError: it is not such a value.
        """
        try:
            found = cls(
                uri=value["uri"],
                url=value.get("url"),
                media_type=value["media_type"],
                width=value.get("width"),
                height=value.get("height"),
                bytes=value["bytes"],
                sha256=value["sha256"],
                thumbnail=value.get("thumbnail"),
                details={n: value[n] for n in DETAILS if type(value.get(n)) in (str, float, int)},
            )
        except (KeyError, TypeError, AttributeError) as e:
            raise ValueError(f"not a saved artifact: {type(e).__name__} {e}") from e
        texts = (found.uri, found.media_type, found.sha256)
        counts = [n for n in (found.bytes, found.width, found.height) if n is not None]
        if (
            not all(isinstance(text, str) for text in texts)
            or not all(text is None or isinstance(text, str) for text in (found.url, found.thumbnail))
            or found.bytes is None
            or not all(type(n) is int and 0 <= n < 2**63 for n in counts)
        ):
            raise ValueError("not a saved artifact: a value has another type or size than it may have")
        return found


@dataclass(frozen=True)
class SavedJob:
    """What was saved of a job.

    :param artifacts: in the gateway's order, without the missing ones.
    :param manifest: URI of the manifest.
    :param missing: numbers, from 1, of artifacts that could not be saved (with ``on_partial="accept"``).
    """

    artifacts: tuple[SavedArtifact, ...]
    manifest: str
    missing: tuple[int, ...] = ()


def read_manifest(uri: str, conn_id: str | None = None) -> dict[str, Any]:
    """A manifest as a dict.

    :param uri: of the manifest, or of the folder it lies in.
    :param conn_id: the Airflow connection of the store.
    :raises ConfigurationError: the URI cannot be used.
    :raises ArtifactRejectedError: there is no manifest, or it is not one that this version can read.
    :raises DestinationError: it cannot be read at the moment.
    """
    folder = _folder_of(uri, conn_id)
    value = load(folder)
    if value is None:
        raise ArtifactRejectedError(
            f"There is no manifest at {folder.uri_of(MANIFEST)}",
            next_step="Check the URI and its connection.",
        )
    return value


def verify_manifest(
    uri: str, conn_id: str | None = None, *, unreadable: Literal["tell", "raise"] = "tell"
) -> list[str]:
    """Compare saved artifacts with their manifest. The files are next to it, even if the folder was moved.

    :param uri: of the manifest, or of the folder it lies in.
    :param conn_id: the Airflow connection of the store.
    :param unreadable: what to do about a file that cannot be read at the moment: ``tell`` reports a problem, ``raise``
        raises, for a caller that must know whether files are gone or changed.
    :returns: one sentence per problem; empty if all is well. Artifacts that the manifest lists as missing are
        not a problem.
    :raises ConfigurationError: the URI cannot be used.
    :raises DestinationError: with ``unreadable="raise"``: a file cannot be read at the moment.
    """
    try:
        folder = _folder_of(uri, conn_id)
        value = load(folder, refused="raise" if unreadable == "raise" else "absent")
    except ConfigurationError:
        raise
    except ArtifactError as e:
        if unreadable == "raise" and isinstance(e, DestinationError):
            raise
        return [e.message]
    if value is None:
        return [f"There is no manifest at {folder.uri_of(MANIFEST)}"]
    return problems(folder, value, unreadable=unreadable)


def problems(
    folder: Folder, manifest: Mapping[str, Any], *, unreadable: Literal["tell", "raise"] = "tell"
) -> list[str]:
    """What is wrong with the files that a manifest names, one sentence each; see :func:`verify_manifest`."""
    found = []
    for number, entry in enumerate(manifest["artifacts"], start=1):
        name = entry.get("name") if isinstance(entry, Mapping) else None
        # The manifest may come from anywhere: its names must not lead out of its folder.
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            found.append(f"Entry {number} of the manifest names no file")
            continue
        try:
            size = entry.get("bytes")
            digest = folder.digest(name, size if type(size) is int else 0)
        except ArtifactError as e:
            if unreadable == "raise" and isinstance(e, DestinationError):
                raise
            found.append(e.message)
            continue
        if digest is None:
            found.append(f"{name} is missing")
        elif digest[1] != size:
            more = "or more " if type(size) is int and digest[1] > size else ""
            found.append(f"{name} has {digest[1]} bytes {more}where the manifest says {ascii(size)[:40]}")
        elif digest[0] != entry.get("sha256"):
            found.append(f"{name} differs from the manifest (sha256 {digest[0]})")
    return found


def load(
    folder: Folder, *, refused: Literal["absent", "raise"] = "absent", limit: int = _SIZE_LIMIT
) -> dict[str, Any] | None:
    """The manifest of a folder; None when there is none, or an empty file of a writer that was killed.

    :param refused: what a refusal to read it means: ``absent`` is how a store that may not be listed says "there is
        none"; ``raise`` is for a caller who needs proof.
    :param limit: bytes; a larger one is not read.
    :raises ArtifactRejectedError: there is a file of that name that is not a manifest.
    :raises DestinationError: it cannot be read at the moment.
    """
    try:
        content = folder.read(MANIFEST, limit + 1)
    except FileNotFoundError:
        return None
    except ArtifactError as e:
        if refused == "absent" and isinstance(e.__cause__, PermissionError):
            return None
        raise
    if not content:
        return None
    where = folder.uri_of(MANIFEST)
    if _SIZE_LIMIT > limit < len(content):
        raise ArtifactRejectedError(f"{where} has more than {limit} bytes")
    value = parse(content)
    if value is None or not _has_our_types(value):
        raise ArtifactRejectedError(
            f"{where} is not a manifest; existing files are not overwritten by a different result",
            next_step="Move the file away or choose another save_to, then clear this task.",
        )
    if value.get("schema_version") != SCHEMA_VERSION:
        raise ArtifactRejectedError(
            f"{where} is a manifest of version {ascii(value.get('schema_version'))[:40]}, this package reads "
            f"{SCHEMA_VERSION}",
            next_step="Update airflow-provider-orux, or choose another save_to, then clear this task.",
        )
    return value


def parse(content: bytes) -> dict[str, Any] | None:
    """The JSON object in a small file that somebody else may have written; None when it is not a plain one.

    Infinity, numbers that no JSON reader of another language takes, deep nesting and more bytes than a manifest may
    have are not plain.
    """
    if len(content) > _SIZE_LIMIT:
        return None
    try:
        value = json.loads(content, parse_constant=_no_number, parse_float=_finite, parse_int=_whole)
        return value if isinstance(value, dict) and _depth(value) <= _DEPTH else None
    except (ValueError, RecursionError):
        return None


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number")


def _whole(text: str) -> int:
    return int(text) if len(text) <= 40 else int(_no_number(text[:40]))


def _finite(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _no_number(text)


def _depth(value: Any) -> int:
    depth, level = 0, [value]
    while level and depth <= _DEPTH:
        depth += 1
        level = [
            inner
            for outer in level
            if isinstance(outer, (dict, list))
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
    return depth


def _has_our_types(value: Mapping[str, Any]) -> bool:
    missing = value.get("missing", [])
    return (
        isinstance(value.get("artifacts"), list)
        and isinstance(missing, list)
        and all(type(number) is int for number in missing)
        and all(value.get(key) is None or isinstance(value[key], str) for key in _TEXTS)
    )


def refuse_other_job(folder: Folder, manifest: Mapping[str, Any], provenance: Mapping[str, Any]) -> None:
    """Refuse to touch a folder that holds the result of another job.

    :raises ArtifactRejectedError: the manifest is another job's.
    """
    for key in _IDENTITY:
        there, ours = manifest.get(key), provenance.get(key)
        if there is not None and ours is not None and str(there) != redact(str(ours)):
            raise ArtifactRejectedError(
                f"{folder.uri_of(MANIFEST)} belongs to a different result ({key} {ascii(there)[:200]}, not {ours}); "
                "existing files are not overwritten by a different result",
                next_step="Choose another save_to or move the folder away, then clear this task.",
            )


def compose(
    provenance: Mapping[str, Any],
    artifacts: Mapping[int, SavedArtifact],
    *,
    returned: int,
    missing: Sequence[int],
    revised_prompts: Mapping[int, str],
    record_urls: bool,
) -> bytes:
    """A manifest as the bytes of its file: always the same order of keys, no secrets, and no bytes of inputs.

    :param artifacts: what was saved, by number from 1.
    :param returned: how many artifacts the job has.
    """
    given = {
        k: redact_inputs(v, keep_urls=record_urls) if k in _INPUTS else v
        for k, v in provenance.items()
        if k not in _OWN
    }
    value: dict[str, Any] = {"schema_version": SCHEMA_VERSION}
    for key in (*(k for k in _ORDER if k in given), *sorted(k for k in given if k not in _ORDER)):
        value[key] = given[key]
    requested = provenance.get("requested")
    value["requested"] = returned if requested is None else requested
    value["returned"] = returned
    value["missing"] = list(missing)
    value["artifacts"] = [
        {"name": saved.name}
        | (saved if record_urls else replace(saved, url=None)).to_dict()
        | ({"revised_prompt": revised_prompts[number]} if number in revised_prompts else {})
        for number, saved in sorted(artifacts.items())
    ]
    value["saved_at"] = datetime.now(timezone.utc).isoformat(timespec="seconds")
    content = _written(value)
    if len(content) > _SIZE_LIMIT:
        # A manifest that cannot be read again is worth nothing; a digest still tells what was asked for.
        for key in _INPUTS:
            if key in value:
                value[key] = (
                    f"sha256:{hashlib.sha256(_written(value[key])).hexdigest()} (too long for a manifest)"
                )
        content = _written(value)
    return content


def _written(value: Any) -> bytes:
    return (json.dumps(_clean(value), indent=2, ensure_ascii=False) + "\n").encode(
        "utf-8", "backslashreplace"
    )


def _clean(value: Any) -> Any:
    """A JSON value without anything that looks like a key."""
    if isinstance(value, Mapping):
        return {redact(str(k)): _clean(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_clean(v) for v in value]
    if isinstance(value, (set, frozenset)):
        return sorted(_clean(v) for v in value)
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        # JSON has no word for these.
        return value if value == value and abs(value) != float("inf") else str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    return redact(str(value))


def _folder_of(uri: str, conn_id: str | None) -> Folder:
    text = str(uri).rstrip("/")
    return Folder.at(text.removesuffix("/" + MANIFEST), conn_id=conn_id)
