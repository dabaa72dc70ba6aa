"""``reuse="always"``: an earlier result of the same request, found by its content, is returned without a charge.

The store is a folder that all workers share (``[orux] results_path``). It holds one small JSON file for each
distinct request, which names the manifest and repeats the result; the artifacts stay where they were saved.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from typing import Any

from airflow_provider_orux.compat import conf
from airflow_provider_orux.durable.delivery import RESULT_KEYS, is_result
from airflow_provider_orux.lifecycle.fingerprint import fingerprint
from airflow_provider_orux.models.errors import ArtifactError, ArtifactRejectedError, ConfigurationError
from airflow_provider_orux.models.requests import GenerationRequest

VERSION = 2
_SIZE_LIMIT = 1024 * 1024


class ResultStore:
    """The earlier results at ``[orux] results_path``.

    :param path: an ObjectStoragePath URI.
    :param log: where warnings go.
    """

    def __init__(self, path: str, *, log: Any) -> None:
        self.path = path
        self.log = log

    @classmethod
    def configured(cls, *, log: Any) -> ResultStore:
        """The store of this installation.

        :raises ConfigurationError: none is configured.
        """
        path = (conf.get("orux", "results_path", fallback="") or "").strip()
        if not path:
            raise ConfigurationError(
                "reuse='always' needs a place to look for earlier results",
                param="reuse",
                charged="no",
                next_step="Set [orux] results_path to a folder that all workers share, "
                "like s3://bucket/orux-results.",
            )
        executor = conf.get("core", "executor", fallback="LocalExecutor")
        if path.startswith(("file:", "local:", "/")) and not _all_local(executor):
            log.warning(
                "[orux] results_path is %s and the executor is %s: unless that folder is shared, each worker finds "
                "only its own results and pays for the others again.",
                path,
                executor,
            )
        return cls(path, log=log)

    def find(self, content: str, *, conn_id: str | None = None) -> dict[str, Any] | None:
        """The earlier result of a request, if its artifacts still are what they were.

        None means proof: there is no note of it, its files are gone, or they have another content. A store that does
        not answer, or refuses to, proves nothing; to pay during its outage is what reuse is there to prevent.

        :param content: the fingerprint of the request; see :func:`reuse_key_of`.
        :param conn_id: the Airflow connection of the storage that the result was saved to.
        :raises DestinationError: it cannot be told at the moment whether there is one; a retry looks again.
        :raises ConfigurationError: the store, or the storage that the note names, cannot be used as it is.
        """
        from airflow_provider_orux.storage import DestinationError

        try:
            return self._find(content, conn_id)
        except DestinationError as e:
            raise DestinationError(
                f"Cannot tell whether there is an earlier result: {e.message}",
                charged="no",
                next_step="Nothing was sent. A retry looks for the earlier result again. (A store that may be read but "
                "not listed refuses what is not there, too: reuse='always' needs the right to list.)",
            ) from e
        except ConfigurationError as e:
            raise ConfigurationError(
                f"reuse='always' cannot look for an earlier result in {self.path}: {e.message}",
                param="reuse",
                charged="no",
                next_step="Nothing was sent. Correct [orux] results_path or the connection of the storage "
                "(storage_conn_id), then clear the task.",
            ) from e

    def _find(self, content: str, conn_id: str | None) -> dict[str, Any] | None:
        from airflow_provider_orux.storage import verify_manifest
        from airflow_provider_orux.storage.destination import Folder
        from airflow_provider_orux.storage.manifest import parse, read_manifest

        where = self.path
        try:
            name = _name(content)
            folder = Folder.at(self.path).under(content[:2])
            where = folder.uri_of(name)
            note = parse(folder.read(name, _SIZE_LIMIT))
            result = _noted_result(note or {}, content)
            problems = verify_manifest(result["manifest"], conn_id=conn_id, unreadable="raise")
            if problems:
                raise ValueError("; ".join(problems[:3]))
            _check_tie(result, read_manifest(result["manifest"], conn_id=conn_id), content)
        except FileNotFoundError:
            return None
        except (ValueError, ArtifactRejectedError) as e:
            self.log.warning("An earlier result cannot be used (%s): %s", where, e)
            return None
        return {**result, "charged": "no", "price": None, "reused_from": result["manifest"]}

    def remember(self, content: str, result: Mapping[str, Any]) -> None:
        """Note a saved result. A failure is a warning: the result itself is safe."""
        from airflow_provider_orux.storage.destination import Folder

        entry = {
            "v": VERSION,
            "content": content,
            "manifest": result["manifest"],
            "saved_at": time.time(),
            "result": _without_urls(result),
        }
        try:
            folder = Folder.at(self.path).under(content[:2])
            folder.publish_bytes(json.dumps(entry, indent=1).encode(), _name(content))
        except (ArtifactError, ConfigurationError, ValueError) as e:
            self.log.warning("The result could not be noted for reuse: %s", e)


def _name(content: str) -> str:
    """The name of a request's note.

    :raises ValueError: the text is no fingerprint, and could lead out of the store.
    """
    if not re.fullmatch("[0-9a-f]{64}", content):
        raise ValueError(f"{ascii(content)[:80]} is no fingerprint of a request")
    return f"{content}.json"


def _without_urls(result: Mapping[str, Any]) -> dict[str, Any]:
    artifacts = [{k: v for k, v in a.items() if k != "cover"} | {"url": None} for a in result["artifacts"]]
    return {**result, "artifacts": artifacts}


def _noted_result(note: Mapping[str, Any], content: str) -> dict[str, Any]:
    """The result in a note.

    :raises ValueError: the note is not ours, or another request's.
    """
    result = note.get("result")
    if note.get("v") != VERSION or note.get("content") != content:
        raise ValueError("it belongs to another request")
    if not isinstance(result, dict) or not is_result(result):
        raise ValueError("its result is not one of ours")
    if not isinstance(result["manifest"], str) or result["manifest"] != note.get("manifest"):
        raise ValueError("its result has another manifest")
    return _without_urls({name: value for name, value in result.items() if name in RESULT_KEYS})


def _check_tie(result: Mapping[str, Any], manifest: Mapping[str, Any], content: str) -> None:
    """Check that note and manifest tell of one result: the note may name any manifest, and that one any files.

    :raises ValueError: they do not.
    """
    folder = result["manifest"].removesuffix("/manifest.json")
    noted = [(a.get("uri"), a.get("sha256"), a.get("bytes")) for a in result["artifacts"]]
    saved = [(f"{folder}/{a['name']}", a.get("sha256"), a.get("bytes")) for a in manifest["artifacts"]]
    if manifest.get("reuse_key") != content:
        raise ValueError("its manifest belongs to another request or host")
    if noted != saved or any(result.get(k) != manifest.get(k) for k in ("job_id", "conn_id", "gateway")):
        raise ValueError("it differs from its manifest")


def reuse_key_of(request: GenerationRequest, gateway: str, host: str) -> str:
    """What a result is found by: the whole request, with what is in its input files, and the host that it is sent to.

    A sandbox is a host, too: its drawings are no results of the gateway.
    """
    return fingerprint(
        gateway=gateway,
        host=host,
        model=request.model_id,
        verb=request.verb,
        fields=request.content(),
    )


def _all_local(executors: str) -> bool:
    """Whether every configured executor runs its tasks on this machine.

    :param executors: ``[core] executor``: names, module paths and aliases (``alias:path``), of several teams maybe
        (``A,B;team=C``).
    """
    entries = (entry.rpartition("=")[2] for entry in re.split("[,;]", executors) if entry.strip())
    return all(
        any(part.strip().rpartition(".")[2] == "LocalExecutor" for part in entry.split(":"))
        for entry in entries
    )
