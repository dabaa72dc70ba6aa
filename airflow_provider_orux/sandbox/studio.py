"""Files from recipes, made when they are first asked for and kept for a while."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

#: So much of what was drawn is kept; the rest is drawn again when it is asked for again.
CACHE_BYTES = 48 << 20


def picture(
    scene: Mapping[str, Any], width: int, height: int, *, name: str, number: int | None = None
) -> dict[str, Any]:
    """An artifact: one scene as PNG; with a number if it is one panel of a grid."""
    return {
        "name": name,
        "media_type": "image/png",
        "draw": "scene",
        "scene": scene,
        "width": width,
        "height": height,
        "number": number,
    }


def grid(scenes: Sequence[Mapping[str, Any]], width: int, height: int, *, name: str) -> dict[str, Any]:
    """An artifact: four scenes in one PNG."""
    return {
        "name": name,
        "media_type": "image/png",
        "draw": "grid",
        "scenes": list(scenes),
        "width": width,
        "height": height,
    }


def song(seed: str, seconds: int, *, name: str) -> dict[str, Any]:
    """An artifact: a tune as WAV."""
    return {"name": name, "media_type": "audio/wav", "draw": "song", "seed": seed, "seconds": seconds}


def film(scene: Mapping[str, Any], width: int, height: int, *, name: str) -> dict[str, Any]:
    """An artifact: a clip as Motion-JPEG AVI."""
    return {
        "name": name,
        "media_type": "video/x-msvideo",
        "draw": "film",
        "scene": scene,
        "width": width,
        "height": height,
    }


def made(artifact: Mapping[str, Any], scale: float) -> bytes:
    """The bytes of an artifact. ``scale`` below 1 makes a smaller picture of the same scene."""
    # Late: the first picture may take a moment longer, but a sandbox that only counts never loads Pillow.
    from airflow_provider_orux.sandbox import drawing, recordings

    if artifact["draw"] == "song":
        return recordings.tune(artifact["seed"], artifact["seconds"])
    width, height = (max(16, round(artifact[side] * scale)) for side in ("width", "height"))
    if artifact["draw"] == "film":
        return recordings.clip(artifact["scene"], width, height)
    if artifact["draw"] == "grid":
        return drawing.png(drawing.draw_grid(artifact["scenes"], width, height))
    image = drawing.draw_scene(artifact["scene"], width, height)
    if artifact["number"] is not None:
        drawing.number(image, artifact["number"])
    return drawing.png(image)


class Studio:
    """Draws, and remembers what it drew lately."""

    def __init__(self, *, keep_bytes: int = CACHE_BYTES) -> None:
        self._keep_bytes = keep_bytes
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()
        # One at a time: drawing is work for a processor, and the second caller mostly wants the same file.
        self._easel = threading.Lock()

    def make(self, artifact: Mapping[str, Any], *, scale: float = 1.0) -> bytes:
        """The bytes of an artifact: kept ones, or made now. Takes its time; not for an event loop."""
        name = json.dumps([artifact, scale], sort_keys=True)
        with self._easel:
            kept = self.kept(name)
            if kept is None:
                kept = made(artifact, scale)
                self._keep(name, kept)
        return kept

    def kept(self, name: str) -> bytes | None:
        """What was drawn under this name, if it is still here."""
        with self._lock:
            if name in self._kept:
                self._kept.move_to_end(name)
                return self._kept[name]
        return None

    @property
    def size(self) -> int:
        """Bytes kept now."""
        return self._size

    def _keep(self, name: str, content: bytes) -> None:
        with self._lock:
            self._kept[name] = content
            self._size += len(content)
            while self._size > self._keep_bytes and len(self._kept) > 1:
                _, dropped = self._kept.popitem(last=False)
                self._size -= len(dropped)
