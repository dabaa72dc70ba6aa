"""Which saved files may be shown to people in the Airflow UI, and opening them.

The UI's process reads with its own rights what a task names, and anybody who writes DAGs, or may write XComs, can name
anything. So a file is shown only from below a configured root, and only where the manifest beside it says that this
very task instance made it. A root's own connection opens it, never one that the task names.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NamedTuple
from urllib.parse import quote, urlencode

from airflow_provider_orux.compat import conf
from airflow_provider_orux.models.errors import ArtifactRejectedError, OruxError
from airflow_provider_orux.storage.destination import Folder
from airflow_provider_orux.storage.manifest import MANIFEST, load

#: Where the gallery is mounted, below Airflow's own base path.
GALLERY = "orux"
#: Bytes of a manifest that is shown: that of a thousand artifacts. A page reads two dozen of them.
LARGEST_MANIFEST = 2**20
#: Schemes that name something other than a store of one's own.
_FOREIGN = frozenset({"http", "https", "ftp", "sftp", "data", "github", "git", "zip", "tar", "reference"})
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,254}")
_BAD = ("\\", "%", "?", "#", "::", "\0", "\n", "\r")


class NotServedError(ArtifactRejectedError):
    """A saved file that is not shown; the message says why."""

    default_next_step = "See the page 'The gallery'."


class Maker(NamedTuple):
    """The task instance that a manifest has to name."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int

    def address(self, route: str, **query: str) -> str:
        """Where the gallery shows something of it, below Airflow's own base path.

        :param route: ``task``, ``artifact``, ``file`` or ``manifest``.
        """
        given = {"run_id": self.run_id, "task_id": self.task_id, "map_index": self.map_index, **query}
        return f"{GALLERY}/dags/{quote(self.dag_id, safe='')}/{route}?{urlencode(given)}"


@dataclass(frozen=True)
class Root:
    """One folder from which files may be shown.

    :param uri: as configured, with its connection if it names one; without a slash at the end.
    """

    uri: str
    scheme: str
    netloc: str
    path: str

    @classmethod
    def parse(cls, text: str) -> Root:
        """Read one.

        :raises NotServedError: nothing below it may be shown, whatever it is.
        """
        text = text.strip()
        uri = f"file://{text}" if text.startswith("/") else text
        scheme, marks, rest = uri.partition("://")
        scheme = {"local": "file"}.get(scheme.lower(), scheme.lower())
        if not marks or scheme in _FOREIGN or any(bad in uri for bad in _BAD):
            raise NotServedError(f"{text!r} is no place that files are shown from")
        netloc, slash, path = rest.partition("/")
        path = path.rstrip("/")
        parts = path.split("/") if path else []
        if any(part in ("", ".", "..") for part in parts) or (scheme == "file" and not slash):
            raise NotServedError(f"{text!r} is not a plain path")
        return cls(f"{scheme}://{netloc}/{path}".rstrip("/"), scheme, netloc.rpartition("@")[2], path)

    def folder_of(self, other: Root) -> str | None:
        """Where another place lies below this one, as a URI with this one's connection; None: it does not."""
        if (self.scheme, self.netloc) != (other.scheme, other.netloc):
            return None
        if self.path and other.path != self.path and not other.path.startswith(self.path + "/"):
            return None
        below = other.path[len(self.path) :].lstrip("/")
        return f"{self.uri}/{below}" if below else self.uri


