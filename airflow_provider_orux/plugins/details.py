"""What a page shows of saved artifacts: read from their manifests, a bounded number of them at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from airflow_provider_orux.lifecycle.choice import GRIDS
from airflow_provider_orux.plugins.cards import Card
from airflow_provider_orux.storage.served import Maker, NotServedError, ServedFolder, ServedRoots

#: Manifests that are read at once.
READERS = 8
#: Artifacts of one job that a wall shows.
SHOWN = 8
#: Artifacts of one job that its task's own page shows. (So many are saved at most, unless the connection says more.)
SHOWN_ALONE = 256
#: What a browser can play or show by itself.
_PLAYED = {
    "audio/mpeg", "audio/wav", "audio/ogg", "audio/flac", "audio/mp4", "audio/aac",
    "video/mp4", "video/webm", "video/ogg",
}  # fmt: skip


@dataclass(frozen=True)
class Item:
    """One artifact.

    :param name: its file name; None: its file is not shown.
    :param thumbnail: file name of a small image of it.
    """

    number: int
    name: str | None
    thumbnail: str | None
    media_type: str
    width: int | None
    height: int | None
    bytes: int | None

    @property
    def shown_as(self) -> str:
        """``image``, ``audio``, ``video``, or ``file``: neither shown nor played here."""
        kind = self.media_type.partition("/")[0]
        if kind == "image" and self.media_type != "image/svg+xml":
            return "image"
        return kind if self.media_type in _PLAYED else "file"


@dataclass(frozen=True)
class Details:
    """What is known of the artifacts of one job.

    :param maker: whose files they are: of a reused result, the task instance that made it.
    :param why: why no file is shown.
    :param prompt: as the manifest records it; None: it records none.
    """

    maker: Maker
    items: tuple[Item, ...] = ()
    why: str | None = None
    prompt: str | None = None
    prompt_is_hash: bool = False
    missing: int = 0
    manifest: str | None = None

    def is_grid(self, card: Card) -> bool:
        """Whether its one image shows four."""
        return card.verb in GRIDS and len(self.items) == 1 and self.items[0].shown_as == "image"


def read_details(
    cards: Sequence[Card],
    results: Mapping[Maker, Mapping[str, Any]],
    roots: ServedRoots,
    *,
    may_read: Callable[[str], bool],
) -> dict[Maker, Details]:
    """The details of these cards: at most one manifest for each is read.

    :param may_read: whether the viewer may read the XComs of a DAG, for results that another DAG made.
    """

    def read(card: Card) -> Details:
        return _details(card, results.get(card.maker) or {}, roots)

    with ThreadPoolExecutor(READERS, thread_name_prefix="orux-gallery") as pool:
        found = dict(zip((c.maker for c in cards), pool.map(read, cards), strict=True))
    for maker, details in found.items():
        if details.maker != maker and not may_read(details.maker.dag_id):
            found[maker] = Details(maker, why="Reused from a DAG that you may not read")
    return found


def _details(card: Card, result: Mapping[str, Any], roots: ServedRoots) -> Details:
    manifest = result.get("manifest")
    listed = result.get("artifacts")
    told = tuple(
        _item(number, entry, served=False)
        for number, entry in enumerate(listed if isinstance(listed, list) else (), start=1)
        if isinstance(entry, Mapping)
    )
    if not isinstance(manifest, str):
        why = None if card.state != "done" or not card.artifacts else "Not saved: the task has no save_to"
        return Details(card.maker, told, why)
    try:
        folder = roots.look(manifest) if card.reused else roots.open(manifest, card.maker)
    except NotServedError as e:
        # Where no folder is shown at all, the head of the page says so once.
        return Details(card.maker, told, e.message if roots.roots else None)
    return of_folder(folder)


def of_folder(folder: ServedFolder) -> Details:
    """What a manifest says of its artifacts."""
    manifest = folder.manifest
    missing, prompt = manifest.get("missing"), manifest.get("prompt")
    digest = manifest.get("prompt_sha256")
    return Details(
        folder.maker,
        tuple(_item(n, entry, served=True) for n, entry in enumerate(folder.entries, start=1)),
        prompt=str(prompt)[:2000] if prompt else str(digest)[:64] if digest else None,
        prompt_is_hash=not prompt and bool(digest),
        missing=len(missing) if isinstance(missing, list) else 0,
        manifest="manifest.json",
    )


def _item(number: int, entry: Mapping[str, Any], *, served: bool) -> Item:
    name, thumbnail = entry.get("name"), entry.get("thumbnail")
    return Item(
        number=number,
        name=name if served and isinstance(name, str) else None,
        thumbnail=thumbnail if served and isinstance(thumbnail, str) else None,
        media_type=str(entry.get("media_type") or "")[:100],
        width=_whole(entry.get("width")),
        height=_whole(entry.get("height")),
        bytes=_whole(entry.get("bytes")),
    )


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**13 else None
