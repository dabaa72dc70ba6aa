"""``reuse="always"``: an earlier result of the same request, found by its content, is returned without a charge.

The store is a folder that all workers share (``[orux] results_path``). It holds one small JSON file for each
distinct request, which names the manifest and repeats the result; the artifacts stay where they were saved.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from airflow.sdk.configuration import conf

from airflow_provider_orux.models.errors import ArtifactError, ConfigurationError

VERSION = 1
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
                next_step="Nothing was sent. Set [orux] results_path to a folder that all workers share, "
                "like s3://bucket/orux-results.",
            )
        executor = conf.get("core", "executor", fallback="LocalExecutor")
        if path.startswith(("file:", "/")) and "Local" not in executor:
            log.warning(
                "[orux] results_path is %s and the executor is %s: unless that folder is shared, each worker finds "
                "only its own results and pays for the others again.",
                path,
                executor,
            )
        return cls(path, log=log)

    def find(self, content: str) -> dict[str, Any] | None:
        """The earlier result of a request, if its artifacts still are what they were.

        :param content: the fingerprint of the request without a host.
        """
        from airflow_provider_orux.storage import verify_manifest
        from airflow_provider_orux.storage.destination import Folder

        folder = Folder.at(self.path).under(content[:2])
        name = f"{content}.json"
        try:
            if name not in folder.names():
                return None
            entry = json.loads(folder.read(name, _SIZE_LIMIT))
            if entry["v"] != VERSION or entry["content"] != content:
                raise ValueError("it is about another request")
            result, manifest = dict(entry["result"]), str(entry["manifest"])
            problems = verify_manifest(manifest)
        except (ArtifactError, ConfigurationError, ValueError, KeyError, TypeError) as e:
            self.log.warning("An earlier result cannot be used (%s): %s", folder.uri_of(name), e)
            return None
        if problems:
            self.log.warning("An earlier result cannot be used (%s): %s", manifest, "; ".join(problems))
            return None
        return {**result, "charged": "no", "price": None, "reused_from": manifest}

    def remember(self, content: str, result: Mapping[str, Any]) -> None:
        """Note a saved result. A failure is a warning: the result itself is safe."""
        from airflow_provider_orux.storage.destination import Folder

        entry = {
            "v": VERSION,
            "content": content,
            "manifest": result["manifest"],
            "saved_at": time.time(),
            "result": {**result, "artifacts": [{**a, "url": None} for a in result["artifacts"]]},
        }
        folder = Folder.at(self.path).under(content[:2])
        try:
            folder.publish_bytes(json.dumps(entry, indent=1).encode(), f"{content}.json")
        except (ArtifactError, ConfigurationError) as e:
            self.log.warning("The result could not be noted for reuse: %s", e)