@dataclass(frozen=True)
class ServedRoots:
    """The folders of ``[orux] gallery_roots``.

    :param roots: empty: nothing is shown.
    :param problem: what of the setting cannot be used.
    """

    roots: tuple[Root, ...] = ()
    problem: str | None = None

    @classmethod
    def parse(cls, setting: str) -> ServedRoots:
        """Read the setting: URIs or absolute paths, separated by commas or line breaks."""
        roots, problems = [], []
        for text in re.split(r"[,\n]", setting):
            if text.strip():
                try:
                    roots.append(Root.parse(text))
                except NotServedError as e:
                    problems.append(e.message)
        return cls(tuple(roots), "; ".join(problems) or None)

    @classmethod
    def configured(cls) -> ServedRoots:
        """Those of the configuration."""
        return cls.parse(conf.get("orux", "gallery_roots", fallback="") or "")

    def open(self, manifest_uri: str, maker: Maker) -> ServedFolder:
        """The folder of a manifest, once it is sure that this task instance made what lies there.

        :raises NotServedError: it may not be shown; the message says why.
        """
        found = self.look(manifest_uri)
        if found.maker != maker:
            raise NotServedError("The manifest there names another task")
        return found

    def look(self, manifest_uri: str) -> ServedFolder:
        """The folder of a manifest, whoever made what lies there: ask for ``maker`` before anything of it is shown.

        :raises NotServedError: it may not be shown; the message says why.
        """
        if not self.roots:
            raise NotServedError("No folder is shown: [orux] gallery_roots is empty")
        place, _, name = manifest_uri.rpartition("/")
        if name != MANIFEST:
            raise NotServedError("The result names no manifest")
        wanted = Root.parse(place)
        for root in self.roots:
            if (uri := root.folder_of(wanted)) is not None:
                return ServedFolder.read(uri, root)
        raise NotServedError("It is saved outside of [orux] gallery_roots")


class ServedFolder:
    """A folder with a manifest below a root.

    :param folder: where it is.
    :param manifest: what lies there.
    :param maker: the task instance that the manifest names.
    """

    def __init__(self, folder: Folder, root: Root, manifest: Mapping[str, Any], maker: Maker) -> None:
        self.folder = folder
        self.manifest = manifest
        self.maker = maker
        self._root = root

    @classmethod
    def read(cls, uri: str, root: Root) -> ServedFolder:
        """Read the manifest.

        :raises NotServedError: there is none, or it names no task instance.
        """
        try:
            folder = Folder.at(uri)
            _check_local(folder, root, MANIFEST)
            manifest = load(folder, refused="raise", limit=LARGEST_MANIFEST)
        except NotServedError:
            raise
        except OruxError as e:
            raise NotServedError(f"The manifest cannot be read: {e.message}") from e
        except Exception as e:  # whatever a store or a hostile file makes of it
            raise NotServedError(f"The manifest cannot be read: {type(e).__name__}") from e
        if manifest is None:
            raise NotServedError("The manifest is gone")
        dag_id, run_id, task_id, map_index = (manifest.get(name) for name in Maker._fields)
        if not all(map(_is_id, (dag_id, run_id, task_id))) or type(map_index) is not int:
            raise NotServedError("The manifest names no task")
        return cls(folder, root, manifest, Maker(str(dag_id), str(run_id), str(task_id), map_index))

    @property
    def entries(self) -> list[Mapping[str, Any]]:
        """The artifacts that the manifest lists, those that have a usable name."""
        return [e for e in self.manifest["artifacts"] if isinstance(e, Mapping) and _is_name(e.get("name"))]

    def open(self, name: str) -> IO[bytes]:
        """A file that the manifest lists, or a thumbnail that it names.

        :raises NotServedError: the manifest does not list it, or it is not a file in this folder.
        """
        listed = {str(e[key]) for e in self.entries for key in ("name", "thumbnail") if _is_name(e.get(key))}
        if name not in listed:
            raise NotServedError("The manifest does not list this file")
        _check_local(self.folder, self._root, name)
        try:
            return self.folder.open(name)
        except FileNotFoundError as e:
            raise NotServedError("The file is gone") from e
        except OruxError as e:
            raise NotServedError(f"The file cannot be read: {e.message}") from e


def _check_local(folder: Folder, root: Root, name: str) -> None:
    """Of a local file: that it is one, in this folder, and no symlink leads out of the root."""
    if not folder.is_local:
        return
    path, top = Path(folder.path_of(name)), Path(f"/{root.path}").resolve()
    try:
        if path.is_symlink() or not stat.S_ISREG(path.stat().st_mode):
            raise NotServedError("It is not a plain file")
        real = path.resolve(strict=True)
    except (FileNotFoundError, NotADirectoryError) as e:
        raise NotServedError("The file is gone") from e
    except OSError as e:
        raise NotServedError(f"The file cannot be read: {e.strerror}") from e
    if not real.is_relative_to(top):
        raise NotServedError("A symlink leads out of [orux] gallery_roots")


def _is_id(value: Any) -> bool:
    """Whether it is a text that an address can hold: JSON may have half a character, UTF-8 has none."""
    return isinstance(value, str) and value.encode("utf-8", "replace").decode() == value


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and _NAME.fullmatch(value) is not None
