"""``airflow orux results``: the manifests of saved results, and whether what they name is still there."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from airflow_provider_orux.cli.errors import CommandError, UsageError
from airflow_provider_orux.cli.output import Output, plural
from airflow_provider_orux.compat import storage_path
from airflow_provider_orux.models.errors import OruxError

MANIFEST = "manifest.json"
#: Manifests that are read, or checked, at once.
READERS = 4
NOTE_LIMIT = 1024 * 1024
#: The name of a note for ``reuse="always"``: it says where the manifest of a request's result is.
_NOTE = re.compile(r"[0-9a-f]{64}\.json")

COLUMNS = {
    "job_id": "JOB",
    "model": "MODEL",
    "verb": "VERB",
    "dag_id": "DAG_ID",
    "run_id": "RUN_ID",
    "task_id": "TASK_ID",
    "map_index": "MAP",
    "saved_at": "SAVED",
    "artifacts": "ARTIFACTS",
    "bytes": "BYTES",
    "charged": "CHARGED",
    "price": "PRICE",
    "manifest": "MANIFEST",
}


CSV = (*COLUMNS, "gateway", "conn_id", "problem")


def list_results(args: argparse.Namespace, out: Output) -> int:
    """Print the manifests; 1 when one cannot be read."""
    root = _root(args)

    def read(uri: str) -> dict[str, Any]:
        from airflow_provider_orux.storage import read_manifest

        try:
            return _row(uri, read_manifest(uri, conn_id=args.storage_conn_id))
        except OruxError as e:
            return {"manifest": uri, "problem": e.message}

    rows = _each(read, manifests(root, out, args.storage_conn_id))
    if args.output != "table":
        out.data(args.output, rows, rows=rows, columns=CSV)
        return 1 if any("problem" in r for r in rows) else 0
    good = sorted((r for r in rows if "problem" not in r), key=lambda r: str(r["saved_at"]))
    if good:
        out.table(good, COLUMNS)
        out.say()
    bad = [r for r in rows if "problem" in r]
    for row in bad:
        out.say(f"not readable: {row['manifest']}: {row['problem']}")
    size = sum(r["bytes"] for r in good)
    count = sum(r["artifacts"] for r in good)
    out.say(f"{plural(len(good), 'result')}, {plural(count, 'artifact')}, {_size(size)} under {root}.")
    return 1 if bad else 0


def verify(args: argparse.Namespace, out: Output) -> int:
    """Check every artifact of every manifest; 1 when something is wrong."""
    root = _root(args)

    def check(uri: str) -> dict[str, Any]:
        from airflow_provider_orux.storage import verify_manifest

        try:
            return {"manifest": uri, "problems": verify_manifest(uri, conn_id=args.storage_conn_id)}
        except OruxError as e:
            return {"manifest": uri, "problems": [e.message]}

    rows = _each(check, manifests(root, out, args.storage_conn_id))
    bad = [r for r in rows if r["problems"]]
    if args.output != "table":
        flat = [
            {"manifest": r["manifest"], "problem": problem}
            for r in rows
            for problem in r["problems"] or [None]
        ]
        out.data(args.output, rows, rows=flat, columns=("manifest", "problem"))
    else:
        for row in bad:
            for problem in row["problems"]:
                out.say(f"{row['manifest']}: {problem.rstrip('.')}.")
        whole = len(rows) - len(bad)
        out.say(f"{plural(len(rows), 'result')} under {root}: {whole} whole, {len(bad)} with problems.")
    return 1 if bad else 0


def manifests(root: str, out: Output, conn_id: str | None = None) -> Iterator[str]:
    """The URIs of the manifests in a folder and the folders below it, and of those that notes for reuse name.

    :param conn_id: the Airflow connection of the store.
    :raises CommandError: the folder is not there, or cannot be listed.
    """
    try:
        path = storage_path(root, conn_id)
        fs, base = path.fs, str(path.path).rstrip("/")
        if not fs.exists(base):
            raise CommandError(f"There is no folder {root}.")
        files = sorted(str(f) for f in fs.find(base))
    except CommandError:
        raise
    except Exception as e:
        # Each store fails in its own way.
        raise CommandError(f"{root} cannot be listed ({type(e).__name__}: {str(e)[:200]}).") from e
    seen: set[str] = set()
    for file in files:
        name = file.rpartition("/")[2]
        uri = None
        if name == MANIFEST:
            below = file.removeprefix(base).lstrip("/")
            uri = f"{root.removesuffix('/' + MANIFEST)}/{below or MANIFEST}"
        elif _NOTE.fullmatch(name):
            below = file.removeprefix(base).strip("/")
            uri = _noted(f"{root}/{below}", conn_id, out)
        if uri is not None and uri not in seen:
            seen.add(uri)
            yield uri


def _noted(uri: str, conn_id: str | None, out: Output) -> str | None:
    """The manifest that a note for ``reuse="always"`` names."""
    from airflow_provider_orux.storage.destination import Folder
    from airflow_provider_orux.storage.manifest import parse

    folder, _, name = uri.rpartition("/")
    try:
        note = parse(Folder.at(folder, conn_id=conn_id).read(name, NOTE_LIMIT))
    except (OruxError, OSError) as e:
        out.note(f"{uri} is not readable ({type(e).__name__}).")
        return None
    if note is None or not isinstance(note.get("manifest"), str):
        out.note(f"{uri} is not readable (it is no note).")
        return None
    return str(note["manifest"])


def _root(args: argparse.Namespace) -> str:
    root = args.path
    if not root:
        from airflow.configuration import conf

        root = conf.get("orux", "results_path", fallback=None)
    if not root:
        raise UsageError("Say where to look: --path URI, or [orux] results_path in the configuration.")
    text = str(root).strip().rstrip("/")
    return text if "://" in text else f"file://{Path(text).expanduser().resolve()}"


def _each(work: Any, uris: Iterator[str]) -> list[dict[str, Any]]:
    with ThreadPoolExecutor(READERS) as pool:
        return list(pool.map(work, uris))


def _row(uri: str, manifest: dict[str, Any]) -> dict[str, Any]:
    artifacts = [a for a in manifest["artifacts"] if isinstance(a, dict)]
    price, currency = manifest.get("price"), manifest.get("currency")
    index = manifest.get("map_index")
    return {
        **{
            key: manifest.get(key)
            for key in (
                "job_id",
                "gateway",
                "conn_id",
                "model",
                "verb",
                "dag_id",
                "run_id",
                "task_id",
                "saved_at",
            )
        },
        "map_index": index if isinstance(index, int) and index >= 0 else None,
        "artifacts": len(artifacts),
        "missing": manifest.get("missing") or [],
        "bytes": sum(
            a["bytes"] for a in artifacts if type(a.get("bytes")) is int and 0 <= a["bytes"] < 2**63
        ),
        "charged": manifest.get("charged"),
        "price": None if price is None else f"{price} {currency or ''}".strip(),
        "manifest": uri,
    }


def _size(count: int) -> str:
    value, unit = float(count), "bytes"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if value < 1024:
            break
        value, unit = value / 1024, larger
    return f"{value:.0f} {unit}" if unit == "bytes" else f"{value:.1f} {unit}"
