"""Files from recipes, made when they are first asked for and kept for a while."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

#: Gives the bytes of a picture that was sent in, by its name.
Inputs = Callable[[str], bytes]

#: So much of what was drawn is kept; the rest is drawn again when it is asked for again.
CACHE_BYTES = 48 << 20

#: From so many pixels on (4K) a picture gets the grain that real ones have: smooth ones pack far too well.
_HEAVY = 6_000_000


def picture(
    scene: Mapping[str, Any],
    width: int,
    height: int,
    *,
    name: str,
    number: int | None = None,
    media_type: str = "image/png",
    quality: int = 90,
    grain: bool = False,
) -> dict[str, Any]:
    """An artifact: one scene, as PNG by default; with a number if it is one panel of a grid.

    ``quality`` is how much is left of it in the formats that lose something. ``grain`` makes a large picture
    as heavy as one by a real model.
    """
    return {
        "grain": grain,
        "name": name,
        "media_type": media_type,
        "quality": quality,
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


def preview(artifact: Mapping[str, Any]) -> dict[str, Any]:
    """How an artifact looks before it is finished."""
    return {**artifact, "name": "preview.png", "media_type": "image/png", "blurred": True}


def sent_in(source: str, width: int, height: int, *, name: str) -> dict[str, Any]:
    """An artifact: a picture that the caller sent, as it was kept."""
    return {
        "name": name,
        "media_type": "image/png",
        "draw": "source",
        "source": source,
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


def made(artifact: Mapping[str, Any], scale: float, inputs: Inputs | None = None) -> bytes:
    """The bytes of an artifact. ``scale`` below 1 makes a smaller picture of the same scene."""
    # Late: the first picture may take a moment longer, but a sandbox that only counts never loads Pillow.
    from orux_sandbox import drawing, recordings

    if artifact["draw"] == "song":
        return recordings.tune(artifact["seed"], artifact["seconds"])
    if artifact["draw"] == "source" and inputs is not None:
        return inputs(artifact["source"])
    width, height = (max(16, round(artifact[side] * scale)) for side in ("width", "height"))
    if artifact["draw"] == "film":
        return recordings.clip(artifact["scene"], width, height)
    if artifact["draw"] == "grid":
        image = drawing.draw_grid(artifact["scenes"], width, height, inputs=inputs)
    else:
        image = drawing.draw_scene(artifact["scene"], width, height, inputs=inputs)
        if artifact["number"] is not None:
            drawing.number(image, artifact["number"])
        if artifact.get("grain") and width * height >= _HEAVY:
            image = drawing.grained(image, str(artifact["scene"]["seed"]))
    if artifact.get("blurred"):
        image = drawing.blurred(image)
    if artifact["media_type"] == "image/jpeg":
        return drawing.jpeg(image, artifact["quality"])
    if artifact["media_type"] == "image/webp":
        return drawing.webp(image, artifact["quality"])
    return drawing.png(image)


class Studio:
    """Draws, and remembers what it drew lately."""

    def __init__(self, inputs: Inputs | None = None, *, keep_bytes: int = CACHE_BYTES) -> None:
        self._inputs = inputs
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
                kept = made(artifact, scale, self._inputs)
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
